//! Listings: registering and deleting them.

use crate::arguments::{at_most, cost, name as named, not_negative, required_id};
use crate::clock;
use crate::counters::capacity::backing;
use crate::counters::{aside, ledger_last, on_loan, removal};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{INT4OID, INT8OID, JSONBOID, NUMERICOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_listings
            (listing_id, tenant_id, sku, name, category, barcode, unit_cost, metadata, owner_id, unit,
             quantity_scale, safety_stock, backorder_limit, reorder_threshold, reorder_quantity, version, moved_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, '{}'), $9, $10, $11, $12, $13, $14, $15, $16, $17)
     ON CONFLICT DO NOTHING RETURNING listing_id",
    &[
        UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID, JSONBOID, UUIDOID, TEXTOID,
        INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, INT8OID, TIMESTAMPTZOID,
    ],
);
static EXISTING: Statement = Statement::fresh(
    "SELECT listing_id, listing_id = $2, coalesce(sku = $3, false)
       FROM {s}.stock_listings
      WHERE tenant_id = $1 AND (listing_id = $2 OR sku = $3 OR barcode = $4)
      ORDER BY 2 DESC, 3 DESC LIMIT 1",
    &[UUIDOID, UUIDOID, TEXTOID, TEXTOID],
);

/// Registers a thing with a quantity and returns its key.
///
/// `listing_id` NULL makes a new key. `quantity_scale` is the number of decimal places of the unit
/// (0 to 9); `safety_stock` units are never sold; `backorder_limit` units may be held beyond zero.
/// Errors: listing_exists (DETAIL names the listing with that sku, barcode or key), bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn register_listing(
    sku: Option<String>,
    name: default!(Option<String>, "NULL"),
    listing_id: default!(Option<Uuid>, "NULL"),
    category: default!(Option<String>, "NULL"),
    barcode: default!(Option<String>, "NULL"),
    unit_cost: default!(Option<AnyNumeric>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    owner_id: default!(Option<Uuid>, "NULL"),
    unit: default!(Option<String>, "NULL"),
    quantity_scale: default!(Option<i32>, "0"),
    safety_stock: default!(Option<i32>, "0"),
    backorder_limit: default!(Option<i32>, "0"),
    reorder_threshold: default!(Option<i32>, "NULL"),
    reorder_quantity: default!(Option<i32>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let listing_id = listing_id.map_or_else(ids::new_key, ids::from_pg);
    let sku = named("sku", sku, 200)?;
    let barcode = named("barcode", barcode, 200)?;
    let scale = quantity_scale.unwrap_or(0);
    if !(0..=9).contains(&scale) {
        let problem = format!("must be 0 to 9, not {scale}");
        return Err(Error::BadArgument {
            argument: "quantity_scale",
            problem,
        }
        .into());
    }
    if reorder_quantity == Some(0) {
        let problem = "must be above zero".to_owned();
        return Err(Error::BadArgument {
            argument: "reorder_quantity",
            problem,
        }
        .into());
    }
    let last = ledger_last::of(&engine, engine.tenant, listing_id);
    let args = [
        id(listing_id),
        id(engine.tenant),
        sku.clone().into(),
        at_most("name", name, 1000)?.into(),
        at_most("category", category, 200)?.into(),
        barcode.clone().into(),
        cost("unit_cost", unit_cost)?.into(),
        plans::raw(metadata.map(Jsonb::datum)),
        owner_id.into(),
        at_most("unit", unit, 50)?.into(),
        scale.into(),
        not_negative("safety_stock", safety_stock)?
            .unwrap_or(0)
            .into(),
        not_negative("backorder_limit", backorder_limit)?
            .unwrap_or(0)
            .into(),
        not_negative("reorder_threshold", reorder_threshold)?.into(),
        not_negative("reorder_quantity", reorder_quantity)?.into(),
        last.map_or(0, |last| last.version).into(),
        last.map(|last| clock::moment(last.recorded_at)).into(),
    ];
    let made = aside::during(|| plans::run_one(&engine, &INSERT, &args, |_| ()));
    if made.is_some() {
        return Ok(ids::to_pg(listing_id));
    }
    let keys = [
        id(engine.tenant),
        id(listing_id),
        sku.clone().into(),
        barcode.clone().into(),
    ];
    let found = plans::run_one(&engine, &EXISTING, &keys, |row| {
        (row.id(1), row.need::<bool>(2), row.need::<bool>(3))
    });
    let (field, value) = match found {
        Some((_, false, true)) => ("sku", sku.unwrap_or_default()),
        Some((_, false, false)) => ("barcode", barcode.unwrap_or_default()),
        // A key that another tenant uses is not named.
        _ => ("listing_id", listing_id.to_string()),
    };
    let listing_id = found.map(|(listing_id, ..)| listing_id);
    Err(Error::ListingExists {
        field,
        value,
        listing_id,
    }
    .into())
}

static ATTACHED: Statement = Statement::fresh(
    "SELECT attached_to IS NOT NULL FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);
/// Deletes a listing with its lots and all claims on them, in lock order. Errors:
/// listing_not_found; listing_attached where it belongs to a row of an attached table; listing_on_loan
/// where something of it is lent; listing_backs_resources where resources are booked from it.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn delete_listing(
    listing_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<(), ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let listing_id = required_id("listing_id", listing_id)?;
    let args = || [id(listing_id), id(engine.tenant)];
    let attached = plans::run_one(&engine, &ATTACHED, &args(), |row| row.need::<bool>(1))
        .ok_or(Error::ListingNotFound { listing_id })?;
    if attached {
        return Err(Error::ListingAttached { listing_id }.into());
    }
    removal::lock(&engine, &[listing_id]);
    on_loan::refuse_listings(&engine, &[listing_id])?;
    backing::refuse_listings(&engine, &[listing_id])?;
    removal::delete(&engine, &[listing_id]);
    Ok(())
}
