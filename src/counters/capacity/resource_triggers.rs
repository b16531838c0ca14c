//! Door 2 for resource and resource_type: what a resource is like is checked, its dates know what they need of
//! it, and it does not go while it is booked.

use super::claims::{self, FIRST_DAY, LAST_DAY};
use super::{behind, closures, expiry, rows, timezone};
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::counters::row::{self, NewRow};
use crate::engine::{as_engine, Engine};
use crate::error::{Booking, Error};
use crate::plans::{self, id, Statement};
use crate::restore;
use pgrx::pg_sys::{TEXTOID, UUIDOID};
use pgrx::prelude::*;
use std::collections::BTreeSet;
use std::rc::Rc;
use uuid::Uuid;

/// Nobody deletes the type before this transaction, which uses it, has ended.
static TYPE: Statement = Statement::fresh(
    "SELECT FROM {s}.resource_type WHERE name = $1 AND (tenant_id = $2 OR is_preset) LIMIT 1 FOR KEY SHARE",
    &[TEXTOID, UUIDOID],
);
static LISTING: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2 FOR KEY SHARE",
    &[UUIDOID, UUIDOID],
);

/// Checks a resource's type, time zone and listing; keeps key and tenant fixed.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let old = trigger.old();
    let mut resource = NewRow::of(trigger);
    if old.is_some() {
        resource.refuse_change("resource", &["tenant_id"]);
        resource.refuse_text_change("resource", &["id"]);
        resource.touch();
    }
    let tenant_id = resource.id("tenant_id");
    let was = |column: &str| {
        let old = old.as_ref();
        old.and_then(|old| row::field::<String, _>(old, column))
    };
    let kind: Option<String> = resource.field("type");
    if let (Some(name), Some(tenant_id)) = (kind.clone(), tenant_id) {
        if kind != was("type") {
            let key = [name.as_str().into(), id(tenant_id)];
            let found = as_engine(&engine, || plans::run_one(&engine, &TYPE, &key, |_| ()));
            if found.is_none() {
                Error::from(Booking::TypeNotFound { name }).raise();
            }
        }
    }
    let zone: Option<String> = resource.field("timezone");
    if let Some(name) = zone.filter(|zone| Some(zone) != was("timezone").as_ref()) {
        let known = as_engine(&engine, || timezone::canonical(&engine, &name));
        resource.set("timezone", known.unwrap_or_else(|error| error.raise()));
    }
    let listing_before = old.as_ref().and_then(|old| row::id(old, "listing_id"));
    if let (Some(listing_id), Some(tenant_id)) = (resource.id("listing_id"), tenant_id) {
        if Some(listing_id) != listing_before {
            let key = [id(listing_id), id(tenant_id)];
            let found = as_engine(&engine, || plans::run_one(&engine, &LISTING, &key, |_| ()));
            if found.is_none() {
                Error::ListingNotFound { listing_id }.raise();
            }
        }
    }
    Ok(Some(resource.give_back()))
}

/// What is booked of these resources from today on stands in the way; holds that have expired do not. The resources
/// are locked, and so are all their dates from then on: in lock order, which their keys are given in.
fn refuse_booked(engine: &Engine, resources: &[(String, String)]) {
    let ids: Vec<String> = resources.iter().map(|(id, _)| id.clone()).collect();
    let keys: Vec<Rc<str>> = ids.iter().map(|id| Rc::from(&**id)).collect();
    let now = clock::microseconds();
    let freed = expiry::expire_all(engine, &keys, now);
    // Whoever claims a date has locked it.
    closures::lock_dates(engine, &ids, FIRST_DAY, LAST_DAY);
    rows::count(engine, &freed);
    for (resource_id, zone) in resources {
        let today = calendar::date_at(zone, now);
        let claims = claims::from(engine, resource_id, today, now);
        if !claims::are_none(&claims) {
            let resource_id = resource_id.clone();
            Error::from(Booking::ResourceBooked {
                resource_id,
                claims,
            })
            .raise();
        }
    }
}

/// Whether it goes or gets another listing, and its listings before and after where its zone or these change.
static CHANGED: Statement = Statement::fresh(
    "SELECT n.id, n.timezone,
            (o.deleted_at IS NULL AND n.deleted_at IS NOT NULL) OR o.listing_id IS DISTINCT FROM n.listing_id,
            n.tenant_id, o.listing_id, n.listing_id
       FROM old_rows o JOIN new_rows n ON n.id = o.id
      WHERE (o.is_active, o.deleted_at, o.listing_id, o.timezone)
            IS DISTINCT FROM (n.is_active, n.deleted_at, n.listing_id, n.timezone)
      ORDER BY n.id",
    &[],
);

