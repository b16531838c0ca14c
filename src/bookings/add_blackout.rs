//! add_blackout and remove_blackout: dates on which a resource takes no new claims.

use super::dates::{first_and_last, resource_key};
use super::resource;
use super::row;
use crate::arguments::{at_most, required, required_id};
use crate::calendar;
use crate::clock;
use crate::counters::capacity::{closures, rows, DateDeltas};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use stockroom_core::hold::{Hold, HoldStatus};
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
fn release_holds(
    engine: &Engine,
    resource_id: &Rc<str>,
    first: Day,
    last: Day,
) -> Result<Vec<Hit>, Error> {
    let mut found = hits(engine, resource_id, first, last);
    found.retain(|hit| hit.kind == "hold");
    let mut freed = DateDeltas::default();
    // Some may have ended meanwhile: those stay as they are.
    let mut ended = Vec::new();
    let holds = ids::in_order(found.iter().map(|hit| hit.id));
    let mut before = std::collections::HashMap::new();
    let changed = row::change(engine, &holds, |row, now| {
        before.insert(row.hold_id, row.life);
        Ok(match row.life.state_at(now) {
            HoldStatus::Active => row.with(Hold {
                status: HoldStatus::Released,
                ..row.life
            }),
            _ => row.with(row.life.expire(now)),
        })
    })?;
    let (mut from, mut to) = (first, last);
    for row in changed {
        let counted = before[&row.hold_id].counted() - row.life.counted();
        if counted > 0 {
            freed.add(
                engine.tenant,
                &row.resource_id,
                &row.dates,
                -i64::from(counted),
            );
            from = from.min(row.dates[0]);
            to = to.max(row.dates[row.dates.len() - 1]);
        }
        if row.life.status == HoldStatus::Released && counted > 0 {
            ended.push(row.hold_id);
        }
    }
    closures::lock_dates(engine, &[resource_id.to_string()], from, to);
    rows::count(engine, &freed);
    found.retain(|hit| ended.contains(&hit.id));
    Ok(found)
}

/// Releases all live holds with dates between these two.
pub fn cancel_holds(
    engine: &Engine,
    resource_id: &Rc<str>,
    first: Day,
    last: Day,
) -> Result<(), Error> {
    release_holds(engine, resource_id, first, last).map(|_| ())
}

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
    let mut released = match cancels {
        true => release_holds(&engine, &resource_id, first, last)?,
        false => Vec::new(),
    };
    let blackout_id = ids::new_key();
    let args = [
        id(blackout_id),
        id(engine.tenant),
        (&*resource_id).into(),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
        reason.into(),
    ];
    plans::write_all(&engine, &INSERT, &args, 1);
    if cancels {
        // Those that came between the first look and the lock.
        released.extend(release_holds(&engine, &resource_id, first, last)?);
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
    let args = [id(blackout_id), id(engine.tenant)];
    match plans::run_one(&engine, &DELETE, &args, |_| ()) {
        Some(()) => Ok(()),
        None => Err(Booking::BlackoutNotFound { blackout_id }.into()),
    }
}
