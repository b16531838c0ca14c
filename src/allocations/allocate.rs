//! allocate_stock and allocate_order: lots are chosen by strategy.

use super::answer;
use super::plan::Want;
use super::take::{refuse_or_line_up, take};
use crate::arguments::{answer_when_short, positive, required, required_id};
use crate::counters::on_loan;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::requests::Request;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use stockroom_core::lines::{Line, Lines};
use stockroom_core::plan::Strategy;

/// A strategy's own name, from what a caller wrote.
pub fn strategy_name(strategy: Option<&str>) -> Result<Option<&'static str>, Error> {
    let Some(name) = strategy else {
        return Ok(None);
    };
    match Strategy::parse(name, &[]) {
        Some(known) => Ok(Some(known.name())),
        None => Err(Error::BadArgument {
            argument: "strategy",
            problem: format!("must be one of {}", Strategy::NAMES.join(", ")),
        }),
    }
}

/// Allocates units of a listing to an order, from lots chosen by strategy.
///
/// `quantity` in smallest units, above zero. `strategy`: fifo, lifo, fefo, location_priority,
/// largest_first, fewest_lots or cheapest_first; NULL takes the owner's, else fifo. `location_id`
/// limits it to one location. All or nothing, unless `partial`. `on_short` 'error' raises
/// insufficient_stock, 'answer' returns one row with state insufficient. With an `idempotency_key` a
/// replay returns the first answer with `replayed`. Returns a row a lot; `available` is the
/// listing's after it. Errors: insufficient_stock, listing_not_found, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn allocate_stock(
    listing_id: Option<Uuid>,
    order_id: Option<Uuid>,
    quantity: Option<i32>,
    strategy: default!(Option<String>, "NULL"),
    location_id: default!(Option<Uuid>, "NULL"),
    partial: default!(Option<bool>, "false"),
    on_short: default!(Option<String>, "'error'"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(allocation_id, Option<Uuid>),
            name!(lot_id, Option<Uuid>),
            name!(location_id, Option<Uuid>),
            name!(quantity, i32),
            name!(state, String),
            name!(available, i32),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let line = Line {
        listing_id: required_id("listing_id", listing_id)?,
        quantity: positive("quantity", quantity)?,
        location_id: location_id.map(ids::from_pg),
        strategy: strategy_name(strategy.as_deref())?,
    };
    let order_id = required_id("order_id", order_id)?;
    on_loan::refuse_order(&engine, order_id)?;
    let want = Want {
        order_id,
        lines: vec![line],
        partial: required("partial", partial)?,
    };
    let line = &want.lines[0];
    let arguments = || {
        json!({
            "listing_id": line.listing_id, "order_id": want.order_id, "quantity": line.quantity,
            "strategy": line.strategy, "location_id": line.location_id, "partial": want.partial,
        })
    };
    let request = Request::with_key("allocate_stock", idempotency_key.as_deref(), arguments);
    let answer = answer::once(
        &engine,
        request,
        answer_when_short(on_short.as_deref())?,
        || refuse_or_line_up(&engine, &want),
        || take(&engine, &want),
    )?;
    Ok(TableIterator::new(answer.columns()))
}

/// Allocates all lines of an order, or nothing.
///
/// `lines`: `[{"listing_id", "quantity", "location_id"?, "strategy"?}]`, at most 10000; equal lines
/// are merged; an unknown key is an error. `on_short` and `idempotency_key` as in allocate_stock; a
/// replay compares the set of lines. Returns a row a lot. Errors: insufficient_stock (DETAIL names
/// the listing), listing_not_found, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn allocate_order(
    order_id: Option<Uuid>,
    lines: Option<Jsonb>,
    on_short: default!(Option<String>, "'error'"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(allocation_id, Option<Uuid>),
            name!(lot_id, Option<Uuid>),
            name!(location_id, Option<Uuid>),
            name!(quantity, i32),
            name!(state, String),
            name!(available, i32),
            name!(replayed, bool),
            name!(listing_id, Uuid),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let order_id = required_id("order_id", order_id)?;
    let lines = Lines::parse(&required("lines", lines)?.parse("lines")?).map_err(|problem| {
        Error::BadArgument {
            argument: "lines",
            problem: problem.to_string(),
        }
    })?;
    on_loan::refuse_order(&engine, order_id)?;
    let arguments = || json!({"order_id": order_id, "lines": lines.canonical()});
    let want = Want {
        order_id,
        lines: lines.as_slice().to_vec(),
        partial: false,
    };
    let request = Request::with_key("allocate_order", idempotency_key.as_deref(), arguments);
    let answer = answer::once(
        &engine,
        request,
        answer_when_short(on_short.as_deref())?,
        || refuse_or_line_up(&engine, &want),
        || take(&engine, &want),
    )?;
    Ok(TableIterator::new(answer.columns_with_listing()))
}
