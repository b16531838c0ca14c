//! Door 2 for stock_lots: sums up what a client's own DML adds and takes, level by level.

use super::changes::{self, State};
use super::ledger::{self, Cause, Line};
use super::row::{self, NewRow};
use super::{
    aside, goods, on_loan, places, removal, rollup, Delta, Deltas, LevelKey, ListingAfter,
};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, Row, Statement};
use pgrx::prelude::*;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// Puts the true counter back, keeps key and tenant fixed, and takes no location for Unspecified.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut lot = NewRow::of(trigger);
    lot.keep_counters(&["quantity_allocated"]);
    if lot.id("location_id").is_none() {
        lot.set("location_id", ids::to_pg(ids::UNSPECIFIED));
    }
    if trigger.old().is_some() {
        lot.refuse_change("stock_lots", &["lot_id", "tenant_id"]);
        lot.touch();
    }
    let before = trigger.old().and_then(|old| row::id(&old, "location_id"));
    if lot.id("location_id") != before {
        places::require_for_row(trigger, &lot);
    }
    Ok(Some(lot.give_back()))
}

// A new or moved lot touches its level and listing even where the sum is zero: that is what keeps
// it from outliving a listing deleted at the same time.
static INSERTED: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, location_id, sum(quantity_total)::bigint,
            coalesce(sum(quantity_total) FILTER (WHERE sellable), 0)::bigint,
            coalesce(sum(quantity_allocated) FILTER (WHERE sellable), 0)::bigint
       FROM new_rows GROUP BY tenant_id, listing_id, location_id",
    &[],
);
static UPDATED: Statement = Statement::fresh(
    "WITH change AS (
       SELECT tenant_id, listing_id, location_id, sellable, quantity_total::bigint AS total,
              quantity_allocated::bigint AS allocated
         FROM new_rows
       UNION ALL
       SELECT tenant_id, listing_id, location_id, sellable, -quantity_total::bigint, -quantity_allocated::bigint
         FROM old_rows),
     moved AS (
       SELECT listing_id, location_id
         FROM (SELECT lot_id, listing_id, location_id FROM new_rows
               EXCEPT SELECT lot_id, listing_id, location_id FROM old_rows) AS m)
     SELECT tenant_id, listing_id, location_id, sum(total)::bigint,
            coalesce(sum(total) FILTER (WHERE sellable), 0)::bigint,
            coalesce(sum(allocated) FILTER (WHERE sellable), 0)::bigint
       FROM change
      GROUP BY tenant_id, listing_id, location_id
     HAVING sum(total) <> 0 OR coalesce(sum(total) FILTER (WHERE sellable), 0) <> 0
         OR coalesce(sum(allocated) FILTER (WHERE sellable), 0) <> 0
         OR (listing_id, location_id) IN (SELECT listing_id, location_id FROM moved)",
    &[],
);
/// Lots whose listing goes in the same breath (a cascade) have no level left to be counted in.
static DELETED: Statement = Statement::fresh(
    "SELECT o.tenant_id, o.listing_id, o.location_id, -sum(o.quantity_total)::bigint,
            -coalesce(sum(o.quantity_total) FILTER (WHERE o.sellable), 0)::bigint,
            -coalesce(sum(o.quantity_allocated) FILTER (WHERE o.sellable), 0)::bigint
       FROM old_rows o JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
      GROUP BY o.tenant_id, o.listing_id, o.location_id",
    &[],
);
/// The lines of the ledger for lots that came, changed and went.
static CAME: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, lot_id, location_id, quantity_total, unit_cost
       FROM new_rows WHERE quantity_total > 0 ORDER BY lot_id",
    &[],
);
static CHANGED: Statement = Statement::fresh(
    "SELECT n.tenant_id, n.listing_id, n.lot_id, n.location_id, n.quantity_total, n.unit_cost, n.condition,
            o.listing_id, o.location_id, o.quantity_total, o.condition
       FROM new_rows n JOIN old_rows o ON o.lot_id = n.lot_id
      WHERE n.condition <> o.condition
         OR ((n.quantity_total > 0 OR o.quantity_total > 0)
             AND (n.listing_id, n.location_id, n.quantity_total, n.unit_cost)
                 IS DISTINCT FROM (o.listing_id, o.location_id, o.quantity_total, o.unit_cost))
      ORDER BY n.lot_id",
    &[],
);
static WENT: Statement = Statement::fresh(
    "SELECT o.tenant_id, o.listing_id, o.lot_id, o.location_id, o.quantity_total, o.unit_cost
       FROM old_rows o JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
      WHERE o.quantity_total > 0 ORDER BY o.lot_id",
    &[],
);
/// A statement may delete lots and, by itself, their listing: a DELETE in a WITH.
static WENT_WITH_LISTING: Statement = Statement::fresh(
    "SELECT o.tenant_id, o.listing_id, o.lot_id, o.location_id, o.quantity_total, o.unit_cost
       FROM old_rows o LEFT JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
      WHERE o.quantity_total > 0 AND g.listing_id IS NULL ORDER BY o.lot_id",
    &[],
);
/// Of listings that are not truncated away too.
static ALL: Statement = Statement::fresh(
    "SELECT l.tenant_id, l.listing_id, l.lot_id, l.location_id, l.quantity_total, l.unit_cost
       FROM {s}.stock_lots l JOIN {s}.stock_listings g ON g.listing_id = l.listing_id
      WHERE g.quantity_total > 0 AND l.quantity_total > 0 ORDER BY l.lot_id",
    &[],
);
static NO_LOTS: Statement = Statement::fresh(
    "SELECT v.tenant_id, v.listing_id, v.location_id, -v.quantity_total::bigint, -v.quantity_listed::bigint,
            -v.quantity_allocated::bigint
       FROM {s}.stock_levels v JOIN {s}.stock_listings g ON g.listing_id = v.listing_id
      WHERE v.quantity_total <> 0 OR v.quantity_listed <> 0 OR v.quantity_allocated <> 0",
    &[],
);

