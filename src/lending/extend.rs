//! extend_loan: a loan is due at another time.

use super::row;
use crate::arguments::{finite, required, required_id};
use crate::clock;
use crate::counters::{aside, mirror};
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_loans SET due_at = $3, updated_at = $4 WHERE loan_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

/// Sets when an open loan is due, earlier or later than it was, and returns that.
///
/// With a `borrower`, another's loan is refused. Errors: loan_not_found, loan_closed, not_the_borrower,
/// bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn extend_loan(
    loan_id: Option<Uuid>,
    due_at: Option<TimestampWithTimeZone>,
    borrower: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<TimestampWithTimeZone, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let loan_id = required_id("loan_id", loan_id)?;
    let due_at = required("due_at", finite("due_at", due_at)?)?;
    let borrower = row::borrower(borrower)?;
    // Refused by a read where it can be, without a transaction id.
    let seen = row::now(&engine, loan_id)?;
    seen.require_open(borrower.as_deref())?;
    // Before its loans, as by whoever ends one.
    mirror::lock_of_listings(&engine, [(engine.tenant, seen.listing_id)]);
    row::locked(&engine, loan_id)?.require_open(borrower.as_deref())?;
    let due_at = clock::moment(due_at);
    let args = [
        id(loan_id),
        id(engine.tenant),
        due_at.into(),
        clock::now().into(),
    ];
    aside::during(|| plans::write_all(&engine, &WRITE, &args, 1));
    Ok(due_at)
}
