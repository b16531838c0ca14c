//! What keeps new claims out of dates: blackouts, and resources that are not active or retired. It is counted
//! in the dates' own rows, so that a claim that changes a row is judged by it, whoever came first. The same goes
//! for the listing behind a resource.
//!
//! Whoever changes any of this locks the resource first, and then its dates; claims lock dates alone.

use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, Statement};
use pgrx::pg_sys::{DATEARRAYOID, DATEOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use stockroom_core::calendar::Day;
use uuid::Uuid;

static LOCK_RESOURCES: Statement = Statement::fresh(
    "SELECT id FROM {s}.resource WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
    &[TEXTARRAYOID],
);
/// A lock alone would not tell a transaction with an older snapshot that something has changed.
static TOUCH_RESOURCES: Statement = Statement::fresh(
    "UPDATE {s}.resource SET is_active = is_active WHERE id = ANY ($1)",
    &[TEXTARRAYOID],
);
static LOCK_DATES: Statement = Statement::fresh(
    "SELECT FROM {s}.resource_capacity WHERE resource_id = ANY ($1) AND date BETWEEN $2 AND $3
      ORDER BY resource_id, date FOR NO KEY UPDATE",
    &[TEXTARRAYOID, DATEOID, DATEOID],
);
static RECOUNT: Statement = Statement::fresh(
    "UPDATE {s}.resource_capacity c SET closures = n.closures, listing_id = n.listing_id, updated_at = $4
       FROM (SELECT k.id, r.listing_id,
                    (NOT r.is_active)::int + (r.deleted_at IS NOT NULL)::int
                    + (SELECT count(*) FROM {s}.resource_blackout b
                        WHERE b.resource_id = k.resource_id AND k.date BETWEEN b.start_date AND b.end_date)::int
                    AS closures
               FROM {s}.resource_capacity k JOIN {s}.resource r ON r.id = k.resource_id
              WHERE k.resource_id = ANY ($1) AND k.date BETWEEN $2 AND $3) AS n
      WHERE c.id = n.id AND (c.closures, c.listing_id) IS DISTINCT FROM (n.closures, n.listing_id)",
    &[TEXTARRAYOID, DATEOID, DATEOID, TIMESTAMPTZOID],
);

/// Locks these resources, in lock order: what they are like changes one after the other. One that has gone is an
/// error.
pub fn lock_resources(engine: &Engine, resources: &[String]) -> Result<(), Error> {
    let args = || [resources.to_vec().into()];
    let found: Vec<String> = plans::run(engine, &LOCK_RESOURCES, &args(), |row| row.need(1));
    if let Some(gone) = resources.iter().find(|id| !found.contains(id)) {
        let resource_id = gone.clone();
        return Err(Booking::ResourceNotFound { resource_id }.into());
    }
    aside::during(|| plans::run(engine, &TOUCH_RESOURCES, &args(), |_| ()));
    Ok(())
}

/// Locks the dates of these resources between two, in lock order.
pub fn lock_dates(engine: &Engine, resources: &[String], first: Day, last: Day) {
    let args = [
        resources.to_vec().into(),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
    ];
    plans::run(engine, &LOCK_DATES, &args, |_| ());
}

/// Counts anew what closes the dates of these resources between two, and notes their listing. The resources are
/// locked.
pub fn recount(engine: &Engine, resources: &[String], first: Day, last: Day) {
    lock_dates(engine, resources, first, last);
    let args = [
        resources.to_vec().into(),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
        clock::now().into(),
    ];
    aside::during(|| plans::run(engine, &RECOUNT, &args, |_| ()));
}

static STATE: Statement = Statement::fresh(
    "SELECT is_active, deleted_at IS NOT NULL FROM {s}.resource WHERE id = $1",
    &[TEXTOID],
);
static BLACKOUTS: Statement = Statement::fresh(
    "SELECT b.id, b.start_date, b.end_date FROM {s}.resource_blackout b
      WHERE b.resource_id = $1 AND b.end_date >= (SELECT min(d) FROM unnest($2) AS d)
        AND EXISTS (SELECT FROM unnest($2) AS d WHERE d BETWEEN b.start_date AND b.end_date)
      ORDER BY b.start_date, b.id",
    &[TEXTOID, DATEARRAYOID],
);

/// Why claims of these dates, which are closed, are refused.
pub fn refusal(engine: &Engine, resource_id: &str, dates: &[Day]) -> Error {
    let state = plans::run_one(engine, &STATE, &[resource_id.into()], |row| {
        (row.need::<bool>(1), row.need::<bool>(2))
    });
    let resource_id = resource_id.to_owned();
    match state {
        None => return Booking::ResourceNotFound { resource_id }.into(),
        Some((_, true)) => {
            let state = "retired";
            return Booking::ResourceNotActive { resource_id, state }.into();
        }
        Some((false, _)) => {
            let state = "inactive";
            return Booking::ResourceNotActive { resource_id, state }.into();
        }
        Some((true, false)) => {}
    }
    let args = [
        resource_id.as_str().into(),
        calendar::dates(dates.iter().copied()),
    ];
    let blackouts: Vec<(Uuid, Day, Day)> = plans::run(engine, &BLACKOUTS, &args, |row| {
        (
            row.id(1),
            calendar::from_pg(row.need(2)),
            calendar::from_pg(row.need(3)),
        )
    });
    let is_black = |day: &Day| {
        blackouts
            .iter()
            .any(|(_, first, last)| (*first..=*last).contains(day))
    };
    Booking::BlackedOut {
        resource_id,
        dates: dates.iter().copied().filter(is_black).collect(),
        blackouts: blackouts.iter().map(|(id, ..)| *id).collect(),
    }
    .into()
}
