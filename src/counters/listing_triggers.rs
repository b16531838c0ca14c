//! Door 2 for stock_listings and stock_levels: their counters belong to the engine.

use super::row::{self, NewRow};
use super::{aside, ledger_last, listings, mirror};
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
    listing.keep_counters(&["quantity_booked"]);
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
        as_engine(&engine, || ledger_last::of(&engine, tenant_id, listing_id))
    });
    last.map_or((0, None), |last| {
        (last.version, Some(clock::moment(last.recorded_at)))
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
