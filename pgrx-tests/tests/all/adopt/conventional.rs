//! The benchmark's conventional schema moves in.

use super::old_shop::{
    assert_sound, contents, conventional, counts, let_it_write, problems, IMPORT,
};
use crate::attached::app::Sql;
use stockroom_tests::Session;

const COUNTS: [&str; 6] = [
    "listings: 3, 3",
    "lots: 9, 9",
    "units: 72, 72",
    "allocations: 24, 24",
    "allocated units: 12, 12",
    "locations: 3, 1",
];

/// Where the app's rows lie on disk, and which transaction wrote them.
fn versions_of_rows(sql: &mut Sql) -> Vec<String> {
    let mut rows = sql.rows("SELECT ctid, xmin, t FROM conventional.stock_lots t ORDER BY 1");
    rows.extend(sql.rows("SELECT ctid, xmin, t FROM conventional.stock_allocations t ORDER BY 1"));
    rows.extend(sql.rows("SELECT ctid, xmin, t FROM conventional.stock_listings t ORDER BY 1"));
    rows
}

#[test]
fn its_columns_are_guessed() {
    let (_db, mut sql) = conventional();
    let query = "SELECT target, source_column, type
                   FROM stock.guess_stock_columns('conventional.stock_lots', 'conventional.stock_allocations')
                  WHERE source_column IS NOT NULL";
    assert_eq!(
        sql.rows(query),
        [
            "lots.lot_id|lot_id|uuid",
            "lots.listing_id|listing_id|uuid",
            "lots.quantity|quantity_total|integer",
            "lots.location|location_id|uuid",
            "lots.owner_id|owner_id|uuid",
            "lots.listed|listed|boolean",
            "lots.notes|notes|text",
            "lots.created_at|created_at|timestamp with time zone",
            "allocations.allocation_id|allocation_id|uuid",
            "allocations.lot_id|lot_id|uuid",
            "allocations.order_id|order_id|uuid",
            "allocations.quantity|quantity|integer",
            "allocations.status|status|text",
            "allocations.created_at|created_at|timestamp with time zone",
            "locations.location_id|location_id|uuid",
            "locations.name|name|text",
        ]
    );
    let why = "SELECT source_column, why FROM stock.guess_stock_columns('conventional.stock_lots')
                WHERE target IN ('lots.lot_id', 'lots.unit_cost')";
    assert_eq!(sql.rows(why), ["lot_id|the table's key", "NULL|not known"]);
}

#[test]
fn a_preview_shows_what_an_import_would_do_and_changes_nothing() {
    let (_db, mut sql) = conventional();
    let before = contents(&mut sql);
    let preview = format!("{IMPORT}, preview => true");
    assert_eq!(counts(&mut sql, &preview), COUNTS);
    let columns =
        "kind IN ('column', 'status') AND name LIKE ANY (ARRAY['lots.quantity%', '%fulfilled'])";
    assert_eq!(
        sql.rows(&format!("{preview}) WHERE {columns}")),
        [
            "column|lots.quantity = quantity_total|NULL|NULL|NULL",
            "column|lots.quantity_available: quantity counts|NULL|NULL|NULL",
            "status|fulfilled = fulfilled|6|NULL|NULL",
        ]
    );
    assert_eq!(contents(&mut sql), before);
    let left = "SELECT count(*) FROM pg_class WHERE relpersistence = 't'";
    assert_eq!(sql.row(left), "0");
    assert_sound(&mut sql);
}

