//! Door 2 for stock_lots: sums up what a client's own DML adds and takes, level by level.

use super::row::{self, NewRow};
use super::{aside, mirror, rollup, Delta, Guard, LevelDeltas, LevelKey};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, Row, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
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
    require_location(trigger, &lot);
    Ok(Some(lot.give_back()))
}

static LOCATION: Statement = Statement::fresh(
    "SELECT FROM {s}.locations WHERE location_id = $1 AND (tenant_id = $2 OR is_preset) FOR KEY SHARE",
    &[UUIDOID, UUIDOID],
);

fn require_location(trigger: &PgTrigger, lot: &NewRow) {
    let (Some(location_id), Some(tenant_id)) = (lot.id("location_id"), lot.id("tenant_id")) else {
        return;
    };
    let before = trigger.old().and_then(|old| row::id(&old, "location_id"));
    if location_id == ids::UNSPECIFIED || before == Some(location_id) {
        return;
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    if !as_engine(&engine, || lock_location(&engine, tenant_id, location_id)) {
        Error::LocationNotFound { location_id }.raise();
    }
}

/// Whether a tenant can use a location: its own, or a preset. Then nobody deletes it before this
/// transaction, which puts a lot there, has ended.
pub fn lock_location(engine: &Engine, tenant_id: Uuid, location_id: Uuid) -> bool {
    // Preset, and hot: most lots lie there.
    if location_id == ids::UNSPECIFIED {
        return true;
    }
    let args = [plans::id(location_id), plans::id(tenant_id)];
    plans::run_one(engine, &LOCATION, &args, |_| ()).is_some()
}

// A new or moved lot touches its level and listing even where the sum is zero: that is what keeps
// it from outliving a listing deleted at the same time.
static INSERTED: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, location_id, sum(quantity_total)::bigint,
            coalesce(sum(quantity_total) FILTER (WHERE listed), 0)::bigint,
            coalesce(sum(quantity_allocated) FILTER (WHERE listed), 0)::bigint
       FROM new_rows GROUP BY tenant_id, listing_id, location_id",
    &[],
);
static UPDATED: Statement = Statement::fresh(
    "WITH change AS (
       SELECT tenant_id, listing_id, location_id, listed, quantity_total::bigint AS total,
              quantity_allocated::bigint AS allocated
         FROM new_rows
       UNION ALL
       SELECT tenant_id, listing_id, location_id, listed, -quantity_total::bigint, -quantity_allocated::bigint
         FROM old_rows),
     moved AS (
       SELECT listing_id, location_id
         FROM (SELECT lot_id, listing_id, location_id FROM new_rows
               EXCEPT SELECT lot_id, listing_id, location_id FROM old_rows) AS m)
     SELECT tenant_id, listing_id, location_id, sum(total)::bigint,
            coalesce(sum(total) FILTER (WHERE listed), 0)::bigint,
            coalesce(sum(allocated) FILTER (WHERE listed), 0)::bigint
       FROM change
      GROUP BY tenant_id, listing_id, location_id
     HAVING sum(total) <> 0 OR coalesce(sum(total) FILTER (WHERE listed), 0) <> 0
         OR coalesce(sum(allocated) FILTER (WHERE listed), 0) <> 0
         OR (listing_id, location_id) IN (SELECT listing_id, location_id FROM moved)",
    &[],
);
/// Lots whose listing goes in the same breath (a cascade) have no level left to be counted in.
static DELETED: Statement = Statement::fresh(
    "SELECT o.tenant_id, o.listing_id, o.location_id, -sum(o.quantity_total)::bigint,
            -coalesce(sum(o.quantity_total) FILTER (WHERE o.listed), 0)::bigint,
            -coalesce(sum(o.quantity_allocated) FILTER (WHERE o.listed), 0)::bigint
       FROM old_rows o JOIN {s}.stock_listings g ON g.listing_id = o.listing_id
      GROUP BY o.tenant_id, o.listing_id, o.location_id",
    &[],
);
static NO_LOTS: Statement = Statement::fresh(
    "SELECT v.tenant_id, v.listing_id, v.location_id, -v.quantity_total::bigint, -v.quantity_listed::bigint,
            -v.quantity_allocated::bigint
       FROM {s}.stock_levels v JOIN {s}.stock_listings g ON g.listing_id = v.listing_id
      WHERE v.quantity_total <> 0 OR v.quantity_listed <> 0 OR v.quantity_allocated <> 0",
    &[],
);

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
static DELETE_ALL_CLAIMS: Statement = Statement::fresh(
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
        // The ledger's line for each lot whose quantity changed is written here, once there is a
        // ledger, from the same transition tables.
        let statement = if event.fired_by_insert() {
            &INSERTED
        } else if event.fired_by_update() {
            run(&MOVE_CLAIMS);
            &UPDATED
        } else if event.fired_by_delete() {
            refuse_claimed(&engine, trigger);
            run(&DELETE_CLAIMS);
            &DELETED
        } else {
            run(&DELETE_ALL_CLAIMS);
            &NO_LOTS
        };
        let deltas: LevelDeltas =
            plans::run_in_trigger(&engine, trigger, statement, &[], level_delta)
                .into_iter()
                .collect();
        if let Some(first) = deltas.keys().next() {
            mirror::lock_of_listings(
                &engine,
                deltas.keys().map(|key| (key.tenant_id, key.listing_id)),
            );
            match rollup::apply(&engine, &deltas, Guard::Later) {
                Ok(listings) => mirror::write(&engine, &listings),
                Err(refusal) => refusal
                    .into_error(Error::ListingNotFound {
                        listing_id: first.listing_id,
                    })
                    .raise(),
            }
        }
    });
    Ok(None)
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
            held: 0,
        },
    )
}
