//! Listings that are behind resources do not go: what is booked is booked from their stock.

use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id_list, Row, Statement};
use pgrx::pg_sys::UUIDARRAYOID;
use pgrx::prelude::*;
use uuid::Uuid;

// Each answers listings and resources, at most 20.
static OF_LISTINGS: Statement = Statement::stable(
    "SELECT listing_id, id FROM {s}.resource WHERE listing_id = ANY ($1) ORDER BY 1, 2 LIMIT 20",
    &[UUIDARRAYOID],
);
static OF_DELETED_LISTINGS: Statement = Statement::stable(
    "SELECT r.listing_id, r.id FROM old_rows o JOIN {s}.resource r ON r.listing_id = o.listing_id
      ORDER BY 1, 2 LIMIT 20",
    &[],
);
static OF_ALL: Statement = Statement::fresh(
    "SELECT listing_id, id FROM {s}.resource WHERE listing_id IS NOT NULL ORDER BY 1, 2 LIMIT 20",
    &[],
);

fn found(row: &Row) -> (Uuid, String) {
    (row.id(1), row.need(2))
}

fn refuse(found: Vec<(Uuid, String)>) -> Result<(), Error> {
    let Some((listing_id, _)) = found.first() else {
        return Ok(());
    };
    let listing_id = *listing_id;
    let resources = found
        .into_iter()
        .filter(|(listing, _)| *listing == listing_id)
        .map(|(_, resource_id)| resource_id)
        .collect();
    Err(Booking::ListingBacks {
        listing_id,
        resources,
    }
    .into())
}

/// Of listings that are about to be deleted, and are locked.
pub fn refuse_listings(engine: &Engine, listings: &[Uuid]) -> Result<(), Error> {
    let args = [id_list(listings.iter().copied())];
    // Those that came in since the transaction began count too: the listings are locked.
    refuse(plans::with_latest_snapshot(|| {
        plans::run(engine, &OF_LISTINGS, &args, found)
    }))
}

/// For the trigger after DELETE on stock_listings.
pub fn refuse_deleted_listings(engine: &Engine, trigger: &PgTrigger) {
    let found = plans::with_latest_snapshot(|| {
        plans::run_in_trigger(engine, trigger, &OF_DELETED_LISTINGS, &[], found)
    });
    refuse(found).unwrap_or_else(|error| error.raise());
}

/// For the trigger of TRUNCATE.
pub fn refuse_truncate(engine: &Engine) {
    refuse(plans::run(engine, &OF_ALL, &[], found)).unwrap_or_else(|error| error.raise());
}
