//! The strategies: in which order lots are taken.

use std::cmp::Reverse;
use std::collections::HashMap;

use uuid::Uuid;

use super::limits::{Left, Limits};
use super::lot::{age, Lot};

/// In which order lots are taken. Equal ranks are always settled oldest first, then by `lot_id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Oldest lot first.
    #[default]
    Fifo,
    /// Newest lot first: the exact reverse of [`Strategy::Fifo`].
    Lifo,
    /// Earliest expiry date first; lots that don't expire come last.
    Fefo,
    /// By place in this list of locations, the first being the most wanted; locations that aren't in
    /// it come last.
    LocationPriority(Vec<Uuid>),
    /// Most free units first.
    LargestFirst,
    /// As few lots as possible: the largest ones, of which the last is the smallest that covers what
    /// is left. Where one lot is enough, that is the smallest that is.
    FewestLots,
    /// Lowest unit cost first; lots of unknown cost come last.
    CheapestFirst,
}

impl Strategy {
    /// Every name that [`Strategy::parse`] knows.
    pub const NAMES: [&'static str; 7] = [
        "fifo",
        "lifo",
        "fefo",
        "location_priority",
        "largest_first",
        "fewest_lots",
        "cheapest_first",
    ];

    /// The strategy called `name`, exactly as in [`Strategy::NAMES`]; `None` for any other text.
    /// `priority` is used by `location_priority` only, which with an empty list is `fifo`.
    pub fn parse(name: &str, priority: &[Uuid]) -> Option<Strategy> {
        Some(match name {
            "fifo" => Strategy::Fifo,
            "lifo" => Strategy::Lifo,
            "fefo" => Strategy::Fefo,
            "location_priority" => Strategy::LocationPriority(priority.to_vec()),
            "largest_first" => Strategy::LargestFirst,
            "fewest_lots" => Strategy::FewestLots,
            "cheapest_first" => Strategy::CheapestFirst,
            _ => return None,
        })
    }

    /// The strategy's name, one of [`Strategy::NAMES`].
    pub fn name(&self) -> &'static str {
        match self {
            Strategy::Fifo => "fifo",
            Strategy::Lifo => "lifo",
            Strategy::Fefo => "fefo",
            Strategy::LocationPriority(_) => "location_priority",
            Strategy::LargestFirst => "largest_first",
            Strategy::FewestLots => "fewest_lots",
            Strategy::CheapestFirst => "cheapest_first",
        }
    }
}

/// Sorts takeable lots into the order in which `strategy` takes them for `wanted` units. Where lots are
/// compared by what they have free, it is no more than their location may give.
pub(super) fn put_in_order(lots: &mut [&Lot], wanted: i32, strategy: &Strategy, limits: &Limits) {
    match strategy {
        Strategy::Fifo => lots.sort_by_key(|lot| age(lot)),
        Strategy::Lifo => lots.sort_by_key(|lot| Reverse(age(lot))),
        Strategy::Fefo => {
            lots.sort_by_key(|lot| (lot.expires_on.is_none(), lot.expires_on, age(lot)));
        }
        Strategy::LocationPriority(priority) => {
            let mut rank: HashMap<Uuid, usize> = HashMap::new();
            for (index, location) in priority.iter().enumerate() {
                rank.entry(*location).or_insert(index);
            }
            lots.sort_by_key(|lot| {
                let rank = rank.get(&lot.location_id).copied();
                (rank.unwrap_or(usize::MAX), age(lot))
            });
        }
        Strategy::LargestFirst => largest_first(lots, limits),
        Strategy::FewestLots => {
            largest_first(lots, limits);
            if !limits.is_none() {
                sort_by_what_each_adds(lots, limits);
            }
            move_smallest_cover_forward(lots, wanted, limits);
        }
        Strategy::CheapestFirst => {
            lots.sort_by_key(|lot| (lot.unit_cost.is_none(), lot.unit_cost, age(lot)));
        }
    }
}

fn largest_first(lots: &mut [&Lot], limits: &Limits) {
    if limits.is_none() {
        lots.sort_by_key(|lot| (Reverse(lot.free), age(lot)));
    } else {
        // A limit is looked up once a lot, not at every comparison.
        lots.sort_by_cached_key(|lot| (Reverse(limits.free_of(lot)), age(lot)));
    }
}

/// With lots sorted largest first, sorts them by what their location can still give after the lots
/// before them. Among the lots of a location that only falls, so they keep their order, and however
/// many lots are taken in the new one, no others have more.
fn sort_by_what_each_adds(lots: &mut [&Lot], limits: &Limits) {
    let mut left = Left::new(limits);
    let mut added: Vec<(i32, &Lot)> = Vec::with_capacity(lots.len());
    for &mut lot in lots.iter_mut() {
        let units = left.of(lot);
        left.take(lot, units);
        added.push((units, lot));
    }
    added.sort_by_key(|(units, lot)| (Reverse(*units), age(lot)));
    for (place, (_, lot)) in lots.iter_mut().zip(added) {
        *place = lot;
    }
}

