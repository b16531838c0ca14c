//! Levels: the counters of a listing at a location.

use super::counts::{CountColumns, Counts};
use super::stored::{self, Stopped, Stored};
use super::{aside, Delta, Guard, LevelKey, Refusal};
use crate::direct::shape::{LEVELS, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, NewValues, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Arg, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, UUIDARRAYOID, UUIDOID};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use uuid::Uuid;

/// Looks for each level by itself: an anti-join may read the whole index of a table that was small when
/// this was planned.
static MAKE: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_levels (tenant_id, listing_id, location_id)
     SELECT k.tenant_id, k.listing_id, k.location_id
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
      WHERE (SELECT true FROM {s}.stock_levels v
              WHERE v.listing_id = k.listing_id AND v.location_id = k.location_id) IS NULL
      ORDER BY k.listing_id, k.location_id
     ON CONFLICT (listing_id, location_id) DO NOTHING",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static LOCK: Statement = Statement::fresh(
    "SELECT v.listing_id, v.location_id, v.tenant_id,
            v.quantity_total, v.quantity_listed, v.quantity_allocated, v.quantity_held
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
       JOIN {s}.stock_levels v ON v.listing_id = k.listing_id AND v.location_id = k.location_id
                              AND v.tenant_id = k.tenant_id
      ORDER BY v.listing_id, v.location_id
        FOR NO KEY UPDATE OF v",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_levels v
        SET quantity_total = n.total, quantity_listed = n.listed,
            quantity_allocated = n.allocated, quantity_held = n.held
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[])
            AS n (tenant_id, listing_id, location_id, total, listed, allocated, held)
      WHERE v.listing_id = n.listing_id AND v.location_id = n.location_id AND v.tenant_id = n.tenant_id",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID],
);

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_levels
            (tenant_id, listing_id, location_id, quantity_total, quantity_listed, quantity_allocated, quantity_held)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[])",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID],
);

const TENANT_ID: Column = LEVELS.column("tenant_id");
const LISTING_ID: Column = LEVELS.column("listing_id");
const LOCATION_ID: Column = LEVELS.column("location_id");
const COUNTS: CountColumns = CountColumns::of(&LEVELS);

/// Counts of a level in a row version.
pub fn counts(tuple: &Tuple) -> Counts {
    COUNTS.read(tuple)
}

/// Tenant of a level in a row version.
pub fn tenant(tuple: &Tuple) -> Uuid {
    tuple.id(TENANT_ID)
}

