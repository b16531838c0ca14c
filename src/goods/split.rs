//! split_lot: a part of a lot becomes a lot of its own.

use super::change::{begin, finish};
use super::given::Given;
use super::part;
use super::quantity::Quantity;
use crate::arguments::{bad, required_id};
use crate::engine::Engine;
use crate::ids;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;

/// Makes a lot of its own of a part of a lot, in the same place, and returns its key.
///
/// `quantity` in smallest units, or `amount` in the listing's own unit, above zero, less than the lot has,
/// and free. The new lot is like the old one in everything, its age too. `reason` NULL is the session's,
/// `effective_at` NULL is now. With an `idempotency_key` a replay returns the first lot. Errors:
/// bad_argument, lot_not_found, insufficient_stock, stock_committed where it is allocated,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn split_lot(
    lot_id: Option<Uuid>,
    quantity: default!(Option<i32>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    amount: default!(Option<AnyNumeric>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let lot_id = required_id("lot_id", lot_id)?;
    let quantity = Quantity::given("quantity", quantity, amount)?;
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || given.among(json!({"lot_id": lot_id, "quantity": quantity.to_json()}));
    let request = Request::with_key("split_lot", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let begun = begin(&engine, &[lot_id])?;
        let lot = &begun.lots[0];
        let units = quantity.positive_units("quantity", &engine, lot.listing_id)?;
        if units == lot.total {
            return bad("quantity", "must leave something in the lot");
        }
        let (expired, cause) = (&begun.expired, given.cause());
        let (new, after) = part::to_new_lot(&engine, lot, units, lot.location_id, expired, &cause)?;
        finish(&engine, &after, &[], &[]);
        Ok(json!(new.lot_id))
    })?;
    Ok(ids::to_pg(requests::id_of(&answer)))
}
