//! Which of the holds that a call wants fit into what is left, one after the other.

use crate::allocations::listing::Listing;
use crate::counters::dead::Dead;
use crate::counters::{levels, places, Deltas, LevelKey};
use crate::engine::Engine;
use crate::error::Error;
use std::collections::hash_map::{Entry, HashMap};
use stockroom_core::lines::HoldLine;
use uuid::Uuid;

/// What is left for holds: of each listing, and of those of its levels that are named.
pub struct Room {
    listings: HashMap<Uuid, i64>,
    levels: HashMap<(Uuid, Uuid), i64>,
}

impl Room {
    /// As it is now and with what is about to be counted; holds that have expired are free. A location
    /// that the tenant can't use is an error.
    pub fn of<'a>(
        engine: &Engine,
        listings: &[Listing],
        lines: impl Iterator<Item = &'a HoldLine>,
        pending: &Deltas,
    ) -> Result<Room, Error> {
        let dead: HashMap<Uuid, &Dead> = listings
            .iter()
            .map(|listing| (listing.listing_id, &listing.dead))
            .collect();
        let mut room = Room {
            listings: listings
                .iter()
                .map(|listing| (listing.listing_id, listing.promise_to_holds()))
                .collect(),
            levels: HashMap::new(),
        };
        for line in lines {
            let (Some(location_id), Some(dead)) = (line.location_id, dead.get(&line.listing_id))
            else {
                continue;
            };
            if let Entry::Vacant(level) = room.levels.entry((line.listing_id, location_id)) {
                let key = LevelKey {
                    listing_id: line.listing_id,
                    location_id,
                    tenant_id: engine.tenant,
                };
                let left = match levels::now(engine, &key) {
                    Some(counts) => {
                        let dead = dead.of(Some(location_id));
                        counts.available() + dead - pending.held_at(&key)
                    }
                    None => {
                        places::require_by_read(engine, location_id)?;
                        0
                    }
                };
                level.insert(left);
            }
        }
        Ok(room)
    }

    /// Takes what the line wants, or answers how much there is.
    pub fn take(&mut self, line: &HoldLine) -> Result<(), i64> {
        let quantity = i64::from(line.quantity);
        let listing = self.listings.get_mut(&line.listing_id);
        let level = line
            .location_id
            .and_then(|location_id| self.levels.get_mut(&(line.listing_id, location_id)));
        let mut rooms: Vec<&mut i64> = listing.into_iter().chain(level).collect();
        let left = rooms.iter().map(|room| **room).min().unwrap_or(0);
        if left < quantity {
            return Err(left.max(0));
        }
        for room in &mut rooms {
            **room -= quantity;
        }
        Ok(())
    }
}
