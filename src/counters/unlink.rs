//! The end of a listing's link to a row of the app: unlinked, or deleted with all its stock.

use super::aside;
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use uuid::Uuid;

static UNLINK_ALL: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings SET attached_to = NULL, attached_key = NULL, sync_deferred = false
      WHERE attached_to = $1",
    &[UUIDOID],
);
static UNLINK: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings SET attached_to = NULL, attached_key = NULL, sync_deferred = false
      WHERE listing_id = ANY ($1)",
    &[UUIDARRAYOID],
);

/// Unlinks every listing of an attachment; the stock stays.
pub fn unlink_all(engine: &Engine, attachment_id: Uuid) {
    aside::during(|| plans::run(engine, &UNLINK_ALL, &[id(attachment_id)], |_| ()));
}

/// Unlinks these listings; the stock stays. They are locked by [`lock`].
pub fn unlink(engine: &Engine, listings: &[Uuid]) {
    let args = [id_list(listings.iter().copied())];
    aside::during(|| plans::run(engine, &UNLINK, &args, |_| ()));
}

/// In lock order.
static LOCK: [Statement; 3] = [
    Statement::fresh(
        "SELECT FROM {s}.stock_lots WHERE listing_id = ANY ($1) ORDER BY lot_id FOR UPDATE",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "SELECT FROM {s}.stock_levels WHERE listing_id = ANY ($1) ORDER BY listing_id, location_id FOR UPDATE",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "SELECT FROM {s}.stock_listings WHERE listing_id = ANY ($1) ORDER BY listing_id FOR UPDATE",
        &[UUIDARRAYOID],
    ),
];
static CLAIMED: Statement = Statement::fresh(
    "SELECT DISTINCT listing_id FROM {s}.stock_lots
      WHERE listing_id = ANY ($1) AND quantity_allocated > 0 ORDER BY listing_id LIMIT 20",
    &[UUIDARRAYOID],
);
static DELETE: [Statement; 4] = [
    Statement::fresh(
        "DELETE FROM {s}.stock_allocations a USING {s}.stock_lots l
          WHERE l.listing_id = ANY ($1) AND a.lot_id = l.lot_id",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "DELETE FROM {s}.stock_lots WHERE listing_id = ANY ($1)",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "DELETE FROM {s}.stock_levels WHERE listing_id = ANY ($1)",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "DELETE FROM {s}.stock_listings WHERE listing_id = ANY ($1)",
        &[UUIDARRAYOID],
    ),
];

/// Locks listings with their lots and levels. What waits behind these locks finds nothing after
/// [`delete`].
pub fn lock(engine: &Engine, listings: &[Uuid]) {
    for statement in &LOCK {
        let args = [id_list(listings.iter().copied())];
        plans::run(engine, statement, &args, |_| ());
    }
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
        aside::during(|| plans::run(engine, statement, &args, |_| ()));
    }
}
