//! Lots: applies claims and goods that leave, then hands the sums to levels and listings.

use super::{aside, rollup, Delta, Guard, LevelDeltas, LevelKey, ListingAfter, Refusal};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Arg, Statement};
use pgrx::pg_sys::{BOOLOID, INT4ARRAYOID, INT4OID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use uuid::Uuid;

/// What changes in one lot.
#[derive(Debug, Clone, Copy)]
pub struct LotDelta {
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub lot_id: Uuid,
    /// Units claimed (+) or freed (−).
    pub allocated: i64,
    /// Units that come in (+) or leave (−).
    pub total: i64,
}

/// One lot, its level and its listing in one statement. Each UPDATE reads the RETURNING of the one
/// before it: that forces the lock order. No row: nothing was written. Without a listing: the last
/// columns tell how far it came.
static APPLY_ONE: Statement = Statement::fresh(
    "WITH lot AS (
       UPDATE {s}.stock_lots l
          SET quantity_allocated = l.quantity_allocated + $4, quantity_total = l.quantity_total + $5,
              updated_at = $7
        WHERE l.lot_id = $3 AND l.listing_id = $2 AND l.tenant_id = $1
          AND l.quantity_allocated + $4::bigint BETWEEN 0 AND 2147483647
          AND l.quantity_total + $5::bigint BETWEEN 0 AND 2147483647
          AND (NOT $6 OR (l.listed AND l.quantity_total - l.quantity_allocated >= $4
                          AND (l.expires_on IS NULL OR l.expires_on >= {today})))
       RETURNING l.listing_id, l.location_id, l.listed,
                 CASE WHEN l.listed THEN $4 ELSE 0 END AS allocated,
                 CASE WHEN l.listed THEN $5 ELSE 0 END AS leaving
     ), level AS (
       UPDATE {s}.stock_levels v
          SET quantity_allocated = v.quantity_allocated + lot.allocated,
              quantity_total = v.quantity_total + $5, quantity_listed = v.quantity_listed + lot.leaving
         FROM lot
        WHERE v.listing_id = lot.listing_id AND v.location_id = lot.location_id AND v.tenant_id = $1
          AND v.quantity_total + $5::bigint <= 2147483647
          AND v.quantity_allocated + lot.allocated::bigint <= 2147483647
          AND (NOT $6 OR v.quantity_listed - v.quantity_allocated - v.quantity_held >= $4)
       RETURNING v.listing_id, lot.allocated, lot.leaving
     ), listing AS (
       UPDATE {s}.stock_listings g
          SET quantity_allocated = g.quantity_allocated + level.allocated,
              quantity_total = g.quantity_total + $5, quantity_listed = g.quantity_listed + level.leaving
         FROM level
        WHERE g.listing_id = level.listing_id AND g.tenant_id = $1
          AND g.quantity_total + $5::bigint <= 2147483647
          AND g.quantity_allocated + level.allocated::bigint <= 2147483647
          AND (NOT $6 OR g.quantity_available::bigint - g.safety_stock >= $4)
       RETURNING g.listing_id, g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held,
                 g.attached_to, g.attached_key, g.sync_deferred)
     SELECT listing.listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred,
            lot.location_id, lot.listed, level.listing_id IS NOT NULL
       FROM lot LEFT JOIN level ON true LEFT JOIN listing ON true",
    &[UUIDOID, UUIDOID, UUIDOID, INT4OID, INT4OID, BOOLOID, TIMESTAMPTZOID],
);

static LOCK: Statement = Statement::fresh(
    "SELECT l.lot_id, l.listing_id, l.location_id, l.quantity_total, l.quantity_allocated, l.listed,
            l.listed AND (l.expires_on IS NULL OR l.expires_on >= {today})
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, lot_id)
       JOIN {s}.stock_lots l ON l.lot_id = k.lot_id AND l.listing_id = k.listing_id AND l.tenant_id = k.tenant_id
      ORDER BY l.lot_id
        FOR NO KEY UPDATE OF l",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_lots l
        SET quantity_allocated = n.allocated, quantity_total = n.total, updated_at = $6
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[])
            AS n (tenant_id, listing_id, lot_id, allocated, total)
      WHERE l.lot_id = n.lot_id AND l.listing_id = n.listing_id AND l.tenant_id = n.tenant_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        TIMESTAMPTZOID,
    ],
);

/// Adds the deltas (at most one a lot) to lots, levels and listings, and answers the listings as
/// they are then. Lots that are not found are `lot_not_found` under `Guard::Later`; under
/// `Guard::Claim` that and any shortage is a lost race, and the caller must roll back.
pub fn apply(
    engine: &Engine,
    deltas: &[LotDelta],
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    // The ledger's line for every delta with total <> 0 is written here, once there is a ledger:
    // each physical change of a lot passes here, at the same words in lot_triggers, or in import.
    match (deltas, guard) {
        ([delta], Guard::Claim) => claim_one(engine, delta),
        ([delta], Guard::Later) => {
            apply_one(engine, delta, guard).unwrap_or_else(|| apply_many(engine, deltas, guard))
        }
        _ => apply_many(engine, deltas, guard),
    }
}

/// Claims from one lot.
fn claim_one(engine: &Engine, delta: &LotDelta) -> Result<Vec<ListingAfter>, Refusal> {
    if let Some(applied) = apply_one(engine, delta, Guard::Claim) {
        return applied;
    }
    // Lost at the lot, it seems; under its lock one sees whether that is so.
    match lock(engine, std::slice::from_ref(delta)).as_slice() {
        [lot] if lot.can_give(delta.allocated) => {
            apply_one(engine, delta, Guard::Claim).unwrap_or_else(|| Error::WriteInterfered.raise())
        }
        _ => Err(Refusal::Lost),
    }
}