#[test]
fn all_of_it_moves_in_and_the_apps_tables_are_only_read() {
    let (_db, mut sql) = conventional();
    let theirs = versions_of_rows(&mut sql);
    assert_eq!(counts(&mut sql, IMPORT), COUNTS);
    assert_eq!(versions_of_rows(&mut sql), theirs);
    assert_sound(&mut sql);

    // Their own function and column against ours.
    let differences = "SELECT g.listing_id FROM conventional.stock_listings g
                        WHERE conventional.get_available_stock(listing_id) <> stock.get_available_stock(listing_id)
                           OR g.quantity_available <> stock.get_available_stock(listing_id)";
    assert_eq!(sql.rows(differences), [""; 0]);
    let available = "SELECT stock.get_available_stock(bench.listing_id(n)), stock.get_total_stock(bench.listing_id(n))
                       FROM generate_series(1, 3) AS n";
    assert_eq!(sql.rows(available), ["16|27", "21|25", "16|20"]);
    // Row by row; their '' and NULL notes are one, and the places have ours by name.
    let lots = "SELECT l.lot_id FROM conventional.stock_lots l JOIN conventional.locations USING (location_id)
                  FULL JOIN stock.stock_lots s USING (lot_id) LEFT JOIN stock.locations p ON p.location_id = s.location_id
                 WHERE (l.listing_id, l.quantity_total, locations.name, l.owner_id, l.listed, nullif(l.notes, ''), l.created_at)
                       IS DISTINCT FROM
                       (s.listing_id, s.quantity_total, p.name, s.owner_id, s.listed, s.notes, s.created_at)";
    assert_eq!(sql.rows(lots), [""; 0]);
    let claims = "SELECT a.allocation_id FROM conventional.stock_allocations a FULL JOIN stock.stock_allocations s
                         USING (allocation_id, lot_id, order_id, quantity, status, created_at)
                   WHERE a.allocation_id IS NULL OR s.allocation_id IS NULL";
    assert_eq!(sql.rows(claims), [""; 0]);
    // A preset is known by its name; a new place keeps its key.
    assert_eq!(
        sql.rows("SELECT DISTINCT location_id, name FROM stock.stock_lots JOIN stock.locations USING (location_id) ORDER BY 1"),
        [
            "00000000-0000-8000-8000-000000000000|Unspecified",
            "00000000-0000-8000-8000-000000000001|Orison",
            "b0000000-0000-4000-8000-000000000001|Back room",
        ]
    );
    // The empty lot moved nothing.
    let lines = "SELECT movement_type, reference, count(*), sum(delta) FROM stock.stock_movements GROUP BY 1, 2";
    assert_eq!(sql.rows(lines), ["import|conventional.stock_lots|8|72"]);
}

#[test]
fn the_engine_goes_on_from_there() {
    let (_db, mut sql) = conventional();
    sql.run(&format!("{IMPORT})"));
    sql.run(
        "SELECT stock.allocate_stock(bench.listing_id(2), 'c0000000-0000-4000-8000-000000000001', 21);
         SELECT stock.fulfill_allocations(order_id) FROM conventional.stock_allocations WHERE status = 'active'",
    );
    let numbers = "SELECT stock.get_available_stock(bench.listing_id(n)), stock.get_total_stock(bench.listing_id(n))
                     FROM generate_series(1, 3) AS n";
    assert_eq!(sql.rows(numbers), ["16|23", "0|21", "16|16"]);
    assert_sound(&mut sql);
}

#[test]
fn twice_changes_nothing() {
    let (_db, mut sql) = conventional();
    sql.run(&format!("{IMPORT})"));
    let before = contents(&mut sql);
    let again = [
        "listings: 3, 0",
        "lots: 9, 0",
        "units: 72, 0",
        "allocations: 24, 0",
        "allocated units: 12, 0",
        "locations: 3, 0",
    ];
    assert_eq!(counts(&mut sql, IMPORT), again);
    // The tables are remembered with their columns.
    let by_name = "SELECT * FROM stock.import_stock('conventional.stock_lots'";
    assert_eq!(counts(&mut sql, by_name), again);
    assert_eq!(problems(&mut sql, by_name), [""; 0]);
    assert_eq!(contents(&mut sql), before);
    // Nor does it bring back what has gone here since.
    sql.run("DELETE FROM stock.stock_lots WHERE notes = 'damp'");
    assert_eq!(counts(&mut sql, IMPORT), again);
    assert_sound(&mut sql);
}

