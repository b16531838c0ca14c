//! Reading stock: one index probe a call, whatever is claimed.

use crate::counters::counts::Counts;
use crate::counters::{levels, listings};
use crate::direct::shape::{LEVELS, LISTINGS, PRIMARY};
use crate::direct::{Access, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;
use std::ops::ControlFlow;

static OF_LISTING: Statement = Statement::stable(
    "SELECT quantity_total, quantity_listed, quantity_allocated, quantity_held
       FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);
static OF_LEVEL: Statement = Statement::stable(
    "SELECT quantity_total, quantity_listed, quantity_allocated, quantity_held
       FROM {s}.stock_levels WHERE listing_id = $1 AND location_id = $3 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// Counts of a listing, or of one of its locations, as the calling query sees them; zeros for what is
/// not known, as a SUM over no lots would be.
pub fn counts_of(engine: &Engine, listing_id: Uuid, location_id: Option<Uuid>) -> Counts {
    let listing = ids::from_pg(listing_id);
    let found = match location_id.map(ids::from_pg) {
        None => direct_counts(
            engine,
            &LISTINGS,
            &[listing],
            listings::tenant,
            listings::counts,
        ),
        Some(place) => direct_counts(
            engine,
            &LEVELS,
            &[listing, place],
            levels::tenant,
            levels::counts,
        ),
    };
    found.unwrap_or_else(|| counts_by_statement(engine, listing_id, location_id))
}

/// None where only SQL can tell.
fn direct_counts(
    engine: &Engine,
    shape: &'static Shape,
    key: &[uuid::Uuid],
    tenant: fn(&Tuple) -> uuid::Uuid,
    counts: fn(&Tuple) -> Counts,
) -> Option<Counts> {
    let table = Table::open(engine, shape, Access::Read)?;
    let mut found = Counts::default();
    table.scan(PRIMARY, key, |tuple| {
        if tenant(tuple) == engine.tenant {
            found = counts(tuple);
        }
        ControlFlow::Break(())
    })?;
    Some(found)
}

fn counts_by_statement(engine: &Engine, listing_id: Uuid, location_id: Option<Uuid>) -> Counts {
    let read = |row: &plans::Row| Counts::of_row(row, 1);
    let listing = [listing_id.into(), id(engine.tenant)];
    let found = match location_id {
        None => plans::run_one(engine, &OF_LISTING, &listing, read),
        Some(location_id) => {
            let [listing_id, tenant] = listing;
            plans::run_one(
                engine,
                &OF_LEVEL,
                &[listing_id, tenant, location_id.into()],
                read,
            )
        }
    };
    found.unwrap_or_default()
}

/// Units of a listing that can be had now: listed less allocated less held. 0 for an unknown one.
#[pg_extern(stable, parallel_safe, security_definer)]
fn get_available_stock(listing_id: Uuid, fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    counts_of(&Engine::of_call(fcinfo), listing_id, None).available() as i32
}

/// Units of a listing that are claimed: active allocations on listed lots, and live holds.
#[pg_extern(stable, parallel_safe, security_definer)]
fn get_reserved_stock(listing_id: Uuid, fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    counts_of(&Engine::of_call(fcinfo), listing_id, None).reserved()
}

/// Units of all lots of a listing, listed or not.
#[pg_extern(stable, parallel_safe, security_definer)]
fn get_total_stock(listing_id: Uuid, fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    counts_of(&Engine::of_call(fcinfo), listing_id, None).total
}

/// The same as get_available_stock at one location; NULL means everywhere.
#[pg_extern(name = "get_available_stock", stable, parallel_safe, security_definer)]
fn get_available_stock_at(
    listing_id: Option<Uuid>,
    location_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Option<i32> {
    Some(counts_of(&Engine::of_call(fcinfo), listing_id?, location_id).available() as i32)
}

/// The same as get_reserved_stock at one location; NULL means everywhere.
#[pg_extern(name = "get_reserved_stock", stable, parallel_safe, security_definer)]
fn get_reserved_stock_at(
    listing_id: Option<Uuid>,
    location_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Option<i32> {
    Some(counts_of(&Engine::of_call(fcinfo), listing_id?, location_id).reserved())
}

/// The same as get_total_stock at one location; NULL means everywhere.
#[pg_extern(name = "get_total_stock", stable, parallel_safe, security_definer)]
fn get_total_stock_at(
    listing_id: Option<Uuid>,
    location_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Option<i32> {
    Some(counts_of(&Engine::of_call(fcinfo), listing_id?, location_id).total)
}

static OF_MANY: Statement = Statement::stable(
    "SELECT k.listing_id, coalesce(g.quantity_total, 0), coalesce(g.quantity_listed, 0),
            coalesce(g.quantity_allocated, 0), coalesce(g.quantity_held, 0), coalesce(g.safety_stock, 0)
       FROM unnest($1::uuid[]) WITH ORDINALITY AS k (listing_id, place)
       LEFT JOIN {s}.stock_listings g ON g.listing_id = k.listing_id AND g.tenant_id = $2
      WHERE k.listing_id IS NOT NULL
      ORDER BY k.place",
    &[UUIDARRAYOID, UUIDOID],
);

/// Numbers of many listings in one call, a row for each id in the order given; zeros for unknown
/// ones. available_to_promise is available less safety_stock: what a new claim may take.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn get_stock(
    listing_ids: Vec<Option<Uuid>>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(listing_id, Uuid),
        name!(available, i32),
        name!(reserved, i32),
        name!(held, i32),
        name!(allocated, i32),
        name!(total, i32),
        name!(available_to_promise, i32),
    ),
> {
    let engine = Engine::of_call(fcinfo);
    let rows = plans::run(
        &engine,
        &OF_MANY,
        &[listing_ids.into(), id(engine.tenant)],
        |row| {
            let counts = Counts::of_row(row, 2);
            let available = counts.available() as i32;
            (
                row.need(1),
                available,
                counts.reserved(),
                counts.held,
                counts.allocated,
                counts.total,
                available.saturating_sub(row.need(6)),
            )
        },
    );
    TableIterator::new(rows)
}
