//! receive_stock: goods come in.

use super::change::{begin, finish};
use super::given::Given;
use super::quantity::Quantity;
use super::set::{set, Target};
use crate::arguments::{at_most, bad, cost, required, required_id};
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::LotRow;
use crate::counters::lots::{self, Changes};
use crate::counters::new_lots::{Details, NewLot};
use crate::counters::{listings, mirror, places, Guard, LevelKey};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};
use serde_json::{json, Value};
use stockroom_core::condition::Condition;
use stockroom_core::movement::MovementType;

/// Receives units of a listing, as a new lot or into one that is there, and returns the lot's key.
///
/// `quantity` in smallest units, or `amount` in the listing's own unit, above zero; `location_id` NULL =
/// Unspecified; `expires_on` the last day on which the lot may be picked; `unit_cost` NULL = the listing's.
/// With `into_lot` the units are added to that lot of the listing; what else is said of the lot must be NULL
/// then, or as it is. `reason` NULL is the session's, `effective_at` NULL is now. With an `idempotency_key`
/// a replay returns the first lot. Errors: bad_argument, listing_not_found, lot_not_found,
/// location_not_found, quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn receive_stock(
    listing_id: Option<Uuid>,
    quantity: default!(Option<i32>, "NULL"),
    location_id: default!(Option<Uuid>, "NULL"),
    owner_id: default!(Option<Uuid>, "NULL"),
    lot_code: default!(Option<String>, "NULL"),
    expires_on: default!(Option<Date>, "NULL"),
    unit_cost: default!(Option<AnyNumeric>, "NULL"),
    notes: default!(Option<String>, "NULL"),
    listed: default!(Option<bool>, "true"),
    idempotency_key: default!(Option<String>, "NULL"),
    into_lot: default!(Option<Uuid>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    amount: default!(Option<AnyNumeric>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let delivery = Delivery {
        listing_id: required_id("listing_id", listing_id)?,
        quantity: Quantity::given("quantity", quantity, amount)?,
        location_id: location_id.map(ids::from_pg),
        listed: required("listed", listed)?,
        details: Details {
            owner_id: owner_id.map(ids::from_pg),
            notes: at_most("notes", notes, 1000)?,
            lot_code: at_most("lot_code", lot_code, 200)?,
            expires_on,
            unit_cost: cost("unit_cost", unit_cost)?,
            condition: Condition::Good,
            created_at: None,
        },
    };
    let into_lot = into_lot.map(ids::from_pg);
    let given = Given::check(reason, reference, effective_at)?;
    let arguments = || {
        let mut arguments = delivery.arguments();
        arguments["into_lot"] = json!(into_lot);
        given.among(arguments)
    };
    let request = Request::with_key("receive_stock", idempotency_key.as_deref(), arguments);
    let (answer, _) = requests::once(&engine, request, || {
        let lot = match into_lot {
            Some(lot_id) => delivery.add_to(&engine, lot_id, &given.cause())?,
            None => delivery.as_new_lot(&engine, &given.cause())?,
        };
        Ok(json!(lot))
    })?;
    Ok(ids::to_pg(requests::id_of(&answer)))
}

struct Delivery {
    listing_id: uuid::Uuid,
    quantity: Quantity,
    location_id: Option<uuid::Uuid>,
    listed: bool,
    details: Details,
}

impl Delivery {
    fn arguments(&self) -> Value {
        let details = &self.details;
        json!({
            "listing_id": self.listing_id, "quantity": self.quantity.to_json(),
            "location_id": self.place(), "owner_id": details.owner_id, "lot_code": details.lot_code,
            "expires_on": details.expires_on.map(|date| date.to_pg_epoch_days()),
            "unit_cost": details.unit_cost.as_ref().map(|cost| cost.normalize().to_owned()),
            "notes": details.notes, "listed": self.listed,
        })
    }

    fn place(&self) -> uuid::Uuid {
        self.location_id.unwrap_or(ids::UNSPECIFIED)
    }

    fn units(&self, engine: &Engine) -> Result<i32, Error> {
        let listing_id = self.listing_id;
        self.quantity.positive_units("quantity", engine, listing_id)
    }

    fn as_new_lot(&self, engine: &Engine, cause: &Cause) -> Result<uuid::Uuid, Error> {
        let listing_id = self.listing_id;
        let quantity = self.units(engine)?;
        let location_id = self.place();
        places::require(engine, engine.tenant, location_id)?;
        let expired = mirror::begin_write(engine, [(engine.tenant, listing_id)]);
        let listings_cost = listings::unit_cost(engine, engine.tenant, listing_id)
            .ok_or(Error::ListingNotFound { listing_id })?;
        let mut details = self.details.clone();
        details.unit_cost = details.unit_cost.or(listings_cost);
        let level = LevelKey {
            listing_id,
            location_id,
            tenant_id: engine.tenant,
        };
        let lot = [NewLot {
            listed: self.listed,
            details,
            ..NewLot::plain(level, quantity, MovementType::Receive)
        }];
        let changes = Changes {
            new: &lot,
            ..Changes::of_goods(&[], &expired, cause)
        };
        let after = lots::apply(engine, &changes, Guard::Later)
            .map_err(|refusal| refusal.into_error(Error::ListingNotFound { listing_id }))?;
        finish(engine, &after, &[], &[lot[0].lot_id]);
        Ok(lot[0].lot_id)
    }

    fn add_to(
        &self,
        engine: &Engine,
        lot_id: uuid::Uuid,
        cause: &Cause,
    ) -> Result<uuid::Uuid, Error> {
        let begun = begin(engine, &[lot_id])?;
        let lot = &begun.lots[0];
        self.require_alike(lot)?;
        let units = i64::from(lot.total) + i64::from(self.units(engine)?);
        let target = [Target { lot, units }];
        let receive = MovementType::Receive;
        set(engine, &target, &begun.expired, receive, cause)?;
        Ok(lot_id)
    }

    /// What is said of the lot must be so: nobody would know afterwards which of its units came otherwise.
    fn require_alike(&self, lot: &LotRow) -> Result<(), Error> {
        fn differs<T: PartialEq>(said: &Option<T>, is: &Option<T>) -> bool {
            said.is_some() && said != is
        }
        let (said, is) = (&self.details, &lot.details);
        let place = Some(lot.location_id);
        let differing = [
            ("listing_id", self.listing_id != lot.listing_id),
            ("location_id", differs(&self.location_id, &place)),
            ("owner_id", differs(&said.owner_id, &is.owner_id)),
            ("lot_code", differs(&said.lot_code, &is.lot_code)),
            ("expires_on", differs(&said.expires_on, &is.expires_on)),
            ("unit_cost", differs(&said.unit_cost, &is.unit_cost)),
            ("notes", differs(&said.notes, &is.notes)),
            ("listed", lot.listed && !self.listed),
        ];
        match differing.into_iter().find(|(_, differs)| *differs) {
            Some((argument, _)) => bad(argument, "is not what into_lot has: leave it out"),
            None => Ok(()),
        }
    }
}
