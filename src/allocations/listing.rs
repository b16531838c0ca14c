//! A listing as a claim sees it, before it locks anything.

use crate::counters::capacity::booked;
use crate::counters::counts::Counts;
use crate::counters::dead::{self, Dead};
use crate::counters::{expiry, levels, limits, listings as listing_rows, mirror, Deltas};
use crate::direct::shape::{LISTINGS, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use std::ops::ControlFlow;
use stockroom_core::plan::{Limits, Strategy};
use uuid::Uuid;

pub struct Listing {
    pub listing_id: Uuid,
    pub counts: Counts,
    /// Of what is held, the holds that have expired.
    pub dead: Dead,
    pub safety_stock: i32,
    pub backorder_limit: i32,
    /// Units that are booked by date: so many stay.
    pub booked: i64,
    pub attached: Option<mirror::AttachedRow>,
    pub owner_id: Option<Uuid>,
    /// Strategy of the listing's owner, fifo without one.
    pub strategy: Strategy,
    /// The owner's order of locations, for location_priority.
    pub priority: Vec<Uuid>,
}

impl Listing {
    /// Units that can be had now.
    pub fn available(&self) -> i64 {
        self.counts.available() + self.dead.units
    }

    /// Units a new claim may take: available to promise.
    pub fn promise(&self) -> i64 {
        self.available() - i64::from(self.safety_stock) - self.booked
    }

    /// Units a new hold may take: as far below zero as backorders may go. What is booked is never promised to one.
    pub fn promise_to_holds(&self) -> i64 {
        match self.booked {
            0 => self.promise() + i64::from(self.backorder_limit),
            _ => self.promise(),
        }
    }

    /// Whether some of what its lots have is promised away, so that a claim may find a free lot and
    /// be refused all the same.
    pub fn keeps_some_back(&self) -> bool {
        self.counts.held != 0 || self.safety_stock != 0 || self.booked != 0
    }

    /// Whether dead holds stand in the way of taking `units` of `promise`, or hold up others: the app's own
    /// row is to show what is left, and a location may keep some back for them.
    pub fn needs_room(&self, units: i64, promise: i64) -> bool {
        self.dead.units > 0 && (self.needed(units, promise) > 0 || self.dead_hold_up_others())
    }

    fn needed(&self, units: i64, promise: i64) -> i64 {
        (units - (promise - self.dead.units)).clamp(0, self.dead.units)
    }

    fn dead_hold_up_others(&self) -> bool {
        self.attached.is_some() || !self.dead.at.is_empty()
    }

    /// Ends those, but not more than some of the latter. What is freed is still to be counted, so it is
    /// added to `pending`; here it is counted already.
    pub fn make_room(&mut self, engine: &Engine, units: i64, promise: i64, pending: &mut Deltas) {
        self.end_dead(engine, self.needed(units, promise), i32::MAX, pending);
        if self.dead_hold_up_others() {
            self.end_dead(engine, self.dead.units, expiry::MOST_BESIDES, pending);
        }
    }

    /// Ends what has died since, once the listing is locked; what somebody has locked is not free then,
    /// nor are holds that are about to be counted.
    pub fn end_the_latest(&mut self, engine: &Engine, uncounted: &[Uuid], pending: &mut Deltas) {
        if self.dead.units > 0 {
            let all = (i64::MAX, i32::MAX);
            let freed = self.end(engine, all, uncounted);
            pending.add_all(&freed);
        }
        self.dead = Dead::default();
    }

    fn end_dead(&mut self, engine: &Engine, units: i64, most_rows: i32, pending: &mut Deltas) {
        if units > 0 {
            let freed = self.end(engine, (units, most_rows), &[]);
            self.dead.take(self.listing_id, &freed);
            pending.add_all(&freed);
        }
    }

    /// Ends so many units in so many rows at most.
    fn end(
        &mut self,
        engine: &Engine,
        (units, most_rows): (i64, i32),
        uncounted: &[Uuid],
    ) -> Deltas {
        let (tenant, listing) = (engine.tenant, self.listing_id);
        let freed = expiry::expire(engine, tenant, listing, units, most_rows, uncounted);
        self.count_freed(&freed);
        freed
    }

    fn count_freed(&mut self, freed: &Deltas) {
        self.counts.held += freed.held_of(self.listing_id) as i32;
    }
}

macro_rules! listing_columns {
    () => {
        "SELECT g.listing_id, g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held,
                g.attached_to, g.attached_key, g.sync_deferred, g.owner_id, g.safety_stock, g.backorder_limit,
                g.quantity_booked
           FROM {s}.stock_listings g WHERE g.tenant_id = $2 AND "
    };
}

static BY_KEY: Statement = Statement::fresh(
    concat!(
        listing_columns!(),
        "g.listing_id = ANY ($1) ORDER BY g.listing_id"
    ),
    &[UUIDARRAYOID, UUIDOID],
);
static SEEN: Statement = Statement::stable(
    concat!(listing_columns!(), "g.listing_id = $1"),
    &[UUIDOID, UUIDOID],
);
static STRATEGY: Statement = Statement::stable(
    "SELECT strategy_type, location_priority_order FROM {s}.allocation_strategies
      WHERE contractor_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Listings by key, in key order, as they are now and with what is about to be counted; an unknown one
/// is an error.
pub fn known(engine: &Engine, ids: &[Uuid], pending: &Deltas) -> Result<Vec<Listing>, Error> {
    let listings = all_with(engine, ids, pending);
    let known = |id: &Uuid| listings.iter().any(|listing| listing.listing_id == *id);
    match ids.iter().find(|id| !known(id)) {
        Some(&listing_id) => Err(Error::ListingNotFound { listing_id }),
        None => Ok(listings),
    }
}

/// The same, with unknown ones left out.
pub fn all_with(engine: &Engine, ids: &[Uuid], pending: &Deltas) -> Vec<Listing> {
    let mut listings = all(engine, ids);
    for listing in &mut listings {
        listing.count_freed(pending);
    }
    listings
}

/// As they are now, with unknown ones left out.
pub fn all(engine: &Engine, ids: &[Uuid]) -> Vec<Listing> {
    let mut listings = direct(engine, ids).unwrap_or_else(|| {
        let args = [id_list(ids.iter().copied()), id(engine.tenant)];
        plans::run(engine, &BY_KEY, &args, read)
    });
    for listing in &mut listings {
        listing.add_strategy(engine);
        if listing.counts.held > 0 {
            listing.dead = dead::dead_now(engine, engine.tenant, listing.listing_id);
        }
        if listing.booked > 0 {
            // The row's own number may be too high: days have passed, or holds of resources have expired.
            if listing.promise() <= 0 {
                booked::end_dead(engine, engine.tenant, listing.listing_id);
            }
            let booked = booked::peak(engine, engine.tenant, listing.listing_id);
            listing.booked = listing.booked.min(booked);
        }
    }
    listings
}

/// The same below SQL; None where only SQL can tell.
fn direct(engine: &Engine, ids: &[Uuid]) -> Option<Vec<Listing>> {
    const SAFETY_STOCK: Column = LISTINGS.column("safety_stock");
    const BACKORDER_LIMIT: Column = LISTINGS.column("backorder_limit");
    const QUANTITY_BOOKED: Column = LISTINGS.column("quantity_booked");
    const OWNER_ID: Column = LISTINGS.column("owner_id");
    let table = Table::open(engine, &LISTINGS, Access::Read)?;
    let ids = ids::in_order(ids.iter().copied());
    let mut found = Vec::with_capacity(ids.len());
    with_fresh_snapshot(|| {
        ids.iter().try_for_each(|listing_id| {
            table.scan(PRIMARY, &[Key::Id(*listing_id)], |tuple| {
                if listing_rows::tenant(tuple) == engine.tenant {
                    found.push(Listing {
                        listing_id: *listing_id,
                        counts: listing_rows::counts(tuple),
                        dead: Dead::default(),
                        safety_stock: tuple.need(SAFETY_STOCK),
                        backorder_limit: tuple.need(BACKORDER_LIMIT),
                        booked: tuple.need::<i32>(QUANTITY_BOOKED).into(),
                        attached: listing_rows::attached_row(tuple),
                        owner_id: tuple.maybe_id(OWNER_ID),
                        strategy: Strategy::Fifo,
                        priority: Vec::new(),
                    });
                }
                ControlFlow::Break(())
            })
        })
    })?;
    Some(found)
}

/// A listing as the calling query sees it.
pub fn seen(engine: &Engine, listing_id: Uuid) -> Option<Listing> {
    let key = [id(listing_id), id(engine.tenant)];
    let mut listing = plans::run_one(engine, &SEEN, &key, read)?;
    listing.add_strategy(engine);
    if listing.counts.held > 0 {
        listing.dead = dead::dead_seen(engine, engine.tenant, listing_id);
    }
    Some(listing)
}

fn read(row: &Row) -> Listing {
    Listing {
        listing_id: row.id(1),
        counts: Counts::of_row(row, 2),
        dead: Dead::default(),
        attached: mirror::attached_row(row, 6),
        owner_id: row.maybe_id(9),
        safety_stock: row.need(10),
        backorder_limit: row.need(11),
        booked: row.need::<i32>(12).into(),
        strategy: Strategy::Fifo,
        priority: Vec::new(),
    }
}

impl Listing {
    /// The owner's own strategy, if there is one.
    fn add_strategy(&mut self, engine: &Engine) {
        let Some(owner_id) = self.owner_id else {
            return;
        };
        let key = [id(owner_id), id(engine.tenant)];
        let found = plans::run_one(engine, &STRATEGY, &key, |row| {
            let priority: Vec<Option<pgrx::Uuid>> = row.get(2).unwrap_or_default();
            (row.need::<String>(1), priority)
        });
        if let Some((name, priority)) = found {
            self.priority = priority.into_iter().flatten().map(ids::from_pg).collect();
            self.strategy = Strategy::parse(&name, &self.priority).unwrap_or_default();
        }
    }

    /// The strategy called so, else the owner's.
    pub fn strategy_or_own(&self, name: Option<&str>) -> Strategy {
        name.and_then(|name| Strategy::parse(name, &self.priority))
            .unwrap_or_else(|| self.strategy.clone())
    }
}

/// How much may be taken of these listings at each location, as it is now and with what is about to be
/// counted.
pub fn limits(engine: &Engine, listings: &[Listing], pending: &Deltas) -> Limits {
    let mut limits = Limits::none();
    for listing in listings.iter().filter(|listing| listing.counts.held > 0) {
        let levels = levels::kept_back_now(engine, engine.tenant, listing.listing_id);
        let listing_id = listing.listing_id;
        limits::add(&mut limits, engine.tenant, listing_id, levels, pending);
    }
    limits
}

/// The same as the calling query sees them, with holds that have expired as free.
pub fn limits_seen(engine: &Engine, listing: &Listing) -> Limits {
    let mut limits = Limits::none();
    if listing.counts.held > 0 {
        let listing_id = listing.listing_id;
        let levels = levels::kept_back_seen(engine, engine.tenant, listing_id);
        let nothing = Deltas::default();
        limits::add(&mut limits, engine.tenant, listing_id, levels, &nothing);
        for (location_id, units) in &listing.dead.at {
            limits.add(listing_id, *location_id, *units);
        }
    }
    limits
}

/// Locks the attached rows of these listings that are written at once; answers whether there are any.
pub fn lock_attached(engine: &Engine, listings: &[Listing]) -> bool {
    let mut rows: Vec<_> = listings
        .iter()
        .filter_map(|listing| listing.attached.clone())
        .filter(|row| !row.deferred)
        .collect();
    rows.sort();
    let found = !rows.is_empty();
    mirror::lock(engine, rows);
    found
}
