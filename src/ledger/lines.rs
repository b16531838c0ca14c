//! Lines of the ledger as callers see them.

use crate::plans::Row;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

/// The columns in the order in which [`read`] takes them.
macro_rules! line_columns {
    () => {
        "movement_id, listing_id, version, lot_id, location_id, movement_type, delta, lot_before, lot_after,
         listing_before, listing_after, unit_cost, reason, reference, actor, recorded_at, effective_at"
    };
}

pub(super) use line_columns;

pub type Columns = (
    Uuid,
    Uuid,
    i64,
    Uuid,
    Uuid,
    String,
    i32,
    i32,
    i32,
    i32,
    i32,
    Option<AnyNumeric>,
    Option<String>,
    Option<String>,
    String,
    TimestampWithTimeZone,
    TimestampWithTimeZone,
);

pub fn read(row: &Row) -> Columns {
    (
        row.need(1),
        row.need(2),
        row.need(3),
        row.need(4),
        row.need(5),
        row.need(6),
        row.need(7),
        row.need(8),
        row.need(9),
        row.need(10),
        row.need(11),
        row.get(12),
        row.get(13),
        row.get(14),
        row.need(15),
        row.need(16),
        row.need(17),
    )
}
