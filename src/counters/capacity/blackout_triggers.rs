//! Door 2 for resource_blackout: what is blacked out is counted in the dates.

use super::closures;
use crate::calendar;
use crate::counters::aside;
use crate::counters::row::{self, NewRow};
use crate::engine::{as_engine, Engine};
use crate::error::{Booking, Error};
use crate::plans::{self, Row, Statement};
use pgrx::prelude::*;
use stockroom_core::calendar::Day;

/// A blackout stays its resource's.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_blackout_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_blackout_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut blackout = NewRow::of(trigger);
    if trigger.old().is_some() {
        blackout.refuse_change("resource_blackout", &["id", "tenant_id"]);
        blackout.refuse_text_change("resource_blackout", &["resource_id"]);
        blackout.touch();
    }
    Ok(Some(blackout.give_back()))
}

/// What changes, by resource: the range of dates, and whether the resource is another tenant's.
macro_rules! ranges {
    ($rows:literal) => {
        concat!(
            "SELECT b.resource_id, min(b.start_date), max(b.end_date), bool_and(coalesce(r.tenant_id = b.tenant_id, false))
               FROM ",
            $rows,
            " AS b LEFT JOIN {s}.resource r ON r.id = b.resource_id GROUP BY b.resource_id ORDER BY b.resource_id"
        )
    };
}
static INSERTED: Statement = Statement::fresh(ranges!("new_rows"), &[]);
static UPDATED: Statement = Statement::fresh(
    ranges!("(SELECT * FROM new_rows UNION ALL SELECT * FROM old_rows)"),
    &[],
);
static DELETED: Statement = Statement::fresh(ranges!("old_rows"), &[]);
static NONE_LEFT: Statement = Statement::fresh(
    "SELECT c.resource_id, min(c.date), max(c.date), true FROM {s}.resource_capacity c
      WHERE c.closures > 0 GROUP BY c.resource_id ORDER BY c.resource_id",
    &[],
)
.of_whole_tables();

/// After each statement of a client: the dates know what closes them.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_blackout_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_blackout_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let statement = row::of_event(trigger, &INSERTED, &UPDATED, &DELETED, &NONE_LEFT);
        let changed = plans::run_in_trigger(&engine, trigger, statement, &[], range);
        let resources: Vec<String> = changed.iter().map(|(id, ..)| id.clone()).collect();
        closures::lock_resources(&engine, &resources).unwrap_or_else(|error| error.raise());
        for (resource_id, first, last, is_its_tenants) in changed {
            if !is_its_tenants {
                Error::from(Booking::ResourceNotFound { resource_id }).raise();
            }
            closures::recount(&engine, &[resource_id], first, last);
        }
    });
    Ok(None)
}

fn range(row: &Row) -> (String, Day, Day, bool) {
    (
        row.need(1),
        calendar::from_pg(row.need(2)),
        calendar::from_pg(row.need(3)),
        row.need(4),
    )
}
