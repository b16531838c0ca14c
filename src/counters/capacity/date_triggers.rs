//! Door 2 for resource_capacity: what is free belongs to the engine, what is booked stays open, and at commit no
//! date has more booked than there is.

use super::deltas::DateKey;
use super::{claims, closures, dead, expiry, rows};
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::counters::row::{self, NewRow};
use crate::engine::{as_engine, Engine};
use crate::error::{Booking, Error};
use crate::plans::{self, Statement};
use crate::restore;
use crate::subtransaction::attempt;
use pgrx::datum::Date;
use pgrx::pg_sys::TIMESTAMPTZOID;
use pgrx::prelude::*;

/// Puts back what belongs to the engine; more or fewer units on a date are more or fewer free ones.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_capacity_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_capacity_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut date = NewRow::of(trigger);
    // NULL: the column's own NOT NULL refuses it.
    let Some(max) = date.field::<i32>("max_capacity") else {
        return Ok(Some(date.give_back()));
    };
    let Some(old) = trigger.old() else {
        // What is booked already, and what closes it, is counted when all rows are there.
        date.set("available_capacity", max);
        date.set("closures", 0);
        date.set("listing_id", None::<pgrx::Uuid>);
        return Ok(Some(date.give_back()));
    };
    date.refuse_change("resource_capacity", &["id", "tenant_id"]);
    date.refuse_text_change("resource_capacity", &["resource_id"]);
    if row::field::<Date, _>(&old, "date") != date.field::<Date>("date") {
        Error::KeyFixed {
            table: "resource_capacity",
            column: "date",
        }
        .raise();
    }
    let before = |column| row::field::<i32, _>(&old, column).unwrap_or(0);
    let booked = i64::from(before("max_capacity")) - i64::from(before("available_capacity"));
    let available = i32::try_from(i64::from(max) - booked);
    date.set("available_capacity", available.unwrap_or(i32::MIN));
    date.set("closures", before("closures"));
    date.set(
        "listing_id",
        row::field::<pgrx::Uuid, _>(&old, "listing_id"),
    );
    date.touch();
    Ok(Some(date.give_back()))
}

static RANGE: Statement = Statement::fresh(
    "SELECT array_agg(DISTINCT n.resource_id ORDER BY n.resource_id), min(n.date), max(n.date),
            (SELECT k.resource_id FROM new_rows k
              WHERE NOT EXISTS (SELECT FROM {s}.resource r
                                 WHERE r.id = k.resource_id AND r.tenant_id = k.tenant_id) LIMIT 1)
       FROM new_rows n HAVING count(*) > 0",
    &[],
);
/// Claims of dates that are opened now: those that were there when the date was opened before, and those that an app's
/// trigger has made of the new rows.
static CLAIMED: Statement = Statement::fresh(
    "WITH claimed AS (
       SELECT resource_id, date, sum(units) AS units
         FROM (SELECT h.resource_id, d.date, h.quantity AS units
                 FROM {s}.resource_hold h, unnest(h.dates) AS d (date)
                WHERE h.status = 'ACTIVE' AND h.resource_id IN (SELECT resource_id FROM new_rows)
               UNION ALL
               SELECT a.resource_id, d.date, a.quantity
                 FROM {s}.resource_allocation a, unnest(a.dates) AS d (date)
                WHERE a.resource_id IN (SELECT resource_id FROM new_rows)
                  AND a.dates[cardinality(a.dates)] >= (SELECT min(date) FROM new_rows)) AS claim
        GROUP BY resource_id, date)
     UPDATE {s}.resource_capacity c
        SET available_capacity = c.max_capacity - coalesce(n.units, 0), updated_at = $1
       FROM new_rows w LEFT JOIN claimed n ON n.resource_id = w.resource_id AND n.date = w.date
      WHERE c.resource_id = w.resource_id AND c.date = w.date
        AND c.available_capacity <> c.max_capacity - coalesce(n.units, 0)",
    &[TIMESTAMPTZOID],
);
/// Dates with claims that were deleted although their resource is still there.
static BOOKED: Statement = Statement::fresh(
    "SELECT o.resource_id, o.date, o.tenant_id FROM old_rows o JOIN {s}.resource r ON r.id = o.resource_id
      WHERE o.available_capacity < o.max_capacity ORDER BY o.resource_id, o.date",
    &[],
);
/// After each statement of a client: new dates are counted, and booked ones do not go.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_capacity_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_capacity_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        if trigger.event().fired_by_insert() {
            count_new(&engine, trigger);
        } else if trigger.event().fired_by_delete() {
            refuse_booked(&engine, trigger);
        } else {
            claims::refuse_any(&engine);
        }
    });
    Ok(None)
}

