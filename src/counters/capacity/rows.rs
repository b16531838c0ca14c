//! The rows of resource_capacity: locked in order, judged, and changed.

use super::behind;
use super::deltas::{DateDeltas, DateKey};
use crate::calendar;
use crate::clock;
use crate::counters::stored::{self, Stopped, Stored};
use crate::counters::{aside, Guard, Refusal};
use crate::direct::shape::{IndexPlace, CAPACITY, CAPACITY_DATE};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, NewValues, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id_list, Arg, Row, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::{
    DATEARRAYOID, DATEOID, INT4ARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, UUIDARRAYOID,
};
use std::ops::ControlFlow;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// One date of a resource as it stands in its row.
#[derive(Debug, Clone)]
pub struct DateRow {
    pub key: DateKey,
    pub max: i32,
    /// Holds that have expired and are not swept are not in it.
    pub available: i32,
    /// Whether, and how often, new claims are kept out.
    pub closures: i32,
    /// The listing behind the resource.
    pub listing_id: Option<Uuid>,
}

impl DateRow {
    /// Units in holds and allocations.
    pub fn booked(&self) -> i64 {
        i64::from(self.max) - i64::from(self.available)
    }
}

const TENANT_ID: Column = CAPACITY.column("tenant_id");
const DATE: Column = CAPACITY.column("date");
const MAX_CAPACITY: Column = CAPACITY.column("max_capacity");
const AVAILABLE_CAPACITY: Column = CAPACITY.column("available_capacity");
const CLOSURES: Column = CAPACITY.column("closures");
const LISTING_ID: Column = CAPACITY.column("listing_id");
const UPDATED_AT: Column = CAPACITY.column("updated_at");

/// Columns of a date's row: resource, date, tenant, and what a [`DateRow`] has.
macro_rules! date_columns {
    () => {
        "SELECT c.resource_id, c.date, c.tenant_id, c.max_capacity, c.available_capacity, c.closures, c.listing_id
           FROM "
    };
}

static LOCK: Statement = Statement::fresh(
    concat!(
        date_columns!(),
        "unnest($1::uuid[], $2::text[], $3::date[]) AS k (tenant_id, resource_id, date)
           JOIN {s}.resource_capacity c
             ON c.resource_id = k.resource_id AND c.date = k.date AND c.tenant_id = k.tenant_id
          ORDER BY c.resource_id, c.date
            FOR NO KEY UPDATE OF c"
    ),
    &[UUIDARRAYOID, TEXTARRAYOID, DATEARRAYOID],
);
static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.resource_capacity c SET available_capacity = n.available, updated_at = $5
       FROM unnest($1::uuid[], $2::text[], $3::date[], $4::int[]) AS n (tenant_id, resource_id, date, available)
      WHERE c.resource_id = n.resource_id AND c.date = n.date AND c.tenant_id = n.tenant_id",
    &[UUIDARRAYOID, TEXTARRAYOID, DATEARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID],
);
static NOW: Statement = Statement::fresh(
    concat!(
        date_columns!(),
        "unnest($1::uuid[], $2::text[], $3::date[]) AS k (tenant_id, resource_id, date)
           JOIN {s}.resource_capacity c
             ON c.resource_id = k.resource_id AND c.date = k.date AND c.tenant_id = k.tenant_id
          ORDER BY c.resource_id, c.date"
    ),
    &[UUIDARRAYOID, TEXTARRAYOID, DATEARRAYOID],
);

fn read(row: &Row) -> DateRow {
    let resource_id: String = row.need(1);
    DateRow {
        key: DateKey {
            resource_id: resource_id.into(),
            date: calendar::from_pg(row.need(2)),
            tenant_id: row.id(3),
        },
        max: row.need(4),
        available: row.need(5),
        closures: row.need(6),
        listing_id: row.maybe_id(7),
    }
}

fn columns(keys: &[DateKey]) -> [Arg; 3] {
    let resources: Vec<&str> = keys.iter().map(|key| &*key.resource_id).collect();
    [
        id_list(keys.iter().map(|key| key.tenant_id)),
        resources.into(),
        calendar::dates(keys.iter().map(|key| key.date)),
    ]
}

/// A date's row in a row version of a resource.
fn of_tuple(resource_id: &Rc<str>, tuple: &Tuple) -> DateRow {
    // The last of the columns first: it brings the others.
    let listing_id = tuple.maybe_id(LISTING_ID);
    DateRow {
        key: DateKey {
            resource_id: resource_id.clone(),
            date: calendar::from_pg(tuple.need::<Date>(DATE)),
            tenant_id: tuple.id(TENANT_ID),
        },
        max: tuple.need(MAX_CAPACITY),
        available: tuple.need(AVAILABLE_CAPACITY),
        closures: tuple.need(CLOSURES),
        listing_id,
    }
}

