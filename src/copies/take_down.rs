//! The stock that copies were leaves: their rows have come back, and speak for themselves.

use super::items::{self, Named};
use super::registration::Registration;
use crate::counters::ledger::Cause;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::{aside, mirror, removal, Guard};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Statement};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use std::collections::HashSet;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

static LOTS: Statement = Statement::fresh(
    "SELECT lot_id, listing_id, quantity_total, quantity_allocated FROM {s}.stock_lots
      WHERE listing_id = ANY ($1) AND tenant_id = $2 AND (quantity_total > 0 OR quantity_allocated > 0)",
    &[UUIDARRAYOID, UUIDOID],
);
/// The loans that are closed stay, as history.
static OPEN_LOANS: [Statement; 2] = [
    Statement::fresh(
        "DELETE FROM {s}.stock_allocations a USING {s}.stock_lots l
          WHERE l.listing_id = ANY ($1) AND l.tenant_id = $2
            AND a.lot_id = l.lot_id AND a.tenant_id = $2 AND a.status = 'active'",
        &[UUIDARRAYOID, UUIDOID],
    ),
    Statement::fresh(
        "DELETE FROM {s}.stock_loans WHERE listing_id = ANY ($1) AND tenant_id IS NOT DISTINCT FROM $2 AND is_open",
        &[UUIDARRAYOID, UUIDOID],
    ),
];

/// Takes the stock of all items away, but for those named: listings that were made for them go, others are
/// emptied. All of it is locked.
pub fn all(
    engine: &Engine,
    known: &Registration,
    but: &HashSet<String>,
    cause: &Cause,
) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let next = items::keys_after(engine, known, &after);
        let Some(last) = next.last() else {
            return Ok(());
        };
        after = last.key.clone();
        let due: Vec<Named> = next
            .into_iter()
            .filter(|item| !but.contains(&item.key))
            .collect();
        let mut memory = PgMemoryContexts::new("stockroom copies");
        // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
        unsafe { memory.switch_to(|_| some(engine, known, &due, cause)) }?;
    }
}

fn some(
    engine: &Engine,
    known: &Registration,
    items: &[Named],
    cause: &Cause,
) -> Result<(), Error> {
    let listings = || {
        [
            id_list(items.iter().map(|item| item.listing_id)),
            id(known.tenant_id),
        ]
    };
    let lots = plans::run(engine, &LOTS, &listings(), |row| {
        let total: i32 = row.need(3);
        LotDelta {
            tenant_id: known.tenant_id,
            listing_id: row.id(2),
            lot_id: row.id(1),
            allocated: -row.need::<i32>(4) as i64,
            total: -i64::from(total),
            movement: (total > 0).then_some(MovementType::Adjust),
        }
    });
    // Live holds stand in the way; what has expired of them goes with the listing or stays as history.
    let expired = mirror::begin_write(
        engine,
        lots.iter().map(|lot| (lot.tenant_id, lot.listing_id)),
    );
    let after = lots::apply(
        engine,
        &Changes::of_goods(&lots, &expired, cause),
        Guard::Later,
    )
    .map_err(|refusal| refusal.into_error(Error::WriteInterfered))?;
    for statement in &OPEN_LOANS {
        aside::during(|| plans::run(engine, statement, &listings(), |_| ()));
    }
    mirror::write(engine, &after);
    let made: Vec<Uuid> = items
        .iter()
        .filter(|item| item.made_listing)
        .map(|item| item.listing_id)
        .collect();
    removal::delete(engine, &made);
    Ok(())
}
