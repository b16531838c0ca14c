//! A resource as a claim sees it, before it locks anything.

use crate::counters::capacity::timezone;
use crate::direct::shape::{PRIMARY, RESOURCES};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table, Tuple};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id, Statement};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{TEXTOID, UUIDOID};
use std::ops::ControlFlow;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What a booking needs to know of a resource.
#[derive(Debug, Clone)]
pub struct Resource {
    pub id: Rc<str>,
    pub timezone: String,
    pub is_active: bool,
    pub is_retired: bool,
    /// The listing behind it.
    pub listing_id: Option<Uuid>,
}

impl Resource {
    /// Which date it is there.
    pub fn today(&self) -> Day {
        timezone::today_in(&self.timezone)
    }

    /// Why it takes no new claims.
    pub fn refusal(&self) -> Option<Error> {
        let state = match (self.is_retired, self.is_active) {
            (true, _) => "retired",
            (false, false) => "inactive",
            (false, true) => return None,
        };
        let resource_id = self.id.to_string();
        Some(Booking::ResourceNotActive { resource_id, state }.into())
    }
}

const COLUMNS: &str = "SELECT timezone, is_active, deleted_at IS NOT NULL, listing_id
       FROM {s}.resource WHERE id = $1 AND tenant_id = $2";
static NOW: Statement = Statement::fresh(COLUMNS, &[TEXTOID, UUIDOID]);
static SEEN: Statement = Statement::stable(COLUMNS, &[TEXTOID, UUIDOID]);

/// A resource of the session's tenant, as it is now.
pub fn now(engine: &Engine, resource_id: &Rc<str>) -> Result<Resource, Error> {
    with_fresh_snapshot(|| direct(engine, resource_id))
        .unwrap_or_else(|| by(engine, &NOW, resource_id))
        .ok_or_else(|| not_found(resource_id))
}

/// The same as the calling query sees it.
pub fn seen(engine: &Engine, resource_id: &Rc<str>) -> Result<Resource, Error> {
    direct(engine, resource_id)
        .unwrap_or_else(|| by(engine, &SEEN, resource_id))
        .ok_or_else(|| not_found(resource_id))
}

/// There is no such resource of the session's tenant.
pub fn not_found(resource_id: &str) -> Error {
    let resource_id = resource_id.to_owned();
    Booking::ResourceNotFound { resource_id }.into()
}

fn by(engine: &Engine, statement: &Statement, resource_id: &Rc<str>) -> Option<Resource> {
    let args = [(&**resource_id).into(), id(engine.tenant)];
    plans::run_one(engine, statement, &args, |row| Resource {
        id: resource_id.clone(),
        timezone: row.need(1),
        is_active: row.need(2),
        is_retired: row.need(3),
        listing_id: row.maybe_id(4),
    })
}

/// With the active snapshot, below SQL; None where only SQL can tell.
fn direct(engine: &Engine, resource_id: &Rc<str>) -> Option<Option<Resource>> {
    const TENANT_ID: Column = RESOURCES.column("tenant_id");
    const IS_ACTIVE: Column = RESOURCES.column("is_active");
    const TIMEZONE: Column = RESOURCES.column("timezone");
    const LISTING_ID: Column = RESOURCES.column("listing_id");
    const DELETED_AT: Column = RESOURCES.column("deleted_at");
    let table = Table::open(engine, &RESOURCES, Access::Read)?;
    let mut found = None;
    table.scan(PRIMARY, &[Key::Text(resource_id)], |tuple: &Tuple| {
        if tuple.id(TENANT_ID) == engine.tenant {
            found = Some(Resource {
                id: resource_id.clone(),
                timezone: tuple.need(TIMEZONE),
                is_active: tuple.need(IS_ACTIVE),
                is_retired: tuple.get::<TimestampWithTimeZone>(DELETED_AT).is_some(),
                listing_id: tuple.maybe_id(LISTING_ID),
            });
        }
        ControlFlow::Break(())
    })?;
    Some(found)
}
