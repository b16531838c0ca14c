//! stock_history: the lines of a listing.

use super::archived;
use super::lines::{self, line_columns, Columns};
use crate::arguments::{positive, required_id};
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{INT4OID, INT8OID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

static LINES: Statement = Statement::stable(
    concat!(
        "SELECT ",
        line_columns!(),
        " FROM {s}.stock_movements
          WHERE listing_id = $1 AND tenant_id IS NOT DISTINCT FROM $2 AND recorded_at >= coalesce($3, '-infinity')
            AND recorded_at < coalesce($4, 'infinity') AND ($5 IS NULL OR lot_id = $5)
            AND version > coalesce($6, 0)
          ORDER BY listing_id, recorded_at, version LIMIT $7"
    ),
    &[
        UUIDOID,
        UUIDOID,
        TIMESTAMPTZOID,
        TIMESTAMPTZOID,
        UUIDOID,
        INT8OID,
        INT4OID,
    ],
);

/// Lines of the ledger of a listing, or of one of its lots, oldest first: those written from `from_at` on
/// and before `to_at`, each NULL for all.
///
/// At most `max_lines`. For more, ask again with the last line's recorded_at as `from_at` and its version as
/// `after_version`. Archived lines are not among them. Errors: listing_not_found, bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // one SQL argument each
fn stock_history(
    listing_id: Option<Uuid>,
    from_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    to_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    lot_id: default!(Option<Uuid>, "NULL"),
    max_lines: default!(Option<i32>, "1000"),
    after_version: default!(Option<i64>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(movement_id, Uuid),
            name!(listing_id, Uuid),
            name!(version, i64),
            name!(lot_id, Uuid),
            name!(location_id, Uuid),
            name!(movement_type, String),
            name!(delta, i32),
            name!(lot_before, i32),
            name!(lot_after, i32),
            name!(listing_before, i32),
            name!(listing_after, i32),
            name!(unit_cost, Option<AnyNumeric>),
            name!(reason, Option<String>),
            name!(reference, Option<String>),
            name!(actor, String),
            name!(recorded_at, TimestampWithTimeZone),
            name!(effective_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let key = required_id("listing_id", listing_id)?;
    let args = [
        id(key),
        id(engine.tenant),
        from_at.into(),
        to_at.into(),
        lot_id.into(),
        after_version.into(),
        positive("max_lines", max_lines)?.into(),
    ];
    let rows: Vec<Columns> = plans::run(&engine, &LINES, &args, lines::read);
    if rows.is_empty() {
        archived::known(&engine, key).require(key)?;
    }
    Ok(TableIterator::new(rows))
}
