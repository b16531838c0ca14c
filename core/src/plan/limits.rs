//! What a location may give of a listing, which can be less than its lots have.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::lot::Lot;

/// How many units may be taken of a listing at a location: holds of that location keep some of what
/// its lots have free. Where nothing is said, there is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    left: BTreeMap<(Uuid, Uuid), i64>,
}

impl Limits {
    /// No limit anywhere.
    pub fn none() -> Limits {
        Limits::default()
    }

    /// Whether there is no limit anywhere.
    pub fn is_none(&self) -> bool {
        self.left.is_empty()
    }

    /// Lets the location give `units` of the listing; nothing for zero or less.
    pub fn set(&mut self, listing_id: Uuid, location_id: Uuid, units: i64) {
        self.left.insert((listing_id, location_id), units);
    }

    /// Lets the location give so many units more, as for a hold that takes what was kept for it. Where
    /// there is no limit, there is still none.
    pub fn add(&mut self, listing_id: Uuid, location_id: Uuid, units: i64) {
        if let Some(left) = self.left.get_mut(&(listing_id, location_id)) {
            *left = left.saturating_add(units);
        }
    }

    /// How many units the location may give of the listing, zero or less for none; `None` where there
    /// is no limit.
    pub fn left(&self, listing_id: Uuid, location_id: Uuid) -> Option<i64> {
        self.left.get(&(listing_id, location_id)).copied()
    }

    /// Lets the location give so many units less. Where there is no limit, there is still none.
    pub fn take(&mut self, listing_id: Uuid, location_id: Uuid, units: i64) {
        self.add(listing_id, location_id, units.saturating_neg());
    }

    /// Units that can be had of the lot, were it the only one of its location.
    pub(super) fn free_of(&self, lot: &Lot) -> i32 {
        self.free_after(lot, 0)
    }

    fn free_after(&self, lot: &Lot, taken: i64) -> i32 {
        match self.left(lot.listing_id, lot.location_id) {
            Some(left) => left.saturating_sub(taken).min(lot.free.into()).max(0) as i32,
            None => lot.free.max(0),
        }
    }
}

/// What each lot can still give while lots of limited locations are taken one after another.
pub(super) struct Left<'a> {
    limits: &'a Limits,
    taken: BTreeMap<(Uuid, Uuid), i64>,
}

impl<'a> Left<'a> {
    pub(super) fn new(limits: &'a Limits) -> Left<'a> {
        Left {
            limits,
            taken: BTreeMap::new(),
        }
    }

    /// Units that can be had of the lot, of which nothing is taken yet.
    pub(super) fn of(&self, lot: &Lot) -> i32 {
        let taken = self.taken.get(&(lot.listing_id, lot.location_id));
        self.limits.free_after(lot, *taken.unwrap_or(&0))
    }

    pub(super) fn take(&mut self, lot: &Lot, units: i32) {
        let key = (lot.listing_id, lot.location_id);
        if self.limits.left.contains_key(&key) {
            *self.taken.entry(key).or_insert(0) += i64::from(units);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{lot, taken, CELLAR, LISTING, SHELF};
    use crate::plan::{plan, Strategy};

    fn shelf_gives(units: i64) -> Limits {
        let mut limits = Limits::none();
        limits.set(LISTING, SHELF, units);
        limits
    }

    /// Lots of the shelf with so much free, then one of the cellar.
    fn shelf_and_cellar(shelf: &[i32], cellar: i32) -> Vec<Lot> {
        let mut lots: Vec<Lot> = (1..)
            .zip(shelf)
            .map(|(number, free)| lot(number, *free))
            .collect();
        lots.push(Lot {
            location_id: CELLAR,
            ..lot(lots.len() as u128 + 1, cellar)
        });
        lots
    }

    #[test]
    fn a_limit_is_set_raised_and_used_up_and_no_limit_stays_none() {
        let mut limits = shelf_gives(3);
        limits.add(LISTING, SHELF, 2);
        limits.take(LISTING, SHELF, 4);
        assert_eq!(limits.left(LISTING, SHELF), Some(1));

        limits.add(LISTING, CELLAR, 2);
        limits.take(LISTING, CELLAR, 2);
        assert_eq!(limits.left(LISTING, CELLAR), None);
        assert_eq!(limits.left(CELLAR, SHELF), None, "another listing");
        assert!(!limits.is_none() && Limits::none().is_none());
    }

    #[test]
    fn a_limit_holds_for_all_lots_of_its_location_together() {
        let lots = shelf_and_cellar(&[2, 2, 2], 9);
        let limits = shelf_gives(3);
        let plan = |wanted, at| plan(&lots, wanted, at, &Strategy::Fifo, true, &limits);
        assert_eq!(taken(&plan(5, None)), [(1, 2), (2, 1), (4, 2)]);
        let shelf = plan(5, Some(SHELF));
        assert_eq!((taken(&shelf), shelf.short_by), (vec![(1, 2), (2, 1)], 2));
    }

    #[test]
    fn nothing_is_taken_where_holds_keep_all_or_more() {
        let lots = shelf_and_cellar(&[5], 2);
        for kept in [0, -1, i64::MIN] {
            let limits = shelf_gives(kept);
            let plan = plan(&lots, 3, None, &Strategy::LargestFirst, true, &limits);
            assert_eq!((taken(&plan), plan.short_by), (vec![(2, 2)], 1));
        }
    }

    #[test]
    fn a_lot_is_as_large_as_its_location_lets_it_be() {
        let lots = shelf_and_cellar(&[9], 5);
        let limits = shelf_gives(4);
        let plan = |wanted, strategy| taken(&plan(&lots, wanted, None, &strategy, false, &limits));
        assert_eq!(plan(6, Strategy::LargestFirst), [(2, 5), (1, 1)]);
        assert_eq!(plan(5, Strategy::FewestLots), [(2, 5)]);
        assert_eq!(plan(4, Strategy::FewestLots), [(1, 4)]);
    }

    #[test]
    fn fewest_lots_counts_what_a_location_adds_after_its_larger_lots() {
        // The shelf's second lot adds 1 after the first, the cellar's 3.
        let lots = shelf_and_cellar(&[5, 5], 3);
        let limits = shelf_gives(6);
        let plan = |wanted| {
            let strategy = Strategy::FewestLots;
            taken(&plan(&lots, wanted, None, &strategy, false, &limits))
        };
        assert_eq!(plan(8), [(1, 5), (3, 3)]);
        assert_eq!(
            plan(6),
            [(1, 5), (2, 1)],
            "the smallest that covers the rest"
        );
        assert_eq!(plan(9), [(1, 5), (3, 3), (2, 1)]);
    }
}
