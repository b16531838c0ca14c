//! What a reader is told of a listing: one index probe a call, whatever is claimed, and one more where
//! something is held.

use super::counts::Counts;
use super::{dead, levels, listings};
use crate::direct::shape::{LEVELS, LISTINGS, PRIMARY};
use crate::direct::{Access, Key, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::Uuid;
use std::ops::ControlFlow;

static OF_LISTING: Statement = Statement::stable(
    "SELECT quantity_total, quantity_listed, quantity_allocated, quantity_held
       FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);
static OF_LEVEL: Statement = Statement::stable(
    "SELECT quantity_total, quantity_listed, quantity_allocated, quantity_held
       FROM {s}.stock_levels WHERE listing_id = $1 AND location_id = $3 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// What a reader is told: the counters as the calling query sees them, with the holds that have expired
/// by now as free.
#[derive(Clone, Copy, Default)]
pub struct Numbers {
    counts: Counts,
    dead: i64,
}

impl Numbers {
    /// Of counters that were read otherwise.
    pub fn of_counts(engine: &Engine, listing_id: uuid::Uuid, counts: Counts) -> Numbers {
        let dead = dead_of(engine, listing_id, None, &counts);
        Numbers { counts, dead }
    }

    pub fn available(&self) -> i32 {
        (self.counts.available() + self.dead) as i32
    }

    pub fn held(&self) -> i32 {
        (i64::from(self.counts.held) - self.dead) as i32
    }

    pub fn allocated(&self) -> i32 {
        self.counts.allocated
    }

    pub fn reserved(&self) -> i32 {
        self.counts.allocated + self.held()
    }

    pub fn total(&self) -> i32 {
        self.counts.total
    }
}

/// Numbers of a listing, or of one of its locations; zeros for what is not known, as a SUM over no lots
/// would be.
pub fn numbers_of(engine: &Engine, listing_id: Uuid, location_id: Option<Uuid>) -> Numbers {
    let counts = counts_of(engine, listing_id, location_id);
    let dead = dead_of(engine, ids::from_pg(listing_id), location_id, &counts);
    Numbers { counts, dead }
}

fn dead_of(
    engine: &Engine,
    listing_id: uuid::Uuid,
    location_id: Option<Uuid>,
    counts: &Counts,
) -> i64 {
    match counts.held {
        0 => 0,
        _ => dead::dead_seen(engine, engine.tenant, listing_id).of(location_id.map(ids::from_pg)),
    }
}

/// The counters alone; what is held is in them until it is swept.
pub fn counts_of(engine: &Engine, listing_id: Uuid, location_id: Option<Uuid>) -> Counts {
    let listing = ids::from_pg(listing_id);
    let found = match location_id.map(ids::from_pg) {
        None => direct_counts(
            engine,
            &LISTINGS,
            &[Key::Id(listing)],
            listings::tenant,
            listings::counts,
        ),
        Some(place) => direct_counts(
            engine,
            &LEVELS,
            &[Key::Id(listing), Key::Id(place)],
            levels::tenant,
            levels::counts,
        ),
    };
    found.unwrap_or_else(|| counts_by_statement(engine, listing_id, location_id))
}

/// None where only SQL can tell.
fn direct_counts(
    engine: &Engine,
    shape: &'static Shape,
    key: &[Key],
    tenant: fn(&Tuple) -> uuid::Uuid,
    counts: fn(&Tuple) -> Counts,
) -> Option<Counts> {
    let table = Table::open(engine, shape, Access::Read)?;
    let mut found = Counts::default();
    table.scan(PRIMARY, key, |tuple| {
        if tenant(tuple) == engine.tenant {
            found = counts(tuple);
        }
        ControlFlow::Break(())
    })?;
    Some(found)
}

fn counts_by_statement(engine: &Engine, listing_id: Uuid, location_id: Option<Uuid>) -> Counts {
    let read = |row: &plans::Row| Counts::of_row(row, 1);
    let listing = [listing_id.into(), id(engine.tenant)];
    let found = match location_id {
        None => plans::run_one(engine, &OF_LISTING, &listing, read),
        Some(location_id) => {
            let [listing_id, tenant] = listing;
            plans::run_one(
                engine,
                &OF_LEVEL,
                &[listing_id, tenant, location_id.into()],
                read,
            )
        }
    };
    found.unwrap_or_default()
}
