//! The listing behind a resource: how many of its units are booked at most on any date from today on. A listing keeps
//! that number; what is sold leaves so many units, and what is booked finds them there.
//!
//! It may be too high for a while, as days pass: then it only refuses, and whoever would be refused counts it anew
//! first. A hold that has expired is counted until it is ended, for at this very moment it may be confirmed; whoever
//! needs its units ends it. Bookings always write the listing's row, so that sales meet them there at every isolation
//! level.

use super::booked;
use super::deltas::DateDeltas;
use super::rows::DateRow;
use crate::counters::{
    aside, dead, expiry as stock_expiry, mirror, rollup, Deltas, Guard, Refusal,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{INT4OID, UUIDOID};
use std::collections::BTreeMap;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What a [`Behind`] has.
macro_rules! behind {
    () => {
        "SELECT quantity_available, safety_stock, quantity_held, quantity_booked FROM {s}.stock_listings
          WHERE listing_id = $1 AND tenant_id = $2"
    };
}

static NOW: Statement = Statement::fresh(behind!(), &[UUIDOID, UUIDOID]);
static LOCK: Statement = Statement::fresh(
    concat!(behind!(), " FOR NO KEY UPDATE"),
    &[UUIDOID, UUIDOID],
);
static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings SET quantity_booked = $3 WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, INT4OID],
);

/// What a change of dates does to one listing.
#[derive(Default)]
struct Followed {
    claimed: Vec<Day>,
    frees: bool,
}

/// After a change of dates: the listings behind them follow, in lock order. A guard that judges now refuses
/// what their stock does not have.
pub fn follow(
    engine: &Engine,
    deltas: &DateDeltas,
    rows: &[DateRow],
    guard: Guard,
) -> Result<(), Refusal> {
    let mut listings: BTreeMap<(Uuid, Uuid), Followed> = BTreeMap::new();
    for row in rows {
        let Some(listing_id) = row.listing_id else {
            continue;
        };
        let followed = listings.entry((listing_id, row.key.tenant_id)).or_default();
        if deltas.of(&row.key) > 0 {
            followed.claimed.push(row.key.date);
        } else {
            followed.frees = true;
        }
    }
    if guard.judges_now() {
        end_dead_stock_in_the_way(engine, &listings)?;
    }
    for ((listing_id, tenant_id), followed) in listings {
        follow_one(engine, tenant_id, listing_id, &followed, guard)?;
    }
    Ok(())
}

/// A listing, as far as bookings go.
struct Behind {
    available: i64,
    safety_stock: i64,
    held: i64,
    booked: i64,
}

impl Behind {
    fn read(row: &plans::Row) -> Behind {
        let [available, safety_stock, held, booked] =
            [1, 2, 3, 4].map(|at| i64::from(row.need::<i32>(at)));
        Behind {
            available,
            safety_stock,
            held,
            booked,
        }
    }

    /// Units that may be booked on a date.
    fn stock(&self) -> i64 {
        self.available - self.safety_stock
    }
}

fn behind(
    engine: &Engine,
    statement: &Statement,
    tenant_id: Uuid,
    listing_id: Uuid,
) -> Result<Behind, Error> {
    let args = [id(listing_id), id(tenant_id)];
    plans::run_one(engine, statement, &args, Behind::read)
        .ok_or(Error::ListingNotFound { listing_id })
}

fn follow_one(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    followed: &Followed,
    guard: Guard,
) -> Result<(), Refusal> {
    let behind = behind(engine, &LOCK, tenant_id, listing_id)?;
    let claimed = booked::most_on(engine, tenant_id, listing_id, &followed.claimed);
    if guard.judges_now() && !followed.claimed.is_empty() && claimed > behind.stock() {
        return Err(Refusal::Promised);
    }
    let booked = match followed.frees {
        true => booked::peak(engine, tenant_id, listing_id),
        false => behind.booked.max(claimed),
    };
    write(engine, tenant_id, listing_id, booked)
}

/// Holds of stock that have expired are free, but what is booked must find their units: they are ended where it would
/// go short.
fn end_dead_stock_in_the_way(
    engine: &Engine,
    listings: &BTreeMap<(Uuid, Uuid), Followed>,
) -> Result<(), Error> {
    let mut short = Vec::new();
    for ((listing_id, tenant_id), followed) in listings {
        if followed.claimed.is_empty() {
            continue;
        }
        let behind = behind(engine, &NOW, *tenant_id, *listing_id)?;
        let claimed = booked::most_on(engine, *tenant_id, *listing_id, &followed.claimed);
        let missing = claimed - behind.stock();
        if missing > 0
            && behind.held > 0
            && dead::dead_now(engine, *tenant_id, *listing_id).units >= missing
        {
            short.push((*tenant_id, *listing_id, missing));
        }
    }
    end_dead_stock(engine, &short);
    Ok(())
}

/// Ends all of them that nobody has locked, of these listings (tenant, listing). None of the listings may be locked yet.
pub fn end_all_dead_stock(engine: &Engine, listings: &[(Uuid, Uuid)]) {
    let with_dead: Vec<(Uuid, Uuid, i64)> = listings
        .iter()
        .filter(|(tenant_id, listing_id)| dead::dead_now(engine, *tenant_id, *listing_id).units > 0)
        .map(|(tenant_id, listing_id)| (*tenant_id, *listing_id, i64::MAX))
        .collect();
    end_dead_stock(engine, &with_dead);
}

/// Ends so many units of each listing (tenant, listing, units). The app's rows are locked before any listing, for an
/// app that edits its own row and then sells has locked that row first.
fn end_dead_stock(engine: &Engine, listings: &[(Uuid, Uuid, i64)]) {
    if listings.is_empty() {
        return;
    }
    let keys = listings
        .iter()
        .map(|(tenant, listing, _)| (*tenant, *listing));
    mirror::lock_of_listings(engine, keys);
    let mut freed = Deltas::default();
    for (tenant_id, listing_id, units) in listings {
        let of_listing =
            stock_expiry::expire(engine, *tenant_id, *listing_id, *units, i32::MAX, &[]);
        freed.add_all(&of_listing);
    }
    rollup::count(engine, &freed);
}

fn write(engine: &Engine, tenant_id: Uuid, listing_id: Uuid, booked: i64) -> Result<(), Refusal> {
    let booked = i32::try_from(booked).map_err(|_| Error::QuantityOutOfRange {
        what: format!("quantity_booked of listing {listing_id}"),
        value: booked,
    })?;
    let args = [id(listing_id), id(tenant_id), booked.into()];
    aside::during(|| plans::write_all(engine, &WRITE, &args, 1));
    Ok(())
}

/// Counts a listing's number anew, under its lock: days have passed, or a resource has changed.
pub fn recount(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) {
    let args = [id(listing_id), id(tenant_id)];
    let Some(behind) = plans::run_one(engine, &LOCK, &args, Behind::read) else {
        return;
    };
    let booked = booked::peak(engine, tenant_id, listing_id);
    if booked != behind.booked {
        let written = write(engine, tenant_id, listing_id, booked);
        written.unwrap_or_else(|refusal| refusal.into_error(Error::WriteInterfered).raise());
    }
}

/// The listing's own number.
pub fn stored(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> i32 {
    let args = [id(listing_id), id(tenant_id)];
    plans::run_one(engine, &NOW, &args, |row| row.need(4)).unwrap_or(0)
}
