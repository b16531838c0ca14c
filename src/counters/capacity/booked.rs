//! The same goods sold and booked: what of a listing is booked by date, over all resources that it is behind, and the
//! holds of resources that have expired and are still counted in it. The listing's own number follows in
//! [`super::behind`].

use super::deltas::DateDeltas;
use super::expiry;
use super::rows;
use crate::calendar;
use crate::clock;
use crate::engine::Engine;
use crate::plans::{self, id, Arg, Statement};
use crate::subtransaction::attempt;
use pgrx::datum::Date;
use pgrx::pg_sys::{DATEARRAYOID, DATEOID, TIMESTAMPTZOID, UUIDOID};
use std::collections::HashMap;
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

fn most(booked: Vec<(Day, i64)>) -> i64 {
    let units = booked.into_iter().map(|(_, units)| units);
    units.max().unwrap_or(0)
}

/// Units of a listing that are booked at most on any date from today on, as it is now.
pub fn peak(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> i64 {
    let args = of_listing(tenant_id, listing_id);
    most(plans::run(engine, &ALL, &args, by_date))
}

/// The same on any of these dates.
pub fn most_on(engine: &Engine, tenant_id: Uuid, listing_id: Uuid, dates: &[Day]) -> i64 {
    if dates.is_empty() {
        return 0;
    }
    let [listing, tenant, from] = of_listing(tenant_id, listing_id);
    let dates = calendar::dates(dates.iter().copied());
    most(plans::run(
        engine,
        &ON,
        &[listing, tenant, from, dates],
        by_date,
    ))
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
