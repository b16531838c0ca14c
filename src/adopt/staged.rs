//! What was read lies in temporary tables, so that memory stays flat and whole tables are compared at
//! once. They are the engine's own: nobody can put a trigger on them.

use super::reading::Reading;
use super::report::{Problems, SHOWN};
use crate::engine::Engine;
use crate::plans;
use uuid::Uuid;

const CREATE: [&str; 2] = [
    "CREATE TEMPORARY TABLE stockroom_read_lots (
         lot_id uuid, source_key text, listing_id uuid, listing_key text, quantity integer,
         location_key text, owner_id uuid, listed boolean, expires_on date, unit_cost numeric,
         lot_code text, notes text, created_at timestamptz) ON COMMIT DROP",
    "CREATE TEMPORARY TABLE stockroom_read_allocations (
         allocation_id uuid, source_key text, lot_key text, order_id uuid, quantity integer, status text,
         created_at timestamptz) ON COMMIT DROP",
];

/// Those that [`resolve`] makes, and [`super::locations`] and [`super::take_over`].
const DROP: &str =
    "DROP TABLE IF EXISTS pg_temp.stockroom_read_lots, pg_temp.stockroom_read_allocations,
     pg_temp.stockroom_places, pg_temp.stockroom_lots, pg_temp.stockroom_allocations,
     pg_temp.stockroom_listings";

pub fn create() {
    for statement in CREATE {
        plans::run_once(statement, |_| ());
    }
}

/// Before the transaction ends: it may import another table too.
pub fn drop() {
    plans::run_once(DROP, |_| ());
}

/// Makes a temporary table of a query's rows.
pub fn make(name: &str, query: &str) {
    plans::run_once(
        &format!("CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}"),
        |_| (),
    );
    plans::run_once(&format!("ANALYZE pg_temp.{name}"), |_| ());
}

/// `stockroom_lots` and `stockroom_allocations`: what was read, with the engine's keys, and which of
/// it is new. Claims that are off the lots' quantity already are added to it.
pub fn resolve(engine: &Engine, reading: &Reading, import_id: Uuid) {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let taken = |kind, key| {
        format!(
            "{schema}.stock_import_rows AS {kind}
                    ON {kind}.import_id = '{import_id}' AND {kind}.kind = '{kind}' AND {kind}.source_key = {key}"
        )
    };
    let claims = match reading.is_net_of_claims() {
        true => "coalesce(c.units, 0)",
        false => "0",
    };
    let of_sku = reading.listing_is_sku();
    make(
        "stockroom_lots",
        &format!(
            "SELECT r.source_key, coalesce(lot.target_id, r.lot_id) AS lot_id, r.listing_key,
                    coalesce(listing.target_id, g.listing_id, r.listing_id) AS listing_id,
                    r.quantity::bigint + {claims} AS total, coalesce(c.units, 0) AS allocated, p.location_id,
                    r.owner_id, r.listed, r.expires_on, r.unit_cost, r.lot_code, r.notes, r.created_at,
                    lot.quantity AS known, lot.import_id IS NULL AS is_new
               FROM pg_temp.stockroom_read_lots r
               JOIN pg_temp.stockroom_places p ON p.key = r.location_key
               LEFT JOIN (SELECT lot_key, sum(quantity) AS units FROM pg_temp.stockroom_read_allocations
                           WHERE status = 'active' GROUP BY lot_key) c ON c.lot_key = r.source_key
               LEFT JOIN {}
               LEFT JOIN {}
               LEFT JOIN {schema}.stock_listings g
                    ON {of_sku} AND g.tenant_id = '{tenant}' AND g.sku = r.listing_key",
            taken("lot", "r.source_key"),
            taken("listing", "r.listing_key"),
        ),
    );
    // A lot that came before may lie in another listing by now, or be gone.
    make(
        "stockroom_allocations",
        &format!(
            "SELECT r.source_key, coalesce(allocation.target_id, r.allocation_id) AS allocation_id, r.lot_key,
                    l.lot_id, coalesce(s.listing_id, l.listing_id) AS listing_id, r.order_id, r.quantity,
                    r.status, r.created_at, l.is_new AS lot_is_new, s.lot_id IS NULL AS lot_is_gone,
                    allocation.quantity AS known_quantity, allocation.status AS known_status,
                    allocation.import_id IS NULL AS is_new
               FROM pg_temp.stockroom_read_allocations r
               LEFT JOIN pg_temp.stockroom_lots l ON l.source_key = r.lot_key
               LEFT JOIN {schema}.stock_lots s
                    ON NOT l.is_new AND s.lot_id = l.lot_id AND s.tenant_id = '{tenant}'
               LEFT JOIN {}",
            taken("allocation", "r.source_key"),
        ),
    );
}

