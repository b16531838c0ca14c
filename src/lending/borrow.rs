//! borrow_stock: units are handed out, from stock or from a hold.

use super::row;
use super::written::{self, NewLoan};
use crate::allocations::allocate::strategy_name;
use crate::allocations::answer::{take_once, Short, Taken};
use crate::allocations::plan::Want;
use crate::allocations::take::{refuse_or_line_up, take};
use crate::arguments::{
    answer_when_short, at_most, finite, positive, positive_if_given, required, required_id,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::holds::pick_up::{reserved, PickUp};
use crate::ids;
use crate::jsonb::Jsonb;
use crate::queue::Places;
use crate::requests::Request;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::{json, Value};
use stockroom_core::lines::Line;

/// As the column's CHECK has it.
const LONGEST_CONTACT: usize = 1000;

/// Where the units come from.
enum Source {
    Stock(Want),
    Hold(PickUp),
}

/// What is to be lent, and to whom.
struct Wish {
    loan_id: uuid::Uuid,
    source: Source,
    /// With a hold these may be left out.
    listing_id: Option<uuid::Uuid>,
    borrower: Option<String>,
    quantity: Option<i32>,
    location_id: Option<uuid::Uuid>,
    contact_info: Option<String>,
    strategy: Option<&'static str>,
    due_at: Option<i64>,
    metadata: Option<Jsonb>,
}

/// What the loan says beside its units.
struct Terms {
    listing_id: uuid::Uuid,
    borrower: String,
    contact_info: Option<String>,
    hold_id: Option<uuid::Uuid>,
}

impl Wish {
    /// What a replay must bring again. When it is due is often reckoned from now.
    fn arguments(&self) -> Value {
        json!({
            "listing_id": self.listing_id, "borrower": self.borrower, "quantity": self.quantity,
            "hold_id": self.hold_id(), "location_id": self.location_id, "strategy": self.strategy,
        })
    }

    fn hold_id(&self) -> Option<uuid::Uuid> {
        match &self.source {
            Source::Stock(_) => None,
            Source::Hold(pick_up) => Some(pick_up.hold_id),
        }
    }

    fn terms(&self, engine: &Engine) -> Result<Terms, Error> {
        match &self.source {
            Source::Stock(_) => Ok(Terms {
                listing_id: required("listing_id", self.listing_id)?,
                borrower: required("borrower", self.borrower.clone())?,
                contact_info: self.contact_info.clone(),
                hold_id: None,
            }),
            Source::Hold(pick_up) => self.terms_of_hold(engine, pick_up.hold_id),
        }
    }

    /// What is left out is the hold's; what is given and is the hold's too must be the same.
    fn terms_of_hold(&self, engine: &Engine, hold_id: uuid::Uuid) -> Result<Terms, Error> {
        let hold = reserved(engine, hold_id)?;
        let bad = |argument, problem| Err(Error::BadArgument { argument, problem });
        if self.listing_id.is_some_and(|id| id != hold.listing_id) {
            return bad("listing_id", format!("is not what hold {hold_id} holds"));
        }
        if self.location_id.is_some() && self.location_id != hold.location_id {
            return bad("location_id", format!("is not where hold {hold_id} holds"));
        }
        let Some(borrower) = self.borrower.clone().or(hold.customer.clone()) else {
            let problem = "must not be NULL, as the hold names no customer".to_owned();
            return bad("borrower", problem);
        };
        Ok(Terms {
            listing_id: hold.listing_id,
            borrower,
            contact_info: self.contact_info.clone().or(hold.customer),
            hold_id: Some(hold_id),
        })
    }

    fn line_up(&self, engine: &Engine) -> Result<Result<Places, Short>, Error> {
        match &self.source {
            Source::Stock(want) => refuse_or_line_up(engine, want),
            Source::Hold(pick_up) => {
                self.terms(engine)?;
                pick_up.line_up(engine).map(Ok)
            }
        }
    }

    /// Allocates the units to the loan, and writes it.
    fn lend(&self, engine: &Engine) -> Result<Taken<uuid::Uuid>, Error> {
        let terms = self.terms(engine)?;
        let taken = match &self.source {
            Source::Stock(want) => take(engine, want),
            Source::Hold(pick_up) => pick_up.take(engine),
        };
        let rows = match taken? {
            Taken::Done(rows) => rows,
            Taken::Short(short) => return Ok(Taken::Short(short)),
        };
        written::insert(
            engine,
            NewLoan {
                loan_id: self.loan_id,
                listing_id: terms.listing_id,
                borrower: terms.borrower,
                contact_info: terms.contact_info,
                quantity: rows.iter().map(|row| row.quantity).sum(),
                due_at: self.due_at,
                hold_id: terms.hold_id,
                metadata: self.metadata,
            },
        );
        Ok(Taken::Done(self.loan_id))
    }
}

/// Hands units of a listing out that are to come back, and returns the loan: the total stays, what is
/// available falls.
///
/// `borrower`: who, in the app's own words; `contact_info`: how to reach them. `quantity` in smallest units,
/// above zero. `due_at` NULL = whenever. `location_id` and `strategy` as in allocate_stock. With a `hold_id`
/// the units that it has reserved are picked up, and what is not taken of them is free again: `quantity` NULL
/// takes all, `listing_id` NULL is the hold's, borrower and contact left out are its customer. `on_short`
/// 'error' raises insufficient_stock, 'answer' returns NULL. With an `idempotency_key` a replay returns the
/// first loan. Errors: insufficient_stock, listing_not_found, hold_not_found, hold_not_active, hold_expired,
/// stock_expired, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn borrow_stock(
    listing_id: Option<Uuid>,
    borrower: Option<String>,
    quantity: Option<i32>,
    due_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    contact_info: default!(Option<String>, "NULL"),
    hold_id: default!(Option<Uuid>, "NULL"),
    location_id: default!(Option<Uuid>, "NULL"),
    strategy: default!(Option<String>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    on_short: default!(Option<String>, "'error'"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<Uuid>, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let loan_id = ids::new_key();
    let strategy = strategy_name(strategy.as_deref())?;
    let borrower = row::borrower(borrower)?;
    let location = location_id.map(ids::from_pg);
    let source = match hold_id.map(ids::from_pg) {
        Some(hold_id) => {
            let units = positive_if_given("quantity", quantity)?;
            Source::Hold(PickUp::new(hold_id, loan_id, units, strategy))
        }
        None => {
            let line = Line {
                listing_id: required_id("listing_id", listing_id)?,
                quantity: positive("quantity", quantity)?,
                location_id: location,
                strategy,
            };
            required("borrower", borrower.as_ref())?;
            Source::Stock(Want {
                order_id: loan_id,
                lines: vec![line],
                partial: false,
            })
        }
    };
    let wish = Wish {
        loan_id,
        source,
        listing_id: listing_id.map(ids::from_pg),
        borrower,
        quantity,
        location_id: location,
        contact_info: at_most("contact_info", contact_info, LONGEST_CONTACT)?,
        strategy,
        due_at: finite("due_at", due_at)?,
        metadata,
    };
    let answers = answer_when_short(on_short.as_deref())?;
    let key = idempotency_key.as_deref();
    let request = Request::with_key("borrow_stock", key, || wish.arguments());
    let (taken, _) = take_once(
        &engine,
        request,
        || wish.line_up(&engine),
        || wish.lend(&engine),
    )?;
    match taken {
        Taken::Done(loan_id) => Ok(Some(ids::to_pg(loan_id))),
        Taken::Short(_) if answers => Ok(None),
        Taken::Short(short) => Err(short.error().into()),
    }
}
