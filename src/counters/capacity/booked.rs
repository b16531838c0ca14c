//! The same goods sold and booked: what of a listing is booked at most on any date from today on, over all
//! resources that it is behind. A listing keeps that number; what is sold leaves so many units, and what is
//! booked finds them there.
//!
//! It may be too high for a while, as days pass: then it only refuses, and whoever would be refused counts it anew
//! first. A hold that has expired is counted until it is ended, for at this very moment it may be confirmed; whoever
//! needs its units ends it. Bookings always write the listing's row, so that sales meet them there at every isolation
//! level.

use super::deltas::DateDeltas;
use super::expiry;
use super::rows::{self, DateRow};
use crate::calendar;
use crate::clock;
use crate::counters::{
    aside, dead, expiry as stock_expiry, mirror, rollup, Deltas, Guard, Refusal,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Arg, Statement};
use crate::subtransaction::attempt;
use pgrx::datum::Date;
use pgrx::pg_sys::{DATEARRAYOID, DATEOID, INT4OID, TIMESTAMPTZOID, UUIDOID};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What is booked of a listing by date, as the counters have it; $3 is a date of which nobody's today is earlier.
macro_rules! booked {
    ($which:literal) => {
        concat!(
            "SELECT c.date, sum(c.max_capacity::bigint - c.available_capacity)::bigint
               FROM {s}.resource_capacity c JOIN {s}.resource r ON r.id = c.resource_id
              WHERE c.listing_id = $1 AND c.tenant_id = $2 AND c.date >= $3
                AND c.date >= (clock_timestamp() AT TIME ZONE r.timezone)::date
                AND c.available_capacity < c.max_capacity AND ",
            $which,
            " GROUP BY c.date"
        )
    };
}

static ALL: Statement = Statement::fresh(booked!("true"), &[UUIDOID, UUIDOID, DATEOID]);
static ON: Statement = Statement::fresh(
    booked!("c.date = ANY ($4)"),
    &[UUIDOID, UUIDOID, DATEOID, DATEARRAYOID],
);
/// The same without holds that have expired: only to be told, for until they are ended they may be confirmed at this
/// moment.
macro_rules! booked_without_dead {
    ($which:literal) => {
        concat!(
            "SELECT c.date, sum(c.max_capacity::bigint - c.available_capacity - coalesce(dead.units, 0))::bigint
               FROM {s}.resource_capacity c
               LEFT JOIN LATERAL (SELECT sum(h.quantity) AS units FROM {s}.resource_hold h
                                   WHERE h.resource_id = c.resource_id AND h.status = 'ACTIVE'
                                     AND h.expires_at <= clock_timestamp() AND c.date = ANY (h.dates)) AS dead ON true
              WHERE c.listing_id = $1 AND c.tenant_id = $2 AND c.available_capacity < c.max_capacity AND ",
            $which,
            " GROUP BY c.date"
        )
    };
}

static SEEN: Statement = Statement::stable(
    booked_without_dead!("c.date BETWEEN $3 AND $4"),
    &[UUIDOID, UUIDOID, DATEOID, DATEOID],
);
static ON_WITHOUT_DEAD: Statement = Statement::fresh(
    booked_without_dead!("c.date = ANY ($3)"),
    &[UUIDOID, UUIDOID, DATEARRAYOID],
);
/// Resources that a listing is behind, of which holds have expired and are still counted.
static WITH_DEAD: Statement = Statement::fresh(
    "SELECT r.id FROM {s}.resource r
      WHERE r.listing_id = $1 AND r.tenant_id = $2
        AND EXISTS (SELECT FROM {s}.resource_hold h
                     WHERE h.resource_id = r.id AND h.status = 'ACTIVE' AND h.expires_at <= $3)
      ORDER BY r.id",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID],
);
static NOW: Statement = Statement::fresh(
    "SELECT quantity_available, safety_stock, quantity_held, quantity_booked FROM {s}.stock_listings
      WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
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

/// The same without holds that have expired.
pub fn on_without_dead(engine: &Engine, listing_id: Uuid, dates: &[Day]) -> HashMap<Day, i64> {
    let args = [
        id(listing_id),
        id(engine.tenant),
        calendar::dates(dates.iter().copied()),
    ];
    plans::run(engine, &ON_WITHOUT_DEAD, &args, by_date)
        .into_iter()
        .collect()
}

/// The same of all dates between two, as the calling query sees them.
pub fn seen(engine: &Engine, listing_id: Uuid, first: Day, last: Day) -> HashMap<Day, i64> {
    let args = [
        id(listing_id),
        id(engine.tenant),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
    ];
    plans::run(engine, &SEEN, &args, by_date)
        .into_iter()
        .collect()
}

/// Resources behind which a listing is, of which holds have expired and are still counted.
pub fn with_dead(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Vec<Rc<str>> {
    let args = [id(listing_id), id(tenant_id), clock::now().into()];
    plans::run(engine, &WITH_DEAD, &args, |row| {
        row.need::<String>(1).into()
    })
}

/// Ends such holds, as far as nobody has locked them. The counters are the caller's to change, with what else he changes
/// in them.
#[must_use]
pub fn expire_dead(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> DateDeltas {
    let mut freed = DateDeltas::default();
    for resource_id in with_dead(engine, tenant_id, listing_id) {
        freed.add_all(&expiry::expire_of(engine, tenant_id, &resource_id));
    }
    freed
}

/// Ends such holds, as far as nobody has locked them or their dates: nobody is waited for. The listing follows when
/// it is claimed.
pub fn end_dead(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) {
    for resource_id in with_dead(engine, tenant_id, listing_id) {
        // What somebody has locked is left to the next.
        let _: Result<(), ()> = attempt(|| {
            let freed = expiry::expire_of(engine, tenant_id, &resource_id);
            match rows::lock_free(engine, &freed.keys()) {
                true => {
                    rows::count_alone(engine, &freed);
                    Ok(())
                }
                false => Err(()),
            }
        });
    }
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

/// Units that are booked at most on a date that a claim takes.
fn most_on(engine: &Engine, tenant_id: Uuid, listing_id: Uuid, dates: &[Day]) -> i64 {
    if dates.is_empty() {
        return 0;
    }
    let [listing, tenant, from] = of_listing(tenant_id, listing_id);
    let dates = calendar::dates(dates.iter().copied());
    let booked = plans::run(engine, &ON, &[listing, tenant, from, dates], by_date);
    booked
        .into_iter()
        .map(|(_, units)| units)
        .max()
        .unwrap_or(0)
}

fn follow_one(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
    followed: &Followed,
    guard: Guard,
) -> Result<(), Refusal> {
    let behind = behind(engine, &LOCK, tenant_id, listing_id)?;
    let claimed = most_on(engine, tenant_id, listing_id, &followed.claimed);
    if guard.judges_now() && !followed.claimed.is_empty() && claimed > behind.stock() {
        return Err(Refusal::Promised);
    }
    let booked = match followed.frees {
        true => peak(engine, tenant_id, listing_id),
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
        let claimed = most_on(engine, *tenant_id, *listing_id, &followed.claimed);
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
    let booked = peak(engine, tenant_id, listing_id);
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
