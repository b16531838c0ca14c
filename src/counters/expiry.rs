//! Holds past their time. They count as free at once, by a look at the index of live holds; here their
//! rows and the counters follow, when a claim needs the units, or somebody sweeps.

use super::{aside, mirror, rollup, Deltas};
use crate::clock;
use crate::direct::shape::{HOLDS, HOLDS_LIVE};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, maybe_id, Row, Statement};
use pgrx::pg_sys::{INT4OID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use uuid::Uuid;

/// Units of a listing in holds that have expired and are still in its counters.
#[derive(Debug, Clone, Default)]
pub struct Dead {
    pub units: i64,
    /// Those of them that name a location.
    pub at: BTreeMap<Uuid, i64>,
}

impl Dead {
    fn add(&mut self, location_id: Option<Uuid>, quantity: i32) {
        self.units += i64::from(quantity);
        if let Some(location_id) = location_id {
            *self.at.entry(location_id).or_default() += i64::from(quantity);
        }
    }

    /// Without those that were ended meanwhile.
    pub fn take(&mut self, listing_id: Uuid, freed: &Deltas) {
        self.units += freed.held_of(listing_id);
        for (key, delta) in freed.levels() {
            if let Some(units) = self.at.get_mut(&key.location_id) {
                *units += delta.held;
            }
        }
        self.at.retain(|_, units| *units > 0);
    }

    /// At one location, or everywhere.
    pub fn of(&self, location_id: Option<Uuid>) -> i64 {
        match location_id {
            Some(location_id) => self.at.get(&location_id).copied().unwrap_or(0),
            None => self.units,
        }
    }
}

const OF_LISTING: &str = "SELECT location_id, quantity FROM {s}.stock_holds
      WHERE listing_id = $1 AND tenant_id = $2 AND status = 'active' AND expires_at <= $3";
const OF_LISTING_TYPES: &[pgrx::pg_sys::Oid] = &[UUIDOID, UUIDOID, TIMESTAMPTZOID];
static SEEN: Statement = Statement::stable(OF_LISTING, OF_LISTING_TYPES);
static NOW: Statement = Statement::fresh(OF_LISTING, OF_LISTING_TYPES);

/// As the calling query sees them, by the clock of this moment.
pub fn dead_seen(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Dead {
    direct_dead(engine, tenant_id, listing_id)
        .unwrap_or_else(|| dead_by(engine, &SEEN, tenant_id, listing_id))
}

/// As they are now.
pub fn dead_now(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Dead {
    with_fresh_snapshot(|| direct_dead(engine, tenant_id, listing_id))
        .unwrap_or_else(|| dead_by(engine, &NOW, tenant_id, listing_id))
}

fn dead_by(engine: &Engine, statement: &Statement, tenant_id: Uuid, listing_id: Uuid) -> Dead {
    let args = [id(listing_id), id(tenant_id), clock::now().into()];
    let mut dead = Dead::default();
    plans::run(engine, statement, &args, |row| {
        dead.add(row.maybe_id(1), row.need(2));
    });
    dead
}

/// With the active snapshot, below SQL; None where only SQL can tell.
fn direct_dead(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Option<Dead> {
    const TENANT_ID: Column = HOLDS.column("tenant_id");
    const LOCATION_ID: Column = HOLDS.column("location_id");
    const QUANTITY: Column = HOLDS.column("quantity");
    let table = Table::open(engine, &HOLDS, Access::Read)?;
    let mut dead = Dead::default();
    // No further than that: of holds that were confirmed in time the index still has the old versions.
    let keys = [Key::Id(listing_id), Key::UpTo(clock::microseconds())];
    table.scan(HOLDS_LIVE, &keys, |hold| {
        if hold.id(TENANT_ID) == tenant_id {
            dead.add(hold.maybe_id(LOCATION_ID), hold.need(QUANTITY));
        }
        ControlFlow::Continue(())
    })?;
    Some(dead)
}

/// Rows of one statement.
const BATCH: i32 = 200;

/// Oldest first. Who holds one of them locked is about to end it himself.
static EXPIRE: Statement = Statement::fresh(
    "WITH dead AS (
       SELECT hold_id FROM {s}.stock_holds
        WHERE listing_id = $1 AND tenant_id = $2 AND status = 'active' AND expires_at <= $3
          AND hold_id <> ALL ($5)
        ORDER BY expires_at LIMIT $4
          FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE {s}.stock_holds h SET status = 'expired', updated_at = $3
       FROM dead d WHERE h.hold_id = d.hold_id AND h.tenant_id = $2
     RETURNING h.tenant_id, h.listing_id, h.location_id, h.quantity, h.status = 'expired'",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID, INT4OID, UUIDARRAYOID],
);

/// Ends dead holds of a listing, oldest first, until so many units are free; at most so many rows, and
/// none of `uncounted`, which the counters don't know yet. The counters are the caller's to change by what this answers, with whatever else he changes in them: so
/// they are locked in one go, and in order.
#[must_use]
pub fn expire(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    units: i64,
    most_rows: i32,
    uncounted: &[Uuid],
) -> Deltas {
    let mut freed = Deltas::default();
    let mut left = most_rows;
    while left > 0 && -freed.held_of(listing_id) < units {
        let args = [
            id(listing_id),
            id(tenant_id),
            clock::now().into(),
            left.min(BATCH).into(),
            id_list(uncounted.iter().copied()),
        ];
        let rows = run_expiry(engine, &EXPIRE, &args, &mut freed);
        if rows == 0 {
            break;
        }
        left -= rows;
    }
    freed
}

fn run_expiry(
    engine: &Engine,
    statement: &Statement,
    args: &[plans::Arg],
    freed: &mut Deltas,
) -> i32 {
    let is_whole = aside::during(|| {
        plans::run(engine, statement, args, |row: &Row| {
            let quantity: i32 = row.need(4);
            freed.hold(row.id(1), row.id(2), row.maybe_id(3), -i64::from(quantity));
            row.need::<bool>(5)
        })
    });
    if is_whole.contains(&false) {
        Error::WriteInterfered.raise();
    }
    is_whole.len() as i32
}

/// Nobody else's claim is in the way then: he has ended them, or given them back.
static EXPIRE_ALL: Statement = Statement::fresh(
    "WITH dead AS (
       SELECT hold_id FROM {s}.stock_holds
        WHERE listing_id = ANY ($1) AND tenant_id = $2 AND status = 'active' AND expires_at <= $3
        ORDER BY hold_id
          FOR NO KEY UPDATE)
     UPDATE {s}.stock_holds h SET status = 'expired', updated_at = $3
       FROM dead d WHERE h.hold_id = d.hold_id AND h.tenant_id = $2
     RETURNING h.tenant_id, h.listing_id, h.location_id, h.quantity, h.status = 'expired'",
    &[UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID],
);

/// Ends all dead holds of these listings, in lock order, waiting for those that somebody has locked. The
/// counters are the caller's to change, as with [`expire`].
#[must_use]
pub fn expire_all(engine: &Engine, listings: &[Uuid]) -> Deltas {
    let args = [
        id_list(listings.iter().copied()),
        id(engine.tenant),
        clock::now().into(),
    ];
    let mut freed = Deltas::default();
    run_expiry(engine, &EXPIRE_ALL, &args, &mut freed);
    freed
}

/// So many rows go with a write that would do without: what is left goes with the next.
pub const MOST_BESIDES: i32 = 1_000;

/// All dead holds of a listing that go with another write. See [`expire`].
#[must_use]
pub fn expire_besides(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Deltas {
    if dead_now(engine, tenant_id, listing_id).units == 0 {
        return Deltas::default();
    }
    expire(engine, tenant_id, listing_id, i64::MAX, MOST_BESIDES, &[])
}

/// The index of live holds is read from end to end: as much as is held at all. A hold whose listing is
/// gone would stop the sweep of all others.
static FIND: Statement = Statement::fresh(
    "SELECT h.hold_id, h.tenant_id, h.listing_id FROM {s}.stock_holds h
      WHERE h.status = 'active' AND h.expires_at <= $1 AND ($2 IS NULL OR h.tenant_id = $2)
        AND EXISTS (SELECT FROM {s}.stock_listings g
                     WHERE g.listing_id = h.listing_id AND g.tenant_id = h.tenant_id)
      LIMIT $3",
    &[TIMESTAMPTZOID, UUIDOID, INT4OID],
);
static EXPIRE_FOUND: Statement = Statement::fresh(
    "WITH dead AS (
       SELECT hold_id FROM {s}.stock_holds
        WHERE hold_id = ANY ($1) AND status = 'active' AND expires_at <= $2
        ORDER BY hold_id
          FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE {s}.stock_holds h SET status = 'expired', updated_at = $2
       FROM dead d WHERE h.hold_id = d.hold_id
     RETURNING h.tenant_id, h.listing_id, h.location_id, h.quantity, h.status = 'expired'",
    &[UUIDARRAYOID, TIMESTAMPTZOID],
);

/// Ends up to `batch` holds that have expired, of one tenant or of all, and answers how many.
pub fn sweep(engine: &Engine, tenant: Option<Uuid>, batch: i32) -> i32 {
    let args = [clock::now().into(), maybe_id(tenant), batch.into()];
    let found = plans::run(engine, &FIND, &args, |row| {
        (row.id(1), row.id(2), row.id(3))
    });
    if found.is_empty() {
        return 0;
    }
    let listings: BTreeMap<Uuid, Uuid> = found
        .iter()
        .map(|(_, tenant_id, listing_id)| (*listing_id, *tenant_id))
        .collect();
    let listings = listings
        .into_iter()
        .map(|(listing, tenant)| (tenant, listing));
    mirror::lock_of_listings(engine, listings);
    let holds = id_list(found.iter().map(|(hold_id, ..)| *hold_id));
    let mut freed = Deltas::default();
    let count = run_expiry(
        engine,
        &EXPIRE_FOUND,
        &[holds, clock::now().into()],
        &mut freed,
    );
    rollup::count(engine, &freed);
    count
}
