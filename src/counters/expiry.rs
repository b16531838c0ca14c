//! Holds past their time end. They count as free at once ([`super::dead`]); here their rows and the
//! counters follow, when a claim needs the units, or somebody sweeps.

use super::dead::dead_now;
use super::{aside, mirror, rollup, Deltas};
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, maybe_id, Row, Statement};
use pgrx::pg_sys::{INT4OID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Locks dead holds as CTE `dead`, and ends those; $1 is the time.
macro_rules! end_dead {
    ($which:literal) => {
        concat!(
            "WITH dead AS (
               SELECT hold_id, tenant_id FROM {s}.stock_holds
                WHERE status = 'active' AND expires_at <= $1 AND ",
            $which,
            ")
             UPDATE {s}.stock_holds h SET status = 'expired', updated_at = $1
               FROM dead d WHERE h.hold_id = d.hold_id AND h.tenant_id = d.tenant_id
             RETURNING h.tenant_id, h.listing_id, h.location_id, h.quantity, h.status = 'expired'"
        )
    };
}

/// Rows of one statement.
const BATCH: i32 = 200;

/// Oldest first. Who holds one of them locked is about to end it himself.
static EXPIRE: Statement = Statement::fresh(
    end_dead!(
        "listing_id = $2 AND tenant_id = $3 AND hold_id <> ALL ($4)
         ORDER BY expires_at LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED"
    ),
    &[TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDARRAYOID, INT4OID],
);

/// Ends dead holds of a listing, oldest first, until so many units are free; at most so many rows, and
/// none of `uncounted`, which the counters don't know yet. The counters are the caller's to change by what
/// this answers, with whatever else he changes in them: so they are locked in one go, and in order.
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
            clock::now().into(),
            id(listing_id),
            id(tenant_id),
            id_list(uncounted.iter().copied()),
            left.min(BATCH).into(),
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
    end_dead!("listing_id = ANY ($2) AND tenant_id = $3 ORDER BY hold_id FOR NO KEY UPDATE"),
    &[TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID],
);

/// Ends all dead holds of these listings, in lock order, waiting for those that somebody has locked. The
/// counters are the caller's to change, as with [`expire`].
#[must_use]
pub fn expire_all(engine: &Engine, listings: &[Uuid]) -> Deltas {
    let args = [
        clock::now().into(),
        id_list(listings.iter().copied()),
        id(engine.tenant),
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
    end_dead!("hold_id = ANY ($2) ORDER BY hold_id FOR NO KEY UPDATE SKIP LOCKED"),
    &[TIMESTAMPTZOID, UUIDARRAYOID],
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
        &[clock::now().into(), holds],
        &mut freed,
    );
    rollup::count(engine, &freed);
    count
}
