//! The app's own keys: their namespace, and the functions that take them instead of a listing's.

use crate::counters::registration::Registration;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{OIDOID, UUIDOID};
use pgrx::prelude::*;
use uuid::Uuid;

/// Namespace of the uuids that keys of a table become which are no uuids themselves; the same each time.
pub fn namespace_of(tenant: Uuid, table: pg_sys::Oid) -> Uuid {
    const STOCKROOM: Uuid = Uuid::from_u128(0x6f3c_29e4_8d15_4b7a_9c02_51d8_e7b3_a046);
    let name = format!("{tenant}/{}", table.to_u32());
    Uuid::new_v5(&STOCKROOM, name.as_bytes())
}

/// The listing of a row of an attached table, from the row's key as text (exactly as PostgreSQL
/// writes it), whether there is such a row or not.
///
/// A uuid key is the listing's own; for any other, the uuid v5 (RFC 9562, 5.5) of the attachment's
/// namespace and the key. Errors: table_not_attached, bad_argument (the keys are uuids, this is none).
#[pg_extern(
    sql = "CREATE FUNCTION listing_id_of(\"table\" regclass, key text) RETURNS uuid
STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn listing_id_of(
    table: pg_sys::Oid,
    key: String,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<pgrx::Uuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let known = Registration::by_table(&engine, table)?;
    let listing_id = known
        .listing_of_key(&key)
        .ok_or_else(|| Error::BadArgument {
            argument: "key",
            problem: format!(
                "{:?} is not a uuid",
                key.chars().take(80).collect::<String>()
            ),
        })?;
    Ok(ids::to_pg(listing_id))
}

/// A table that was collapsed goes on with the namespace of then. In a restored database another table may
/// have had this oid before.
static NAMESPACE: Statement = Statement::fresh(
    "WITH named AS (
       SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1),
     collapsed AS (
       SELECT key_namespace, tenant_id = $2 AND (table_schema, table_name) = (SELECT * FROM named) AS is_own
         FROM {s}.collapsed_tables)
     SELECT (SELECT key_namespace FROM collapsed WHERE is_own LIMIT 1),
            EXISTS (SELECT FROM {s}.attached_tables WHERE key_namespace = $3)
         OR EXISTS (SELECT FROM collapsed WHERE key_namespace = $3 AND NOT is_own)",
    &[OIDOID, UUIDOID, UUIDOID],
)
.of_whole_tables();

/// Namespace of the listings of keys that are no uuids. The same whenever the same table is attached or
/// collapsed: it finds its listings again.
pub fn namespace(engine: &Engine, table: pg_sys::Oid, is_any_tenants: bool) -> Uuid {
    let tenant = if is_any_tenants {
        Uuid::nil()
    } else {
        engine.tenant
    };
    let namespace = namespace_of(tenant, table);
    let args = [table.into(), id(tenant), id(namespace)];
    let found = plans::run_one(engine, &NAMESPACE, &args, |row| {
        (row.maybe_id(1), row.need(2))
    });
    match found {
        Some((Some(of_collapsed), _)) => of_collapsed,
        Some((None, true)) => ids::new_key(),
        _ => namespace,
    }
}

static COUNTS: Statement = Statement::stable(
    "SELECT quantity_available, quantity_allocated + quantity_held, quantity_total
       FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2 AND attached_to = $3",
    &[UUIDOID, UUIDOID, UUIDOID],
);

/// One count of the listing of a row; 0 where there is no such row.
fn count(
    fcinfo: pg_sys::FunctionCallInfo,
    table: pg_sys::Oid,
    key: &str,
    column: i32,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let known = Registration::by_table(&engine, table)?;
    let count = known.listing_of_key(key).and_then(|listing_id: Uuid| {
        let args = [id(listing_id), id(engine.tenant), id(known.attachment_id)];
        plans::run_one(&engine, &COUNTS, &args, |row| row.need(column))
    });
    Ok(count.unwrap_or(0))
}

/// What is available of the row with this key, in smallest units; 0 for an unknown key.
/// Errors: table_not_attached.
#[pg_extern(
    sql = "CREATE FUNCTION get_available_stock_of(tbl regclass, key text) RETURNS integer
STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn get_available_stock_of(
    tbl: pg_sys::Oid,
    key: String,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    count(fcinfo, tbl, &key, 1)
}

/// What is claimed (allocated or held) of the row with this key, in smallest units; 0 for an unknown
/// key. Errors: table_not_attached.
#[pg_extern(
    sql = "CREATE FUNCTION get_reserved_stock_of(tbl regclass, key text) RETURNS integer
STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn get_reserved_stock_of(
    tbl: pg_sys::Oid,
    key: String,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    count(fcinfo, tbl, &key, 2)
}

/// All that is there of the row with this key, in smallest units; 0 for an unknown key.
/// Errors: table_not_attached.
#[pg_extern(
    sql = "CREATE FUNCTION get_total_stock_of(tbl regclass, key text) RETURNS integer
STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn get_total_stock_of(
    tbl: pg_sys::Oid,
    key: String,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    count(fcinfo, tbl, &key, 3)
}
