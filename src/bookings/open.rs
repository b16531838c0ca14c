//! open_capacity: dates are opened.

use super::dates::{first_and_last, resource_key};
use super::resource;
use crate::arguments::{bad, not_negative, required};
use crate::calendar;
use crate::counters::capacity::closures;
use crate::engine::Engine;
use crate::error::Error;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEARRAYOID, INT4ARRAYOID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use stockroom_core::calendar::Day;

/// Our own triggers count what is there and what closes the dates.
static OPEN: Statement = Statement::fresh(
    "INSERT INTO {s}.resource_capacity (resource_id, tenant_id, date, max_capacity)
     SELECT $1, $2, n.date, n.capacity FROM unnest($3::date[], $4::int[]) AS n (date, capacity)
     ON CONFLICT (resource_id, date) DO NOTHING",
    &[TEXTOID, UUIDOID, DATEARRAYOID, INT4ARRAYOID],
);

/// Which days of the week: Monday is 1, Sunday is 7.
fn weekdays(value: Option<Vec<Option<i32>>>) -> Result<Option<Vec<i32>>, Error> {
    let Some(days) = value else {
        return Ok(None);
    };
    let days: Option<Vec<i32>> = days.into_iter().collect();
    match days {
        Some(days) if !days.is_empty() && days.iter().all(|day| (1..=7).contains(day)) => {
            Ok(Some(days))
        }
        _ => bad("weekdays", "must have days from 1 (Monday) to 7 (Sunday)"),
    }
}

/// Capacities of single dates: `{"2026-12-25": 0}`.
fn overrides(value: Option<Jsonb>) -> Result<BTreeMap<Day, i32>, Error> {
    let Some(value) = value else {
        return Ok(BTreeMap::new());
    };
    let problem = "must be an object of dates and capacities, as {\"2026-12-25\": 0}";
    let Value::Object(dates) = value.parse("overrides")? else {
        return bad("overrides", problem);
    };
    dates
        .iter()
        .map(|(date, capacity)| {
            let day = Day::parse(date);
            let units = capacity
                .as_i64()
                .and_then(|units| i32::try_from(units).ok());
            match (day, units) {
                (Some(day), Some(units)) if units >= 0 => Ok((day, units)),
                _ => bad("overrides", problem),
            }
        })
        .collect()
}

/// Opens the dates of a range for booking, and returns how many that are.
///
/// `capacity` units on each date, from 0. `weekdays` opens only these (1 is Monday, 7 Sunday); `overrides`
/// `{"2026-12-25": 0}` gives single dates of the range another capacity, whatever their weekday. Dates that are open
/// stay as they are: a second call opens 0, set_capacity changes them. At most 3660 dates. Errors:
/// resource_not_found, resource_not_active where it is retired, bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn open_capacity(
    resource_id: Option<String>,
    from_date: Option<Date>,
    to_date: Option<Date>,
    capacity: Option<i32>,
    weekdays: default!(Option<Vec<Option<i32>>>, "NULL"),
    overrides: default!(Option<Jsonb>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let resource_id = resource_key(resource_id)?;
    let (first, last) = first_and_last(["from_date", "to_date"], from_date, to_date)?;
    let capacity = required("capacity", not_negative("capacity", capacity)?)?;
    let weekdays = self::weekdays(weekdays)?;
    let overrides = self::overrides(overrides)?;
    if let Some(day) = overrides.keys().find(|day| !(first..=last).contains(*day)) {
        bad::<()>(
            "overrides",
            &format!("has {day}, which is not in the range"),
        )?;
    }
    // The resource is locked first, as everywhere.
    closures::lock_resources(&engine, &[resource_id.to_string()])?;
    let resource = resource::now(&engine, &resource_id)?;
    if resource.is_retired {
        return Err(resource.refusal().expect("it is retired").into());
    }
    let is_wanted = |day: &Day| {
        overrides.contains_key(day)
            || weekdays
                .as_ref()
                .is_none_or(|days| days.contains(&day.weekday()))
    };
    let dates: Vec<Day> = (first.0..=last.0).map(Day).filter(is_wanted).collect();
    let capacities: Vec<i32> = dates
        .iter()
        .map(|day| overrides.get(day).copied().unwrap_or(capacity))
        .collect();
    let args = [
        (&*resource_id).into(),
        id(engine.tenant),
        calendar::dates(dates),
        capacities.into(),
    ];
    Ok(plans::write(&engine, &OPEN, &args) as i32)
}
