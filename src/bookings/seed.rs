//! seed_bookings: something to try bookings with.

use super::resource;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEOID, INT4OID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use std::rc::Rc;
use uuid::Uuid;

/// Name, time zone and how many there are of each.
const VEHICLES: [(&str, &str, i32); 3] = [
    ("4WD Cruiser", "Australia/Brisbane", 5),
    ("City Hatch", "America/New_York", 3),
    ("Camper", "Europe/Berlin", 1),
];

/// How many dates are opened, today the first.
const DATES: i32 = 90;

static RESOURCE: Statement = Statement::fresh(
    "INSERT INTO {s}.resource (id, tenant_id, type, name, timezone, metadata)
     VALUES ($1, $2, 'VEHICLE', $3, $4, '{\"demo\": true}') ON CONFLICT (id) DO NOTHING",
    &[TEXTOID, UUIDOID, TEXTOID, TEXTOID],
);
static OPEN: Statement = Statement::fresh(
    "INSERT INTO {s}.resource_capacity (resource_id, tenant_id, date, max_capacity)
     SELECT $1, $2, $3 + n, $4 FROM generate_series(0, $5 - 1) AS n
     ON CONFLICT (resource_id, date) DO NOTHING",
    &[TEXTOID, UUIDOID, DATEOID, INT4OID, INT4OID],
);

/// Makes three vehicles, each open for 90 dates from its today on, and returns how many dates were opened: to try
/// things out. A second call changes nothing on the same day, and opens what is new on another.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn seed_bookings(
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(resource_id, String),
            name!(name, String),
            name!(opened, i32),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let mut rows = Vec::new();
    for (at, (name, zone, capacity)) in VEHICLES.into_iter().enumerate() {
        let resource_id = key(engine.tenant, at + 1);
        let args = [
            (&*resource_id).into(),
            id(engine.tenant),
            name.into(),
            zone.into(),
        ];
        plans::run(&engine, &RESOURCE, &args, |_| ());
        let today = resource::now(&engine, &resource_id)?.today();
        let args = [
            (&*resource_id).into(),
            id(engine.tenant),
            crate::calendar::to_pg(today).into(),
            capacity.into(),
            DATES.into(),
        ];
        let opened = plans::write(&engine, &OPEN, &args) as i32;
        rows.push((resource_id.to_string(), name.to_owned(), opened));
    }
    Ok(TableIterator::new(rows))
}

/// The same for a tenant each time; keys of resources are everybody's.
fn key(tenant: Uuid, number: usize) -> Rc<str> {
    match tenant.is_nil() {
        true => format!("demo_vehicle_{number}").into(),
        false => format!("demo_vehicle_{number}_{}", tenant.simple()).into(),
    }
}
