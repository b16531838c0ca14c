//! confirm_hold and confirm_order: holds become allocations.

use super::confirmation::Wish;
use super::row::{self, HoldRow};
use crate::allocations::allocate::strategy_name;
use crate::allocations::answer::{self, Answer, Taken};
use crate::arguments::{positive_if_given, required_id};
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::requests::Request;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use stockroom_core::hold::{HoldStatus, Remainder};

fn remainder(name: Option<&str>) -> Result<Remainder, Error> {
    name.and_then(Remainder::parse).ok_or(Error::BadArgument {
        argument: "remainder",
        problem: format!("must be one of {}", Remainder::NAMES.join(", ")),
    })
}

fn once(
    engine: &Engine,
    request: Option<Request>,
    wish: &Wish,
    read: impl Fn() -> Result<Vec<HoldRow>, Error>,
) -> Result<Answer, Error> {
    let line_up = || wish.line_up(engine, read()?);
    if request.is_none() {
        let (seen, _) = line_up()?;
        return Ok(Answer {
            rows: wish.confirm(engine, seen)?,
            replayed: false,
        });
    }
    answer::once(
        engine,
        request,
        false,
        || line_up().map(|(_, places)| Ok(places)),
        || Ok(Taken::Done(wish.confirm(engine, read()?)?)),
    )
}

/// Turns a hold into allocations of an order, from lots chosen by strategy.
///
/// `order_id` NULL takes the hold's own. `quantity` NULL confirms all of it; of a part, `remainder`
/// 'release' frees the rest and 'keep' holds it on. `strategy` as in allocate_stock. It cannot fail for
/// lack of stock; what was held as a backorder and has no goods yet is returned as a row with state
/// waiting, and allocated when goods come in. Returns a row a lot; `available` is the listing's after it.
/// With an `idempotency_key` a replay returns the first answer with `replayed`. Errors: hold_not_found,
/// hold_not_active, hold_expired, stock_expired, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn confirm_hold(
    hold_id: Option<Uuid>,
    order_id: default!(Option<Uuid>, "NULL"),
    quantity: default!(Option<i32>, "NULL"),
    remainder: default!(Option<String>, "'release'"),
    strategy: default!(Option<String>, "NULL"),
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
    let hold_id = required_id("hold_id", hold_id)?;
    let wish = Wish {
        order_id: order_id.map(ids::from_pg),
        quantity: positive_if_given("quantity", quantity)?,
        remainder: self::remainder(remainder.as_deref())?,
        strategy: strategy_name(strategy.as_deref())?,
        may_wait: true,
    };
    let arguments = || {
        json!({
            "hold_id": hold_id, "order_id": wish.order_id, "quantity": wish.quantity,
            "remainder": remainder, "strategy": wish.strategy,
        })
    };
    let request = Request::with_key("confirm_hold", idempotency_key.as_deref(), arguments);
    let answer = once(&engine, request, &wish, || {
        Ok(vec![row::by_id(&engine, hold_id)?])
    })?;
    Ok(TableIterator::new(answer.columns()))
}

/// The holds of an order that are to be confirmed. One that has expired stands in the way, unless the
/// order has held the same again since.
fn to_confirm(engine: &Engine, order_id: uuid::Uuid) -> Result<Vec<HoldRow>, Error> {
    let now = clock::microseconds();
    let mut rows = row::by_order(engine, order_id);
    rows.sort_by_key(|row| (row.created_at, row.hold_id));
    let state = |row: &HoldRow| row.life.state_at(now);
    for (at, row) in rows.iter().enumerate() {
        let same = |other: &HoldRow| {
            (other.listing_id, other.location_id) == (row.listing_id, row.location_id)
                && state(other) != HoldStatus::Released
        };
        if state(row) == HoldStatus::Expired && !rows[at + 1..].iter().any(same) {
            return Err(Error::HoldExpired {
                hold_id: row.hold_id,
            });
        }
    }
    let (active, over): (Vec<HoldRow>, Vec<HoldRow>) = rows
        .into_iter()
        .partition(|row| state(row) == HoldStatus::Active);
    match (active.is_empty(), over.last()) {
        (false, _) => Ok(active),
        (true, Some(last)) => Err(Error::HoldNotActive {
            hold_id: last.hold_id,
            state: state(last).name(),
        }),
        (true, None) => Err(Error::HoldNotFound {
            by: "order_id",
            key: order_id,
        }),
    }
}

/// Turns all active holds of an order into its allocations, or none.
///
/// A hold that has expired stands in the way (hold_expired), unless the order has held the same listing
/// at the same location again since. All else as in confirm_hold. Errors: hold_not_found where the order
/// has no hold, hold_not_active where none is active any more, hold_expired, stock_expired, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn confirm_order(
    order_id: Option<Uuid>,
    strategy: default!(Option<String>, "NULL"),
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
    let wish = Wish {
        order_id: Some(order_id),
        quantity: None,
        remainder: Remainder::Release,
        strategy: strategy_name(strategy.as_deref())?,
        may_wait: true,
    };
    let arguments = || json!({"order_id": order_id, "strategy": wish.strategy});
    let request = Request::with_key("confirm_order", idempotency_key.as_deref(), arguments);
    let answer = once(&engine, request, &wish, || to_confirm(&engine, order_id))?;
    Ok(TableIterator::new(answer.columns_with_listing()))
}
