//! add_blackout and remove_blackout: dates on which a resource takes no new claims.

use super::dates::{first_and_last, resource_key};
use super::resource;
use super::row;
use crate::arguments::{at_most, required, required_id};
use crate::calendar;
use crate::clock;
use crate::counters::capacity::{claims, closures, rows, DateDeltas};
use crate::engine::Engine;
use crate::error::Booking;
use crate::ids;
use crate::plans::{self, id, Statement};
use crate::subtransaction::attempt;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use stockroom_core::hold::HoldStatus;
use uuid::Uuid;

/// Our own triggers count it in the dates.
static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.resource_blackout (id, tenant_id, resource_id, start_date, end_date, reason)
     VALUES ($1, $2, $3, $4, $5, $6)",
    &[UUIDOID, UUIDOID, TEXTOID, DATEOID, DATEOID, TEXTOID],
);
static DELETE: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_blackout WHERE id = $1 AND tenant_id = $2 RETURNING true",
    &[UUIDOID, UUIDOID],
);
static RESOURCE_OF: Statement = Statement::fresh(
    "SELECT resource_id FROM {s}.resource_blackout WHERE id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);
/// Which claims are on dates between $2 and $3: their keys, those of their dates, and their quantity.
static HITS: Statement = Statement::fresh(
    "SELECT n.kind, n.id, ARRAY(SELECT d FROM unnest(n.dates) AS d WHERE d BETWEEN $2 AND $3 ORDER BY d), n.quantity
       FROM (SELECT 'hold' AS kind, id, dates, quantity, created_at FROM {s}.resource_hold
              WHERE resource_id = $1 AND status = 'ACTIVE' AND (expires_at IS NULL OR expires_at > $4)
             UNION ALL
             SELECT 'allocation', id, dates, quantity, created_at FROM {s}.resource_allocation
              WHERE resource_id = $1 AND dates[cardinality(dates)] >= $2) AS n
      WHERE EXISTS (SELECT FROM unnest(n.dates) AS d WHERE d BETWEEN $2 AND $3)
      ORDER BY n.kind, n.created_at, n.id",
    &[TEXTOID, DATEOID, DATEOID, TIMESTAMPTZOID],
);

/// A claim that a blackout hits.
struct Hit {
    kind: String,
    id: Uuid,
    dates: Vec<Day>,
    quantity: i32,
}

fn hits(engine: &Engine, resource_id: &str, first: Day, last: Day) -> Vec<Hit> {
    let args = [
        resource_id.into(),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
        clock::now().into(),
    ];
    plans::run(engine, &HITS, &args, |row| Hit {
        kind: row.need(1),
        id: row.id(2),
        dates: calendar::days(row.need(3)),
        quantity: row.need(4),
    })
}

/// Releases all live holds that have dates between these two, and answers them with these dates. The resource is
/// locked; its dates are locked with it, in order, before they are counted.
fn release_holds(engine: &Engine, resource_id: &Rc<str>, first: Day, last: Day) -> Vec<Hit> {
    let mut found = hits(engine, resource_id, first, last);
    found.retain(|hit| hit.kind == "hold");
    let holds = ids::in_order(found.iter().map(|hit| hit.id));
    // Some may have ended meanwhile, or gone: those stay as they are.
    let ended = row::end_active(engine, &holds, HoldStatus::Released);
    let (mut from, mut to) = (first, last);
    let mut freed = DateDeltas::default();
    for row in &ended {
        let units = -i64::from(row.life.quantity);
        freed.add(engine.tenant, &row.resource_id, &row.dates, units);
        from = from.min(row.dates[0]);
        to = to.max(row.dates[row.dates.len() - 1]);
    }
    closures::lock_dates(engine, &[resource_id.to_string()], from, to);
    rows::count(engine, &freed);
    found.retain(|hit| ended.iter().any(|row| row.hold_id == hit.id));
    found
}

/// Releases all live holds of a resource.
pub fn cancel_holds(engine: &Engine, resource_id: &Rc<str>) {
    release_holds(engine, resource_id, claims::FIRST_DAY, claims::LAST_DAY);
}

/// How often it is begun again where holds came in before the dates were locked; what comes faster than that is told.
const MOST_TRIES: usize = 10;

/// Closes dates of a resource for new claims, and returns the blackout (kind blackout) and the claims that it hits:
/// kind hold or allocation, with those of their dates that it closes.
///
/// They stay as they are, and a hold may still be confirmed; `cancel_holds` releases the holds (kind
/// released_hold). Errors: resource_not_found, bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn add_blackout(
    resource_id: Option<String>,
    start_date: Option<Date>,
    end_date: Option<Date>,
    reason: default!(Option<String>, "NULL"),
    cancel_holds: default!(Option<bool>, "false"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(id, PgUuid),
            name!(dates, Vec<Date>),
            name!(quantity, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let resource_id = resource_key(resource_id)?;
    let (first, last) = first_and_last(["start_date", "end_date"], start_date, end_date)?;
    let cancels = required("cancel_holds", cancel_holds)?;
    let reason = at_most("reason", reason, 1000)?;
    resource::now(&engine, &resource_id)?;
    closures::lock_resources(&engine, &[resource_id.to_string()])?;
    let blackout_id = ids::new_key();
    let args = || {
        [
            id(blackout_id),
            id(engine.tenant),
            (&*resource_id).into(),
            calendar::to_pg(first).into(),
            calendar::to_pg(last).into(),
            reason.clone().into(),
        ]
    };
    let mut released = Vec::new();
    for tries in 1..=MOST_TRIES {
        let done = attempt(|| {
            let released = match cancels {
                true => release_holds(&engine, &resource_id, first, last),
                false => Vec::new(),
            };
            plans::write_all(&engine, &INSERT, &args(), 1);
            let is_held = || {
                let left = hits(&engine, &resource_id, first, last);
                left.iter().any(|hit| hit.kind == "hold")
            };
            match cancels && tries < MOST_TRIES && is_held() {
                true => Err(()),
                false => Ok(released),
            }
        });
        if let Ok(done) = done {
            released = done;
            break;
        }
    }
    let mut rows = vec![(
        "blackout".to_owned(),
        ids::to_pg(blackout_id),
        calendar::list(&[first, last]),
        None,
    )];
    let of_hit = |kind: &str, hit: Hit| {
        (
            kind.to_owned(),
            ids::to_pg(hit.id),
            calendar::list(&hit.dates),
            Some(hit.quantity),
        )
    };
    rows.extend(released.into_iter().map(|hit| of_hit("released_hold", hit)));
    let left = hits(&engine, &resource_id, first, last);
    rows.extend(left.into_iter().map(|hit| of_hit(&hit.kind.clone(), hit)));
    Ok(TableIterator::new(rows))
}

/// Takes a blackout away: its dates can be booked again, where no other closes them.
///
/// Errors: blackout_not_found, a second time too.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn remove_blackout(
    blackout_id: Option<PgUuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<(), ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let blackout_id = required_id("blackout_id", blackout_id)?;
    let args = || [id(blackout_id), id(engine.tenant)];
    let gone = || Booking::BlackoutNotFound { blackout_id };
    // The resource is locked first, as everywhere.
    let resource = plans::run_one(&engine, &RESOURCE_OF, &args(), |row| row.need::<String>(1));
    closures::lock_resources(&engine, &[resource.ok_or_else(gone)?])?;
    match plans::run_one(&engine, &DELETE, &args(), |_| ()) {
        Some(()) => Ok(()),
        None => Err(gone().into()),
    }
}
