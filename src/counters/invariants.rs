//! What must hold at commit, for direct DML: nothing is claimed that is not there. The triggers are
//! deferred, and their WHEN is false on good rows, so that a good row queues nothing; here the final
//! state is judged, because apps pass through bad states inside a transaction.

use super::capacity::{behind, booked};
use super::{expiry, mirror, rollup, row, LevelKey};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::plans::{self, id, id_list, maybe_id, Row, Statement};
use crate::restore;
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use uuid::Uuid;

static LOT: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_allocated, sellable FROM {s}.stock_lots WHERE lot_id = $1",
    &[UUIDOID],
);
static ORDERS: Statement = Statement::fresh(
    "SELECT DISTINCT order_id FROM {s}.stock_allocations
      WHERE lot_id = $1 AND listing_id = $2 AND status = 'active' ORDER BY order_id LIMIT 20",
    &[UUIDOID, UUIDOID],
);

/// So many units too much are claimed of a lot.
pub fn committed(engine: &Engine, listing_id: Uuid, lot_id: Uuid, over_by: i64) -> Error {
    let orders = plans::run(engine, &ORDERS, &[id(lot_id), id(listing_id)], |row| {
        row.id(1)
    });
    Error::StockCommitted {
        lot_id,
        listing_id,
        over_by,
        orders,
    }
}

/// At commit: a lot has at least what is allocated from it.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_check<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    check_lot(trigger, |total, allocated, _| allocated - total);
    Ok(None)
}

/// At commit: a lot that was taken off the list, or is no longer good, is not claimed.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_check_unlisted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_check_unlisted<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    check_lot(
        trigger,
        |_, allocated, sellable| if sellable { 0 } else { allocated },
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
            (row.id(1), over_by)
        })
        .filter(|(_, over_by)| *over_by > 0)
        .map(|(listing_id, over_by)| committed(&engine, listing_id, lot_id, over_by))
    });
    if let Some(error) = problem {
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
    "SELECT tenant_id, greatest(CASE WHEN quantity_booked > 0 THEN quantity_booked ELSE -backorder_limit::bigint END
                                - quantity_available, -quantity_allocated::bigint)
       FROM {s}.stock_listings WHERE listing_id = $1",
    &[UUIDOID],
);

/// At commit: no listing is below −backorder_limit, nor below what is booked of it by date.
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

static SHORT: Statement = Statement::fresh(
    "SELECT v.listing_id, v.location_id
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
       JOIN {s}.stock_levels v ON v.listing_id = k.listing_id AND v.location_id = k.location_id
                              AND v.tenant_id = k.tenant_id
      WHERE v.quantity_listed::bigint - v.quantity_allocated - v.quantity_held < 0
     UNION
     SELECT g.listing_id, NULL
       FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, listing_id)
       JOIN {s}.stock_listings g ON g.listing_id = k.listing_id AND g.tenant_id = k.tenant_id
      WHERE g.quantity_available
            < CASE WHEN g.quantity_booked > 0 THEN g.quantity_booked ELSE -g.backorder_limit END
      ORDER BY 1, 2",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

/// Says at once what the checks at commit would say of levels that a function has taken goods from, and of
/// their listings.
pub fn refuse_now(engine: &Engine, levels: &[LevelKey]) {
    if levels.is_empty() {
        return;
    }
    let args = [
        id_list(levels.iter().map(|level| level.tenant_id)),
        id_list(levels.iter().map(|level| level.listing_id)),
        id_list(levels.iter().map(|level| level.location_id)),
    ];
    for (listing_id, location_id) in
        plans::run(engine, &SHORT, &args, |row| (row.id(1), row.maybe_id(2)))
    {
        refuse_oversold(engine, listing_id, location_id, || match location_id {
            Some(location_id) => {
                let key = [id(listing_id), id(location_id)];
                plans::run_one(engine, &LEVEL, &key, judged)
            }
            None => plans::run_one(engine, &LISTING, &[id(listing_id)], judged),
        });
    }
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
    let Some((tenant_id, _)) = judge().filter(|(_, over_by)| *over_by > 0) else {
        return;
    };
    if location_id.is_none() {
        // Days may have passed since that was counted, or holds of resources expired.
        booked::end_dead(engine, tenant_id, listing_id);
        behind::recount(engine, tenant_id, listing_id);
    }
    let Some((_, over_by)) = judge().filter(|(_, over_by)| *over_by > 0) else {
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
            booked: match location_id {
                None => behind::stored(engine, tenant_id, listing_id),
                Some(_) => 0,
            },
        }
        .raise();
    }
}