/// Listings of which a lot may be good again, though no counter says so.
static OF_ANOTHER_DATE: Statement = Statement::fresh(
    "SELECT DISTINCT n.listing_id FROM new_rows n JOIN old_rows o ON o.lot_id = n.lot_id
      WHERE n.expires_on IS DISTINCT FROM o.expires_on",
    &[],
);
/// Of the lots that were written, and so are locked.
static FREE: Statement = Statement::fresh("SELECT lot_id FROM new_rows WHERE in_stock", &[]);

// Each answers whether it wrote all the rows that it should: a trigger of the app may swallow some.
/// Active claims follow their lot to its new listing; past ones stay where they happened.
static MOVE_CLAIMS: Statement = Statement::fresh(
    "WITH moved AS (
       SELECT n.lot_id, n.listing_id
         FROM new_rows n JOIN old_rows o ON o.lot_id = n.lot_id AND o.listing_id <> n.listing_id),
     done AS (
       UPDATE {s}.stock_allocations a SET listing_id = m.listing_id FROM moved m
        WHERE a.lot_id = m.lot_id AND a.status = 'active' RETURNING 1)
     SELECT (SELECT count(*) FROM done)
          = (SELECT count(*) FROM {s}.stock_allocations a JOIN moved m ON a.lot_id = m.lot_id
              WHERE a.status = 'active')",
    &[],
);
static CLAIMED_AND_DELETED: Statement = Statement::fresh(
    "SELECT o.lot_id, o.listing_id, sum(a.quantity)::bigint,
            (array_agg(DISTINCT a.order_id))[1:20]
       FROM old_rows o
       JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
       JOIN {s}.stock_allocations a ON a.lot_id = o.lot_id AND a.status = 'active'
      GROUP BY o.lot_id, o.listing_id ORDER BY o.lot_id LIMIT 1",
    &[],
);
static DELETE_CLAIMS: Statement = Statement::fresh(
    "WITH done AS (
       DELETE FROM {s}.stock_allocations a USING old_rows o WHERE a.lot_id = o.lot_id RETURNING 1)
     SELECT (SELECT count(*) FROM done)
          = (SELECT count(*) FROM {s}.stock_allocations a JOIN old_rows o ON a.lot_id = o.lot_id)",
    &[],
);
pub(super) static DELETE_ALL_CLAIMS: Statement = Statement::fresh(
    "WITH done AS (DELETE FROM {s}.stock_allocations RETURNING 1)
     SELECT (SELECT count(*) FROM done) = (SELECT count(*) FROM {s}.stock_allocations)",
    &[],
);

