//! What can be taken over, and the names that apps give it. Names are compared without case and
//! underscores; earlier ones are better.

/// What a column holds, as far as a target cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A uuid.
    Uuid,
    /// smallint, integer, bigint, numeric.
    Number,
    /// text, varchar, char, an enum.
    Text,
    /// boolean.
    Boolean,
    /// date, timestamp, timestamptz.
    Time,
    /// Anything else: nothing is read from it.
    Other,
}

/// Something that a column can give.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// As the mapping has it.
    pub name: &'static str,
    /// What its column may hold.
    pub kinds: &'static [Kind],
    /// How apps call it.
    pub names: &'static [&'static str],
    /// What a guess by name says besides; for people.
    pub note: &'static str,
    /// What holds where no column gives it.
    pub without: &'static str,
}

const KEY: &[Kind] = &[Kind::Uuid, Kind::Number, Kind::Text];
const NUMBER: &[Kind] = &[Kind::Number];
const TEXT: &[Kind] = &[Kind::Text];
const TIME: &[Kind] = &[Kind::Time];

const fn target(
    name: &'static str,
    kinds: &'static [Kind],
    without: &'static str,
    names: &'static [&'static str],
) -> Target {
    Target {
        name,
        kinds,
        names,
        note: "",
        without,
    }
}

/// Of a table of lots.
pub static LOTS: [Target; 14] = [
    target("lot_id", KEY, "needed", &["lot_id", "id", "stock_lot_id", "batch_id", "uuid"]),
    target(
        "listing_id",
        KEY,
        "needed, or sku",
        &[
            "listing_id", "product_id", "item_id", "variant_id", "product_variant_id", "article_id",
            "part_id", "material_id", "sku_id", "listing", "product", "item", "article",
        ],
    ),
    target(
        "sku",
        TEXT,
        "the listing has none",
        &["sku", "product_sku", "item_sku", "product_code", "item_code", "article_number", "part_number"],
    ),
    Target {
        note: "what is there, claimed or not; map quantity_available instead if claims are off it already",
        ..target(
            "quantity",
            NUMBER,
            "needed, or quantity_available",
            &[
                "quantity_remaining", "remaining_quantity", "qty_remaining", "remaining",
                "quantity_on_hand", "qty_on_hand", "on_hand", "on_hand_quantity", "quantity_total",
                "total_quantity", "qty_total", "quantity", "qty", "stock_quantity", "stock_level",
                "in_stock", "stock", "units", "amount", "count",
            ],
        )
    },
    Target {
        note: "what is left after claims: active allocations are added to it",
        ..target(
            "quantity_available",
            NUMBER,
            "quantity counts",
            &[
                "quantity_available", "available_quantity", "qty_available", "available_qty", "available",
                "quantity_free", "free_quantity", "free",
            ],
        )
    },
    target(
        "location",
        KEY,
        "all at Unspecified",
        &[
            "location_id", "location", "location_name", "location_code", "warehouse_id", "warehouse",
            "warehouse_code", "bin_id", "bin", "bin_code", "shelf_id", "shelf", "place_id", "place",
            "site_id", "site", "storage_id", "storage_location", "store_id", "depot_id", "depot",
        ],
    ),
    target(
        "owner_id",
        KEY,
        "nobody's",
        &["owner_id", "owner", "contractor_id", "seller_id", "merchant_id", "user_id"],
    ),
    target(
        "listed",
        &[Kind::Boolean],
        "all are listed",
        &[
            "listed", "is_listed", "for_sale", "is_for_sale", "sellable", "is_sellable", "published",
            "is_published", "visible", "is_available", "is_active", "active",
        ],
    ),
    target(
        "expires_on",
        TIME,
        "all keep for ever",
        &[
            "expires_on", "expires_at", "expiry_date", "expiry", "expiration_date", "expiration",
            "exp_date", "best_before", "best_before_date", "use_by", "use_by_date", "valid_until",
        ],
    ),
    target(
        "unit_cost",
        NUMBER,
        "not known",
        &["unit_cost", "cost_per_unit", "cost_price", "purchase_price", "buy_price", "cost"],
    ),
    target(
        "lot_code",
        &[Kind::Text, Kind::Number],
        "none",
        &[
            "lot_code", "lot_number", "lot_no", "batch_code", "batch_number", "batch_no", "batch",
            "serial_number", "serial_no", "serial", "lot",
        ],
    ),
    target(
        "notes",
        TEXT,
        "none",
        &["notes", "note", "comments", "comment", "remarks", "remark", "memo", "description"],
    ),
    target(
        "created_at",
        TIME,
        "the time of the import: fifo goes by it",
        &[
            "received_at", "received_on", "received_date", "date_received", "received", "arrived_at",
            "created_at", "created_on", "created", "inserted_at", "date_created",
        ],
    ),
    target("tenant_id", &[Kind::Uuid], "all rows are read", &[]),
];

/// Of a table of allocations.
pub static ALLOCATIONS: [Target; 7] = [
    target(
        "allocation_id",
        KEY,
        "needed",
        &[
            "allocation_id",
            "id",
            "stock_allocation_id",
            "reservation_id",
            "uuid",
        ],
    ),
    target(
        "lot_id",
        KEY,
        "needed",
        &[
            "lot_id",
            "stock_lot_id",
            "batch_id",
            "lot",
            "batch",
            "stock_id",
        ],
    ),
    target(
        "order_id",
        KEY,
        "needed",
        &[
            "order_id",
            "sales_order_id",
            "customer_order_id",
            "order_number",
            "order_no",
            "order_ref",
            "order_reference",
            "order",
            "order_line_id",
            "order_item_id",
            "line_item_id",
            "reference",
        ],
    ),
    target(
        "quantity",
        NUMBER,
        "needed",
        &[
            "quantity",
            "qty",
            "quantity_allocated",
            "allocated_quantity",
            "qty_allocated",
            "quantity_reserved",
            "reserved_quantity",
            "allocated",
            "reserved",
            "units",
            "amount",
            "count",
        ],
    ),
    target(
        "status",
        &[Kind::Text, Kind::Boolean],
        "all are active",
        &[
            "status",
            "state",
            "allocation_status",
            "is_active",
            "active",
        ],
    ),
    target(
        "created_at",
        TIME,
        "the time of the import",
        &[
            "allocated_at",
            "reserved_at",
            "created_at",
            "created_on",
            "created",
            "inserted_at",
        ],
    ),
    target("tenant_id", &[Kind::Uuid], "all rows are read", &[]),
];

/// Of a table of locations that the lots refer to.
pub static LOCATIONS: [Target; 2] = [
    target("location_id", KEY, "needed", &["location_id", "id", "uuid"]),
    target(
        "name",
        TEXT,
        "a location is called by its key",
        &[
            "name",
            "location_name",
            "title",
            "label",
            "code",
            "location_code",
            "description",
        ],
    ),
];
