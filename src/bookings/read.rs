//! get_resource_hold: a hold as the calling query sees it, on a standby too.

use super::row;
use crate::arguments::required_id;
use crate::clock;
use crate::engine::Engine;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use pgrx::Uuid;
use stockroom_core::hold::{Hold, HoldStatus};

static SEEN: Statement = Statement::stable(
    "SELECT resource_id, dates, quantity, status, expires_at, customer_email, package_id, metadata::text, created_at,
            confirmed_at
       FROM {s}.resource_hold WHERE id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// A hold as it is: its true state (EXPIRED from the moment it expires, swept or not), its dates, and what it was
/// made with. Errors: hold_not_found.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn get_resource_hold(
    hold_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Uuid),
            name!(state, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(resource_id, String),
            name!(customer_email, Option<String>),
            name!(package_id, Option<Uuid>),
            name!(metadata, Option<Jsonb>),
            name!(created_at, TimestampWithTimeZone),
            name!(confirmed_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let key = required_id("hold_id", hold_id)?;
    let found = plans::run_one(&engine, &SEEN, &[id(key), id(engine.tenant)], |row| {
        let status = row.need::<String>(4);
        let life = Hold {
            status: HoldStatus::parse_upper(&status).expect("the column's CHECK lists the states"),
            quantity: row.need(3),
            expires_at: row.get(5),
        };
        (
            crate::ids::to_pg(key),
            life.state_at(clock::microseconds()).upper_name().to_owned(),
            row.need(2),
            life.quantity,
            life.expires_at.map(clock::moment),
            row.need(1),
            row.get(6),
            row.get(7),
            row.get::<String>(8).as_deref().map(Jsonb::of_text),
            row.need(9),
            row.get(10),
        )
    });
    Ok(TableIterator::once(found.ok_or(row::not_found(key))?))
}
