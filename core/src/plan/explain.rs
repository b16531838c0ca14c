//! What a plan does with each lot, and why: for people who ask why this one was taken.

use std::collections::HashMap;

use uuid::Uuid;

use super::limits::Limits;
use super::lot::{age, obstacle, takeable, Lot, KEPT};
use super::one_line::take;
use super::strategy::{put_in_order, Strategy};

/// A lot in the answer of [`explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The lot's key.
    pub lot_id: Uuid,
    /// Where it lies.
    pub location_id: Uuid,
    /// Its free units, as in [`Lot::free`].
    pub free: i32,
    /// How many units a plan would take from it; 0 for none.
    pub take: i32,
    /// Why, as a short sentence fragment for people.
    pub reason: String,
}

/// Says for every lot of a listing what [`plan`](super::plan()) would do with it, and why.
///
/// First the lots that can be taken, in the order in which the strategy looks at them, then those it
/// never takes, oldest first. Where the stock is short it shows what a partial plan would take.
pub fn explain(
    lots: &[Lot],
    wanted: i32,
    location: Option<Uuid>,
    strategy: &Strategy,
    limits: &Limits,
) -> Vec<Explained> {
    let mut candidates = takeable(lots, location, limits);
    put_in_order(&mut candidates, wanted, strategy, limits);
    let taken: HashMap<Uuid, i32> = take(&candidates, wanted, limits)
        .picks
        .iter()
        .map(|pick| (pick.lot_id, pick.quantity))
        .collect();
    let mut rest = wanted.max(0);
    let looked_at = candidates.iter().map(|lot| {
        let take = *taken.get(&lot.lot_id).unwrap_or(&0);
        rest -= take;
        Explained {
            lot_id: lot.lot_id,
            location_id: lot.location_id,
            free: lot.free,
            take,
            reason: reason(lot, take, rest, strategy),
        }
    });

    let mut never: Vec<(&Lot, &'static str)> = lots
        .iter()
        .filter_map(|lot| obstacle(lot, location, limits).map(|reason| (lot, reason)))
        .collect();
    never.sort_by_key(|(lot, _)| age(lot));
    let passed_over = never.iter().map(|(lot, reason)| Explained {
        lot_id: lot.lot_id,
        location_id: lot.location_id,
        free: lot.free,
        take: 0,
        reason: (*reason).to_owned(),
    });

    looked_at.chain(passed_over).collect()
}

/// Why a lot that could be taken gives so much, with `rest` units still wanted after it.
fn reason(lot: &Lot, take: i32, rest: i32, strategy: &Strategy) -> String {
    // It has more and more is wanted: only its location's limit can be in the way.
    let kept = rest > 0 && take < lot.free;
    match (take > 0, kept) {
        (true, false) => format!(
            "{}, takes {take} of {}",
            rank_reason(lot, strategy),
            lot.free
        ),
        (true, true) => format!(
            "{}, takes {take} of {}, the others are {KEPT}",
            rank_reason(lot, strategy),
            lot.free
        ),
        (false, true) => KEPT.to_owned(),
        (false, false) => "not needed".to_owned(),
    }
}

/// Why a strategy ranks a lot where it does.
fn rank_reason(lot: &Lot, strategy: &Strategy) -> String {
    match strategy {
        Strategy::Fifo => "oldest first".to_owned(),
        Strategy::Lifo => "newest first".to_owned(),
        Strategy::Fefo if lot.expires_on.is_none() => "no expiry date".to_owned(),
        Strategy::Fefo => "earliest expiry first".to_owned(),
        Strategy::LocationPriority(priority) => {
            match priority.iter().position(|l| *l == lot.location_id) {
                Some(index) => format!("priority {} of {}", index + 1, priority.len()),
                None => "location without priority".to_owned(),
            }
        }
        Strategy::LargestFirst => "largest first".to_owned(),
        Strategy::FewestLots => "fewest lots".to_owned(),
        Strategy::CheapestFirst if lot.unit_cost.is_none() => "unknown cost".to_owned(),
        Strategy::CheapestFirst => "cheapest first".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Condition;
    use crate::plan::fixtures::{lot, CELLAR, LISTING, SHELF};

    #[test]
    fn explain_gives_the_reason_for_every_lot() {
        let mut lots = [
            lot(1, 2),
            lot(2, 5),
            lot(3, 5),
            lot(4, 5),
            lot(5, 5),
            lot(6, 0),
            lot(7, 5),
            lot(8, 5),
        ];
        lots[3].expired = true;
        lots[4].listed = false;
        lots[6].location_id = CELLAR;
        lots[7].condition = Condition::Quarantine;
        let reasons: Vec<_> = explain(&lots, 5, Some(SHELF), &Strategy::Fifo, &Limits::none())
            .into_iter()
            .map(|row| (row.lot_id.as_u128(), row.take, row.reason))
            .collect();
        let expected = [
            (1, 2, "oldest first, takes 2 of 2"),
            (2, 3, "oldest first, takes 3 of 5"),
            (3, 0, "not needed"),
            (4, 0, "expired"),
            (5, 0, "not listed"),
            (6, 0, "nothing free"),
            (7, 0, "other location"),
            (8, 0, "quarantine"),
        ];
        assert_eq!(
            reasons,
            expected.map(|(number, take, reason)| (number, take, reason.to_owned()))
        );
    }

    #[test]
    fn explain_tells_a_rank_from_the_lack_of_one() {
        let mut lots = [lot(1, 1), lot(2, 1)];
        lots[1].location_id = CELLAR;
        lots[1].expires_on = Some(9);
        lots[1].unit_cost = Some(5);
        let reasons = |strategy| -> Vec<String> {
            explain(&lots, 2, None, &strategy, &Limits::none())
                .into_iter()
                .map(|row| row.reason)
                .collect()
        };
        assert_eq!(
            reasons(Strategy::Fefo),
            [
                "earliest expiry first, takes 1 of 1",
                "no expiry date, takes 1 of 1"
            ]
        );
        assert_eq!(
            reasons(Strategy::CheapestFirst),
            ["cheapest first, takes 1 of 1", "unknown cost, takes 1 of 1"]
        );
        assert_eq!(
            reasons(Strategy::LocationPriority(vec![CELLAR])),
            [
                "priority 1 of 1, takes 1 of 1",
                "location without priority, takes 1 of 1"
            ]
        );
    }

    #[test]
    fn explain_tells_what_is_kept_for_holds_from_what_is_not_needed() {
        let mut lots = [
            lot(1, 2),
            lot(2, 2),
            lot(3, 2),
            lot(4, 9),
            lot(5, 9),
            lot(6, 2),
        ];
        lots[3].location_id = CELLAR;
        lots[4].location_id = Uuid::from_u128(3);
        let mut limits = Limits::none();
        limits.set(LISTING, SHELF, 3);
        limits.set(LISTING, CELLAR, 0);
        let reasons: Vec<_> = explain(&lots, 5, None, &Strategy::Fifo, &limits)
            .into_iter()
            .map(|row| (row.lot_id.as_u128(), row.take, row.reason))
            .collect();
        let expected = [
            (1, 2, "oldest first, takes 2 of 2"),
            (
                2,
                1,
                "oldest first, takes 1 of 2, the others are kept for holds here",
            ),
            (3, 0, "kept for holds here"),
            (5, 2, "oldest first, takes 2 of 9"),
            (6, 0, "not needed"),
            (4, 0, "kept for holds here"),
        ];
        assert_eq!(
            reasons,
            expected.map(|(number, take, reason)| (number, take, reason.to_owned()))
        );
    }
}
