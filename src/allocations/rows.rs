//! SQL texts of claims: what is read to plan one, and the rows it writes.

use crate::counters::{aside, mirror};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, UUIDARRAYOID, UUIDOID};
use stockroom_core::plan::{Lot, Pick, Strategy};
use uuid::Uuid;

/// A listing as a claim sees it.
pub struct Listing {
    pub listing_id: Uuid,
    pub available: i32,
    pub safety_stock: i32,
    pub attached: Option<mirror::AttachedRow>,
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
}

macro_rules! listing_columns {
    () => {
        "SELECT g.listing_id, g.quantity_available, g.safety_stock,
                g.attached_to, g.attached_key, g.sync_deferred, s.strategy_type, s.location_priority_order
           FROM {s}.stock_listings g
           LEFT JOIN {s}.allocation_strategies s
                  ON s.contractor_id = g.owner_id AND s.tenant_id = g.tenant_id
          WHERE g.tenant_id = $2 AND "
    };
}

static LISTINGS: Statement = Statement::fresh(
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

/// Listings by key, in key order, as they are now; unknown ones are left out.
pub fn listings(engine: &Engine, ids: &[Uuid]) -> Vec<Listing> {
    let args = [id_list(ids.iter().copied()), id(engine.tenant)];
    plans::run(engine, &LISTINGS, &args, read_listing)
}

/// A listing as the calling query sees it.
pub fn listing_seen(engine: &Engine, listing_id: Uuid) -> Option<Listing> {
    plans::run_one(
        engine,
        &SEEN,
        &[id(listing_id), id(engine.tenant)],
        read_listing,
    )
}

fn read_listing(row: &Row) -> Listing {
    let priority: Vec<Option<pgrx::Uuid>> = row.get(8).unwrap_or_default();
    let priority: Vec<Uuid> = priority.into_iter().flatten().map(ids::from_pg).collect();
    let strategy = row.get::<String>(7);
    Listing {
        listing_id: row.id(1),
        available: row.need(2),
        safety_stock: row.need(3),
        attached: mirror::attached_row(row, 4),
        strategy: strategy
            .and_then(|name| Strategy::parse(&name, &priority))
            .unwrap_or(Strategy::Fifo),
        priority,
    }
}

macro_rules! lot_columns {
    () => {
        "SELECT lot_id, listing_id, location_id, quantity_total - quantity_allocated, created_at,
                expires_on, coalesce(expires_on < {today}, false), listed,
                (unit_cost * 10000)::bigint
           FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND tenant_id = $2 "
    };
}

static FREE: Statement = Statement::fresh(
    concat!(
        lot_columns!(),
        "AND listed AND quantity_total > quantity_allocated
         AND (expires_on IS NULL OR expires_on >= {today})"
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

/// Which lots to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Which {
    /// Those that a claim could take from, as they are now.
    Free,
    /// All of them, for an explanation.
    All,
    /// All listed ones, locked in lock order: what is planned on them cannot lose.
    Locked,
}

/// Lots of these listings.
pub fn lots(engine: &Engine, listings: &[Uuid], which: Which) -> Vec<Lot> {
    let statement = match which {
        Which::Free => &FREE,
        Which::All => &ALL,
        Which::Locked => &LOCKED,
    };
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    plans::run(engine, statement, &args, read_lot)
}

fn read_lot(row: &Row) -> Lot {
    Lot {
        lot_id: row.id(1),
        listing_id: row.id(2),
        location_id: row.id(3),
        free: row.need(4),
        // Only the order counts: PostgreSQL's own microseconds and days.
        created_at: row.need(5),
        expires_on: row.get(6),
        expired: row.need(7),
        listed: row.need(8),
        unit_cost: row.get(9),
    }
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations (allocation_id, tenant_id, listing_id, lot_id, order_id, quantity)
     SELECT n.allocation_id, $1, n.listing_id, n.lot_id, $2, n.quantity
       FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[])
            AS n (allocation_id, listing_id, lot_id, quantity)
     RETURNING allocation_id, lot_id, quantity,
               status = 'active' AND tenant_id = $1 AND order_id = $2",
    &[UUIDOID, UUIDOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID],
);

/// Writes one active allocation a pick, and answers their keys in the same order.
pub fn insert(engine: &Engine, order_id: Uuid, picks: &[Pick]) -> Vec<Uuid> {
    let keys: Vec<Uuid> = picks.iter().map(|_| ids::new_key()).collect();
    let args = [
        id(engine.tenant),
        id(order_id),
        id_list(keys.iter().copied()),
        id_list(picks.iter().map(|pick| pick.listing_id)),
        id_list(picks.iter().map(|pick| pick.lot_id)),
        picks
            .iter()
            .map(|pick| pick.quantity)
            .collect::<Vec<i32>>()
            .into(),
    ];
    let written = aside::during(|| {
        plans::run(engine, &INSERT, &args, |row| {
            (
                row.id(1),
                row.id(2),
                row.need::<i32>(3),
                row.need::<bool>(4),
            )
        })
    });
    // A trigger of the app may have swallowed or changed a claim that the counters have already.
    let wanted = keys.iter().zip(picks);
    if !written
        .into_iter()
        .eq(wanted.map(|(key, pick)| (*key, pick.lot_id, pick.quantity, true)))
    {
        Error::WriteInterfered.raise();
    }
    keys
}
