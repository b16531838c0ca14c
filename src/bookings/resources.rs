//! create_resource and change_resource.

use super::dates::{key, resource_key};
use super::resource;
use crate::arguments::{at_most, bad, name as named, required};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, raw, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{BOOLOID, JSONBOID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.resource (id, tenant_id, type, name, description, metadata, timezone, listing_id)
     VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), $7, $8)
     ON CONFLICT (id) DO NOTHING RETURNING true",
    &[
        TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, UUIDOID,
    ],
);
/// NULL leaves a column as it is; $9 takes the listing away.
static UPDATE: Statement = Statement::fresh(
    "UPDATE {s}.resource
        SET name = coalesce($3, name), description = coalesce($4, description),
            metadata = coalesce($5, metadata), is_active = coalesce($6, is_active),
            timezone = coalesce($7, timezone),
            listing_id = CASE WHEN $9 THEN NULL ELSE coalesce($8, listing_id) END
      WHERE id = $1 AND tenant_id = $2 RETURNING true",
    &[
        TEXTOID, UUIDOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TEXTOID, UUIDOID, BOOLOID,
    ],
);

/// Longest name and description, as the table's CHECKs have it.
const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 10_000;

/// Makes a thing that is booked by date, and returns its key.
///
/// `type` is one of resource_type; `timezone` a name of pg_timezone_names: there it is decided which date is today;
/// `listing_id` the listing whose stock is behind it, if any; `id` NULL makes a key. Errors: resource_exists,
/// resource_type_not_found, listing_not_found, bad_argument.
#[pg_extern(
    sql = "CREATE FUNCTION create_resource(type text, name text, timezone text DEFAULT 'UTC', description text DEFAULT NULL,
               metadata jsonb DEFAULT NULL, listing_id uuid DEFAULT NULL, id text DEFAULT NULL) RETURNS text
               SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn create_resource(
    r#type: Option<String>,
    name: Option<String>,
    timezone: Option<String>,
    description: Option<String>,
    metadata: Option<Jsonb>,
    listing_id: Option<Uuid>,
    id: Option<String>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<String, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let made_key = || format!("res_{}", ids::new_key().simple());
    let resource_id = match id {
        Some(id) => key("id", Some(id))?,
        None => made_key(),
    };
    let args = [
        resource_id.as_str().into(),
        plans::id(engine.tenant),
        required("type", r#type)?.into(),
        required("name", named("name", name, LONGEST_NAME)?)?.into(),
        at_most("description", description, LONGEST_DESCRIPTION)?.into(),
        raw(metadata.map(Jsonb::datum)),
        required("timezone", timezone)?.into(),
        listing_id.into(),
    ];
    match plans::run_one(&engine, &INSERT, &args, |_| ()) {
        Some(()) => Ok(resource_id),
        None => Err(Booking::ResourceExists { resource_id }.into()),
    }
}

/// Changes what is given of a resource; NULL leaves it as it is.
///
/// `is_active` false takes no new claims for a while; what is booked stays. `listing_id` may change, or be taken
/// away by `without_listing`, only while nothing is booked from today on. Errors: resource_not_found,
/// resource_booked, listing_not_found, bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn change_resource(
    resource_id: Option<String>,
    name: default!(Option<String>, "NULL"),
    description: default!(Option<String>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    is_active: default!(Option<bool>, "NULL"),
    timezone: default!(Option<String>, "NULL"),
    listing_id: default!(Option<Uuid>, "NULL"),
    without_listing: default!(Option<bool>, "false"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<(), ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let resource_id = resource_key(resource_id)?;
    let without_listing = without_listing.unwrap_or(false);
    if without_listing && listing_id.is_some() {
        bad::<()>("without_listing", "must be false where listing_id is given")?;
    }
    let args = [
        (&*resource_id).into(),
        id(engine.tenant),
        named("name", name, LONGEST_NAME)?.into(),
        at_most("description", description, LONGEST_DESCRIPTION)?.into(),
        raw(metadata.map(Jsonb::datum)),
        is_active.into(),
        timezone.into(),
        listing_id.into(),
        without_listing.into(),
    ];
    match plans::run_one(&engine, &UPDATE, &args, |_| ()) {
        Some(()) => Ok(()),
        None => Err(Error::into(resource::not_found(&resource_id))),
    }
}
