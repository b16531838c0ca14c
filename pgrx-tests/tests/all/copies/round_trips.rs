//! There and back: every value of every type, in whatever session, through a dump, and again.

use super::library::{Library, COLUMNS};
use crate::attached::app::{empty, Sql};
use crate::restore::dump::{dump, psql};
use stockroom_tests::Db;

/// Types whose text depends on the session, that JSON would change, or that are the app's own.
const ODD_TYPES: &str = "
    CREATE TYPE mood AS ENUM ('fine', 'so \"so\"');
    CREATE TYPE place AS (hall text, shelf int);
    CREATE DOMAIN pages AS int CHECK (VALUE > 0);
    CREATE TABLE odd (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_item_id bigint REFERENCES odd,
        gone text, is_available boolean NOT NULL,
        price numeric, small numeric(10,4), ratio float8, single float4, extra json, more jsonb, bits bytea, span interval,
        at timestamptz, wall timestamp, day date, tags text[], grid int[][], odd_bounds int[], feeling mood, lies place,
        none place, long char(8), size pages, span_of int4range, doc xml, key_of uuid, net inet, flag bit(3), sum money,
        label text GENERATED ALWAYS AS ('no. ' || long) STORED);
    ALTER TABLE odd DROP gone;
    INSERT INTO odd (is_available) VALUES (true), (true);
    INSERT INTO odd (parent_item_id, is_available, price, small, ratio, single, extra, more, bits, span, at, wall, day, tags,
                     grid, odd_bounds, feeling, lies, none, long, size, span_of, doc, key_of, net, flag, sum)
    SELECT p, n % 2 = 0, '1.500', 1.5, r, r, '{\"b\" : 1,  \"a\": [1.0],\"b\":2}', '[\"x\", null]', '\\x00ff27', s, t, t, t,
           ARRAY['a', 'b \"c\"', NULL, '', '{}', 'null', E'tab\\there \\\\ back'], '{{1,2},{3,4}}', '[0:1]={5,6}',
           'so \"so\"', ROW('a,b', NULL)::place, ROW(NULL, NULL)::place, 'ab', 7, '[1,5)', '<a>&lt;</a>',
           'a0000000-0000-0000-0000-000000000001', '10.0.0.1/8', B'101', 12.34
      FROM (VALUES (1, 1, '0.1'::float8, '1 mon -2 days +03:04:05.000006'::interval, '2030-03-31 01:30:00.000001+00'::timestamptz),
                   (1, 2, 'NaN', '-1 day', 'infinity'), (2, 3, '1e-30', '00:00:00', '0044-03-15 12:00:00+00 BC'),
                   (2, 4, '-Infinity', '-3 years', '9999-12-31 23:59:59+00')) AS v (p, n, r, s, t);
    INSERT INTO odd (parent_item_id, is_available) VALUES (2, false)";

#[test]
fn every_type_comes_back_as_it_was() {
    let (_db, mut sql) = empty();
    sql.run(ODD_TYPES);
    let rows = "SELECT odd::text FROM odd ORDER BY id";
    let before = sql.rows(rows);
    sql.run(
        "SET DateStyle = 'German, DMY'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = -3;
         SET bytea_output = 'escape'; SET TimeZone = 'America/New_York'",
    );
    sql.run("SELECT collapse_children('odd', due_column => 'day')");
    assert_eq!(sql.row("SELECT count(*) FROM odd"), "2");
    sql.run(
        "SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'iso_8601'; SET DateStyle = 'SQL, MDY'",
    );
    let guesses = "SELECT * FROM expand_children('odd') WHERE found IS NULL";
    assert_eq!(sql.rows(guesses), [""; 0]);
    sql.run("RESET ALL; SET search_path = public, stock");
    assert_eq!(sql.rows(rows), before);
    sql.assert_verified();
}

#[test]
fn there_and_back_and_there_again() {
    let mut library = Library::open();
    let before = library.items();
    for _ in 0..3 {
        library.collapse("");
        assert_eq!(library.stock("1"), "1|3");
        library.verify();
        library.expand("");
        assert_eq!(library.items(), before);
        library.verify();
    }
}

/// In another database the table has another oid, and its listings keep their keys.
#[test]
fn collapsed_it_survives_dump_and_restore() {
    let mut library = Library::open();
    let before = library.items();
    library.collapse("");
    let listing = library.listing("1");
    let restored = Db::new();
    restored.execute("CREATE TABLE shift (i int)");
    psql(&restored, &dump(&library.db, &[]), &[]);
    let mut restored = Library {
        sql: Sql::by_superuser(&restored),
        db: restored,
    };
    assert_eq!(restored.listing("1"), listing);
    restored.verify();
    let twice = restored.state();
    restored.collapse("");
    assert_eq!(restored.state(), twice);
    restored.sql.run(
        "ALTER TABLE items ADD available_count int;
         SELECT attach_table('items', 'id', 'available_count', import => false)",
    );
    let of_row = "SELECT listing_id_of('items', '1'), available_count FROM items WHERE id = 1";
    assert_eq!(restored.sql.row(of_row), format!("{listing}|1"));
    restored
        .sql
        .run("SELECT detach_table('items'); ALTER TABLE items DROP available_count");
    restored.expand("");
    assert_eq!(restored.items(), before);
    restored.verify();
}

#[test]
fn in_one_transaction_or_rolled_back() {
    let mut library = Library::open();
    let before = library.state();
    library.sql.run(&format!(
        "BEGIN; SELECT collapse_children({COLUMNS}); ROLLBACK"
    ));
    assert_eq!(library.state(), before);
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        library.sql.run(&format!(
            "BEGIN ISOLATION LEVEL {isolation}; SELECT collapse_children({COLUMNS});
             SELECT expand_children('items'); COMMIT"
        ));
        assert_eq!(library.items(), before.0, "{isolation}");
        library.verify();
    }
}