impl Stored for DateRow {
    type Key = DateKey;
    const SHAPE: &'static Shape = &CAPACITY;
    const INDEX: IndexPlace = CAPACITY_DATE;

    fn probe(key: &DateKey) -> Vec<Key<'_>> {
        vec![Key::Text(&key.resource_id), Key::Date(key.date.0)]
    }

    fn read(key: &DateKey, tuple: &Tuple) -> Option<DateRow> {
        let row = of_tuple(&key.resource_id, tuple);
        row.is(key).then_some(row)
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        values.set(AVAILABLE_CAPACITY, self.available);
        values.set(UPDATED_AT, clock::now());
        values
    }

    /// stockroom_check.
    fn concerns_triggers(&self) -> bool {
        self.available < 0
    }

    fn lock(engine: &Engine, keys: &[DateKey]) -> Vec<DateRow> {
        plans::run(engine, &LOCK, &columns(keys), read)
    }

    fn write(engine: &Engine, keys: &[DateKey], rows: &[DateRow]) {
        let [tenants, resources, dates] = columns(keys);
        let available: Vec<i32> = rows.iter().map(|row| row.available).collect();
        let args = [
            tenants,
            resources,
            dates,
            available.into(),
            clock::now().into(),
        ];
        aside::during(|| plans::write_all(engine, &WRITE, &args, rows.len()));
    }

    fn is(&self, key: &DateKey) -> bool {
        self.key == *key
    }
}

/// These dates as they are now, in lock order; those that are not open are left out.
pub fn now(engine: &Engine, keys: &[DateKey]) -> Vec<DateRow> {
    with_fresh_snapshot(|| direct_now(engine, keys))
        .unwrap_or_else(|| plans::run(engine, &NOW, &columns(keys), read))
}

/// With the active snapshot, below SQL; None where only SQL can tell.
fn direct_now(engine: &Engine, keys: &[DateKey]) -> Option<Vec<DateRow>> {
    let table = Table::open(engine, &CAPACITY, Access::Read)?;
    let mut found = Vec::with_capacity(keys.len());
    // Dates of one resource that follow on each other are one range of the index.
    for run in keys
        .chunk_by(|one, next| one.resource_id == next.resource_id && one.date.0 + 1 == next.date.0)
    {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let key = [
            Key::Text(&first.resource_id),
            Key::Dates(first.date.0, last.date.0),
        ];
        table.scan(CAPACITY_DATE, &key, |tuple| {
            let row = of_tuple(&first.resource_id, tuple);
            if row.key.tenant_id == first.tenant_id {
                found.push(row);
            }
            ControlFlow::Continue(())
        })?;
    }
    Some(found)
}

/// What a reader is told of an open date.
#[derive(Debug, Clone, Copy)]
pub struct DateSeen {
    pub date: Day,
    pub max: i32,
    /// Holds that have expired and are not swept are not in it.
    pub available: i32,
    pub closures: i32,
}

static RANGE_SEEN: Statement = Statement::stable(
    "SELECT date, max_capacity, available_capacity, closures FROM {s}.resource_capacity
      WHERE resource_id = $1 AND date BETWEEN $2 AND $3 ORDER BY date",
    &[TEXTOID, DATEOID, DATEOID],
);

/// The open dates of a range of a resource, which is the session's tenant's, as the calling query sees them, in
/// their order.
pub fn range_seen(engine: &Engine, resource_id: &str, first: Day, last: Day) -> Vec<DateSeen> {
    direct_range(engine, resource_id, first, last).unwrap_or_else(|| {
        let args = [
            resource_id.into(),
            calendar::to_pg(first).into(),
            calendar::to_pg(last).into(),
        ];
        plans::run(engine, &RANGE_SEEN, &args, |row| DateSeen {
            date: calendar::from_pg(row.need(1)),
            max: row.need(2),
            available: row.need(3),
            closures: row.need(4),
        })
    })
}

/// With the active snapshot, below SQL; None where only SQL can tell.
fn direct_range(
    engine: &Engine,
    resource_id: &str,
    first: Day,
    last: Day,
) -> Option<Vec<DateSeen>> {
    let table = Table::open(engine, &CAPACITY, Access::Read)?;
    let mut found = Vec::with_capacity((last.0 - first.0) as usize + 1);
    let key = [Key::Text(resource_id), Key::Dates(first.0, last.0)];
    table.scan(CAPACITY_DATE, &key, |tuple| {
        // The last of the columns first: it brings the others.
        let closures = tuple.need(CLOSURES);
        found.push(DateSeen {
            date: calendar::from_pg(tuple.need::<Date>(DATE)),
            max: tuple.need(MAX_CAPACITY),
            available: tuple.need(AVAILABLE_CAPACITY),
            closures,
        });
        ControlFlow::Continue(())
    })?;
    Some(found)
}

/// Locks these dates, in lock order, and answers them as they are then.
pub fn lock(engine: &Engine, keys: &[DateKey]) -> Vec<DateRow> {
    <DateRow as Stored>::lock(engine, keys)
}

