//! confirm_hold and confirm_order: holds become allocations.

use super::row::{self, HoldRow};
use super::written;
use crate::allocations::allocate::strategy_name;
use crate::allocations::answer::{self, Allocated, Answer, Taken};
use crate::allocations::convert::{convert, Conversion, Converted, HeldLine};
use crate::allocations::listing;
use crate::allocations::queue::{self, Places};
use crate::arguments::{positive_if_given, required_id};
use crate::clock;
use crate::counters::Deltas;
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::requests::Request;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use std::collections::BTreeMap;
use stockroom_core::hold::{Confirmation, HoldStatus, Remainder};

/// What is to be confirmed, and how.
struct Wish {
    /// None takes the hold's own.
    order_id: Option<uuid::Uuid>,
    /// None for all that is held.
    quantity: Option<i32>,
    remainder: Remainder,
    strategy: Option<&'static str>,
}

/// A hold that was confirmed.
struct Confirmed {
    before: HoldRow,
    what: Confirmation,
}

impl Wish {
    /// Confirms these holds, which are of one order, all or none.
    fn confirm(&self, engine: &Engine, seen: Vec<HoldRow>) -> Result<Vec<Allocated>, Error> {
        let order_id = self
            .order_id
            .or(seen[0].order_id)
            .ok_or(Error::BadArgument {
                argument: "order_id",
                problem: "must not be NULL, as the hold names no order".to_owned(),
            })?;
        let ids = listings_of(&seen);
        let nothing = Deltas::default();
        let listings = listing::known(engine, &ids, &nothing)?;
        let attached = listings.iter().any(|listing| listing.attached.is_some());
        let confirm = || {
            let listings = match listing::lock_attached(engine, &listings) {
                true => listing::known(engine, &ids, &nothing)?,
                false => listings,
            };
            let confirmed = self.end_holds(engine, order_id, &seen)?;
            let conversion = self.conversion(engine, order_id, &confirmed);
            let converted = convert(engine, &conversion, listings)?;
            self.let_the_rest_wait(engine, order_id, &confirmed, &converted)?;
            Ok(with_waiting(engine, converted, &confirmed))
        };
        // Rows of the app are read and written by statements: pinned once for all of them.
        if attached {
            pinned(confirm)
        } else {
            confirm()
        }
    }

    fn judge(&self, row: &HoldRow, now: i64) -> Result<Confirmation, Error> {
        row.life
            .confirm(self.quantity, self.remainder, now)
            .map_err(|refused| row.refusal(refused))
    }

    /// Locks the holds and ends them, as if there were goods for all.
    fn end_holds(
        &self,
        engine: &Engine,
        order_id: uuid::Uuid,
        seen: &[HoldRow],
    ) -> Result<Vec<Confirmed>, Error> {
        let holds = ids::in_order(seen.iter().map(|row| row.hold_id));
        let mut confirmed: BTreeMap<uuid::Uuid, Confirmed> = BTreeMap::new();
        row::change(engine, &holds, |row, now| {
            let what = self.judge(row, now)?;
            let before = row.clone();
            confirmed.insert(row.hold_id, Confirmed { before, what });
            Ok(HoldRow {
                life: what.after,
                order_id: Some(order_id),
                confirmed_at: Some(now),
                ..row.clone()
            })
        })?;
        Ok(confirmed.into_values().collect())
    }

    fn conversion(
        &self,
        engine: &Engine,
        order_id: uuid::Uuid,
        confirmed: &[Confirmed],
    ) -> Conversion {
        let mut released = Deltas::default();
        for hold in confirmed.iter().filter(|hold| hold.what.released > 0) {
            let row = &hold.before;
            let units = -i64::from(hold.what.released);
            released.hold(row.tenant_id, row.listing_id, row.location_id, units);
        }
        Conversion {
            tenant_id: engine.tenant,
            order_id,
            strategy: self.strategy,
            lines: confirmed
                .iter()
                .map(|hold| HeldLine {
                    hold_id: hold.before.hold_id,
                    listing_id: hold.before.listing_id,
                    location_id: hold.before.location_id,
                    quantity: hold.what.confirmed,
                })
                .collect(),
            besides: released,
        }
    }

    /// What there are no goods for yet stays held, for the order and without an end.
    fn let_the_rest_wait(
        &self,
        engine: &Engine,
        order_id: uuid::Uuid,
        confirmed: &[Confirmed],
        converted: &Converted,
    ) -> Result<(), Error> {
        let waits = |hold_id: &uuid::Uuid| converted.missing.get(hold_id).copied();
        let (beside, instead): (Vec<&Confirmed>, Vec<&Confirmed>) = confirmed
            .iter()
            .filter(|hold| waits(&hold.before.hold_id).is_some())
            .partition(|hold| hold.what.after.status == HoldStatus::Active);
        let instead: Vec<uuid::Uuid> = instead.iter().map(|hold| hold.before.hold_id).collect();
        if !instead.is_empty() {
            row::change(engine, &instead, |row, _| {
                let missing = waits(&row.hold_id).expect("it waits");
                let before = confirmed
                    .iter()
                    .find(|hold| hold.before.hold_id == row.hold_id);
                let before = before.expect("it was confirmed").before.life;
                Ok(row.with(before.waits(missing)))
            })?;
        }
        // A hold that keeps a remainder goes on; what waits is a hold of its own.
        for hold in beside {
            let hold_id = hold.before.hold_id;
            let missing = waits(&hold_id).expect("it waits");
            written::insert_waiting(engine, hold_id, missing, order_id);
        }
        Ok(())
    }
}

fn listings_of(rows: &[HoldRow]) -> Vec<uuid::Uuid> {
    ids::in_order(rows.iter().map(|row| row.listing_id))
}

/// The allocations, and a row for each hold of which something waits.
fn with_waiting(engine: &Engine, converted: Converted, confirmed: &[Confirmed]) -> Vec<Allocated> {
    let Converted { mut rows, missing } = converted;
    for hold in confirmed {
        let row = &hold.before;
        let Some(&quantity) = missing.get(&row.hold_id) else {
            continue;
        };
        let listing = listing::all(engine, &[row.listing_id]).pop();
        let available = listing.map_or(0, |listing| listing.available() as i32);
        rows.push(Allocated {
            allocation_id: None,
            lot_id: None,
            location_id: row.location_id,
            quantity,
            state: HoldStatus::Waiting.name().to_owned(),
            available,
            listing_id: row.listing_id,
        });
    }
    rows
}

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
    // Refused by a read where it can be, without a transaction id; else in line, before anything is written.
    let line_up = || -> Result<(Vec<HoldRow>, Places), Error> {
        let seen = read()?;
        let now = clock::microseconds();
        for row in &seen {
            wish.judge(row, now)?;
        }
        let places = queue::stand_in_line(engine, &listings_of(&seen));
        Ok((seen, places))
    };
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
    };
    let arguments = || json!({"order_id": order_id, "strategy": wish.strategy});
    let request = Request::with_key("confirm_order", idempotency_key.as_deref(), arguments);
    let answer = once(&engine, request, &wish, || to_confirm(&engine, order_id))?;
    Ok(TableIterator::new(answer.columns_with_listing()))
}
