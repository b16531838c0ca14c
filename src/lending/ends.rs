//! return_stock and lose_stock: units of a loan are back, or gone for good.

use super::row::{self, LoanRow};
use crate::allocations::settle::{End, Settlement};
use crate::arguments::{at_most, positive_if_given, required_id};
use crate::counters::ledger::Cause;
use crate::counters::mirror;
use crate::engine::Engine;
use crate::error::Error;
use crate::requests::{self, Request};
use crate::settings;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::{json, Value};
use stockroom_core::loan::{Loan, Outcome};
use stockroom_core::movement::MovementType;

/// Longest reason, as those of other movements.
const LONGEST_REASON: usize = 1000;

/// Units of a loan that end.
struct Ending {
    loan_id: uuid::Uuid,
    /// None for all that are out.
    units: Option<i32>,
    outcome: Outcome,
    /// Who is to be the borrower, where anybody asks.
    borrower: Option<String>,
    reason: Option<String>,
}

impl Ending {
    fn judge(&self, loan: &LoanRow) -> Result<(Loan, i32), Error> {
        loan.require_open(self.borrower.as_deref())?;
        loan.end(self.units, self.outcome)
    }

    /// Ends the units, and answers how many are still out.
    fn end(&self, engine: &Engine) -> Result<i32, Error> {
        // Refused by a read where it can be, without a transaction id.
        let seen = row::now(engine, self.loan_id)?;
        self.judge(&seen)?;
        let expired = mirror::begin_write(engine, [(engine.tenant, seen.listing_id)]);
        let loan = row::locked(engine, self.loan_id)?;
        let (after, units) = self.judge(&loan)?;
        let claims = Settlement {
            order_id: self.loan_id,
            listing_id: None,
            quantity: Some(units),
            end: self.end_of_claims(),
        };
        claims.settle_begun(engine, &expired)?;
        loan.write(engine, &after);
        Ok(after.out())
    }

    fn end_of_claims(&self) -> End {
        match self.outcome {
            Outcome::Returned => End::Released,
            Outcome::Lost => {
                let cause = Cause {
                    reference: Some(self.loan_id.to_string()),
                    ..Cause::because(self.reason.clone().or_else(settings::reason))
                };
                End::Left(MovementType::Loss, cause)
            }
        }
    }

    fn once(
        &self,
        engine: &Engine,
        function: &'static str,
        key: Option<&str>,
        arguments: impl FnOnce() -> Value,
    ) -> Result<i32, Error> {
        let request = Request::with_key(function, key, arguments);
        let (answer, _) = requests::once(engine, request, || Ok(json!(self.end(engine)?)))?;
        Ok(answer.as_i64().unwrap_or(0) as i32)
    }
}

/// Takes units of a loan back, to the lots they came from, and returns how many are still out.
///
/// `quantity` in smallest units; NULL = all that are out. With a `borrower`, another's loan is refused. A
/// replay with the same `idempotency_key` changes nothing and returns the first answer. Errors:
/// loan_not_found, loan_closed, more_than_lent, not_the_borrower, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn return_stock(
    loan_id: Option<Uuid>,
    quantity: default!(Option<i32>, "NULL"),
    borrower: default!(Option<String>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let ending = Ending {
        loan_id: required_id("loan_id", loan_id)?,
        units: positive_if_given("quantity", quantity)?,
        outcome: Outcome::Returned,
        borrower: row::borrower(borrower)?,
        reason: None,
    };
    let arguments =
        || json!({"loan_id": ending.loan_id, "quantity": quantity, "borrower": ending.borrower});
    Ok(ending.once(
        &engine,
        "return_stock",
        idempotency_key.as_deref(),
        arguments,
    )?)
}

/// Writes units of a loan off that will not come back: their lots shrink, with a line of type loss in the
/// ledger. Returns how many are still out.
///
/// `quantity` in smallest units; NULL = all that are out. `reason` NULL = the setting stockroom.reason. A
/// replay with the same `idempotency_key` changes nothing and returns the first answer. Errors:
/// loan_not_found, loan_closed, more_than_lent, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn lose_stock(
    loan_id: Option<Uuid>,
    quantity: Option<i32>,
    reason: default!(Option<String>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let ending = Ending {
        loan_id: required_id("loan_id", loan_id)?,
        units: positive_if_given("quantity", quantity)?,
        outcome: Outcome::Lost,
        borrower: None,
        reason: at_most("reason", reason, LONGEST_REASON)?,
    };
    let arguments =
        || json!({"loan_id": ending.loan_id, "quantity": quantity, "reason": ending.reason});
    Ok(ending.once(&engine, "lose_stock", idempotency_key.as_deref(), arguments)?)
}
