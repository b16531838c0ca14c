//! What is read to plan a claim.

use crate::clock;
use crate::counters::{listings as listing_rows, mirror};
use crate::direct::shape::{LISTINGS, LOTS, LOTS_IN_STOCK, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Table, Tuple};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use std::ops::ControlFlow;
use stockroom_core::plan::{Lot, Strategy};
use uuid::Uuid;

/// A listing as a claim sees it.
pub struct Listing {
    pub listing_id: Uuid,
    pub available: i32,
    pub held: i32,
    pub safety_stock: i32,
    pub attached: Option<mirror::AttachedRow>,
    pub owner_id: Option<Uuid>,
    /// Strategy of the listing's owner, fifo without one.
    pub strategy: Strategy,
    /// The owner's order of locations, for location_priority.
    pub priority: Vec<Uuid>,
}

impl Listing {
    /// Units a new claim may take: available to promise.
    pub fn promise(&self) -> i64 {
        i64::from(self.available) - i64::from(self.safety_stock)
    }

    /// Whether some of what its lots have is promised away, so that a claim may find a free lot and
    /// be refused all the same.
    pub fn keeps_some_back(&self) -> bool {
        self.held != 0 || self.safety_stock != 0
    }
}

macro_rules! listing_columns {
    () => {
        "SELECT g.listing_id, g.quantity_available, g.safety_stock,
                g.attached_to, g.attached_key, g.sync_deferred, g.owner_id, g.quantity_held
           FROM {s}.stock_listings g WHERE g.tenant_id = $2 AND "
    };
}