/// After each statement of a client: goods and listings, level by level.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let event = trigger.event();
        let run = |statement| {
            aside::during(|| plans::run_whole_in_trigger(&engine, trigger, statement));
        };
        let rows = |statement, read: fn(&Row) -> Vec<Line>| -> Vec<Line> {
            plans::run_in_trigger(&engine, trigger, statement, &[], read).concat()
        };
        let (statement, lines) = if event.fired_by_insert() {
            (&INSERTED, rows(&CAME, |row| vec![came(row)]))
        } else if event.fired_by_update() {
            on_loan::refuse_moved_lots(&engine, trigger);
            run(&MOVE_CLAIMS);
            (&UPDATED, rows(&CHANGED, changed))
        } else {
            on_loan::refuse_deleted_lots(&engine, trigger);
            refuse_claimed(&engine, trigger);
            run(&DELETE_CLAIMS);
            let orphans = rows(&WENT_WITH_LISTING, |row| vec![removal::gone(row)]);
            removal::close_orphans(&engine, orphans);
            (&DELETED, rows(&WENT, |row| vec![removal::gone(row)]))
        };
        let deltas = plans::run_in_trigger(&engine, trigger, statement, &[], level_delta);
        let listings = count(&engine, deltas, lines);
        let keys = |statement| -> Vec<Uuid> {
            plans::run_in_trigger(&engine, trigger, statement, &[], |row| row.id(1))
        };
        if event.fired_by_insert() || event.fired_by_update() {
            goods::came_free(&engine, &listings, || keys(&FREE));
        }
        if event.fired_by_update() {
            goods::came_free_of(&engine, keys(&OF_ANOTHER_DATE), || keys(&FREE));
        }
    });
    Ok(None)
}

/// Before TRUNCATE: takes the claims away, and counts that no lots are left.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_lots_truncated() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_lots_truncated<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        on_loan::refuse_truncate(&engine);
        aside::during(|| plans::run_whole(&engine, &DELETE_ALL_CLAIMS, &[]));
        let lines = plans::run(&engine, &ALL, &[], removal::gone);
        let deltas = plans::run(&engine, &NO_LOTS, &[], level_delta);
        count(&engine, deltas, lines);
    });
    Ok(None)
}

/// Counts what a client's statement did, and writes its lines.
fn count(engine: &Engine, deltas: Vec<(LevelKey, Delta)>, lines: Vec<Line>) -> Vec<ListingAfter> {
    let mut sums = Deltas::default();
    for (key, delta) in deltas {
        sums.add(key, delta);
    }
    for line in &lines {
        sums.add(line.level(), Delta::of_movement());
    }
    let listings = rollup::count_statement(engine, sums);
    ledger::write(engine, lines, &listings, &Cause::of_session());
    listings
}

/// A lot with active claims goes only together with its listing.
fn refuse_claimed(engine: &Engine, trigger: &PgTrigger) {
    let claimed = plans::run_in_trigger(engine, trigger, &CLAIMED_AND_DELETED, &[], |row| {
        let orders: Vec<pgrx::Uuid> = row.need(4);
        Error::StockCommitted {
            lot_id: row.id(1),
            listing_id: row.id(2),
            over_by: row.need(3),
            orders: orders.into_iter().map(ids::from_pg).collect::<Vec<Uuid>>(),
        }
    });
    if let Some(error) = claimed.into_iter().next() {
        error.raise();
    }
}

/// Columns 1 to 6: tenant, listing, key, location, units and cost.
fn came(row: &Row) -> Line {
    let gone = removal::gone(row);
    Line {
        movement: MovementType::Receive,
        before: 0,
        after: gone.before,
        ..gone
    }
}

/// Columns 1 to 7 as the lot is now; 8 to 11 its listing, location, units and condition before.
fn changed(row: &Row) -> Vec<Line> {
    let now = State {
        tenant_id: row.id(1),
        listing_id: row.id(2),
        lot_id: row.id(3),
        location_id: row.id(4),
        units: row.need(5),
        unit_cost: row.get(6),
        condition: changes::condition(row, 7),
    };
    let was = State {
        listing_id: row.id(8),
        location_id: row.id(9),
        units: row.need(10),
        condition: changes::condition(row, 11),
        ..now.clone()
    };
    changes::lines(&was, &now)
}

fn level_delta(row: &Row) -> (LevelKey, Delta) {
    (
        LevelKey {
            tenant_id: row.id(1),
            listing_id: row.id(2),
            location_id: row.id(3),
        },
        Delta {
            total: row.need(4),
            listed: row.need(5),
            allocated: row.need(6),
            ..Delta::default()
        },
    )
}
