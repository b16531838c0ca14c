//! get_hold: a hold as the calling query sees it, on a standby too.

use crate::arguments::required_id;
use crate::clock;
use crate::counters::numbers::numbers_of;
use crate::engine::Engine;
use crate::error::Error;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Statement};

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use pgrx::Uuid;
use stockroom_core::hold::{Hold, HoldStatus};

static SEEN: Statement = Statement::stable(
    "SELECT listing_id, location_id, quantity, status, expires_at, order_id, customer, metadata::text, created_at,
            confirmed_at, quantity_requested
       FROM {s}.stock_holds WHERE hold_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// A hold as it is: its true state (expired from the moment it expires, swept or not), quantity, expiry,
/// what is available of its listing, and what it was made with. Errors: hold_not_found.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn get_hold(
    hold_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Uuid),
            name!(state, String),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(available, i32),
            name!(replayed, bool),
            name!(listing_id, Uuid),
            name!(location_id, Option<Uuid>),
            name!(order_id, Option<Uuid>),
            name!(customer, Option<String>),
            name!(metadata, Option<Jsonb>),
            name!(created_at, TimestampWithTimeZone),
            name!(confirmed_at, Option<TimestampWithTimeZone>),
            name!(quantity_requested, i32),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let key = required_id("hold_id", hold_id)?;
    let found = plans::run_one(&engine, &SEEN, &[id(key), id(engine.tenant)], |row| {
        let status = row.need::<String>(4);
        let life = Hold {
            status: HoldStatus::parse(&status).expect("the column's CHECK lists the states"),
            quantity: row.need(3),
            expires_at: row.get(5),
        };
        let listing_id: Uuid = row.need(1);
        (
            crate::ids::to_pg(key),
            life.state_at(clock::microseconds()).name().to_owned(),
            life.quantity,
            life.expires_at.map(clock::moment),
            listing_id,
            row.get(2),
            row.get(6),
            row.get(7),
            row.get::<String>(8),
            row.need(9),
            row.get(10),
            row.need(11),
        )
    });
    let (
        hold,
        state,
        quantity,
        expires_at,
        listing,
        location,
        order,
        customer,
        metadata,
        made,
        confirmed,
        first,
    ) = found.ok_or(Error::HoldNotFound { by: "hold_id", key })?;
    let available = numbers_of(&engine, listing, None).available();
    Ok(TableIterator::once((
        hold,
        state,
        quantity,
        expires_at,
        available,
        false,
        listing,
        location,
        order,
        customer,
        metadata.as_deref().map(Jsonb::of_text),
        made,
        confirmed,
        first,
    )))
}
