//! The row that a new loan is.

use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, maybe_id, raw, Statement};
use pgrx::pg_sys::{INT4OID, JSONBOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use uuid::Uuid;

/// As the column's CHECK has it.
pub const LONGEST_BORROWER: usize = 200;

/// A loan that is about to be made.
pub struct NewLoan {
    pub loan_id: Uuid,
    pub listing_id: Uuid,
    pub borrower: String,
    pub contact_info: Option<String>,
    pub quantity: i32,
    /// PostgreSQL's own microseconds; None for whenever.
    pub due_at: Option<i64>,
    pub hold_id: Option<Uuid>,
    pub metadata: Option<Jsonb>,
}

static INSERT: Statement = Statement::fresh(
    "WITH done AS (
       INSERT INTO {s}.stock_loans
              (loan_id, tenant_id, listing_id, borrower, contact_info, quantity, due_at, hold_id, metadata,
               borrowed_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
       RETURNING (loan_id, tenant_id, listing_id, quantity, quantity_returned, quantity_lost)
               = ($1, $2, $3, $6, 0, 0) AS is_whole)
     SELECT count(*) FILTER (WHERE is_whole) = 1 FROM done",
    &[
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID, UUIDOID, JSONBOID,
        TIMESTAMPTZOID,
    ],
);

/// Writes the row of a loan whose claims are written.
pub fn insert(engine: &Engine, loan: NewLoan) {
    let args = [
        id(loan.loan_id),
        id(engine.tenant),
        id(loan.listing_id),
        loan.borrower.into(),
        loan.contact_info.into(),
        loan.quantity.into(),
        loan.due_at.map(clock::moment).into(),
        maybe_id(loan.hold_id),
        raw(loan.metadata.map(Jsonb::datum)),
        clock::now().into(),
    ];
    aside::during(|| plans::run_whole(engine, &INSERT, &args));
}
