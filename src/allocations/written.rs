//! The rows that a claim writes.

use crate::clock;
use crate::counters::aside;
use crate::direct::shape::ALLOCATIONS;
use crate::direct::{with_fresh_snapshot, Access, NewValues, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, UUIDARRAYOID, UUIDOID};
use stockroom_core::plan::Pick;
use uuid::Uuid;

/// What is taken from one lot, and the hold that it fulfils.
#[derive(Debug, Clone)]
pub struct Row {
    pub pick: Pick,
    pub hold_id: Option<Uuid>,
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations (allocation_id, tenant_id, listing_id, lot_id, order_id, quantity, hold_id)
     SELECT n.allocation_id, $1, n.listing_id, n.lot_id, $2, n.quantity, n.hold_id
       FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::uuid[])
            AS n (allocation_id, listing_id, lot_id, quantity, hold_id)
     RETURNING allocation_id, lot_id, quantity,
               status = 'active' AND tenant_id = $1 AND order_id = $2",
    &[
        UUIDOID, UUIDOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID, UUIDARRAYOID,
    ],
);

static TAKE_BACK: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_allocations WHERE allocation_id = ANY ($1) AND tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID],
);

/// Writes one active allocation a row, and answers their keys in the same order.
pub fn insert(engine: &Engine, order_id: Uuid, rows: &[Row]) -> Vec<Uuid> {
    insert_directly(engine, order_id, rows, Access::Insert)
        .unwrap_or_else(|| insert_by_statement(engine, order_id, rows))
}

/// The same for rows that may have to be taken back; None where somebody would be told of them.
pub fn insert_on_trial(engine: &Engine, order_id: Uuid, rows: &[Row]) -> Option<Vec<Uuid>> {
    insert_directly(engine, order_id, rows, Access::InsertOnTrial)
}

/// None where only SQL can write them.
fn insert_directly(
    engine: &Engine,
    order_id: Uuid,
    rows: &[Row],
    access: Access,
) -> Option<Vec<Uuid>> {
    let table = Table::open(engine, &ALLOCATIONS, access)?;
    let keys = new_keys(rows);
    let values: Vec<NewValues> = keys
        .iter()
        .zip(rows)
        .map(|(key, row)| new_allocation(engine, order_id, *key, row))
        .collect();
    with_fresh_snapshot(|| table.insert_all(&values));
    Some(keys)
}

/// Deletes rows that were written on trial.
pub fn take_back(engine: &Engine, keys: &[Uuid]) {
    if !keys.is_empty() {
        let args = [id_list(keys.iter().copied()), id(engine.tenant)];
        aside::during(|| plans::write_all(engine, &TAKE_BACK, &args, keys.len()));
    }
}

fn new_keys(rows: &[Row]) -> Vec<Uuid> {
    rows.iter().map(|_| ids::new_key()).collect()
}

fn new_allocation(engine: &Engine, order_id: Uuid, key: Uuid, row: &Row) -> NewValues {
    let Row { pick, hold_id } = row;
    let now = clock::now();
    let mut values = NewValues::default();
    values.set_id(ALLOCATIONS.column("allocation_id"), key);
    values.set_id(ALLOCATIONS.column("tenant_id"), engine.tenant);
    values.set_id(ALLOCATIONS.column("listing_id"), pick.listing_id);
    values.set_id(ALLOCATIONS.column("lot_id"), pick.lot_id);
    values.set_id(ALLOCATIONS.column("order_id"), order_id);
    values.set(ALLOCATIONS.column("quantity"), pick.quantity);
    values.set(ALLOCATIONS.column("status"), "active");
    values.set(ALLOCATIONS.column("hold_id"), hold_id.map(ids::to_pg));
    values.set(ALLOCATIONS.column("created_at"), now);
    values.set(ALLOCATIONS.column("updated_at"), now);
    values
}

fn insert_by_statement(engine: &Engine, order_id: Uuid, rows: &[Row]) -> Vec<Uuid> {
    let keys = new_keys(rows);
    let hold_ids: Vec<Option<pgrx::Uuid>> =
        rows.iter().map(|row| row.hold_id.map(ids::to_pg)).collect();
    let args = [
        id(engine.tenant),
        id(order_id),
        id_list(keys.iter().copied()),
        id_list(rows.iter().map(|row| row.pick.listing_id)),
        id_list(rows.iter().map(|row| row.pick.lot_id)),
        rows.iter()
            .map(|row| row.pick.quantity)
            .collect::<Vec<i32>>()
            .into(),
        hold_ids.into(),
    ];
    let written = aside::during(|| {
        plans::run(engine, &INSERT, &args, |row| {
            (
                row.id(1),
                row.id(2),
                row.need::<i32>(3),
                row.need::<bool>(4),
            )
        })
    });
    // A trigger of the app may have swallowed or changed a claim that the counters have already.
    let wanted = keys.iter().zip(rows);
    if !written
        .into_iter()
        .eq(wanted.map(|(key, row)| (*key, row.pick.lot_id, row.pick.quantity, true)))
    {
        Error::WriteInterfered.raise();
    }
    keys
}
