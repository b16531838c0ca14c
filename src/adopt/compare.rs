//! Theirs against ours: what was taken over, listing by listing; and what has changed there since an
//! earlier import.

use super::locations::Places;
use super::reading::Reading;
use super::report::Line;
use crate::engine::Engine;
use crate::plans::{self, Row};
use uuid::Uuid;

/// So many changes are named.
const MOST: usize = 1000;

/// Counts of what was found, and of what is there of it now and was not before.
pub fn counts(engine: &Engine, places: Places) -> Vec<Line> {
    let schema = &engine.schema;
    let text = format!(
        "SELECT (SELECT count(DISTINCT listing_id) FROM pg_temp.stockroom_lots),
                (SELECT count(*) FROM pg_temp.stockroom_listings n JOIN {schema}.stock_listings USING (listing_id)
                  WHERE n.made),
                f.lots, i.lots, f.units, i.units, g.allocations, j.allocations, g.units, j.units
           FROM (SELECT count(*) AS lots, coalesce(sum(total), 0)::bigint AS units
                   FROM pg_temp.stockroom_lots) AS f,
                (SELECT count(*) AS lots, coalesce(sum(s.quantity_total), 0)::bigint AS units
                   FROM pg_temp.stockroom_lots l JOIN {schema}.stock_lots s USING (lot_id)
                  WHERE l.is_new) AS i,
                (SELECT count(*) AS allocations,
                        coalesce(sum(quantity) FILTER (WHERE status = 'active'), 0)::bigint AS units
                   FROM pg_temp.stockroom_allocations) AS g,
                (SELECT count(*) AS allocations,
                        coalesce(sum(s.quantity) FILTER (WHERE s.status = 'active'), 0)::bigint AS units
                   FROM pg_temp.stockroom_allocations a
                   JOIN {schema}.stock_allocations s USING (allocation_id) WHERE a.is_new) AS j"
    );
    let kinds = [
        "listings",
        "lots",
        "units",
        "allocations",
        "allocated units",
    ];
    let read = |row: &Row| {
        let pair = |at: usize| {
            (
                row.need::<i64>(2 * at as i32 + 1),
                row.need::<i64>(2 * at as i32 + 2),
            )
        };
        let lines = kinds.iter().enumerate().map(|(at, kind)| {
            let (found, imported) = pair(at);
            Line::of_counts(kind, found, imported)
        });
        lines.collect::<Vec<Line>>()
    };
    let mut lines = plans::run_once(&text, read).concat();
    lines.push(Line::of_counts("locations", places.found, places.made));
    lines
}

/// Counts of what was read, where nothing of it could be taken over.
pub fn counts_read(places: Places) -> Vec<Line> {
    let text = "SELECT (SELECT count(DISTINCT listing_id) FROM pg_temp.stockroom_read_lots), l.lots, l.units,
                       a.allocations, a.units
                  FROM (SELECT count(*) AS lots, coalesce(sum(quantity), 0)::bigint AS units
                          FROM pg_temp.stockroom_read_lots) AS l,
                       (SELECT count(*) AS allocations,
                               coalesce(sum(quantity) FILTER (WHERE status = 'active'), 0)::bigint AS units
                          FROM pg_temp.stockroom_read_allocations) AS a";
    let kinds = [
        "listings",
        "lots",
        "units",
        "allocations",
        "allocated units",
    ];
    let read = |row: &Row| {
        let found = kinds.iter().zip(1..);
        let lines = found.map(|(kind, at)| Line::of_counts(kind, row.need(at), 0));
        lines.collect::<Vec<Line>>()
    };
    let mut lines = plans::run_once(text, read).concat();
    lines.push(Line::of_counts("locations", places.found, 0));
    lines
}

