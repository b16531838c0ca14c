//! A lot, and whether it can be taken at all.

use uuid::Uuid;

use super::limits::Limits;
use crate::condition::Condition;

/// A lot as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// The lot's key.
    pub lot_id: Uuid,
    /// The listing whose quantity it holds.
    pub listing_id: Uuid,
    /// Where it lies.
    pub location_id: Uuid,
    /// `quantity_total - quantity_allocated`, in smallest units; zero or less means that nothing can
    /// be taken.
    pub free: i32,
    /// When the lot was made, in microseconds. Only the order counts, so any epoch will do.
    pub created_at: i64,
    /// Its expiry date in days, `None` where it doesn't expire. Only the order counts, so any epoch
    /// will do; whether the date has passed is [`Lot::expired`].
    pub expires_on: Option<i32>,
    /// Whether the expiry date has passed, by the caller's clock. An expired lot is never taken.
    pub expired: bool,
    /// Whether the lot is listed. An unlisted lot is never taken.
    pub listed: bool,
    /// What state its goods are in. Only a good lot is taken.
    pub condition: Condition,
    /// Cost of one unit in ten-thousandths of the currency, `None` where unknown.
    pub unit_cost: Option<i64>,
}

/// Why a lot isn't taken whose location has no more to give.
pub(super) const KEPT: &str = "kept for holds here";

/// Why a lot can't be taken at all; `None` where it can.
pub(super) fn obstacle(lot: &Lot, location: Option<Uuid>, limits: &Limits) -> Option<&'static str> {
    if location.is_some_and(|wanted| wanted != lot.location_id) {
        Some("other location")
    } else if !lot.listed {
        Some("not listed")
    } else if lot.condition != Condition::Good {
        Some(lot.condition.name())
    } else if lot.expired {
        Some("expired")
    } else if lot.free <= 0 {
        Some("nothing free")
    } else if limits.free_of(lot) == 0 {
        Some(KEPT)
    } else {
        None
    }
}

/// The lots that can be taken, as they come.
pub(super) fn takeable<'a>(
    lots: &'a [Lot],
    location: Option<Uuid>,
    limits: &Limits,
) -> Vec<&'a Lot> {
    lots.iter()
        .filter(|lot| obstacle(lot, location, limits).is_none())
        .collect()
}

/// The key of fifo, which settles every tie.
pub(super) fn age(lot: &Lot) -> (i64, Uuid) {
    (lot.created_at, lot.lot_id)
}
