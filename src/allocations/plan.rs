//! What an order wants, and which lots would give it.

use super::answer::Short;
use super::free_lots::Enough;
use super::listing::Listing;
use super::tries::Seen;
use crate::ids;
use stockroom_core::lines::Line;
use stockroom_core::plan::{self, Limits, Pick, PlanLine, Strategy};
use uuid::Uuid;

/// What an order wants.
pub struct Want {
    pub order_id: Uuid,
    /// Merged and sorted.
    pub lines: Vec<Line>,
    /// Take what there is; for a single line.
    pub partial: bool,
}

impl Want {
    /// Its listings, in key order.
    pub fn listing_ids(&self) -> Vec<Uuid> {
        ids::in_order(self.lines.iter().map(|line| line.listing_id))
    }

    /// Units of a listing in all lines.
    pub fn units_of(&self, listing_id: Uuid) -> i64 {
        let own = self
            .lines
            .iter()
            .filter(|line| line.listing_id == listing_id);
        own.map(|line| i64::from(line.quantity)).sum()
    }

    /// Short by the listing's own counter, whatever the lots say.
    pub fn refuse_early(&self, listings: &[Listing]) -> Option<Short> {
        listings.iter().find_map(|listing| {
            let requested = self.units_of(listing.listing_id);
            let enough = if self.partial { 1 } else { requested };
            (listing.promise() < enough).then(|| Short {
                listing_id: listing.listing_id,
                location_id: None,
                requested,
                available: listing.promise().max(0),
            })
        })
    }

    /// First in, first out needs no more lots than it takes from; the others choose among all.
    pub fn enough(&self, listings: &[Listing], limits: &Limits) -> Enough {
        match self.lines.as_slice() {
            [line] => {
                let listing = listing_of(listings, line.listing_id);
                let is_fifo = listing.strategy_or_own(line.strategy) == Strategy::Fifo;
                // A location may keep back what its lots have.
                if is_fifo && limits.is_none() {
                    Enough::Oldest(line.quantity, line.location_id)
                } else {
                    Enough::All
                }
            }
            _ => Enough::All,
        }
    }

    /// What to take from which lot, at most one pick a lot.
    pub fn plan(&self, seen: &Seen) -> Result<Vec<Pick>, Short> {
        if let Some(short) = self.refuse_early(&seen.listings) {
            return Err(short);
        }
        match self.lines.as_slice() {
            [line] => self.plan_one(line, seen),
            lines => plan_all(lines, seen),
        }
    }

    fn plan_one(&self, line: &Line, seen: &Seen) -> Result<Vec<Pick>, Short> {
        let listing = listing_of(&seen.listings, line.listing_id);
        let wanted = i64::from(line.quantity).min(listing.promise()) as i32;
        let plan = plan::plan(
            &seen.lots,
            wanted,
            line.location_id,
            &listing.strategy_or_own(line.strategy),
            self.partial,
            &seen.limits,
        );
        if plan.picks.is_empty() {
            return Err(short_of(line, i64::from(wanted) - i64::from(plan.short_by)));
        }
        Ok(plan.picks)
    }
}

fn plan_all(lines: &[Line], seen: &Seen) -> Result<Vec<Pick>, Short> {
    let plan_lines: Vec<PlanLine> = lines
        .iter()
        .map(|line| PlanLine {
            listing_id: line.listing_id,
            quantity: line.quantity,
            location: line.location_id,
            strategy: listing_of(&seen.listings, line.listing_id).strategy_or_own(line.strategy),
            partial: false,
        })
        .collect();
    let plan = plan::plan_lines(&seen.lots, &plan_lines, &seen.limits);
    match plan.short {
        Some(short) => {
            let line = &lines[short.index];
            Err(short_of(
                line,
                i64::from(line.quantity) - i64::from(short.short_by),
            ))
        }
        None => Ok(plan.merged),
    }
}

pub fn listing_of(listings: &[Listing], listing_id: Uuid) -> &Listing {
    listings
        .iter()
        .find(|listing| listing.listing_id == listing_id)
        .expect("listing was read")
}

pub fn short_of(line: &Line, available: i64) -> Short {
    Short {
        listing_id: line.listing_id,
        location_id: line.location_id,
        requested: line.quantity.into(),
        available: available.max(0),
    }
}