/// With lots sorted by what each adds, moves the smallest lot that covers the rest to where the rest is
/// first covered by one lot; the others keep their order.
fn move_smallest_cover_forward(lots: &mut [&Lot], wanted: i32, limits: &Limits) {
    let mut rest = wanted;
    let mut left = Left::new(limits);
    for last in 0..lots.len() {
        let units = left.of(lots[last]);
        if units >= rest {
            // Of the equally small ones the oldest.
            let smallest = (last..lots.len())
                .map(|index| (left.of(lots[index]), index))
                .filter(|(units, _)| *units >= rest)
                .min_by_key(|(units, index)| (*units, age(lots[*index])));
            if let Some((_, chosen)) = smallest {
                lots[last..=chosen].rotate_right(1);
            }
            return;
        }
        rest -= units;
        left.take(lots[last], units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{lot, plan_freely, taken, CELLAR, SHELF};

    fn order(lots: &[Lot], wanted: i32, strategy: &Strategy) -> Vec<u128> {
        let plan = plan_freely(lots, wanted, strategy, true);
        taken(&plan).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn every_name_parses_to_a_strategy_of_that_name() {
        for name in Strategy::NAMES {
            assert_eq!(Strategy::parse(name, &[]).unwrap().name(), name);
        }
        assert_eq!(Strategy::parse("FIFO", &[]), None);
        assert_eq!(Strategy::parse("", &[]), None);
        assert_eq!(
            Strategy::parse("location_priority", &[CELLAR]),
            Some(Strategy::LocationPriority(vec![CELLAR]))
        );
    }

    #[test]
    fn fifo_takes_the_oldest_and_lifo_the_newest() {
        let lots = [lot(2, 5), lot(1, 3), lot(3, 5)];
        let fifo = plan_freely(&lots, 6, &Strategy::Fifo, false);
        assert_eq!(taken(&fifo), [(1, 3), (2, 3)]);
        let lifo = plan_freely(&lots, 6, &Strategy::Lifo, false);
        assert_eq!(taken(&lifo), [(3, 5), (2, 1)]);
    }

    #[test]
    fn equal_age_is_settled_by_key_and_lifo_is_the_exact_reverse() {
        let mut lots = [lot(2, 1), lot(1, 1), lot(3, 1)];
        for lot in &mut lots {
            lot.created_at = 7;
        }
        assert_eq!(order(&lots, 3, &Strategy::Fifo), [1, 2, 3]);
        assert_eq!(order(&lots, 3, &Strategy::Lifo), [3, 2, 1]);
    }

    #[test]
    fn fefo_puts_lots_without_expiry_last() {
        let mut lots = [lot(1, 1), lot(2, 1), lot(3, 1), lot(4, 1)];
        lots[1].expires_on = Some(20);
        lots[2].expires_on = Some(10);
        lots[3].expires_on = Some(-5);
        lots[3].expired = true;
        assert_eq!(order(&lots, 4, &Strategy::Fefo), [3, 2, 1]);
    }

    #[test]
    fn location_priority_goes_by_the_list_and_then_by_age() {
        let mut lots = [lot(1, 1), lot(2, 1), lot(3, 1), lot(4, 1)];
        lots[0].location_id = Uuid::from_u128(99);
        lots[3].location_id = CELLAR;
        let strategy = Strategy::LocationPriority(vec![CELLAR, SHELF, CELLAR]);
        assert_eq!(order(&lots, 4, &strategy), [4, 2, 3, 1]);
    }

    #[test]
    fn largest_first_goes_by_free_units() {
        let lots = [lot(1, 2), lot(2, 9), lot(3, 9)];
        assert_eq!(order(&lots, 20, &Strategy::LargestFirst), [2, 3, 1]);
    }

    #[test]
    fn cheapest_first_puts_unknown_cost_last() {
        let mut lots = [lot(1, 1), lot(2, 1), lot(3, 1)];
        lots[1].unit_cost = Some(25_000);
        lots[2].unit_cost = Some(0);
        assert_eq!(order(&lots, 3, &Strategy::CheapestFirst), [3, 2, 1]);
    }

    #[test]
    fn fewest_lots_prefers_the_smallest_lot_that_is_enough() {
        let lots = [lot(1, 10), lot(2, 4), lot(3, 6), lot(4, 6)];
        let one = plan_freely(&lots, 5, &Strategy::FewestLots, false);
        assert_eq!(taken(&one), [(3, 5)]);
        let exact = plan_freely(&lots, 4, &Strategy::FewestLots, false);
        assert_eq!(taken(&exact), [(2, 4)]);
        let two = plan_freely(&lots, 13, &Strategy::FewestLots, false);
        assert_eq!(taken(&two), [(1, 10), (2, 3)]);
        let all = plan_freely(&lots, 99, &Strategy::FewestLots, true);
        assert_eq!(taken(&all), [(1, 10), (3, 6), (4, 6), (2, 4)]);
    }
}
