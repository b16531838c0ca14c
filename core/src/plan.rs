//! The planner: which lots a claim takes.
//!
//! A plan is a function of the lots alone: it doesn't depend on the order in which they come, so two
//! sessions that read the same rows plan the same picks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

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
    /// Cost of one unit in ten-thousandths of the currency, `None` where unknown.
    pub unit_cost: Option<i64>,
}

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

/// One line of an order, for [`plan_lines`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine {
    /// The listing to take.
    pub listing_id: Uuid,
    /// How many units, in smallest units. Nothing is planned for zero or less.
    pub quantity: i32,
    /// The only location to take from; `None` for any.
    pub location: Option<Uuid>,
    /// In which order lots are taken.
    pub strategy: Strategy,
}

/// The line on which [`plan_lines`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLine {
    /// The line's index in the lines that were given.
    pub index: usize,
    /// How many of its units can't be had, at least 1, after what earlier planned lines take.
    pub short_by: i32,
}

/// What [`plan_lines`] decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesPlan {
    /// What to take from each lot for all lines together, by `lot_id`, which is the order in which
    /// lots are locked. Empty when short.
    pub merged: Vec<Pick>,
    /// For each given line, in the given order, its own picks in the order of its strategy. All
    /// empty when short.
    pub by_line: Vec<Vec<Pick>>,
    /// The first line, in the order of planning, that can't be had in full; `None` when all can.
    pub short: Option<ShortLine>,
}

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

/// Plans a claim of `wanted` units over `lots`, which are all of one listing.
///
/// Expired, unlisted and empty lots are never picked, nor those outside `location` where one is
/// given. All or nothing unless `partial`: a plan that is short has no picks then, and with `partial`
/// it has all that there is. Nothing is picked for a `wanted` of zero or less.
pub fn plan(
    lots: &[Lot],
    wanted: i32,
    location: Option<Uuid>,
    strategy: &Strategy,
    partial: bool,
) -> Plan {
    let mut candidates = takeable(lots, location);
    put_in_order(&mut candidates, wanted, strategy);
    let mut plan = take(&candidates, wanted);
    if plan.short_by > 0 && !partial {
        plan.picks.clear();
    }
    plan
}

/// Plans several lines over the same lots, which may be of several listings: all or nothing.
///
/// No lot is taken twice over: each line sees what the ones planned before it leave. Lines with a
/// location are planned before lines without one, each group in the given order, so that a line with
/// a free choice never takes what a bound one needs. As the locations of bound lines don't overlap,
/// this finds a plan whenever there is one.
pub fn plan_lines(lots: &[Lot], lines: &[PlanLine]) -> LinesPlan {
    let mut by_listing: HashMap<Uuid, Vec<Lot>> = HashMap::new();
    for lot in lots {
        by_listing
            .entry(lot.listing_id)
            .or_default()
            .push(lot.clone());
    }

    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&index| (lines[index].location.is_none(), index));

    let mut by_line = vec![Vec::new(); lines.len()];
    let mut merged: BTreeMap<Uuid, Pick> = BTreeMap::new();
    for index in order {
        let line = &lines[index];
        let listing = by_listing.entry(line.listing_id).or_default();
        let planned = plan(listing, line.quantity, line.location, &line.strategy, false);
        if planned.short_by > 0 {
            return LinesPlan {
                merged: Vec::new(),
                by_line: vec![Vec::new(); lines.len()],
                short: Some(ShortLine {
                    index,
                    short_by: planned.short_by,
                }),
            };
        }
        let taken: HashMap<Uuid, i32> = planned
            .picks
            .iter()
            .map(|pick| (pick.lot_id, pick.quantity))
            .collect();
        for lot in listing.iter_mut() {
            lot.free -= taken.get(&lot.lot_id).unwrap_or(&0);
        }
        for pick in &planned.picks {
            merged
                .entry(pick.lot_id)
                .and_modify(|sum| sum.quantity += pick.quantity)
                .or_insert_with(|| pick.clone());
        }
        by_line[index] = planned.picks;
    }
    LinesPlan {
        merged: merged.into_values().collect(),
        by_line,
        short: None,
    }
}

