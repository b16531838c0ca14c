//! Picking up what a hold has reserved, there and then.

use super::confirmation::Wish;
use super::row;
use crate::allocations::answer::{Short, Taken};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use crate::queue::Places;
use crate::subtransaction::attempt;
use pgrx::pg_sys::UUIDOID;
use stockroom_core::hold::Remainder;
use uuid::Uuid;

/// What whoever picks it up wants to know of a hold.
pub struct Reserved {
    pub listing_id: Uuid,
    pub location_id: Option<Uuid>,
    pub customer: Option<String>,
}

static RESERVED: Statement = Statement::fresh(
    "SELECT listing_id, location_id, customer FROM {s}.stock_holds WHERE hold_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// As it is now. Errors: hold_not_found.
pub fn reserved(engine: &Engine, hold_id: Uuid) -> Result<Reserved, Error> {
    let args = [id(hold_id), id(engine.tenant)];
    let found = plans::run_one(engine, &RESERVED, &args, |row| Reserved {
        listing_id: row.id(1),
        location_id: row.maybe_id(2),
        customer: row.get(3),
    });
    found.ok_or(Error::HoldNotFound {
        by: "hold_id",
        key: hold_id,
    })
}

/// A hold whose goods are handed over now. What is not taken of them is free again.
pub struct PickUp {
    pub hold_id: Uuid,
    wish: Wish,
}

impl PickUp {
    /// `quantity` None for all that is held.
    pub fn new(
        hold_id: Uuid,
        order_id: Uuid,
        quantity: Option<i32>,
        strategy: Option<&'static str>,
    ) -> PickUp {
        let wish = Wish {
            order_id: Some(order_id),
            quantity,
            remainder: Remainder::Release,
            strategy,
            may_wait: false,
        };
        PickUp { hold_id, wish }
    }

    /// Refuses what a read can refuse; else stands in line for the listing.
    pub fn line_up(&self, engine: &Engine) -> Result<Places, Error> {
        let seen = vec![row::by_id(engine, self.hold_id)?];
        self.wish.line_up(engine, seen).map(|(_, places)| places)
    }

    /// Turns the hold into allocations of the order. Where its goods are still to come it stays as it is.
    pub fn take(&self, engine: &Engine) -> Result<Taken, Error> {
        let seen = vec![row::by_id(engine, self.hold_id)?];
        let (seen, _) = self.wish.line_up(engine, seen)?;
        match attempt(|| self.wish.confirm(engine, seen)) {
            Ok(rows) => Ok(Taken::Done(rows)),
            Err(Error::InsufficientStock {
                listing_id,
                location_id,
                requested,
                available,
            }) => Ok(Taken::Short(Short {
                listing_id,
                location_id,
                requested,
                available,
            })),
            Err(error) => Err(error),
        }
    }
}
