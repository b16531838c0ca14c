//! explain_allocation: what a claim would take, and why.

use super::allocate::strategy_name;
use super::{free_lots, listing};
use crate::arguments::{positive, required_id};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use stockroom_core::plan::explain;

/// Shows which lots allocate_stock would choose now and why, lot by lot in the order in which the
/// strategy looks at them. Takes nothing. Errors: listing_not_found, bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn explain_allocation(
    listing_id: Option<Uuid>,
    quantity: Option<i32>,
    strategy: default!(Option<String>, "NULL"),
    location_id: default!(Option<Uuid>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(lot_id, Uuid),
            name!(location_id, Uuid),
            name!(free, i32),
            name!(take, i32),
            name!(reason, String),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let listing_id = required_id("listing_id", listing_id)?;
    let quantity = positive("quantity", quantity)?;
    let strategy = strategy_name(strategy.as_deref())?;
    let found = listing::seen(&engine, listing_id);
    let listing = found.ok_or(Error::ListingNotFound { listing_id })?;
    let promise = listing.promise();
    let strategy = listing.strategy_or_own(strategy);
    let lots = free_lots::all(&engine, &[listing_id]);
    let limits = listing::limits_seen(&engine, &listing);
    // A claim takes no more than is promised: safety stock stays.
    let wanted = i64::from(quantity).min(promise.max(0)) as i32;
    let rows: Vec<_> = explain(
        &lots,
        wanted,
        location_id.map(ids::from_pg),
        &strategy,
        &limits,
    )
    .into_iter()
    .map(|lot| {
        (
            ids::to_pg(lot.lot_id),
            ids::to_pg(lot.location_id),
            lot.free,
            lot.take,
            lot.reason,
        )
    })
    .collect();
    Ok(TableIterator::new(rows))
}
