//! Door 2 for resource and resource_type: what a resource is like is checked, its dates know what they need of
//! it, and it does not go while it is booked.

use super::claims::{self, FIRST_DAY, LAST_DAY};
use super::{closures, expiry, rows, timezone};
use crate::counters::aside;
use crate::counters::row::{self, NewRow};
use crate::engine::{as_engine, Engine};
use crate::error::{Booking, Error};
use crate::plans::{self, id, Statement};
use crate::restore;
use pgrx::pg_sys::{TEXTOID, UUIDOID};
use pgrx::prelude::*;
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
        return Ok(trigger.new().or(trigger.old()));
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let old = trigger.old();
    if trigger.event().fired_by_delete() {
        let old = old.expect("a deleted row");
        let resource_id: String = row::field(&old, "id").expect("a key is not NULL");
        let zone: String = row::field(&old, "timezone").expect("a zone is not NULL");
        as_engine(&engine, || refuse_booked(&engine, &resource_id, &zone));
        return Ok(Some(old));
    }
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

/// What is booked from today on stands in the way; holds that have expired do not. The resource and its dates are
/// locked from then on.
pub fn refuse_booked(engine: &Engine, resource_id: &str, zone: &str) {
    let resource = [resource_id.into()];
    let freed = expiry::expire_all(engine, &resource);
    // Whoever claims a date has locked it.
    closures::lock_dates(engine, &[resource_id.to_owned()], FIRST_DAY, LAST_DAY);
    rows::count(engine, &freed);
    // Who confirms a hold at this moment, and may still do so, is waited for.
    rows::count(engine, &expiry::expire_all(engine, &resource));
    let today = timezone::today_in(zone);
    let claims = claims::from(engine, resource_id, today);
    if !claims::are_none(&claims) {
        Error::from(Booking::ResourceBooked {
            resource_id: resource_id.to_owned(),
            claims,
        })
        .raise();
    }
}

/// After a resource was switched on or off, retired, or given another listing: its dates know.
#[pg_trigger(
    sql = "CREATE FUNCTION resource_changed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn resource_changed<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let (Some(old), Some(new)) = (trigger.old(), trigger.new()) else {
        return Ok(None);
    };
    let resource_id: String = row::field(&new, "id").expect("a key is not NULL");
    let zone: String = row::field(&new, "timezone").expect("a zone is not NULL");
    let retired = |row| row::field::<TimestampWithTimeZone, _>(row, "deleted_at").is_some();
    let goes = retired(&new) && !retired(&old);
    let moves = row::id(&old, "listing_id") != row::id(&new, "listing_id");
    as_engine(&engine, || {
        if goes || moves {
            refuse_booked(&engine, &resource_id, &zone);
        }
        closures::recount(&engine, &[resource_id], FIRST_DAY, LAST_DAY);
    });
    Ok(None)
}

static GONE_HOLDS: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_hold h USING old_rows o WHERE h.resource_id = o.id",
    &[],
);
static GONE_ALLOCATIONS: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_allocation a USING old_rows o WHERE a.resource_id = o.id",
    &[],
);
static NO_HOLDS: Statement =
    Statement::fresh("DELETE FROM {s}.resource_hold", &[]).of_whole_tables();

/// After resources were deleted: what there was of holds and past bookings goes too.
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
            // Nothing live is left: the dates, which went too, would have refused.
            aside::during(|| plans::run(&engine, &NO_HOLDS, &[], |_| ()));
            return;
        }
        for gone in [&GONE_HOLDS, &GONE_ALLOCATIONS] {
            aside::during(|| plans::run_in_trigger(&engine, trigger, gone, &[], |_| ()));
        }
    });
    Ok(None)
}

static TYPE_IN_USE: Statement = Statement::fresh(
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
        Error::PresetFixed {
            name: "of table resource_type".to_owned(),
        }
        .raise();
    }
    let (old, new) = (trigger.old(), trigger.new());
    for row in [old.as_ref(), new.as_ref()].into_iter().flatten() {
        if row::field::<bool, _>(row, "is_preset") == Some(true) {
            let name = row::field::<String, _>(row, "name").unwrap_or_default();
            Error::PresetFixed { name }.raise();
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
