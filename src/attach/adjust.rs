//! A listing's stock follows a number that the app wrote: more goes to the Unspecified lot, less is
//! taken from what is free, the Unspecified lots first, then by the owner's strategy.

use crate::counters::ledger::Cause;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::new_lots::NewLot;
use crate::counters::{
    expiry, goods, invariants, limits, rollup, Deltas, Guard, LevelKey, ListingAfter,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use stockroom_core::condition::Condition;
use stockroom_core::movement::MovementType;
use stockroom_core::plan::{self, Lot, Pick, Strategy};
use uuid::Uuid;

/// A lot that keeps for ever: what the app adds has no date. IS NOT DISTINCT FROM keeps the planner
/// from reading the index on locations, where it finds all that ever came in without a place.
static UNSPECIFIED_LOT: Statement = Statement::fresh(
    "SELECT lot_id FROM {s}.stock_lots
      WHERE tenant_id = $1 AND listing_id = $2 AND location_id IS NOT DISTINCT FROM $3
        AND sellable AND expires_on IS NULL
      ORDER BY created_at, lot_id LIMIT 1
        FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID, UUIDOID],
);
static FREE_LOTS: Statement = Statement::fresh(
    "SELECT lot_id, location_id, quantity_total - quantity_allocated, created_at, expires_on,
            (unit_cost * 10000)::bigint
       FROM {s}.stock_lots
      WHERE tenant_id = $1 AND listing_id = $2 AND sellable
      ORDER BY lot_id
        FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID],
);
static OWNERS_STRATEGY: Statement = Statement::fresh(
    "SELECT s.strategy_type, s.location_priority_order
       FROM {s}.stock_listings g
       JOIN {s}.allocation_strategies s ON s.contractor_id = g.owner_id AND s.tenant_id = g.tenant_id
      WHERE g.tenant_id = $1 AND g.listing_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Changes what is available by `delta` units, which is not zero. Units that are claimed are never
/// taken.
pub fn change(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    delta: i64,
    cause: &Cause,
) -> Result<ListingAfter, Error> {
    // The app's row shows what is left after it, and dead holds are no reason to refuse.
    let expired = expiry::expire_besides(engine, tenant_id, listing_id);
    if delta > 0 {
        return add(engine, tenant_id, listing_id, delta, &expired, cause);
    }
    let (picks, missing) = free_units(engine, tenant_id, listing_id, -delta, &expired);
    if missing > 0 {
        rollup::count(engine, &expired);
        return Err(oversold(engine, tenant_id, listing_id, missing));
    }
    let deltas: Vec<LotDelta> = picks
        .iter()
        .map(|pick| LotDelta {
            tenant_id,
            listing_id,
            lot_id: pick.lot_id,
            allocated: 0,
            total: -i64::from(pick.quantity),
            movement: Some(MovementType::Adjust),
        })
        .collect();
    let changes = Changes::of_goods(&deltas, &expired, cause);
    let after = apply(engine, &changes, listing_id)?;
    // A hold claims units of the listing and of no lot.
    match after.available {
        available if available < 0 => Err(oversold(
            engine,
            tenant_id,
            listing_id,
            -i64::from(available),
        )),
        _ => Ok(after),
    }
}

/// Where these units can be taken from, and how many can't: Unspecified lots first, oldest first, then
/// the others by the owner's strategy. Lots that have expired count as available, so they may go too;
/// what a location keeps back for holds may not.
fn free_units(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    units: i64,
    expired: &Deltas,
) -> (Vec<Pick>, i64) {
    let listing = || [id(tenant_id), id(listing_id)];
    let lots = plans::run(engine, &FREE_LOTS, &listing(), |row| Lot {
        lot_id: row.id(1),
        listing_id,
        location_id: row.id(2),
        free: row.need(3),
        created_at: row.need(4),
        expires_on: row.get(5),
        expired: false,
        listed: true,
        condition: Condition::Good,
        unit_cost: row.get(6),
    });
    let strategy = plans::run_one(engine, &OWNERS_STRATEGY, &listing(), |row| {
        let priority: Vec<Option<pgrx::Uuid>> = row.get(2).unwrap_or_default();
        let priority: Vec<Uuid> = priority.into_iter().flatten().map(ids::from_pg).collect();
        Strategy::parse(&row.need::<String>(1), &priority)
    });
    let strategy = strategy.flatten().unwrap_or_default();
    let limits = limits::now(engine, tenant_id, listing_id, expired);
    let (here, elsewhere): (Vec<Lot>, Vec<Lot>) = lots
        .into_iter()
        .partition(|lot| lot.location_id == ids::UNSPECIFIED);
    let mut picks = Vec::new();
    let mut missing = units;
    for (lots, strategy) in [(here, Strategy::Fifo), (elsewhere, strategy)] {
        // More than a lot can hold is missing in any case.
        let wanted = i32::try_from(missing).unwrap_or(i32::MAX);
        if wanted > 0 {
            let plan = plan::plan(&lots, wanted, None, &strategy, true, &limits);
            missing -= i64::from(wanted) - i64::from(plan.short_by);
            picks.extend(plan.picks);
        }
    }
    (picks, missing)
}

fn oversold(engine: &Engine, tenant_id: Uuid, listing_id: Uuid, over_by: i64) -> Error {
    Error::ListingOversold {
        listing_id,
        location_id: None,
        over_by,
        holds: invariants::live_holds(engine, tenant_id, listing_id, None),
        booked: 0,
    }
}

fn apply(engine: &Engine, changes: &Changes, listing_id: Uuid) -> Result<ListingAfter, Error> {
    lots::apply(engine, changes, Guard::Later)
        .map_err(|refusal| refusal.into_error(Error::ListingNotFound { listing_id }))?
        .pop()
        .ok_or(Error::ListingNotFound { listing_id })
}

fn add(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    units: i64,
    expired: &Deltas,
    cause: &Cause,
) -> Result<ListingAfter, Error> {
    let keys = [id(tenant_id), id(listing_id), id(ids::UNSPECIFIED)];
    let lot = plans::run_one(engine, &UNSPECIFIED_LOT, &keys, |row| row.id(1));
    let (after, lot_id) = match lot {
        Some(lot_id) => {
            let delta = [LotDelta {
                tenant_id,
                listing_id,
                lot_id,
                allocated: 0,
                total: units,
                movement: Some(MovementType::Adjust),
            }];
            let changes = Changes::of_goods(&delta, expired, cause);
            (apply(engine, &changes, listing_id)?, lot_id)
        }
        None => {
            let what = format!("quantity_total of listing {listing_id}");
            let quantity = i32::try_from(units)
                .map_err(|_| Error::QuantityOutOfRange { what, value: units })?;
            let level = LevelKey {
                listing_id,
                location_id: ids::UNSPECIFIED,
                tenant_id,
            };
            let lot = [NewLot::plain(level, quantity, MovementType::Adjust)];
            let changes = Changes {
                new: &lot,
                ..Changes::of_goods(&[], expired, cause)
            };
            (apply(engine, &changes, listing_id)?, lot[0].lot_id)
        }
    };
    goods::came_free(engine, std::slice::from_ref(&after), || vec![lot_id]);
    Ok(after)
}
