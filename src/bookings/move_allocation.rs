//! move_resource_allocation: a booking goes to other dates in one step.

use super::allocation::{self, Allocation};
use super::dates;
use super::judge::{judge, Dead, Seen, Unfit};
use super::place::{count, end_dead_of, lock_and_free, make_room, Left};
use crate::arguments::{answer_when_short, positive_if_given, required_id};
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::counters::capacity::DateDeltas;
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use crate::requests::{self, Request};
use crate::subtransaction::attempt;
use crate::tries::{self, Claim, KeyTaken};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEARRAYOID, INT4OID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use serde_json::{json, Value};
use std::ops::ControlFlow;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// Where a booking is to go.
struct Move {
    allocation_id: Uuid,
    dates: Vec<Day>,
    /// None keeps it.
    quantity: Option<i32>,
}

/// What came of it: the booking as it is then, or why it stays.
type Moved = Result<(Allocation, i32), Unfit>;

type Loss = tries::Loss<Moved>;

static UPDATE: Statement = Statement::fresh(
    "UPDATE {s}.resource_allocation SET dates = $3, quantity = $4, updated_at = $5
      WHERE id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, DATEARRAYOID, INT4OID, TIMESTAMPTZOID],
);

impl Move {
    fn after(&self, before: &Allocation) -> Allocation {
        Allocation {
            resource_id: before.resource_id.clone(),
            dates: self.dates.clone(),
            quantity: self.quantity.unwrap_or(before.quantity),
        }
    }

    /// What it takes and frees, each date by itself: its own dates never stand in its way.
    fn deltas(&self, engine: &Engine, before: &Allocation) -> DateDeltas {
        let mut deltas = DateDeltas::default();
        let mut add = |of: &Allocation, sign: i64| {
            let units = sign * i64::from(of.quantity);
            deltas.add(engine.tenant, &of.resource_id, &of.dates, units);
        };
        add(before, -1);
        add(&self.after(before), 1);
        deltas
    }

    /// Writes it, with what is pending; the booking is locked, and as it was judged.
    fn write_row(
        &self,
        engine: &Engine,
        before: &Allocation,
        pending: &DateDeltas,
    ) -> Result<Moved, Loss> {
        let after = self.after(before);
        let args = [
            id(self.allocation_id),
            id(engine.tenant),
            calendar::dates(after.dates.iter().copied()),
            after.quantity.into(),
            clock::now().into(),
        ];
        aside::during(|| plans::write_all(engine, &UPDATE, &args, 1));
        let mut deltas = self.deltas(engine, before);
        deltas.add_all(pending);
        let mut rows = count(engine, &deltas)?;
        rows.retain(|row| after.dates.contains(&row.key.date));
        let left = Left::of_rows(engine, &rows)?.of(&after.resource_id);
        Ok(Ok((after, left)))
    }
}

impl Claim for Move {
    type Seen = (Allocation, Seen);
    type Done = Moved;

    fn read(&self, engine: &Engine) -> Result<ControlFlow<Moved, Self::Seen>, Error> {
        let before = allocation::now(engine, self.allocation_id)?;
        let deltas = self.deltas(engine, &before);
        let judged = judge(engine, &deltas, &own(engine, &before), Dead::AreFree)?;
        Ok(match judged {
            Ok(seen) => ControlFlow::Continue((before, seen)),
            Err(unfit) => ControlFlow::Break(Err(unfit)),
        })
    }

    fn write(&self, engine: &Engine, (before, seen): Self::Seen) -> Result<Moved, Loss> {
        attempt(|| {
            let deltas = self.deltas(engine, &before);
            let freed = make_room(engine, &deltas, &seen);
            if allocation::lock(engine, self.allocation_id)? != before {
                return Err(Loss::Raced);
            }
            self.write_row(engine, &before, &freed)
        })
    }

    fn under_locks(&self, engine: &Engine) -> Result<Moved, Loss> {
        attempt(|| {
            let resource_id = allocation::now(engine, self.allocation_id)?.resource_id;
            let resources = [resource_id];
            let freed = end_dead_of(engine, &resources);
            let before = allocation::lock(engine, self.allocation_id)?;
            let deltas = self.deltas(engine, &before);
            lock_and_free(engine, &deltas, freed);
            match judge(engine, &deltas, &own(engine, &before), Dead::AreEnded)? {
                Ok(_) => self.write_row(engine, &before, &DateDeltas::default()),
                Err(unfit) => Err(Loss::Refused(Err(unfit))),
            }
        })
    }
}

