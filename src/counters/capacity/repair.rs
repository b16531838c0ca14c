//! repair_bookings: rewrites every number of bookings from the claims.

use super::booked;
use crate::counters::aside;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{INT4OID, UUIDOID};
use pgrx::prelude::*;

/// Writers wait until the repair has committed; in the order in which claims take these tables.
static LOCK: Statement = Statement::fresh(
    "LOCK TABLE {s}.resource, {s}.resource_hold, {s}.resource_allocation, {s}.resource_capacity,
                {s}.resource_blackout, {s}.stock_listings
       IN SHARE ROW EXCLUSIVE MODE",
    &[],
);
static DATES: Statement = Statement::fresh(
    "WITH claim AS (
       SELECT resource_id, dates, quantity FROM {s}.resource_hold WHERE tenant_id = $1 AND status = 'ACTIVE'
       UNION ALL
       SELECT resource_id, dates, quantity FROM {s}.resource_allocation WHERE tenant_id = $1),
     booked AS (
       SELECT k.resource_id, d.date, sum(k.quantity) AS units
         FROM claim k, unnest(k.dates) AS d (date) GROUP BY k.resource_id, d.date),
     actual AS (
       SELECT c.id, (c.max_capacity - coalesce(b.units, 0))::int AS available, r.listing_id,
              (NOT r.is_active)::int + (r.deleted_at IS NOT NULL)::int
              + (SELECT count(*) FROM {s}.resource_blackout k
                  WHERE k.resource_id = c.resource_id AND c.date BETWEEN k.start_date AND k.end_date)::int AS closures
         FROM {s}.resource_capacity c JOIN {s}.resource r ON r.id = c.resource_id
         LEFT JOIN booked b ON b.resource_id = c.resource_id AND b.date = c.date
        WHERE c.tenant_id = $1),
     done AS (
       UPDATE {s}.resource_capacity c
          SET available_capacity = a.available, closures = a.closures, listing_id = a.listing_id,
              updated_at = clock_timestamp()
         FROM actual a
        WHERE c.id = a.id AND (c.available_capacity, c.closures, c.listing_id)
                              IS DISTINCT FROM (a.available, a.closures, a.listing_id)
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
)
.of_whole_tables();
static LISTINGS: Statement = Statement::fresh(
    "SELECT listing_id, quantity_booked FROM {s}.stock_listings
      WHERE tenant_id = $1 AND (quantity_booked > 0 OR listing_id IN (SELECT listing_id FROM {s}.resource))
      ORDER BY listing_id",
    &[UUIDOID],
)
.of_whole_tables();
static LISTING: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings SET quantity_booked = $3 WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID, INT4OID],
);

/// Rewrites what is free of each date, what closes it, and what is booked of listings, from the claims of the
/// session's tenant. Writers wait meanwhile. Returns how many rows were wrong.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn repair_bookings(fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    let engine = Engine::of_call(fcinfo);
    let tenant = || [id(engine.tenant)];
    plans::run(&engine, &LOCK, &[], |_| ());
    let dates = aside::during(|| plans::run(&engine, &DATES, &tenant(), |row| row.need::<i32>(1)));
    let mut wrong: i32 = dates.into_iter().sum();
    let listings = plans::run(&engine, &LISTINGS, &tenant(), |row| {
        (row.id(1), row.need::<i32>(2))
    });
    for (listing_id, stored) in listings {
        let peak = booked::peak(&engine, engine.tenant, listing_id);
        let peak = i32::try_from(peak).unwrap_or(i32::MAX);
        if peak != stored {
            let args = [id(listing_id), id(engine.tenant), peak.into()];
            aside::during(|| plans::write_all(&engine, &LISTING, &args, 1));
            wrong += 1;
        }
    }
    wrong
}