/// Listings whose counters did not change by what the app's rows say.
pub fn mismatches(engine: &Engine) -> Vec<Line> {
    let schema = &engine.schema;
    let text = format!(
        "WITH lots AS (
           SELECT listing_id, sum(total) AS total, coalesce(sum(total) FILTER (WHERE listed), 0) AS listed
             FROM pg_temp.stockroom_lots WHERE is_new GROUP BY listing_id),
         claims AS (
           SELECT a.listing_id, sum(a.quantity) AS units
             FROM pg_temp.stockroom_allocations a JOIN {schema}.stock_lots s USING (lot_id)
            WHERE a.is_new AND a.status = 'active' AND s.listed GROUP BY a.listing_id)
         SELECT coalesce(n.key, n.listing_id::text) || ' ' || c.counter, c.theirs::bigint, c.ours::bigint
           FROM pg_temp.stockroom_listings n
           LEFT JOIN {schema}.stock_listings g USING (listing_id)
           LEFT JOIN lots l USING (listing_id)
           LEFT JOIN claims a USING (listing_id),
                LATERAL (VALUES
                  ('total', coalesce(l.total, 0), g.quantity_total - n.total),
                  ('allocated', coalesce(a.units, 0), g.quantity_allocated - n.allocated),
                  ('available', coalesce(l.listed, 0) - coalesce(a.units, 0),
                                g.quantity_available - n.available)) AS c (counter, theirs, ours)
          WHERE c.theirs IS DISTINCT FROM c.ours ORDER BY 1"
    );
    plans::run_once(&text, |row| Line {
        kind: "mismatch",
        name: row.get(1),
        found: row.get(2),
        imported: row.get(3),
        problem: Some("theirs and ours differ".to_owned()),
    })
}

/// Rows that were imported before and are not now what they were then; with `found` as it is there
/// now, `imported` as it was.
pub fn changes(engine: &Engine, reading: &Reading, import_id: Uuid) -> Vec<Line> {
    let schema = &engine.schema;
    let mut lines = changed(
        "changed lot",
        &format!(
            "SELECT l.source_key, l.total, l.known::bigint,
                    pg_catalog.format('was %s, is %s there now and %s here', l.known, l.total,
                                      coalesce(s.quantity_total::text, 'gone'))
               FROM pg_temp.stockroom_lots l LEFT JOIN {schema}.stock_lots s USING (lot_id)
              WHERE NOT l.is_new AND l.known <> l.total"
        ),
    );
    lines.extend(changed(
        "gone lot",
        &gone(engine, import_id, "lot", "stockroom_lots"),
    ));
    if reading.allocations.is_some() {
        lines.extend(changed(
            "changed allocation",
            &format!(
                "SELECT a.source_key, a.quantity::bigint, a.known_quantity::bigint,
                        pg_catalog.format('was %s %s, is %s %s there now and %s here', a.known_quantity,
                                          a.known_status, a.quantity, a.status,
                                          coalesce(s.quantity || ' ' || s.status, 'gone'))
                   FROM pg_temp.stockroom_allocations a
                   LEFT JOIN {schema}.stock_allocations s USING (allocation_id)
                  WHERE NOT a.is_new AND (a.quantity, a.status) <> (a.known_quantity, a.known_status)"
            ),
        ));
        let gone = gone(engine, import_id, "allocation", "stockroom_allocations");
        lines.extend(changed("gone allocation", &gone));
    }
    lines
}

fn gone(engine: &Engine, import_id: Uuid, kind: &str, table: &str) -> String {
    let schema = &engine.schema;
    format!(
        "SELECT r.source_key, NULL::bigint, r.quantity::bigint, 'is gone there'
           FROM {schema}.stock_import_rows r
          WHERE r.import_id = '{import_id}' AND r.kind = '{kind}'
            AND NOT EXISTS (SELECT FROM pg_temp.{table} t WHERE t.source_key = r.source_key)"
    )
}

fn changed(kind: &'static str, query: &str) -> Vec<Line> {
    let text = format!(
        "SELECT key, found, imported, problem, count(*) OVER ()
           FROM ({query}) AS c (key, found, imported, problem) ORDER BY key LIMIT {MOST}"
    );
    let mut all = 0;
    let mut lines = plans::run_once(&text, |row| {
        all = row.need::<i64>(5);
        Line {
            kind,
            name: row.get(1),
            found: row.get(2),
            imported: row.get(3),
            problem: row.get(4),
        }
    });
    if all > lines.len() as i64 {
        lines.push(Line {
            kind,
            name: None,
            found: Some(all),
            imported: None,
            problem: Some(format!("so many; the first {MOST} are named")),
        });
    }
    lines
}
