//! hold_package, confirm_package and release_package: several resources, for several dates, all or none.

use super::answer::{Held, PackageColumns};
use super::confirm::{self, Confirmed, LineItem};
use super::dates::{self, key};
use super::hold::common;
use super::place::{place, Wish};
use super::row::{self, HoldRow};
use super::written::NewHold;
use super::{ends, judge::Unfit};
use crate::arguments::{answer_when_short, required, required_id};
use crate::calendar;
use crate::engine::{pinned, Engine};
use crate::error::{Booking, Error};
use crate::ids;
use crate::jsonb::Jsonb;
use crate::requests::{self, Request};
use crate::tries::KeyTaken;
use pgrx::datum::{Date, Interval};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::cell::RefCell;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use stockroom_core::lines::PackageLines;
use uuid::Uuid;

/// What is answered, and kept for replays.
#[derive(Serialize, Deserialize)]
struct Package {
    package_id: Option<Uuid>,
    holds: Vec<Held>,
}

fn hold(engine: &Engine, wish: &mut Wish) -> Result<Result<Package, Unfit>, Error> {
    let placed = match place(engine, wish)? {
        Ok(placed) => placed,
        // A package's token is not its holds'.
        Err(KeyTaken) => return Err(Error::WriteInterfered),
    };
    Ok(placed.map(|left| Package {
        package_id: wish.common.package_id,
        holds: wish
            .holds
            .iter()
            .map(|hold| Held::placed(hold, &wish.common, left.of(&hold.resource_id)))
            .collect(),
    }))
}

