//! Door 2 for resource_hold and resource_allocation: sums up what a client's own DML claims and frees, date by
//! date.

use super::deltas::{DateDeltas, DateKey};
use super::rows;
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::counters::row::{self, NewRow};
use crate::engine::{as_engine, Engine};
use crate::error::{Booking, Error};
use crate::plans::{self, id, Row, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::{TEXTOID, UUIDOID};
use pgrx::prelude::*;
use std::rc::Rc;
use stockroom_core::calendar::dates_of_booking;
use uuid::Uuid;

/// Nobody deletes the resource before this transaction, which books it, has ended.
static RESOURCE: Statement = Statement::fresh(
    "SELECT FROM {s}.resource WHERE id = $1 AND tenant_id = $2 FOR KEY SHARE",
    &[TEXTOID, UUIDOID],
);

/// What both kinds of claims have in common: dates as they are kept, and a resource of their tenant's that stays
/// the same.
fn check_claim<'a>(trigger: &'a PgTrigger<'a>, table: &'static str) -> NewRow<'a> {
    let mut claim = NewRow::of(trigger);
    if trigger.old().is_some() {
        claim.refuse_change(table, &["id", "tenant_id"]);
        claim.refuse_text_change(table, &["resource_id"]);
        claim.touch();
    }
    // NULL: the column's own NOT NULL refuses it.
    if let Some(dates) = row::array::<Date>(trigger, "dates") {
        let dates = dates.into_iter().map(|date| date.map(calendar::from_pg));
        let dates = dates_of_booking(dates).unwrap_or_else(|problem| {
            Error::BadArgument {
                argument: "dates",
                problem: problem.to_string(),
            }
            .raise()
        });
        claim.set("dates", calendar::list(&dates));
    }
    if trigger.old().is_none() {
        let resource_id: Option<String> = claim.field("resource_id");
        if let (Some(resource_id), Some(tenant_id)) = (resource_id, claim.id("tenant_id")) {
            require_resource(trigger, resource_id, tenant_id);
        }
    }
    claim
}

fn require_resource(trigger: &PgTrigger, resource_id: String, tenant_id: Uuid) {
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let args = [resource_id.as_str().into(), id(tenant_id)];
    let found = as_engine(&engine, || {
        plans::run_one(&engine, &RESOURCE, &args, |_| ())
    });
    if found.is_none() {
        Error::from(Booking::ResourceNotFound { resource_id }).raise();
    }
}

/// Brings a hold into the form in which it is kept; its key, tenant and resource stay.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_hold_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_hold_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut hold = check_claim(trigger, "resource_hold");
    let before = trigger
        .old()
        .and_then(|old| row::field::<String, _>(&old, "status"));
    let newly_confirmed = hold.field::<String>("status").as_deref() == Some("CONFIRMED")
        && before.as_deref() != Some("CONFIRMED");
    let says_when = hold.field::<TimestampWithTimeZone>("confirmed_at");
    if newly_confirmed && says_when.is_none() {
        hold.set("confirmed_at", clock::now());
    }
    Ok(Some(hold.give_back()))
}

/// Brings an allocation into the form in which it is kept; its key, tenant and resource stay.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_allocation_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_allocation_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    Ok(Some(
        check_claim(trigger, "resource_allocation").give_back(),
    ))
}

/// Units by date of the claims in a transition table.
macro_rules! units_of {
    ($rows:literal, $units:literal) => {
        concat!(
            "SELECT n.tenant_id, n.resource_id, d.date, (",
            $units,
            ")::bigint AS units FROM ",
            $rows,
            " AS n, unnest(n.dates) AS d (date)"
        )
    };
}

/// The sums of these that are not zero.
macro_rules! sums {
    ($($change:expr),+) => {
        concat!(
            "SELECT tenant_id, resource_id, date, sum(units)::bigint FROM (",
            $($change,)+
            ") AS change GROUP BY tenant_id, resource_id, date HAVING sum(units) <> 0"
        )
    };
}

