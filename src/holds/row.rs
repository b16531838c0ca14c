//! A hold's row: read, and changed as its life goes on.

use crate::clock;
use crate::counters::aside;
use crate::counters::lives::{self, LiveRow};
use crate::counters::stored::Stored;
use crate::direct::shape::{IndexPlace, HOLDS, HOLDS_KEY, HOLDS_ORDER, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, NewValues, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Arg, Row as Answer, Statement};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{
    INT4ARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};
use std::ops::ControlFlow;
use stockroom_core::hold::{Hold, HoldStatus, Refusal as Refused};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct HoldRow {
    pub hold_id: Uuid,
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub location_id: Option<Uuid>,
    /// Status, quantity and expiry.
    pub life: Hold,
    pub order_id: Option<Uuid>,
    pub confirmed_at: Option<i64>,
    pub quantity_requested: i32,
    pub created_at: i64,
}

const HOLD_ID: Column = HOLDS.column("hold_id");
const TENANT_ID: Column = HOLDS.column("tenant_id");
const LISTING_ID: Column = HOLDS.column("listing_id");
const LOCATION_ID: Column = HOLDS.column("location_id");
const QUANTITY: Column = HOLDS.column("quantity");
const STATUS: Column = HOLDS.column("status");
const EXPIRES_AT: Column = HOLDS.column("expires_at");
const ORDER_ID: Column = HOLDS.column("order_id");
const CREATED_AT: Column = HOLDS.column("created_at");
const UPDATED_AT: Column = HOLDS.column("updated_at");
const CONFIRMED_AT: Column = HOLDS.column("confirmed_at");
const QUANTITY_REQUESTED: Column = HOLDS.column("quantity_requested");

macro_rules! hold_columns {
    () => {
        "SELECT hold_id, tenant_id, listing_id, location_id, quantity, status, expires_at, order_id,
                confirmed_at, quantity_requested, created_at
           FROM {s}.stock_holds "
    };
}

fn status(name: &str) -> HoldStatus {
    HoldStatus::parse(name).unwrap_or_else(|| panic!("a hold can't be {name}"))
}

fn read(row: &Answer) -> HoldRow {
    HoldRow {
        hold_id: row.id(1),
        tenant_id: row.id(2),
        listing_id: row.id(3),
        location_id: row.maybe_id(4),
        life: Hold {
            quantity: row.need(5),
            status: status(&row.need::<String>(6)),
            expires_at: row.get(7),
        },
        order_id: row.maybe_id(8),
        confirmed_at: row.get(9),
        quantity_requested: row.need(10),
        created_at: row.need(11),
    }
}

fn of_tuple(tuple: &Tuple) -> HoldRow {
    HoldRow {
        hold_id: tuple.id(HOLD_ID),
        tenant_id: tuple.id(TENANT_ID),
        listing_id: tuple.id(LISTING_ID),
        location_id: tuple.maybe_id(LOCATION_ID),
        life: Hold {
            quantity: tuple.need(QUANTITY),
            status: status(&tuple.need::<String>(STATUS)),
            expires_at: tuple.get(EXPIRES_AT),
        },
        order_id: tuple.maybe_id(ORDER_ID),
        confirmed_at: tuple.get(CONFIRMED_AT),
        quantity_requested: tuple.need(QUANTITY_REQUESTED),
        created_at: tuple.need(CREATED_AT),
    }
}

static BY_ID: Statement = Statement::fresh(
    concat!(hold_columns!(), "WHERE hold_id = $1 AND tenant_id = $2"),
    &[UUIDOID, UUIDOID],
);
static BY_ORDER: Statement = Statement::fresh(
    concat!(hold_columns!(), "WHERE order_id = $1 AND tenant_id = $2"),
    &[UUIDOID, UUIDOID],
);
static BY_KEY: Statement = Statement::fresh(
    concat!(
        hold_columns!(),
        "WHERE tenant_id = $2 AND idempotency_key = $1 ORDER BY listing_id, location_id NULLS FIRST"
    ),
    &[TEXTOID, UUIDOID],
);

/// A hold as it is now.
pub fn by_id(engine: &Engine, hold_id: Uuid) -> Result<HoldRow, Error> {
    let found = direct(engine, PRIMARY, &[Key::Id(hold_id)])
        .unwrap_or_else(|| plans::run(engine, &BY_ID, &[id(hold_id), id(engine.tenant)], read));
    found.into_iter().next().ok_or(Error::HoldNotFound {
        by: "hold_id",
        key: hold_id,
    })
}

/// All holds of an order, whatever has become of them, by key.
pub fn by_order(engine: &Engine, order_id: Uuid) -> Vec<HoldRow> {
    let mut rows = direct(engine, HOLDS_ORDER, &[Key::Id(order_id)])
        .unwrap_or_else(|| plans::run(engine, &BY_ORDER, &[id(order_id), id(engine.tenant)], read));
    rows.sort_by_key(|row| row.hold_id);
    rows
}

