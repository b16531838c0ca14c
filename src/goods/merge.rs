//! merge_lots: two lots that are alike become one.

use super::change::begin_with_claims;
use super::given::Given;
use super::part;
use crate::arguments::{bad, required_id};
use crate::engine::Engine;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;

/// Puts all units of a lot into another one, and returns how many that has then.
///
/// Both must be alike: in listing, place, condition, listed, owner, lot_code, expires_on and unit_cost. The
/// allocations of the one follow to the other; the emptied lot stays, with 0 units. `reason` NULL is the
/// session's, `effective_at` NULL is now. With an `idempotency_key` a replay returns the first answer.
/// Errors: bad_argument, lot_not_found, quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn merge_lots(
    from_lot: Option<Uuid>,
    into_lot: Option<Uuid>,
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let lots = [
        required_id("from_lot", from_lot)?,
        required_id("into_lot", into_lot)?,
    ];
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || given.among(json!({"from_lot": lots[0], "into_lot": lots[1]}));
    let request = Request::with_key("merge_lots", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let begun = begin_with_claims(&engine, &lots)?;
        let [from, into] = begun.lots.as_slice() else {
            unreachable!("a row for each lot")
        };
        part::require_alike(from, into)?;
        if from.location_id != into.location_id {
            return bad("into_lot", "lies in another place: use transfer_stock");
        }
        part::all_to_lot(&engine, &begun, from, into, &given.cause())?;
        Ok(json!(from.total + into.total))
    })?;
    Ok(answer.as_i64().unwrap_or(0) as i32)
}
