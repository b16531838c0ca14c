//! A listing's stock follows a number that the app wrote: more goes to the Unspecified lot, less is
//! taken from what is free, the Unspecified lots first.

use crate::counters::lots::{self, LotDelta};
use crate::counters::{aside, rollup, Delta, Guard, LevelDeltas, LevelKey, ListingAfter};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{INT4OID, UUIDOID};
use uuid::Uuid;

/// A lot that keeps for ever: what the app adds has no date. IS NOT DISTINCT FROM keeps the planner
/// from reading the index on locations, where it finds all that ever came in without a place.
static UNSPECIFIED_LOT: Statement = Statement::fresh(
    "SELECT lot_id FROM {s}.stock_lots
      WHERE tenant_id = $1 AND listing_id = $2 AND location_id IS NOT DISTINCT FROM $3
        AND listed AND expires_on IS NULL
      ORDER BY created_at, lot_id LIMIT 1
        FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID, UUIDOID],
);
static NEW_LOT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_lots (tenant_id, listing_id, lot_id, quantity_total, location_id)
     VALUES ($1, $2, $3, $4, $5)",
    &[UUIDOID, UUIDOID, UUIDOID, INT4OID, UUIDOID],
);
static FREE_LOTS: Statement = Statement::fresh(
    "SELECT lot_id, quantity_total - quantity_allocated, location_id <> $3,
            (EXTRACT(epoch FROM created_at) * 1000000)::bigint
       FROM {s}.stock_lots
      WHERE tenant_id = $1 AND listing_id = $2 AND listed
      ORDER BY lot_id
        FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// Changes what is available by `delta` units, which is not zero. Units that are claimed are never
/// taken.
pub fn change(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    delta: i64,
) -> Result<ListingAfter, Error> {
    if delta > 0 {
        return add(engine, tenant_id, listing_id, delta);
    }
    let mut missing = -delta;
    let mut lots = plans::run(
        engine,
        &FREE_LOTS,
        &[id(tenant_id), id(listing_id), id(ids::UNSPECIFIED)],
        |row| FreeLot {
            elsewhere: row.need(3),
            created_at: row.need(4),
            lot_id: row.id(1),
            free: i64::from(row.need::<i32>(2)).max(0),
        },
    );
    lots.sort();
    let mut deltas = Vec::new();
    for lot in lots {
        let take = lot.free.min(missing);
        if take > 0 {
            missing -= take;
            deltas.push(LotDelta {
                tenant_id,
                listing_id,
                lot_id: lot.lot_id,
                allocated: 0,
                total: -take,
            });
        }
    }
    if missing > 0 {
        return Err(oversold(listing_id, missing));
    }
    let after = apply(engine, &deltas, listing_id)?;
    // A hold claims units of the listing and of no lot.
    match after.available {
        available if available < 0 => Err(oversold(listing_id, -i64::from(available))),
        _ => Ok(after),
    }
}

/// Ordered as they are taken from: Unspecified first, then fifo.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FreeLot {
    elsewhere: bool,
    created_at: i64,
    lot_id: Uuid,
    free: i64,
}

fn oversold(listing_id: Uuid, over_by: i64) -> Error {
    Error::ListingOversold {
        listing_id,
        location_id: None,
        over_by,
    }
}

fn apply(engine: &Engine, deltas: &[LotDelta], listing_id: Uuid) -> Result<ListingAfter, Error> {
    lots::apply(engine, deltas, Guard::Later)
        .map_err(|refusal| refusal.into_error(Error::ListingNotFound { listing_id }))?
        .pop()
        .ok_or(Error::ListingNotFound { listing_id })
}

fn add(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    units: i64,
) -> Result<ListingAfter, Error> {
    let keys = [id(tenant_id), id(listing_id), id(ids::UNSPECIFIED)];
    let lot = plans::run_one(engine, &UNSPECIFIED_LOT, &keys, |row| row.id(1));
    if let Some(lot_id) = lot {
        let delta = LotDelta {
            tenant_id,
            listing_id,
            lot_id,
            allocated: 0,
            total: units,
        };
        return apply(engine, &[delta], listing_id);
    }
    let what = format!("quantity_total of listing {listing_id}");
    let in_lot =
        i32::try_from(units).map_err(|_| Error::QuantityOutOfRange { what, value: units })?;
    let lot = [
        id(tenant_id),
        id(listing_id),
        id(ids::new_key()),
        in_lot.into(),
        id(ids::UNSPECIFIED),
    ];
    aside::during(|| plans::run(engine, &NEW_LOT, &lot, |_| ()));
    let key = LevelKey {
        listing_id,
        location_id: ids::UNSPECIFIED,
        tenant_id,
    };
    let delta = Delta {
        total: units,
        listed: units,
        ..Delta::default()
    };
    rollup::apply(engine, &LevelDeltas::from([(key, delta)]), Guard::Later)
        .map_err(|refusal| refusal.into_error(Error::ListingNotFound { listing_id }))?
        .pop()
        .ok_or(Error::ListingNotFound { listing_id })
}