/// Says for every lot of a listing what [`plan`] would do with it, and why.
///
/// First the lots that can be taken, in the order in which the strategy looks at them, then those it
/// never takes, oldest first. Where the stock is short it shows what a partial plan would take.
pub fn explain(
    lots: &[Lot],
    wanted: i32,
    location: Option<Uuid>,
    strategy: &Strategy,
) -> Vec<Explained> {
    let mut candidates = takeable(lots, location);
    put_in_order(&mut candidates, wanted, strategy);
    let taken: HashMap<Uuid, i32> = take(&candidates, wanted)
        .picks
        .iter()
        .map(|pick| (pick.lot_id, pick.quantity))
        .collect();
    let looked_at = candidates.iter().map(|lot| {
        let take = *taken.get(&lot.lot_id).unwrap_or(&0);
        let reason = if take > 0 {
            format!(
                "{}, takes {take} of {}",
                rank_reason(lot, strategy),
                lot.free
            )
        } else {
            "not needed".to_owned()
        };
        Explained {
            lot_id: lot.lot_id,
            location_id: lot.location_id,
            free: lot.free,
            take,
            reason,
        }
    });

    let mut never: Vec<(&Lot, &'static str)> = lots
        .iter()
        .filter_map(|lot| obstacle(lot, location).map(|reason| (lot, reason)))
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

/// Why a lot can't be taken at all; `None` where it can.
fn obstacle(lot: &Lot, location: Option<Uuid>) -> Option<&'static str> {
    if location.is_some_and(|wanted| wanted != lot.location_id) {
        Some("other location")
    } else if !lot.listed {
        Some("not listed")
    } else if lot.expired {
        Some("expired")
    } else if lot.free <= 0 {
        Some("nothing free")
    } else {
        None
    }
}

fn takeable(lots: &[Lot], location: Option<Uuid>) -> Vec<&Lot> {
    lots.iter()
        .filter(|lot| obstacle(lot, location).is_none())
        .collect()
}

/// The key of fifo, which settles every tie.
fn age(lot: &Lot) -> (i64, Uuid) {
    (lot.created_at, lot.lot_id)
}

/// Sorts takeable lots into the order in which `strategy` takes them for `wanted` units.
fn put_in_order(lots: &mut [&Lot], wanted: i32, strategy: &Strategy) {
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
        Strategy::LargestFirst => lots.sort_by_key(|lot| (Reverse(lot.free), age(lot))),
        Strategy::FewestLots => {
            lots.sort_by_key(|lot| (Reverse(lot.free), age(lot)));
            move_smallest_cover_forward(lots, wanted);
        }
        Strategy::CheapestFirst => {
            lots.sort_by_key(|lot| (lot.unit_cost.is_none(), lot.unit_cost, age(lot)));
        }
    }
}

/// With lots sorted largest first, moves the smallest lot that covers the rest to where the rest is
/// first covered by one lot; the others keep their order.
fn move_smallest_cover_forward(lots: &mut [&Lot], wanted: i32) {
    let mut rest = i64::from(wanted);
    for last in 0..lots.len() {
        if i64::from(lots[last].free) >= rest {
            let covering = lots[last..].partition_point(|lot| i64::from(lot.free) >= rest);
            let smallest = lots[last + covering - 1].free;
            // The first of the equally small ones is the oldest.
            let chosen = last + lots[last..].partition_point(|lot| lot.free > smallest);
            lots[last..=chosen].rotate_right(1);
            return;
        }
        rest -= i64::from(lots[last].free);
    }
}

