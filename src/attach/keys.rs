//! Functions that take the app's own key instead of a listing's.

use crate::counters::registration::Registration;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use uuid::Uuid;

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
