//! The shapes of the tables of stock.

use super::{Index, IndexPlace, Shape};
use pgrx::pg_sys::{
    BOOLOID, DATEOID, INT2OID, INT4OID, INT8OID, JSONBOID, NUMERICOID, TEXTOID, TIMESTAMPTZOID,
    UUIDOID,
};

pub static LISTINGS: Shape = Shape {
    table: c"stock_listings",
    columns: &[
        ("listing_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("sku", TEXTOID),
        ("name", TEXTOID),
        ("category", TEXTOID),
        ("barcode", TEXTOID),
        ("unit_cost", NUMERICOID),
        ("metadata", JSONBOID),
        ("owner_id", UUIDOID),
        ("unit", TEXTOID),
        ("quantity_scale", INT2OID),
        ("safety_stock", INT4OID),
        ("backorder_limit", INT4OID),
        ("reorder_threshold", INT4OID),
        ("reorder_quantity", INT4OID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
        ("attached_to", UUIDOID),
        ("attached_key", TEXTOID),
        ("sync_deferred", BOOLOID),
        ("quantity_total", INT4OID),
        ("quantity_listed", INT4OID),
        ("quantity_allocated", INT4OID),
        ("quantity_held", INT4OID),
        ("quantity_available", INT4OID),
        ("version", INT8OID),
        ("moved_at", TIMESTAMPTZOID),
        ("quantity_booked", INT4OID),
    ],
    checks: &[
        "((length(sku) >= 1) AND (length(sku) <= 200))",
        "(length(name) <= 1000)",
        "(length(category) <= 200)",
        "((length(barcode) >= 1) AND (length(barcode) <= 200))",
        "((unit_cost >= (0)::numeric) AND (unit_cost < ('900000000000'::bigint)::numeric))",
        "(length(unit) <= 50)",
        "((quantity_scale >= 0) AND (quantity_scale <= 9))",
        "(safety_stock >= 0)",
        "(backorder_limit >= 0)",
        "(reorder_threshold >= 0)",
        "(reorder_quantity > 0)",
        "(quantity_total >= 0)",
        "(quantity_listed >= 0)",
        "(quantity_held >= 0)",
        "(quantity_booked >= 0)",
    ],
    written: &[
        "quantity_total",
        "quantity_listed",
        "quantity_allocated",
        "quantity_held",
        "quantity_available",
        "version",
        "moved_at",
        "quantity_booked",
    ],
    generated: &[(
        "quantity_available",
        "((quantity_listed - quantity_allocated) - quantity_held)",
    )],
    left_out: &[
        ("sku", None),
        ("name", None),
        ("category", None),
        ("barcode", None),
        ("unit_cost", None),
        ("metadata", Some("'{}'::jsonb")),
        ("owner_id", None),
        ("unit", None),
        ("safety_stock", Some("0")),
        ("backorder_limit", Some("0")),
        ("reorder_threshold", None),
        ("reorder_quantity", None),
        ("created_at", Some("now()")),
        ("updated_at", Some("now()")),
        ("quantity_held", Some("0")),
        ("quantity_booked", Some("0")),
    ],
    indexes: &[Index {
        name: c"stock_listings_pkey",
        unique: true,
        columns: &["listing_id"],
        included: &[],
        predicate: None,
    }],
};

pub static LEVELS: Shape = Shape {
    table: c"stock_levels",
    columns: &[
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("location_id", UUIDOID),
        ("quantity_total", INT4OID),
        ("quantity_listed", INT4OID),
        ("quantity_allocated", INT4OID),
        ("quantity_held", INT4OID),
    ],
    checks: &[
        "(quantity_total >= 0)",
        "(quantity_listed >= 0)",
        "(quantity_held >= 0)",
    ],
    written: &[
        "quantity_total",
        "quantity_listed",
        "quantity_allocated",
        "quantity_held",
    ],
    generated: &[],
    left_out: &[],
    indexes: &[Index {
        name: c"stock_levels_pkey",
        unique: true,
        columns: &["listing_id", "location_id"],
        included: &[],
        predicate: None,
    }],
};

pub static LOTS: Shape = Shape {
    table: c"stock_lots",
    columns: &[
        ("lot_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("quantity_total", INT4OID),
        ("quantity_allocated", INT4OID),
        ("location_id", UUIDOID),
        ("owner_id", UUIDOID),
        ("listed", BOOLOID),
        ("condition", TEXTOID),
        ("notes", TEXTOID),
        ("lot_code", TEXTOID),
        ("expires_on", DATEOID),
        ("unit_cost", NUMERICOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
        ("sellable", BOOLOID),
        ("in_stock", BOOLOID),
    ],
    checks: &[
        "(quantity_total >= 0)",
        "(quantity_allocated >= 0)",
        "(condition = ANY (ARRAY['good'::text, 'quarantine'::text, 'damaged'::text, 'expired'::text]))",
        "(length(notes) <= 1000)",
        "(length(lot_code) <= 200)",
        "((unit_cost >= (0)::numeric) AND (unit_cost < ('900000000000'::bigint)::numeric))",
    ],
    written: &[
        "quantity_total",
        "quantity_allocated",
        "updated_at",
        "in_stock",
    ],
    generated: &[
        ("sellable", "(listed AND (condition = 'good'::text))"),
        (
            "in_stock",
            "(listed AND (condition = 'good'::text) AND (quantity_total > quantity_allocated))",
        ),
    ],
    left_out: &[],
    indexes: &[
        Index {
            name: c"stock_lots_pkey",
            unique: true,
            columns: &["lot_id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"stock_lots_in_stock_idx",
            unique: false,
            columns: &["listing_id", "created_at", "lot_id"],
            included: &[],
            predicate: Some("in_stock"),
        },
        Index {
            name: c"stock_lots_expiry_idx",
            unique: false,
            columns: &["expires_on"],
            included: &[],
            predicate: Some("(expires_on IS NOT NULL) AND (condition = 'good'::text)"),
        },
    ],
};
/// Lots of a listing that have something free, oldest first.
pub const LOTS_IN_STOCK: IndexPlace = IndexPlace(1);

pub static MOVEMENTS: Shape = Shape {
    table: c"stock_movements",
    columns: &[
        ("movement_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("version", INT8OID),
        ("lot_id", UUIDOID),
        ("location_id", UUIDOID),
        ("movement_type", TEXTOID),
        ("delta", INT4OID),
        ("lot_before", INT4OID),
        ("lot_after", INT4OID),
        ("listing_before", INT4OID),
        ("listing_after", INT4OID),
        ("unit_cost", NUMERICOID),
        ("reason", TEXTOID),
        ("reference", TEXTOID),
        ("actor", TEXTOID),
        ("recorded_at", TIMESTAMPTZOID),
        ("effective_at", TIMESTAMPTZOID),
    ],
    checks: &[
        "(movement_type = ANY (ARRAY['receive'::text, 'adjust'::text, 'count'::text, 'transfer_in'::text, \
         'transfer_out'::text, 'fulfill'::text, 'loss'::text, 'return'::text, 'import'::text, \
         'condition'::text, 'correction'::text]))",
    ],
    written: &[],
    generated: &[],
    // The engine names every column.
    left_out: &[],
    indexes: &[
        Index {
            name: c"stock_movements_pkey",
            unique: true,
            columns: &["tenant_id", "movement_id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"stock_movements_listing_idx",
            unique: false,
            columns: &["listing_id", "recorded_at", "version"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"stock_movements_dated_back_idx",
            unique: false,
            columns: &["listing_id", "effective_at"],
            included: &[],
            predicate: Some("(effective_at <> recorded_at)"),
        },
    ],
};
/// Lines of a listing, oldest first.
pub const MOVEMENTS_LISTING: IndexPlace = IndexPlace(1);

pub static FEEDS: Shape = Shape {
    table: c"stock_feeds",
    columns: &[
        ("tenant_id", UUIDOID),
        ("generation", INT4OID),
        ("system_identifier", INT8OID),
        ("timeline", INT4OID),
        ("first_transaction", INT8OID),
    ],
    checks: &["((generation >= 1) AND (generation <= 4095))"],
    written: &[],
    generated: &[],
    left_out: &[],
    indexes: &[Index {
        name: c"stock_feeds_pkey",
        unique: true,
        columns: &["tenant_id"],
        included: &[],
        predicate: None,
    }],
};

pub static ALLOCATIONS: Shape = Shape {
    table: c"stock_allocations",
    columns: &[
        ("allocation_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("lot_id", UUIDOID),
        ("order_id", UUIDOID),
        ("quantity", INT4OID),
        ("status", TEXTOID),
        ("hold_id", UUIDOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
    ],
    checks: &[
        "(quantity > 0)",
        "(status = ANY (ARRAY['active'::text, 'released'::text, 'fulfilled'::text]))",
    ],
    written: &[],
    generated: &[],
    left_out: &[
        ("status", Some("'active'::text")),
        ("hold_id", None),
        ("created_at", Some("clock_timestamp()")),
        ("updated_at", Some("clock_timestamp()")),
    ],
    indexes: &[Index {
        name: c"stock_allocations_pkey",
        unique: true,
        columns: &["allocation_id"],
        included: &[],
        predicate: None,
    }],
};

/// Only ever read.
pub static LOANS: Shape = Shape {
    table: c"stock_loans",
    columns: &[
        ("loan_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("borrower", TEXTOID),
        ("contact_info", TEXTOID),
        ("quantity", INT4OID),
        ("quantity_returned", INT4OID),
        ("quantity_lost", INT4OID),
        ("is_open", BOOLOID),
    ],
    checks: &[],
    written: &[],
    generated: &[(
        "is_open",
        "((quantity_returned + quantity_lost) < quantity)",
    )],
    left_out: &[],
    indexes: &[
        Index {
            name: c"stock_loans_pkey",
            unique: true,
            columns: &["loan_id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"stock_loans_listing_idx",
            unique: false,
            columns: &["listing_id"],
            included: &[],
            predicate: Some("is_open"),
        },
    ],
};
/// Open loans by listing.
pub const LOANS_OPEN: IndexPlace = IndexPlace(1);

pub static HOLDS: Shape = Shape {
    table: c"stock_holds",
    columns: &[
        ("hold_id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("listing_id", UUIDOID),
        ("location_id", UUIDOID),
        ("quantity", INT4OID),
        ("status", TEXTOID),
        ("expires_at", TIMESTAMPTZOID),
        ("idempotency_key", TEXTOID),
        ("customer", TEXTOID),
        ("order_id", UUIDOID),
        ("metadata", JSONBOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
        ("confirmed_at", TIMESTAMPTZOID),
        ("quantity_requested", INT4OID),
    ],
    checks: &[
        "(quantity > 0)",
        "(status = ANY (ARRAY['active'::text, 'waiting'::text, 'confirmed'::text, 'released'::text, 'expired'::text]))",
        "((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 200))",
        "((length(customer) >= 1) AND (length(customer) <= 200))",
        "(quantity_requested > 0)",
    ],
    written: &[
        "quantity",
        "status",
        "expires_at",
        "order_id",
        "updated_at",
        "confirmed_at",
    ],
    generated: &[],
    // The engine names every column that has a default.
    left_out: &[],
    indexes: &[
        Index {
            name: c"stock_holds_pkey",
            unique: true,
            columns: &["hold_id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"stock_holds_live_idx",
            unique: false,
            columns: &["listing_id", "expires_at"],
            included: &["quantity", "location_id"],
            predicate: Some("(status = 'active'::text)"),
        },
        Index {
            name: c"stock_holds_key_idx",
            unique: true,
            columns: &["tenant_id", "idempotency_key", "listing_id", "location_id"],
            included: &[],
            predicate: Some("(idempotency_key IS NOT NULL)"),
        },
        Index {
            name: c"stock_holds_waiting_idx",
            unique: false,
            columns: &["listing_id", "created_at"],
            included: &[],
            predicate: Some("(status = 'waiting'::text)"),
        },
        Index {
            name: c"stock_holds_order_idx",
            unique: false,
            columns: &["order_id"],
            included: &[],
            predicate: Some("(order_id IS NOT NULL)"),
        },
    ],
};
/// Active holds of a listing, those that expire first in front.
pub const HOLDS_LIVE: IndexPlace = IndexPlace(1);
/// Holds by tenant and idempotency key; unique.
pub const HOLDS_KEY: IndexPlace = IndexPlace(2);
/// Holds that wait for goods of a listing, oldest first.
pub const HOLDS_WAITING: IndexPlace = IndexPlace(3);
/// Holds by order.
pub const HOLDS_ORDER: IndexPlace = IndexPlace(4);
