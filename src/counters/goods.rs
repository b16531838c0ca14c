//! Goods that come free, for holds that wait for them.
//!
//! Who gets them is a matter of holds and allocations, which stand on this module: so they register
//! what is to be done, once, when the library is loaded.

use super::ListingAfter;
use crate::direct::shape::{HOLDS, HOLDS_WAITING};
use crate::direct::{with_fresh_snapshot, Access, Key, Table};
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use uuid::Uuid;

/// Gives what is free in lots, which are locked as their levels and listings are, to the holds that
/// wait for goods of a listing.
type HandOut = fn(&Engine, Uuid, &[Uuid]);

static HAND_OUT: OnceLock<HandOut> = OnceLock::new();

/// Says what is to be done; called once, when the library is loaded.
pub fn on_free_goods(hand_out: HandOut) {
    let _ = HAND_OUT.set(hand_out);
}

/// After goods came in or claims were freed: `lots` names where, and is asked only if anybody waits.
/// What an app's row shows does not change by it: what was held is allocated then.
pub fn came_free(engine: &Engine, listings: &[ListingAfter], lots: impl Fn() -> Vec<Uuid>) {
    let held = listings.iter().filter(|listing| listing.counts.held > 0);
    came_free_of(engine, held.map(|listing| listing.listing_id), lots);
}

/// The same for listings whose counters did not change.
pub fn came_free_of(
    engine: &Engine,
    listings: impl IntoIterator<Item = Uuid>,
    lots: impl Fn() -> Vec<Uuid>,
) {
    let Some(hand_out) = HAND_OUT.get() else {
        return;
    };
    for listing_id in listings {
        if anybody_waits(engine, listing_id) {
            hand_out(engine, listing_id, &lots());
        }
    }
}

static WAITING: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_holds WHERE listing_id = $1 AND status = 'waiting' LIMIT 1",
    &[UUIDOID],
);

fn anybody_waits(engine: &Engine, listing_id: Uuid) -> bool {
    direct_anybody_waits(engine, listing_id)
        .unwrap_or_else(|| !plans::run(engine, &WAITING, &[id(listing_id)], |_| ()).is_empty())
}

/// None where only SQL can tell.
fn direct_anybody_waits(engine: &Engine, listing_id: Uuid) -> Option<bool> {
    let table = Table::open(engine, &HOLDS, Access::Read)?;
    let mut found = false;
    with_fresh_snapshot(|| {
        table.scan(HOLDS_WAITING, &[Key::Id(listing_id)], |_| {
            found = true;
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}
