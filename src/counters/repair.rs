//! Rewrites every counter, and every attached column, from the rows; adds the lines that the ledger lacks.

use super::registration::Registration;
use super::{aside, corrections, listings, mirror, resolve, verify_attached};
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;

/// Writers wait until the repair has committed; in the order in which claims take these tables.
static LOCK: Statement = Statement::fresh(
    "LOCK TABLE {s}.stock_holds, {s}.stock_lots, {s}.stock_levels, {s}.stock_listings, {s}.stock_allocations,
                {s}.stock_loans
       IN SHARE ROW EXCLUSIVE MODE",
    &[],
);
static LISTING_OF_CLAIMS: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_allocations a SET listing_id = l.listing_id FROM {s}.stock_lots l
        WHERE l.lot_id = a.lot_id AND l.tenant_id = $1 AND a.tenant_id = $1
          AND a.status = 'active' AND a.listing_id <> l.listing_id
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
)
.of_whole_tables();
/// What is claimed for a loan is what its lots don't have to give: the rest is back. Where more is claimed than
/// was lent, people must say which of the two is wrong.
static LOANS: Statement = Statement::fresh(
    "WITH out AS (
       SELECT n.loan_id, n.quantity - n.quantity_lost
                         - coalesce((SELECT sum(a.quantity) FROM {s}.stock_allocations a
                                      WHERE a.order_id = n.loan_id AND a.tenant_id = $1
                                        AND a.status = 'active'), 0) AS returned
         FROM {s}.stock_loans n WHERE n.tenant_id = $1 AND n.is_open),
     done AS (
       UPDATE {s}.stock_loans n
          SET quantity_returned = o.returned, updated_at = clock_timestamp(),
              closed_at = CASE WHEN o.returned + n.quantity_lost = n.quantity THEN clock_timestamp() END
         FROM out o
        WHERE n.loan_id = o.loan_id AND o.returned >= 0 AND n.quantity_returned <> o.returned
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
)
.of_whole_tables();
static LOTS: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_lots l SET quantity_allocated = n.units
         FROM (SELECT k.lot_id, coalesce(sum(a.quantity), 0)::int AS units
                 FROM {s}.stock_lots k LEFT JOIN {s}.stock_allocations a
                      ON a.lot_id = k.lot_id AND a.tenant_id = k.tenant_id AND a.status = 'active'
                WHERE k.tenant_id = $1 GROUP BY k.lot_id) AS n
        WHERE l.lot_id = n.lot_id AND l.tenant_id = $1 AND l.quantity_allocated <> n.units
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
)
.of_whole_tables();
static LEVELS: Statement = Statement::fresh(
    "WITH done AS (
       INSERT INTO {s}.stock_levels AS v
              (tenant_id, listing_id, location_id, quantity_total, quantity_listed, quantity_allocated,
               quantity_held)
       SELECT $1, listing_id, location_id, sum(total)::int, sum(listed)::int, sum(allocated)::int, sum(held)::int
         FROM (SELECT listing_id, location_id, quantity_total AS total,
                      CASE WHEN sellable THEN quantity_total ELSE 0 END AS listed,
                      CASE WHEN sellable THEN quantity_allocated ELSE 0 END AS allocated, 0 AS held
                 FROM {s}.stock_lots WHERE tenant_id = $1
               UNION ALL
               SELECT listing_id, location_id, 0, 0, 0, quantity
                 FROM {s}.stock_holds
                WHERE tenant_id = $1 AND location_id IS NOT NULL AND status IN ('active', 'waiting')
               UNION ALL
               SELECT listing_id, location_id, 0, 0, 0, 0 FROM {s}.stock_levels WHERE tenant_id = $1) AS n
        GROUP BY listing_id, location_id
       ON CONFLICT (listing_id, location_id) DO UPDATE
          SET quantity_total = excluded.quantity_total, quantity_listed = excluded.quantity_listed,
              quantity_allocated = excluded.quantity_allocated, quantity_held = excluded.quantity_held
        WHERE (v.quantity_total, v.quantity_listed, v.quantity_allocated, v.quantity_held)
              IS DISTINCT FROM
              (excluded.quantity_total, excluded.quantity_listed, excluded.quantity_allocated, excluded.quantity_held)
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
).of_whole_tables();
static LISTINGS: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_listings g
          SET quantity_total = n.total, quantity_listed = n.listed, quantity_allocated = n.allocated,
              quantity_held = n.held
         FROM (SELECT k.listing_id, coalesce(sum(v.quantity_total), 0)::int AS total,
                      coalesce(sum(v.quantity_listed), 0)::int AS listed,
                      coalesce(sum(v.quantity_allocated), 0)::int AS allocated,
                      coalesce((SELECT sum(h.quantity) FROM {s}.stock_holds h
                                 WHERE h.listing_id = k.listing_id AND h.tenant_id = k.tenant_id
                                   AND h.status IN ('active', 'waiting')), 0)::int AS held
                 FROM {s}.stock_listings k LEFT JOIN {s}.stock_levels v
                      ON v.listing_id = k.listing_id AND v.tenant_id = k.tenant_id
                WHERE k.tenant_id = $1 GROUP BY k.listing_id) AS n
        WHERE g.listing_id = n.listing_id AND g.tenant_id = $1
          AND (g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held)
              IS DISTINCT FROM (n.total, n.listed, n.allocated, n.held)
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
).of_whole_tables();
/// Where the ledger has got to.
static LISTINGS_MOVED: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_listings g SET version = coalesce(n.version, 0), moved_at = n.recorded_at
         FROM (SELECT k.listing_id, m.version, m.recorded_at
                 FROM {s}.stock_listings k
                 LEFT JOIN (SELECT DISTINCT ON (listing_id) listing_id, version, recorded_at
                              FROM {s}.stock_movements WHERE tenant_id = $1
                             ORDER BY listing_id, version DESC) AS m ON m.listing_id = k.listing_id
                WHERE k.tenant_id = $1) AS n
        WHERE g.listing_id = n.listing_id AND g.tenant_id = $1
          AND (g.version, g.moved_at) IS DISTINCT FROM (coalesce(n.version, 0), n.recorded_at)
       RETURNING 1)
     SELECT count(*)::int FROM done",
    &[UUIDOID],
)
.of_whole_tables();
static LISTINGS_NOW: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at
       FROM {s}.stock_listings WHERE listing_id = ANY ($1) AND tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID],
);