#[test]
fn a_second_import_brings_what_is_new_and_names_what_has_changed() {
    let (_db, mut sql) = conventional();
    sql.run(&format!("{IMPORT})"));
    let_it_write(&mut sql);
    sql.run(
        "INSERT INTO conventional.stock_listings (listing_id) VALUES (bench.listing_id(4));
         INSERT INTO conventional.stock_lots (lot_id, listing_id, quantity_total) VALUES
             ('e0000000-0000-4000-8000-000000000001', bench.listing_id(4), 11),
             ('e0000000-0000-4000-8000-000000000002', bench.listing_id(1), 2);
         INSERT INTO conventional.stock_allocations (lot_id, order_id, quantity) VALUES
             ('e0000000-0000-4000-8000-000000000001', gen_random_uuid(), 1);
         -- A new claim of a lot that came before.
         INSERT INTO conventional.stock_allocations (allocation_id, lot_id, order_id, quantity)
         SELECT 'f0000000-0000-4000-8000-000000000001', lot_id, gen_random_uuid(), 4
           FROM conventional.stock_lots WHERE quantity_total = 5;
         UPDATE conventional.stock_lots SET quantity_total = 6 WHERE notes = 'damp';
         DELETE FROM conventional.stock_lots WHERE quantity_total = 0",
    );
    // One claim was fulfilled in both worlds.
    let claim = sql.row("SELECT min(order_id::text) FROM conventional.stock_allocations WHERE status = 'active' AND quantity = 1
                            AND lot_id IN (SELECT lot_id FROM stock.stock_lots WHERE listing_id = bench.listing_id(1))");
    sql.run(&format!(
        "UPDATE conventional.stock_allocations SET status = 'fulfilled' WHERE order_id = '{claim}';
         SELECT stock.fulfill_allocations('{claim}')"
    ));
    let again = format!("{IMPORT}, preview => true");
    let mut changes = problems(&mut sql, &again);
    changes.iter_mut().for_each(|line| {
        line.replace_range(line.find(' ').unwrap() + 1..line.find(':').unwrap(), "")
    });
    assert_eq!(
        changes,
        [
            "changed : was 7, is 6 there now and 7 here",
            "gone : is gone there",
            "changed : was 1 active, is 1 fulfilled there now and 1 fulfilled here",
        ]
    );
    let counted = counts(&mut sql, IMPORT);
    assert_eq!(
        counted[1..5],
        [
            "lots: 10, 2",
            "units: 84, 13",
            "allocations: 26, 2",
            "allocated units: 16, 5"
        ]
    );
    assert_sound(&mut sql);
    let numbers = "SELECT stock.get_available_stock(bench.listing_id(n)), stock.get_total_stock(bench.listing_id(n))
                     FROM unnest(ARRAY[2, 4]) AS n";
    assert_eq!(sql.rows(numbers), ["17|25", "10|11"]);
}

/// The second waits for the first, and finds nothing left to do.
#[test]
fn two_imports_at_a_time_are_one_after_the_other() {
    let (db, mut sql) = conventional();
    let mut first = Session::open(&db);
    let mut second = Session::open(&db);
    first.run(&format!("BEGIN; {IMPORT})")).unwrap();
    second.start(&format!("{IMPORT})"));
    assert!(second.is_blocked());
    first.run("COMMIT").unwrap();
    let lots = second.finish().unwrap().rows[1].clone();
    assert_eq!(lots[2..4], [Some("9".to_owned()), Some("0".to_owned())]);
    assert_sound(&mut sql);
}

/// What the app writes while it moves in would be lost.
#[test]
fn the_app_waits_with_its_writes_but_not_for_a_preview() {
    let (db, mut sql) = conventional();
    let_it_write(&mut sql);
    let write = "UPDATE conventional.stock_lots SET notes = 'dry' WHERE notes = 'damp'";
    let mut mover = Session::open(&db);
    let mut app = Session::open(&db);
    mover
        .run(&format!("BEGIN; {IMPORT}, preview => true)"))
        .unwrap();
    app.run(write).unwrap();
    mover.run("ROLLBACK").unwrap();
    mover.run(&format!("BEGIN; {IMPORT})")).unwrap();
    app.start(write);
    assert!(app.is_blocked());
    // Readers don't.
    assert_eq!(sql.row("SELECT count(*) FROM conventional.stock_lots"), "9");
    mover.run("COMMIT").unwrap();
    app.finish().unwrap();
    assert_sound(&mut sql);
}
