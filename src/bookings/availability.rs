//! check_availability: what of each date is free, and why not.

use super::dates::{first_and_last, resource_key};
use super::resource::{self, Resource};
use crate::arguments::positive;
use crate::calendar;
use crate::counters::capacity::booked;
use crate::counters::capacity::dead::{self, DeadDates};
use crate::counters::capacity::rows::{self, DateSeen};
use crate::counters::numbers;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use crate::stored_rows::{Store, StoredRows};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;
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

/// What is told of one date.
struct Told {
    available: i32,
    capacity: i32,
    /// Why it can't be booked.
    reason: Option<Reason>,
}

#[derive(Clone, Copy)]
enum Reason {
    NotOpen,
    InPast,
    BlackedOut,
    Inactive,
    Retired,
    Insufficient,
}

impl Reason {
    const ALL: [Reason; 6] = [
        Reason::NotOpen,
        Reason::InPast,
        Reason::BlackedOut,
        Reason::Inactive,
        Reason::Retired,
        Reason::Insufficient,
    ];

    fn name(self) -> &'static str {
        match self {
            Reason::NotOpen => "not_open",
            Reason::InPast => "in_past",
            Reason::BlackedOut => "blacked_out",
            Reason::Inactive => "inactive",
            Reason::Retired => "retired",
            Reason::Insufficient => "insufficient_capacity",
        }
    }
}

impl Look {
    fn tell(&self, day: Day, row: Option<&DateSeen>) -> Told {
        let Some(row) = row else {
            return Told {
                available: 0,
                capacity: 0,
                reason: Some(Reason::NotOpen),
            };
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
            Some(Reason::Retired)
        } else if !self.resource.is_active {
            Some(Reason::Inactive)
        } else if day < self.today {
            Some(Reason::InPast)
        } else if row.closures > 0 {
            Some(Reason::BlackedOut)
        } else if available < self.quantity {
            Some(Reason::Insufficient)
        } else {
            None
        };
        Told {
            available: available as i32,
            capacity: capacity.max(0) as i32,
            reason,
        }
    }
}

/// What of each date of a range is free, a row a date.
///
/// `available` units can be had, holds that have expired included, of `capacity`; for a resource with a listing
/// behind it both follow its stock. `bookable` says whether `quantity` units can be held now, `reason` why not: one of
/// not_open, in_past, blacked_out, inactive, retired, insufficient_capacity. At most 3660 dates. Errors:
/// resource_not_found, bad_argument.
#[pg_extern(
    sql = "CREATE FUNCTION check_availability(resource_id text, from_date date, to_date date, quantity integer DEFAULT 1)
               RETURNS TABLE (date date, available integer, capacity integer, bookable boolean, reason text)
               STABLE SECURITY DEFINER LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@' ROWS 100;"
)]
fn check_availability(
    resource_id: Option<String>,
    from_date: Option<Date>,
    to_date: Option<Date>,
    quantity: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<StoredRows, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let (first, last) = first_and_last(["from_date", "to_date"], from_date, to_date)?;
    let quantity = positive("quantity", quantity)?;
    let look = look(&engine, &resource_key(resource_id)?, first, last, quantity)?;
    let rows = rows::range_seen(&engine, &look.resource.id, first, last);
    let mut rows = rows.iter().peekable();
    let mut store = Store::of_call(fcinfo);
    let names = Reason::ALL.map(|reason| reason.name().into_datum());
    for day in (first.0..=last.0).map(Day) {
        let told = look.tell(day, rows.next_if(|row| row.date == day));
        store.put([
            calendar::to_pg(day).into_datum(),
            told.available.into_datum(),
            told.capacity.into_datum(),
            told.reason.is_none().into_datum(),
            told.reason.and_then(|reason| names[reason as usize]),
        ]);
    }
    Ok(StoredRows)
}

fn look(
    engine: &Engine,
    resource_id: &Rc<str>,
    first: Day,
    last: Day,
    quantity: i32,
) -> Result<Look, Error> {
    let resource = resource::seen(engine, resource_id)?;
    let behind = resource.listing_id;
    let behind = behind.map(|listing_id| Behind::seen(engine, listing_id, first, last));
    Ok(Look {
        today: resource.today(),
        dead: dead::seen(engine, resource_id),
        resource,
        behind,
        quantity: quantity.into(),
    })
}