/// What a booking has already.
fn own(engine: &Engine, before: &Allocation) -> DateDeltas {
    let mut own = DateDeltas::default();
    let units = i64::from(before.quantity);
    own.add(engine.tenant, &before.resource_id, &before.dates, units);
    own
}

/// What is answered, and kept for replays.
fn answer(moved: Moved) -> Value {
    let numbers = |dates: &[Day]| dates.iter().map(|day| day.0).collect::<Vec<i32>>();
    match moved {
        Ok((after, left)) => json!({"state": "moved", "dates": numbers(&after.dates),
                                    "quantity": after.quantity, "available": left}),
        Err(Unfit::Short {
            dates, available, ..
        }) => json!({"state": "insufficient", "dates": numbers(&dates),
                     "quantity": 0, "available": available}),
        Err(Unfit::Closed { dates, .. }) => {
            json!({"state": "blacked_out", "dates": numbers(&dates),
                                                   "quantity": 0, "available": 0})
        }
    }
}

/// Moves a booking to these dates, and of this quantity if that is given, in one step: on all of them, or it stays
/// where it was.
///
/// Dates that it has already are neither judged nor given up on the way; only new ones must not be in the past.
/// `on_short` as in hold_resource. `available` is what is left on all of the dates after it. With an
/// `idempotency_key` a replay returns the first answer with `replayed`. Errors: resource_allocation_not_found,
/// insufficient_capacity, date_blacked_out, date_not_open, date_in_past, resource_not_active, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn move_resource_allocation(
    allocation_id: Option<PgUuid>,
    dates: Option<Vec<Option<Date>>>,
    quantity: default!(Option<i32>, "NULL"),
    on_short: default!(Option<String>, "'error'"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(allocation_id, PgUuid),
            name!(state, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(available, i32),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let wish = Move {
        allocation_id: required_id("allocation_id", allocation_id)?,
        dates: dates::of_booking(dates)?,
        quantity: positive_if_given("quantity", quantity)?,
    };
    let answers = answer_when_short(on_short.as_deref())?;
    let texts: Vec<String> = wish.dates.iter().map(Day::to_string).collect();
    let arguments =
        || json!({"allocation_id": wish.allocation_id, "dates": texts, "quantity": wish.quantity});
    let request = Request::with_key(
        "move_resource_allocation",
        idempotency_key.as_deref(),
        arguments,
    );
    let refused = |unfit: Unfit| match answers {
        true => Ok(answer(Err(unfit))),
        false => Err(unfit.into_error()),
    };
    // Refused by a read where it can be: without a transaction id.
    let refuse = || match wish.read(&engine)? {
        ControlFlow::Break(Err(unfit)) => refused(unfit).map(Some),
        _ => Ok(None),
    };
    let run = || -> Result<Result<Value, Value>, Error> {
        let moved = match wish.read(&engine)? {
            ControlFlow::Break(refused) => refused,
            ControlFlow::Continue(seen) => match tries::run(&engine, &wish, seen)? {
                Ok(moved) => moved,
                Err(KeyTaken) => return Err(Error::WriteInterfered),
            },
        };
        match moved {
            Err(unfit) => refused(unfit).map(Err),
            done => Ok(Ok(answer(done))),
        }
    };
    let (answer, replayed) = pinned(|| requests::once_if_done(&engine, request, refuse, run))?;
    let number = |field: &str| answer[field].as_i64().unwrap_or(0) as i32;
    let dates = answer["dates"].as_array().into_iter().flatten();
    let dates = dates.map(|day| calendar::to_pg(Day(day.as_i64().unwrap_or(0) as i32)));
    Ok(TableIterator::once((
        ids::to_pg(wish.allocation_id),
        answer["state"].as_str().unwrap_or_default().to_owned(),
        dates.collect(),
        number("quantity"),
        number("available"),
        replayed,
    )))
}
