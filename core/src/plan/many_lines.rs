//! A plan for several lines over the same lots.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::limits::Limits;
use super::lot::Lot;
use super::one_line::{plan, Pick};
use super::strategy::Strategy;

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
    /// Whether the line takes what there is where that is less than it wants.
    pub partial: bool,
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
    /// For each given line, in the given order, its own picks in the order of its strategy; those of
    /// a partial line may have fewer units than it wants. All empty when short.
    pub by_line: Vec<Vec<Pick>>,
    /// The first line, in the order of planning, that must be had in full and can't; `None` where
    /// there is none.
    pub short: Option<ShortLine>,
}

/// Plans several lines over the same lots, which may be of several listings: all or nothing, but for
/// partial lines.
///
/// No lot is taken twice over, nor what `limits` let a location give: each line sees what the ones
/// planned before it leave. Lines with a location are planned before lines without one, each group in
/// the given order, so that a line with a free choice never takes what a bound one needs. As the
/// locations of bound lines don't overlap, this finds a plan whenever there is one. The partial lines
/// of a group come last in it: what they take is what its others leave.
pub fn plan_lines(lots: &[Lot], lines: &[PlanLine], limits: &Limits) -> LinesPlan {
    let mut by_listing: HashMap<Uuid, Vec<Lot>> = HashMap::new();
    for lot in lots {
        by_listing
            .entry(lot.listing_id)
            .or_default()
            .push(lot.clone());
    }

    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&index| {
        let line = &lines[index];
        (line.location.is_none(), line.partial, index)
    });

    let mut limits = limits.clone();
    let mut by_line = vec![Vec::new(); lines.len()];
    let mut merged: BTreeMap<Uuid, Pick> = BTreeMap::new();
    for index in order {
        let line = &lines[index];
        let listing = by_listing.entry(line.listing_id).or_default();
        let planned = plan(
            listing,
            line.quantity,
            line.location,
            &line.strategy,
            line.partial,
            &limits,
        );
        if planned.short_by > 0 && !line.partial {
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
            limits.take(pick.listing_id, pick.location_id, pick.quantity.into());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{lot, CELLAR, LISTING, SHELF};

    fn line(quantity: i32, location: Option<Uuid>, strategy: Strategy) -> PlanLine {
        PlanLine {
            listing_id: LISTING,
            quantity,
            location,
            strategy,
            partial: false,
        }
    }

    fn units_by_line(planned: &LinesPlan) -> Vec<i32> {
        let units = |picks: &Vec<Pick>| picks.iter().map(|pick| pick.quantity).sum();
        planned.by_line.iter().map(units).collect()
    }

    #[test]
    fn lines_bound_to_a_location_are_planned_first() {
        let mut lots = [lot(1, 3), lot(2, 3)];
        lots[1].location_id = CELLAR;
        let lines = [
            line(3, None, Strategy::Fifo),
            line(3, Some(SHELF), Strategy::Fifo),
        ];
        let planned = plan_lines(&lots, &lines, &Limits::none());
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
            &Limits::none(),
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
        let planned = plan_lines(
            &[lot(1, 5)],
            &[line(2, None, Strategy::Fifo), unknown],
            &Limits::none(),
        );
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
    fn a_partial_line_takes_what_the_others_leave() {
        let mut partial = line(9, None, Strategy::Fifo);
        partial.partial = true;
        let nothing_left = PlanLine {
            quantity: 1,
            ..partial.clone()
        };
        let planned = plan_lines(
            &[lot(1, 2), lot(2, 5)],
            &[partial, nothing_left, line(4, None, Strategy::Fifo)],
            &Limits::none(),
        );
        assert_eq!(planned.short, None);
        assert_eq!(units_by_line(&planned), [3, 0, 4]);
        assert_eq!(planned.merged.len(), 2);
    }

    #[test]
    fn lines_use_a_limit_up_and_bound_ones_come_first() {
        let mut lots = [lot(1, 5), lot(2, 5), lot(3, 4)];
        lots[2].location_id = CELLAR;
        let mut limits = Limits::none();
        limits.set(LISTING, SHELF, 0);
        limits.add(LISTING, SHELF, 6);
        let plan = |unbound| {
            let lines = [
                line(unbound, None, Strategy::Fifo),
                line(4, Some(SHELF), Strategy::Fifo),
                line(2, Some(SHELF), Strategy::Fifo),
            ];
            plan_lines(&lots, &lines, &limits)
        };
        let planned = plan(4);
        assert_eq!(planned.short, None);
        assert_eq!(units_by_line(&planned), [4, 4, 2]);
        assert_eq!(planned.by_line[0][0].location_id, CELLAR);
        assert_eq!(
            plan(5).short,
            Some(ShortLine {
                index: 0,
                short_by: 1
            })
        );
        assert_eq!(limits.left(LISTING, SHELF), Some(6));
    }
}
