//! Whether dates can be claimed, by what is read. Functions refuse on it without a lock or a transaction id; what
//! is written is judged again in the rows.

use super::resource::{self, Resource};
use crate::calendar;
use crate::counters::capacity::dead::{self, DeadDates};
use crate::counters::capacity::{booked, closures, rows, DateDeltas, DateKey, DateRow};
use crate::counters::dead as dead_stock;
use crate::engine::Engine;
use crate::error::{Booking, Error};
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// Dates as a claim finds them open.
pub struct Seen {
    /// Those that it claims, in lock order.
    pub rows: Vec<DateRow>,
    /// Resources of which holds that have expired stand in the way.
    pub needs_room: Vec<Rc<str>>,
    /// Listings behind them, of which such holds do.
    pub needs_stock: Vec<Uuid>,
}

/// Why a claim does not fit. Somebody else's claim may end, or a blackout: it can be an answer.
#[derive(Debug, Clone)]
pub enum Unfit {
    Short {
        resource_id: Rc<str>,
        dates: Vec<Day>,
        requested: i64,
        available: i64,
        listing_id: Option<Uuid>,
    },
    Closed {
        resource_id: Rc<str>,
        dates: Vec<Day>,
        error: Box<Error>,
    },
}

impl Unfit {
    pub fn into_error(self) -> Error {
        match self {
            Unfit::Short {
                resource_id,
                dates,
                requested,
                available,
                listing_id,
            } => Booking::InsufficientCapacity {
                resource_id: resource_id.to_string(),
                dates,
                requested,
                available,
                listing_id,
            }
            .into(),
            Unfit::Closed { error, .. } => *error,
        }
    }
}

/// Which dead holds count as free: all, or none, where they have been ended as far as they could be.
#[derive(Clone, Copy, PartialEq)]
pub enum Dead {
    AreFree,
    AreEnded,
}

/// Judges the dates that are claimed in `deltas`; `own` is what the claim has of them already, and a refusal tells with
/// it. Dates that nobody may ask for are an error: of no resource, in the past, not open.
pub fn judge(
    engine: &Engine,
    deltas: &DateDeltas,
    own: &DateDeltas,
    dead: Dead,
) -> Result<Result<Seen, Unfit>, Error> {
    let claimed: Vec<DateKey> = deltas
        .iter()
        .filter(|(_, units)| *units > 0)
        .map(|(key, _)| key.clone())
        .collect();
    let rows = rows::now(engine, &claimed);
    let mut needs_room = Vec::new();
    for keys in claimed.chunk_by(|one, next| one.resource_id == next.resource_id) {
        let resource = resource::now(engine, &keys[0].resource_id)?;
        let rows = rows_of(&rows, &resource.id);
        refuse_what_cannot_be(&resource, keys, rows)?;
        if let Some(closed) = closed(engine, &resource, rows)? {
            return Ok(Err(closed));
        }
        match room(engine, &resource, rows, deltas, own, dead) {
            Ok(false) => {}
            Ok(true) => needs_room.push(resource.id.clone()),
            Err(short) => return Ok(Err(short)),
        }
    }
    Ok(
        stock(engine, &rows, deltas, own, dead)?.map(|needs_stock| Seen {
            rows,
            needs_room,
            needs_stock,
        }),
    )
}

fn rows_of<'r>(rows: &'r [DateRow], resource_id: &Rc<str>) -> &'r [DateRow] {
    let first = rows.partition_point(|row| row.key.resource_id < *resource_id);
    let end = rows.partition_point(|row| row.key.resource_id <= *resource_id);
    &rows[first..end]
}

fn refuse_what_cannot_be(
    resource: &Resource,
    keys: &[DateKey],
    rows: &[DateRow],
) -> Result<(), Error> {
    if let Some(error) = resource.refusal() {
        return Err(error);
    }
    if keys[0].date < calendar::nowhere_past() {
        let today = resource.today();
        let past = keys.iter().map(|key| key.date).filter(|day| *day < today);
        let past: Vec<Day> = past.collect();
        if !past.is_empty() {
            return Err(Booking::DateInPast {
                resource_id: resource.id.to_string(),
                dates: past,
                today,
                timezone: resource.timezone.clone(),
            }
            .into());
        }
    }
    if rows.len() == keys.len() {
        return Ok(());
    }
    let is_open = |day: &Day| rows.iter().any(|row| row.key.date == *day);
    let dates = keys.iter().map(|key| key.date);
    Err(Booking::DateNotOpen {
        resource_id: resource.id.to_string(),
        dates: dates.filter(|day| !is_open(day)).collect(),
    }
    .into())
}

/// An error where it is not a blackout that closes them.
fn closed(engine: &Engine, resource: &Resource, rows: &[DateRow]) -> Result<Option<Unfit>, Error> {
    let dates = rows.iter().filter(|row| row.closures > 0);
    let dates: Vec<Day> = dates.map(|row| row.key.date).collect();
    if dates.is_empty() {
        return Ok(None);
    }
    match closures::refusal(engine, &resource.id, &dates) {
        Error::Booking(Booking::BlackedOut { dates, .. }) if dates.is_empty() => Ok(None),
        Error::Booking(error @ Booking::BlackedOut { .. }) => Ok(Some(Unfit::Closed {
            resource_id: resource.id.clone(),
            dates,
            error: Box::new(error.into()),
        })),
        error => Err(error),
    }
}

