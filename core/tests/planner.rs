//! Properties of the planner. What each strategy means is written here a second time, as which of two
//! lots comes first, and plans are held against that.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stockroom_core::plan::{self, explain, plan, plan_lines, Lot, Pick, PlanLine};
use uuid::Uuid;

const LISTINGS: u128 = 3;
const LOCATIONS: u128 = 4;

fn listing(number: u128) -> Uuid {
    Uuid::from_u128(1_000 + number)
}

fn location(number: u128) -> Uuid {
    Uuid::from_u128(2_000 + number)
}

/// A lot with few possible values, so that ties are frequent. Its key is set by [`lots`].
fn any_lot(listings: u128) -> impl Strategy<Value = Lot> {
    (
        0..listings,
        0..LOCATIONS,
        prop_oneof![8 => 1..8, 1 => -2..=0, 1 => Just(i32::MAX)],
        0..4i64,
        proptest::option::of(0..4i32),
        proptest::bool::weighted(0.15),
        proptest::bool::weighted(0.85),
        proptest::option::of(0..4i64),
    )
        .prop_map(
            |(in_listing, at, free, created_at, expires_on, expired, listed, unit_cost)| Lot {
                lot_id: Uuid::nil(),
                listing_id: listing(in_listing),
                location_id: location(at),
                free,
                created_at,
                expires_on,
                expired,
                listed,
                unit_cost,
            },
        )
}

/// Up to `most` lots with keys of their own, in any order.
fn lots(listings: u128, most: usize) -> impl Strategy<Value = Vec<Lot>> {
    prop::collection::vec(any_lot(listings), 0..=most)
        .prop_map(|mut lots| {
            for (number, lot) in lots.iter_mut().enumerate() {
                lot.lot_id = Uuid::from_u128(number as u128);
            }
            lots
        })
        .prop_shuffle()
}

fn any_location() -> impl Strategy<Value = Option<Uuid>> {
    prop_oneof![2 => Just(None), 1 => (0..LOCATIONS).prop_map(|at| Some(location(at)))]
}

fn any_strategy() -> impl Strategy<Value = plan::Strategy> {
    (
        prop::sample::select(plan::Strategy::NAMES.to_vec()),
        prop::collection::vec((0..LOCATIONS).prop_map(location), 0..4),
    )
        .prop_map(|(name, priority)| plan::Strategy::parse(name, &priority).unwrap())
}

fn any_wanted() -> impl Strategy<Value = i32> {
    prop_oneof![12 => 1..40, 1 => -1..=0, 1 => Just(i32::MAX)]
}

fn any_lines() -> impl Strategy<Value = Vec<PlanLine>> {
    let line = (0..LISTINGS, 1..6i32, any_location(), any_strategy()).prop_map(
        |(of, quantity, location, strategy)| PlanLine {
            listing_id: listing(of),
            quantity,
            location,
            strategy,
        },
    );
    prop::collection::vec(line, 0..6)
}

fn may_be_taken(lot: &Lot, at: Option<Uuid>) -> bool {
    lot.listed && !lot.expired && lot.free > 0 && at.is_none_or(|at| at == lot.location_id)
}

fn free_units<'a>(lots: impl IntoIterator<Item = &'a Lot>) -> i64 {
    lots.into_iter().map(|lot| i64::from(lot.free)).sum()
}

fn units(picks: &[Pick]) -> i64 {
    picks.iter().map(|pick| i64::from(pick.quantity)).sum()
}

/// Whether one value comes before another where a missing one comes last; `None` where they tie.
fn known_and_lower<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) if a == b => None,
        (Some(a), Some(b)) => Some(a < b),
        (Some(_), None) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    }
}

/// Whether `strategy` takes `a` before `b`: the second definition. Not for fewest_lots.
fn comes_first(strategy: &plan::Strategy, a: &Lot, b: &Lot) -> bool {
    let older = if a.created_at == b.created_at {
        a.lot_id < b.lot_id
    } else {
        a.created_at < b.created_at
    };
    let by_rank = match strategy {
        plan::Strategy::Fifo => None,
        plan::Strategy::Lifo => Some(!older),
        plan::Strategy::Fefo => known_and_lower(a.expires_on, b.expires_on),
        plan::Strategy::LocationPriority(list) => {
            let place = |lot: &Lot| list.iter().position(|at| *at == lot.location_id);
            known_and_lower(place(a), place(b))
        }
        plan::Strategy::LargestFirst => (a.free != b.free).then_some(a.free > b.free),
        plan::Strategy::CheapestFirst => known_and_lower(a.unit_cost, b.unit_cost),
        plan::Strategy::FewestLots => unreachable!("has no order of its own"),
    };
    by_rank.unwrap_or(older)
}

