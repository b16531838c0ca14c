//! Making holds: refused by a read where they can be, else in line, then in tries.

use super::fit::Room;
use super::written::{self, Common, NewHold};
use crate::allocations::listing::{self, Listing};
use crate::counters::{
    expiry, levels, listings as counted, mirror, places, rollup, Deltas, Guard, ListingAfter,
    Refusal,
};
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::queue;
use crate::subtransaction::attempt;
use crate::tries::{self, Claim, KeyTaken};
use std::collections::HashMap;
use std::ops::ControlFlow;
use uuid::Uuid;

/// The holds that a call wants.
pub struct Wish {
    pub holds: Vec<NewHold>,
    pub common: Common,
    /// All of them, or none.
    pub together: bool,
}

/// What became of one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    Held,
    /// So much could be had.
    Short(i64),
    /// There is no such listing.
    Unknown,
}

/// What became of all of them.
pub struct Placed {
    pub fates: Vec<Fate>,
    /// What is available of each listing, holds that have expired included.
    pub available: HashMap<Uuid, i64>,
}

impl Placed {
    fn refused(fates: Vec<Fate>, listings: &[Listing]) -> Placed {
        let available = listings
            .iter()
            .map(|listing| (listing.listing_id, listing.available()));
        Placed {
            fates,
            available: available.collect(),
        }
    }
}

type Loss = tries::Loss<Placed>;

/// Makes the holds that fit, in their order; all or none of them, where they belong together.
pub fn place(engine: &Engine, wish: &mut Wish) -> Result<Result<Placed, KeyTaken>, Error> {
    let (fates, listings) = match wish.read(engine)? {
        ControlFlow::Continue(seen) => seen,
        ControlFlow::Break(refused) => return Ok(Ok(refused)),
    };
    // Not before: a key costs a refusal more than the rest of it.
    for hold in &mut wish.holds {
        hold.hold_id = ids::new_key();
    }
    let wish = &*wish;
    let in_line = queue::stand_in_line(engine, &wish.accepted_listings(&fates));
    let attached = listings.iter().any(|listing| listing.attached.is_some());
    let placed = if attached {
        // Their rows are read and written by statements: pinned once for all of them.
        pinned(|| match listing::lock_attached(engine, &listings) {
            true => tries::anew(engine, wish),
            false => tries::run(engine, wish, (fates, listings)),
        })
    } else {
        tries::run(engine, wish, (fates, listings))
    };
    if !matches!(&placed, Ok(Ok(placed)) if placed.fates.contains(&Fate::Held)) {
        in_line.leave();
    }
    placed
}

/// The attached rows are locked.
impl Claim for Wish {
    type Seen = (Vec<Fate>, Vec<Listing>);
    type Done = Placed;

    fn read(&self, engine: &Engine) -> Result<ControlFlow<Placed, Self::Seen>, Error> {
        let listings = listing::all(engine, &self.listing_ids());
        let fates = self.fit(engine, &listings, &Deltas::default())?;
        Ok(match self.goes_on(&fates) {
            true => ControlFlow::Continue((fates, listings)),
            false => ControlFlow::Break(Placed::refused(fates, &listings)),
        })
    }

    fn write(&self, engine: &Engine, (fates, listings): Self::Seen) -> Result<Placed, Loss> {
        self.place_on_what_is_read(engine, fates, listings)
    }

    fn under_locks(&self, engine: &Engine) -> Result<Placed, Loss> {
        self.place_under_locks(engine)
    }
}

impl Wish {
    /// In key order.
    fn listing_ids(&self) -> Vec<Uuid> {
        ids::in_order(self.holds.iter().map(|hold| hold.line.listing_id))
    }

    fn accepted<'a>(&'a self, fates: &'a [Fate]) -> impl Iterator<Item = &'a NewHold> {
        self.holds
            .iter()
            .zip(fates)
            .filter(|(_, fate)| **fate == Fate::Held)
            .map(|(hold, _)| hold)
    }

    fn accepted_listings(&self, fates: &[Fate]) -> Vec<Uuid> {
        ids::in_order(self.accepted(fates).map(|hold| hold.line.listing_id))
    }

    /// What would become of each, by what is read.
    fn fit(
        &self,
        engine: &Engine,
        listings: &[Listing],
        pending: &Deltas,
    ) -> Result<Vec<Fate>, Error> {
        let lines = self.holds.iter().map(|hold| &hold.line);
        let mut room = Room::of(engine, listings, lines, pending)?;
        let known = |listing_id| {
            listings
                .binary_search_by_key(&listing_id, |listing| listing.listing_id)
                .is_ok()
        };
        let fate = |hold: &NewHold| {
            if !known(hold.line.listing_id) {
                return Fate::Unknown;
            }
            match room.take(&hold.line) {
                Ok(()) => Fate::Held,
                Err(left) => Fate::Short(left),
            }
        };
        Ok(self.holds.iter().map(fate).collect())
    }

    fn goes_on(&self, fates: &[Fate]) -> bool {
        let held = |fate: &Fate| *fate == Fate::Held;
        if self.together {
            fates.iter().all(held)
        } else {
            fates.iter().any(held)
        }
    }

    /// Units of each listing that are to be held.
    fn units(&self, fates: &[Fate]) -> HashMap<Uuid, i64> {
        let mut units: HashMap<Uuid, i64> = HashMap::new();
        for hold in self.accepted(fates) {
            *units.entry(hold.line.listing_id).or_default() += i64::from(hold.line.quantity);
        }
        units
    }

