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

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations (allocation_id, tenant_id, listing_id, lot_id, order_id, quantity)
     SELECT n.allocation_id, $1, n.listing_id, n.lot_id, $2, n.quantity
       FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[])
            AS n (allocation_id, listing_id, lot_id, quantity)
     RETURNING allocation_id, lot_id, quantity,
               status = 'active' AND tenant_id = $1 AND order_id = $2",
    &[UUIDOID, UUIDOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID],
);

static TAKE_BACK: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_allocations WHERE allocation_id = ANY ($1) AND tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID],
);

/// Writes one active allocation a pick, and answers their keys in the same order.
pub fn insert(engine: &Engine, order_id: Uuid, picks: &[Pick]) -> Vec<Uuid> {
    insert_directly(engine, order_id, picks, Access::Insert)
        .unwrap_or_else(|| insert_by_statement(engine, order_id, picks))
}

/// The same for rows that may have to be taken back; None where somebody would be told of them.
pub fn insert_on_trial(engine: &Engine, order_id: Uuid, picks: &[Pick]) -> Option<Vec<Uuid>> {
    insert_directly(engine, order_id, picks, Access::InsertOnTrial)
}

/// None where only SQL can write them.
fn insert_directly(
    engine: &Engine,
    order_id: Uuid,
    picks: &[Pick],
    access: Access,
) -> Option<Vec<Uuid>> {
    let table = Table::open(engine, &ALLOCATIONS, access)?;
    let keys = new_keys(picks);
    with_fresh_snapshot(|| {
        for (key, pick) in keys.iter().zip(picks) {
            table.insert(&new_allocation(engine, order_id, *key, pick));
        }
    });
    Some(keys)
}

/// Deletes rows that were written on trial.
pub fn take_back(engine: &Engine, keys: &[Uuid]) {
    if !keys.is_empty() {
        let args = [id_list(keys.iter().copied()), id(engine.tenant)];
        aside::during(|| plans::write_all(engine, &TAKE_BACK, &args, keys.len()));
    }
}

fn new_keys(picks: &[Pick]) -> Vec<Uuid> {
    picks.iter().map(|_| ids::new_key()).collect()
}

fn new_allocation(engine: &Engine, order_id: Uuid, key: Uuid, pick: &Pick) -> NewValues {
    let now = clock::now();
    let mut values = NewValues::default();
    values.set_id(ALLOCATIONS.column("allocation_id"), key);
    values.set_id(ALLOCATIONS.column("tenant_id"), engine.tenant);
    values.set_id(ALLOCATIONS.column("listing_id"), pick.listing_id);
    values.set_id(ALLOCATIONS.column("lot_id"), pick.lot_id);
    values.set_id(ALLOCATIONS.column("order_id"), order_id);
    values.set(ALLOCATIONS.column("quantity"), pick.quantity);
    values.set(ALLOCATIONS.column("status"), "active");
    values.set(ALLOCATIONS.column("created_at"), now);
    values.set(ALLOCATIONS.column("updated_at"), now);
    values
}

fn insert_by_statement(engine: &Engine, order_id: Uuid, picks: &[Pick]) -> Vec<Uuid> {
    let keys = new_keys(picks);
    let args = [
        id(engine.tenant),
        id(order_id),
        id_list(keys.iter().copied()),
        id_list(picks.iter().map(|pick| pick.listing_id)),
        id_list(picks.iter().map(|pick| pick.lot_id)),
        picks
            .iter()
            .map(|pick| pick.quantity)
            .collect::<Vec<i32>>()
            .into(),
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
    let wanted = keys.iter().zip(picks);
    if !written
        .into_iter()
        .eq(wanted.map(|(key, pick)| (*key, pick.lot_id, pick.quantity, true)))
    {
        Error::WriteInterfered.raise();
    }
    keys
}
