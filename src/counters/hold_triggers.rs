//! Door 2 for stock_holds: sums up what a client's own DML holds and frees, listing by listing.

use super::row::{self, NewRow};
use super::{aside, places, rollup, Deltas};
use crate::clock;
use crate::engine::{as_engine, Engine};
use crate::plans::{self, Row, Statement};
use pgrx::prelude::*;
use stockroom_core::hold::HoldStatus;

/// Fills in what a new hold leaves out; keeps key, tenant and listing fixed.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_holds_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_holds_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut hold = NewRow::of(trigger);
    let old = trigger.old();
    if old.is_some() {
        hold.refuse_change("stock_holds", &["hold_id", "tenant_id", "listing_id"]);
        hold.touch();
    } else if let (None, Some(quantity)) = (
        hold.field::<i32>("quantity_requested"),
        hold.field::<i32>("quantity"),
    ) {
        hold.set("quantity_requested", quantity);
    }
    let status = hold.field::<String>("status");
    let status = status.as_deref().and_then(HoldStatus::parse);
    let before = old
        .as_ref()
        .and_then(|old| row::field::<String, _>(old, "status"));
    // Goods come when they come.
    if status == Some(HoldStatus::Waiting) {
        hold.set("expires_at", None::<TimestampWithTimeZone>);
    }
    let newly_confirmed = status == Some(HoldStatus::Confirmed)
        && before.as_deref() != Some(HoldStatus::Confirmed.name());
    let says_when = hold
        .field::<TimestampWithTimeZone>("confirmed_at")
        .is_some();
    if newly_confirmed && !says_when {
        hold.set("confirmed_at", clock::now());
    }
    let place_before = old.as_ref().and_then(|old| row::id(old, "location_id"));
    if hold.id("location_id") != place_before {
        places::require_for_row(trigger, &hold);
    }
    Ok(Some(hold.give_back()))
}

// A hold that is new, moved or over touches its level and listing even where the sum is zero: that is
// what keeps it from outliving a listing deleted at the same time.
static INSERTED: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, location_id,
            sum(CASE WHEN status IN ('active', 'waiting') THEN quantity ELSE 0 END)::bigint
       FROM new_rows GROUP BY tenant_id, listing_id, location_id",
    &[],
);
static UPDATED: Statement = Statement::fresh(
    "WITH change AS (
       SELECT tenant_id, listing_id, location_id,
              CASE WHEN status IN ('active', 'waiting') THEN quantity ELSE 0 END AS units FROM new_rows
       UNION ALL
       SELECT tenant_id, listing_id, location_id,
              CASE WHEN status IN ('active', 'waiting') THEN -quantity ELSE 0 END FROM old_rows)
     SELECT tenant_id, listing_id, location_id, sum(units)::bigint
       FROM change GROUP BY tenant_id, listing_id, location_id HAVING sum(units) <> 0",
    &[],
);
/// Holds whose listing goes in the same breath have nothing left to be counted in.
static DELETED: Statement = Statement::fresh(
    "SELECT o.tenant_id, o.listing_id, o.location_id, -sum(o.quantity)::bigint
       FROM old_rows o JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
      WHERE o.status IN ('active', 'waiting') GROUP BY 1, 2, 3",
    &[],
);
static NO_HOLDS: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, location_id, -quantity_held::bigint
       FROM {s}.stock_levels WHERE quantity_held <> 0
     UNION ALL
     SELECT g.tenant_id, g.listing_id, NULL,
            coalesce((SELECT sum(v.quantity_held) FROM {s}.stock_levels v
                       WHERE v.listing_id = g.listing_id), 0)::bigint - g.quantity_held
       FROM {s}.stock_listings g WHERE g.quantity_held <> 0",
    &[],
);

/// After each statement of a client: holds and frees, listing by listing.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_holds_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_holds_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let statement = row::of_event(trigger, &INSERTED, &UPDATED, &DELETED, &NO_HOLDS);
        let mut deltas = Deltas::default();
        plans::run_in_trigger(&engine, trigger, statement, &[], |row: &Row| {
            deltas.hold(row.id(1), row.id(2), row.maybe_id(3), row.need(4));
        });
        rollup::count_statement(&engine, deltas);
    });
    Ok(None)
}
