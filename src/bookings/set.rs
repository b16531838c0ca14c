//! set_capacity: dates get another capacity.

use super::dates::{first_and_last, resource_key};
use super::resource;
use crate::arguments::{not_negative, required};
use crate::calendar;
use crate::clock;
use crate::counters::capacity::{claims, expiry, rows, DateKey, DateRow};
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEOID, INT4OID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use stockroom_core::calendar::Day;

/// Our own trigger makes what is free of it.
static SET: Statement = Statement::fresh(
    "UPDATE {s}.resource_capacity SET max_capacity = $5
      WHERE resource_id = $1 AND tenant_id = $2 AND date BETWEEN $3 AND $4",
    &[TEXTOID, UUIDOID, DATEOID, DATEOID, INT4OID],
);

/// Gives the dates of a range another capacity, and returns how many that are.
///
/// All of them must be open. It is never less than what is booked: such a date is refused with the bookings that
/// stand in its way, and none is changed. Errors: capacity_committed (DETAIL names the date, its holds and
/// allocations), date_not_open, resource_not_found, bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn set_capacity(
    resource_id: Option<String>,
    from_date: Option<Date>,
    to_date: Option<Date>,
    capacity: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let resource_id = resource_key(resource_id)?;
    let (first, last) = first_and_last(["from_date", "to_date"], from_date, to_date)?;
    let capacity = required("capacity", not_negative("capacity", capacity)?)?;
    resource::now(&engine, &resource_id)?;
    let keys: Vec<DateKey> = (first.0..=last.0)
        .map(|day| DateKey {
            resource_id: resource_id.clone(),
            date: Day(day),
            tenant_id: engine.tenant,
        })
        .collect();
    // Refused by a read where it can be; but holds that have expired may still be counted.
    if let Err(refused) = judge(&engine, &keys, &rows::now(&engine, &keys), capacity) {
        if matches!(refused, Error::Booking(Booking::DateNotOpen { .. })) {
            return Err(refused.into());
        }
        let resource = std::slice::from_ref(&resource_id);
        let freed = expiry::expire_all(&engine, resource, clock::microseconds());
        if freed.is_empty() {
            return Err(refused.into());
        }
        // All in one go, in lock order.
        let mut all = freed.clone();
        keys.iter().for_each(|key| all.add_to(key.clone(), 0));
        rows::lock(&engine, &all.keys());
        rows::count(&engine, &freed);
    }
    judge(&engine, &keys, &rows::lock(&engine, &keys), capacity)?;
    let args = [
        (&*resource_id).into(),
        id(engine.tenant),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
        capacity.into(),
    ];
    Ok(plans::write(&engine, &SET, &args) as i32)
}

fn judge(engine: &Engine, keys: &[DateKey], rows: &[DateRow], capacity: i32) -> Result<(), Error> {
    if rows.len() < keys.len() {
        let is_open = |key: &&DateKey| rows.iter().any(|row| row.key == **key);
        return Err(Booking::DateNotOpen {
            resource_id: keys[0].resource_id.to_string(),
            dates: keys
                .iter()
                .filter(|key| !is_open(key))
                .map(|key| key.date)
                .collect(),
        }
        .into());
    }
    match rows.iter().find(|row| row.booked() > i64::from(capacity)) {
        None => Ok(()),
        Some(row) => Err(Booking::CapacityCommitted {
            resource_id: row.key.resource_id.to_string(),
            date: row.key.date,
            capacity,
            booked: row.booked(),
            claims: claims::between(
                engine,
                &row.key.resource_id,
                row.key.date,
                row.key.date,
                clock::microseconds(),
            ),
        }
        .into()),
    }
}
