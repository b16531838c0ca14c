//! Checks of SQL arguments that many functions share.

use crate::error::Error;
use crate::ids;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::AnyNumeric;
use stockroom_core::quantity;
use uuid::Uuid;

/// An argument that cannot be.
pub fn bad<T>(argument: &'static str, problem: &str) -> Result<T, Error> {
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

/// Units that may be left out, but not be below zero.
pub fn not_negative(argument: &'static str, value: Option<i32>) -> Result<Option<i32>, Error> {
    match value {
        Some(units) if units < 0 => bad(argument, &format!("must be 0 or more, not {units}")),
        _ => Ok(value),
    }
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

/// A cost that the tables can hold.
pub fn cost(
    argument: &'static str,
    value: Option<AnyNumeric>,
) -> Result<Option<AnyNumeric>, Error> {
    // As the column will hold it.
    let value = value.map(|cost| {
        cost.rescale::<16, 4>()
            .map(AnyNumeric::from)
            .map_err(|_| ())
    });
    let is_bad = match &value {
        None => false,
        Some(Err(())) => true,
        Some(Ok(cost)) => {
            cost.is_nan()
                || *cost < AnyNumeric::from(0)
                || *cost >= AnyNumeric::from(900_000_000_000i64)
        }
    };
    if is_bad {
        return bad(argument, "must be 0 or more, and below 900000000000");
    }
    Ok(value.and_then(Result::ok))
}

/// Whole units of a decimal quantity, at a unit's decimal places.
pub fn decimal(argument: &'static str, amount: &str, scale: u8) -> Result<i32, Error> {
    quantity::to_units(amount, scale).or_else(|problem| bad(argument, &problem.to_string()))
}