/// What cannot be taken over: `(kind, keys with their problems)`.
fn checks(engine: &Engine, reading: &Reading, all_lots: bool) -> Vec<(&'static str, String)> {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let scale = reading.mapping.quantity_scale;
    let twice = |table| {
        format!(
            "SELECT source_key, pg_catalog.format('its key comes %s times', count(*))
               FROM pg_temp.{table} GROUP BY source_key HAVING count(*) > 1"
        )
    };
    vec![
        ("lot", twice("stockroom_read_lots")),
        ("allocation", twice("stockroom_read_allocations")),
        (
            "lot",
            "SELECT source_key, pg_catalog.format('%s units are more than a lot holds', total)
               FROM pg_temp.stockroom_lots WHERE total > 2147483647"
                .to_owned(),
        ),
        (
            "lot",
            "SELECT source_key, pg_catalog.format('%s units are allocated of %s', allocated, total)
               FROM pg_temp.stockroom_lots WHERE is_new AND allocated > total"
                .to_owned(),
        ),
        (
            "lot",
            format!(
                "SELECT l.source_key, 'a lot with this key is there already'
                   FROM pg_temp.stockroom_lots l JOIN {schema}.stock_lots s ON s.lot_id = l.lot_id
                  WHERE l.is_new"
            ),
        ),
        (
            "listing",
            format!(
                "SELECT DISTINCT l.listing_key, CASE WHEN g.tenant_id <> '{tenant}'
                            THEN 'a listing with this key is there already, of another tenant'
                            ELSE pg_catalog.format('the listing is there already, with quantity_scale %s',
                                                   g.quantity_scale) END
                   FROM pg_temp.stockroom_lots l JOIN {schema}.stock_listings g ON g.listing_id = l.listing_id
                  WHERE l.is_new AND (g.tenant_id <> '{tenant}' OR g.quantity_scale <> {scale})"
            ),
        ),
        (
            "allocation",
            format!(
                "SELECT source_key, pg_catalog.format('there is no lot %s', lot_key)
                   FROM pg_temp.stockroom_allocations WHERE is_new AND lot_id IS NULL AND {all_lots}"
            ),
        ),
        (
            "allocation",
            "SELECT source_key, pg_catalog.format('its lot %s was imported, and is gone here', lot_key)
               FROM pg_temp.stockroom_allocations WHERE is_new AND NOT lot_is_new AND lot_is_gone"
                .to_owned(),
        ),
        (
            "allocation",
            format!(
                "SELECT a.source_key, 'an allocation with this key is there already'
                   FROM pg_temp.stockroom_allocations a
                   JOIN {schema}.stock_allocations s ON s.allocation_id = a.allocation_id
                  WHERE a.is_new"
            ),
        ),
        (
            "lot",
            format!(
                "SELECT a.lot_key, pg_catalog.format('%s units are newly allocated, and %s are free here',
                                                     sum(a.quantity), s.quantity_total - s.quantity_allocated)
                   FROM pg_temp.stockroom_allocations a JOIN {schema}.stock_lots s ON s.lot_id = a.lot_id
                  WHERE a.is_new AND NOT a.lot_is_new AND a.status = 'active'
                  GROUP BY a.lot_key, s.lot_id
                 HAVING sum(a.quantity) > s.quantity_total - s.quantity_allocated"
            ),
        ),
    ]
}

/// Notes what cannot be taken over. `all_lots`: none was bad by itself, so its claims know it.
pub fn check(engine: &Engine, reading: &Reading, all_lots: bool, problems: &mut Problems) {
    for (kind, query) in checks(engine, reading, all_lots) {
        note_all(problems, kind, &query);
    }
}

/// Notes the rows of a query: keys with what is wrong with each.
pub fn note_all(problems: &mut Problems, kind: &'static str, query: &str) {
    let text = format!(
        "SELECT key, problem, count(*) OVER () FROM ({query}) AS p (key, problem) ORDER BY key LIMIT {SHOWN}"
    );
    let mut all = 0;
    let found = plans::run_once(&text, |row| {
        all = row.need::<i64>(3);
        (row.need::<String>(1), row.need::<String>(2))
    });
    problems.count_rest(all - found.len() as i64);
    for (key, problem) in found {
        problems.note(kind, &key, problem);
    }
}