static LOCK_FREE: Statement = Statement::fresh(
    concat!(
        date_columns!(),
        "unnest($1::uuid[], $2::text[], $3::date[]) AS k (tenant_id, resource_id, date)
           JOIN {s}.resource_capacity c
             ON c.resource_id = k.resource_id AND c.date = k.date AND c.tenant_id = k.tenant_id
          ORDER BY c.resource_id, c.date
            FOR NO KEY UPDATE OF c SKIP LOCKED"
    ),
    &[UUIDARRAYOID, TEXTARRAYOID, DATEARRAYOID],
);

/// Locks these dates, which are there, waiting for nobody; answers whether all of them are locked.
pub fn lock_free(engine: &Engine, keys: &[DateKey]) -> bool {
    plans::run(engine, &LOCK_FREE, &columns(keys), read).len() == keys.len()
}

/// Claims and frees units of dates, in lock order, and answers these dates as they are then. A guard that
/// judges now refuses claims of what is not free or closed; without one, only what is closed is refused, and
/// the invariants decide at commit. What is behind the resources follows, and is judged too.
pub fn apply(engine: &Engine, deltas: &DateDeltas, guard: Guard) -> Result<Vec<DateRow>, Refusal> {
    let rows = change(engine, deltas, guard, true)?;
    behind::follow(engine, deltas, &rows, guard)?;
    Ok(rows)
}

/// The same of dates that nothing is behind; others are refused, before anything is written.
pub fn apply_alone(
    engine: &Engine,
    deltas: &DateDeltas,
    guard: Guard,
) -> Result<Vec<DateRow>, Refusal> {
    change(engine, deltas, guard, false)
}

/// Whether a change that a date refuses leaves it unlocked: below SQL it does.
pub fn are_judged_before_locked(engine: &Engine) -> bool {
    Table::open(engine, &CAPACITY, Access::Update).is_some()
}

fn change(
    engine: &Engine,
    deltas: &DateDeltas,
    guard: Guard,
    with_listings: bool,
) -> Result<Vec<DateRow>, Refusal> {
    let keys = deltas.keys();
    let mut closed = None;
    // What only frees finds dates that went with their resource no more.
    let only_frees = |key: &DateKey| deltas.of(key) < 0;
    let changed = stored::change_or_leave_out(engine, &keys, only_frees, |key, row: DateRow| {
        let units = deltas.of(key);
        if row.listing_id.is_some() && !with_listings {
            return Err(Refusal::Promised);
        }
        if units > 0 && row.closures > 0 {
            closed = Some(key.clone());
            return Err(Refusal::Promised);
        }
        let available = i64::from(row.available) - units;
        if units > 0 && guard.judges_now() && available < 0 {
            return Err(Refusal::Promised);
        }
        match i32::try_from(available).ok().filter(|now| *now <= row.max) {
            Some(available) => Ok(DateRow { available, ..row }),
            None => Err(Refusal::Error(Error::QuantityOutOfRange {
                what: format!(
                    "available_capacity of resource {} on {}",
                    key.resource_id, key.date
                ),
                value: available,
            })),
        }
    });
    match (changed, closed) {
        (Ok(rows), _) => Ok(rows),
        (Err(Stopped::Refused(_)), Some(key)) if !guard.judges_now() => {
            Err(super::closures::refusal(engine, &key.resource_id, &[key.date]).into())
        }
        (Err(Stopped::Refused(refusal)), _) => Err(refusal),
        (Err(Stopped::Missing(key)), _) => Err(Error::from(Booking::DateNotOpen {
            resource_id: key.resource_id.to_string(),
            dates: vec![key.date],
        })
        .into()),
    }
}

/// The same of what has been done and nothing refuses now.
pub fn count(engine: &Engine, deltas: &DateDeltas) {
    if deltas.is_empty() {
        return;
    }
    if let Err(refusal) = apply(engine, deltas, Guard::Later) {
        refusal.into_error(Error::WriteInterfered).raise();
    }
}

/// The same, without the listings behind the dates: what is booked of them is less now, and counted so when they are
/// claimed.
pub fn count_alone(engine: &Engine, deltas: &DateDeltas) {
    if let Err(refusal) = change(engine, deltas, Guard::Later, true) {
        refusal.into_error(Error::WriteInterfered).raise();
    }
}

/// Counts what has been done if all of its dates can be locked without waiting for anybody; those that have gone are
/// left out. The caller rolls back else.
pub fn count_if_free(engine: &Engine, deltas: &DateDeltas) -> Result<(), ()> {
    let there = now(engine, &deltas.keys()).into_iter();
    let there: Vec<DateKey> = there.map(|row| row.key).collect();
    match lock_free(engine, &there) {
        true => {
            count(engine, deltas);
            Ok(())
        }
        false => Err(()),
    }
}
