//! hold_resource and hold_resource_range: taking dates for a while.

use super::answer::{Columns, Held};
use super::place::{place, Wish};
use super::written::{Common, NewHold};
use super::{dates, key};
use crate::arguments::{answer_when_short, bad, positive};
use crate::clock;
use crate::counters::lives;
use crate::engine::Engine;
use crate::error::Error;
use crate::jsonb::Jsonb;
use crate::tries::KeyTaken;
use pgrx::datum::{Date, Interval, Range};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use stockroom_core::calendar::Day;

/// Shortest and longest e-mail address, as the table's CHECK has it.
const EMAIL_LENGTH: std::ops::RangeInclusive<usize> = 3..=320;

/// An e-mail address, as far as it is checked: something on both sides of an `@`.
pub fn email(value: Option<String>) -> Result<Option<String>, Error> {
    let Some(address) = value else {
        return Ok(None);
    };
    if !EMAIL_LENGTH.contains(&address.chars().count()) {
        let (least, most) = EMAIL_LENGTH.into_inner();
        return bad(
            "customer_email",
            &format!("must have {least} to {most} characters"),
        );
    }
    let has_both_sides = address
        .match_indices('@')
        .any(|(at, _)| at > 0 && at + 1 < address.len());
    match has_both_sides {
        true => Ok(Some(address)),
        false => bad(
            "customer_email",
            "must have something on both sides of an @",
        ),
    }
}

/// What holds of a call have in common.
pub fn common(
    ttl: Option<Interval>,
    customer_email: Option<String>,
    idempotency_token: Option<String>,
    metadata: Option<Jsonb>,
) -> Result<Common, Error> {
    Ok(Common {
        expires_at: clock::later("ttl", clock::microseconds(), ttl)?,
        customer_email: email(customer_email)?,
        idempotency_token,
        package_id: None,
        metadata,
    })
}

fn hold(
    engine: &Engine,
    hold: NewHold,
    common: Common,
    answer_when_short: bool,
) -> Result<Columns, Error> {
    let mut wish = Wish {
        holds: vec![hold],
        common,
    };
    for tries in 0.. {
        if let Some(token) = &wish.common.idempotency_token {
            if let Some(row) = key::replay(engine, token, &wish.holds[0], &wish.common)? {
                return Ok(Held::replayed(&row).columns());
            }
            if tries > 0 {
                lives::key_not_found(tries)?;
            }
        }
        let placed = match place(engine, &mut wish)? {
            Ok(placed) => placed,
            Err(KeyTaken) => continue,
        };
        // Another call with the token may have taken the last units.
        if let (Err(_), Some(token)) = (&placed, &wish.common.idempotency_token) {
            if let Some(row) = key::replay(engine, token, &wish.holds[0], &wish.common)? {
                return Ok(Held::replayed(&row).columns());
            }
        }
        let hold = &wish.holds[0];
        return match placed {
            Ok(left) => Ok(Held::placed(hold, &wish.common, left.of(&hold.resource_id)).columns()),
            Err(unfit) if answer_when_short => Ok(Held::refused(&unfit).columns()),
            Err(unfit) => Err(unfit.into_error()),
        };
    }
    unreachable!("it is tried until it ends")
}

fn new_hold(
    resource_id: Option<String>,
    dates: Vec<Day>,
    quantity: Option<i32>,
) -> Result<NewHold, Error> {
    Ok(NewHold {
        hold_id: uuid::Uuid::nil(),
        resource_id: dates::resource_key(resource_id)?,
        dates,
        quantity: positive("quantity", quantity)?,
    })
}

/// Holds units of a resource on dates for a while: on all of them, or on none.
///
/// `dates` at most 366, in the resource's own calendar, each once, none in the past; `quantity` units on each
/// date, above zero; `ttl` how long, NULL for ever. `on_short` 'error' raises insufficient_capacity or
/// date_blacked_out, 'answer' returns a row with state insufficient or blacked_out, the dates that stand in the way
/// and what is available. `available` is what is left on all of the dates after it. With an `idempotency_token`,
/// which belongs to the tenant, a replay returns the same hold as it is now, with `replayed`. Errors:
/// insufficient_capacity, date_blacked_out, date_not_open, date_in_past, resource_not_found, resource_not_active,
/// bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn hold_resource(
    resource_id: Option<String>,
    dates: Option<Vec<Option<Date>>>,
    quantity: Option<i32>,
    customer_email: default!(Option<String>, "NULL"),
    idempotency_token: default!(Option<String>, "NULL"),
    ttl: default!(Option<Interval>, "'30 minutes'"),
    on_short: default!(Option<String>, "'error'"),
    metadata: default!(Option<Jsonb>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Option<pgrx::Uuid>),
            name!(state, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(replayed, bool),
            name!(available, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let wanted = new_hold(resource_id, dates::of_booking(dates)?, quantity)?;
    let common = common(ttl, customer_email, idempotency_token, metadata)?;
    let answers = answer_when_short(on_short.as_deref())?;
    Ok(TableIterator::once(hold(&engine, wanted, common, answers)?))
}

/// The same for all dates of a range: `daterange('2026-12-24', '2027-01-02')` ends the day before, as ranges do.
///
/// All else as in hold_resource.
#[pg_extern(security_definer)]
fn hold_resource_range(
    resource_id: Option<String>,
    range: Option<Range<Date>>,
    quantity: Option<i32>,
    customer_email: default!(Option<String>, "NULL"),
    idempotency_token: default!(Option<String>, "NULL"),
    ttl: default!(Option<Interval>, "'30 minutes'"),
    on_short: default!(Option<String>, "'error'"),
    metadata: default!(Option<Jsonb>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Option<pgrx::Uuid>),
            name!(state, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(replayed, bool),
            name!(available, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let wanted = new_hold(resource_id, dates::of_range(range)?, quantity)?;
    let common = common(ttl, customer_email, idempotency_token, metadata)?;
    let answers = answer_when_short(on_short.as_deref())?;
    Ok(TableIterator::once(hold(&engine, wanted, common, answers)?))
}
