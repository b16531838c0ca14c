//! transfer_stock: goods go to another place.

use super::change::{begin, begin_with_claims, finish, Begun};
use super::given::Given;
use super::part;
use super::quantity::Quantity;
use crate::arguments::{bad, required, required_id};
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::LotRow;
use crate::counters::moves::{self, Move};
use crate::counters::places;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::{json, Value};

/// Brings units of a lot to another place, and returns the lot in which they are then.
///
/// `quantity` in smallest units, or `amount` in the listing's own unit; both NULL = all. Where all of a lot
/// goes, the lot itself moves, with its allocations. Of a part only what is free can go, as a new lot that
/// is like the old one in everything but its place. `into_lot` names a lot at `to_location` that is alike
/// and takes the units; then `to_location` may be NULL, and all of a lot brings its allocations along.
/// `reason` NULL is the session's, `effective_at` NULL is now. With an `idempotency_key` a replay returns
/// the first lot. Errors: bad_argument, lot_not_found, location_not_found, insufficient_stock,
/// stock_committed where it is allocated or held at its place, quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn transfer_stock(
    lot_id: Option<Uuid>,
    quantity: default!(Option<i32>, "NULL"),
    to_location: default!(Option<Uuid>, "NULL"),
    into_lot: default!(Option<Uuid>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    amount: default!(Option<AnyNumeric>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let transfer = Transfer {
        lot_id: required_id("lot_id", lot_id)?,
        quantity: Quantity::if_given("quantity", quantity, amount)?,
        to_location: to_location.map(ids::from_pg),
        into_lot: into_lot.map(ids::from_pg),
    };
    if transfer.into_lot.is_none() {
        required("to_location", transfer.to_location)?;
    }
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || given.among(transfer.arguments());
    let request = Request::with_key("transfer_stock", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        Ok(json!(transfer.run(&engine, &given.cause())?))
    })?;
    Ok(ids::to_pg(requests::id_of(&answer)))
}

struct Transfer {
    lot_id: uuid::Uuid,
    /// None for all.
    quantity: Option<Quantity>,
    to_location: Option<uuid::Uuid>,
    into_lot: Option<uuid::Uuid>,
}

impl Transfer {
    fn arguments(&self) -> Value {
        json!({
            "lot_id": self.lot_id, "quantity": self.quantity.as_ref().map(Quantity::to_json),
            "to_location": self.to_location, "into_lot": self.into_lot,
        })
    }

    fn run(&self, engine: &Engine, cause: &Cause) -> Result<uuid::Uuid, Error> {
        if let Some(location_id) = self.to_location {
            places::require(engine, engine.tenant, location_id)?;
        }
        let lots: Vec<uuid::Uuid> = [self.lot_id].into_iter().chain(self.into_lot).collect();
        let begun = match self.into_lot {
            Some(_) => begin_with_claims(engine, &lots)?,
            None => begin(engine, &lots)?,
        };
        let from = &begun.lots[0];
        if self.to_location == Some(from.location_id) {
            return bad("to_location", "is where the lot lies");
        }
        let units = match &self.quantity {
            Some(quantity) => quantity.positive_units("quantity", engine, from.listing_id)?,
            None => from.total,
        };
        match (begun.lots.get(1), self.to_location) {
            (Some(into), place) => {
                part::require_alike(from, into)?;
                if place.is_some_and(|place| place != into.location_id) {
                    return bad("into_lot", "does not lie at to_location");
                }
                if units == from.total {
                    part::all_to_lot(engine, &begun, from, into, cause)?;
                } else {
                    part::to_lot(engine, &begun, from, into, units, cause)?;
                }
                Ok(into.lot_id)
            }
            (None, Some(place)) if units == from.total => {
                move_whole(engine, &begun, from, place, cause)?;
                Ok(from.lot_id)
            }
            (None, Some(place)) => {
                let (new, after) =
                    part::to_new_lot(engine, from, units, place, &begun.expired, cause)?;
                finish(engine, &after, &[from.level()], &[new.lot_id]);
                Ok(new.lot_id)
            }
            (None, None) => bad("to_location", "must not be NULL"),
        }
    }
}

fn move_whole(
    engine: &Engine,
    begun: &Begun,
    lot: &LotRow,
    location_id: uuid::Uuid,
    cause: &Cause,
) -> Result<(), Error> {
    let to = [Move {
        lot,
        location_id,
        condition: lot.condition(),
    }];
    let after = moves::apply(engine, &to, &begun.expired, cause)?;
    finish(engine, &after, &[lot.level()], &[lot.lot_id]);
    Ok(())
}
