//! purge_resource_holds: holds that are over are deleted, some time after.

use crate::arguments::{positive, required};
use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{INT4OID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;

static PURGE: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_hold WHERE id IN (
       SELECT id FROM {s}.resource_hold
        WHERE tenant_id = $1 AND status <> 'ACTIVE' AND updated_at < $2
        LIMIT $3 FOR UPDATE SKIP LOCKED)",
    &[UUIDOID, TIMESTAMPTZOID, INT4OID],
)
.of_whole_tables();

/// Deletes up to `batch` holds of resources that were confirmed, released or expired longer ago than `older_than`,
/// and returns how many: 0 when there is nothing left. Their tokens are free again then; bookings stay. Errors:
/// bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn purge_resource_holds(
    older_than: default!(Option<Interval>, "'30 days'"),
    batch: default!(Option<i32>, "10000"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let before = clock::before_now("older_than", required("older_than", older_than)?)?;
    let args = [
        id(engine.tenant),
        clock::moment(before).into(),
        positive("batch", batch)?.into(),
    ];
    // Only active ones are counted.
    Ok(aside::during(|| plans::write(&engine, &PURGE, &args)) as i32)
}
