//! The lots with which the planner's unit tests begin.

use uuid::Uuid;

use super::{plan, Limits, Lot, Plan, Strategy};
use crate::condition::Condition;

pub(super) const LISTING: Uuid = Uuid::from_u128(1000);
pub(super) const SHELF: Uuid = Uuid::from_u128(1);
pub(super) const CELLAR: Uuid = Uuid::from_u128(2);

/// A lot whose age follows its number.
pub(super) fn lot(number: u128, free: i32) -> Lot {
    Lot {
        lot_id: Uuid::from_u128(number),
        listing_id: LISTING,
        location_id: SHELF,
        free,
        created_at: number as i64,
        expires_on: None,
        expired: false,
        listed: true,
        condition: Condition::Good,
        unit_cost: None,
    }
}

/// A plan over all locations, without limits.
pub(super) fn plan_freely(lots: &[Lot], wanted: i32, strategy: &Strategy, partial: bool) -> Plan {
    plan(lots, wanted, None, strategy, partial, &Limits::none())
}

/// The picks by number, in order.
pub(super) fn taken(plan: &Plan) -> Vec<(u128, i32)> {
    plan.picks
        .iter()
        .map(|pick| (pick.lot_id.as_u128(), pick.quantity))
        .collect()
}
