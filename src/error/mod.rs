//! Every error a caller can meet: its SQLSTATE, what it names, the JSON for programs and the hint
//! for people.

mod booking;

pub use booking::{Booking, Claims};

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::{json, Value};
use uuid::Uuid;

/// Why a call was refused. Nothing is half done: an error leaves no trace.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    InsufficientStock {
        listing_id: Uuid,
        location_id: Option<Uuid>,
        requested: i64,
        available: i64,
    },
    StockCommitted {
        lot_id: Uuid,
        listing_id: Uuid,
        over_by: i64,
        orders: Vec<Uuid>,
    },
    StaleCount {
        lot_id: Uuid,
        expected: i32,
        actual: i32,
    },
    ListingOversold {
        listing_id: Uuid,
        location_id: Option<Uuid>,
        over_by: i64,
        /// Some of its live holds, newest first.
        holds: Vec<Uuid>,
        /// Units that resources have booked of it on a date.
        booked: i32,
    },
    ListingNotFound {
        listing_id: Uuid,
    },
    LotNotFound {
        lot_id: Uuid,
    },
    LocationNotFound {
        location_id: Uuid,
    },
    TableNotAttached {
        table: String,
    },
    BadArgument {
        argument: &'static str,
        problem: String,
    },
    QuantityOutOfRange {
        what: String,
        value: i64,
    },
    ListingExists {
        field: &'static str,
        value: String,
        listing_id: Option<Uuid>,
    },
    IdempotencyMismatch {
        function: String,
        key: String,
        field: String,
    },
    AllocationNotActive {
        order_id: Uuid,
        requested: i64,
        active: i64,
    },
    HoldNotFound {
        /// `hold_id` or `order_id`.
        by: &'static str,
        key: Uuid,
    },
    HoldNotActive {
        hold_id: Uuid,
        state: &'static str,
    },
    HoldExpired {
        hold_id: Uuid,
    },
    StockExpired {
        hold_id: Uuid,
        listing_id: Uuid,
        requested: i32,
        found: i32,
    },
    LoanNotFound {
        loan_id: Uuid,
    },
    LoanClosed {
        loan_id: Uuid,
    },
    MoreThanLent {
        loan_id: Uuid,
        requested: i32,
        out: i32,
    },
    NotTheBorrower {
        loan_id: Uuid,
        borrower: String,
    },
    OrderIsLoan {
        loan_id: Uuid,
    },
    ListingOnLoan {
        listings: Vec<Uuid>,
        /// Some of the loans.
        loans: Vec<Uuid>,
    },
    ListingAttached {
        listing_id: Uuid,
    },
    EngineOwned {
        what: String,
    },
    LedgerAppendOnly {
        table: String,
    },
    LedgerArchived {
        /// The listing whose lines they are; events are everybody's.
        listing_id: Option<Uuid>,
    },
    CannotArchive {
        table: String,
        problem: String,
        hint: &'static str,
    },
    KeyFixed {
        table: &'static str,
        column: &'static str,
    },
    PresetFixed {
        name: String,
    },
    LocationInUse {
        location_id: Uuid,
        problem: &'static str,
    },
    NotTableOwner {
        table: String,
    },
    CannotAttach {
        table: String,
        problem: String,
        hint: String,
    },
    AlreadyAttached {
        table: String,
    },
    AttachmentUnseen {
        table: String,
    },
    BadQuantity {
        table: String,
        rows: i64,
        examples: Vec<String>,
    },
    DirectWriteRejected {
        table: String,
        key: String,
    },
    AttachedKeyFixed {
        table: String,
        key: String,
    },
    WriteInterfered,
    CannotImport {
        table: String,
        problem: String,
        hint: String,
    },
    /// Rows of an app's lots and allocations; of some, what they are and what is wrong.
    BadRows {
        table: String,
        rows: i64,
        examples: Vec<(String, String)>,
    },
    ImportMismatch {
        table: String,
        mismatches: i64,
        examples: Vec<String>,
    },
    ImportMoved {
        table: String,
        rows: i64,
        examples: Vec<(String, String)>,
    },
    TableNotImported {
        table: String,
    },
    ClaimsStandInTheWay {
        table: String,
        listings: Vec<Uuid>,
    },
    CannotCollapse {
        table: String,
        problem: String,
        hint: String,
    },
    BadCopies {
        table: String,
        problems: Vec<BadCopies>,
    },
    CopiesDiffer {
        table: String,
        items: usize,
        examples: Vec<String>,
    },
    TableNotCollapsed {
        table: String,
    },
    Booking(Booking),
}

