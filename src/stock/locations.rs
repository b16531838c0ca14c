//! Locations: the presets are fixed, the tree has no loops or dangling ends.

use crate::counters::row::{self, NewRow};
use crate::counters::{aside, expiry, mirror, rollup};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::plans::{self, id, Statement};
use crate::restore;
use crate::settings;
use pgrx::pg_sys::{BOOLOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;

/// The location and its ancestors, locked so that nobody moves or deletes them meanwhile.
static ANCESTORS: Statement = Statement::fresh(
    "WITH RECURSIVE up AS (
       SELECT location_id, parent_id FROM {s}.locations
        WHERE location_id = $1 AND (tenant_id = $2 OR is_preset)
       UNION
       SELECT p.location_id, p.parent_id FROM {s}.locations p JOIN up ON p.location_id = up.parent_id)
     SELECT l.location_id FROM {s}.locations l WHERE l.location_id IN (SELECT location_id FROM up)
      ORDER BY l.location_id FOR SHARE OF l",
    &[UUIDOID, UUIDOID],
);
static HAS_CHILDREN: Statement = Statement::fresh(
    "SELECT FROM {s}.locations WHERE parent_id = $1 LIMIT 1",
    &[UUIDOID],
);

static HAS_LOTS: Statement = Statement::stable(
    "SELECT FROM {s}.stock_lots WHERE location_id = $1 LIMIT 1",
    &[UUIDOID],
);
static HELD: Statement = Statement::stable(
    "SELECT tenant_id, listing_id FROM {s}.stock_levels WHERE location_id = $1 AND quantity_held > 0",
    &[UUIDOID],
);
/// Without lots and holds its levels are empty.
static DELETE_LEVELS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_levels WHERE location_id = $1",
    &[UUIDOID],
);

/// Keeps the presets as they are, and the tree a tree.
#[pg_trigger(
    sql = "CREATE FUNCTION locations_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn locations_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if restore::restoring(trigger) {
        return Ok(trigger.new().or(trigger.old()));
    }
    if trigger.event().fired_for_statement() {
        Error::PresetFixed {
            name: "of table locations".to_owned(),
        }
        .raise();
    }
    let old = trigger.old();
    let new = trigger.new();
    for row in [old.as_ref(), new.as_ref()].into_iter().flatten() {
        if row::field::<bool, _>(row, "is_preset") == Some(true) {
            let name = row::field::<String, _>(row, "name").unwrap_or_default();
            Error::PresetFixed { name }.raise();
        }
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let Some(old) = old else {
        check_parent(&engine, &NewRow::of(trigger));
        return Ok(trigger.new());
    };
    if new.is_some() {
        let location = NewRow::of(trigger);
        location.refuse_change("locations", &["location_id", "tenant_id"]);
        if location.id("parent_id") != row::id(&old, "parent_id") {
            check_parent(&engine, &location);
        }
        return Ok(trigger.new());
    }
    let location_id = row::id(&old, "location_id").expect("a key is not NULL");
    let problem = as_engine(&engine, || why_not_delete(&engine, location_id));
    if let Some(problem) = problem {
        Error::LocationInUse {
            location_id,
            problem,
        }
        .raise();
    }
    Ok(Some(old))
}

fn why_not_delete(engine: &Engine, location_id: uuid::Uuid) -> Option<&'static str> {
    let location = || [id(location_id)];
    if !plans::run(engine, &HAS_CHILDREN, &location(), |_| ()).is_empty() {
        return Some("contains other locations");
    }
    // PostgreSQL has locked the row for its DELETE, and whoever puts a lot or a hold there locks it first.
    // At REPEATABLE READ those that came in since count too.
    let lots = plans::with_latest_snapshot(|| plans::run(engine, &HAS_LOTS, &location(), |_| ()));
    if !lots.is_empty() {
        return Some("holds lots");
    }
    let held = || {
        plans::with_latest_snapshot(|| {
            plans::run(engine, &HELD, &location(), |row| (row.id(1), row.id(2)))
        })
    };
    // Those that have expired are no reason.
    for (tenant_id, listing_id) in held() {
        mirror::lock_of_listings(engine, [(tenant_id, listing_id)]);
        let freed = expiry::expire(engine, tenant_id, listing_id, i64::MAX, i32::MAX, &[]);
        rollup::count(engine, &freed);
    }
    if !held().is_empty() {
        return Some("is named by holds");
    }
    aside::during(|| plans::run(engine, &DELETE_LEVELS, &location(), |_| ()));
    None
}

fn check_parent(engine: &Engine, location: &NewRow) {
    let (Some(parent_id), Some(tenant_id)) = (location.id("parent_id"), location.id("tenant_id"))
    else {
        return;
    };
    let above = as_engine(engine, || {
        plans::run(engine, &ANCESTORS, &[id(parent_id), id(tenant_id)], |row| {
            row.id(1)
        })
    });
    if above.is_empty() {
        Error::LocationNotFound {
            location_id: parent_id,
        }
        .raise();
    }
    if let Some(location_id) = location.id("location_id").filter(|own| above.contains(own)) {
        Error::LocationInUse {
            location_id,
            problem: "would lie within itself",
        }
        .raise();
    }
}

static LIST: Statement = Statement::stable(
    "SELECT location_id, name, parent_id, is_preset, display_order FROM {s}.locations
      WHERE (tenant_id = $1 AND NOT is_preset)
         OR (is_preset AND (NOT $2 OR location_id = '00000000-0000-8000-8000-000000000000'))
      ORDER BY display_order, name, location_id",
    &[UUIDOID, BOOLOID],
);

/// Locations that the session's tenant can use, in display order. The setting
/// stockroom.hide_preset_locations leaves only Unspecified of the presets.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn list_locations(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(location_id, Uuid),
        name!(name, String),
        name!(parent_id, Option<Uuid>),
        name!(is_preset, bool),
        name!(display_order, i32),
    ),
> {
    let engine = Engine::of_call(fcinfo);
    let args = [id(engine.tenant), settings::hide_preset_locations().into()];
    let rows = plans::run(&engine, &LIST, &args, |row| {
        (
            row.need(1),
            row.need(2),
            row.get(3),
            row.need(4),
            row.need(5),
        )
    });
    TableIterator::new(rows)
}
