//! What time it is: the server's clock, read after the locks that a call has waited for.

use crate::error::Error;
use pgrx::datum::Interval;
use pgrx::fcinfo::direct_function_call;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::IntoDatum;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// This moment.
pub fn now() -> TimestampWithTimeZone {
    pgrx::datum::clock_timestamp()
}

/// This moment in PostgreSQL's own microseconds, which compare as their moments do.
pub fn microseconds() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// The end of the time that PostgreSQL knows.
const LAST_MOMENT: i64 = 9_223_371_331_200_000_000;

/// PostgreSQL's moment that never comes.
pub const INFINITY: i64 = i64::MAX;

/// The moment that PostgreSQL's own microseconds stand for.
pub fn moment(microseconds: i64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(microseconds).expect("it came from PostgreSQL, or its sum did")
}

/// The moment an interval after another, in PostgreSQL's own microseconds; None, which is never, without
/// one.
pub fn later(
    argument: &'static str,
    from: i64,
    by: Option<Interval>,
) -> Result<Option<i64>, Error> {
    let Some(by) = by else {
        return Ok(None);
    };
    // Mostly it is some minutes: months and days need a calendar, and PostgreSQL's own function.
    let sum = match (by.months(), by.days()) {
        (0, 0) => from
            .checked_add(by.micros())
            .filter(|sum| *sum < LAST_MOMENT),
        _ => computed(pg_sys::timestamptz_pl_interval, from, by),
    };
    match sum {
        Some(sum) if sum > from => Ok(Some(sum)),
        Some(_) => Err(Error::BadArgument {
            argument,
            problem: "must be above zero".to_owned(),
        }),
        None => Err(beyond_time(argument)),
    }
}

/// The moment so long ago, in PostgreSQL's own microseconds.
pub fn before_now(argument: &'static str, by: Interval) -> Result<i64, Error> {
    let now = microseconds();
    match computed(pg_sys::timestamptz_mi_interval, now, by) {
        Some(then) if then <= now => Ok(then),
        Some(_) => Err(Error::BadArgument {
            argument,
            problem: "must not be below zero".to_owned(),
        }),
        None => Err(beyond_time(argument)),
    }
}

fn beyond_time(argument: &'static str) -> Error {
    Error::BadArgument {
        argument,
        problem: "reaches beyond the time that PostgreSQL knows".to_owned(),
    }
}

/// A moment and an interval in one of PostgreSQL's functions; None where the answer is out of range.
fn computed(
    function: unsafe fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum,
    from: i64,
    by: Interval,
) -> Option<i64> {
    PgTryBuilder::new(|| {
        // SAFETY: both functions take a moment and an interval, answer a moment, and touch nothing.
        unsafe { direct_function_call(function, &[from.into_datum(), by.into_datum()]) }
    })
    .catch_when(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, |_| None)
    .execute()
}

/// The date by which lots expire, in PostgreSQL's days: UTC's, whatever the session's time zone.
pub fn today() -> i32 {
    microseconds().div_euclid(MICROSECONDS_A_DAY) as i32
}

/// Whether a lot with this expiry date, in PostgreSQL's days, has expired.
pub fn has_expired(expires_on: Option<i32>) -> bool {
    expires_on.is_some_and(|last_day| last_day < today())
}
