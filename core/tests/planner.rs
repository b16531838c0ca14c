//! Properties of the planner. What each strategy means is written here a second time, as which of two
//! lots comes first, and plans are held against that.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stockroom_core::condition::Condition;
use stockroom_core::plan::{
    self, explain, plan, plan_lines, Limits, LinesPlan, Lot, Pick, PlanLine,
};
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
        prop_oneof![9 => Just(Condition::Good), 1 => Just(Condition::Damaged)],
        proptest::option::of(0..4i64),
    )
        .prop_map(
            |(
                in_listing,
                at,
                free,
                created_at,
                expires_on,
                expired,
                listed,
                condition,
                unit_cost,
            )| Lot {
                lot_id: Uuid::nil(),
                listing_id: listing(in_listing),
                location_id: location(at),
                free,
                created_at,
                expires_on,
                expired,
                listed,
                condition,
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
    let partial = proptest::bool::weighted(0.2);
    let line = (
        0..LISTINGS,
        1..6i32,
        any_location(),
        any_strategy(),
        partial,
    )
        .prop_map(|(of, quantity, location, strategy, partial)| PlanLine {
            listing_id: listing(of),
            quantity,
            location,
            strategy,
            partial,
        });
    prop::collection::vec(line, 0..6)
}

/// No limits, or some for some of the places.
fn any_limits(listings: u128) -> impl Strategy<Value = Limits> {
    let units = prop_oneof![8 => 0..12i64, 1 => -3..0i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let place = (0..listings, 0..LOCATIONS, units);
    prop_oneof![
        1 => Just(Limits::none()),
        2 => prop::collection::vec(place, 1..6).prop_map(|places| {
            let mut limits = Limits::none();
            for (of, at, units) in places {
                limits.set(listing(of), location(at), units);
            }
            limits
        }),
    ]
}

fn may_be_taken(lot: &Lot, at: Option<Uuid>, limits: &Limits) -> bool {
    lot.listed
        && lot.condition == Condition::Good
        && !lot.expired
        && lot.free > 0
        && at.is_none_or(|at| at == lot.location_id)
        && limits
            .left(lot.listing_id, lot.location_id)
            .is_none_or(|units| units > 0)
}

/// What may be taken, each lot with at most what its location may give.
fn candidates(lots: &[Lot], at: Option<Uuid>, limits: &Limits) -> Vec<Lot> {
    lots.iter()
        .filter(|lot| may_be_taken(lot, at, limits))
        .map(|lot| Lot {
            free: within(limits, lot.listing_id, lot.location_id, lot.free.into()) as i32,
            ..lot.clone()
        })
        .collect()
}

/// `units`, or what the limit leaves of them.
fn within(limits: &Limits, of: Uuid, at: Uuid, units: i64) -> i64 {
    let left = limits.left(of, at);
    left.map_or(units, |left| units.min(left).max(0))
}

/// How many units of a listing can be had at a location, all its lots together.
fn there_is(lots: &[Lot], of: Uuid, at: Uuid, limits: &Limits) -> i64 {
    let of_the_place = |lot: &&Lot| lot.listing_id == of && may_be_taken(lot, Some(at), limits);
    within(limits, of, at, free_units(lots.iter().filter(of_the_place)))
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
fn least_lots(lots: &[Lot], wanted: i32, limits: &Limits) -> Option<u32> {
    (0u32..1 << lots.len())
        .filter(|subset| {
            let chosen: Vec<Lot> = (0..lots.len())
                .filter(|bit| subset & (1 << bit) != 0)
                .map(|bit| lots[bit].clone())
                .collect();
            let units: i64 = (0..LOCATIONS)
                .map(|at| there_is(&chosen, listing(0), location(at), limits))
                .sum();
            units >= i64::from(wanted)
        })
        .map(u32::count_ones)
        .min()
}

/// The units that picks take of a listing at a location.
fn taken_at(picks: &[Pick], of: Uuid, at: Uuid) -> i64 {
    picks
        .iter()
        .filter(|pick| (pick.listing_id, pick.location_id) == (of, at))
        .map(|pick| i64::from(pick.quantity))
        .sum()
}

/// The units that some of the lines ask for.
fn asked(lines: &[PlanLine], of_which: impl Fn(&PlanLine) -> bool) -> i64 {
    let of_which = lines.iter().filter(|line| of_which(line));
    of_which.map(|line| i64::from(line.quantity)).sum()
}

/// The units that some of the lines get.
fn got(planned: &LinesPlan, lines: &[PlanLine], of_which: impl Fn(&PlanLine) -> bool) -> i64 {
    let with_picks = lines.iter().zip(&planned.by_line);
    let of_which = with_picks.filter(|(line, _)| of_which(line));
    of_which.map(|(_, picks)| units(picks)).sum()
}

/// Whether no location gives more than it may.
fn stays_within(picks: &[Pick], limits: &Limits) -> bool {
    (0..LISTINGS).map(listing).all(|of| {
        (0..LOCATIONS).map(location).all(|at| {
            let taken = taken_at(picks, of, at);
            taken == 0 || limits.left(of, at).is_none_or(|left| taken <= left)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plan_takes_only_what_may_be_taken(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(), partial: bool, limits in any_limits(1),
    ) {
        let plan = plan(&lots, wanted, at, &strategy, partial, &limits);
        let mut seen = BTreeSet::new();
        for pick in &plan.picks {
            let lot = lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap();
            prop_assert!(may_be_taken(lot, at, &limits));
            prop_assert!(pick.quantity > 0 && pick.quantity <= lot.free);
            prop_assert_eq!(pick.listing_id, lot.listing_id);
            prop_assert_eq!(pick.location_id, lot.location_id);
            prop_assert!(seen.insert(pick.lot_id), "a lot is picked once");
        }
        prop_assert!(stays_within(&plan.picks, &limits));
    }

    #[test]
    fn a_plan_takes_all_or_nothing_and_a_partial_one_what_there_is(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(), limits in any_limits(1),
    ) {
        let wanted_units = i64::from(wanted.max(0));
        let there_is: i64 = (0..LOCATIONS)
            .map(location)
            .filter(|place| at.is_none_or(|at| at == *place))
            .map(|place| there_is(&lots, listing(0), place, &limits))
            .sum();
        let short_by = (wanted_units - there_is).max(0);

        let whole = plan(&lots, wanted, at, &strategy, false, &limits);
        prop_assert_eq!(i64::from(whole.short_by), short_by);
        prop_assert_eq!(units(&whole.picks), if short_by > 0 { 0 } else { wanted_units });

        let partial = plan(&lots, wanted, at, &strategy, true, &limits);
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
        limits in any_limits(1),
    ) {
        let plan = plan(&lots, wanted, at, &strategy, true, &limits);
        let taken: BTreeMap<Uuid, i32> =
            plan.picks.iter().map(|pick| (pick.lot_id, pick.quantity)).collect();
        let candidates = candidates(&lots, at, &limits);
        // Whether the location had nothing more to give after `a`.
        let used_up = |a: &Lot| {
            let up_to_a = candidates
                .iter()
                .filter(|lot| lot.location_id == a.location_id)
                .filter(|lot| lot.lot_id == a.lot_id || comes_first(&strategy, lot, a))
                .map(|lot| i64::from(*taken.get(&lot.lot_id).unwrap_or(&0)))
                .sum();
            limits.left(a.listing_id, a.location_id) == Some(up_to_a)
        };
        for a in &candidates {
            for b in &candidates {
                if a.lot_id != b.lot_id
                    && comes_first(&strategy, a, b)
                    && taken.contains_key(&b.lot_id)
                    && !used_up(a)
                {
                    prop_assert_eq!(taken.get(&a.lot_id), Some(&a.free));
                }
            }
        }
        let picked: Vec<&Lot> = plan
            .picks
            .iter()
            .map(|pick| candidates.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap())
            .collect();
        for pair in picked.windows(2) {
            prop_assert!(comes_first(&strategy, pair[0], pair[1]));
        }
    }

    #[test]
    fn fewest_lots_are_the_fewest_and_the_last_is_the_smallest_that_will_do(
        lots in lots(1, 8), wanted in 1..20, at in any_location(), limits in any_limits(1),
    ) {
        let strategy = plan::Strategy::FewestLots;
        let plan = plan(&lots, wanted, at, &strategy, false, &limits);
        let candidates = candidates(&lots, at, &limits);
        let Some(least) = least_lots(&candidates, wanted, &limits) else {
            prop_assert!(plan.short_by > 0);
            return Ok(());
        };
        prop_assert_eq!(plan.picks.len(), least as usize);

        let lot_of = |pick: &Pick| {
            candidates.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap()
        };
        // What a lot still has to give after the picks.
        let free_after = |picks: &[Pick], lot: &Lot| {
            let mut limits = limits.clone();
            for pick in picks {
                limits.take(pick.listing_id, pick.location_id, pick.quantity.into());
            }
            within(&limits, lot.listing_id, lot.location_id, lot.free.into())
        };
        let (last, before) = plan.picks.split_last().unwrap();
        for (index, pick) in before.iter().enumerate() {
            let free = free_after(&before[..index], lot_of(pick));
            prop_assert_eq!(i64::from(pick.quantity), free, "only the last is taken in part");
        }
        let last_lot = lot_of(last);
        let last_free = free_after(before, last_lot);
        let picked: BTreeSet<Uuid> = plan.picks.iter().map(|pick| pick.lot_id).collect();
        for other in candidates.iter().filter(|lot| !picked.contains(&lot.lot_id)) {
            let free = free_after(before, other);
            let covers = free >= i64::from(last.quantity);
            let older = (other.created_at, other.lot_id) < (last_lot.created_at, last_lot.lot_id);
            prop_assert!(!(covers && free < last_free), "a smaller lot would do");
            prop_assert!(!(free == last_free && older), "an older equal lot would do");
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_the_lots(
        (lots, shuffled) in lots(1, 10).prop_flat_map(|lots| {
            (Just(lots.clone()), Just(lots).prop_shuffle())
        }),
        wanted in any_wanted(), at in any_location(), strategy in any_strategy(), partial: bool,
        limits in any_limits(1),
    ) {
        prop_assert_eq!(
            plan(&lots, wanted, at, &strategy, partial, &limits),
            plan(&shuffled, wanted, at, &strategy, partial, &limits)
        );
        prop_assert_eq!(
            explain(&lots, wanted, at, &strategy, &limits),
            explain(&shuffled, wanted, at, &strategy, &limits)
        );
    }

    #[test]
    fn limits_that_leave_every_lot_free_change_nothing(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(), partial: bool,
    ) {
        let mut ample = Limits::none();
        for place in (0..LOCATIONS).map(location) {
            ample.set(listing(0), place, there_is(&lots, listing(0), place, &Limits::none()));
        }
        let without = plan(&lots, wanted, at, &strategy, partial, &Limits::none());
        prop_assert_eq!(without, plan(&lots, wanted, at, &strategy, partial, &ample));
    }

    #[test]
    fn explain_shows_every_lot_once_and_what_a_partial_plan_takes(
        lots in lots(1, 10), wanted in any_wanted(), at in any_location(),
        strategy in any_strategy(), limits in any_limits(1),
    ) {
        let rows = explain(&lots, wanted, at, &strategy, &limits);
        let shown: BTreeSet<Uuid> = rows.iter().map(|row| row.lot_id).collect();
        prop_assert_eq!(rows.len(), lots.len());
        prop_assert_eq!(shown.len(), lots.len());

        let planned: Vec<(Uuid, i32)> = plan(&lots, wanted, at, &strategy, true, &limits)
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
            let limited = limits.left(lot.listing_id, lot.location_id).is_some();
            prop_assert!(limited || !row.reason.contains("kept for holds"));
            let may_be_taken = may_be_taken(lot, at, &limits);
            prop_assert!(!(blocked && may_be_taken), "blocked lots come last");
            blocked = !may_be_taken;
        }
    }

    #[test]
    fn lines_together_stay_within_each_lot_and_each_line_gets_its_own(
        lots in lots(LISTINGS, 12), lines in any_lines(), limits in any_limits(LISTINGS),
    ) {
        let planned = plan_lines(&lots, &lines, &limits);
        prop_assert_eq!(planned.by_line.len(), lines.len());
        if let Some(short) = planned.short {
            prop_assert!(short.index < lines.len() && !lines[short.index].partial);
            prop_assert!(short.short_by > 0 && short.short_by <= lines[short.index].quantity);
            prop_assert!(planned.merged.is_empty());
            prop_assert!(planned.by_line.iter().all(Vec::is_empty));
            return Ok(());
        }

        let mut by_lot: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (line, picks) in lines.iter().zip(&planned.by_line) {
            let wanted = i64::from(line.quantity);
            prop_assert!(units(picks) == wanted || line.partial && units(picks) < wanted);
            for pick in picks {
                let lot = lots.iter().find(|lot| lot.lot_id == pick.lot_id).unwrap();
                prop_assert!(may_be_taken(lot, line.location, &limits));
                prop_assert_eq!(lot.listing_id, line.listing_id);
                *by_lot.entry(pick.lot_id).or_insert(0) += i64::from(pick.quantity);
            }
        }
        for (lot_id, taken) in &by_lot {
            let lot = lots.iter().find(|lot| lot.lot_id == *lot_id).unwrap();
            prop_assert!(*taken <= i64::from(lot.free));
        }
        prop_assert!(stays_within(&planned.merged, &limits));
        let merged: Vec<(Uuid, i64)> = planned
            .merged
            .iter()
            .map(|pick| (pick.lot_id, i64::from(pick.quantity)))
            .collect();
        prop_assert_eq!(merged, by_lot.into_iter().collect::<Vec<_>>());
    }

    /// Lines can be met exactly if at each place the bound lines fit in what it may give, and all
    /// lines of a listing fit in what its places may (Hall's condition for sets that are nested or
    /// disjoint).
    #[test]
    fn lines_are_short_only_where_no_plan_exists(
        lots in lots(LISTINGS, 12), mut lines in any_lines(), limits in any_limits(LISTINGS),
    ) {
        for line in &mut lines {
            line.partial = false;
        }
        let asked = |of: Uuid, at: Option<Uuid>| {
            asked(&lines, |line| line.listing_id == of && (at.is_none() || line.location == at))
        };
        let possible = (0..LISTINGS).map(listing).all(|of| {
            let mut in_all = 0;
            let bound_fit = (0..LOCATIONS).map(location).all(|at| {
                let there_is = there_is(&lots, of, at, &limits);
                in_all += there_is;
                asked(of, Some(at)) <= there_is
            });
            bound_fit && asked(of, None) <= in_all
        });
        prop_assert_eq!(plan_lines(&lots, &lines, &limits).short.is_none(), possible);
    }

    #[test]
    fn partial_lines_take_all_that_there_is_for_them(
        lots in lots(LISTINGS, 12), mut lines in any_lines(), limits in any_limits(LISTINGS),
    ) {
        for line in &mut lines {
            line.partial = true;
        }
        let planned = plan_lines(&lots, &lines, &limits);
        prop_assert_eq!(planned.short, None);
        for of in (0..LISTINGS).map(listing) {
            let mut left = 0;
            for at in (0..LOCATIONS).map(location) {
                let bound = |line: &PlanLine| line.listing_id == of && line.location == Some(at);
                let there_is = there_is(&lots, of, at, &limits);
                let got = got(&planned, &lines, bound);
                prop_assert_eq!(got, there_is.min(asked(&lines, bound)));
                left += there_is - got;
            }
            let unbound = |line: &PlanLine| line.listing_id == of && line.location.is_none();
            prop_assert_eq!(got(&planned, &lines, unbound), left.min(asked(&lines, unbound)));
        }
    }

    /// A location's limit is what its lots have free less what holds of that location keep, and the
    /// holds that are confirmed take their own part out of what is kept.
    #[test]
    fn confirmed_holds_get_all_they_hold_and_leave_the_others_theirs(
        mut lots in lots(LISTINGS, 12), wanted in any_lines(), confirmed: [bool; 6],
    ) {
        for lot in &mut lots {
            (lot.listed, lot.expired, lot.free) = (true, false, lot.free.clamp(0, 20));
            lot.condition = Condition::Good;
        }
        let free = |of, at| there_is(&lots, of, at, &Limits::none());
        let held = |holds: &[PlanLine], of: Uuid, at: Option<Uuid>| {
            asked(holds, |hold| hold.listing_id == of && (at.is_none() || hold.location == at))
        };
        let mut holds: Vec<PlanLine> = Vec::new();
        for hold in wanted {
            let of = hold.listing_id;
            holds.push(hold);
            let in_all: i64 = (0..LOCATIONS).map(|at| free(of, location(at))).sum();
            let fits_at = |at| held(&holds, of, Some(at)) <= free(of, at);
            if held(&holds, of, None) > in_all || !(0..LOCATIONS).map(location).all(fits_at) {
                holds.pop();
            }
        }

        let mut limits = Limits::none();
        for hold in &holds {
            if let Some(at) = hold.location {
                let of = hold.listing_id;
                limits.set(of, at, free(of, at) - held(&holds, of, Some(at)));
            }
        }
        let (lines, others): (Vec<_>, Vec<_>) =
            holds.iter().cloned().zip(confirmed).partition(|(_, confirmed)| *confirmed);
        let lines: Vec<PlanLine> = lines.into_iter().map(|(line, _)| line).collect();
        let others: Vec<PlanLine> = others.into_iter().map(|(other, _)| other).collect();
        for line in &lines {
            if let Some(at) = line.location {
                limits.add(line.listing_id, at, line.quantity.into());
            }
        }

        let planned = plan_lines(&lots, &lines, &limits);
        prop_assert_eq!(planned.short, None);
        for (line, picks) in lines.iter().zip(&planned.by_line) {
            prop_assert_eq!(units(picks), i64::from(line.quantity));
        }
        for other in &others {
            if let Some(at) = other.location {
                let of = other.listing_id;
                let left = free(of, at) - taken_at(&planned.merged, of, at);
                prop_assert!(held(&others, of, Some(at)) <= left);
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_the_order_of_the_lots(
        (lots, shuffled) in lots(LISTINGS, 12).prop_flat_map(|lots| {
            (Just(lots.clone()), Just(lots).prop_shuffle())
        }),
        lines in any_lines(), limits in any_limits(LISTINGS),
    ) {
        prop_assert_eq!(
            plan_lines(&lots, &lines, &limits),
            plan_lines(&shuffled, &lines, &limits)
        );
    }
}
