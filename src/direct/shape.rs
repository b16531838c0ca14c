//! What the code below SQL takes for granted of a table: the order of its columns, and its indexes.
//! [`super::known`] compares it with the catalog before anything relies on it.

use std::ffi::CStr;

/// A table of the engine.
pub struct Shape {
    pub table: &'static CStr,
    /// The columns of CREATE TABLE, in their order.
    pub columns: &'static [&'static str],
    /// Those that carry a CHECK of ours, named by PostgreSQL `table_column_check`. Direct writes need
    /// not run them: what the engine writes keeps them.
    pub checked: &'static [&'static str],
    /// Those that PostgreSQL would compute; whoever writes directly computes them too.
    pub generated: &'static [&'static str],
    /// Indexes that are probed; the first is the primary key's.
    pub indexes: &'static [&'static CStr],
}

/// A column's number, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column(pub i16);

/// Place of an index in a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Index(pub usize);

/// Index of the primary key.
pub const PRIMARY: Index = Index(0);

impl Shape {
    /// Number of a column; an unknown name does not compile.
    pub const fn column(&self, name: &str) -> Column {
        let mut at = 0;
        while at < self.columns.len() {
            if same(self.columns[at], name) {
                return Column(at as i16 + 1);
            }
            at += 1;
        }
        panic!("no such column")
    }
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

pub static LISTINGS: Shape = Shape {
    table: c"stock_listings",
    columns: LISTING_COLUMNS,
    checked: &[
        "sku",
        "name",
        "category",
        "barcode",
        "unit_cost",
        "unit",
        "quantity_scale",
        "safety_stock",
        "backorder_limit",
        "reorder_threshold",
        "reorder_quantity",
        "quantity_total",
        "quantity_listed",
        "quantity_held",
    ],
    generated: &["quantity_available"],
    indexes: &[c"stock_listings_pkey"],
};
const LISTING_COLUMNS: &[&str] = &[
    "listing_id",
    "tenant_id",
    "sku",
    "name",
    "category",
    "barcode",
    "unit_cost",
    "metadata",
    "owner_id",
    "unit",
    "quantity_scale",
    "safety_stock",
    "backorder_limit",
    "reorder_threshold",
    "reorder_quantity",
    "created_at",
    "updated_at",
    "attached_to",
    "attached_key",
    "sync_deferred",
    "quantity_total",
    "quantity_listed",
    "quantity_allocated",
    "quantity_held",
    "quantity_available",
    "version",
];

pub static LEVELS: Shape = Shape {
    table: c"stock_levels",
    columns: &[
        "tenant_id",
        "listing_id",
        "location_id",
        "quantity_total",
        "quantity_listed",
        "quantity_allocated",
        "quantity_held",
    ],
    checked: &["quantity_total", "quantity_listed", "quantity_held"],
    generated: &[],
    indexes: &[c"stock_levels_pkey"],
};

pub static LOTS: Shape = Shape {
    table: c"stock_lots",
    columns: &[
        "lot_id",
        "tenant_id",
        "listing_id",
        "quantity_total",
        "quantity_allocated",
        "location_id",
        "owner_id",
        "listed",
        "notes",
        "lot_code",
        "expires_on",
        "unit_cost",
        "created_at",
        "updated_at",
        "in_stock",
    ],
    checked: &[
        "quantity_total",
        "quantity_allocated",
        "notes",
        "lot_code",
        "unit_cost",
    ],
    generated: &["in_stock"],
    indexes: &[c"stock_lots_pkey", c"stock_lots_in_stock_idx"],
};
/// Lots of a listing that have something free, oldest first.
pub const LOTS_IN_STOCK: Index = Index(1);

pub static ALLOCATIONS: Shape = Shape {
    table: c"stock_allocations",
    columns: &[
        "allocation_id",
        "tenant_id",
        "listing_id",
        "lot_id",
        "order_id",
        "quantity",
        "status",
        "hold_id",
        "created_at",
        "updated_at",
    ],
    checked: &["quantity", "status"],
    generated: &[],
    indexes: &[c"stock_allocations_pkey"],
};