/// The least number of lots that together have `wanted` units, by trying every subset.
fn least_lots(lots: &[&Lot], wanted: i32) -> Option<u32> {
    (0u32..1 << lots.len())
        .filter(|subset| {
            let chosen = (0..lots.len())
                .filter(|bit| subset & (1 << bit) != 0)
                .map(|bit| lots[bit]);
            free_units(chosen) >= i64::from(wanted)
        })
        .map(u32::count_ones)
        .min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plan_takes_only_what_may_be_taken(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(), partial: bool,
    ) {
        let plan = plan(&lots, wanted, at, &strategy, partial);
        let mut seen = BTreeSet::new();
        for pick in &plan.picks {
            let lot = lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap();
            prop_assert!(may_be_taken(lot, at));
            prop_assert!(pick.quantity > 0 && pick.quantity <= lot.free);
            prop_assert_eq!(pick.listing_id, lot.listing_id);
            prop_assert_eq!(pick.location_id, lot.location_id);
            prop_assert!(seen.insert(pick.lot_id), "a lot is picked once");
        }
    }

    #[test]
    fn a_plan_takes_all_or_nothing_and_a_partial_one_what_there_is(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(),
    ) {
        let wanted_units = i64::from(wanted.max(0));
        let there_is = free_units(lots.iter().filter(|lot| may_be_taken(lot, at)));
        let short_by = (wanted_units - there_is).max(0);

        let whole = plan(&lots, wanted, at, &strategy, false);
        prop_assert_eq!(i64::from(whole.short_by), short_by);
        prop_assert_eq!(units(&whole.picks), if short_by > 0 { 0 } else { wanted_units });

        let partial = plan(&lots, wanted, at, &strategy, true);
        prop_assert_eq!(i64::from(partial.short_by), short_by);
        prop_assert_eq!(units(&partial.picks), wanted_units.min(there_is));
        if short_by == 0 {
            prop_assert_eq!(whole, partial);
        }
    }

    #[test]
    fn no_lot_is_passed_over_for_one_that_comes_after_it(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy().prop_filter("has no order", |s| *s != plan::Strategy::FewestLots),
    ) {
        let plan = plan(&lots, wanted, at, &strategy, true);
        let taken: BTreeMap<Uuid, i32> =
            plan.picks.iter().map(|pick| (pick.lot_id, pick.quantity)).collect();
        let candidates: Vec<&Lot> = lots.iter().filter(|lot| may_be_taken(lot, at)).collect();
        for a in &candidates {
            for b in &candidates {
                if a.lot_id != b.lot_id
                    && comes_first(&strategy, a, b)
                    && taken.contains_key(&b.lot_id)
                {
                    prop_assert_eq!(taken.get(&a.lot_id), Some(&a.free));
                }
            }
        }
        let picked: Vec<&Lot> = plan
            .picks
            .iter()
            .map(|pick| lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap())
            .collect();
        for pair in picked.windows(2) {
            prop_assert!(comes_first(&strategy, pair[0], pair[1]));
        }
    }

    #[test]
    fn fewest_lots_are_the_fewest_and_the_last_is_the_smallest_that_will_do(
        lots in lots(1, 8), wanted in 1..40, at in any_location(),
    ) {
        let plan = plan(&lots, wanted, at, &plan::Strategy::FewestLots, false);
        let candidates: Vec<&Lot> = lots.iter().filter(|lot| may_be_taken(lot, at)).collect();
        let Some(least) = least_lots(&candidates, wanted) else {
            prop_assert!(plan.short_by > 0);
            return Ok(());
        };
        prop_assert_eq!(plan.picks.len(), least as usize);

        let lot_of = |pick: &Pick| lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap();
        let (last, before) = plan.picks.split_last().unwrap();
        for pick in before {
            prop_assert_eq!(pick.quantity, lot_of(pick).free, "only the last is taken in part");
        }
        let picked: BTreeSet<Uuid> = plan.picks.iter().map(|pick| pick.lot_id).collect();
        for other in candidates.iter().filter(|lot| !picked.contains(&lot.lot_id)) {
            let last_lot = lot_of(last);
            let covers = other.free >= last.quantity;
            let older = (other.created_at, other.lot_id) < (last_lot.created_at, last_lot.lot_id);
            prop_assert!(!(covers && other.free < last_lot.free), "a smaller lot would do");
            prop_assert!(!(other.free == last_lot.free && older), "an older equal lot would do");
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_the_lots(
        (lots, shuffled) in lots(1, 10).prop_flat_map(|lots| {
            (Just(lots.clone()), Just(lots).prop_shuffle())
        }),
        wanted in any_wanted(), at in any_location(), strategy in any_strategy(), partial: bool,
    ) {
        prop_assert_eq!(
            plan(&lots, wanted, at, &strategy, partial),
            plan(&shuffled, wanted, at, &strategy, partial)
        );
        prop_assert_eq!(
            explain(&lots, wanted, at, &strategy),
            explain(&shuffled, wanted, at, &strategy)
        );
    }

    #[test]
    fn explain_shows_every_lot_once_and_what_a_partial_plan_takes(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(),
    ) {
        let rows = explain(&lots, wanted, at, &strategy);
        let shown: BTreeSet<Uuid> = rows.iter().map(|row| row.lot_id).collect();
        prop_assert_eq!(rows.len(), lots.len());
        prop_assert_eq!(shown.len(), lots.len());

        let planned: Vec<(Uuid, i32)> = plan(&lots, wanted, at, &strategy, true)
            .picks
            .iter()
            .map(|pick| (pick.lot_id, pick.quantity))
            .collect();
        let explained: Vec<(Uuid, i32)> = rows
            .iter()
            .filter(|row| row.take > 0)
            .map(|row| (row.lot_id, row.take))
            .collect();
        prop_assert_eq!(planned, explained);

        let mut blocked = false;
        for row in &rows {
            let lot = lots.iter().find(|lot| lot.lot_id == row.lot_id).unwrap();
            prop_assert_eq!((row.free, row.location_id), (lot.free, lot.location_id));
            prop_assert!(!row.reason.is_empty());
            prop_assert!(!(blocked && may_be_taken(lot, at)), "blocked lots come last");
            blocked = !may_be_taken(lot, at);
        }
    }

    #[test]
    fn lines_together_stay_within_each_lot_and_each_line_gets_its_own(
        lots in lots(LISTINGS, 12), lines in any_lines(),
    ) {
        let planned = plan_lines(&lots, &lines);
        prop_assert_eq!(planned.by_line.len(), lines.len());
        if let Some(short) = planned.short {
            prop_assert!(short.index < lines.len());
            prop_assert!(short.short_by > 0 && short.short_by <= lines[short.index].quantity);
            prop_assert!(planned.merged.is_empty());
            prop_assert!(planned.by_line.iter().all(Vec::is_empty));
            return Ok(());
        }

        let mut by_lot: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (line, picks) in lines.iter().zip(&planned.by_line) {
            prop_assert_eq!(units(picks), i64::from(line.quantity));
            for pick in picks {
                let lot = lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap();
                prop_assert!(may_be_taken(lot, line.location));
                prop_assert_eq!(lot.listing_id, line.listing_id);
                *by_lot.entry(pick.lot_id).or_insert(0) += i64::from(pick.quantity);
            }
        }
        for (lot_id, taken) in &by_lot {
            let lot = lots.iter().find(|lot| lot.lot_id == *lot_id).unwrap();
            prop_assert!(*taken <= i64::from(lot.free));
        }
        let merged: Vec<(Uuid, i64)> = planned
            .merged
            .iter()
            .map(|pick| (pick.lot_id, i64::from(pick.quantity)))
            .collect();
        prop_assert_eq!(merged, by_lot.into_iter().collect::<Vec<_>>());
    }

    /// Lines can be met exactly if at each place the bound lines fit in what is free there, and all
    /// lines of a listing fit in what it has (Hall's condition for sets that are nested or disjoint).
    #[test]
    fn lines_are_short_only_where_no_plan_exists(
        lots in lots(LISTINGS, 12), lines in any_lines(),
    ) {
        let fits = |of: Uuid, at: Option<Uuid>| {
            let asked: i64 = lines
                .iter()
                .filter(|line| line.listing_id == of && (at.is_none() || line.location == at))
                .map(|line| i64::from(line.quantity))
                .sum();
            let there_is = free_units(
                lots.iter().filter(|lot| lot.listing_id == of && may_be_taken(lot, at)),
            );
            asked <= there_is
        };
        let possible = (0..LISTINGS).map(listing).all(|of| {
            fits(of, None) && (0..LOCATIONS).all(|at| fits(of, Some(location(at))))
        });
        prop_assert_eq!(plan_lines(&lots, &lines).short.is_none(), possible);
    }

    #[test]
    fn lines_do_not_depend_on_the_order_of_the_lots(
        (lots, shuffled) in lots(LISTINGS, 12).prop_flat_map(|lots| {
            (Just(lots.clone()), Just(lots).prop_shuffle())
        }),
        lines in any_lines(),
    ) {
        prop_assert_eq!(plan_lines(&lots, &lines), plan_lines(&shuffled, &lines));
    }
}
