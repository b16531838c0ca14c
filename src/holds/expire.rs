//! expire_holds: what has expired is swept, and waiting holds get what is there.

use super::fill;
use crate::arguments::positive;
use crate::counters::{capacity, expiry};
use crate::engine::{pinned, Engine};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// Sweeps one tenant or all, and answers how many holds expired: of stock, or where there are none, of resources.
/// Where none has, holds that wait get what is there. One after the other in one transaction would take locks out of
/// their order.
pub fn sweep(engine: &Engine, tenant: Option<Uuid>, batch: i32) -> i32 {
    pinned(|| {
        let of_stock = expiry::sweep(engine, tenant, batch);
        if of_stock > 0 {
            return of_stock;
        }
        let of_resources = capacity::expiry::sweep(engine, tenant, batch);
        if of_resources == 0 {
            fill::fill_all(engine, tenant, batch);
        }
        of_resources
    })
}

/// Ends up to `batch` holds that have expired, of stock and of resources, and returns how many: 0 when there is
/// nothing left.
///
/// Nothing depends on it: reads and claims take expired holds as free, swept or not. It keeps their index
/// short, and brings attached columns up to date. Errors: bad_argument.
#[pg_extern(security_definer)]
fn expire_holds(
    batch: default!(Option<i32>, "1000"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let batch = positive("batch", batch)?;
    Ok(sweep(&engine, Some(engine.tenant), batch))
}
