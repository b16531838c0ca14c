//! set_lot_condition: goods are put aside, found broken, or found good again.

use super::change::{begin, finish};
use super::given::Given;
use super::part;
use super::quantity::Quantity;
use crate::arguments::{bad, required, required_id};
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::LotRow;
use crate::counters::moves::{self, Move};
use crate::counters::{invariants, rollup, Deltas};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;
use stockroom_core::condition::Condition;

/// Says what state the goods of a lot are in, and returns the lot in which they are then.
///
/// `condition` is good, quarantine, damaged or expired; only good goods are sold. Of a part, `quantity` in
/// smallest units or `amount` in the listing's own unit, a lot of its own is split off first; both NULL =
/// all. The ledger gets a line that says what became what, and the reason (NULL is the session's).
/// `effective_at` NULL is now. With an `idempotency_key` a replay returns the first lot. Errors:
/// bad_argument, lot_not_found, insufficient_stock, stock_committed where the goods are claimed,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn set_lot_condition(
    lot_id: Option<Uuid>,
    condition: Option<String>,
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
    let condition = parse(&required("condition", condition)?)?;
    let quantity = Quantity::if_given("quantity", quantity, amount)?;
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || {
        given.among(json!({
            "lot_id": lot_id, "condition": condition.name(),
            "quantity": quantity.as_ref().map(Quantity::to_json),
        }))
    };
    let key = idempotency_key.as_deref();
    let request = Request::with_key("set_lot_condition", key, arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let lot = set(
            &engine,
            lot_id,
            condition,
            quantity.as_ref(),
            &given.cause(),
        )?;
        Ok(json!(lot))
    })?;
    Ok(ids::to_pg(requests::id_of(&answer)))
}

fn parse(name: &str) -> Result<Condition, Error> {
    Condition::parse(name).map_or_else(
        || {
            let names = Condition::NAMES.join(", ");
            bad("condition", &format!("must be one of {names}"))
        },
        Ok,
    )
}

fn set(
    engine: &Engine,
    lot_id: uuid::Uuid,
    condition: Condition,
    quantity: Option<&Quantity>,
    cause: &Cause,
) -> Result<uuid::Uuid, Error> {
    let begun = begin(engine, &[lot_id])?;
    let lot = &begun.lots[0];
    let units = match quantity {
        Some(quantity) => quantity.positive_units("quantity", engine, lot.listing_id)?,
        None => lot.total,
    };
    if lot.condition() == condition {
        rollup::count(engine, &begun.expired);
        return Ok(lot_id);
    }
    if units == lot.total {
        change(engine, lot, condition, &begun.expired, cause)?;
        return Ok(lot_id);
    }
    let (place, expired) = (lot.location_id, &begun.expired);
    let (new, _) = part::to_new_lot(engine, lot, units, place, expired, cause)?;
    let part = LotRow::of_new(&new);
    change(engine, &part, condition, &Deltas::default(), cause)?;
    Ok(part.lot_id)
}

/// Changes a whole lot, which is locked.
fn change(
    engine: &Engine,
    lot: &LotRow,
    condition: Condition,
    expired: &Deltas,
    cause: &Cause,
) -> Result<(), Error> {
    if lot.sellable() && lot.allocated > 0 {
        let over_by = lot.allocated.into();
        return Err(invariants::committed(
            engine,
            lot.listing_id,
            lot.lot_id,
            over_by,
        ));
    }
    let to = [Move {
        lot,
        location_id: lot.location_id,
        condition,
    }];
    let after = moves::apply(engine, &to, expired, cause)?;
    finish(engine, &after, &[lot.level()], &[lot.lot_id]);
    Ok(())
}
