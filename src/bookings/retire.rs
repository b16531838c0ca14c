//! retire_resource: it takes no new claims from then on.

use super::dates::resource_key;
use super::{add_blackout, resource};
use crate::arguments::required;
use crate::clock;
use crate::counters::capacity::closures;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;

static RETIRE: Statement = Statement::fresh(
    "UPDATE {s}.resource SET deleted_at = $3 WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL",
    &[TEXTOID, UUIDOID, TIMESTAMPTZOID],
);
static RETIRED: Statement = Statement::fresh(
    "SELECT deleted_at FROM {s}.resource WHERE id = $1 AND tenant_id = $2",
    &[TEXTOID, UUIDOID],
);

/// Retires a resource, and returns since when it is: it stays as history, and takes no new claims.
///
/// What is booked from today on stands in the way; `cancel_holds` releases live holds first. A second time changes
/// nothing. Errors: resource_not_found, resource_booked (DETAIL names holds and allocations), bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn retire_resource(
    resource_id: Option<String>,
    cancel_holds: default!(Option<bool>, "false"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<TimestampWithTimeZone, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let resource_id = resource_key(resource_id)?;
    let found = resource::now(&engine, &resource_id)?;
    let cancels = required("cancel_holds", cancel_holds)?;
    if cancels && !found.is_retired {
        closures::lock_resources(&engine, &[resource_id.to_string()])?;
        add_blackout::cancel_holds(&engine, &resource_id);
    }
    let args = [
        (&*resource_id).into(),
        id(engine.tenant),
        clock::now().into(),
    ];
    plans::run(&engine, &RETIRE, &args, |_| ());
    let key = [(&*resource_id).into(), id(engine.tenant)];
    let retired = plans::run_one(&engine, &RETIRED, &key, |row| row.need(1));
    Ok(retired.ok_or_else(|| resource::not_found(&resource_id))?)
}
