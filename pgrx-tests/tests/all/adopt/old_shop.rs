//! Apps that have their own lots: the benchmark's conventional schema, and a warehouse with names,
//! keys and words of its own.

use crate::api::shop::everything;
use crate::attached::app::{empty, Sql};
use stockroom_tests::Db;

const CONVENTIONAL: &str = include_str!("../../../src/bin/bench/baselines/conventional.sql");

pub const IMPORT: &str =
    "SELECT * FROM stock.import_stock('conventional.stock_lots', 'conventional.stock_allocations'";

/// The conventional schema with some stock: of each of three listings two lots of ten units, two of
/// which are claimed; besides, an unlisted lot, another place, and claims that are over.
pub fn conventional() -> (Db, Sql) {
    let (db, mut sql) = empty();
    sql.run(
        "CREATE SCHEMA bench;
         CREATE FUNCTION bench.listing_id(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
             SELECT ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$",
    );
    sql.run(CONVENTIONAL);
    sql.run(
        "SELECT conventional.refill(3, 2, 10, 2, 0);
         INSERT INTO conventional.locations VALUES
             ('b0000000-0000-4000-8000-000000000001', 'Back room'),
             ('b0000000-0000-4000-8000-000000000002', 'Orison');
         INSERT INTO conventional.stock_lots (listing_id, quantity_total, location_id, listed, notes, owner_id, created_at)
         VALUES (bench.listing_id(1), 7, 'b0000000-0000-4000-8000-000000000001', false, 'damp',
                 'd0000000-0000-4000-8000-000000000001', '2024-05-01 12:00+00'),
                (bench.listing_id(2), 5, 'b0000000-0000-4000-8000-000000000002', true, NULL, NULL, '2024-05-02 12:00+00'),
                (bench.listing_id(3), 0, '00000000-0000-8000-8000-000000000000', true, '', NULL, '2024-05-03 12:00+00');
         INSERT INTO conventional.stock_allocations (lot_id, order_id, quantity, status)
         SELECT lot_id, gen_random_uuid(), 3, status
           FROM conventional.stock_lots, unnest(ARRAY['released', 'fulfilled']) AS status
          WHERE quantity_total = 10;
         -- Whoever writes these tables is told off; whoever reads is not.
         CREATE FUNCTION conventional.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'the app''s table was written'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON conventional.stock_lots
             FOR EACH STATEMENT EXECUTE FUNCTION conventional.refuse();
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON conventional.stock_allocations
             FOR EACH STATEMENT EXECUTE FUNCTION conventional.refuse()",
    );
    (db, sql)
}

/// Lets the app write its own tables again.
pub fn let_it_write(sql: &mut Sql) {
    sql.run(
        "DROP TRIGGER refuse ON conventional.stock_lots;
         DROP TRIGGER refuse ON conventional.stock_allocations",
    );
}

/// A warehouse with integer keys, decimal quantities, places by number and words of its own.
pub fn warehouse() -> (Db, Sql) {
    let (db, mut sql) = empty();
    sql.run(
        "CREATE SCHEMA wms;
         CREATE TABLE wms.products (id integer PRIMARY KEY, name text, quantity_available numeric(12, 3));
         INSERT INTO wms.products VALUES (1, 'oil', 14.25), (2, 'wax', 8);
         CREATE TABLE wms.places (id integer PRIMARY KEY, label text);
         INSERT INTO wms.places VALUES (1, 'Cellar'), (2, 'Orison'), (3, NULL);
         CREATE TABLE wms.batches (
             nr bigint PRIMARY KEY, product_id integer NOT NULL REFERENCES wms.products,
             qty numeric(12, 3), bin_id integer REFERENCES wms.places, batch_no text, best_before date,
             cost_price numeric(10, 2), received_at timestamptz, remarks text, owner text);
         INSERT INTO wms.batches VALUES
             (70, 1, 10.5, 1, 'B-70', '2030-01-31', 3.20, '2024-01-01 10:00+00', 'first', 'ann'),
             (71, 1, 5.25, 2, 'B-71', 'infinity', NULL, '2024-02-01 10:00+00', NULL, NULL),
             (72, 2, 8, 3, NULL, NULL, 1, NULL, NULL, 'ann'),
             (73, 2, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         CREATE TABLE wms.reservations (
             id integer PRIMARY KEY, batch_nr bigint REFERENCES wms.batches, order_no text, qty numeric, state text);
         INSERT INTO wms.reservations VALUES
             (1, 70, 'SO-1', 1.5, 'open'), (2, 71, 'SO-1', 1, 'Shipped'), (3, 72, 'SO-2', 2, 'cancelled')",
    );
    (db, sql)
}

pub const WAREHOUSE: &str = "SELECT * FROM stock.import_stock('wms.batches', 'wms.reservations', \
                             '{\"quantity_scale\": 3, \"locations\": {\"name\": \"label\"}}'";

/// The lines of an answer that say how many: kind, found, imported.
#[track_caller]
pub fn counts(sql: &mut Sql, call: &str) -> Vec<String> {
    let query = format!(
        "SELECT format('%s: %s, %s', kind, found, imported) FROM ({call})) AS lines
          WHERE name IS NULL AND problem IS NULL"
    );
    sql.rows(&query)
}

/// The lines that say what is wrong or has changed.
#[track_caller]
pub fn problems(sql: &mut Sql, call: &str) -> Vec<String> {
    let query = format!(
        "SELECT format('%s %s: %s', kind, name, problem) FROM ({call})) AS lines
          WHERE problem IS NOT NULL"
    );
    sql.rows(&query)
}

/// Every row of every table of the extension.
pub fn contents(sql: &mut Sql) -> Vec<String> {
    everything(&mut sql.client)
}

/// Counters are what the rows say, and the ledger's lines add up to the lots, numbered without a gap.
#[track_caller]
pub fn assert_sound(sql: &mut Sql) {
    sql.assert_verified();
    let lots = "SELECT l.lot_id FROM stock.stock_lots l
                  LEFT JOIN stock.stock_movements m USING (lot_id)
                 GROUP BY l.lot_id HAVING l.quantity_total <> coalesce(sum(m.delta), 0)";
    assert_eq!(sql.rows(lots), [""; 0]);
    let versions = "SELECT listing_id FROM stock.stock_movements GROUP BY listing_id
                    HAVING min(version) <> 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)";
    assert_eq!(sql.rows(versions), [""; 0]);
}
