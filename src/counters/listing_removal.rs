//! Door 2 for stock_listings that a client deletes or truncates: they close their ledger, and take their
//! live holds, claims, lots and levels with them.

use super::capacity::backing;
use super::row;
use super::{aside, listings, lot_triggers, on_loan, removal};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::plans::{self, Statement};
use pgrx::prelude::*;

static ATTACHED_AND_DELETED: Statement = Statement::fresh(
    "SELECT listing_id FROM old_rows WHERE attached_to IS NOT NULL LIMIT 1",
    &[],
);
static ANY_ATTACHED: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_listings WHERE attached_to IS NOT NULL LIMIT 1",
    &[],
);
/// As the ledger has them, where lots that went in the same statement have written their lines already.
static GOING: Statement = Statement::fresh(
    "SELECT o.listing_id, coalesce(later.listing_after, o.quantity_total), o.quantity_listed, o.quantity_allocated,
            o.quantity_held, o.attached_to, o.attached_key, o.sync_deferred,
            coalesce(later.version, o.version), coalesce(later.recorded_at, o.moved_at)
       FROM old_rows o
       LEFT JOIN LATERAL (
              SELECT m.listing_after, m.version, m.recorded_at FROM {s}.stock_movements m
               WHERE m.listing_id = o.listing_id AND m.tenant_id IS NOT DISTINCT FROM o.tenant_id
                 AND m.recorded_at >= o.moved_at AND m.version > o.version
               ORDER BY m.listing_id DESC, m.recorded_at DESC, m.version DESC LIMIT 1) AS later ON true
      WHERE o.quantity_total > 0",
    &[],
);
static GOODS: Statement = Statement::fresh(
    "SELECT l.tenant_id, l.listing_id, l.lot_id, l.location_id, l.quantity_total, l.unit_cost
       FROM {s}.stock_lots l JOIN old_rows o ON o.listing_id = l.listing_id
      WHERE o.quantity_total > 0 AND l.quantity_total > 0 ORDER BY l.lot_id",
    &[],
);
static ALL_GOING: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at
       FROM {s}.stock_listings WHERE quantity_total > 0",
    &[],
);
static ALL_GOODS: Statement = Statement::fresh(
    "SELECT l.tenant_id, l.listing_id, l.lot_id, l.location_id, l.quantity_total, l.unit_cost
       FROM {s}.stock_lots l JOIN {s}.stock_listings g ON g.listing_id = l.listing_id
      WHERE g.quantity_total > 0 AND l.quantity_total > 0 ORDER BY l.lot_id",
    &[],
);
static NOTHING_AT_LEVELS: Statement = Statement::fresh(
    "UPDATE {s}.stock_levels
        SET quantity_total = 0, quantity_listed = 0, quantity_allocated = 0, quantity_held = 0",
    &[],
);
static NOTHING_IN_LISTINGS: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings
        SET quantity_total = 0, quantity_listed = 0, quantity_allocated = 0, quantity_held = 0",
    &[],
);
static DELETE_CLAIMS: Statement = Statement::fresh(
    "WITH lot AS (SELECT l.lot_id FROM {s}.stock_lots l JOIN old_rows o ON o.listing_id = l.listing_id),
          done AS (DELETE FROM {s}.stock_allocations a USING lot l WHERE a.lot_id = l.lot_id RETURNING 1)
     SELECT (SELECT count(*) FROM done)
          = (SELECT count(*) FROM {s}.stock_allocations a JOIN lot l ON a.lot_id = l.lot_id)",
    &[],
);
static DELETE_LOTS: Statement = Statement::fresh(
    "WITH done AS (
       DELETE FROM {s}.stock_lots l USING old_rows o WHERE l.listing_id = o.listing_id RETURNING 1)
     SELECT (SELECT count(*) FROM done)
          = (SELECT count(*) FROM {s}.stock_lots l JOIN old_rows o ON l.listing_id = o.listing_id)",
    &[],
);
static DELETE_ALL_LOTS: Statement = Statement::fresh(
    "WITH done AS (DELETE FROM {s}.stock_lots RETURNING 1)
     SELECT (SELECT count(*) FROM done) = (SELECT count(*) FROM {s}.stock_lots)",
    &[],
);
/// Live ones, by their two indexes; those that are over stay, as history, until they are purged.
static DELETE_HOLDS: Statement = Statement::fresh(
    "WITH active AS (
       DELETE FROM {s}.stock_holds h USING old_rows o
        WHERE h.listing_id = o.listing_id AND h.status = 'active' RETURNING 1),
     waiting AS (
       DELETE FROM {s}.stock_holds h USING old_rows o
        WHERE h.listing_id = o.listing_id AND h.status = 'waiting' RETURNING 1)
     SELECT (SELECT count(*) FROM active)
          = (SELECT count(*) FROM {s}.stock_holds h JOIN old_rows o
                               ON h.listing_id = o.listing_id AND h.status = 'active')
        AND (SELECT count(*) FROM waiting)
          = (SELECT count(*) FROM {s}.stock_holds h JOIN old_rows o
                               ON h.listing_id = o.listing_id AND h.status = 'waiting')",
    &[],
);
static DELETE_ALL_HOLDS: Statement = Statement::fresh(
    "WITH done AS (DELETE FROM {s}.stock_holds RETURNING 1)
     SELECT (SELECT count(*) FROM done) = (SELECT count(*) FROM {s}.stock_holds)",
    &[],
);
/// A trigger of the app may have kept some.
static DELETE_LEVELS: Statement = Statement::fresh(
    "WITH done AS (
       DELETE FROM {s}.stock_levels v USING old_rows o WHERE v.listing_id = o.listing_id RETURNING 1)
     SELECT (SELECT count(*) FROM done)
          = (SELECT count(*) FROM {s}.stock_levels v JOIN old_rows o ON v.listing_id = o.listing_id)
        AND NOT EXISTS (SELECT FROM {s}.stock_lots l JOIN old_rows o ON l.listing_id = o.listing_id)",
    &[],
);
static DELETE_ALL_LEVELS: Statement = Statement::fresh(
    "WITH done AS (DELETE FROM {s}.stock_levels RETURNING 1)
     SELECT (SELECT count(*) FROM done) = (SELECT count(*) FROM {s}.stock_levels)",
    &[],
);

