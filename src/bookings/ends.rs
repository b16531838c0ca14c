//! extend_resource_hold and release_resource_hold: a hold lives on, or is given up.

use super::row::{self, HoldRow};
use crate::arguments::{required, required_id};
use crate::clock;
use crate::counters::capacity::{rows, DateDeltas};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::queue;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use stockroom_core::hold::{Hold, HoldStatus, Refusal};

/// Lets a hold live longer by so much, and returns until when; NULL is for ever.
///
/// Only a live hold: one that has expired is hold_expired, swept or not. Errors: hold_not_found,
/// hold_not_active, hold_expired, bad_argument.
#[pg_extern(security_definer)]
fn extend_resource_hold(
    hold_id: Option<Uuid>,
    by: Option<Interval>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<TimestampWithTimeZone>, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let hold_id = required_id("hold_id", hold_id)?;
    let by = required("by", by)?;
    let extend = |row: &HoldRow, now| -> Result<HoldRow, Error> {
        // One that never expires stays so; by is checked all the same.
        let until = match row.life.expires_at {
            Some(at) => clock::later("by", at, Some(by))?,
            never => clock::later("by", now, Some(by)).map(|_| never)?,
        };
        let life = row.life.extend(until, now);
        Ok(row.with(life.map_err(|refused| row.refusal(refused))?))
    };
    // Refused by a read where it can be: without a transaction id.
    extend(&row::by_id(&engine, hold_id)?, clock::microseconds())?;
    let rows = row::change(&engine, &[hold_id], extend)?;
    let until = rows.first().and_then(|row| row.life.expires_at);
    Ok(until.map(clock::moment))
}

/// What it is after its end by the caller; one that has ended before can't end again.
fn released(row: &HoldRow, now: i64) -> Result<Hold, Error> {
    match row.life.state_at(now) {
        HoldStatus::Active => Ok(Hold {
            status: HoldStatus::Released,
            ..row.life
        }),
        HoldStatus::Expired => Err(row.refusal(Refusal::Expired)),
        status => Err(row.refusal(Refusal::NotActive { status })),
    }
}

/// Gives these holds up, all or none, and answers how many dates that frees.
pub fn release(engine: &Engine, seen: &[HoldRow]) -> Result<usize, Error> {
    let now = clock::microseconds();
    for row in seen {
        released(row, now)?;
    }
    let frees = |rows: &[HoldRow]| {
        let mut deltas = DateDeltas::default();
        for row in rows {
            let units = -i64::from(row.life.quantity);
            deltas.add(engine.tenant, &row.resource_id, &row.dates, units);
        }
        deltas
    };
    queue::stand_in_line_for_dates(engine, &frees(seen).keys());
    let holds = ids::in_order(seen.iter().map(|row| row.hold_id));
    // As they are now that they are locked.
    let ended = row::change(engine, &holds, |row, now| Ok(row.with(released(row, now)?)))?;
    rows::count(engine, &frees(&ended));
    Ok(ended.iter().map(|row| row.dates.len()).sum())
}

/// Gives a hold up, and returns how many dates that frees.
///
/// A second time is refused, as is one that has expired: its dates are free already. Errors: hold_not_found,
/// hold_not_active (state RELEASED or CONFIRMED; cancel_resource_allocation frees what is confirmed),
/// hold_expired.
#[pg_extern(security_definer)]
fn release_resource_hold(
    hold_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let seen = row::by_id(&engine, required_id("hold_id", hold_id)?)?;
    Ok(release(&engine, &[seen])? as i32)
}