fn count_new(engine: &Engine, trigger: &PgTrigger) {
    let range = plans::run_in_trigger(engine, trigger, &RANGE, &[], |row| {
        (
            row.need::<Vec<String>>(1),
            calendar::from_pg(row.need(2)),
            calendar::from_pg(row.need(3)),
            row.get::<String>(4),
        )
    })
    .pop();
    let Some((resources, first, last, unknown)) = range else {
        return;
    };
    if let Some(resource_id) = unknown {
        Error::from(Booking::ResourceNotFound { resource_id }).raise();
    }
    closures::lock_resources(engine, &resources).unwrap_or_else(|error| error.raise());
    let now = [clock::now().into()];
    aside::during(|| plans::run_in_trigger(engine, trigger, &CLAIMED, &now, |_| ()));
    closures::recount(engine, &resources, first, last);
}

/// Holds that have expired are no reason, and are ended first.
fn refuse_booked(engine: &Engine, trigger: &PgTrigger) {
    let booked: Vec<DateKey> =
        plans::run_in_trigger(engine, trigger, &BOOKED, &[], |row| DateKey {
            resource_id: row.need::<String>(1).into(),
            date: calendar::from_pg(row.need(2)),
            tenant_id: row.id(3),
        });
    for dates in booked.chunk_by(|one, next| one.resource_id == next.resource_id) {
        // They are locked already, as they are deleted: nobody is waited for. What somebody has locked stands in the
        // way, for he may be about to confirm it.
        let _: Result<(), ()> = attempt(|| {
            let freed = expiry::expire_of(engine, dates[0].tenant_id, &dates[0].resource_id);
            rows::count_if_free(engine, &freed)
        });
    }
    for DateKey {
        resource_id, date, ..
    } in booked
    {
        let claims = claims::between(engine, &resource_id, date, date, claims::ALL_ACTIVE);
        if !claims::are_none(&claims) {
            Error::from(Booking::ResourceBooked {
                resource_id: resource_id.to_string(),
                claims,
            })
            .raise();
        }
    }
}

/// At commit: no date has more booked than there is. Holds that have expired are no reason: they are ended first.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_capacity_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_capacity_check<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(None);
    }
    let new = trigger
        .new()
        .expect("a row trigger on INSERT or UPDATE has a new row");
    let resource_id: String = row::field(&new, "resource_id").expect("a date has its resource");
    let date: Date = row::field(&new, "date").expect("a date is one");
    let tenant_id = row::id(&new, "tenant_id").expect("a date has its tenant");
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let key = DateKey {
            resource_id: resource_id.into(),
            date: calendar::from_pg(date),
            tenant_id,
        };
        refuse_overbooked(&engine, &key);
    });
    Ok(None)
}

fn refuse_overbooked(engine: &Engine, key: &DateKey) {
    let over_by = || {
        let now = rows::now(engine, std::slice::from_ref(key)).pop();
        now.map_or(0, |row| -i64::from(row.available))
    };
    if over_by() <= 0 {
        return;
    }
    if dead::now(engine, &key.resource_id).on(key.date) > 0 {
        // This date is locked already: nobody is waited for at their others.
        let _: Result<(), ()> = attempt(|| {
            let all = |_: &_| false;
            let dates = [key.date];
            let freed = expiry::expire(engine, key.tenant_id, &key.resource_id, &dates, all);
            rows::count_if_free(engine, &freed)
        });
    }
    let over_by = over_by();
    if over_by > 0 {
        Error::from(Booking::Overbooked {
            resource_id: key.resource_id.to_string(),
            date: key.date,
            over_by,
            claims: claims::between(
                engine,
                &key.resource_id,
                key.date,
                key.date,
                clock::microseconds(),
            ),
        })
        .raise();
    }
}
