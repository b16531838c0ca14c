//! extend_hold, release_hold, release_order_holds: a hold goes on, or is given up.

use super::row::{self, HoldRow};
use crate::allocations::listing;
use crate::arguments::{required, required_id};
use crate::clock;
use crate::commit;
use crate::counters::{mirror, rollup, Deltas};
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::queue;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use std::collections::BTreeMap;

/// Keeps a hold longer, and returns until when.
///
/// `by` is added to the time at which it would expire. A hold that never expires stays as it is, and
/// NULL is returned. Errors: hold_not_found, hold_expired, hold_not_active, bad_argument.
#[pg_extern(security_definer)]
fn extend_hold(
    hold_id: Option<Uuid>,
    by: Option<Interval>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<TimestampWithTimeZone>, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let hold_id = required_id("hold_id", hold_id)?;
    let by = required("by", by)?;
    let extend = |row: &HoldRow, now: i64| -> Result<HoldRow, Error> {
        let until = match row.life.expires_at {
            Some(at) if at != clock::INFINITY => clock::later("by", at, Some(by))?,
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

/// Gives these holds up, and answers how many units that frees.
fn release(engine: &Engine, seen: &[HoldRow]) -> Result<i64, Error> {
    let listings = ids::in_order(seen.iter().map(|row| row.listing_id));
    queue::stand_in_line(engine, &listings);
    let attached = listing::all(engine, &listings);
    let attached = attached.iter().any(|listing| listing.attached.is_some());
    // Rows of the app are read and written by statements: pinned once for all of them.
    if attached {
        let begun = listings.iter().map(|listing| (engine.tenant, *listing));
        pinned(|| end(engine, seen, mirror::begin_write(engine, begun)))
    } else {
        end(engine, seen, Deltas::default())
    }
}

/// Locks and ends the holds, and counts that with what is pending.
fn end(engine: &Engine, seen: &[HoldRow], pending: Deltas) -> Result<i64, Error> {
    let mut deltas = pending;
    let holds = ids::in_order(seen.iter().map(|row| row.hold_id));
    let mut freed = BTreeMap::new();
    let after = row::change(engine, &holds, |row, now| {
        let released = row.life.release(now);
        let (life, units) = released.map_err(|refused| row.refusal(refused))?;
        freed.insert(row.hold_id, (units, row.life.counted() - life.counted()));
        Ok(row.with(life))
    })?;
    let mut units = 0;
    for row in &after {
        let (freed, uncounted) = freed[&row.hold_id];
        units += i64::from(freed);
        if uncounted > 0 {
            let counted = -i64::from(uncounted);
            deltas.hold(row.tenant_id, row.listing_id, row.location_id, counted);
        }
    }
    rollup::count(engine, &deltas);
    Ok(units)
}

/// Gives a hold up, and returns how many units that frees.
///
/// One that was released before or has expired is free already: 0, and a NOTICE says so. Errors:
/// hold_not_found, hold_not_active where it is confirmed (release_allocations frees those).
#[pg_extern(security_definer)]
fn release_hold(
    hold_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let hold_id = required_id("hold_id", hold_id)?;
    let seen = row::by_id(&engine, hold_id)?;
    let now = clock::microseconds();
    let (_, units) = seen
        .life
        .release(now)
        .map_err(|refused| seen.refusal(refused))?;
    let units = match units {
        0 => {
            commit::vouch_for_what_was_seen();
            0
        }
        _ => release(&engine, std::slice::from_ref(&seen))?,
    };
    if units == 0 {
        let state = row::by_id(&engine, hold_id)?
            .life
            .state_at(clock::microseconds());
        notice!("hold {hold_id} is {} already", state.name());
    }
    Ok(units as i32)
}

/// Gives up all holds of an order that are active or waiting, and returns how many units that frees.
/// None is 0.
#[pg_extern(security_definer)]
fn release_order_holds(
    order_id: Option<Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let order_id = required_id("order_id", order_id)?;
    let now = clock::microseconds();
    let mut live = row::by_order(&engine, order_id);
    live.retain(|row| row.life.state_at(now).is_live());
    if live.is_empty() {
        commit::vouch_for_what_was_seen();
        return Ok(0);
    }
    let units = release(&engine, &live)?;
    let what = || format!("units of order {order_id}");
    let units = i32::try_from(units).map_err(|_| Error::QuantityOutOfRange {
        what: what(),
        value: units,
    })?;
    Ok(units)
}
