//! Reading stock.

use crate::counters::counts::Counts;
use crate::counters::numbers::{counts_of, numbers_of, Numbers};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;

/// Units of a listing that can be had now: listed less allocated less held. 0 for an unknown one.
#[pg_extern(stable, parallel_safe, security_definer)]
fn get_available_stock(listing_id: Uuid, fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    numbers_of(&Engine::of_call(fcinfo), listing_id, None).available()
}

/// Units of a listing that are claimed: active allocations on listed lots, and live holds.
#[pg_extern(stable, parallel_safe, security_definer)]
fn get_reserved_stock(listing_id: Uuid, fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    numbers_of(&Engine::of_call(fcinfo), listing_id, None).reserved()
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
    Some(numbers_of(&Engine::of_call(fcinfo), listing_id?, location_id).available())
}

/// The same as get_reserved_stock at one location; NULL means everywhere.
#[pg_extern(name = "get_reserved_stock", stable, parallel_safe, security_definer)]
fn get_reserved_stock_at(
    listing_id: Option<Uuid>,
    location_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Option<i32> {
    Some(numbers_of(&Engine::of_call(fcinfo), listing_id?, location_id).reserved())
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
            coalesce(g.quantity_allocated, 0), coalesce(g.quantity_held, 0), coalesce(g.safety_stock, 0) + coalesce(g.quantity_booked, 0)::bigint
       FROM unnest($1::uuid[]) WITH ORDINALITY AS k (listing_id, place)
       LEFT JOIN {s}.stock_listings g ON g.listing_id = k.listing_id AND g.tenant_id = $2
      WHERE k.listing_id IS NOT NULL
      ORDER BY k.place",
    &[UUIDARRAYOID, UUIDOID],
);

/// Numbers of many listings in one call, a row for each id in the order given; zeros for unknown
/// ones. available_to_promise is available less safety_stock and what is booked by date: what a new claim may take.
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
        |row| (row.need(1), Counts::of_row(row, 2), row.need::<i64>(6)),
    );
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(listing_id, counts, kept): (Uuid, Counts, i64)| {
            let numbers = Numbers::of_counts(&engine, ids::from_pg(listing_id), counts);
            (
                listing_id,
                numbers.available(),
                numbers.reserved(),
                numbers.held(),
                numbers.allocated(),
                numbers.total(),
                (i64::from(numbers.available()) - kept).max(i32::MIN.into()) as i32,
            )
        })
        .collect();
    TableIterator::new(rows)
}
