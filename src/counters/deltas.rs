//! What a change adds to the counters of levels and listings.

use std::collections::BTreeMap;
use uuid::Uuid;

/// What changes in a level and its listing. Units; `listed` and `allocated` count sellable lots only.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delta {
    pub total: i64,
    pub listed: i64,
    pub allocated: i64,
    pub held: i64,
    /// Lines of the ledger that go with it.
    pub movements: i64,
    /// Whether something is claimed in it. What only frees or comes in is never refused, however low a
    /// counter is.
    pub claims: bool,
}

impl Delta {
    pub fn add(&mut self, other: Delta) {
        self.total += other.total;
        self.listed += other.listed;
        self.allocated += other.allocated;
        self.held += other.held;
        self.movements += other.movements;
        self.claims |= other.claims;
    }

    /// A line of the ledger; what it moves is counted elsewhere.
    pub fn of_movement() -> Delta {
        Delta {
            movements: 1,
            ..Delta::default()
        }
    }

    fn held(units: i64) -> Delta {
        Delta {
            held: units,
            claims: units > 0,
            ..Delta::default()
        }
    }

    pub fn reversed(&self) -> Delta {
        Delta {
            total: -self.total,
            listed: -self.listed,
            allocated: -self.allocated,
            held: -self.held,
            movements: -self.movements,
            claims: false,
        }
    }
}

/// One level: a listing of a tenant at a location. Ordered as the lock order wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelKey {
    pub listing_id: Uuid,
    pub location_id: Uuid,
    pub tenant_id: Uuid,
}

/// Deltas of listings, in lock order, each with its tenant.
pub type ListingDeltas = BTreeMap<Uuid, (Uuid, Delta)>;

/// Deltas of levels and of their listings. A listing changes by the sum of its levels, and by what is
/// held of it anywhere: a hold that names no location counts in no level.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deltas {
    levels: BTreeMap<LevelKey, Delta>,
    anywhere: ListingDeltas,
}

impl Deltas {
    /// Adds to a level; a delta of zeros touches it all the same.
    pub fn add(&mut self, key: LevelKey, delta: Delta) {
        self.levels.entry(key).or_default().add(delta);
    }

    /// Adds held units to a listing, and to the level of the location, if the hold names one.
    pub fn hold(
        &mut self,
        tenant_id: Uuid,
        listing_id: Uuid,
        location_id: Option<Uuid>,
        units: i64,
    ) {
        match location_id {
            Some(location_id) => {
                let key = LevelKey {
                    listing_id,
                    location_id,
                    tenant_id,
                };
                self.add(key, Delta::held(units));
            }
            None => self.add_anywhere(tenant_id, listing_id, Delta::held(units)),
        }
    }

    fn add_anywhere(&mut self, tenant_id: Uuid, listing_id: Uuid, delta: Delta) {
        let entry = self.anywhere.entry(listing_id);
        entry.or_insert((tenant_id, Delta::default())).1.add(delta);
    }

    pub fn add_all(&mut self, others: &Deltas) {
        for (key, delta) in &others.levels {
            self.add(*key, *delta);
        }
        for (listing_id, (tenant_id, delta)) in &others.anywhere {
            self.add_anywhere(*tenant_id, *listing_id, *delta);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.anywhere.is_empty()
    }

    /// In lock order.
    pub fn levels(&self) -> &BTreeMap<LevelKey, Delta> {
        &self.levels
    }

    /// The sums, in lock order.
    pub fn listings(&self) -> ListingDeltas {
        let mut sums = self.anywhere.clone();
        for (key, delta) in &self.levels {
            let entry = sums.entry(key.listing_id);
            entry
                .or_insert((key.tenant_id, Delta::default()))
                .1
                .add(*delta);
        }
        sums
    }

    /// What is added to a listing's held units.
    pub fn held_of(&self, listing_id: Uuid) -> i64 {
        let anywhere = self
            .anywhere
            .get(&listing_id)
            .map_or(0, |(_, delta)| delta.held);
        let at_levels: i64 = self
            .levels
            .iter()
            .filter(|(key, _)| key.listing_id == listing_id)
            .map(|(_, delta)| delta.held)
            .sum();
        anywhere + at_levels
    }

    /// What is added to the held units of a level.
    pub fn held_at(&self, key: &LevelKey) -> i64 {
        self.levels.get(key).map_or(0, |delta| delta.held)
    }

    /// The levels' part, taken back.
    pub fn levels_reversed(&self) -> Deltas {
        let reversed = self
            .levels
            .iter()
            .map(|(key, delta)| (*key, delta.reversed()));
        Deltas {
            levels: reversed.collect(),
            anywhere: ListingDeltas::new(),
        }
    }

    /// Whether a refusal leaves nothing behind but locks: then at most one row was written before the
    /// one that refuses, and [`super::rollup::apply`] takes it back.
    pub fn lose_without_trace(&self) -> bool {
        self.levels.len() <= 1 && self.listings().len() == 1
    }
}