/// Rewrites every counter, and every attached column, of the session's tenant from the rows; what a loan
/// says is out, from its allocations; and adds lines of the type correction (reason repair_stock) where the
/// ledger does not tell what is there. Writers wait meanwhile. Returns how many rows were wrong, and lines
/// missing.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn repair_stock(fcinfo: pg_sys::FunctionCallInfo) -> i32 {
    let engine = Engine::of_call(fcinfo);
    let tenant = || [id(engine.tenant)];
    plans::run(&engine, &LOCK, &[], |_| ());
    // In a database that was restored with its triggers off.
    resolve::resolve(&engine);
    let counters: i32 = [
        &LISTING_OF_CLAIMS,
        &LOANS,
        &LOTS,
        &LEVELS,
        &LISTINGS,
        &LISTINGS_MOVED,
    ]
    .into_iter()
    .map(|step| aside::during(|| plans::run(&engine, step, &tenant(), |row| row.need::<i32>(1)))[0])
    .sum();
    let lines = corrections::write(&engine);
    let attached: usize = Registration::of_tenant(&engine)
        .iter()
        .map(|known| plans::with_latest_snapshot(|| rewrite_attached(&engine, known)))
        .sum();
    counters + lines + attached as i32
}

fn rewrite_attached(engine: &Engine, known: &Registration) -> usize {
    let mut wrong: Vec<_> = verify_attached::differences(engine, known, Some(engine.tenant))
        .into_iter()
        .filter_map(|difference| difference.attached_listing)
        .collect();
    wrong.sort();
    wrong.dedup();
    let args = [id_list(wrong), id(engine.tenant)];
    let mut now = plans::run(engine, &LISTINGS_NOW, &args, listings::listing_after);
    for row in now
        .iter_mut()
        .filter_map(|listing| listing.attached.as_mut())
    {
        row.deferred = false;
    }
    mirror::write(engine, &now);
    now.len()
}
