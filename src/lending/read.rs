//! get_loan, loans_of and overdue_loans: loans as the calling query sees them, on a standby too.

use super::row;
use crate::arguments::{finite, required, required_id};
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Row, Statement};
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{BOOLOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;

/// Of $1, the tenant, as of $2.
macro_rules! loans {
    () => {
        "SELECT n.loan_id, n.listing_id, g.sku, n.borrower, n.contact_info,
                CASE WHEN NOT n.is_open THEN 'closed' WHEN n.due_at < $2 THEN 'overdue' ELSE 'open' END,
                n.quantity, n.quantity - n.quantity_returned - n.quantity_lost, n.quantity_returned,
                n.quantity_lost, n.due_at, n.borrowed_at, n.closed_at, n.hold_id, n.metadata::text
           FROM {s}.stock_loans n
           LEFT JOIN {s}.stock_listings g ON g.listing_id = n.listing_id AND g.tenant_id = n.tenant_id
          WHERE n.tenant_id = $1 "
    };
}

static BY_ID: Statement = Statement::stable(
    concat!(loans!(), "AND n.loan_id = $3"),
    &[UUIDOID, TIMESTAMPTZOID, UUIDOID],
);
static BY_BORROWER: Statement = Statement::stable(
    concat!(
        loans!(),
        "AND n.borrower = $3 AND (n.is_open OR NOT $4) ORDER BY n.borrowed_at DESC, n.loan_id DESC"
    ),
    &[UUIDOID, TIMESTAMPTZOID, TEXTOID, BOOLOID],
);

/// Columns of get_loan and loans_of.
type Columns = (
    Uuid,
    Uuid,
    Option<String>,
    String,
    Option<String>,
    String,
    i32,
    i32,
    i32,
    i32,
    Option<TimestampWithTimeZone>,
    TimestampWithTimeZone,
    Option<TimestampWithTimeZone>,
    Option<Uuid>,
    Option<Jsonb>,
);

fn columns(row: &Row) -> Columns {
    (
        row.need(1),
        row.need(2),
        row.get(3),
        row.need(4),
        row.get(5),
        row.need(6),
        row.need(7),
        row.need(8),
        row.need(9),
        row.need(10),
        row.get(11),
        row.need(12),
        row.get(13),
        row.get(14),
        row.get::<String>(15).as_deref().map(Jsonb::of_text),
    )
}

/// A loan as it is now: its state (open, overdue or closed), and how many units are out, returned and lost.
/// Errors: loan_not_found.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn get_loan(
    loan_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(loan_id, Uuid),
            name!(listing_id, Uuid),
            name!(sku, Option<String>),
            name!(borrower, String),
            name!(contact_info, Option<String>),
            name!(state, String),
            name!(quantity, i32),
            name!(quantity_out, i32),
            name!(quantity_returned, i32),
            name!(quantity_lost, i32),
            name!(due_at, Option<TimestampWithTimeZone>),
            name!(borrowed_at, TimestampWithTimeZone),
            name!(closed_at, Option<TimestampWithTimeZone>),
            name!(hold_id, Option<Uuid>),
            name!(metadata, Option<Jsonb>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let loan_id = required_id("loan_id", loan_id)?;
    let args = [id(engine.tenant), clock::now().into(), id(loan_id)];
    let found = plans::run_one(&engine, &BY_ID, &args, columns);
    Ok(TableIterator::once(
        found.ok_or(Error::LoanNotFound { loan_id })?,
    ))
}

/// Loans of a borrower, the newest first: all, or only those of which something is still out. Columns as in
/// get_loan. Errors: bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn loans_of(
    borrower: Option<String>,
    only_open: default!(Option<bool>, "false"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(loan_id, Uuid),
            name!(listing_id, Uuid),
            name!(sku, Option<String>),
            name!(borrower, String),
            name!(contact_info, Option<String>),
            name!(state, String),
            name!(quantity, i32),
            name!(quantity_out, i32),
            name!(quantity_returned, i32),
            name!(quantity_lost, i32),
            name!(due_at, Option<TimestampWithTimeZone>),
            name!(borrowed_at, TimestampWithTimeZone),
            name!(closed_at, Option<TimestampWithTimeZone>),
            name!(hold_id, Option<Uuid>),
            name!(metadata, Option<Jsonb>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let args = [
        id(engine.tenant),
        clock::now().into(),
        required("borrower", row::borrower(borrower)?)?.into(),
        required("only_open", only_open)?.into(),
    ];
    let rows = plans::run(&engine, &BY_BORROWER, &args, columns);
    Ok(TableIterator::new(rows))
}

static OVERDUE: Statement = Statement::stable(
    "SELECT n.loan_id, n.listing_id, g.sku, n.borrower, n.contact_info,
            n.quantity - n.quantity_returned - n.quantity_lost, n.due_at, $2 - n.due_at
       FROM {s}.stock_loans n
       LEFT JOIN {s}.stock_listings g ON g.listing_id = n.listing_id AND g.tenant_id = n.tenant_id
      WHERE n.tenant_id = $1 AND n.is_open AND n.due_at < $2 AND ($3 IS NULL OR n.listing_id = $3)
      ORDER BY n.due_at, n.loan_id",
    &[UUIDOID, TIMESTAMPTZOID, UUIDOID],
);

/// Open loans, of all listings or of one, that are past their due date at that moment: now, or one still to
/// come. The longest overdue first. Errors: bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn overdue_loans(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
    listing_id: default!(Option<Uuid>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(loan_id, Uuid),
            name!(listing_id, Uuid),
            name!(sku, Option<String>),
            name!(borrower, String),
            name!(contact_info, Option<String>),
            name!(quantity_out, i32),
            name!(due_at, TimestampWithTimeZone),
            name!(overdue, Interval),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let as_of = required("as_of", finite("as_of", as_of)?)?;
    let args = [
        id(engine.tenant),
        clock::moment(as_of).into(),
        listing_id.into(),
    ];
    let rows = plans::run(&engine, &OVERDUE, &args, |row| {
        (
            row.need(1),
            row.need(2),
            row.get(3),
            row.need(4),
            row.get(5),
            row.need(6),
            row.need(7),
            row.need(8),
        )
    });
    Ok(TableIterator::new(rows))
}