/// Holds several resources, each on its dates, all or none: a vehicle and a guide, say.
///
/// `lines`: `[{"resource_id", "quantity"?, "dates"?}]`, at most 10000; the quantity is 1 by default, the dates those
/// of the call; an unknown key is an error. All else as in hold_resource; with an `idempotency_token` a replay
/// returns the same holds as they are now, with `replayed`. Returns a row a line; with `on_short` 'answer', of a
/// package that cannot be held, one for the first resource that is short. Errors: insufficient_capacity,
/// date_blacked_out, date_not_open, date_in_past, resource_not_found, resource_not_active, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn hold_package(
    lines: Option<Jsonb>,
    dates: default!(Option<Vec<Option<Date>>>, "NULL"),
    customer_email: default!(Option<String>, "NULL"),
    idempotency_token: default!(Option<String>, "NULL"),
    ttl: default!(Option<Interval>, "'30 minutes'"),
    on_short: default!(Option<String>, "'error'"),
    metadata: default!(Option<Jsonb>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(package_id, Option<PgUuid>),
            name!(hold_id, Option<PgUuid>),
            name!(resource_id, String),
            name!(state, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(replayed, bool),
            name!(available, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let dates = match dates {
        Some(dates) => Some(dates::of_booking(Some(dates))?),
        None => None,
    };
    let lines = required("lines", lines)?.parse("lines")?;
    let lines =
        PackageLines::parse(&lines, dates.as_deref()).map_err(|problem| Error::BadArgument {
            argument: "lines",
            problem: problem.to_string(),
        })?;
    let new_hold = |line: &stockroom_core::lines::PackageLine| NewHold {
        hold_id: Uuid::nil(),
        resource_id: Rc::from(&*line.resource_id),
        dates: line.dates.clone(),
        quantity: line.quantity,
    };
    let mut common = common(ttl, customer_email, None, metadata)?;
    common.package_id = Some(ids::new_key());
    let mut wish = Wish {
        holds: lines.as_slice().iter().map(new_hold).collect(),
        common,
    };
    let answers = answer_when_short(on_short.as_deref())?;
    let email = wish.common.customer_email.clone();
    let request = idempotency_token.as_deref().map(|token| Request {
        argument: "idempotency_token",
        function: "hold_package",
        key: token,
        arguments: json!({"lines": lines.canonical(), "customer_email": email}),
    });
    let json = |package: &Package| serde_json::to_value(package).expect("plain JSON");
    let refused = |unfit: Unfit| match answers {
        true => Ok(json(&Package {
            package_id: None,
            holds: vec![Held::refused(&unfit)],
        })),
        false => Err(unfit.into_error()),
    };
    let (answer, replayed) = match request {
        None => {
            let (Ok(answer) | Err(answer)) = done(hold(&engine, &mut wish)?, json, refused)?;
            (answer, false)
        }
        // Tokens of calls are kept by statements: pinned once for all of them.
        request => pinned(|| {
            let wish = RefCell::new(wish);
            // Refused by a read where it can be, else in line: without a transaction id.
            let refuse = || match wish.borrow().line_up(&engine)? {
                Some(unfit) => refused(unfit).map(Some),
                None => Ok(None),
            };
            let run = || done(hold(&engine, &mut wish.borrow_mut())?, json, refused);
            requests::once_if_done(&engine, request, refuse, run)
        })?,
    };
    let mut package: Package = serde_json::from_value(answer).expect("it was written so");
    if replayed {
        package.holds = match package.package_id {
            Some(package_id) => as_they_are(&engine, package_id, package.holds),
            None => package.holds,
        };
    }
    let package_id = package.package_id;
    let rows = package.holds.into_iter();
    let rows: Vec<PackageColumns> = rows.map(|hold| hold.package_columns(package_id)).collect();
    Ok(TableIterator::new(rows))
}

/// The answer: done, or refused as one.
fn done(
    held: Result<Package, Unfit>,
    json: impl Fn(&Package) -> Value,
    refused: impl Fn(Unfit) -> Result<Value, Error>,
) -> Result<Result<Value, Value>, Error> {
    match held {
        Ok(package) => Ok(Ok(json(&package))),
        Err(unfit) => refused(unfit).map(Err),
    }
}

/// The holds that were answered first, as they are now; those that were purged, as they were.
fn as_they_are(engine: &Engine, package_id: Uuid, first: Vec<Held>) -> Vec<Held> {
    let rows = row::by_package(engine, package_id);
    let now = |held: Held| {
        let row = rows.iter().find(|row| Some(row.hold_id) == held.hold_id);
        row.map_or(
            Held {
                replayed: true,
                ..held
            },
            Held::replayed,
        )
    };
    first.into_iter().map(now).collect()
}

fn holds_of(engine: &Engine, package_id: Uuid) -> Result<Vec<HoldRow>, Error> {
    let rows = row::by_package(engine, package_id);
    match rows.is_empty() {
        true => Err(Booking::PackageNotFound { package_id }.into()),
        false => Ok(rows),
    }
}

/// Turns all holds of a package into bookings of an order, all or none, and returns them.
///
/// Each has a line item of its own: the one that is given, with `/` and the resource's key behind it, and where a
/// resource is there more than once, `/2` and so on behind that. With an `idempotency_key` a replay returns the
/// first answer. Errors: package_not_found, hold_not_active, hold_expired, line_item_booked, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn confirm_package(
    package_id: Option<PgUuid>,
    order_id: Option<String>,
    line_item_id: Option<String>,
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(allocation_id, PgUuid),
            name!(resource_id, String),
            name!(line_item_id, String),
            name!(dates, Vec<Date>),
            name!(quantity, i32),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let package_id = required_id("package_id", package_id)?;
    let order_id = key("order_id", order_id)?;
    let line_item_id = key("line_item_id", line_item_id)?;
    let arguments =
        || json!({"package_id": package_id, "order_id": order_id, "line_item_id": line_item_id});
    let request = Request::with_key("confirm_package", idempotency_key.as_deref(), arguments);
    let refuse = || {
        confirm::refuse(&holds_of(&engine, package_id)?)?;
        Ok(None)
    };
    let run = || -> Result<Result<Value, Value>, Error> {
        let holds = holds_of(&engine, package_id)?;
        confirm::refuse(&holds)?;
        let wanted = with_line_items(holds, &order_id, &line_item_id)?;
        Ok(Ok(json!(confirm::confirm(&engine, &wanted)?)))
    };
    let (answer, replayed) = pinned(|| requests::once_if_done(&engine, request, refuse, run))?;
    let rows: Vec<Confirmed> = serde_json::from_value(answer).expect("it was written so");
    let rows = rows.into_iter().map(|row| {
        let dates = row.dates.into_iter().map(|day| calendar::to_pg(Day(day)));
        (
            ids::to_pg(row.allocation_id),
            row.resource_id,
            row.line_item_id,
            dates.collect(),
            row.quantity,
            replayed,
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

fn with_line_items(
    holds: Vec<HoldRow>,
    order_id: &str,
    line_item_id: &str,
) -> Result<Vec<(HoldRow, LineItem)>, Error> {
    let mut wanted: Vec<(HoldRow, LineItem)> = Vec::with_capacity(holds.len());
    for row in holds {
        let same = |(other, _): &&(HoldRow, LineItem)| other.resource_id == row.resource_id;
        let name = match wanted.iter().filter(same).count() {
            0 => format!("{line_item_id}/{}", row.resource_id),
            before => format!("{line_item_id}/{}/{}", row.resource_id, before + 1),
        };
        let item = LineItem {
            order_id: order_id.to_owned(),
            line_item_id: key("line_item_id", Some(name))?,
        };
        wanted.push((row, item));
    }
    Ok(wanted)
}

/// Gives all holds of a package up, all or none, and returns how many dates that frees.
///
/// Errors: package_not_found, hold_not_active, hold_expired.
#[pg_extern(security_definer)]
fn release_package(
    package_id: Option<PgUuid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let holds = holds_of(&engine, required_id("package_id", package_id)?)?;
    Ok(ends::release(&engine, &holds)? as i32)
}
