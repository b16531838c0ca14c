//! stock_events: the ledger as a feed, for whoever asks again and again what is new.

use super::lines::{self, line_columns, Columns};
use super::{archived, feed};
use crate::arguments::positive;
use crate::commit;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{INT4OID, UUIDOID};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid as PgUuid};
use uuid::Uuid;

static EVENTS: Statement = Statement::stable(
    concat!(
        "SELECT ",
        line_columns!(),
        " FROM {s}.stock_movements
          WHERE tenant_id = $1 AND movement_id > $2 AND movement_id < $3
          ORDER BY tenant_id, movement_id LIMIT $4"
    ),
    &[UUIDOID, UUIDOID, UUIDOID, INT4OID],
);

/// Lines of the ledger of the session's tenant after one of them, NULL for the first, in the order of their
/// keys: the events that a consumer has not seen yet, when it brings the last key that it has.
///
/// None is missed and none comes twice: a line comes only once no transaction that is still running can
/// write one before it, and only once it is on disk. So one long transaction that has written holds all
/// later events back. Versions tell the order within a listing. Errors: bad_argument, ledger_archived.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn stock_events(
    after: default!(Option<PgUuid>, "NULL"),
    max_events: default!(Option<i32>, "1000"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(movement_id, PgUuid),
            name!(listing_id, PgUuid),
            name!(version, i64),
            name!(lot_id, PgUuid),
            name!(location_id, PgUuid),
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
    let most = positive("max_events", max_events)?;
    let after = after.map(ids::from_pg);
    if after.is_some_and(|after| archived::events_after(&engine, after)) {
        return Err(Error::LedgerArchived { listing_id: None }.into());
    }
    let args = [
        id(engine.tenant),
        id(after.unwrap_or(Uuid::nil())),
        id(feed::end(&engine).unwrap_or(Uuid::max())),
        most.into(),
    ];
    let rows: Vec<Columns> = plans::run(&engine, &EVENTS, &args, lines::read);
    if !rows.is_empty() {
        commit::flush_what_is_seen();
    }
    Ok(TableIterator::new(rows))
}
