//! A client's own DML on stock_loans: what is out belongs to the engine.

use crate::counters::row::{self, NewRow};
use crate::counters::{aside, on_loan};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;
use pgrx::WhoAllocated;

/// Who borrowed, how to reach them and when it is due may be corrected, and closed loans, which are history,
/// be added and deleted; all else is for the functions.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_loans_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_loans_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    let event = trigger.event();
    if aside::standing_aside(trigger) {
        return Ok(trigger.new().or(trigger.old()));
    }
    if event.fired_by_truncate() {
        let engine = Engine::of_function(trigger.trigger().tgfoid);
        as_engine(&engine, || on_loan::refuse_truncate(&engine));
        return Ok(None);
    }
    if event.fired_by_update() {
        let mut loan = NewRow::of(trigger);
        loan.refuse_change("stock_loans", &["loan_id", "tenant_id"]);
        refuse_other_changes(trigger);
        loan.touch();
        return Ok(Some(loan.give_back()));
    }
    let row = trigger
        .new()
        .or(trigger.old())
        .expect("a row trigger has a row");
    if is_open(&row) {
        Error::EngineOwned {
            what: "an open loan".to_owned(),
        }
        .raise();
    }
    Ok(Some(row))
}

/// The generated column has no value before the row is written.
fn is_open<A: WhoAllocated>(loan: &PgHeapTuple<'_, A>) -> bool {
    let units = |column| i64::from(row::field::<i32, A>(loan, column).unwrap_or(0));
    units("quantity_returned") + units("quantity_lost") < units("quantity")
}

fn refuse_other_changes(trigger: &PgTrigger) {
    let (Some(old), Some(new)) = (trigger.old(), trigger.new()) else {
        return;
    };
    let changed = |column: &&str| match *column {
        "listing_id" | "hold_id" => row::id(&old, column) != row::id(&new, column),
        "borrowed_at" | "closed_at" => {
            let moment = |row| row::field::<TimestampWithTimeZone, _>(row, column);
            moment(&old) != moment(&new)
        }
        _ => row::field::<i32, _>(&old, column) != row::field::<i32, _>(&new, column),
    };
    let columns = [
        "listing_id",
        "quantity",
        "quantity_returned",
        "quantity_lost",
        "hold_id",
        "borrowed_at",
        "closed_at",
    ];
    if let Some(column) = columns.iter().find(|column| changed(column)) {
        Error::EngineOwned {
            what: format!("column {column} of stock_loans"),
        }
        .raise();
    }
}
