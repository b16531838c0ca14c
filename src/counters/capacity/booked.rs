//! The same goods sold and booked: what of a listing is booked at most on any date from today on, over all
//! resources that it is behind. A listing keeps that number; what is sold leaves so many units, and what is
//! booked finds them there.
//!
//! It may be too high for a while, as days pass and holds expire: then it only refuses, and whoever would be
//! refused counts it anew first. Bookings always write the listing's row, so that sales meet them there at every
//! isolation level.

use super::deltas::DateDeltas;
use super::rows::DateRow;
use crate::calendar;
use crate::counters::{aside, dead, Guard, Refusal};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Arg, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::{DATEARRAYOID, DATEOID, INT4OID, UUIDOID};
use std::collections::{BTreeMap, HashMap};
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What is booked of a listing by date, without holds that have expired; $3 is a date of which nobody's today is
/// earlier.
macro_rules! booked {
    ($which:literal) => {
        concat!(
            "WITH booked AS (
               SELECT c.date, sum(c.max_capacity::bigint - c.available_capacity) AS units
                 FROM {s}.resource_capacity c JOIN {s}.resource r ON r.id = c.resource_id
                WHERE c.listing_id = $1 AND c.tenant_id = $2 AND c.date >= $3
                  AND c.date >= (clock_timestamp() AT TIME ZONE r.timezone)::date
                  AND c.available_capacity < c.max_capacity AND ",
            $which,
            " GROUP BY c.date),
             dead AS (
               SELECT d.date, sum(h.quantity) AS units
                 FROM {s}.resource r
                 JOIN {s}.resource_hold h
                   ON h.resource_id = r.id AND h.status = 'ACTIVE' AND h.expires_at <= clock_timestamp(),
                      unnest(h.dates) AS d (date)
                WHERE r.listing_id = $1 GROUP BY d.date)
             SELECT b.date, (b.units - coalesce(d.units, 0))::bigint FROM booked b LEFT JOIN dead d USING (date)"
        )
    };
}

static ALL: Statement = Statement::fresh(booked!("true"), &[UUIDOID, UUIDOID, DATEOID]);
static ON: Statement = Statement::fresh(
    booked!("c.date = ANY ($4)"),
    &[UUIDOID, UUIDOID, DATEOID, DATEARRAYOID],
);
static SEEN: Statement = Statement::stable(
    booked!("c.date BETWEEN $4 AND $5"),
    &[UUIDOID, UUIDOID, DATEOID, DATEOID, DATEOID],
);
static LOCK: Statement = Statement::fresh(
    "SELECT quantity_available, safety_stock, quantity_held, quantity_booked FROM {s}.stock_listings
      WHERE listing_id = $1 AND tenant_id = $2 FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID],
);
static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings SET quantity_booked = $3 WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, INT4OID],
);

/// No zone is more than 12 hours behind.
fn earliest_today() -> Day {
    Day(calendar::nowhere_past().0 - 2)
}

fn of_listing(tenant_id: Uuid, listing_id: Uuid) -> [Arg; 3] {
    [
        id(listing_id),
        id(tenant_id),
        calendar::to_pg(earliest_today()).into(),
    ]
}

fn by_date(row: &plans::Row) -> (Day, i64) {
    (calendar::from_pg(row.need::<Date>(1)), row.need(2))
}

/// Units of a listing that are booked at most on any date from today on, as it is now.
pub fn peak(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> i64 {
    let args = of_listing(tenant_id, listing_id);
    let booked = plans::run(engine, &ALL, &args, by_date);
    booked
        .into_iter()
        .map(|(_, units)| units)
        .max()
        .unwrap_or(0)
}

/// Units that are booked on each of these dates, as it is now; past dates have none.
pub fn on(engine: &Engine, listing_id: Uuid, dates: &[Day]) -> HashMap<Day, i64> {
    let [listing, tenant, from] = of_listing(engine.tenant, listing_id);
    let args = [
        listing,
        tenant,
        from,
        calendar::dates(dates.iter().copied()),
    ];
    plans::run(engine, &ON, &args, by_date)
        .into_iter()
        .collect()
}

/// The same of all dates between two, as the calling query sees them.
pub fn seen(engine: &Engine, listing_id: Uuid, first: Day, last: Day) -> HashMap<Day, i64> {
    let [listing, tenant, from] = of_listing(engine.tenant, listing_id);
    let args = [
        listing,
        tenant,
        from,
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
    ];
    plans::run(engine, &SEEN, &args, by_date)
        .into_iter()
        .collect()
}

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
    for ((listing_id, tenant_id), followed) in listings {
        follow_one(engine, tenant_id, listing_id, &followed, guard)?;
    }
    Ok(())
}

fn follow_one(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    followed: &Followed,
    guard: Guard,
) -> Result<(), Refusal> {
    let key = || [id(listing_id), id(tenant_id)];
    let listing = plans::run_one(engine, &LOCK, &key(), |row| {
        [1, 2, 3, 4].map(|at| i64::from(row.need::<i32>(at)))
    });
    let [available, safety_stock, held, stored] =
        listing.ok_or(Error::ListingNotFound { listing_id })?;
    let [listing, tenant, from] = of_listing(tenant_id, listing_id);
    let dates = calendar::dates(followed.claimed.iter().copied());
    let claimed = plans::run(engine, &ON, &[listing, tenant, from, dates], by_date);
    let claimed = claimed.into_iter().map(|(_, units)| units).max();
    let claimed = claimed.unwrap_or(0);
    if guard.judges_now() && !followed.claimed.is_empty() {
        let dead = match held {
            0 => 0,
            _ => dead::dead_now(engine, tenant_id, listing_id).units,
        };
        if claimed > available + dead - safety_stock {
            return Err(Refusal::Promised);
        }
    }
    let booked = match followed.frees {
        true => peak(engine, tenant_id, listing_id),
        false => stored.max(claimed),
    };
    let booked = i32::try_from(booked).map_err(|_| Error::QuantityOutOfRange {
        what: format!("quantity_booked of listing {listing_id}"),
        value: booked,
    })?;
    let [listing, tenant] = key();
    let args = [listing, tenant, booked.into()];
    aside::during(|| plans::write_all(engine, &WRITE, &args, 1));
    Ok(())
}

/// Counts a listing's number anew: days have passed, or holds have expired.
pub fn recount(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> i64 {
    let args = [id(listing_id), id(tenant_id)];
    let Some(stored) = plans::run_one(engine, &LOCK, &args, |row| row.need::<i32>(4)) else {
        return 0;
    };
    let booked = peak(engine, tenant_id, listing_id).min(stored.into());
    if booked < i64::from(stored) {
        let args = [id(listing_id), id(tenant_id), (booked as i32).into()];
        aside::during(|| plans::write_all(engine, &WRITE, &args, 1));
    }
    booked
}
