//! Date arguments of the API, and resource_today.

use super::resource;
use crate::arguments::{bad, finite, required};
use crate::calendar;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use pgrx::datum::{Date, Range, RangeBound};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::rc::Rc;
use stockroom_core::calendar::{dates_of_booking, Day, MOST_DATES, MOST_RANGE};

/// Longest key of a resource, an order or a line item, as the tables' CHECKs have it.
pub const LONGEST_KEY: usize = 200;

/// A text key that must be given.
pub fn key(argument: &'static str, value: Option<String>) -> Result<String, Error> {
    let key = required(argument, value)?;
    match key.chars().count() {
        1..=LONGEST_KEY => Ok(key),
        _ => bad(
            argument,
            &format!("must have 1 to {LONGEST_KEY} characters"),
        ),
    }
}

/// The key of a resource.
pub fn resource_key(value: Option<String>) -> Result<Rc<str>, Error> {
    Ok(key("resource_id", value)?.into())
}

/// The dates of a booking: ascending, each once.
pub fn of_booking(value: Option<Vec<Option<Date>>>) -> Result<Vec<Day>, Error> {
    let dates = required("dates", value)?;
    let days = dates.into_iter().map(|date| date.map(calendar::from_pg));
    dates_of_booking(days).or_else(|problem| bad("dates", &problem.to_string()))
}

/// All dates of a range, as a booking's.
pub fn of_range(value: Option<Range<Date>>) -> Result<Vec<Day>, Error> {
    let Some((lower, upper)) = required("range", value)?.into_inner() else {
        return bad("range", "must not be empty");
    };
    // PostgreSQL brings ranges of dates into one form: the lower bound is in, the upper one is not.
    let (RangeBound::Inclusive(first), RangeBound::Exclusive(end)) = (lower, upper) else {
        return bad("range", "must have a first and a last date");
    };
    let (first, end) = (calendar::from_pg(first), calendar::from_pg(end));
    match i64::from(end.0) - i64::from(first.0) {
        count if count <= MOST_DATES as i64 => {
            let days = (first.0..end.0).map(|day| Some(Day(day)));
            dates_of_booking(days).or_else(|problem| bad("range", &problem.to_string()))
        }
        count => bad(
            "range",
            &format!("must have at most {MOST_DATES} dates, not {count}"),
        ),
    }
}

/// The first and last date of what is opened, closed or looked at.
pub fn first_and_last(
    names: [&'static str; 2],
    from: Option<Date>,
    to: Option<Date>,
) -> Result<(Day, Day), Error> {
    let [from_name, to_name] = names;
    let first = calendar::from_pg(required(from_name, from)?);
    let last = calendar::from_pg(required(to_name, to)?);
    for (name, day) in [(from_name, first), (to_name, last)] {
        if !day.is_usable() {
            return bad(name, "must be between 0001-01-01 and 9999-12-31");
        }
    }
    if last < first {
        return bad(to_name, &format!("must not be before {first}"));
    }
    match (last.0 - first.0) as usize + 1 {
        count if count > MOST_RANGE => bad(
            to_name,
            &format!("must be at most {MOST_RANGE} dates on, not {count}"),
        ),
        _ => Ok((first, last)),
    }
}

/// Which date it is for a resource, in its own time zone: now, or at a moment.
///
/// Errors: resource_not_found, bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn resource_today(
    resource_id: Option<String>,
    at: default!(Option<TimestampWithTimeZone>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Date, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let resource = resource::seen(&engine, &resource_key(resource_id)?)?;
    let moment = finite("at", at)?.unwrap_or_else(clock::microseconds);
    Ok(calendar::to_pg(calendar::date_at(
        &resource.timezone,
        moment,
    )))
}
