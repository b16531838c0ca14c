//! The proof: every counter, and every attached column, against what the rows say.

use super::registration::Registration;
use super::verify_attached;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use pgrx::AnyNumeric;
use uuid::Uuid;

/// One counter that is not what the rows say.
pub struct Difference {
    pub kind: String,
    pub key: String,
    pub counter: String,
    pub stored: Option<AnyNumeric>,
    pub actual: Option<AnyNumeric>,
    /// Listing whose attached row is wrong.
    pub attached_listing: Option<Uuid>,
}

/// What lots, allocations and holds add up to, beside what is stored; and what loans say is out, beside what
/// is allocated to them.
static COUNTERS: Statement = Statement::stable(
    "WITH claimed AS (
       SELECT lot_id, sum(quantity) AS units FROM {s}.stock_allocations
        WHERE tenant_id = $1 AND status = 'active' GROUP BY lot_id),
     lot AS (
       SELECT l.lot_id, l.listing_id, l.location_id, l.sellable, l.quantity_total,
              l.quantity_allocated AS stored, coalesce(c.units, 0) AS claimed
         FROM {s}.stock_lots l LEFT JOIN claimed c ON c.lot_id = l.lot_id
        WHERE l.tenant_id = $1),
     at_level AS (
       SELECT listing_id, location_id, sum(quantity_total) AS total,
              coalesce(sum(quantity_total) FILTER (WHERE sellable), 0) AS listed,
              coalesce(sum(claimed) FILTER (WHERE sellable), 0) AS allocated
         FROM lot GROUP BY listing_id, location_id),
     at_listing AS (
       SELECT listing_id, sum(total) AS total, sum(listed) AS listed, sum(allocated) AS allocated
         FROM at_level GROUP BY listing_id),
     hold AS (
       SELECT hold_id, listing_id, location_id, quantity FROM {s}.stock_holds
        WHERE tenant_id = $1 AND status IN ('active', 'waiting')),
     held_at_level AS (
       SELECT listing_id, location_id, sum(quantity) AS units FROM hold
        WHERE location_id IS NOT NULL GROUP BY listing_id, location_id),
     held_of_listing AS (
       SELECT listing_id, sum(quantity) AS units FROM hold GROUP BY listing_id),
     pair (kind, key, counter, stored, actual) AS (
       SELECT 'lot', lot_id::text, 'quantity_allocated', stored::numeric, claimed::numeric FROM lot
       UNION ALL
       SELECT 'lot', l.lot_id::text, CASE WHEN g.listing_id IS NULL THEN 'no listing' ELSE 'no location' END,
              l.quantity_total, NULL
         FROM lot l
         LEFT JOIN {s}.stock_listings g ON g.listing_id = l.listing_id AND g.tenant_id = $1
         LEFT JOIN {s}.locations p ON p.location_id = l.location_id AND (p.tenant_id = $1 OR p.is_preset)
        WHERE g.listing_id IS NULL OR p.location_id IS NULL
       UNION ALL
       SELECT 'level', coalesce(v.listing_id, a.listing_id, h.listing_id)::text || ' at '
                       || coalesce(v.location_id, a.location_id, h.location_id)::text,
              c.counter, c.stored, c.actual
         FROM (SELECT * FROM {s}.stock_levels WHERE tenant_id = $1) v
         FULL JOIN at_level a ON a.listing_id = v.listing_id AND a.location_id = v.location_id
         FULL JOIN held_at_level h ON h.listing_id = coalesce(v.listing_id, a.listing_id)
                                  AND h.location_id = coalesce(v.location_id, a.location_id),
              LATERAL (VALUES ('quantity_total', v.quantity_total::numeric, coalesce(a.total, 0)),
                              ('quantity_listed', v.quantity_listed, coalesce(a.listed, 0)),
                              ('quantity_allocated', v.quantity_allocated, coalesce(a.allocated, 0)),
                              ('quantity_held', v.quantity_held, coalesce(h.units, 0))) AS c (counter, stored, actual)
       UNION ALL
       SELECT 'listing', g.listing_id::text, c.counter, c.stored, c.actual
         FROM {s}.stock_listings g
         LEFT JOIN at_listing a ON a.listing_id = g.listing_id
         LEFT JOIN held_of_listing h ON h.listing_id = g.listing_id,
              LATERAL (VALUES ('quantity_total', g.quantity_total::numeric, coalesce(a.total, 0)),
                              ('quantity_listed', g.quantity_listed, coalesce(a.listed, 0)),
                              ('quantity_allocated', g.quantity_allocated, coalesce(a.allocated, 0)),
                              ('quantity_held', g.quantity_held, coalesce(h.units, 0))) AS c (counter, stored, actual)
        WHERE g.tenant_id = $1
       UNION ALL
       SELECT 'hold', h.hold_id::text, 'no listing', h.quantity, NULL
         FROM hold h LEFT JOIN {s}.stock_listings g ON g.listing_id = h.listing_id AND g.tenant_id = $1
        WHERE g.listing_id IS NULL
       UNION ALL
       SELECT 'loan', n.loan_id::text, c.counter, c.stored, c.actual
         FROM {s}.stock_loans n
         LEFT JOIN {s}.stock_listings g ON g.listing_id = n.listing_id AND g.tenant_id = $1,
              LATERAL (SELECT coalesce(sum(a.quantity), 0) AS units FROM {s}.stock_allocations a
                        WHERE a.order_id = n.loan_id AND a.tenant_id = $1 AND a.listing_id = n.listing_id
                          AND a.status = 'active') AS claimed,
              LATERAL (VALUES ('quantity_out', (n.quantity - n.quantity_returned - n.quantity_lost)::numeric,
                               claimed.units::numeric),
                              ('no listing', CASE WHEN g.listing_id IS NULL THEN n.quantity END, NULL))
                              AS c (counter, stored, actual)
        WHERE n.tenant_id = $1 AND n.is_open
       UNION ALL
       SELECT 'allocation', a.allocation_id::text, 'quantity', a.quantity, NULL
         FROM {s}.stock_allocations a LEFT JOIN {s}.stock_lots l
              ON l.lot_id = a.lot_id AND l.tenant_id = a.tenant_id
                 AND (l.listing_id = a.listing_id OR a.status <> 'active')
        WHERE a.tenant_id = $1 AND l.lot_id IS NULL)
     SELECT kind, key, counter, stored, actual FROM pair
      WHERE stored IS DISTINCT FROM actual ORDER BY kind, key, counter",
    &[UUIDOID],
).of_whole_tables();

/// All differences of the session's tenant: the empty set is the proof.
pub fn differences(engine: &Engine) -> Vec<Difference> {
    let mut found = counter_differences(engine);
    found.extend(
        Registration::of_tenant(engine)
            .iter()
            .flat_map(|known| verify_attached::differences(engine, known, Some(engine.tenant))),
    );
    found
}

fn counter_differences(engine: &Engine) -> Vec<Difference> {
    plans::run(engine, &COUNTERS, &[id(engine.tenant)], |row| Difference {
        kind: row.need(1),
        key: row.need(2),
        counter: row.need(3),
        stored: row.get(4),
        actual: row.get(5),
        attached_listing: None,
    })
}

/// Compares every counter, and every attached column, with what the rows say, for the session's
/// tenant. Returns the differences; no rows is the proof that all numbers are right.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn verify_stock(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(kind, String),
        name!(key, String),
        name!(counter, String),
        name!(stored, Option<AnyNumeric>),
        name!(actual, Option<AnyNumeric>),
    ),
> {
    let engine = Engine::of_call(fcinfo);
    let rows = differences(&engine)
        .into_iter()
        .map(|d| (d.kind, d.key, d.counter, d.stored, d.actual));
    TableIterator::new(rows.collect::<Vec<_>>())
}
