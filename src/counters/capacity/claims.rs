//! Which claims are on dates of a resource: what stands in the way of closing, lowering or deleting them.

use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::{Booking, Claims, Error};
use crate::plans::{self, Statement};
use pgrx::pg_sys::{DATEOID, INT4OID, TEXTOID, TIMESTAMPTZOID};
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// So many an error names of each kind.
const MOST_NAMED: i32 = 20;

static HOLDS: Statement = Statement::fresh(
    "SELECT id FROM {s}.resource_hold
      WHERE resource_id = $1 AND status = 'ACTIVE' AND (expires_at IS NULL OR expires_at > $4)
        AND dates[cardinality(dates)] >= $2 AND dates[1] <= $3
        AND EXISTS (SELECT FROM unnest(dates) AS d (date) WHERE d.date BETWEEN $2 AND $3)
      ORDER BY created_at DESC LIMIT $5",
    &[TEXTOID, DATEOID, DATEOID, TIMESTAMPTZOID, INT4OID],
);
static ALLOCATIONS: Statement = Statement::fresh(
    "SELECT id FROM {s}.resource_allocation
      WHERE resource_id = $1 AND dates[cardinality(dates)] >= $2 AND dates[1] <= $3
        AND EXISTS (SELECT FROM unnest(dates) AS d (date) WHERE d.date BETWEEN $2 AND $3)
      ORDER BY created_at DESC LIMIT $4",
    &[TEXTOID, DATEOID, DATEOID, INT4OID],
);

/// Some holds that are live at a moment, and allocations, of a resource between two dates, newest first.
pub fn between(engine: &Engine, resource_id: &str, first: Day, last: Day, now: i64) -> Claims {
    let dates = || [calendar::to_pg(first).into(), calendar::to_pg(last).into()];
    let [from, to] = dates();
    let args = [
        resource_id.into(),
        from,
        to,
        clock::moment(now).into(),
        MOST_NAMED.into(),
    ];
    let holds: Vec<Uuid> = plans::run(engine, &HOLDS, &args, |row| row.id(1));
    let [from, to] = dates();
    let args = [resource_id.into(), from, to, MOST_NAMED.into()];
    let allocations = plans::run(engine, &ALLOCATIONS, &args, |row| row.id(1));
    Claims { holds, allocations }
}

/// Before all dates: PostgreSQL's `-infinity`.
pub const FIRST_DAY: Day = Day(i32::MIN);
/// After all dates: PostgreSQL's `infinity`.
pub const LAST_DAY: Day = Day(i32::MAX);

/// The same from a date on.
pub fn from(engine: &Engine, resource_id: &str, first: Day, now: i64) -> Claims {
    between(engine, resource_id, first, LAST_DAY, now)
}

/// For TRUNCATE, with which the dates go.
static END_ALL_DEAD: Statement = Statement::fresh(
    "UPDATE {s}.resource_hold SET status = 'EXPIRED', updated_at = $1
      WHERE status = 'ACTIVE' AND expires_at <= $1",
    &[TIMESTAMPTZOID],
)
.of_whole_tables();
static ANY: Statement = Statement::fresh(
    "SELECT resource_id, dates[1] FROM {s}.resource_allocation
     UNION ALL
     SELECT resource_id, dates[1] FROM {s}.resource_hold WHERE status = 'ACTIVE' LIMIT 1",
    &[],
)
.of_whole_tables();

/// Raises an error where anything is held or booked; holds that have expired are ended, and not counted any more.
pub fn refuse_any(engine: &Engine) {
    let now = clock::microseconds();
    let args = [clock::moment(now).into()];
    aside::during(|| plans::run(engine, &END_ALL_DEAD, &args, |_| ()));
    let claimed = plans::run_one(engine, &ANY, &[], |row| {
        (row.need::<String>(1), calendar::from_pg(row.need(2)))
    });
    if let Some((resource_id, date)) = claimed {
        let claims = from(engine, &resource_id, date, now);
        Error::from(Booking::ResourceBooked {
            resource_id,
            claims,
        })
        .raise();
    }
}

/// A moment at which every active hold is live.
pub const ALL_ACTIVE: i64 = 0;

/// Whether there are none.
pub fn are_none(claims: &Claims) -> bool {
    claims.holds.is_empty() && claims.allocations.is_empty()
}
