//! The row of a resource's hold: read, and changed as its life goes on.

use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::counters::lives::{self, LiveRow};
use crate::counters::stored::Stored;
use crate::direct::shape::{
    IndexPlace, PRIMARY, RESOURCE_HOLDS, RESOURCE_HOLDS_PACKAGE, RESOURCE_HOLDS_TOKEN,
};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, NewValues, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Arg, Row as Answer, Statement};
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::{
    TEXTARRAYOID, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};
use std::ops::ControlFlow;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use stockroom_core::hold::{Hold, HoldStatus, Refusal as Refused};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct HoldRow {
    pub hold_id: Uuid,
    pub tenant_id: Uuid,
    pub resource_id: Rc<str>,
    pub dates: Vec<Day>,
    /// Status, quantity and expiry.
    pub life: Hold,
    pub customer_email: Option<String>,
    pub confirmed_at: Option<i64>,
}

const ID: Column = RESOURCE_HOLDS.column("id");
const TENANT_ID: Column = RESOURCE_HOLDS.column("tenant_id");
const RESOURCE_ID: Column = RESOURCE_HOLDS.column("resource_id");
const DATES: Column = RESOURCE_HOLDS.column("dates");
const QUANTITY: Column = RESOURCE_HOLDS.column("quantity");
const CUSTOMER_EMAIL: Column = RESOURCE_HOLDS.column("customer_email");
const STATUS: Column = RESOURCE_HOLDS.column("status");
const EXPIRES_AT: Column = RESOURCE_HOLDS.column("expires_at");
const CONFIRMED_AT: Column = RESOURCE_HOLDS.column("confirmed_at");
const UPDATED_AT: Column = RESOURCE_HOLDS.column("updated_at");

macro_rules! hold_columns {
    () => {
        "SELECT id, tenant_id, resource_id, dates, quantity, status, expires_at, customer_email, confirmed_at
           FROM {s}.resource_hold "
    };
}

fn status(name: &str) -> HoldStatus {
    HoldStatus::parse_upper(name).unwrap_or_else(|| panic!("a hold can't be {name}"))
}

fn read(row: &Answer) -> HoldRow {
    HoldRow {
        hold_id: row.id(1),
        tenant_id: row.id(2),
        resource_id: row.need::<String>(3).into(),
        dates: calendar::days(row.need(4)),
        life: Hold {
            quantity: row.need(5),
            status: status(&row.need::<String>(6)),
            expires_at: row.get(7),
        },
        customer_email: row.get(8),
        confirmed_at: row.get(9),
    }
}

fn of_tuple(tuple: &Tuple) -> HoldRow {
    HoldRow {
        hold_id: tuple.id(ID),
        tenant_id: tuple.id(TENANT_ID),
        resource_id: tuple.need::<String>(RESOURCE_ID).into(),
        dates: calendar::days(tuple.need::<Vec<Date>>(DATES)),
        life: Hold {
            quantity: tuple.need(QUANTITY),
            status: status(&tuple.need::<String>(STATUS)),
            expires_at: tuple.get(EXPIRES_AT),
        },
        customer_email: tuple.get(CUSTOMER_EMAIL),
        confirmed_at: tuple.get(CONFIRMED_AT),
    }
}

static BY_ID: Statement = Statement::fresh(
    concat!(hold_columns!(), "WHERE id = $1 AND tenant_id = $2"),
    &[UUIDOID, UUIDOID],
);
static BY_TOKEN: Statement = Statement::fresh(
    concat!(
        hold_columns!(),
        "WHERE tenant_id = $2 AND idempotency_token = $1"
    ),
    &[TEXTOID, UUIDOID],
);
static BY_PACKAGE: Statement = Statement::fresh(
    concat!(hold_columns!(), "WHERE package_id = $1 AND tenant_id = $2"),
    &[UUIDOID, UUIDOID],
);

/// There is no such hold.
pub fn not_found(hold_id: Uuid) -> Error {
    Error::HoldNotFound {
        by: "hold_id",
        key: hold_id,
    }
}

/// A hold as it is now.
pub fn by_id(engine: &Engine, hold_id: Uuid) -> Result<HoldRow, Error> {
    let found = direct(engine, PRIMARY, &[Key::Id(hold_id)])
        .unwrap_or_else(|| plans::run(engine, &BY_ID, &[id(hold_id), id(engine.tenant)], read));
    found.into_iter().next().ok_or(not_found(hold_id))
}

/// The hold with this token.
pub fn by_token(engine: &Engine, token: &str) -> Option<HoldRow> {
    let keys = [Key::Id(engine.tenant), Key::Text(token)];
    let found = direct(engine, RESOURCE_HOLDS_TOKEN, &keys)
        .unwrap_or_else(|| plans::run(engine, &BY_TOKEN, &[token.into(), id(engine.tenant)], read));
    found.into_iter().next()
}

/// All holds of a package, whatever has become of them, by key.
pub fn by_package(engine: &Engine, package_id: Uuid) -> Vec<HoldRow> {
    let args = [id(package_id), id(engine.tenant)];
    let mut rows = direct(engine, RESOURCE_HOLDS_PACKAGE, &[Key::Id(package_id)])
        .unwrap_or_else(|| plans::run(engine, &BY_PACKAGE, &args, read));
    rows.sort_by_key(|row| row.hold_id);
    rows
}

