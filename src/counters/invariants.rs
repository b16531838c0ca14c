//! What must hold at commit, for direct DML: nothing is claimed that is not there. The triggers are
//! deferred, and their WHEN is false on good rows, so that a good row queues nothing; here the final
//! state is judged, because apps pass through bad states inside a transaction.

use super::{expiry, mirror, rollup, row};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, maybe_id, Row, Statement};
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
    "SELECT tenant_id,
            greatest(quantity_allocated::bigint + quantity_held - quantity_listed, -quantity_allocated::bigint)
       FROM {s}.stock_levels WHERE listing_id = $1 AND location_id = $2",
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
    let key = || [id(listing_id), id(location_id)];
    as_engine(&engine, || {
        refuse_oversold(&engine, listing_id, Some(location_id), || {
            plans::run_one(&engine, &LEVEL, &key(), judged)
        })
    });
    Ok(None)
}

static LISTING: Statement = Statement::fresh(
    "SELECT tenant_id, greatest(-quantity_available::bigint - backorder_limit, -quantity_allocated::bigint)
       FROM {s}.stock_listings WHERE listing_id = $1",
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
    as_engine(&engine, || {
        refuse_oversold(&engine, listing_id, None, || {
            plans::run_one(&engine, &LISTING, &[id(listing_id)], judged)
        })
    });
    Ok(None)
}

/// Tenant, and by how many units too much is claimed.
fn judged(row: &Row) -> (Uuid, i64) {
    (row.id(1), row.need(2))
}

static HOLDS: Statement = Statement::fresh(
    "SELECT hold_id FROM {s}.stock_holds
      WHERE listing_id = $1 AND tenant_id = $2 AND ($3 IS NULL OR location_id = $3)
        AND status IN ('active', 'waiting')
      ORDER BY created_at DESC LIMIT 20",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// Some live holds of a listing, or of one of its locations, newest first: what stands in the way.
pub fn live_holds(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    location_id: Option<Uuid>,
) -> Vec<Uuid> {
    let args = [id(listing_id), id(tenant_id), maybe_id(location_id)];
    plans::run(engine, &HOLDS, &args, |row| row.id(1))
}

/// Holds that have expired are no reason: they are ended first, and what is left is judged.
fn refuse_oversold(
    engine: &Engine,
    listing_id: Uuid,
    location_id: Option<Uuid>,
    judge: impl Fn() -> Option<(Uuid, i64)>,
) {
    let Some((tenant_id, over_by)) = judge().filter(|(_, over_by)| *over_by > 0) else {
        return;
    };
    let listing = [(tenant_id, listing_id)];
    mirror::lock_of_listings(engine, listing);
    // One of a location may be what is in the way, and not the oldest.
    let units = if location_id.is_some() {
        i64::MAX
    } else {
        over_by
    };
    let freed = expiry::expire(engine, tenant_id, listing_id, units, i32::MAX, &[]);
    let over_by = if freed.is_empty() {
        over_by
    } else {
        rollup::count(engine, &freed);
        judge().map_or(0, |(_, over_by)| over_by)
    };
    if over_by > 0 {
        Error::ListingOversold {
            listing_id,
            location_id,
            over_by,
            holds: live_holds(engine, tenant_id, listing_id, location_id),
        }
        .raise();
    }
}
