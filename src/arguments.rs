//! Checks of SQL arguments that many functions share.

use crate::error::Error;
use crate::ids;
use pgrx::datum::TimestampWithTimeZone;
use uuid::Uuid;

fn bad<T>(argument: &'static str, problem: &str) -> Result<T, Error> {
    Err(Error::BadArgument {
        argument,
        problem: problem.to_owned(),
    })
}

/// An argument that must be given.
pub fn required<T>(argument: &'static str, value: Option<T>) -> Result<T, Error> {
    value.map_or_else(|| bad(argument, "must not be NULL"), Ok)
}

/// A uuid that must be given.
pub fn required_id(argument: &'static str, value: Option<pgrx::Uuid>) -> Result<Uuid, Error> {
    required(argument, value).map(ids::from_pg)
}

/// Units: given, and above zero.
pub fn positive(argument: &'static str, value: Option<i32>) -> Result<i32, Error> {
    match required(argument, value)? {
        units if units > 0 => Ok(units),
        units => bad(argument, &format!("must be above zero, not {units}")),
    }
}

/// Units that may be left out, but not be zero or less.
pub fn positive_if_given(argument: &'static str, value: Option<i32>) -> Result<Option<i32>, Error> {
    value
        .map(|units| positive(argument, Some(units)))
        .transpose()
}

/// A text with a longest length, as a table's CHECK has it.
pub fn at_most(
    argument: &'static str,
    value: Option<String>,
    longest: usize,
) -> Result<Option<String>, Error> {
    match &value {
        Some(text) if text.chars().count() > longest => {
            bad(argument, &format!("must have at most {longest} characters"))
        }
        _ => Ok(value),
    }
}

/// A text with something in it and a longest length.
pub fn name(
    argument: &'static str,
    value: Option<String>,
    longest: usize,
) -> Result<Option<String>, Error> {
    match &value {
        Some(text) if text.is_empty() => bad(argument, "must not be empty"),
        _ => at_most(argument, value, longest),
    }
}

/// A moment that can be reckoned with, in PostgreSQL's own microseconds.
pub fn finite(
    argument: &'static str,
    value: Option<TimestampWithTimeZone>,
) -> Result<Option<i64>, Error> {
    match value {
        Some(moment) if !moment.is_finite() => bad(argument, "must be finite"),
        _ => Ok(value.map(TimestampWithTimeZone::into_inner)),
    }
}

/// The option `on_short`: true for 'answer'.
pub fn answer_when_short(value: Option<&str>) -> Result<bool, Error> {
    match value {
        Some("answer") => Ok(true),
        Some("error") => Ok(false),
        _ => bad("on_short", "must be 'error' or 'answer'"),
    }
}
