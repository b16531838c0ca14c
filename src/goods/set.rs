//! Lots that are to have another number of units.

use super::change::finish;
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::LotRow;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::{invariants, Deltas, Guard, LevelKey};
use crate::engine::Engine;
use crate::error::Error;
use stockroom_core::movement::MovementType;

/// A lot, which is locked, and the units that it is to have.
pub struct Target<'a> {
    pub lot: &'a LotRow,
    pub units: i64,
}

impl Target<'_> {
    fn delta(&self) -> i64 {
        self.units - i64::from(self.lot.total)
    }

    /// A lot keeps what is allocated from it.
    fn check(&self, engine: &Engine) -> Result<(), Error> {
        let (lot, units) = (self.lot, self.units);
        let allocated = i64::from(lot.allocated);
        if units < 0 {
            Err(Error::InsufficientStock {
                listing_id: lot.listing_id,
                location_id: Some(lot.location_id),
                requested: -self.delta(),
                available: lot.total.into(),
            })
        } else if units < allocated && self.delta() < 0 {
            let over_by = allocated - units;
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
}

/// Sets the lots to their units, each given once, and counts what expired besides. A lot that has so many
/// already gets no line in the ledger.
pub fn set(
    engine: &Engine,
    targets: &[Target],
    expired: &Deltas,
    movement: MovementType,
    cause: &Cause,
) -> Result<(), Error> {
    let changed = || targets.iter().filter(|target| target.delta() != 0);
    changed().try_for_each(|target| target.check(engine))?;
    let deltas: Vec<LotDelta> = changed()
        .map(|target| LotDelta {
            tenant_id: target.lot.tenant_id,
            listing_id: target.lot.listing_id,
            lot_id: target.lot.lot_id,
            allocated: 0,
            total: target.delta(),
            movement: Some(movement),
        })
        .collect();
    let changes = Changes::of_goods(&deltas, expired, cause);
    let after = lots::apply(engine, &changes, Guard::Later).map_err(|refusal| {
        let lot_id = targets[0].lot.lot_id;
        refusal.into_error(Error::LotNotFound { lot_id })
    })?;
    let lowered: Vec<LevelKey> = changed()
        .filter(|target| target.delta() < 0 && target.lot.sellable())
        .map(|target| target.lot.level())
        .collect();
    finish(engine, &after, &lowered, &lots::freed(&deltas));
    Ok(())
}