    fn place_on_what_is_read(
        &self,
        engine: &Engine,
        fates: Vec<Fate>,
        mut listings: Vec<Listing>,
    ) -> Result<Placed, Loss> {
        let units = self.units(&fates);
        let units_of = |listing: &Listing| units.get(&listing.listing_id).copied();
        let needs_room = |listing: &Listing| {
            let promise = listing.promise_to_holds();
            units_of(listing).is_some_and(|units| listing.needs_room(units, promise))
        };
        let accepted: Vec<NewHold> = self.accepted(&fates).cloned().collect();
        if !listings.iter().any(needs_room) {
            let after = match self.place_on_trial(engine, &accepted, &listings) {
                Some(tried) => tried?,
                None => attempt(|| self.insert_and_count(engine, &accepted, Deltas::default()))?,
            };
            return Ok(self.placed(engine, fates, &listings, &after));
        }
        attempt(|| {
            let mut pending = Deltas::default();
            for listing in &mut listings {
                if let Some(units) = units_of(listing) {
                    let promise = listing.promise_to_holds();
                    listing.make_room(engine, units, promise, &mut pending);
                }
            }
            let after = self.insert_and_count(engine, &accepted, pending)?;
            Ok(self.placed(engine, fates, &listings, &after))
        })
    }

    /// The rows go first: whoever has written the same key waits for the listings, too.
    fn place_under_locks(&self, engine: &Engine) -> Result<Placed, Loss> {
        attempt(|| {
            let ids = self.listing_ids();
            let mut pending = expiry::expire_all(engine, &ids);
            self.insert(engine, &self.holds)?;
            let listings: Vec<_> = ids.iter().map(|id| (engine.tenant, *id)).collect();
            levels::lock_all(engine, &listings);
            counted::lock_all(engine, &listings);
            let mut listings = listing::all_with(engine, &ids, &pending);
            // With a short time to live, their own may have run out by now.
            let own: Vec<Uuid> = self.holds.iter().map(|hold| hold.hold_id).collect();
            for listing in &mut listings {
                listing.end_the_latest(engine, &own, &mut pending);
            }
            let fates = self.fit(engine, &listings, &pending).map_err(Loss::Error)?;
            if !self.goes_on(&fates) {
                return Err(Loss::Refused(Placed::refused(fates, &listings)));
            }
            let (accepted, refused): (Vec<_>, Vec<_>) = self
                .holds
                .iter()
                .cloned()
                .zip(&fates)
                .partition(|(_, fate)| **fate == Fate::Held);
            for (hold, _) in refused {
                written::take_back(engine, &hold);
            }
            let accepted: Vec<NewHold> = accepted.into_iter().map(|(hold, _)| hold).collect();
            let after = count(engine, &accepted, pending)?;
            Ok(self.placed(engine, fates, &listings, &after))
        })
    }

    fn placed(
        &self,
        engine: &Engine,
        fates: Vec<Fate>,
        listings: &[Listing],
        after: &[ListingAfter],
    ) -> Placed {
        mirror::write(engine, after);
        let mut placed = Placed::refused(fates, listings);
        for listing in after {
            let read = listings
                .iter()
                .find(|read| read.listing_id == listing.listing_id);
            let dead = read.map_or(0, |read| read.dead.units);
            let available = i64::from(listing.available) + dead;
            placed.available.insert(listing.listing_id, available);
        }
        placed
    }

    /// Writes the rows and counts them, with what is pending.
    fn insert_and_count(
        &self,
        engine: &Engine,
        accepted: &[NewHold],
        pending: Deltas,
    ) -> Result<Vec<ListingAfter>, Loss> {
        self.insert(engine, accepted)?;
        count(engine, accepted, pending)
    }

    fn insert(&self, engine: &Engine, holds: &[NewHold]) -> Result<(), Loss> {
        for hold in holds {
            if let Some(location_id) = hold.line.location_id {
                places::require(engine, engine.tenant, location_id).map_err(Loss::Error)?;
            }
        }
        written::insert(engine, &self.common, holds).map_err(|KeyTaken| Loss::KeyTaken)
    }

    /// One hold that names no location is written before its listing is waited for: the less there is to
    /// do with that locked, the better. A listing is judged before it is locked, so that a refusal leaves
    /// nothing that has to be undone but the row. None where that is not so.
    fn place_on_trial(
        &self,
        engine: &Engine,
        accepted: &[NewHold],
        listings: &[Listing],
    ) -> Option<Result<Vec<ListingAfter>, Loss>> {
        let [hold] = accepted else { return None };
        let goes_by_statement = |listing: &Listing| {
            let attached = listing.attached.as_ref();
            attached.is_some_and(|row| row.deferred)
        };
        if hold.line.location_id.is_some()
            || listings.iter().any(goes_by_statement)
            || !counted::are_judged_before_locked(engine)
        {
            return None;
        }
        let written = written::insert_on_trial(engine, &self.common, hold)?;
        Some(written.map_err(|KeyTaken| Loss::KeyTaken).and_then(|()| {
            count(engine, accepted, Deltas::default())
                .inspect_err(|_| written::take_back(engine, hold))
        }))
    }
}

fn count(
    engine: &Engine,
    accepted: &[NewHold],
    pending: Deltas,
) -> Result<Vec<ListingAfter>, Loss> {
    let mut deltas = pending;
    for hold in accepted {
        let line = &hold.line;
        let units = i64::from(line.quantity);
        deltas.hold(engine.tenant, line.listing_id, line.location_id, units);
    }
    rollup::apply(engine, &deltas, Guard::Hold).map_err(|refusal| match refusal {
        Refusal::Lost | Refusal::Promised => Loss::Raced,
        Refusal::Error(error) => Loss::Error(error),
    })
}
