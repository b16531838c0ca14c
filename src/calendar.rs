//! Calendar dates between PostgreSQL and the core, and which of them is today somewhere.

use crate::clock;
use crate::plans::Arg;
use pgrx::datum::Date;
use pgrx::fcinfo::direct_function_call_as_datum;
use pgrx::{pg_sys, IntoDatum};
use stockroom_core::calendar::Day;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// From a SQL value; `infinity` is a day that no calendar has.
pub fn from_pg(date: Date) -> Day {
    Day(date.to_pg_epoch_days())
}

/// To a SQL value.
pub fn to_pg(day: Day) -> Date {
    // SAFETY: every number of days that the core counts with is a date that PostgreSQL has.
    unsafe { Date::from_pg_epoch_days(day.0) }
}

/// A date[] value.
pub fn list(days: &[Day]) -> Vec<Date> {
    days.iter().map(|day| to_pg(*day)).collect()
}

/// A date[] argument of a statement.
pub fn dates(days: impl IntoIterator<Item = Day>) -> Arg {
    days.into_iter().map(to_pg).collect::<Vec<Date>>().into()
}

/// From a date[] value without NULLs.
pub fn days(dates: Vec<Date>) -> Vec<Day> {
    dates.into_iter().map(from_pg).collect()
}

/// Which date it is at a moment, in PostgreSQL's own microseconds, in a time zone that PostgreSQL knows.
pub fn date_at(timezone: &str, moment: i64) -> Day {
    let args = [timezone.into_datum(), clock::moment(moment).into_datum()];
    // SAFETY: the function takes a zone's name and a moment, and answers a timestamp.
    let local: Option<pg_sys::Datum> =
        unsafe { direct_function_call_as_datum(pg_sys::timestamptz_zone, &args) };
    let local = local.expect("a zone and a moment give a time").value() as i64;
    Day(local.div_euclid(MICROSECONDS_A_DAY) as i32)
}

/// From this date on, none is in the past anywhere: no zone is more than 14 hours ahead.
pub fn nowhere_past() -> Day {
    Day((clock::microseconds() + 14 * 3_600_000_000).div_euclid(MICROSECONDS_A_DAY) as i32)
}
