//! Units that go from one lot to another.

use super::change::{finish, Begun};
use crate::arguments::bad;
use crate::clock;
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::LotRow;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::new_lots::NewLot;
use crate::counters::{aside, invariants, Deltas, Guard, LevelKey, ListingAfter};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// An error unless the lot has so many units that nobody has claimed.
pub fn require_free(engine: &Engine, lot: &LotRow, units: i32) -> Result<(), Error> {
    if units > lot.total {
        Err(Error::InsufficientStock {
            listing_id: lot.listing_id,
            location_id: Some(lot.location_id),
            requested: units.into(),
            available: lot.total.into(),
        })
    } else if units > lot.free() {
        let over_by = i64::from(units) - i64::from(lot.free());
        Err(invariants::committed(
            engine,
            lot.listing_id,
            lot.lot_id,
            over_by,
        ))
    } else {
        Ok(())
    }
}

/// An error unless the goods of one lot may lie among those of another: then nothing that was known of
/// them is lost.
pub fn require_alike(from: &LotRow, into: &LotRow) -> Result<(), Error> {
    if from.lot_id == into.lot_id {
        return bad("into_lot", "is the same lot");
    }
    let (ours, theirs) = (&from.details, &into.details);
    let differs = [
        ("listing", from.listing_id != into.listing_id),
        ("condition", ours.condition != theirs.condition),
        ("listed", from.listed != into.listed),
        ("owner", ours.owner_id != theirs.owner_id),
        ("lot_code", ours.lot_code != theirs.lot_code),
        ("expires_on", ours.expires_on != theirs.expires_on),
        ("unit_cost", ours.unit_cost != theirs.unit_cost),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((what, _)) => bad("into_lot", &format!("has another {what}")),
        None => Ok(()),
    }
}

fn delta(lot: &LotRow, units: i64, allocated: i64, movement: MovementType) -> LotDelta {
    LotDelta {
        tenant_id: lot.tenant_id,
        listing_id: lot.listing_id,
        lot_id: lot.lot_id,
        allocated,
        total: units,
        // An empty lot moves nothing.
        movement: (units != 0).then_some(movement),
    }
}

fn apply(engine: &Engine, from: &LotRow, changes: &Changes) -> Result<Vec<ListingAfter>, Error> {
    let lot_id = from.lot_id;
    lots::apply(engine, changes, Guard::Later)
        .map_err(|refusal| refusal.into_error(Error::LotNotFound { lot_id }))
}

/// A part of a lot, which is free, becomes a lot of its own at a location, and brings along all that the lot
/// is. What follows a change is the caller's to do.
pub fn to_new_lot(
    engine: &Engine,
    from: &LotRow,
    units: i32,
    location_id: Uuid,
    expired: &Deltas,
    cause: &Cause,
) -> Result<(NewLot, Vec<ListingAfter>), Error> {
    require_free(engine, from, units)?;
    let level = LevelKey {
        location_id,
        ..from.level()
    };
    let lot = NewLot {
        listed: from.listed,
        details: from.details.clone(),
        ..NewLot::plain(level, units, MovementType::TransferIn)
    };
    let out = [delta(from, -i64::from(units), 0, MovementType::TransferOut)];
    let changes = Changes {
        new: std::slice::from_ref(&lot),
        ..Changes::of_goods(&out, expired, cause)
    };
    let after = apply(engine, from, &changes)?;
    Ok((lot, after))
}

/// A part of a lot, which is free, goes into another lot.
pub fn to_lot(
    engine: &Engine,
    begun: &Begun,
    from: &LotRow,
    into: &LotRow,
    units: i32,
    cause: &Cause,
) -> Result<(), Error> {
    require_free(engine, from, units)?;
    pour(engine, begun, (from, into), units.into(), 0, cause)
}

static MOVE_CLAIMS: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_allocations SET lot_id = $2, updated_at = $4
        WHERE lot_id = $1 AND tenant_id = $3 AND status = 'active' RETURNING lot_id)
     SELECT count(*) FILTER (WHERE lot_id = $2)
          = (SELECT count(*) FROM {s}.stock_allocations
              WHERE lot_id = $1 AND tenant_id = $3 AND status = 'active') FROM done",
    &[UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID],
);

/// All of a lot goes into another one, with the active claims on it, which are locked.
pub fn all_to_lot(
    engine: &Engine,
    begun: &Begun,
    from: &LotRow,
    into: &LotRow,
    cause: &Cause,
) -> Result<(), Error> {
    let args = [
        id(from.lot_id),
        id(into.lot_id),
        id(engine.tenant),
        clock::now().into(),
    ];
    aside::during(|| plans::run_whole(engine, &MOVE_CLAIMS, &args));
    let (units, allocated) = (from.total.into(), from.allocated.into());
    pour(engine, begun, (from, into), units, allocated, cause)
}

fn pour(
    engine: &Engine,
    begun: &Begun,
    (from, into): (&LotRow, &LotRow),
    units: i64,
    allocated: i64,
    cause: &Cause,
) -> Result<(), Error> {
    let deltas = [
        delta(from, -units, -allocated, MovementType::TransferOut),
        delta(into, units, allocated, MovementType::TransferIn),
    ];
    let changes = Changes::of_goods(&deltas, &begun.expired, cause);
    let after = apply(engine, from, &changes)?;
    finish(engine, &after, &[from.level()], &[into.lot_id]);
    Ok(())
}
