//! check_availability: what of each date is free, and why not.

use super::dates::{first_and_last, resource_key};
use super::resource::{self, Resource};
use crate::arguments::positive;
use crate::calendar;
use crate::counters::capacity::dead::{self, DeadDates};
use crate::counters::capacity::{booked, rows, DateRow};
use crate::counters::numbers;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use std::collections::HashMap;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// What is behind a resource on the dates that are looked at.
pub struct Behind {
    /// Units that may be booked on a date with nothing booked on it.
    stock: i64,
    booked: HashMap<Day, i64>,
}

static SAFETY_STOCK: Statement = Statement::stable(
    "SELECT safety_stock FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

impl Behind {
    pub fn seen(engine: &Engine, listing_id: Uuid, first: Day, last: Day) -> Behind {
        let available = numbers::numbers_of(engine, crate::ids::to_pg(listing_id), None);
        let args = [id(listing_id), id(engine.tenant)];
        let safety_stock = plans::run_one(engine, &SAFETY_STOCK, &args, |row| row.need::<i32>(1));
        Behind {
            stock: i64::from(available.available()) - i64::from(safety_stock.unwrap_or(0)),
            booked: booked::seen(engine, listing_id, first, last),
        }
    }

    /// Units of the listing that may still be booked on a date.
    pub fn left(&self, day: Day) -> i64 {
        self.stock - self.booked.get(&day).copied().unwrap_or(0)
    }
}

/// What is told of dates.
struct Look {
    resource: Resource,
    today: Day,
    dead: DeadDates,
    behind: Option<Behind>,
    quantity: i64,
}

/// Date, available, capacity, bookable and reason.
type Columns = (Date, i32, i32, bool, Option<&'static str>);

impl Look {
    fn columns(&self, day: Day, row: Option<&DateRow>) -> Columns {
        let Some(row) = row else {
            return (calendar::to_pg(day), 0, 0, false, Some("not_open"));
        };
        let free = i64::from(row.available) + self.dead.on(day);
        let (available, capacity) = match &self.behind {
            None => (free, i64::from(row.max)),
            Some(behind) => (
                free.min(behind.left(day)),
                i64::from(row.max).min(behind.stock),
            ),
        };
        let available = available.max(0);
        let reason = if self.resource.is_retired {
            Some("retired")
        } else if !self.resource.is_active {
            Some("inactive")
        } else if day < self.today {
            Some("in_past")
        } else if row.closures > 0 {
            Some("blacked_out")
        } else if available < self.quantity {
            Some("insufficient_capacity")
        } else {
            None
        };
        (
            calendar::to_pg(day),
            available as i32,
            capacity.max(0) as i32,
            reason.is_none(),
            reason,
        )
    }
}

fn look(engine: &Engine, first: Day, last: Day, look: &Look) -> Vec<Columns> {
    let rows = rows::range_seen(engine, &look.resource.id, first, last);
    let mut rows = rows.iter().peekable();
    (first.0..=last.0)
        .map(|day| look.columns(Day(day), rows.next_if(|row| row.key.date == Day(day))))
        .collect()
}

/// What of each date of a range is free, a row a date.
///
/// `available` units can be had, holds that have expired included, of `capacity`; for a resource with a listing
/// behind it both follow its stock. `bookable` says whether `quantity` units can be held now, `reason` why not: one of
/// not_open, in_past, blacked_out, inactive, retired, insufficient_capacity. At most 3660 dates. Errors:
/// resource_not_found, bad_argument.
#[pg_extern(stable, security_definer)]
fn check_availability(
    resource_id: Option<String>,
    from_date: Option<Date>,
    to_date: Option<Date>,
    quantity: default!(Option<i32>, "1"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(date, Date),
            name!(available, i32),
            name!(capacity, i32),
            name!(bookable, bool),
            name!(reason, Option<&'static str>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let (first, last) = first_and_last(["from_date", "to_date"], from_date, to_date)?;
    let quantity = positive("quantity", quantity)?;
    let rows = seen(&engine, &resource_key(resource_id)?, first, last, quantity)?;
    Ok(TableIterator::new(rows))
}

fn seen(
    engine: &Engine,
    resource_id: &std::rc::Rc<str>,
    first: Day,
    last: Day,
    quantity: i32,
) -> Result<Vec<Columns>, Error> {
    let resource = resource::seen(engine, resource_id)?;
    let behind = resource.listing_id;
    let behind = behind.map(|listing_id| Behind::seen(engine, listing_id, first, last));
    let wish = Look {
        today: resource.today(),
        dead: dead::seen(engine, resource_id),
        resource,
        behind,
        quantity: quantity.into(),
    };
    Ok(look(engine, first, last, &wish))
}
