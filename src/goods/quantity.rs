//! How much a call speaks of: whole smallest units, or a decimal number of the listing's unit.

use crate::arguments::{bad, decimal, not_negative, positive, required};
use crate::counters::scales;
use crate::engine::Engine;
use crate::error::Error;
use pgrx::AnyNumeric;
use serde_json::{json, Value};
use uuid::Uuid;

pub enum Quantity {
    Units(i32),
    Amount(AnyNumeric),
}

impl Quantity {
    /// Of an argument in units and the argument `amount`: one of the two, or none.
    pub fn if_given(
        argument: &'static str,
        units: Option<i32>,
        amount: Option<AnyNumeric>,
    ) -> Result<Option<Quantity>, Error> {
        match (units, amount) {
            (Some(_), Some(_)) => {
                let problem = format!("must not be given together with {argument}");
                bad("amount", &problem)
            }
            (units, amount) => Ok(units
                .map(Quantity::Units)
                .or_else(|| amount.map(Quantity::Amount))),
        }
    }

    /// The same where one of the two must be given.
    pub fn given(
        argument: &'static str,
        units: Option<i32>,
        amount: Option<AnyNumeric>,
    ) -> Result<Quantity, Error> {
        required(argument, Quantity::if_given(argument, units, amount)?)
    }

    /// In smallest units of a listing.
    pub fn units(&self, engine: &Engine, listing_id: Uuid) -> Result<i32, Error> {
        match self {
            Quantity::Units(units) => Ok(*units),
            Quantity::Amount(amount) => {
                let scale = scales::now(engine, &[listing_id]).remove(&listing_id);
                let scale = scale.ok_or(Error::ListingNotFound { listing_id })?;
                decimal("amount", &amount.to_string(), scale)
            }
        }
    }

    /// The same where it must be above zero.
    pub fn positive_units(
        &self,
        argument: &'static str,
        engine: &Engine,
        listing_id: Uuid,
    ) -> Result<i32, Error> {
        let units = self.units(engine, listing_id)?;
        positive(self.argument(argument), Some(units))
    }

    /// The same where it must be none or more.
    pub fn counted_units(
        &self,
        argument: &'static str,
        engine: &Engine,
        listing_id: Uuid,
    ) -> Result<i32, Error> {
        let units = self.units(engine, listing_id)?;
        not_negative(self.argument(argument), Some(units)).map(|_| units)
    }

    /// The one that was given.
    fn argument(&self, argument: &'static str) -> &'static str {
        match self {
            Quantity::Units(_) => argument,
            Quantity::Amount(_) => "amount",
        }
    }

    /// For comparing a replay.
    pub fn to_json(&self) -> Value {
        match self {
            Quantity::Units(units) => json!(units),
            Quantity::Amount(amount) => json!(amount.normalize()),
        }
    }
}
