//! find_available: which resources of a type are free on dates.

use super::availability::Behind;
use super::dates;
use crate::arguments::{positive, positive_if_given, required};
use crate::calendar;
use crate::clock;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use crate::stored_rows::{Store, StoredRows};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{BOOLOID, DATEARRAYOID, DATEOID, INT4OID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// Resource by resource, and of each the run of its dates in the index; what is dead is looked for where anything is
/// booked, and summed up where there is any. $8 says that the dates have no gaps, $9 that they are past nowhere:
/// neither need be looked at for each row then.
static FIND: Statement = Statement::stable(
    "SELECT r.id, r.name, f.available, r.listing_id
       FROM {s}.resource r,
            LATERAL (SELECT min(c.available_capacity) AS uncounted,
                            bool_or(c.available_capacity < c.max_capacity) AS is_booked
                       FROM {s}.resource_capacity c
                      WHERE c.resource_id = r.id AND c.date BETWEEN $3 AND $4 AND ($8 OR c.date = ANY ($6))
                        AND c.closures = 0 AND c.max_capacity >= $5
                     HAVING count(*) = cardinality($6)) AS d,
            LATERAL (SELECT CASE WHEN d.is_booked
                                  AND EXISTS (SELECT FROM {s}.resource_hold h
                                               WHERE h.resource_id = r.id AND h.status = 'ACTIVE' AND h.expires_at <= $7)
                                 THEN (SELECT min(c.available_capacity
                                                  + (SELECT coalesce(sum(h.quantity), 0) FROM {s}.resource_hold h
                                                      WHERE h.resource_id = r.id AND h.status = 'ACTIVE'
                                                        AND h.expires_at <= $7 AND c.date = ANY (h.dates)))
                                         FROM {s}.resource_capacity c
                                        WHERE c.resource_id = r.id AND c.date = ANY ($6))::int
                                 ELSE d.uncounted
                            END AS available OFFSET 0) AS f
      WHERE r.tenant_id = $1 AND r.type = $2 AND r.is_active AND r.deleted_at IS NULL
        AND ($9 OR $3 >= ($7 AT TIME ZONE r.timezone)::date)
        AND f.available >= $5
      ORDER BY r.id",
    &[
        UUIDOID,
        TEXTOID,
        DATEOID,
        DATEOID,
        INT4OID,
        DATEARRAYOID,
        TIMESTAMPTZOID,
        BOOLOID,
        BOOLOID,
    ],
);

/// Resources of a type that have `quantity` units free on all of these dates, by key, with what is free on all of
/// them.
///
/// `dates` as in hold_resource; `most` how many are wanted, NULL for all. What it answers may be taken by others
/// meanwhile: hold_resource decides. Errors: bad_argument.
#[pg_extern(
    sql = "CREATE FUNCTION find_available(type text, dates date[], quantity integer DEFAULT 1, most integer DEFAULT NULL)
               RETURNS TABLE (resource_id text, name text, available integer)
               STABLE SECURITY DEFINER LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@' ROWS 100;"
)]
fn find_available(
    r#type: Option<String>,
    dates: Option<Vec<Option<Date>>>,
    quantity: Option<i32>,
    most: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<StoredRows, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let dates = dates::of_booking(dates)?;
    let quantity = positive("quantity", quantity)?;
    let (first, last) = (dates[0], dates[dates.len() - 1]);
    let have_no_gaps = (last.0 - first.0) as usize == dates.len() - 1;
    let args = [
        id(engine.tenant),
        required("type", r#type)?.into(),
        calendar::to_pg(first).into(),
        calendar::to_pg(last).into(),
        quantity.into(),
        calendar::dates(dates.iter().copied()),
        clock::now().into(),
        have_no_gaps.into(),
        (first >= calendar::nowhere_past()).into(),
    ];
    let most = positive_if_given("most", most)?;
    let found = plans::run(&engine, &FIND, &args, |row| Found {
        resource_id: row.need(1),
        name: row.need(2),
        available: row.need(3),
        listing_id: row.maybe_id(4),
    });
    let suffice = found
        .into_iter()
        .filter_map(|found| found.with_stock(&engine, &dates, quantity));
    let mut store = Store::of_call(fcinfo);
    for found in suffice.take(most.map_or(usize::MAX, |most| most as usize)) {
        store.put([
            found.resource_id.into_datum(),
            found.name.into_datum(),
            found.available.into_datum(),
        ]);
    }
    Ok(StoredRows)
}

/// A resource whose own capacity suffices.
struct Found {
    resource_id: String,
    name: String,
    available: i32,
    listing_id: Option<Uuid>,
}

impl Found {
    /// With what the listing behind it has left; None where that does not suffice.
    fn with_stock(self, engine: &Engine, dates: &[Day], quantity: i32) -> Option<Found> {
        let Some(listing_id) = self.listing_id else {
            return Some(self);
        };
        let behind = Behind::seen(engine, listing_id, dates[0], dates[dates.len() - 1]);
        let left = dates.iter().map(|day| behind.left(*day)).min()?;
        let available = left.min(self.available.into()) as i32;
        (available >= quantity).then_some(Found { available, ..self })
    }
}
