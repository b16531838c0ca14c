//! The end of a listing's link to a row of the app; the stock stays.

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

/// Unlinks these listings; the stock stays. They are locked.
pub fn unlink(engine: &Engine, listings: &[Uuid]) {
    let args = [id_list(listings.iter().copied())];
    aside::during(|| plans::run(engine, &UNLINK, &args, |_| ()));
}