/// A deleted listing takes its live holds, claims, lots and levels with it; one of an attached table stays,
/// and so does one of which something is lent.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_listings_removed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_listings_removed<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let run = |statement| {
            aside::during(|| plans::run_whole_in_trigger(&engine, trigger, statement));
        };
        if trigger.event().fired_by_truncate() {
            if trigger.event().fired_before() {
                let attached = plans::run_one(&engine, &ANY_ATTACHED, &[], |row| row.id(1));
                if let Some(listing_id) = attached {
                    Error::ListingAttached { listing_id }.raise();
                }
                on_loan::refuse_truncate(&engine);
                backing::refuse_truncate(&engine);
                close_all(&engine);
            } else {
                run(&DELETE_ALL_HOLDS);
                run(&lot_triggers::DELETE_ALL_CLAIMS);
                run(&DELETE_ALL_LOTS);
                run(&DELETE_ALL_LEVELS);
            }
            return;
        }
        let attached = plans::run_in_trigger(&engine, trigger, &ATTACHED_AND_DELETED, &[], |row| {
            row.id(1)
        });
        if let Some(listing_id) = attached.into_iter().next() {
            Error::ListingAttached { listing_id }.raise();
        }
        on_loan::refuse_deleted_listings(&engine, trigger);
        backing::refuse_deleted_listings(&engine, trigger);
        let going = plans::run_in_trigger(&engine, trigger, &GOING, &[], listings::listing_after);
        let lots = plans::run_in_trigger(&engine, trigger, &GOODS, &[], removal::gone);
        removal::close(&engine, going, lots);
        run(&DELETE_HOLDS);
        run(&DELETE_CLAIMS);
        run(&DELETE_LOTS);
        run(&DELETE_LEVELS);
    });
    Ok(None)
}

/// Before all listings are truncated away: their last lines, and counters that say so, for the lots may
/// be truncated in the same breath.
fn close_all(engine: &Engine) {
    let going = plans::run(engine, &ALL_GOING, &[], listings::listing_after);
    removal::close(
        engine,
        going,
        plans::run(engine, &ALL_GOODS, &[], removal::gone),
    );
    aside::during(|| {
        plans::run(engine, &NOTHING_AT_LEVELS, &[], |_| ());
        plans::run(engine, &NOTHING_IN_LISTINGS, &[], |_| ());
    });
}
