//! The shapes of the tables of bookings by date.

use super::{Index, IndexPlace, Shape};
use pgrx::pg_sys::{
    BOOLOID, DATEARRAYOID, DATEOID, INT4OID, JSONBOID, TEXTOID, TIMESTAMPTZOID, UUIDOID,
};

/// Only ever read.
pub static RESOURCES: Shape = Shape {
    table: c"resource",
    columns: &[
        ("id", TEXTOID),
        ("tenant_id", UUIDOID),
        ("type", TEXTOID),
        ("name", TEXTOID),
        ("description", TEXTOID),
        ("metadata", JSONBOID),
        ("is_active", BOOLOID),
        ("timezone", TEXTOID),
        ("listing_id", UUIDOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
        ("deleted_at", TIMESTAMPTZOID),
    ],
    checks: &[],
    written: &[],
    generated: &[],
    left_out: &[],
    indexes: &[Index {
        name: c"resource_pkey",
        unique: true,
        columns: &["id"],
        included: &[],
        predicate: None,
    }],
};

pub static CAPACITY: Shape = Shape {
    table: c"resource_capacity",
    columns: &[
        ("id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("resource_id", TEXTOID),
        ("date", DATEOID),
        ("max_capacity", INT4OID),
        ("available_capacity", INT4OID),
        ("closures", INT4OID),
        ("listing_id", UUIDOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
    ],
    checks: &[
        "isfinite(date)",
        "(max_capacity >= 0)",
        "(available_capacity <= max_capacity)",
        "(closures >= 0)",
    ],
    written: &["available_capacity", "updated_at"],
    generated: &[],
    left_out: &[],
    indexes: &[
        Index {
            name: c"resource_capacity_pkey",
            unique: true,
            columns: &["id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"resource_capacity_resource_id_date_key",
            unique: true,
            columns: &["resource_id", "date"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"resource_capacity_listing_idx",
            unique: false,
            columns: &["listing_id", "date"],
            included: &[],
            predicate: Some("(listing_id IS NOT NULL)"),
        },
    ],
};
/// Capacity by resource and date; unique.
pub const CAPACITY_DATE: IndexPlace = IndexPlace(1);

pub static RESOURCE_HOLDS: Shape = Shape {
    table: c"resource_hold",
    columns: &[
        ("id", UUIDOID),
        ("tenant_id", UUIDOID),
        ("resource_id", TEXTOID),
        ("dates", DATEARRAYOID),
        ("quantity", INT4OID),
        ("customer_email", TEXTOID),
        ("idempotency_token", TEXTOID),
        ("status", TEXTOID),
        ("expires_at", TIMESTAMPTZOID),
        ("confirmed_at", TIMESTAMPTZOID),
        ("package_id", UUIDOID),
        ("metadata", JSONBOID),
        ("created_at", TIMESTAMPTZOID),
        ("updated_at", TIMESTAMPTZOID),
    ],
    checks: &[
        "((cardinality(dates) >= 1) AND (cardinality(dates) <= 366))",
        "(quantity > 0)",
        "(((length(customer_email) >= 3) AND (length(customer_email) <= 320)) AND (customer_email ~~ '_%@_%'::text))",
        "((length(idempotency_token) >= 1) AND (length(idempotency_token) <= 200))",
        "(status = ANY (ARRAY['ACTIVE'::text, 'CONFIRMED'::text, 'RELEASED'::text, 'EXPIRED'::text]))",
    ],
    written: &["status", "expires_at", "confirmed_at", "updated_at"],
    generated: &[],
    // The engine names every column that has a default.
    left_out: &[],
    indexes: &[
        Index {
            name: c"resource_hold_pkey",
            unique: true,
            columns: &["id"],
            included: &[],
            predicate: None,
        },
        Index {
            name: c"resource_hold_live_idx",
            unique: false,
            columns: &["resource_id", "expires_at"],
            included: &["quantity", "dates"],
            predicate: Some("(status = 'ACTIVE'::text)"),
        },
        Index {
            name: c"resource_hold_token_idx",
            unique: true,
            columns: &["tenant_id", "idempotency_token"],
            included: &[],
            predicate: Some("(idempotency_token IS NOT NULL)"),
        },
        Index {
            name: c"resource_hold_customer_idx",
            unique: false,
            columns: &["customer_email"],
            included: &[],
            predicate: Some("(customer_email IS NOT NULL)"),
        },
        Index {
            name: c"resource_hold_package_idx",
            unique: false,
            columns: &["package_id"],
            included: &[],
            predicate: Some("(package_id IS NOT NULL)"),
        },
    ],
};
/// Active holds of a resource, those that expire first in front.
pub const RESOURCE_HOLDS_LIVE: IndexPlace = IndexPlace(1);
/// Holds by tenant and token; unique.
pub const RESOURCE_HOLDS_TOKEN: IndexPlace = IndexPlace(2);
/// Holds by package.
pub const RESOURCE_HOLDS_PACKAGE: IndexPlace = IndexPlace(4);
