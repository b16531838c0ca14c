//! Door 2 for stock_listings and stock_levels: their counters belong to the engine, and a listing
//! takes its levels and claims with it.

use super::row::{self, NewRow};
use super::{aside, ledger, listings, mirror, on_loan, removal};
use crate::clock;
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::plans::{self, Statement};
use crate::restore;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;

const COUNTERS: [&str; 4] = [
    "quantity_total",
    "quantity_listed",
    "quantity_allocated",
    "quantity_held",
];

/// Puts back what belongs to the engine: counters, number and time of the last movement, and the link to the attached row.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_listings_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_listings_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let mut listing = NewRow::of(trigger);
    listing.keep_counters(&COUNTERS);
    let old = trigger.old();
    let before = old.as_ref();
    let (version, moved_at) = match before {
        Some(old) => (
            row::field::<i64, _>(old, "version").unwrap_or(0),
            row::field::<TimestampWithTimeZone, _>(old, "moved_at"),
        ),
        None => last_movement(trigger, &listing),
    };
    listing.set("version", version);
    listing.set("moved_at", moved_at);
    listing.set(
        "attached_to",
        before.and_then(|old| row::field::<pgrx::Uuid, _>(old, "attached_to")),
    );
    listing.set(
        "attached_key",
        before.and_then(|old| row::field::<String, _>(old, "attached_key")),
    );
    listing.set(
        "sync_deferred",
        before
            .and_then(|old| row::field::<bool, _>(old, "sync_deferred"))
            .unwrap_or(false),
    );
    if before.is_some() {
        listing.refuse_change("stock_listings", &["listing_id", "tenant_id"]);
        listing.touch();
    }
    Ok(Some(listing.give_back()))
}

/// Where the lines of a new listing's ledger go on: its key may have been there before.
fn last_movement(trigger: &PgTrigger, listing: &NewRow) -> (i64, Option<TimestampWithTimeZone>) {
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let keys = listing.id("tenant_id").zip(listing.id("listing_id"));
    let last = keys.and_then(|(tenant_id, listing_id)| {
        as_engine(&engine, || ledger::last(&engine, tenant_id, listing_id))
    });
    last.map_or((0, None), |(version, recorded_at)| {
        (version, Some(clock::moment(recorded_at)))
    })
}

static LISTING_EXISTS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_listings WHERE listing_id = $1",
    &[UUIDOID],
);

/// Levels are made, changed and removed by the engine alone. A client's UPDATE is put right without
/// an error, as for every counter; making or removing one is refused.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_levels_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_levels_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new().or(trigger.old()));
    }
    if trigger.event().fired_by_update() {
        let mut level = NewRow::of(trigger);
        level.refuse_change("stock_levels", &["tenant_id", "listing_id", "location_id"]);
        level.keep_counters(&COUNTERS);
        return Ok(Some(level.give_back()));
    }
    if trigger.event().fired_by_delete() {
        let old = trigger.old().expect("a deleted row");
        let listing_id = row::id(&old, "listing_id").expect("levels name their listing");
        let engine = Engine::of_function(trigger.trigger().tgfoid);
        let orphan = as_engine(&engine, || {
            plans::run(&engine, &LISTING_EXISTS, &[plans::id(listing_id)], |_| ()).is_empty()
        });
        if orphan {
            return Ok(Some(old));
        }
    }
    Error::EngineOwned {
        what: "a row of stock_levels".to_owned(),
    }
    .raise()
}

static ATTACHED_AND_DELETED: Statement = Statement::fresh(
    "SELECT listing_id FROM old_rows WHERE attached_to IS NOT NULL LIMIT 1",
    &[],
);
static ANY_ATTACHED: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_listings WHERE attached_to IS NOT NULL LIMIT 1",
    &[],
);
static GOING: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at
       FROM old_rows WHERE quantity_total > 0",
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
/// Counted like a client's: the claims on the lots go with them.
static DELETE_LOTS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_lots l USING old_rows o WHERE l.listing_id = o.listing_id",
    &[],
);
static DELETE_ALL_LOTS: Statement = Statement::fresh("DELETE FROM {s}.stock_lots", &[]);
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
                close_all(&engine);
            } else {
                run(&DELETE_ALL_HOLDS);
                plans::run(&engine, &DELETE_ALL_LOTS, &[], |_| ());
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
        let going = plans::run_in_trigger(&engine, trigger, &GOING, &[], listings::listing_after);
        let lots = plans::run_in_trigger(&engine, trigger, &GOODS, &[], removal::gone);
        removal::close(&engine, going, lots);
        run(&DELETE_HOLDS);
        plans::run_in_trigger(&engine, trigger, &DELETE_LOTS, &[], |_| ());
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

/// At commit: writes the attached row of a listing whose sync is deferred.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_listings_deferred_sync() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_listings_deferred_sync<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let new = trigger
        .new()
        .expect("a row trigger on UPDATE has a new row");
    let listing_id = row::id(&new, "listing_id").expect("a listing has its key");
    as_engine(&engine, || {
        let now = listings::now(&engine, listing_id);
        if let Some(listing) = now {
            mirror::write_deferred(&engine, &listing);
        }
    });
    Ok(None)
}