static LISTINGS_BY_KEY: Statement = Statement::fresh(
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

/// Listings by key, in key order, as they are now; unknown ones are left out.
pub fn listings(engine: &Engine, ids: &[Uuid]) -> Vec<Listing> {
    let mut listings = direct_listings(engine, ids).unwrap_or_else(|| {
        let args = [id_list(ids.iter().copied()), id(engine.tenant)];
        plans::run(engine, &LISTINGS_BY_KEY, &args, read_listing)
    });
    for listing in &mut listings {
        listing.add_strategy(engine);
    }
    listings
}

/// The same below SQL; None where only SQL can tell.
fn direct_listings(engine: &Engine, ids: &[Uuid]) -> Option<Vec<Listing>> {
    const SAFETY_STOCK: Column = LISTINGS.column("safety_stock");
    const OWNER_ID: Column = LISTINGS.column("owner_id");
    let table = Table::open(engine, &LISTINGS, Access::Read)?;
    let mut ids = ids.to_vec();
    ids.sort();
    let mut found = Vec::with_capacity(ids.len());
    with_fresh_snapshot(|| {
        ids.iter().try_for_each(|listing_id| {
            table.scan(PRIMARY, &[*listing_id], |tuple| {
                if listing_rows::tenant(tuple) == engine.tenant {
                    let counts = listing_rows::counts(tuple);
                    found.push(Listing {
                        listing_id: *listing_id,
                        available: counts.available() as i32,
                        held: counts.held,
                        safety_stock: tuple.need(SAFETY_STOCK),
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
pub fn listing_seen(engine: &Engine, listing_id: Uuid) -> Option<Listing> {
    let key = [id(listing_id), id(engine.tenant)];
    let mut listing = plans::run_one(engine, &SEEN, &key, read_listing)?;
    listing.add_strategy(engine);
    Some(listing)
}

fn read_listing(row: &Row) -> Listing {
    Listing {
        listing_id: row.id(1),
        available: row.need(2),
        held: row.need(8),
        safety_stock: row.need(3),
        attached: mirror::attached_row(row, 4),
        owner_id: row.maybe_id(7),
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
}

macro_rules! lot_columns {
    () => {
        "SELECT lot_id, listing_id, location_id, quantity_total - quantity_allocated, created_at,
                expires_on, listed, (unit_cost * 10000)::bigint
           FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND tenant_id = $2 "
    };
}

static FREE: Statement = Statement::fresh(
    concat!(
        lot_columns!(),
        "AND in_stock ORDER BY listing_id, created_at, lot_id"
    ),
    &[UUIDARRAYOID, UUIDOID],
);
static ALL: Statement = Statement::stable(lot_columns!(), &[UUIDARRAYOID, UUIDOID]);
static LOCKED: Statement = Statement::fresh(
    concat!(
        lot_columns!(),
        "AND listed ORDER BY lot_id FOR NO KEY UPDATE"
    ),
    &[UUIDARRAYOID, UUIDOID],
);

/// All lots of these listings, for an explanation.
pub fn all_lots(engine: &Engine, listings: &[Uuid]) -> Vec<Lot> {
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    plans::run(engine, &ALL, &args, read_lot)
}

/// All listed lots of these listings, locked in lock order: what is planned on them cannot lose.
pub fn locked_lots(engine: &Engine, listings: &[Uuid]) -> Vec<Lot> {
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    plans::run(engine, &LOCKED, &args, read_lot)
}

/// How much of a listing's free lots a plan needs to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Enough {
    /// All that a claim could take from.
    All,
    /// The oldest that together have so many units, at a location if one is given.
    Oldest(i32, Option<Uuid>),
}

/// Lots that a claim could take from, as they are now.
pub fn free_lots(engine: &Engine, listings: &[Uuid], enough: Enough) -> Vec<Lot> {
    direct_free_lots(engine, listings, enough).unwrap_or_else(|| {
        let args = [id_list(listings.iter().copied()), id(engine.tenant)];
        plans::run(engine, &FREE, &args, read_lot)
    })
}

/// The same below SQL; None where only SQL can tell.
fn direct_free_lots(engine: &Engine, listings: &[Uuid], enough: Enough) -> Option<Vec<Lot>> {
    const TENANT_ID: Column = LOTS.column("tenant_id");
    let table = Table::open(engine, &LOTS, Access::Read)?;
    let mut found = Vec::new();
    with_fresh_snapshot(|| {
        listings.iter().try_for_each(|listing_id| {
            let mut units = 0;
            table.scan(LOTS_IN_STOCK, &[*listing_id], |tuple| {
                if tuple.id(TENANT_ID) == engine.tenant {
                    let lot = lot_of(tuple);
                    let counts = match enough {
                        Enough::Oldest(_, Some(place)) => lot.location_id == place,
                        _ => true,
                    };
                    if counts && !lot.expired {
                        units += i64::from(lot.free);
                        found.push(lot);
                    }
                }
                match enough {
                    Enough::Oldest(wanted, _) if units >= i64::from(wanted) => {
                        ControlFlow::Break(())
                    }
                    _ => ControlFlow::Continue(()),
                }
            })
        })
    })?;
    Some(found)
}

fn lot_of(tuple: &Tuple) -> Lot {
    const LOT_ID: Column = LOTS.column("lot_id");
    const LISTING_ID: Column = LOTS.column("listing_id");
    const LOCATION_ID: Column = LOTS.column("location_id");
    const QUANTITY_TOTAL: Column = LOTS.column("quantity_total");
    const QUANTITY_ALLOCATED: Column = LOTS.column("quantity_allocated");
    const CREATED_AT: Column = LOTS.column("created_at");
    const EXPIRES_ON: Column = LOTS.column("expires_on");
    const LISTED: Column = LOTS.column("listed");
    const UNIT_COST: Column = LOTS.column("unit_cost");
    let expires_on = tuple.get(EXPIRES_ON);
    Lot {
        lot_id: tuple.id(LOT_ID),
        listing_id: tuple.id(LISTING_ID),
        location_id: tuple.id(LOCATION_ID),
        free: tuple.need::<i32>(QUANTITY_TOTAL) - tuple.need::<i32>(QUANTITY_ALLOCATED),
        created_at: tuple.need(CREATED_AT),
        expires_on,
        expired: clock::has_expired(expires_on),
        listed: tuple.need(LISTED),
        unit_cost: tuple.get(UNIT_COST).map(ten_thousandths),
    }
}

/// A cost as the planner compares it.
fn ten_thousandths(cost: pgrx::AnyNumeric) -> i64 {
    (cost * pgrx::AnyNumeric::from(10_000))
        .try_into()
        .expect("a unit cost has at most four decimal places and stays in range")
}

fn read_lot(row: &Row) -> Lot {
    let expires_on = row.get(6);
    Lot {
        lot_id: row.id(1),
        listing_id: row.id(2),
        location_id: row.id(3),
        free: row.need(4),
        // Only the order counts: PostgreSQL's own microseconds and days.
        created_at: row.need(5),
        expires_on,
        expired: clock::has_expired(expires_on),
        listed: row.need(7),
        unit_cost: row.get(8),
    }
}