/// None: the lot's row did not match, and nothing was written.
fn apply_one(
    engine: &Engine,
    delta: &LotDelta,
    guard: Guard,
) -> Option<Result<Vec<ListingAfter>, Refusal>> {
    let (Ok(allocated), Ok(total)) = (i32::try_from(delta.allocated), i32::try_from(delta.total))
    else {
        return None;
    };
    let args = [
        id(delta.tenant_id),
        id(delta.listing_id),
        id(delta.lot_id),
        allocated.into(),
        total.into(),
        (guard == Guard::Claim).into(),
        plans::now(),
    ];
    let written = aside::during(|| {
        plans::run_one(engine, &APPLY_ONE, &args, |row| {
            let after = row.maybe_id(1).map(|_| rollup::listing_after(row));
            after.ok_or_else(|| (row.id(9), row.need::<bool>(10), row.need::<bool>(11)))
        })
    })?;
    let (location_id, listed, level_written) = match written {
        Ok(after) => return Some(Ok(vec![after])),
        Err(how_far) => how_far,
    };
    // Something further up did not match.
    if guard == Guard::Claim {
        return Some(Err(Refusal::Lost));
    }
    // A level that is not there yet, or a range: the slow way makes the one and names the other.
    let key = LevelKey {
        listing_id: delta.listing_id,
        location_id,
        tenant_id: delta.tenant_id,
    };
    let levels = LevelDeltas::from([(key, level_delta(delta, listed))]);
    Some(if level_written {
        rollup::apply_to_listings(engine, &levels, guard)
    } else {
        rollup::apply(engine, &levels, guard)
    })
}

fn level_delta(delta: &LotDelta, listed: bool) -> Delta {
    let if_listed = |units| if listed { units } else { 0 };
    Delta {
        total: delta.total,
        listed: if_listed(delta.total),
        allocated: if_listed(delta.allocated),
        held: 0,
    }
}

/// A lot under its lock.
struct LockedLot {
    lot_id: Uuid,
    listing_id: Uuid,
    location_id: Uuid,
    total: i32,
    allocated: i32,
    listed: bool,
    sellable: bool,
}

impl LockedLot {
    fn can_give(&self, units: i64) -> bool {
        self.sellable && i64::from(self.total) - i64::from(self.allocated) >= units
    }
}

fn keys(deltas: &[LotDelta]) -> [Arg; 3] {
    [
        id_list(deltas.iter().map(|delta| delta.tenant_id)),
        id_list(deltas.iter().map(|delta| delta.listing_id)),
        id_list(deltas.iter().map(|delta| delta.lot_id)),
    ]
}

fn lock(engine: &Engine, deltas: &[LotDelta]) -> Vec<LockedLot> {
    plans::run(engine, &LOCK, &keys(deltas), |row| LockedLot {
        lot_id: row.id(1),
        listing_id: row.id(2),
        location_id: row.id(3),
        total: row.need(4),
        allocated: row.need(5),
        listed: row.need(6),
        sellable: row.need(7),
    })
}

fn apply_many(
    engine: &Engine,
    deltas: &[LotDelta],
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    let mut deltas = deltas.to_vec();
    deltas.sort_by_key(|delta| delta.lot_id);
    let lots = lock(engine, &deltas);
    if lots.len() != deltas.len() {
        let missing = deltas
            .iter()
            .find(|delta| !lots.iter().any(|lot| lot.lot_id == delta.lot_id));
        return Err(match (guard, missing) {
            (Guard::Later, Some(delta)) => Error::LotNotFound {
                lot_id: delta.lot_id,
            }
            .into(),
            _ => Refusal::Lost,
        });
    }
    let mut allocated = Vec::with_capacity(lots.len());
    let mut totals = Vec::with_capacity(lots.len());
    let mut levels = LevelDeltas::new();
    for (delta, lot) in deltas.iter().zip(&lots) {
        if guard == Guard::Claim && !lot.can_give(delta.allocated) {
            return Err(Refusal::Lost);
        }
        allocated.push(in_range(
            lot,
            "quantity_allocated",
            lot.allocated,
            delta.allocated,
        )?);
        totals.push(in_range(lot, "quantity_total", lot.total, delta.total)?);
        let key = LevelKey {
            listing_id: lot.listing_id,
            location_id: lot.location_id,
            tenant_id: delta.tenant_id,
        };
        levels
            .entry(key)
            .or_default()
            .add(level_delta(delta, lot.listed));
    }
    let [tenants, listings, ids] = keys(&deltas);
    let args = [
        tenants,
        listings,
        ids,
        allocated.into(),
        totals.into(),
        plans::now(),
    ];
    aside::during(|| plans::write_all(engine, &WRITE, &args, lots.len()));
    rollup::apply(engine, &levels, guard)
}

fn in_range(lot: &LockedLot, counter: &str, stored: i32, change: i64) -> Result<i32, Refusal> {
    let value = i64::from(stored) + change;
    i32::try_from(value)
        .ok()
        .filter(|value| *value >= 0)
        .ok_or_else(|| {
            let what = format!("{counter} of lot {}", lot.lot_id);
            Error::QuantityOutOfRange { what, value }.into()
        })
}
