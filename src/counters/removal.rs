//! Listings that go with all they have, in lock order.

use super::aside;
use crate::engine::Engine;
use crate::plans::{self, id_list, Arg, Statement};
use crate::subtransaction::{attempt, Outcome};
use pgrx::pg_sys::UUIDARRAYOID;
use std::collections::HashSet;
use uuid::Uuid;

static LOCK_CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id IN (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1))
      ORDER BY allocation_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LOTS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_lots WHERE listing_id = ANY ($1) ORDER BY lot_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id IN (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1))",
    &[UUIDARRAYOID],
);
static LOCK_LEVELS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_levels WHERE listing_id = ANY ($1)
      ORDER BY listing_id, location_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LISTINGS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_listings WHERE listing_id = ANY ($1) ORDER BY listing_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static CLAIMED: Statement = Statement::fresh(
    "SELECT DISTINCT listing_id FROM {s}.stock_lots
      WHERE listing_id = ANY ($1) AND quantity_allocated > 0 ORDER BY listing_id LIMIT 20",
    &[UUIDARRAYOID],
);
/// Each answers whether nothing is left: a trigger of the app may swallow a DELETE.
static DELETE: [Statement; 4] = [
    Statement::fresh(
        "WITH lot AS (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1)),
              done AS (DELETE FROM {s}.stock_allocations a USING lot l WHERE a.lot_id = l.lot_id RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_allocations a JOIN lot l ON a.lot_id = l.lot_id)",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_lots WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_lots WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_levels WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_levels WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_listings WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_listings WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
];

/// Claims that were committed while the lots were waited for come after the lots. So often the
/// locks are given back and taken anew; a listing that is claimed faster than that waits for none.
const TRIES: usize = 10;

/// Locks listings with their claims, lots and levels. What waits behind these locks finds nothing
/// after [`delete`].
pub fn lock(engine: &Engine, listings: &[Uuid]) {
    let args = || [id_list(listings.iter().copied())];
    for tries in 1..=TRIES {
        let locked = attempt(|| {
            if lock_claims_and_lots(engine, args) || tries == TRIES {
                Outcome::Keep(())
            } else {
                Outcome::Undo(())
            }
        });
        if locked.is_ok() {
            break;
        }
    }
    plans::run(engine, &LOCK_LEVELS, &args(), |_| ());
    plans::run(engine, &LOCK_LISTINGS, &args(), |_| ());
}

/// Whether all claims of the locked lots are locked too.
fn lock_claims_and_lots(engine: &Engine, args: impl Fn() -> [Arg; 1]) -> bool {
    let locked: HashSet<Uuid> = plans::run(engine, &LOCK_CLAIMS, &args(), |row| row.id(1))
        .into_iter()
        .collect();
    plans::run(engine, &LOCK_LOTS, &args(), |_| ());
    let claims = plans::run(engine, &CLAIMS, &args(), |row| row.id(1));
    claims.iter().all(|claim| locked.contains(claim))
}

/// Which of these listings have active claims (at most 20 are named).
pub fn claimed(engine: &Engine, listings: &[Uuid]) -> Vec<Uuid> {
    let args = [id_list(listings.iter().copied())];
    plans::run(engine, &CLAIMED, &args, |row| row.id(1))
}

/// Deletes listings with their claims, lots and levels. They are locked by [`lock`].
pub fn delete(engine: &Engine, listings: &[Uuid]) {
    for statement in &DELETE {
        let args = [id_list(listings.iter().copied())];
        aside::during(|| plans::run_whole(engine, statement, &args));
    }
}