/// All holds with this idempotency key, by listing and location.
pub fn by_key(engine: &Engine, key: &str) -> Vec<HoldRow> {
    let keys = [Key::Id(engine.tenant), Key::Text(key)];
    direct(engine, HOLDS_KEY, &keys)
        .unwrap_or_else(|| plans::run(engine, &BY_KEY, &[key.into(), id(engine.tenant)], read))
}

/// Those of the session's tenant, below SQL; None where only SQL can tell.
fn direct(engine: &Engine, index: IndexPlace, key: &[Key]) -> Option<Vec<HoldRow>> {
    let table = Table::open(engine, &HOLDS, Access::Read)?;
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
            Refused::NotActive { status } => Error::HoldNotActive {
                hold_id,
                state: status.name(),
            },
            Refused::Expired => Error::HoldExpired { hold_id },
            Refused::TooMuch { held } => Error::BadArgument {
                argument: "quantity",
                problem: format!("must be at most the {held} units that hold {hold_id} has"),
            },
        }
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
        "WHERE hold_id = ANY ($1) AND tenant_id = $2 ORDER BY hold_id FOR NO KEY UPDATE"
    ),
    &[UUIDARRAYOID, UUIDOID],
);
static WRITE: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_holds h
          SET quantity = n.quantity, status = n.status, expires_at = n.expires_at, order_id = n.order_id,
              confirmed_at = n.confirmed_at, updated_at = $8
         FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::uuid[], $6::timestamptz[])
              AS n (hold_id, quantity, status, expires_at, order_id, confirmed_at)
        WHERE h.hold_id = n.hold_id AND h.tenant_id = $7
       RETURNING (h.quantity, h.status) = (n.quantity, n.status) AS is_whole)
     SELECT count(*) FILTER (WHERE is_whole) = cardinality($1) FROM done",
    &[
        UUIDARRAYOID,
        INT4ARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZARRAYOID,
        UUIDARRAYOID,
        TIMESTAMPTZARRAYOID,
        UUIDOID,
        TIMESTAMPTZOID,
    ],
);

impl Stored for HoldRow {
    /// Tenant and hold.
    type Key = (Uuid, Uuid);
    const SHAPE: &'static Shape = &HOLDS;

    fn probe((_, hold_id): &Self::Key) -> Vec<Key<'_>> {
        vec![Key::Id(*hold_id)]
    }

    fn read((tenant_id, _): &Self::Key, tuple: &Tuple) -> Option<HoldRow> {
        let row = of_tuple(tuple);
        (row.tenant_id == *tenant_id).then_some(row)
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        values.set(QUANTITY, self.life.quantity);
        values.set(STATUS, self.life.status.name());
        values.set(EXPIRES_AT, self.life.expires_at);
        values.set(ORDER_ID, self.order_id.map(ids::to_pg));
        values.set(UPDATED_AT, clock::now());
        values.set(CONFIRMED_AT, self.confirmed_at);
        values
    }

    /// None of ours is fired by what the engine writes.
    fn concerns_triggers(&self) -> bool {
        false
    }

    fn lock(engine: &Engine, keys: &[Self::Key]) -> Vec<HoldRow> {
        let holds = id_list(keys.iter().map(|(_, hold_id)| *hold_id));
        let tenant = keys
            .first()
            .map_or(engine.tenant, |(tenant_id, _)| *tenant_id);
        plans::run(engine, &LOCK, &[holds, id(tenant)], read)
    }

    fn write(engine: &Engine, keys: &[Self::Key], rows: &[HoldRow]) {
        let tenant = keys
            .first()
            .map_or(engine.tenant, |(tenant_id, _)| *tenant_id);
        let quantities: Vec<i32> = rows.iter().map(|row| row.life.quantity).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.life.status.name()).collect();
        let orders: Vec<Option<pgrx::Uuid>> = rows
            .iter()
            .map(|row| row.order_id.map(ids::to_pg))
            .collect();
        let args = [
            id_list(rows.iter().map(|row| row.hold_id)),
            quantities.into(),
            names.into(),
            times(rows.iter().map(|row| row.life.expires_at)),
            orders.into(),
            times(rows.iter().map(|row| row.confirmed_at)),
            id(tenant),
            clock::now().into(),
        ];
        aside::during(|| plans::run_whole(engine, &WRITE, &args));
    }

    fn is(&self, (tenant_id, hold_id): &Self::Key) -> bool {
        self.hold_id == *hold_id && self.tenant_id == *tenant_id
    }
}

/// Moments that PostgreSQL's own microseconds stand for, as an array for a statement.
pub fn times(moments: impl Iterator<Item = Option<i64>>) -> Arg {
    moments
        .map(|moment| moment.map(clock::moment))
        .collect::<Vec<Option<TimestampWithTimeZone>>>()
        .into()
}