/// Those of the session's tenant, below SQL; None where only SQL can tell.
fn direct(engine: &Engine, index: IndexPlace, key: &[Key]) -> Option<Vec<HoldRow>> {
    let table = Table::open(engine, &RESOURCE_HOLDS, Access::Read)?;
    let mut found = Vec::new();
    with_fresh_snapshot(|| {
        table.scan(index, key, |tuple| {
            let row = of_tuple(tuple);
            if row.tenant_id == engine.tenant {
                found.push(row);
            }
            ControlFlow::Continue(())
        })
    })?;
    Some(found)
}

impl HoldRow {
    /// What a call is told that its life doesn't allow.
    pub fn refusal(&self, refused: Refused) -> Error {
        let hold_id = self.hold_id;
        match refused {
            Refused::Expired => Error::HoldExpired { hold_id },
            Refused::NotActive { status } => Error::HoldNotActive {
                hold_id,
                state: status.upper_name(),
            },
            // No call on a resource's hold names a quantity.
            Refused::TooMuch { .. } => Error::WriteInterfered,
        }
    }

    /// The state it is in now, swept or not.
    pub fn state(&self) -> &'static str {
        self.life.state_at(clock::microseconds()).upper_name()
    }

    /// The same row with another life.
    pub fn with(&self, life: Hold) -> HoldRow {
        HoldRow {
            life,
            ..self.clone()
        }
    }
}

/// Locks these holds, given in key order, and changes each. See [`lives::change`].
pub fn change(
    engine: &Engine,
    holds: &[Uuid],
    change: impl FnMut(&HoldRow, i64) -> Result<HoldRow, Error>,
) -> Result<Vec<HoldRow>, Error> {
    lives::change(engine, holds, change)
}

/// Locks these holds, given in key order, and ends those that are active, as so; answers them as they are then. Those that
/// have gone are left out.
pub fn end_active(engine: &Engine, holds: &[Uuid], status: HoldStatus) -> Vec<HoldRow> {
    let keys: Vec<(Uuid, Uuid)> = holds.iter().map(|hold| (engine.tenant, *hold)).collect();
    let locked = <HoldRow as Stored>::lock(engine, &keys);
    let now = clock::microseconds();
    let is_active = |row: &HoldRow| row.life.state_at(now) == HoldStatus::Active;
    let ended: Vec<HoldRow> = locked
        .into_iter()
        .filter(is_active)
        .map(|row| {
            let life = Hold { status, ..row.life };
            row.with(life)
        })
        .collect();
    if !ended.is_empty() {
        <HoldRow as Stored>::write(engine, &keys, &ended);
    }
    ended
}

impl LiveRow for HoldRow {
    fn hold_id(&self) -> Uuid {
        self.hold_id
    }

    fn life(&self) -> &Hold {
        &self.life
    }
}

static LOCK: Statement = Statement::fresh(
    concat!(
        hold_columns!(),
        "WHERE id = ANY ($1) AND tenant_id = $2 ORDER BY id FOR NO KEY UPDATE"
    ),
    &[UUIDARRAYOID, UUIDOID],
);
static WRITE: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.resource_hold h
          SET status = n.status, expires_at = n.expires_at, confirmed_at = n.confirmed_at, updated_at = $6
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[])
              AS n (id, status, expires_at, confirmed_at)
        WHERE h.id = n.id AND h.tenant_id = $5
       RETURNING h.status = n.status AS is_whole)
     SELECT count(*) FILTER (WHERE is_whole) = cardinality($1) FROM done",
    &[
        UUIDARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZARRAYOID,
        UUIDOID,
        TIMESTAMPTZOID,
    ],
);

impl Stored for HoldRow {
    /// Tenant and hold.
    type Key = (Uuid, Uuid);
    const SHAPE: &'static Shape = &RESOURCE_HOLDS;

    fn probe((_, hold_id): &Self::Key) -> Vec<Key<'_>> {
        vec![Key::Id(*hold_id)]
    }

    fn read((tenant_id, _): &Self::Key, tuple: &Tuple) -> Option<HoldRow> {
        let row = of_tuple(tuple);
        (row.tenant_id == *tenant_id).then_some(row)
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        values.set(STATUS, self.life.status.upper_name());
        values.set(EXPIRES_AT, self.life.expires_at);
        values.set(CONFIRMED_AT, self.confirmed_at);
        values.set(UPDATED_AT, clock::now());
        values
    }

    /// None of ours is fired by what the engine writes.
    fn concerns_triggers(&self) -> bool {
        false
    }

    fn lock(engine: &Engine, keys: &[Self::Key]) -> Vec<HoldRow> {
        let holds = id_list(keys.iter().map(|(_, hold_id)| *hold_id));
        plans::run(engine, &LOCK, &[holds, id(engine.tenant)], read)
    }

    fn write(engine: &Engine, _: &[Self::Key], rows: &[HoldRow]) {
        let names: Vec<&str> = rows
            .iter()
            .map(|row| row.life.status.upper_name())
            .collect();
        let args = [
            id_list(rows.iter().map(|row| row.hold_id)),
            names.into(),
            times(rows.iter().map(|row| row.life.expires_at)),
            times(rows.iter().map(|row| row.confirmed_at)),
            id(engine.tenant),
            clock::now().into(),
        ];
        aside::during(|| plans::run_whole(engine, &WRITE, &args));
    }

    fn is(&self, (tenant_id, hold_id): &Self::Key) -> bool {
        self.hold_id == *hold_id && self.tenant_id == *tenant_id
    }
}

fn times(moments: impl Iterator<Item = Option<i64>>) -> Arg {
    moments
        .map(|moment| moment.map(clock::moment))
        .collect::<Vec<Option<TimestampWithTimeZone>>>()
        .into()
}
