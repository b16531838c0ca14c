//! Waiting holds get their goods, the oldest first.

use super::row::{self, HoldRow};
use crate::allocations::convert;
use crate::counters::{levels, listings, mirror, on_loan};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, maybe_id, Statement};
use pgrx::pg_sys::{INT4OID, UUIDARRAYOID, UUIDOID};
use stockroom_core::plan::Lot;
use uuid::Uuid;

/// Who holds one of them locked is about to end it.
static WAITING: Statement = Statement::fresh(
    "SELECT hold_id, tenant_id FROM {s}.stock_holds WHERE listing_id = $1 AND status = 'waiting'
      ORDER BY created_at, hold_id
        FOR NO KEY UPDATE SKIP LOCKED",
    &[UUIDOID],
);

/// Fills what waits for goods of a listing from these lots. They are locked, and so are the levels and
/// the listing: nothing here waits for anybody.
pub fn hand_out(engine: &Engine, listing_id: Uuid, lots: &[Uuid]) {
    let waiting = plans::run(engine, &WAITING, &[id(listing_id)], |row| {
        (row.id(1), row.id(2))
    });
    let Some(&(_, tenant)) = waiting.first() else {
        return;
    };
    let engine = &Engine {
        tenant,
        ..engine.clone()
    };
    let mut lots: Vec<Lot> = convert::free_of(engine, listing_id, lots);
    for (hold_id, _) in waiting {
        if lots.iter().all(|lot| lot.free <= 0) {
            break;
        }
        if let Err(error) = fill(engine, hold_id, &mut lots) {
            error.raise();
        }
    }
}

/// Fills one hold, and takes what it gets from what is left of the lots.
fn fill(engine: &Engine, hold_id: Uuid, lots: &mut [Lot]) -> Result<(), Error> {
    let hold = row::by_id(engine, hold_id)?;
    // A hold that waits has its order from its confirmation; a client may have made one without, or of a loan.
    let order_id = hold.order_id.filter(|id| !on_loan::is_open(engine, *id));
    let Some(order_id) = order_id else {
        return Ok(());
    };
    let filled = convert::fill(engine, &held_line(&hold), order_id, lots)?;
    if filled > 0 {
        row::change(engine, &[hold_id], |row, now| {
            Ok(HoldRow {
                life: row.life.fill(filled),
                confirmed_at: Some(now),
                ..row.clone()
            })
        })?;
    }
    Ok(())
}

fn held_line(hold: &HoldRow) -> convert::HeldLine {
    convert::HeldLine {
        hold_id: hold.hold_id,
        listing_id: hold.listing_id,
        location_id: hold.location_id,
        quantity: hold.life.quantity,
    }
}

/// Listings for which somebody waits although a lot has something free: whoever freed it found the hold
/// locked, or another location kept it back.
static LISTINGS: Statement = Statement::fresh(
    "SELECT DISTINCT h.listing_id, h.tenant_id FROM {s}.stock_holds h
      WHERE h.status = 'waiting' AND ($1 IS NULL OR h.tenant_id = $1)
        AND EXISTS (SELECT FROM {s}.stock_lots l
                     WHERE l.listing_id = h.listing_id AND l.tenant_id = h.tenant_id AND l.in_stock)
      ORDER BY h.listing_id LIMIT $2",
    &[UUIDOID, INT4OID],
);
static LOCK_WAITING: Statement = Statement::fresh(
    "SELECT hold_id FROM {s}.stock_holds WHERE listing_id = ANY ($1) AND status = 'waiting'
      ORDER BY hold_id
        FOR NO KEY UPDATE SKIP LOCKED",
    &[UUIDARRAYOID],
);
static LOCK_LOTS: Statement = Statement::fresh(
    "SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND in_stock
      ORDER BY lot_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID],
);

/// Fills what waits, of one tenant or of all, for up to `most` listings.
pub fn fill_all(engine: &Engine, tenant: Option<Uuid>, most: i32) {
    let args = [maybe_id(tenant), most.into()];
    let found = plans::run(engine, &LISTINGS, &args, |row| (row.id(2), row.id(1)));
    if found.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = found.iter().map(|(_, listing_id)| *listing_id).collect();
    let all = || [id_list(ids.iter().copied())];
    mirror::lock_of_listings(engine, found.iter().copied());
    plans::run(engine, &LOCK_WAITING, &all(), |_| ());
    let lots = plans::run(engine, &LOCK_LOTS, &all(), |row| row.id(1));
    levels::lock_all(engine, &found);
    listings::lock_all(engine, &found);
    for listing_id in ids {
        hand_out(engine, listing_id, &lots);
    }
}
