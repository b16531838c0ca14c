//! Quantities between integer units and decimal numbers: with scale 3, 12.345 L is 12345 units.

use crate::arguments::{decimal, required, required_id};
use crate::counters::scales;
use crate::engine::Engine;
use crate::error::Error;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use stockroom_core::quantity;

fn scale(value: i32) -> Result<u8, Error> {
    u8::try_from(value)
        .ok()
        .filter(|scale| *scale <= quantity::MAX_SCALE)
        .ok_or_else(|| {
            let problem = format!("must be 0 to {}", quantity::MAX_SCALE);
            Error::BadArgument {
                argument: "quantity_scale",
                problem,
            }
        })
}

fn from_units_of(units: i32, scale: u8) -> AnyNumeric {
    AnyNumeric::try_from(quantity::from_units(units, scale).as_str()).expect("units make a number")
}

/// Whole units of a decimal quantity at a scale of 0 to 9 decimal places. An error if it is finer
/// than the scale or out of range.
#[pg_extern(immutable, parallel_safe)]
fn quantity_to_units(quantity: AnyNumeric, quantity_scale: i32) -> Result<i32, ErrorReport> {
    Ok(decimal(
        "quantity",
        &quantity.to_string(),
        scale(quantity_scale)?,
    )?)
}

/// Decimal quantity of whole units at a scale of 0 to 9 decimal places.
#[pg_extern(immutable, parallel_safe)]
fn units_to_quantity(units: i32, quantity_scale: i32) -> Result<AnyNumeric, ErrorReport> {
    Ok(from_units_of(units, scale(quantity_scale)?))
}

fn scale_of(engine: &Engine, listing_id: Option<Uuid>) -> Result<u8, Error> {
    let listing_id = required_id("listing_id", listing_id)?;
    scales::seen(engine, listing_id).ok_or(Error::ListingNotFound { listing_id })
}

/// Whole units of a decimal quantity, by the listing's own quantity_scale.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn to_units(
    listing_id: Option<Uuid>,
    quantity: Option<AnyNumeric>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let scale = scale_of(&Engine::of_call(fcinfo), listing_id)?;
    Ok(decimal(
        "quantity",
        &required("quantity", quantity)?.to_string(),
        scale,
    )?)
}

/// Decimal quantity of whole units, by the listing's own quantity_scale.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn to_quantity(
    listing_id: Option<Uuid>,
    units: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<AnyNumeric, ErrorReport> {
    let scale = scale_of(&Engine::of_call(fcinfo), listing_id)?;
    Ok(from_units_of(required("units", units)?, scale))
}