/// Claims whose dates go in the same breath have nothing left to be counted in.
macro_rules! sums_that_are_left {
    ($change:expr) => {
        concat!(
            "SELECT o.tenant_id, o.resource_id, o.date, sum(o.units)::bigint FROM (",
            $change,
            ") AS o JOIN {s}.resource_capacity c ON c.resource_id = o.resource_id AND c.date = o.date
              GROUP BY 1, 2, 3 HAVING sum(o.units) <> 0"
        )
    };
}

static HOLDS_INSERTED: Statement = Statement::fresh(
    sums!(units_of!(
        "new_rows",
        "CASE WHEN n.status = 'ACTIVE' THEN n.quantity ELSE 0 END"
    )),
    &[],
);
static HOLDS_UPDATED: Statement = Statement::fresh(
    sums!(
        units_of!(
            "new_rows",
            "CASE WHEN n.status = 'ACTIVE' THEN n.quantity ELSE 0 END"
        ),
        " UNION ALL ",
        units_of!(
            "old_rows",
            "CASE WHEN n.status = 'ACTIVE' THEN -n.quantity ELSE 0 END"
        )
    ),
    &[],
);
static HOLDS_DELETED: Statement = Statement::fresh(
    sums_that_are_left!(units_of!(
        "old_rows",
        "CASE WHEN n.status = 'ACTIVE' THEN -n.quantity ELSE 0 END"
    )),
    &[],
);
static ALLOCATIONS_INSERTED: Statement =
    Statement::fresh(sums!(units_of!("new_rows", "n.quantity")), &[]);
static ALLOCATIONS_UPDATED: Statement = Statement::fresh(
    sums!(
        units_of!("new_rows", "n.quantity"),
        " UNION ALL ",
        units_of!("old_rows", "-n.quantity")
    ),
    &[],
);
static ALLOCATIONS_DELETED: Statement = Statement::fresh(
    sums_that_are_left!(units_of!("old_rows", "-n.quantity")),
    &[],
);

/// What dates have booked beyond the claims of the other table, which are all that is left.
macro_rules! beyond {
    ($left:literal) => {
        concat!(
            "SELECT c.tenant_id, c.resource_id, c.date,
                    coalesce(o.units, 0)::bigint - (c.max_capacity::bigint - c.available_capacity)
               FROM {s}.resource_capacity c
               LEFT JOIN (SELECT n.resource_id, d.date, sum(n.quantity) AS units
                            FROM ",
            $left,
            " AS n, unnest(n.dates) AS d (date) GROUP BY 1, 2) AS o
                 ON o.resource_id = c.resource_id AND o.date = c.date
              WHERE coalesce(o.units, 0)::bigint <> c.max_capacity::bigint - c.available_capacity"
        )
    };
}
static NO_HOLDS: Statement =
    Statement::fresh(beyond!("{s}.resource_allocation"), &[]).of_whole_tables();
static NO_ALLOCATIONS: Statement = Statement::fresh(
    beyond!("(SELECT * FROM {s}.resource_hold WHERE status = 'ACTIVE')"),
    &[],
)
.of_whole_tables();

fn count(trigger: &PgTrigger, [inserted, updated, deleted, truncated]: [&Statement; 4]) {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return;
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let statement = row::of_event(trigger, inserted, updated, deleted, truncated);
        let mut deltas = DateDeltas::default();
        plans::run_in_trigger(&engine, trigger, statement, &[], |row: &Row| {
            let resource_id: Rc<str> = row.need::<String>(2).into();
            let key = DateKey {
                resource_id,
                date: calendar::from_pg(row.need(3)),
                tenant_id: row.id(1),
            };
            deltas.add_to(key, row.need(4));
        });
        rows::count(&engine, &deltas);
    });
}

/// After each statement of a client: holds and frees, date by date.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_hold_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_hold_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    count(
        trigger,
        [&HOLDS_INSERTED, &HOLDS_UPDATED, &HOLDS_DELETED, &NO_HOLDS],
    );
    Ok(None)
}

/// After each statement of a client: books and frees, date by date.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_allocation_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_allocation_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    count(
        trigger,
        [
            &ALLOCATIONS_INSERTED,
            &ALLOCATIONS_UPDATED,
            &ALLOCATIONS_DELETED,
            &NO_ALLOCATIONS,
        ],
    );
    Ok(None)
}
