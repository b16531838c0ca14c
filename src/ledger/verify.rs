//! verify_ledger: the proof that the ledger tells how everything came to be as it is.

use crate::counters::replay::replayed;
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use pgrx::Uuid;

static PROBLEMS: Statement = Statement::stable(
    concat!(
        replayed!(),
        ", problem AS (
           SELECT listing_id, version, format('it follows version %s', version_expected - 1) AS problem
             FROM line WHERE version <> version_expected
           UNION ALL
           SELECT listing_id, version, format('it was recorded at %s, the line before it at %s', recorded_at, not_before)
             FROM line WHERE recorded_at < not_before
           UNION ALL
           SELECT listing_id, version, format('%s units moved, and the listing went from %s to %s', delta, listing_before, listing_after)
             FROM line WHERE listing_before::bigint + delta <> listing_after
           UNION ALL
           SELECT listing_id, version, format('%s units moved, and lot %s went from %s to %s', delta, lot_id, lot_before, lot_after)
             FROM line WHERE lot_before::bigint + delta <> lot_after
           UNION ALL
           SELECT listing_id, version, format('the listing had %s units before it, by the lines before %s', listing_before, total_expected)
             FROM line WHERE NOT total_fits
           UNION ALL
           SELECT listing_id, version, format('lot %s had %s units before it, by the lines before %s', lot_id, lot_before, units_expected)
             FROM line WHERE NOT units_fit
           UNION ALL
           SELECT listing_id, e.version, p.problem
             FROM (SELECT * FROM line WHERE ends_listing) e
             FULL JOIN (SELECT listing_id, version, quantity_total, moved_at
                          FROM {s}.stock_listings WHERE tenant_id = $1) g USING (listing_id),
                  LATERAL (
                    SELECT format('the listing has %s units, its last line says %s',
                                  coalesce(g.quantity_total, 0), coalesce(e.listing_after, 0)) AS problem
                     WHERE coalesce(g.quantity_total, 0) <> coalesce(e.listing_after, 0)
                    UNION ALL
                    SELECT format('the listing is at version %s, its last line is %s', g.version, coalesce(e.version, 0))
                     WHERE g.version <> coalesce(e.version, 0)
                    UNION ALL
                    SELECT format('the listing moved last at %s, its last line was recorded at %s', g.moved_at, e.recorded_at)
                     WHERE g.version IS NOT NULL AND g.moved_at IS DISTINCT FROM e.recorded_at) AS p
           UNION ALL
           SELECT listing_id, nullif(e.version, 0), format('lot %s has %s units, its last line says %s', lot_id,
                                                coalesce(l.quantity_total, 0), coalesce(e.lot_after, 0))
             FROM (SELECT * FROM replayed WHERE ends_lot AND lot_id IS NOT NULL) e
             FULL JOIN lot l USING (listing_id, lot_id)
            WHERE coalesce(l.quantity_total, 0) <> coalesce(e.lot_after, 0)
           UNION ALL
           SELECT listing_id, NULL, format('location %s has %s units, the lines add up to %s', location_id,
                                           coalesce(v.quantity_total, 0), coalesce(a.units, 0))
             FROM (SELECT listing_id, location_id, sum(units) AS units FROM at_location
                    GROUP BY listing_id, location_id) AS a
             FULL JOIN (SELECT listing_id, location_id, quantity_total
                          FROM {s}.stock_levels WHERE tenant_id = $1) AS v USING (listing_id, location_id)
            WHERE coalesce(v.quantity_total, 0) <> coalesce(a.units, 0)
           UNION ALL
           SELECT listing_id, first_version, 'what was archived does not follow what was archived before it'
             FROM (SELECT listing_id, first_version, total_before,
                          lag(last_version, 1, 0::bigint) OVER of_listing AS version_before,
                          lag(total_after, 1, 0) OVER of_listing AS total_left
                     FROM {s}.stock_archived_runs WHERE tenant_id = $1
                   WINDOW of_listing AS (PARTITION BY listing_id ORDER BY last_version)) AS r
            WHERE (first_version, total_before) <> (version_before + 1, total_left)
           UNION ALL
           SELECT listing_id, r.last_version, format('%s units are left of what was archived, its lots add up to %s',
                                                     coalesce(r.total_after, 0), coalesce(o.units, 0))
             FROM (SELECT DISTINCT ON (listing_id) listing_id, last_version, total_after
                     FROM {s}.stock_archived_runs WHERE tenant_id = $1
                    ORDER BY listing_id, last_version DESC) AS r
             FULL JOIN (SELECT listing_id, sum(quantity) AS units FROM opening GROUP BY listing_id) AS o
                  USING (listing_id)
            WHERE coalesce(r.total_after, 0) <> coalesce(o.units, 0))
         SELECT listing_id, version, problem FROM problem ORDER BY listing_id, version, problem"
    ),
    &[UUIDOID],
)
.of_whole_tables();

/// Replays the ledger of the session's tenant and compares it with the stock: versions without a gap, each
/// line going on from the one before it, for the listing and for the lot, times in order, and at the end
/// the listings, lots and levels as they are. No rows is the proof. Archived lines count by what was kept
/// of them; `verify_archive` looks at the lines themselves.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn verify_ledger(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(listing_id, Uuid),
        name!(version, Option<i64>),
        name!(problem, String),
    ),
> {
    let engine = Engine::of_call(fcinfo);
    let rows = plans::run(&engine, &PROBLEMS, &[id(engine.tenant)], |row| {
        (row.need(1), row.get(2), row.need(3))
    });
    TableIterator::new(rows)
}
