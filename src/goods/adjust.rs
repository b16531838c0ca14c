//! adjust_stock: somebody sets a number right.

use super::change::begin;
use super::given::Given;
use super::quantity::Quantity;
use super::set::{set, Target};
use crate::arguments::required_id;
use crate::counters::lot_rows::LotRow;
use crate::engine::Engine;
use crate::error::Error;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;
use stockroom_core::movement::MovementType;

/// An error where a lot does not have the units that the caller has read.
pub fn require_expected(lot: &LotRow, expected: Option<i32>) -> Result<(), Error> {
    match expected.filter(|expected| *expected != lot.total) {
        Some(expected) => Err(Error::StaleCount {
            lot_id: lot.lot_id,
            expected,
            actual: lot.total,
        }),
        None => Ok(()),
    }
}

/// Adds `delta` units to a lot, or takes them where it is below zero, and returns how many it has then.
///
/// `delta` in smallest units, or `amount` in the listing's own unit; 0 writes no line into the ledger.
/// `reason` NULL is the session's, `stockroom.reason`. With `expected` the lot must have so many units
/// before. `effective_at` NULL is now. With an `idempotency_key` a replay returns the first answer.
/// Errors: bad_argument, lot_not_found, stale_count, insufficient_stock where the lot has less,
/// stock_committed where the rest is claimed, quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn adjust_stock(
    lot_id: Option<Uuid>,
    delta: default!(Option<i32>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    expected: default!(Option<i32>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    amount: default!(Option<AnyNumeric>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let lot_id = required_id("lot_id", lot_id)?;
    let delta = Quantity::given("delta", delta, amount)?;
    let given = Given::check(reason, reference, effective_at)?;
    let arguments =
        || given.among(json!({"lot_id": lot_id, "delta": delta.to_json(), "expected": expected}));
    let request = Request::with_key("adjust_stock", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let begun = begin(&engine, &[lot_id])?;
        let lot = &begun.lots[0];
        require_expected(lot, expected)?;
        let delta = delta.units(&engine, lot.listing_id)?;
        let units = i64::from(lot.total) + i64::from(delta);
        let target = [Target { lot, units }];
        let adjust = MovementType::Adjust;
        set(&engine, &target, &begun.expired, adjust, &given.cause())?;
        Ok(json!(units))
    })?;
    Ok(answer.as_i64().unwrap_or(0) as i32)
}
