//! What is on loan: while it is out, it cannot be deleted, and its claims are the loan's alone.
//!
//! Functions and triggers of several domains ask here, where loans are only read.

use crate::direct::shape::{LOANS, LOANS_OPEN, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use std::ops::ControlFlow;
use uuid::Uuid;

static OPEN: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_loans WHERE loan_id = $1 AND tenant_id = $2 AND is_open",
    &[UUIDOID, UUIDOID],
);
static ANY_OPEN: Statement =
    Statement::fresh("SELECT FROM {s}.stock_loans WHERE is_open LIMIT 1", &[]);

/// An order that an app claims for, or ends the claims of, is no open loan.
pub fn refuse_order(engine: &Engine, order_id: Uuid) -> Result<(), Error> {
    match is_open(engine, order_id) {
        true => Err(Error::OrderIsLoan { loan_id: order_id }),
        false => Ok(()),
    }
}

/// Whether an order is an open loan of this tenant.
pub fn is_open(engine: &Engine, order_id: Uuid) -> bool {
    direct_is_open(engine, order_id).unwrap_or_else(|| {
        let args = [id(order_id), id(engine.tenant)];
        plans::run_one(engine, &OPEN, &args, |_| ()).is_some()
    })
}

/// Below SQL, for every claim asks; None where only SQL can tell.
fn direct_is_open(engine: &Engine, loan_id: Uuid) -> Option<bool> {
    const TENANT_ID: Column = LOANS.column("tenant_id");
    const IS_OPEN: Column = LOANS.column("is_open");
    let table = Table::open(engine, &LOANS, Access::Read)?;
    let mut found = false;
    with_fresh_snapshot(|| {
        table.scan(PRIMARY, &[Key::Id(loan_id)], |loan| {
            found = loan.id(TENANT_ID) == engine.tenant && loan.need(IS_OPEN);
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}

/// Whether anything is lent, by any tenant. Where not, nobody need look for what.
fn any(engine: &Engine) -> bool {
    direct_any(engine).unwrap_or_else(|| plans::run_one(engine, &ANY_OPEN, &[], |_| ()).is_some())
}

/// None where only SQL can tell.
fn direct_any(engine: &Engine) -> Option<bool> {
    let table = Table::open(engine, &LOANS, Access::Read)?;
    let mut found = false;
    with_fresh_snapshot(|| {
        table.scan(LOANS_OPEN, &[], |_| {
            found = true;
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}

// Each answers listings and loans, at most 20.
static OF_LISTINGS: Statement = Statement::fresh(
    "SELECT listing_id, loan_id FROM {s}.stock_loans WHERE listing_id = ANY ($1) AND is_open
      ORDER BY listing_id, loan_id LIMIT 20",
    &[UUIDARRAYOID],
);
static OF_DELETED_LISTINGS: Statement = Statement::fresh(
    "SELECT n.listing_id, n.loan_id FROM old_rows o
       JOIN {s}.stock_loans n ON n.listing_id = o.listing_id AND n.is_open
      ORDER BY n.listing_id, n.loan_id LIMIT 20",
    &[],
);
static OF_DELETED_LOTS: Statement = Statement::fresh(
    "SELECT DISTINCT n.listing_id, n.loan_id FROM old_rows o
       JOIN {s}.stock_allocations a ON a.lot_id = o.lot_id AND a.status = 'active'
       JOIN {s}.stock_loans n ON n.loan_id = a.order_id AND n.tenant_id = a.tenant_id AND n.is_open
      ORDER BY n.listing_id, n.loan_id LIMIT 20",
    &[],
);
static OF_MOVED_LOTS: Statement = Statement::fresh(
    "SELECT DISTINCT n.listing_id, n.loan_id FROM old_rows o
       JOIN new_rows w ON w.lot_id = o.lot_id AND w.listing_id <> o.listing_id
       JOIN {s}.stock_allocations a ON a.lot_id = o.lot_id AND a.status = 'active'
       JOIN {s}.stock_loans n ON n.loan_id = a.order_id AND n.tenant_id = a.tenant_id AND n.is_open
      ORDER BY n.listing_id, n.loan_id LIMIT 20",
    &[],
);
static OF_ALL: Statement = Statement::fresh(
    "SELECT listing_id, loan_id FROM {s}.stock_loans WHERE is_open ORDER BY listing_id, loan_id LIMIT 20",
    &[],
);

fn refuse(found: Vec<(Uuid, Uuid)>) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let (listings, loans): (Vec<Uuid>, Vec<Uuid>) = found.into_iter().unzip();
    Err(Error::ListingOnLoan {
        listings: ids::in_order(listings),
        loans,
    })
}

fn found(row: &Row) -> (Uuid, Uuid) {
    (row.id(1), row.id(2))
}

/// Listings that are about to be deleted are not on loan. They are locked: nobody lends them meanwhile.
pub fn refuse_listings(engine: &Engine, listings: &[Uuid]) -> Result<(), Error> {
    let args = [id_list(listings.iter().copied())];
    refuse(plans::run(engine, &OF_LISTINGS, &args, found))
}

fn refuse_in_trigger(engine: &Engine, trigger: &PgTrigger, statement: &Statement) {
    if any(engine) {
        let found = plans::run_in_trigger(engine, trigger, statement, &[], found);
        refuse(found).unwrap_or_else(|error| error.raise());
    }
}

/// For the trigger after DELETE on stock_listings.
pub fn refuse_deleted_listings(engine: &Engine, trigger: &PgTrigger) {
    refuse_in_trigger(engine, trigger, &OF_DELETED_LISTINGS);
}

/// For the trigger after DELETE on stock_lots.
pub fn refuse_deleted_lots(engine: &Engine, trigger: &PgTrigger) {
    refuse_in_trigger(engine, trigger, &OF_DELETED_LOTS);
}

/// For the trigger after UPDATE on stock_lots: a loan is of one listing.
pub fn refuse_moved_lots(engine: &Engine, trigger: &PgTrigger) {
    refuse_in_trigger(engine, trigger, &OF_MOVED_LOTS);
}

/// For triggers of TRUNCATE.
pub fn refuse_truncate(engine: &Engine) {
    refuse(plans::run(engine, &OF_ALL, &[], found)).unwrap_or_else(|error| error.raise());
}

static NEW_CLAIMS: Statement = Statement::fresh(
    "SELECT n.loan_id FROM new_rows w
       JOIN {s}.stock_loans n ON n.loan_id = w.order_id AND n.tenant_id = w.tenant_id AND n.is_open LIMIT 1",
    &[],
);
/// An ORM that saves a row as it is changes nothing.
static CHANGED_CLAIMS: Statement = Statement::fresh(
    "SELECT n.loan_id
       FROM new_rows w JOIN old_rows o ON o.allocation_id = w.allocation_id
            AND (o.order_id, o.lot_id, o.quantity, o.status, o.hold_id)
                IS DISTINCT FROM (w.order_id, w.lot_id, w.quantity, w.status, w.hold_id)
       JOIN {s}.stock_loans n ON n.loan_id IN (w.order_id, o.order_id) AND n.tenant_id = w.tenant_id AND n.is_open
      LIMIT 1",
    &[],
);
static DELETED_CLAIMS: Statement = Statement::fresh(
    "SELECT n.loan_id FROM old_rows o
       JOIN {s}.stock_loans n ON n.loan_id = o.order_id AND n.tenant_id = o.tenant_id AND n.is_open LIMIT 1",
    &[],
);
static ALL_CLAIMS: Statement = Statement::fresh(
    "SELECT loan_id FROM {s}.stock_loans WHERE is_open LIMIT 1",
    &[],
);

/// For the triggers after a client's own DML on stock_allocations.
pub fn refuse_claims(engine: &Engine, trigger: &PgTrigger) {
    if !any(engine) {
        return;
    }
    let statement = super::row::of_event(
        trigger,
        &NEW_CLAIMS,
        &CHANGED_CLAIMS,
        &DELETED_CLAIMS,
        &ALL_CLAIMS,
    );
    let found = plans::run_in_trigger(engine, trigger, statement, &[], |row| row.id(1));
    if let Some(loan_id) = found.into_iter().next() {
        Error::OrderIsLoan { loan_id }.raise();
    }
}
