//! Levels: the counters of a listing at a location.

use super::counts::{CountColumns, Counts};
use super::stored::{self, Stopped, Stored};
use super::{aside, Guard, LevelDeltas, LevelKey, Refusal};
use crate::direct::shape::LEVELS;
use crate::direct::{Column, NewValues, Shape, Tuple};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id_list, Arg, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, UUIDARRAYOID};
use uuid::Uuid;

static MAKE: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_levels (tenant_id, listing_id, location_id)
     SELECT k.tenant_id, k.listing_id, k.location_id
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
      WHERE NOT EXISTS (SELECT FROM {s}.stock_levels v
                         WHERE v.listing_id = k.listing_id AND v.location_id = k.location_id)
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

const TENANT_ID: Column = LEVELS.column("tenant_id");
const COUNTS: CountColumns = CountColumns::of(&LEVELS);

/// Counts of a level in a row version.
pub fn counts(tuple: &Tuple) -> Counts {
    COUNTS.read(tuple)
}

/// Tenant of a level in a row version.
pub fn tenant(tuple: &Tuple) -> Uuid {
    tuple.id(TENANT_ID)
}

struct Level {
    key: LevelKey,
    counts: Counts,
}

impl Stored for Level {
    type Key = LevelKey;
    const SHAPE: &'static Shape = &LEVELS;

    fn primary_key(key: &LevelKey) -> Vec<Uuid> {
        vec![key.listing_id, key.location_id]
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

fn columns(keys: &[LevelKey]) -> [Arg; 3] {
    [
        id_list(keys.iter().map(|key| key.tenant_id)),
        id_list(keys.iter().map(|key| key.listing_id)),
        id_list(keys.iter().map(|key| key.location_id)),
    ]
}

/// Adds the deltas. A level that is missing is made. `Guard::Claim` refuses what would go below zero.
pub fn apply(engine: &Engine, deltas: &LevelDeltas, guard: Guard) -> Result<(), Refusal> {
    let keys: Vec<LevelKey> = deltas.keys().copied().collect();
    let changed = stored::change(engine, &keys, |key, level: Level| {
        let counts = level.counts.plus(deltas[key]).map_err(|(counter, value)| {
            let what = format!("quantity_{counter} of listing {}", key.listing_id);
            Refusal::Error(Error::QuantityOutOfRange { what, value })
        })?;
        if guard == Guard::Claim && counts.available() < 0 {
            return Err(Refusal::Lost);
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
