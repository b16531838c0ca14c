//! A loan's row: read, locked, and changed as units of it end.

use super::written::LONGEST_BORROWER;
use crate::arguments::name;
use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{INT4OID, TIMESTAMPTZOID, UUIDOID};
use stockroom_core::loan::{Loan, Outcome, Refusal};
use uuid::Uuid;

pub struct LoanRow {
    pub loan_id: Uuid,
    pub listing_id: Uuid,
    borrower: String,
    units: Loan,
}

macro_rules! loan {
    () => {
        "SELECT listing_id, borrower, quantity, quantity_returned, quantity_lost
           FROM {s}.stock_loans WHERE loan_id = $1 AND tenant_id = $2"
    };
}

static NOW: Statement = Statement::fresh(loan!(), &[UUIDOID, UUIDOID]);
static LOCK: Statement =
    Statement::fresh(concat!(loan!(), " FOR NO KEY UPDATE"), &[UUIDOID, UUIDOID]);
static WRITE: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_loans
          SET quantity_returned = $3, quantity_lost = $4, updated_at = $5,
              closed_at = CASE WHEN $3 + $4 = quantity THEN $5 END
        WHERE loan_id = $1 AND tenant_id = $2
       RETURNING (quantity, quantity_returned, quantity_lost) = ($6, $3, $4) AS is_whole)
     SELECT count(*) FILTER (WHERE is_whole) = 1 FROM done",
    &[UUIDOID, UUIDOID, INT4OID, INT4OID, TIMESTAMPTZOID, INT4OID],
);

/// A loan as it is now. Errors: loan_not_found.
pub fn now(engine: &Engine, loan_id: Uuid) -> Result<LoanRow, Error> {
    read(engine, &NOW, loan_id)
}

/// The same, locked.
pub fn locked(engine: &Engine, loan_id: Uuid) -> Result<LoanRow, Error> {
    read(engine, &LOCK, loan_id)
}

fn read(engine: &Engine, statement: &Statement, loan_id: Uuid) -> Result<LoanRow, Error> {
    let read = |row: &Row| LoanRow {
        loan_id,
        listing_id: row.id(1),
        borrower: row.need(2),
        units: Loan {
            quantity: row.need(3),
            returned: row.need(4),
            lost: row.need(5),
        },
    };
    let args = [id(loan_id), id(engine.tenant)];
    plans::run_one(engine, statement, &args, read).ok_or(Error::LoanNotFound { loan_id })
}

/// The argument `borrower` of a call on a loan.
pub fn borrower(name_given: Option<String>) -> Result<Option<String>, Error> {
    name("borrower", name_given, LONGEST_BORROWER)
}

impl LoanRow {
    /// That the loan is open, and this borrower's where one is given.
    pub fn require_open(&self, borrower: Option<&str>) -> Result<(), Error> {
        let loan_id = self.loan_id;
        match borrower {
            Some(borrower) if borrower != self.borrower => Err(Error::NotTheBorrower {
                loan_id,
                borrower: borrower.to_owned(),
            }),
            _ if !self.units.is_open() => Err(Error::LoanClosed { loan_id }),
            _ => Ok(()),
        }
    }

    /// The loan after so many units of it, None for all, have ended so; and how many that are.
    pub fn end(&self, units: Option<i32>, outcome: Outcome) -> Result<(Loan, i32), Error> {
        let loan_id = self.loan_id;
        self.units
            .end(units, outcome)
            .map_err(|refused| match refused {
                Refusal::Closed => Error::LoanClosed { loan_id },
                Refusal::TooMany { out } => Error::MoreThanLent {
                    loan_id,
                    requested: units.unwrap_or(out),
                    out,
                },
            })
    }

    /// Writes what is returned and lost by now. The row is locked.
    pub fn write(&self, engine: &Engine, units: &Loan) {
        let args = [
            id(self.loan_id),
            id(engine.tenant),
            units.returned.into(),
            units.lost.into(),
            clock::now().into(),
            units.quantity.into(),
        ];
        aside::during(|| plans::run_whole(engine, &WRITE, &args));
    }
}
