//! Taking stock for an order: refused by a read where it can be, else in line, then in tries.

use super::answer::{Short, Taken};
use super::free_lots::{self, Enough};
use super::listing::{self, Listing};
use super::plan::{listing_of, short_of, Want};
use super::tries::{self, Claim, Loss, Plan, Seen};
use super::written::Row;
use crate::counters::{Deltas, Guard};
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::queue::{self, Places};
use stockroom_core::plan::Limits;
use uuid::Uuid;

impl Claim for Want {
    fn listing_ids(&self) -> Vec<Uuid> {
        Want::listing_ids(self)
    }

    fn order_id(&self) -> Uuid {
        self.order_id
    }

    fn guard(&self) -> Guard {
        Guard::Claim
    }

    fn wants(&self, listing: &Listing) -> (i64, i64) {
        (self.units_of(listing.listing_id), listing.promise())
    }

    fn refuse(&self, listings: &[Listing]) -> Option<Short> {
        self.refuse_early(listings)
    }

    fn enough(&self, listings: &[Listing], limits: &Limits) -> Enough {
        Want::enough(self, listings, limits)
    }

    fn plan(&self, seen: &Seen) -> Result<Plan, Loss> {
        let picks = Want::plan(self, seen).map_err(Loss::Short)?;
        let row = |pick| Row {
            pick,
            hold_id: None,
        };
        Ok(Plan {
            rows: picks.into_iter().map(row).collect(),
            besides: Deltas::default(),
        })
    }
}

/// Claims the lines, all or nothing, or what there is of a single partial one.
pub fn take(engine: &Engine, want: &Want) -> Result<Taken, Error> {
    let ids = want.listing_ids();
    let listings = read_listings(engine, &ids)?;
    if let Some(short) = want.refuse_early(&listings) {
        return Ok(Taken::Short(short));
    }
    let places = queue::stand_in_line(engine, &ids);
    let taken = if listings.iter().any(|listing| listing.attached.is_some()) {
        // Their rows are read and written by statements: pinned once for all of them.
        pinned(|| take_in_turn(engine, want, listings))?
    } else {
        take_in_turn(engine, want, listings)?
    };
    if let Taken::Short(_) = taken {
        places.leave();
    }
    Ok(taken)
}

fn take_in_turn(engine: &Engine, want: &Want, mut listings: Vec<Listing>) -> Result<Taken, Error> {
    let ids = want.listing_ids();
    if listing::lock_attached(engine, &listings) {
        listings = read_listings(engine, &ids)?;
    }
    match tries::claim(engine, want, listings) {
        Ok(claimed) => Ok(Taken::Done(claimed.answer())),
        Err(Loss::Short(short)) => Ok(Taken::Short(short)),
        Err(Loss::Error(error)) => Err(error),
        // With all lots locked only a listing can refuse: that much is promised away.
        Err(Loss::Raced) => {
            let listings = read_listings(engine, &ids)?;
            Ok(Taken::Short(want.refuse_early(&listings).unwrap_or_else(
                || {
                    let line = &want.lines[0];
                    short_of(line, listing_of(&listings, line.listing_id).promise())
                },
            )))
        }
    }
}

/// Refuses what a read can refuse; otherwise the claim stands in line for its listings, before the
/// caller writes anything.
pub fn refuse_or_line_up(engine: &Engine, want: &Want) -> Result<Result<Places, Short>, Error> {
    let ids = want.listing_ids();
    let listings = read_listings(engine, &ids)?;
    if let Some(short) = want.refuse_early(&listings) {
        return Ok(Err(short));
    }
    let limits = listing::limits(engine, &listings, &Deltas::default());
    let seen = Seen {
        lots: free_lots::free(engine, &ids, want.enough(&listings, &limits)),
        listings,
        limits,
        locked: false,
    };
    match Want::plan(want, &seen) {
        // Holds that have expired may keep something back there.
        Err(short) if seen.limits.is_none() => Ok(Err(short)),
        _ => Ok(Ok(queue::stand_in_line(engine, &ids))),
    }
}

fn read_listings(engine: &Engine, ids: &[Uuid]) -> Result<Vec<Listing>, Error> {
    listing::known(engine, ids, &Deltas::default())
}