/// Takes `wanted` units from lots that are already in order, as far as they reach.
fn take(lots: &[&Lot], wanted: i32) -> Plan {
    let mut rest = wanted.max(0);
    let mut picks = Vec::new();
    for lot in lots {
        if rest == 0 {
            break;
        }
        let quantity = rest.min(lot.free);
        rest -= quantity;
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

    const LISTING: Uuid = Uuid::from_u128(1000);
    const SHELF: Uuid = Uuid::from_u128(1);
    const CELLAR: Uuid = Uuid::from_u128(2);

    /// A lot whose age follows its number.
    fn lot(number: u128, free: i32) -> Lot {
        Lot {
            lot_id: Uuid::from_u128(number),
            listing_id: LISTING,
            location_id: SHELF,
            free,
            created_at: number as i64,
            expires_on: None,
            expired: false,
            listed: true,
            unit_cost: None,
        }
    }

    fn taken(plan: &Plan) -> Vec<(u128, i32)> {
        plan.picks
            .iter()
            .map(|pick| (pick.lot_id.as_u128(), pick.quantity))
            .collect()
    }

    fn order(lots: &[Lot], wanted: i32, strategy: &Strategy) -> Vec<u128> {
        let plan = plan(lots, wanted, None, strategy, true);
        taken(&plan).into_iter().map(|(number, _)| number).collect()
    }

    fn line(quantity: i32, location: Option<Uuid>, strategy: Strategy) -> PlanLine {
        PlanLine {
            listing_id: LISTING,
            quantity,
            location,
            strategy,
        }
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
        let fifo = plan(&lots, 6, None, &Strategy::Fifo, false);
        assert_eq!(taken(&fifo), [(1, 3), (2, 3)]);
        let lifo = plan(&lots, 6, None, &Strategy::Lifo, false);
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
        let one = plan(&lots, 5, None, &Strategy::FewestLots, false);
        assert_eq!(taken(&one), [(3, 5)]);
        let exact = plan(&lots, 4, None, &Strategy::FewestLots, false);
        assert_eq!(taken(&exact), [(2, 4)]);
        let two = plan(&lots, 13, None, &Strategy::FewestLots, false);
        assert_eq!(taken(&two), [(1, 10), (2, 3)]);
        let all = plan(&lots, 99, None, &Strategy::FewestLots, true);
        assert_eq!(taken(&all), [(1, 10), (3, 6), (4, 6), (2, 4)]);
    }

    #[test]
    fn short_is_all_or_nothing_unless_partial() {
        let lots = [lot(1, 2), lot(2, 2)];
        let refused = plan(&lots, 5, None, &Strategy::Fifo, false);
        assert_eq!((taken(&refused), refused.short_by), (vec![], 1));
        let partial = plan(&lots, 5, None, &Strategy::Fifo, true);
        assert_eq!(
            (taken(&partial), partial.short_by),
            (vec![(1, 2), (2, 2)], 1)
        );
    }

    #[test]
    fn nothing_is_planned_for_zero_or_less() {
        for strategy in Strategy::NAMES.map(|name| Strategy::parse(name, &[]).unwrap()) {
            for wanted in [0, -1, i32::MIN] {
                let plan = plan(&[lot(1, 2)], wanted, None, &strategy, false);
                assert_eq!((plan.picks.len(), plan.short_by), (0, 0));
            }
        }
    }

    #[test]
    fn the_largest_quantities_dont_overflow() {
        let lots = [lot(1, i32::MAX), lot(2, i32::MAX), lot(3, i32::MIN)];
        for strategy in Strategy::NAMES.map(|name| Strategy::parse(name, &[]).unwrap()) {
            let plan = plan(&lots, i32::MAX, None, &strategy, false);
            assert_eq!((plan.picks.len(), plan.short_by), (1, 0));
        }
        let none = plan(&[], i32::MAX, None, &Strategy::FewestLots, true);
        assert_eq!(none.short_by, i32::MAX);
    }

    #[test]
    fn lines_bound_to_a_location_are_planned_first() {
        let mut lots = [lot(1, 3), lot(2, 3)];
        lots[1].location_id = CELLAR;
        let lines = [
            line(3, None, Strategy::Fifo),
            line(3, Some(SHELF), Strategy::Fifo),
        ];
        let planned = plan_lines(&lots, &lines);
        assert_eq!(planned.short, None);
        assert_eq!(planned.by_line[0][0].lot_id, lots[1].lot_id);
        assert_eq!(planned.by_line[1][0].lot_id, lots[0].lot_id);
    }

    #[test]
    fn lines_share_a_lot_and_are_merged_by_it() {
        let planned = plan_lines(
            &[lot(2, 4), lot(1, 1)],
            &[
                line(2, None, Strategy::Fifo),
                line(3, None, Strategy::LargestFirst),
            ],
        );
        let merged: Vec<_> = planned
            .merged
            .iter()
            .map(|pick| (pick.lot_id.as_u128(), pick.quantity))
            .collect();
        assert_eq!(merged, [(1, 1), (2, 4)]);
        assert_eq!(planned.by_line[0].len(), 2);
        assert_eq!(planned.by_line[1].len(), 1);
    }

    #[test]
    fn a_short_line_leaves_nothing_and_is_named() {
        let mut unknown = line(1, None, Strategy::Fifo);
        unknown.listing_id = Uuid::from_u128(2000);
        let planned = plan_lines(&[lot(1, 5)], &[line(2, None, Strategy::Fifo), unknown]);
        assert_eq!(
            planned.short,
            Some(ShortLine {
                index: 1,
                short_by: 1
            })
        );
        assert!(planned.merged.is_empty());
        assert_eq!(planned.by_line, [vec![], vec![]]);
    }

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
        ];
        lots[3].expired = true;
        lots[4].listed = false;
        lots[6].location_id = CELLAR;
        let reasons: Vec<_> = explain(&lots, 5, Some(SHELF), &Strategy::Fifo)
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
            explain(&lots, 2, None, &strategy)
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
}