/// Whether dead holds must end first for it to fit.
fn room(
    engine: &Engine,
    resource: &Resource,
    rows: &[DateRow],
    deltas: &DateDeltas,
    own: &DateDeltas,
    dead: Dead,
) -> Result<bool, Unfit> {
    let left = |row: &DateRow| i64::from(row.available);
    let is_short = |row: &&DateRow| left(row) < deltas.of(&row.key);
    if !rows.iter().any(|row| is_short(&row)) {
        return Ok(false);
    }
    let dead = match dead {
        Dead::AreFree => dead::now(engine, &resource.id),
        Dead::AreEnded => DeadDates::default(),
    };
    let free = |row: &DateRow| left(row) + dead.on(row.key.date);
    let short: Vec<&DateRow> = rows
        .iter()
        .filter(|row| free(row) < deltas.of(&row.key))
        .collect();
    let could_have = |row: &DateRow| free(row) + own.of(&row.key);
    let Some(least) = short.iter().map(|row| could_have(row)).min() else {
        return Ok(true);
    };
    let wanted = |row: &DateRow| deltas.of(&row.key) + own.of(&row.key);
    Err(Unfit::Short {
        resource_id: resource.id.clone(),
        dates: short.iter().map(|row| row.key.date).collect(),
        requested: short.iter().map(|row| wanted(row)).max().unwrap_or(0),
        available: least.max(0),
        listing_id: None,
    })
}

static STOCK: Statement = Statement::fresh(
    "SELECT quantity_available, safety_stock, quantity_held FROM {s}.stock_listings
      WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Units of a listing that may be booked on a date with nothing booked on it.
pub fn stock_behind(engine: &Engine, listing_id: Uuid, dead: Dead) -> Result<i64, Error> {
    let args = [id(listing_id), id(engine.tenant)];
    let found = plans::run_one(engine, &STOCK, &args, |row| {
        [1, 2, 3].map(|at| i64::from(row.need::<i32>(at)))
    });
    let [available, safety_stock, held] = found.ok_or(Error::ListingNotFound { listing_id })?;
    let dead = match (held, dead) {
        (0, _) | (_, Dead::AreEnded) => 0,
        _ => dead_stock::dead_now(engine, engine.tenant, listing_id).units,
    };
    Ok(available + dead - safety_stock)
}

/// Listings behind the resources of which dead holds must end first for it to fit.
fn stock(
    engine: &Engine,
    rows: &[DateRow],
    deltas: &DateDeltas,
    own: &DateDeltas,
    dead: Dead,
) -> Result<Result<Vec<Uuid>, Unfit>, Error> {
    let mut by_listing: BTreeMap<Uuid, BTreeMap<Day, i64>> = BTreeMap::new();
    let mut own_by_day: HashMap<(Uuid, Day), i64> = HashMap::new();
    let mut resource_of: HashMap<Uuid, Rc<str>> = HashMap::new();
    for row in rows {
        let Some(listing_id) = row.listing_id else {
            continue;
        };
        resource_of
            .entry(listing_id)
            .or_insert_with(|| row.key.resource_id.clone());
        let units = by_listing.entry(listing_id).or_default();
        *units.entry(row.key.date).or_default() += deltas.of(&row.key);
        *own_by_day.entry((listing_id, row.key.date)).or_default() += own.of(&row.key);
    }
    let mut needs_stock = Vec::new();
    for (listing_id, wanted) in by_listing {
        let stock = stock_behind(engine, listing_id, dead)?;
        let dates: Vec<Day> = wanted.keys().copied().collect();
        let free =
            |booked: &HashMap<Day, i64>, day: &Day| stock - booked.get(day).copied().unwrap_or(0);
        let short = |booked: &HashMap<Day, i64>| -> Vec<Day> {
            let short = wanted
                .iter()
                .filter(|(day, units)| free(booked, day) < **units);
            short.map(|(day, _)| *day).collect()
        };
        let mut booked = booked::on(engine, listing_id, &dates);
        if short(&booked).is_empty() {
            continue;
        }
        if dead == Dead::AreFree {
            booked = booked::on_without_dead(engine, listing_id, &dates);
        }
        let short = short(&booked);
        let own = |day: &Day| own_by_day.get(&(listing_id, *day)).copied().unwrap_or(0);
        let could_have = |day: &Day| free(&booked, day) + own(day);
        let Some(least) = short.iter().map(could_have).min() else {
            needs_stock.push(listing_id);
            continue;
        };
        return Ok(Err(Unfit::Short {
            resource_id: resource_of[&listing_id].clone(),
            requested: short
                .iter()
                .map(|day| wanted[day] + own(day))
                .max()
                .unwrap_or(0),
            dates: short,
            available: least.max(0),
            listing_id: Some(listing_id),
        }));
    }
    Ok(Ok(needs_stock))
}