static NOW: Statement = Statement::fresh(
    "SELECT quantity_total, quantity_listed, quantity_allocated, quantity_held FROM {s}.stock_levels
      WHERE listing_id = $1 AND location_id = $2 AND tenant_id = $3",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// A level as it is now; None where there is none.
pub fn now(engine: &Engine, key: &LevelKey) -> Option<Counts> {
    direct_now(engine, key).unwrap_or_else(|| {
        let args = [id(key.listing_id), id(key.location_id), id(key.tenant_id)];
        plans::run_one(engine, &NOW, &args, |row| Counts::of_row(row, 1))
    })
}

/// None where only SQL can tell.
fn direct_now(engine: &Engine, key: &LevelKey) -> Option<Option<Counts>> {
    let table = Table::open(engine, &LEVELS, Access::Read)?;
    let mut found = None;
    with_fresh_snapshot(|| {
        let index_key = [Key::Id(key.listing_id), Key::Id(key.location_id)];
        table.scan(PRIMARY, &index_key, |level| {
            if tenant(level) == key.tenant_id {
                found = Some(counts(level));
            }
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}

const KEPT_BACK: &str =
    "SELECT location_id, quantity_total, quantity_listed, quantity_allocated, quantity_held
       FROM {s}.stock_levels WHERE listing_id = $1 AND tenant_id = $2 AND quantity_held > 0";
static KEPT_BACK_SEEN: Statement = Statement::stable(KEPT_BACK, &[UUIDOID, UUIDOID]);
static KEPT_BACK_NOW: Statement = Statement::fresh(KEPT_BACK, &[UUIDOID, UUIDOID]);

/// What the locations of a listing have left that keep some back for holds; others give all they have.
/// As they are now.
pub fn kept_back_now(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Vec<(Uuid, Counts)> {
    with_fresh_snapshot(|| direct_kept_back(engine, tenant_id, listing_id))
        .unwrap_or_else(|| kept_back_by(engine, &KEPT_BACK_NOW, tenant_id, listing_id))
}

/// The same as the calling query sees them.
pub fn kept_back_seen(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Vec<(Uuid, Counts)> {
    direct_kept_back(engine, tenant_id, listing_id)
        .unwrap_or_else(|| kept_back_by(engine, &KEPT_BACK_SEEN, tenant_id, listing_id))
}

fn direct_kept_back(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
) -> Option<Vec<(Uuid, Counts)>> {
    let table = Table::open(engine, &LEVELS, Access::Read)?;
    let mut found = Vec::new();
    table.scan(PRIMARY, &[Key::Id(listing_id)], |level| {
        let counts = counts(level);
        if counts.held > 0 && tenant(level) == tenant_id {
            found.push((level.id(LOCATION_ID), counts));
        }
        ControlFlow::Continue(())
    })?;
    Some(found)
}

fn kept_back_by(
    engine: &Engine,
    statement: &Statement,
    tenant_id: Uuid,
    listing_id: Uuid,
) -> Vec<(Uuid, Counts)> {
    let args = [id(listing_id), id(tenant_id)];
    plans::run(engine, statement, &args, |row| {
        (row.id(1), Counts::of_row(row, 2))
    })
}

static LOCK_ALL: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_levels
      WHERE (tenant_id, listing_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
      ORDER BY listing_id, location_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

/// Locks all levels of these listings (tenant, listing), in lock order.
pub fn lock_all(engine: &Engine, listings: &[(Uuid, Uuid)]) {
    let (tenants, listings): (Vec<Uuid>, Vec<Uuid>) = listings.iter().copied().unzip();
    plans::run(
        engine,
        &LOCK_ALL,
        &[id_list(tenants), id_list(listings)],
        |_| (),
    );
}

struct Level {
    key: LevelKey,
    counts: Counts,
}

impl Stored for Level {
    type Key = LevelKey;
    const SHAPE: &'static Shape = &LEVELS;

    fn probe(key: &LevelKey) -> Vec<Key<'_>> {
        vec![Key::Id(key.listing_id), Key::Id(key.location_id)]
    }

    fn read(key: &LevelKey, tuple: &Tuple) -> Option<Level> {
        let counts = counts(tuple);
        (tenant(tuple) == key.tenant_id).then_some(Level { key: *key, counts })
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        COUNTS.write(self.counts, &mut values);
        values
    }

    /// stockroom_check.
    fn concerns_triggers(&self) -> bool {
        self.counts.allocated < 0 || self.counts.available() < 0
    }

    fn make(engine: &Engine, keys: &[LevelKey]) -> bool {
        aside::during(|| plans::run(engine, &MAKE, &columns(keys), |_| ()));
        true
    }

    fn lock(engine: &Engine, keys: &[LevelKey]) -> Vec<Level> {
        plans::run(engine, &LOCK, &columns(keys), |row| Level {
            key: LevelKey {
                listing_id: row.id(1),
                location_id: row.id(2),
                tenant_id: row.id(3),
            },
            counts: Counts::of_row(row, 4),
        })
    }

    fn write(engine: &Engine, keys: &[LevelKey], levels: &[Level]) {
        let [tenants, listings, locations] = columns(keys);
        let counts: Vec<Counts> = levels.iter().map(|level| level.counts).collect();
        let [total, listed, allocated, held] = Counts::columns(&counts);
        let args = [tenants, listings, locations, total, listed, allocated, held];
        aside::during(|| plans::write_all(engine, &WRITE, &args, levels.len()));
    }

    fn is(&self, key: &LevelKey) -> bool {
        self.key == *key
    }
}

/// Writes levels of listings that had none, as they are.
pub fn insert(engine: &Engine, levels: &[(LevelKey, Counts)]) {
    if !levels.is_empty() && insert_directly(engine, levels).is_none() {
        let keys: Vec<LevelKey> = levels.iter().map(|(key, _)| *key).collect();
        let counts: Vec<Counts> = levels.iter().map(|(_, counts)| *counts).collect();
        let [tenants, listings, locations] = columns(&keys);
        let [total, listed, allocated, held] = Counts::columns(&counts);
        let args = [tenants, listings, locations, total, listed, allocated, held];
        aside::during(|| plans::write_all(engine, &INSERT, &args, levels.len()));
    }
}

/// None where only SQL can write them.
fn insert_directly(engine: &Engine, levels: &[(LevelKey, Counts)]) -> Option<()> {
    let table = Table::open(engine, &LEVELS, Access::Insert)?;
    let rows = levels.iter().map(|(key, counts)| {
        let mut values = NewValues::default();
        values.set_id(TENANT_ID, key.tenant_id);
        values.set_id(LISTING_ID, key.listing_id);
        values.set_id(LOCATION_ID, key.location_id);
        COUNTS.write(*counts, &mut values);
        values
    });
    let rows: Vec<NewValues> = rows.collect();
    with_fresh_snapshot(|| table.insert_all(&rows));
    Some(())
}

fn columns(keys: &[LevelKey]) -> [Arg; 3] {
    [
        id_list(keys.iter().map(|key| key.tenant_id)),
        id_list(keys.iter().map(|key| key.listing_id)),
        id_list(keys.iter().map(|key| key.location_id)),
    ]
}

/// Adds the deltas. A level that is missing is made. A guard that judges now refuses claims that would go
/// below zero.
pub fn apply(
    engine: &Engine,
    deltas: &BTreeMap<LevelKey, Delta>,
    guard: Guard,
) -> Result<(), Refusal> {
    let keys: Vec<LevelKey> = deltas.keys().copied().collect();
    let changed = stored::change(engine, &keys, |key, level: Level| {
        let counts = level.counts.plus(deltas[key]).map_err(|(counter, value)| {
            let what = format!("quantity_{counter} of listing {}", key.listing_id);
            Refusal::Error(Error::QuantityOutOfRange { what, value })
        })?;
        if guard.judges_now() && deltas[key].claims && counts.available() < 0 {
            return Err(Refusal::Promised);
        }
        Ok(Level { counts, ..level })
    });
    match changed {
        Ok(_) => Ok(()),
        Err(Stopped::Refused(refusal)) => Err(refusal),
        // Made in vain: a level of another tenant, for a listing that is not this one's.
        Err(Stopped::Missing(LevelKey { listing_id, .. })) => {
            Err(Error::ListingNotFound { listing_id }.into())
        }
    }
}
