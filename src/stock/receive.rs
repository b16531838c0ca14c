//! Goods come in.

use crate::arguments::{at_most, positive, required, required_id};
use crate::counters::ledger::Cause;
use crate::counters::lots::{self, Changes};
use crate::counters::new_lots::{self, Details};
use crate::counters::{goods, listings, mirror, places, Guard};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::{json, Value};
use stockroom_core::movement::MovementType;

/// Receives units of a listing as a new lot and returns the lot's key.
///
/// `quantity` in smallest units, above zero; `location_id` NULL = Unspecified; `expires_on` the last
/// day on which the lot may be picked; `unit_cost` NULL = the listing's. With an `idempotency_key` a
/// replay returns the first lot. Errors: bad_argument, listing_not_found, location_not_found,
/// quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn receive_stock(
    listing_id: Option<Uuid>,
    quantity: Option<i32>,
    location_id: default!(Option<Uuid>, "NULL"),
    owner_id: default!(Option<Uuid>, "NULL"),
    lot_code: default!(Option<String>, "NULL"),
    expires_on: default!(Option<Date>, "NULL"),
    unit_cost: default!(Option<AnyNumeric>, "NULL"),
    notes: default!(Option<String>, "NULL"),
    listed: default!(Option<bool>, "true"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let lot = NewLot {
        listing_id: required_id("listing_id", listing_id)?,
        quantity: positive("quantity", quantity)?,
        location_id: location_id.map_or(ids::UNSPECIFIED, ids::from_pg),
        owner_id: owner_id.map(ids::from_pg),
        lot_code: at_most("lot_code", lot_code, 200)?,
        expires_on,
        unit_cost: cost("unit_cost", unit_cost)?,
        notes: at_most("notes", notes, 1000)?,
        listed: required("listed", listed)?,
    };
    let key = idempotency_key.as_deref();
    let request = Request::with_key("receive_stock", key, || lot.arguments());
    let (answer, _) = requests::once(&engine, request, || lot.receive(&engine))?;
    let lot_id = answer
        .as_str()
        .and_then(|text| uuid::Uuid::try_parse(text).ok());
    Ok(ids::to_pg(
        lot_id.expect("the answer kept is the lot's key"),
    ))
}

/// A cost that the tables can hold.
pub fn cost(
    argument: &'static str,
    value: Option<AnyNumeric>,
) -> Result<Option<AnyNumeric>, Error> {
    // As the column will hold it.
    let value = value.map(|cost| {
        cost.rescale::<16, 4>()
            .map(AnyNumeric::from)
            .map_err(|_| ())
    });
    let bad = match &value {
        None => false,
        Some(Err(())) => true,
        Some(Ok(cost)) => {
            cost.is_nan()
                || *cost < AnyNumeric::from(0)
                || *cost >= AnyNumeric::from(900_000_000_000i64)
        }
    };
    if bad {
        let problem = "must be 0 or more, and below 900000000000".to_owned();
        return Err(Error::BadArgument { argument, problem });
    }
    Ok(value.and_then(Result::ok))
}

struct NewLot {
    listing_id: uuid::Uuid,
    quantity: i32,
    location_id: uuid::Uuid,
    owner_id: Option<uuid::Uuid>,
    lot_code: Option<String>,
    expires_on: Option<Date>,
    unit_cost: Option<AnyNumeric>,
    notes: Option<String>,
    listed: bool,
}

impl NewLot {
    fn arguments(&self) -> Value {
        json!({
            "listing_id": self.listing_id, "quantity": self.quantity, "location_id": self.location_id,
            "owner_id": self.owner_id, "lot_code": self.lot_code,
            "expires_on": self.expires_on.map(|date| date.to_pg_epoch_days()),
            "unit_cost": self.unit_cost.as_ref().map(|cost| cost.normalize().to_owned()),
            "notes": self.notes, "listed": self.listed,
        })
    }

    fn receive(self, engine: &Engine) -> Result<Value, Error> {
        let listing_id = self.listing_id;
        places::require(engine, engine.tenant, self.location_id)?;
        let expired = mirror::begin_write(engine, [(engine.tenant, listing_id)]);
        let listings_cost = listings::unit_cost(engine, engine.tenant, listing_id)
            .ok_or(Error::ListingNotFound { listing_id })?;
        let lot = [new_lots::NewLot {
            lot_id: ids::new_key(),
            tenant_id: engine.tenant,
            listing_id,
            location_id: self.location_id,
            quantity: self.quantity,
            listed: self.listed,
            movement: MovementType::Receive,
            details: Details {
                owner_id: self.owner_id,
                notes: self.notes,
                lot_code: self.lot_code,
                expires_on: self.expires_on,
                unit_cost: self.unit_cost.or(listings_cost),
                created_at: None,
            },
        }];
        let cause = Cause::of_session();
        let changes = Changes {
            new: &lot,
            ..Changes::of_goods(&[], &expired, &cause)
        };
        let after = lots::apply(engine, &changes, Guard::Later)
            .map_err(|refusal| refusal.into_error(Error::ListingNotFound { listing_id }))?;
        mirror::write(engine, &after);
        goods::came_free(engine, &after, || vec![lot[0].lot_id]);
        Ok(json!(lot[0].lot_id))
    }
}
