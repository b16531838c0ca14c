//! What the ledger says of a lot that was one way and is another now.

use super::ledger::Line;
use super::LevelKey;
use crate::plans::Row;
use pgrx::AnyNumeric;
use stockroom_core::condition::Condition;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// A lot, as far as the ledger goes.
#[derive(Debug, Clone)]
pub struct State {
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub lot_id: Uuid,
    pub location_id: Uuid,
    pub units: i32,
    pub unit_cost: Option<AnyNumeric>,
    pub condition: Condition,
}

/// A column with a lot's condition.
pub fn condition(row: &Row, number: i32) -> Condition {
    let name: String = row.need(number);
    Condition::parse(&name).expect("a CHECK knows the same conditions")
}

impl State {
    fn level(&self) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: self.location_id,
            tenant_id: self.tenant_id,
        }
    }

    fn line(&self, movement: MovementType, before: i32, after: i32) -> Line {
        Line {
            tenant_id: self.tenant_id,
            listing_id: self.listing_id,
            lot_id: self.lot_id,
            location_id: self.location_id,
            movement,
            before,
            after,
            unit_cost: self.unit_cost.clone(),
            note: None,
        }
    }
}

/// The lines of one lot, in an order in which none takes what is not there. `was` carries the cost of
/// `now`: what it was before stands in an older line.
pub fn lines(was: &State, now: &State) -> Vec<Line> {
    let mut lines = Vec::with_capacity(4);
    let units = (was.units, now.units);
    let stays = was.level() == now.level();
    let condition = was.line(MovementType::Condition, was.units, was.units);
    if was.condition != now.condition {
        lines.push(Line {
            note: Some(was.condition.becoming(now.condition)),
            ..condition
        });
    } else if stays && was.units == now.units {
        lines.push(condition);
    }
    // What goes, goes before the move, and what comes, comes after it.
    let adjusted = |at: &State| at.line(MovementType::Adjust, units.0, units.1);
    if now.units < was.units {
        lines.push(adjusted(was));
    }
    let moved = was.units.min(now.units);
    if !stays && moved > 0 {
        lines.push(was.line(MovementType::TransferOut, moved, 0));
        lines.push(now.line(MovementType::TransferIn, 0, moved));
    }
    if now.units > was.units {
        lines.push(adjusted(now));
    }
    lines
}
