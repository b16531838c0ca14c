//! confirm_resource_hold: a hold becomes the booking of an order's line item.

use super::dates::key;
use super::row::{self, HoldRow};
use crate::arguments::required_id;
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::engine::{pinned, Engine};
use crate::error::{Booking, Error};
use crate::ids;
use crate::plans::{self, id, Statement};
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEARRAYOID, INT4OID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stockroom_core::hold::Remainder;
use uuid::Uuid;

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.resource_allocation
            (id, tenant_id, resource_id, order_id, line_item_id, dates, quantity, hold_id, metadata, created_at,
             updated_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, h.id, h.metadata, $9, $9 FROM {s}.resource_hold h
      WHERE h.id = $8 AND h.tenant_id = $2
     ON CONFLICT (order_id, line_item_id, tenant_id) DO NOTHING
     RETURNING quantity = $7 AND tenant_id = $2 AND resource_id = $3 AND dates = $6",
    &[
        UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, DATEARRAYOID, INT4OID, UUIDOID, TIMESTAMPTZOID,
    ],
);

/// A booking that a hold became.
#[derive(Serialize, Deserialize)]
pub struct Confirmed {
    pub allocation_id: Uuid,
    pub resource_id: String,
    pub line_item_id: String,
    /// PostgreSQL's days.
    pub dates: Vec<i32>,
    pub quantity: i32,
}

/// Whose booking it becomes.
pub struct LineItem {
    pub order_id: String,
    pub line_item_id: String,
}

fn confirmed(row: &HoldRow, now: i64) -> Result<HoldRow, Error> {
    let confirmation = row.life.confirm(None, Remainder::Release, now);
    let after = confirmation.map_err(|refused| row.refusal(refused))?.after;
    Ok(HoldRow {
        confirmed_at: Some(now),
        ..row.with(after)
    })
}

/// Confirms holds, each for its line item, all or none; answers the allocations' keys. The dates' counters stay as
/// they are: what was held is booked.
pub fn confirm(engine: &Engine, wanted: &[(HoldRow, LineItem)]) -> Result<Vec<Confirmed>, Error> {
    let holds = ids::in_order(wanted.iter().map(|(row, _)| row.hold_id));
    // As they are now that they are locked.
    let locked = row::change(engine, &holds, confirmed)?;
    let items = wanted.iter().map(|(seen, item)| {
        let row = locked.iter().find(|row| row.hold_id == seen.hold_id);
        (row.expect("it is confirmed"), item)
    });
    items
        .map(|(row, item)| allocate(engine, row, item))
        .collect()
}

/// Refused by a read where it can be: without a transaction id.
pub fn refuse(holds: &[HoldRow]) -> Result<(), Error> {
    let now = clock::microseconds();
    holds
        .iter()
        .try_for_each(|row| confirmed(row, now).map(|_| ()))
}

fn allocate(engine: &Engine, row: &HoldRow, item: &LineItem) -> Result<Confirmed, Error> {
    let allocation_id = ids::new_key();
    let args = [
        id(allocation_id),
        id(engine.tenant),
        (&*row.resource_id).into(),
        item.order_id.as_str().into(),
        item.line_item_id.as_str().into(),
        calendar::dates(row.dates.iter().copied()),
        row.life.quantity.into(),
        id(row.hold_id),
        clock::now().into(),
    ];
    let written = aside::during(|| plans::run(engine, &INSERT, &args, |row| row.need::<bool>(1)));
    match written[..] {
        [true] => Ok(Confirmed {
            allocation_id,
            resource_id: row.resource_id.to_string(),
            line_item_id: item.line_item_id.clone(),
            dates: row.dates.iter().map(|day| day.0).collect(),
            quantity: row.life.quantity,
        }),
        [] if !is_booked(engine, item) => Err(Error::WriteInterfered),
        [] => Err(Booking::LineItemBooked {
            order_id: item.order_id.clone(),
            line_item_id: item.line_item_id.clone(),
        }
        .into()),
        // A trigger of the app has changed it.
        _ => Err(Error::WriteInterfered),
    }
}

static BOOKED: Statement = Statement::stable(
    "SELECT FROM {s}.resource_allocation WHERE order_id = $1 AND line_item_id = $2 AND tenant_id = $3",
    &[TEXTOID, TEXTOID, UUIDOID],
);

/// Whether somebody else's booking has the line item; at REPEATABLE READ also one that came in since.
fn is_booked(engine: &Engine, item: &LineItem) -> bool {
    let args = [
        item.order_id.as_str().into(),
        item.line_item_id.as_str().into(),
        id(engine.tenant),
    ];
    let found = plans::with_latest_snapshot(|| plans::run(engine, &BOOKED, &args, |_| ()));
    !found.is_empty()
}

/// Turns a hold into the booking of an order's line item, and returns the allocation's key.
///
/// It cannot fail for lack of capacity: what was held is booked. With an `idempotency_key` a replay returns the
/// first answer. Errors: hold_not_found, hold_not_active, hold_expired (swept or not), line_item_booked,
/// bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn confirm_resource_hold(
    hold_id: Option<PgUuid>,
    order_id: Option<String>,
    line_item_id: Option<String>,
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<PgUuid, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let hold_id = required_id("hold_id", hold_id)?;
    let item = LineItem {
        order_id: key("order_id", order_id)?,
        line_item_id: key("line_item_id", line_item_id)?,
    };
    let arguments = || json!({"hold_id": hold_id, "order_id": item.order_id, "line_item_id": item.line_item_id});
    let request = Request::with_key(
        "confirm_resource_hold",
        idempotency_key.as_deref(),
        arguments,
    );
    let refuse = || {
        self::refuse(&[row::by_id(&engine, hold_id)?])?;
        Ok(None)
    };
    let run = || {
        let row = row::by_id(&engine, hold_id)?;
        self::refuse(std::slice::from_ref(&row))?;
        let item = LineItem {
            order_id: item.order_id.clone(),
            line_item_id: item.line_item_id.clone(),
        };
        Ok(Ok(json!(
            confirm(&engine, &[(row, item)])?[0].allocation_id
        )))
    };
    let (answer, _) = pinned(|| requests::once_if_done(&engine, request, refuse, run))?;
    Ok(ids::to_pg(requests::id_of(&answer)))
}
