//! What of a listing's held units is free again: holds past their time that are still in its counters.

use super::Deltas;
use crate::clock;
use crate::direct::shape::{EntryColumn, HOLDS, HOLDS_LIVE};
use crate::direct::{with_fresh_snapshot, Access, Key, Table};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};
use std::collections::BTreeMap;
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
    direct_dead(engine, listing_id).unwrap_or_else(|| dead_by(engine, &SEEN, tenant_id, listing_id))
}

/// As they are now.
pub fn dead_now(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Dead {
    with_fresh_snapshot(|| direct_dead(engine, listing_id))
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

/// With the active snapshot, below SQL; None where only SQL can tell. A listing's holds are its tenant's.
fn direct_dead(engine: &Engine, listing_id: Uuid) -> Option<Dead> {
    const QUANTITY: EntryColumn = HOLDS.included(HOLDS_LIVE, "quantity");
    const LOCATION_ID: EntryColumn = HOLDS.included(HOLDS_LIVE, "location_id");
    let table = Table::open(engine, &HOLDS, Access::Read)?;
    let mut dead = Dead::default();
    // No further than that: of holds that were confirmed in time the index still has the old versions.
    let keys = [Key::Id(listing_id), Key::UpTo(clock::microseconds())];
    table.scan_entries(HOLDS_LIVE, &keys, |hold| {
        let quantity = hold.get(QUANTITY).expect("a hold has a quantity");
        dead.add(hold.get(LOCATION_ID).map(ids::from_pg), quantity);
    })?;
    Some(dead)
}
