//! Locations, as far as lots and holds need them: who names one keeps it from being deleted meanwhile.

use super::row::NewRow;
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use uuid::Uuid;

static LOCATION: Statement = Statement::fresh(
    "SELECT FROM {s}.locations WHERE location_id = $1 AND (tenant_id = $2 OR is_preset) FOR KEY SHARE",
    &[UUIDOID, UUIDOID],
);

/// An error unless the tenant can use the location: its own, or a preset. Then nobody deletes it before
/// this transaction, which puts something there, has ended.
pub fn require(engine: &Engine, tenant_id: Uuid, location_id: Uuid) -> Result<(), Error> {
    // Preset, and hot: most lots lie there.
    if location_id == ids::UNSPECIFIED {
        return Ok(());
    }
    let args = [id(location_id), id(tenant_id)];
    plans::run_one(engine, &LOCATION, &args, |_| ()).ok_or(Error::LocationNotFound { location_id })
}

static READ: Statement = Statement::fresh(
    "SELECT FROM {s}.locations WHERE location_id = $1 AND (tenant_id = $2 OR is_preset)",
    &[UUIDOID, UUIDOID],
);

/// The same for the session's tenant, and only by a read.
pub fn require_by_read(engine: &Engine, location_id: Uuid) -> Result<(), Error> {
    let args = [id(location_id), id(engine.tenant)];
    plans::run_one(engine, &READ, &args, |_| ()).ok_or(Error::LocationNotFound { location_id })
}

/// The same for a row that a client writes, if it names a location.
pub fn require_for_row(trigger: &PgTrigger, row: &NewRow) {
    let (Some(location_id), Some(tenant_id)) = (row.id("location_id"), row.id("tenant_id")) else {
        return;
    };
    if location_id == ids::UNSPECIFIED {
        return;
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    if let Err(error) = as_engine(&engine, || require(&engine, tenant_id, location_id)) {
        error.raise();
    }
}
