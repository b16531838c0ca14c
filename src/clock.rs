//! What time it is: the server's clock, read after the locks that a call has waited for.

use pgrx::pg_sys;
use pgrx::prelude::*;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// This moment.
pub fn now() -> TimestampWithTimeZone {
    pgrx::datum::clock_timestamp()
}

/// The date by which lots expire, in PostgreSQL's days: UTC's, whatever the session's time zone.
pub fn today() -> i32 {
    // SAFETY: reads the clock.
    let microseconds = unsafe { pg_sys::GetCurrentTimestamp() };
    microseconds.div_euclid(MICROSECONDS_A_DAY) as i32
}

/// Whether a lot with this expiry date, in PostgreSQL's days, has expired.
pub fn has_expired(expires_on: Option<i32>) -> bool {
    expires_on.is_some_and(|last_day| last_day < today())
}
