//! The rows that new holds are.

use crate::clock;
use crate::counters::aside;
use crate::direct::shape::{HOLDS, HOLDS_KEY};
use crate::direct::{with_fresh_snapshot, Access, NewValues, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, id_list, raw, Statement};
use crate::tries::KeyTaken;
use pgrx::pg_sys::{
    INT4ARRAYOID, INT4OID, JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};
use stockroom_core::hold::HoldStatus;
use stockroom_core::lines::HoldLine;
use uuid::Uuid;

/// A hold that is about to be made.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Nil until it is known that the hold fits.
    pub hold_id: Uuid,
    pub line: HoldLine,
    pub idempotency_key: Option<String>,
    pub customer: Option<String>,
    pub order_id: Option<Uuid>,
}

/// What holds that are made together have in common.
#[derive(Clone, Copy)]
pub struct Common {
    /// PostgreSQL's own microseconds; None for never.
    pub expires_at: Option<i64>,
    pub metadata: Option<Jsonb>,
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_holds
            (hold_id, tenant_id, listing_id, location_id, quantity, status, expires_at, idempotency_key,
             customer, order_id, metadata, created_at, updated_at, confirmed_at, quantity_requested)
     SELECT n.hold_id, $1, n.listing_id, n.location_id, n.quantity, 'active', $9, n.key, n.customer, n.order_id,
            $10, $11, $11, NULL, n.quantity
       FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::uuid[])
            AS n (hold_id, listing_id, location_id, quantity, key, customer, order_id)
     ON CONFLICT DO NOTHING
     RETURNING quantity, status = 'active' AND tenant_id = $1",
    &[
        UUIDOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        UUIDARRAYOID,
        TIMESTAMPTZOID,
        JSONBOID,
        TIMESTAMPTZOID,
    ],
);
/// As old as the hold that it comes from: it waits no longer than if that had waited whole.
static INSERT_WAITING: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_holds
            (hold_id, tenant_id, listing_id, location_id, quantity, status, expires_at, customer, order_id,
             metadata, created_at, confirmed_at, quantity_requested)
     SELECT $3, tenant_id, listing_id, location_id, $4, 'waiting', NULL, customer, $5, metadata, created_at, $6, $4
       FROM {s}.stock_holds WHERE hold_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, UUIDOID, INT4OID, UUIDOID, TIMESTAMPTZOID],
);
static TAKE_BACK: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_holds WHERE hold_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Writes these holds. Where a key is taken, some may be written all the same: the caller rolls back.
pub fn insert(engine: &Engine, common: &Common, holds: &[NewHold]) -> Result<(), KeyTaken> {
    insert_directly(engine, common, holds, Access::Insert)
        .unwrap_or_else(|| insert_by_statement(engine, common, holds))
}

/// The same for one that may have to be taken back; None where somebody would be told of it.
pub fn insert_on_trial(
    engine: &Engine,
    common: &Common,
    hold: &NewHold,
) -> Option<Result<(), KeyTaken>> {
    insert_directly(
        engine,
        common,
        std::slice::from_ref(hold),
        Access::InsertOnTrial,
    )
}

/// Writes a hold that waits for so many units, for an order, beside the one that it was a part of.
pub fn insert_waiting(engine: &Engine, beside: Uuid, quantity: i32, order_id: Uuid) {
    let args = [
        id(beside),
        id(engine.tenant),
        id(ids::new_key()),
        quantity.into(),
        id(order_id),
        clock::now().into(),
    ];
    aside::during(|| plans::write_all(engine, &INSERT_WAITING, &args, 1));
}

/// Deletes a row that was written on trial.
pub fn take_back(engine: &Engine, hold: &NewHold) {
    let args = [id(hold.hold_id), id(engine.tenant)];
    aside::during(|| plans::write_all(engine, &TAKE_BACK, &args, 1));
}