/// Copies of an app's table that can be neither counted nor brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct BadCopies {
    pub problem: String,
    pub rows: i64,
    /// Keys of some.
    pub examples: Vec<String>,
}

/// The parts of one error as PostgreSQL shows them.
struct Parts {
    sqlstate: PgSqlErrorCode,
    message: String,
    detail: Value,
    hint: String,
}

impl Error {
    fn parts(&self) -> Parts {
        use PgSqlErrorCode as S;
        let part = |sqlstate, message: String, detail, hint: &str| Parts {
            sqlstate,
            message,
            detail,
            hint: hint.to_owned(),
        };
        match self {
            Error::InsufficientStock { listing_id, location_id, requested, available } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("not enough stock of listing {listing_id}: {requested} requested, {available} available"),
                json!({"error": "insufficient_stock", "listing_id": listing_id, "location_id": location_id,
                       "requested": requested, "available": available}),
                "Ask for less, or pass on_short => 'answer' for an answer instead of an error; allocate_stock takes what there is with partial => true.",
            ),
            Error::StockCommitted { lot_id, listing_id, over_by, orders } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("stock of lot {lot_id} is committed: {over_by} too many units are claimed"),
                json!({"error": "stock_committed", "lot_id": lot_id, "listing_id": listing_id,
                       "over_by": over_by, "orders": orders}),
                "Release or fulfil the allocations of these orders first, or change the lot by less.",
            ),
            Error::StaleCount { lot_id, expected, actual } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("lot {lot_id} has {actual} units, not the {expected} that were expected"),
                json!({"error": "stale_count", "lot_id": lot_id, "expected": expected, "actual": actual}),
                "Goods have moved since it was read: read it again, and count again.",
            ),
            Error::ListingOversold { listing_id, location_id, over_by, holds, booked } => {
                let mut detail = json!({"error": "stock_committed", "listing_id": listing_id, "location_id": location_id,
                                        "over_by": over_by, "holds": holds});
                let hint = match booked {
                    0 => "Release or fulfil claims on the listing first, or change its stock by less.",
                    booked => {
                        detail["booked"] = json!(booked);
                        "Units are booked by date from this listing: cancel or move bookings of its resources (resource_calendar), release other claims, or change its stock by less."
                    }
                };
                part(
                    S::ERRCODE_CHECK_VIOLATION,
                    format!("stock of listing {listing_id} is committed: {over_by} too many units are claimed"),
                    detail,
                    hint,
                )
            }
            Error::ListingNotFound { listing_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("listing {listing_id} does not exist"),
                json!({"error": "listing_not_found", "listing_id": listing_id}),
                "Make it with register_listing, or attach the table that holds it; it may also belong to another tenant.",
            ),
            Error::LotNotFound { lot_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("lot {lot_id} does not exist"),
                json!({"error": "lot_not_found", "lot_id": lot_id}),
                "Check the lot's id, its listing and its tenant: all three must match.",
            ),
            Error::LocationNotFound { location_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("location {location_id} does not exist"),
                json!({"error": "location_not_found", "location_id": location_id}),
                "Add it to locations, or leave it out for Unspecified.",
            ),
            Error::TableNotAttached { table } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("table {table} is not attached"),
                json!({"error": "table_not_attached", "table": table}),
                "Attach it with attach_table(table, key_column).",
            ),
            Error::BadArgument { argument, problem } => part(
                S::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("bad argument {argument}: {problem}"),
                json!({"error": "bad_argument", "argument": argument, "problem": problem}),
                "See the function's description with \\df+.",
            ),
            Error::QuantityOutOfRange { what, value } => part(
                S::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("{what} would be {value}, outside 0 to {}", i32::MAX),
                json!({"error": "quantity_out_of_range", "what": what, "value": value}),
                "A lot and a listing hold at most 2147483647 smallest units; choose a coarser unit.",
            ),
            Error::ListingExists { field, value, listing_id } => part(
                S::ERRCODE_UNIQUE_VIOLATION,
                format!("a listing with this {field} exists already: {value}"),
                json!({"error": "listing_exists", "field": field, "value": value, "listing_id": listing_id}),
                "Use the listing named in DETAIL, or choose another value.",
            ),
            Error::IdempotencyMismatch { function, key, field } => part(
                S::ERRCODE_UNIQUE_VIOLATION,
                format!("idempotency key \"{key}\" was used for another call of {function}: {field} differs"),
                json!({"error": "idempotency_mismatch", "function": function, "idempotency_key": key, "field": field}),
                "Use a new key for a new request; repeat a request with exactly its first arguments.",
            ),
            Error::AllocationNotActive { order_id, requested, active } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("order {order_id} has {active} active units, {requested} were asked for"),
                json!({"error": "allocation_not_active", "order_id": order_id, "requested": requested, "active": active}),
                "Leave the quantity out to take all that is active.",
            ),
            Error::HoldNotFound { by, key } => {
                let what = match *by {
                    "order_id" => format!("order {key} has no hold"),
                    _ => format!("hold {key} does not exist"),
                };
                part(
                    S::ERRCODE_NO_DATA_FOUND,
                    what,
                    json!({"error": "hold_not_found", *by: key}),
                    "Make it with hold_stock or hold_resource; it may also have been purged, or belong to another tenant.",
                )
            }
            Error::HoldNotActive { hold_id, state } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("hold {hold_id} is {state}, not active"),
                json!({"error": "hold_not_active", "hold_id": hold_id, "state": state}),
                "Its units were dealt with before; make a new hold for more.",
            ),
            Error::HoldExpired { hold_id } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("hold {hold_id} has expired"),
                json!({"error": "hold_expired", "hold_id": hold_id}),
                "Make a new hold; one that is extended before its time is up lives on.",
            ),
            Error::StockExpired { hold_id, listing_id, requested, found } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("stock that hold {hold_id} was promised has expired: {requested} units, {found} of them in good lots"),
                json!({"error": "stock_expired", "hold_id": hold_id, "listing_id": listing_id,
                       "requested": requested, "found": found}),
                "Receive fresh goods and confirm again, or release the hold.",
            ),
            Error::LoanNotFound { loan_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("loan {loan_id} does not exist"),
                json!({"error": "loan_not_found", "loan_id": loan_id}),
                "Make it with borrow_stock; loans_of lists a borrower's. It may also belong to another tenant.",
            ),
            Error::LoanClosed { loan_id } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("loan {loan_id} is closed: nothing of it is out"),
                json!({"error": "loan_closed", "loan_id": loan_id}),
                "Its units came back or were written off before; get_loan shows when.",
            ),
            Error::MoreThanLent { loan_id, requested, out } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("loan {loan_id} has {out} units out, {requested} were asked for"),
                json!({"error": "more_than_lent", "loan_id": loan_id, "requested": requested, "out": out}),
                "Leave the quantity out for all that is out.",
            ),
            Error::NotTheBorrower { loan_id, borrower } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("loan {loan_id} is not {borrower}'s"),
                json!({"error": "not_the_borrower", "loan_id": loan_id, "borrower": borrower}),
                "loans_of lists a borrower's loans; leave the borrower out where anybody may bring it back.",
            ),
            Error::OrderIsLoan { loan_id } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("order {loan_id} is an open loan: its allocations are what is out"),
                json!({"error": "order_is_loan", "loan_id": loan_id}),
                "return_stock takes units back, lose_stock writes them off; claim more for another order or loan.",
            ),
            Error::ListingOnLoan { listings, loans } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "what is lent cannot be deleted, nor become another listing's".to_owned(),
                json!({"error": "listing_on_loan", "listings": listings, "loans": loans}),
                "End these loans first: return_stock takes units back, lose_stock writes them off.",
            ),
            Error::ListingAttached { listing_id } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("listing {listing_id} belongs to a row of an attached table"),
                json!({"error": "listing_attached", "listing_id": listing_id}),
                "Delete the app's own row (on_delete decides what follows), or detach the table first.",
            ),
            Error::EngineOwned { what } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("{what} belongs to the engine"),
                json!({"error": "engine_owned", "what": what}),
                "Change lots and allocations, or call the functions; the engine keeps the rest.",
            ),
            Error::LedgerAppendOnly { table } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("{table} is append-only, and the engine alone writes it"),
                json!({"error": "ledger_append_only", "table": table}),
                "Write a counter-entry: adjust_stock, or change the lot itself.",
            ),
            Error::LedgerArchived { listing_id } => {
                let what = match listing_id {
                    Some(listing_id) => format!("lines of listing {listing_id} that this needs were archived"),
                    None => "events after this one were archived".to_owned(),
                };
                part(
                    S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    what,
                    json!({"error": "ledger_archived", "listing_id": listing_id}),
                    "Read them from the table into which archive_movements has moved them (docs/ledger.md).",
                )
            }
            Error::CannotArchive { table, problem, hint } => part(
                S::ERRCODE_WRONG_OBJECT_TYPE,
                format!("cannot archive into {table}: {problem}"),
                json!({"error": "cannot_archive", "table": table, "problem": problem}),
                hint,
            ),
            Error::KeyFixed { table, column } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("column {column} of {table} cannot change"),
                json!({"error": "key_fixed", "table": table, "column": column}),
                "Insert a new row and delete the old one.",
            ),
            Error::PresetFixed { name } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("preset location {name} cannot be added, changed or deleted"),
                json!({"error": "preset_fixed", "name": name}),
                "Add a location of your own; stockroom.hide_preset_locations hides the presets from lists.",
            ),
            Error::LocationInUse { location_id, problem } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("location {location_id} {problem}"),
                json!({"error": "location_in_use", "location_id": location_id, "problem": problem}),
                "Move what lies in it first.",
            ),
            Error::NotTableOwner { table } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be owner of table {table}"),
                json!({"error": "not_table_owner", "table": table}),
                "Let the table's owner do it.",
            ),
            Error::CannotAttach { table, problem, hint } => Parts {
                sqlstate: S::ERRCODE_WRONG_OBJECT_TYPE,
                message: format!("cannot attach {table}: {problem}"),
                detail: json!({"error": "cannot_attach", "table": table, "problem": problem}),
                hint: hint.clone(),
            },
            Error::AlreadyAttached { table } => part(
                S::ERRCODE_DUPLICATE_OBJECT,
                format!("{table} is attached already"),
                json!({"error": "already_attached", "table": table}),
                "Detach it first to attach it in another way.",
            ),
            Error::AttachmentUnseen { table } => part(
                S::ERRCODE_T_R_SERIALIZATION_FAILURE,
                format!("{table} was attached while this transaction ran"),
                json!({"error": "attachment_unseen", "table": table}),
                "Run the transaction again.",
            ),
            Error::BadQuantity { table, rows, examples } => part(
                S::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{rows} rows of {table} have a quantity that cannot be: NULL, negative, too large, \
                         finer than quantity_scale, or above the total"),
                json!({"error": "bad_quantity", "table": table, "rows": rows, "keys": examples}),
                "Correct them, or pass on_bad => 'zero' to count them as zero.",
            ),
            Error::DirectWriteRejected { table, key } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the quantity of row {key} of {table} is kept by stockroom and cannot be written directly"),
                json!({"error": "direct_write_rejected", "table": table, "key": key}),
                "Call receive_stock or allocate_stock, write stock_lots, or attach with direct_writes => 'adjust'.",
            ),
            Error::AttachedKeyFixed { table, key } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the key of row {key} of {table} cannot change while the table is attached"),
                json!({"error": "attached_key_fixed", "table": table, "key": key}),
                "Insert a new row and move the stock, or detach the table.",
            ),
            Error::WriteInterfered => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "a trigger swallowed or changed what the engine wrote to its own tables".to_owned(),
                json!({"error": "write_interfered"}),
                "Look for BEFORE triggers of your own on stockroom's tables that return NULL or change quantities.",
            ),
            Error::CannotImport { table, problem, hint } => Parts {
                sqlstate: S::ERRCODE_WRONG_OBJECT_TYPE,
                message: format!("cannot import {table}: {problem}"),
                detail: json!({"error": "cannot_import", "table": table, "problem": problem}),
                hint: hint.clone(),
            },
            Error::BadRows { table, rows, examples } => part(
                S::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{rows} rows of {table} and its allocations cannot be imported"),
                json!({"error": "bad_rows", "table": table, "rows": rows, "examples": named(examples)}),
                "Correct them, or import a view that leaves them out; preview => true shows them as rows.",
            ),
            Error::ImportMismatch { table, mismatches, examples } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("{mismatches} counters are not what {table} and its allocations say"),
                json!({"error": "import_mismatch", "table": table, "mismatches": mismatches, "counters": examples}),
                "Look for triggers of your own on stockroom's tables, and for others who moved the same stock; nothing was imported.",
            ),
            Error::ImportMoved { table, rows, examples } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("{rows} rows are not as they were imported from {table}"),
                json!({"error": "import_moved", "table": table, "rows": rows, "examples": named(examples)}),
                "What was imported is in use; docs/adopt.md says how to write it back into the app's tables.",
            ),
            Error::TableNotImported { table } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("nothing was imported from {table}"),
                json!({"error": "table_not_imported", "table": table}),
                "Name the table of lots that import_stock was given, as the tenant that imported it.",
            ),
            Error::ClaimsStandInTheWay { table, listings } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("rows of {table} cannot be deleted: their stock is claimed"),
                json!({"error": "stock_committed", "table": table, "listings": listings}),
                "Release or fulfil the claims first, or attach with on_delete => 'cascade'.",
            ),
            Error::CannotCollapse { table, problem, hint } => Parts {
                sqlstate: S::ERRCODE_WRONG_OBJECT_TYPE,
                message: format!("the copies of {table} cannot be collapsed or expanded: {problem}"),
                detail: json!({"error": "cannot_collapse", "table": table, "problem": problem}),
                hint: hint.clone(),
            },
            Error::BadCopies { table, problems } => {
                let said = problems.iter().map(|bad| format!("{} ({})", bad.problem, bad.rows));
                let named = problems.iter().map(|bad| json!({"problem": bad.problem, "rows": bad.rows, "keys": bad.examples}));
                part(
                    S::ERRCODE_INVALID_PARAMETER_VALUE,
                    format!("copies of {table} stand in the way: {}", said.collect::<Vec<_>>().join("; ")),
                    json!({"error": "bad_copies", "table": table, "problems": named.collect::<Vec<_>>()}),
                    "Call it with preview => true, which changes nothing and shows more of them; correct them first.",
                )
            }
            Error::CopiesDiffer { table, items, examples } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("rows and counts of {table} would differ for {items} items; nothing was changed"),
                json!({"error": "copies_differ", "table": table, "items": items, "keys": examples}),
                "Look for triggers and rules of the table that swallow or change rows that are inserted or deleted.",
            ),
            Error::TableNotCollapsed { table } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("table {table} is not collapsed"),
                json!({"error": "table_not_collapsed", "table": table}),
                "Its copies are rows of their own; collapse_children makes them counts. It may also be another tenant's.",
            ),
            Error::Booking(booking) => booking.parts(),
        }
    }

    /// Raises the error; for triggers, whose `Err` would lose SQLSTATE and DETAIL.
    pub fn raise(self) -> ! {
        ErrorReport::from(self).report(PgLogLevel::ERROR);
        unreachable!("an ERROR does not return")
    }
}

impl From<Booking> for Error {
    fn from(booking: Booking) -> Error {
        Error::Booking(booking)
    }
}

impl From<Booking> for ErrorReport {
    fn from(booking: Booking) -> ErrorReport {
        Error::Booking(booking).into()
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let parts = error.parts();
        ErrorReport::new(parts.sqlstate, parts.message, "stockroom")
            .set_detail(parts.detail.to_string())
            .set_hint(parts.hint)
    }
}

/// Rows with what is wrong, for programs.
fn named(examples: &[(String, String)]) -> Value {
    let row = |(row, problem): &(String, String)| json!({"row": row, "problem": problem});
    examples.iter().map(row).collect()
}

/// Says how far a long call has come.
pub fn notice(message: String) {
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        message
    );
}

/// A WARNING that names what could not be done, where failing the claim would be worse.
pub fn warn(message: String) {
    ereport!(
        PgLogLevel::WARNING,
        PgSqlErrorCode::ERRCODE_WARNING,
        message
    );
}
