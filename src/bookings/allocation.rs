//! A booking's row, and cancel_resource_allocation.

use crate::arguments::required_id;
use crate::calendar;
use crate::counters::aside;
use crate::counters::capacity::{rows, DateDeltas};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What a change of a booking needs to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    pub resource_id: Rc<str>,
    pub dates: Vec<Day>,
    pub quantity: i32,
}

impl Allocation {
    fn read(row: &Row) -> Allocation {
        Allocation {
            resource_id: row.need::<String>(1).into(),
            dates: calendar::days(row.need(2)),
            quantity: row.need(3),
        }
    }
}

static NOW: Statement = Statement::fresh(
    "SELECT resource_id, dates, quantity FROM {s}.resource_allocation WHERE id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);
static LOCK: Statement = Statement::fresh(
    "SELECT resource_id, dates, quantity FROM {s}.resource_allocation
      WHERE id = $1 AND tenant_id = $2 FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID],
);
static DELETE: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_allocation WHERE id = $1 AND tenant_id = $2
     RETURNING resource_id, dates, quantity",
    &[UUIDOID, UUIDOID],
);

fn not_found(allocation_id: Uuid) -> Error {
    Booking::AllocationNotFound { allocation_id }.into()
}

/// A booking as it is now.
pub fn now(engine: &Engine, allocation_id: Uuid) -> Result<Allocation, Error> {
    let key = [id(allocation_id), id(engine.tenant)];
    plans::run_one(engine, &NOW, &key, Allocation::read).ok_or(not_found(allocation_id))
}

/// The same, locked.
pub fn lock(engine: &Engine, allocation_id: Uuid) -> Result<Allocation, Error> {
    let key = [id(allocation_id), id(engine.tenant)];
    plans::run_one(engine, &LOCK, &key, Allocation::read).ok_or(not_found(allocation_id))
}

/// Cancels a booking: its row goes, its dates are free again. Returns how many dates that frees.
///
/// Errors: resource_allocation_not_found, a second time too.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn cancel_resource_allocation(
    allocation_id: Option<pgrx::Uuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let allocation_id = required_id("allocation_id", allocation_id)?;
    // Refused by a read where it can be: without a transaction id.
    now(&engine, allocation_id)?;
    let key = [id(allocation_id), id(engine.tenant)];
    let gone = aside::during(|| plans::run_one(&engine, &DELETE, &key, Allocation::read));
    let gone = gone.ok_or(not_found(allocation_id))?;
    let mut deltas = DateDeltas::default();
    let units = -i64::from(gone.quantity);
    deltas.add(engine.tenant, &gone.resource_id, &gone.dates, units);
    rows::count(&engine, &deltas);
    Ok(gone.dates.len() as i32)
}