/// None where only SQL can write them.
fn insert_directly(
    engine: &Engine,
    common: &Common,
    holds: &[NewHold],
    access: Access,
) -> Option<Result<(), KeyTaken>> {
    let table = Table::open(engine, &HOLDS, access)?;
    let now = clock::microseconds();
    let values = |hold: &NewHold| new_values(engine, common, hold, now);
    with_fresh_snapshot(|| {
        let (keyed, plain): (Vec<_>, Vec<_>) = holds
            .iter()
            .partition(|hold| hold.idempotency_key.is_some());
        for hold in keyed {
            if !table.insert_unless_there(HOLDS_KEY, &values(hold)) {
                return Some(Err(KeyTaken));
            }
        }
        let plain: Vec<NewValues> = plain.into_iter().map(values).collect();
        if !plain.is_empty() {
            table.insert_all(&plain);
        }
        Some(Ok(()))
    })
}

fn new_values(engine: &Engine, common: &Common, hold: &NewHold, now: i64) -> NewValues {
    let mut values = NewValues::default();
    values.set_id(HOLDS.column("hold_id"), hold.hold_id);
    values.set_id(HOLDS.column("tenant_id"), engine.tenant);
    values.set_id(HOLDS.column("listing_id"), hold.line.listing_id);
    values.set(
        HOLDS.column("location_id"),
        hold.line.location_id.map(ids::to_pg),
    );
    values.set(HOLDS.column("quantity"), hold.line.quantity);
    values.set(HOLDS.column("status"), HoldStatus::Active.name());
    values.set(HOLDS.column("expires_at"), common.expires_at);
    values.set(
        HOLDS.column("idempotency_key"),
        hold.idempotency_key.as_deref(),
    );
    values.set(HOLDS.column("customer"), hold.customer.as_deref());
    values.set(HOLDS.column("order_id"), hold.order_id.map(ids::to_pg));
    values.set_raw(HOLDS.column("metadata"), common.metadata.map(Jsonb::datum));
    values.set(HOLDS.column("created_at"), now);
    values.set(HOLDS.column("updated_at"), now);
    values.set(HOLDS.column("quantity_requested"), hold.line.quantity);
    values
}

fn insert_by_statement(
    engine: &Engine,
    common: &Common,
    holds: &[NewHold],
) -> Result<(), KeyTaken> {
    let locations: Vec<_> = holds
        .iter()
        .map(|hold| hold.line.location_id.map(ids::to_pg))
        .collect();
    let quantities: Vec<i32> = holds.iter().map(|hold| hold.line.quantity).collect();
    let texts = |of: fn(&NewHold) -> &Option<String>| -> Vec<Option<String>> {
        holds.iter().map(|hold| of(hold).clone()).collect()
    };
    let orders: Vec<_> = holds
        .iter()
        .map(|hold| hold.order_id.map(ids::to_pg))
        .collect();
    let args = [
        id(engine.tenant),
        id_list(holds.iter().map(|hold| hold.hold_id)),
        id_list(holds.iter().map(|hold| hold.line.listing_id)),
        locations.into(),
        quantities.clone().into(),
        texts(|hold| &hold.idempotency_key).into(),
        texts(|hold| &hold.customer).into(),
        orders.into(),
        common.expires_at.map(clock::moment).into(),
        raw(common.metadata.map(Jsonb::datum)),
        clock::now().into(),
    ];
    let written: Vec<(i32, bool)> =
        aside::during(|| plans::run(engine, &INSERT, &args, |row| (row.need(1), row.need(2))));
    // A trigger of the app may have swallowed or changed one; or another call has the key.
    let whole = written
        .iter()
        .copied()
        .eq(quantities.iter().map(|quantity| (*quantity, true)));
    match whole {
        true => Ok(()),
        false if holds.iter().any(|hold| hold.idempotency_key.is_some()) => Err(KeyTaken),
        false => Error::WriteInterfered.raise(),
    }
}