/// After resources were switched on or off, retired, or given another listing or time zone: their dates know, and
/// so do the listings.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_changed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_changed<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        let changed = plans::run_in_trigger(&engine, trigger, &CHANGED, &[], |row| {
            let listings = [row.maybe_id(5), row.maybe_id(6)];
            let key = (row.need::<String>(1), row.need::<String>(2));
            (key, row.need::<bool>(3), row.id(4), listings)
        });
        let goes = changed.iter().filter(|(_, goes, ..)| *goes);
        let going: Vec<(String, String)> = goes.map(|(key, ..)| key.clone()).collect();
        if !going.is_empty() {
            refuse_booked(&engine, &going);
        }
        let ids: Vec<String> = changed.iter().map(|((id, _), ..)| id.clone()).collect();
        closures::recount(&engine, &ids, FIRST_DAY, LAST_DAY);
        let listings: BTreeSet<(Uuid, Uuid)> = changed
            .iter()
            .flat_map(|(_, _, tenant, listings)| {
                let listings = listings.iter().flatten();
                listings.map(|listing| (*listing, *tenant))
            })
            .collect();
        for (listing_id, tenant_id) in listings {
            behind::recount(&engine, tenant_id, listing_id);
        }
    });
    Ok(None)
}

static GOING: Statement = Statement::fresh("SELECT id, timezone FROM old_rows ORDER BY id", &[]);
static GONE: [Statement; 4] = [
    Statement::fresh(
        "DELETE FROM {s}.resource_hold h USING old_rows o WHERE h.resource_id = o.id",
        &[],
    ),
    Statement::fresh(
        "DELETE FROM {s}.resource_allocation a USING old_rows o WHERE a.resource_id = o.id",
        &[],
    ),
    Statement::fresh(
        "DELETE FROM {s}.resource_capacity c USING old_rows o WHERE c.resource_id = o.id",
        &[],
    ),
    Statement::fresh(
        "DELETE FROM {s}.resource_blackout b USING old_rows o WHERE b.resource_id = o.id",
        &[],
    ),
];
static ALL_GONE: [Statement; 3] = [
    Statement::fresh("DELETE FROM {s}.resource_hold", &[]).of_whole_tables(),
    Statement::fresh("DELETE FROM {s}.resource_capacity", &[]).of_whole_tables(),
    Statement::fresh("DELETE FROM {s}.resource_blackout", &[]).of_whole_tables(),
];

/// After resources were deleted: booked ones do not go, and what others have goes too.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_removed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_removed<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        if trigger.event().fired_by_truncate() {
            claims::refuse_any(&engine);
            for gone in &ALL_GONE {
                aside::during(|| plans::run(&engine, gone, &[], |_| ()));
            }
            return;
        }
        let going = plans::run_in_trigger(&engine, trigger, &GOING, &[], |row| {
            (row.need::<String>(1), row.need::<String>(2))
        });
        refuse_booked(&engine, &going);
        for gone in &GONE {
            aside::during(|| plans::run_in_trigger(&engine, trigger, gone, &[], |_| ()));
        }
    });
    Ok(None)
}

/// With whatever snapshot is given: those that came in since the transaction began count too.
static TYPE_IN_USE: Statement = Statement::stable(
    "SELECT FROM {s}.resource WHERE type = $1 AND tenant_id = $2 LIMIT 1",
    &[TEXTOID, UUIDOID],
)
.of_whole_tables();

/// The preset types stay as they are; one that is used does not go.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_type_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_type_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(trigger.new().or(trigger.old()));
    }
    if trigger.event().fired_for_statement() {
        Error::from(Booking::TypeFixed {
            name: "of table resource_type".to_owned(),
        })
        .raise();
    }
    let (old, new) = (trigger.old(), trigger.new());
    for row in [old.as_ref(), new.as_ref()].into_iter().flatten() {
        if row::field::<bool, _>(row, "is_preset") == Some(true) {
            let name = row::field::<String, _>(row, "name").unwrap_or_default();
            Error::from(Booking::TypeFixed { name }).raise();
        }
    }
    let Some(old) = old else {
        return Ok(new);
    };
    if new.is_some() {
        let row = NewRow::of(trigger);
        row.refuse_change("resource_type", &["tenant_id"]);
        row.refuse_text_change("resource_type", &["name"]);
        return Ok(new);
    }
    let name: String = row::field(&old, "name").expect("a key is not NULL");
    let tenant_id: Uuid = row::id(&old, "tenant_id").expect("a key is not NULL");
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let key = [name.as_str().into(), id(tenant_id)];
    let in_use = as_engine(&engine, || {
        plans::with_latest_snapshot(|| plans::run_one(&engine, &TYPE_IN_USE, &key, |_| ()))
    });
    if in_use.is_some() {
        Error::from(Booking::TypeInUse { name }).raise();
    }
    Ok(Some(old))
}
