//! A plan for one line: so much of one listing.

use uuid::Uuid;

use super::limits::{Left, Limits};
use super::lot::{takeable, Lot};
use super::strategy::{put_in_order, Strategy};

/// A quantity to take from one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// The lot to take from.
    pub lot_id: Uuid,
    /// The lot's listing.
    pub listing_id: Uuid,
    /// The lot's location.
    pub location_id: Uuid,
    /// How many units to take, at least 1.
    pub quantity: i32,
}

/// What [`plan`] decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The picks in the order of the strategy, at most one for each lot.
    pub picks: Vec<Pick>,
    /// How many of the wanted units can't be had; 0 when all can.
    pub short_by: i32,
}

/// Plans a claim of `wanted` units over `lots`, which are all of one listing.
///
/// Expired, unlisted, bad and empty lots are never picked, nor those outside `location` where one is
/// given, and no location gives more than `limits` let it. All or nothing unless `partial`: a plan that
/// is short has no picks then, and with `partial` it has all that there is. Nothing is picked for a
/// `wanted` of zero or less.
pub fn plan(
    lots: &[Lot],
    wanted: i32,
    location: Option<Uuid>,
    strategy: &Strategy,
    partial: bool,
    limits: &Limits,
) -> Plan {
    let mut candidates = takeable(lots, location, limits);
    put_in_order(&mut candidates, wanted, strategy, limits);
    let mut plan = take(&candidates, wanted, limits);
    if plan.short_by > 0 && !partial {
        plan.picks.clear();
    }
    plan
}

/// Takes `wanted` units from lots that are already in order, as far as they reach.
pub(super) fn take(lots: &[&Lot], wanted: i32, limits: &Limits) -> Plan {
    let mut rest = wanted.max(0);
    let mut left = Left::new(limits);
    let mut picks = Vec::new();
    for lot in lots {
        if rest == 0 {
            break;
        }
        let quantity = rest.min(left.of(lot));
        if quantity == 0 {
            continue;
        }
        rest -= quantity;
        left.take(lot, quantity);
        picks.push(Pick {
            lot_id: lot.lot_id,
            listing_id: lot.listing_id,
            location_id: lot.location_id,
            quantity,
        });
    }
    Plan {
        picks,
        short_by: rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{lot, plan_freely, taken};

    #[test]
    fn short_is_all_or_nothing_unless_partial() {
        let lots = [lot(1, 2), lot(2, 2)];
        let refused = plan_freely(&lots, 5, &Strategy::Fifo, false);
        assert_eq!((taken(&refused), refused.short_by), (vec![], 1));
        let partial = plan_freely(&lots, 5, &Strategy::Fifo, true);
        assert_eq!(
            (taken(&partial), partial.short_by),
            (vec![(1, 2), (2, 2)], 1)
        );
    }

    #[test]
    fn nothing_is_planned_for_zero_or_less() {
        for strategy in Strategy::NAMES.map(|name| Strategy::parse(name, &[]).unwrap()) {
            for wanted in [0, -1, i32::MIN] {
                let plan = plan_freely(&[lot(1, 2)], wanted, &strategy, false);
                assert_eq!((plan.picks.len(), plan.short_by), (0, 0));
            }
        }
    }

    #[test]
    fn the_largest_quantities_dont_overflow() {
        let lots = [lot(1, i32::MAX), lot(2, i32::MAX), lot(3, i32::MIN)];
        for strategy in Strategy::NAMES.map(|name| Strategy::parse(name, &[]).unwrap()) {
            let plan = plan_freely(&lots, i32::MAX, &strategy, false);
            assert_eq!((plan.picks.len(), plan.short_by), (1, 0));
        }
        let none = plan_freely(&[], i32::MAX, &Strategy::FewestLots, true);
        assert_eq!(none.short_by, i32::MAX);
    }
}
