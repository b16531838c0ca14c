//! What must hold at commit, for direct DML: nothing is claimed that is not there. The triggers are
//! deferred, and their WHEN is false on good rows, so that a good row queues nothing; here the final
//! state is judged, because apps pass through bad states inside a transaction.

use super::row;
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use crate::restore;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use uuid::Uuid;

static LOT: Statement = Statement::fresh(
    "SELECT l.listing_id, l.quantity_total, l.quantity_allocated, l.listed,
            (SELECT array_agg(order_id) FROM (
               SELECT DISTINCT a.order_id FROM {s}.stock_allocations a
                WHERE a.lot_id = l.lot_id AND a.status = 'active' ORDER BY a.order_id LIMIT 20) AS o)
       FROM {s}.stock_lots l WHERE l.lot_id = $1",
    &[UUIDOID],
);

/// At commit: a lot has at least what is allocated from it.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_check<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    check_lot(trigger, |total, allocated, _| allocated - total);
    Ok(None)
}

/// At commit: a lot that was taken off the list is not claimed.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_check_unlisted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_check_unlisted<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    check_lot(
        trigger,
        |_, allocated, listed| if listed { 0 } else { allocated },
    );
    Ok(None)
}

fn check_lot(trigger: &PgTrigger, over_by: impl Fn(i64, i64, bool) -> i64) {
    if restore::restoring(trigger) {
        return;
    }
    let lot_id = changed_key(trigger, "lot_id");
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let problem = as_engine(&engine, || {
        plans::run_one(&engine, &LOT, &[id(lot_id)], |row| {
            let over_by = over_by(
                row.need::<i32>(2).into(),
                row.need::<i32>(3).into(),
                row.need(4),
            );
            let orders: Vec<pgrx::Uuid> = row.get(5).unwrap_or_default();
            let orders = orders.into_iter().map(ids::from_pg).collect();
            (over_by > 0).then(|| Error::StockCommitted {
                lot_id,
                listing_id: row.id(1),
                over_by,
                orders,
            })
        })
    });
    if let Some(Some(error)) = problem {
        error.raise();
    }
}

fn changed_key(trigger: &PgTrigger, column: &str) -> Uuid {
    let new = trigger
        .new()
        .expect("a row trigger on INSERT or UPDATE has a new row");
    row::id(&new, column).expect("a key is not NULL")
}

static LEVEL: Statement = Statement::fresh(
    "SELECT greatest(quantity_allocated::bigint + quantity_held - quantity_listed, -quantity_allocated::bigint) FROM {s}.stock_levels
      WHERE listing_id = $1 AND location_id = $2",
    &[UUIDOID, UUIDOID],
);

/// At commit: no location has less than is claimed there.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_levels_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_levels_check<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(None);
    }
    let (listing_id, location_id) = (
        changed_key(trigger, "listing_id"),
        changed_key(trigger, "location_id"),
    );
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let over_by = as_engine(&engine, || {
        plans::run_one(&engine, &LEVEL, &[id(listing_id), id(location_id)], |row| {
            row.need::<i64>(1)
        })
    });
    refuse_oversold(listing_id, Some(location_id), over_by);
    Ok(None)
}

static LISTING: Statement = Statement::fresh(
    "SELECT greatest(-quantity_available::bigint - backorder_limit, -quantity_allocated::bigint) FROM {s}.stock_listings WHERE listing_id = $1",
    &[UUIDOID],
);

/// At commit: no listing is below −backorder_limit.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_listings_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_listings_check<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(None);
    }
    let listing_id = changed_key(trigger, "listing_id");
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let over_by = as_engine(&engine, || {
        plans::run_one(&engine, &LISTING, &[id(listing_id)], |row| {
            row.need::<i64>(1)
        })
    });
    refuse_oversold(listing_id, None, over_by);
    Ok(None)
}

fn refuse_oversold(listing_id: Uuid, location_id: Option<Uuid>, over_by: Option<i64>) {
    if let Some(over_by) = over_by.filter(|over_by| *over_by > 0) {
        Error::ListingOversold {
            listing_id,
            location_id,
            over_by,
        }
        .raise();
    }
}
