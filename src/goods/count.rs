//! count_stock: a stocktake of one lot.

use super::adjust::require_expected;
use super::change::begin;
use super::given::Given;
use super::quantity::Quantity;
use super::set::{set, Target};
use crate::arguments::required_id;
use crate::engine::Engine;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;
use stockroom_core::movement::MovementType;

/// Sets a lot to the units that were counted, and returns the difference to what it had.
///
/// `counted` in smallest units, or `amount` in the listing's own unit, 0 or more; no difference writes no
/// line into the ledger. With `expected` the lot must have so many units before: goods may have moved since
/// the shelf was counted. `reason` NULL is the session's, `effective_at` NULL is now. With an
/// `idempotency_key` a replay returns the first answer. Errors: bad_argument, lot_not_found, stale_count,
/// stock_committed where more is claimed, quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn count_stock(
    lot_id: Option<Uuid>,
    counted: default!(Option<i32>, "NULL"),
    expected: default!(Option<i32>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    amount: default!(Option<AnyNumeric>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let lot_id = required_id("lot_id", lot_id)?;
    let counted = Quantity::given("counted", counted, amount)?;
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || {
        given.among(json!({"lot_id": lot_id, "counted": counted.to_json(), "expected": expected}))
    };
    let request = Request::with_key("count_stock", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let begun = begin(&engine, &[lot_id])?;
        let lot = &begun.lots[0];
        require_expected(lot, expected)?;
        let units = counted.counted_units("counted", &engine, lot.listing_id)?;
        let target = [Target {
            lot,
            units: units.into(),
        }];
        let count = MovementType::Count;
        set(&engine, &target, &begun.expired, count, &given.cause())?;
        Ok(json!(units - lot.total))
    })?;
    Ok(answer.as_i64().unwrap_or(0) as i32)
}
