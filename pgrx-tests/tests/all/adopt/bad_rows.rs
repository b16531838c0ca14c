//! Rows that cannot be: each is named, and nothing of the rest moves in.

use super::old_shop::{assert_sound, contents, problems, warehouse, WAREHOUSE};

/// What is done to the app's rows, and what is said of them.
const BAD: &[(&str, &[&str])] = &[
    ("UPDATE wms.batches SET qty = -1 WHERE nr = 72", &["lot 72: quantity: -1.000 is below zero"]),
    ("UPDATE wms.batches SET qty = NULL WHERE nr = 72", &["lot 72: has no quantity"]),
    (
        "ALTER TABLE wms.batches ALTER qty TYPE numeric; UPDATE wms.batches SET qty = 8.0001 WHERE nr = 72",
        &["lot 72: quantity: 8.0001 has more than 3 digits after the point"],
    ),
    (
        "UPDATE wms.batches SET qty = 3000000 WHERE nr = 72",
        &["lot 72: quantity: 3000000.000 is out of range for a quantity"],
    ),
    (
        "ALTER TABLE wms.batches ALTER qty TYPE numeric; UPDATE wms.batches SET qty = 'NaN' WHERE nr = 72",
        &["lot 72: quantity: \"NaN\" is not a quantity"],
    ),
    (
        "ALTER TABLE wms.batches ALTER product_id DROP NOT NULL; UPDATE wms.batches SET product_id = NULL WHERE nr = 72",
        &["lot 72: has no listing"],
    ),
    (
        "UPDATE wms.batches SET remarks = repeat('x', 1001) WHERE nr = 72",
        &["lot 72: notes has more than 1000 characters"],
    ),
    (
        "UPDATE wms.batches SET batch_no = repeat('x', 201) WHERE nr = 72",
        &["lot 72: lot_code has more than 200 characters"],
    ),
    (
        "UPDATE wms.batches SET cost_price = -0.5 WHERE nr = 72",
        &["lot 72: unit_cost must be 0 or more, and below 900000000000"],
    ),
    ("UPDATE wms.batches SET best_before = '-infinity' WHERE nr = 72", &["lot 72: expires at -infinity"]),
    ("UPDATE wms.batches SET received_at = 'infinity' WHERE nr = 72", &["lot 72: was created at infinity"]),
    (
        "ALTER TABLE wms.batches ADD listed boolean; UPDATE wms.batches SET listed = nr <> 72;
         UPDATE wms.batches SET listed = NULL WHERE nr = 73",
        &["lot 73: listed is NULL"],
    ),
    (
        "ALTER TABLE wms.reservations DROP CONSTRAINT reservations_batch_nr_fkey; ALTER TABLE wms.reservations RENAME batch_nr TO batch_id;
         UPDATE wms.reservations SET batch_id = 99 WHERE id = 3; UPDATE wms.reservations SET batch_id = NULL WHERE id = 2",
        &["allocation 2: has no lot", "allocation 3: there is no lot 99"],
    ),
    ("UPDATE wms.reservations SET order_no = NULL WHERE id = 1", &["allocation 1: has no order"]),
    ("UPDATE wms.reservations SET qty = 0 WHERE id = 3", &["allocation 3: quantity: 0 claims nothing"]),
    ("UPDATE wms.reservations SET qty = -2 WHERE id = 3", &["allocation 3: quantity: -2 is below zero"]),
    (
        "UPDATE wms.reservations SET state = 'who knows' WHERE id = 3",
        &["allocation 3: status \"who knows\" could mean anything: name it in statuses of the mapping"],
    ),
    (
        "UPDATE wms.reservations SET state = NULL WHERE id = 3",
        &["allocation 3: status \"\" could mean anything: name it in statuses of the mapping"],
    ),
    (
        "UPDATE wms.reservations SET qty = 10.501 WHERE id = 1",
        &["lot 70: 10501 units are allocated of 10500"],
    ),
    (
        "ALTER TABLE wms.reservations DROP CONSTRAINT reservations_pkey; UPDATE wms.reservations SET id = 1",
        &["allocation 1: its key comes 3 times"],
    ),
];

#[test]
fn each_is_named_and_nothing_moves_in() {
    let (_db, mut sql) = warehouse();
    let before = contents(&mut sql);
    let preview = format!("{WAREHOUSE}, preview => true");
    for (damage, expected) in BAD {
        sql.run(&format!("BEGIN; {damage}"));
        assert_eq!(problems(&mut sql, &preview), *expected, "{damage}");
        let counted = sql.rows(&format!(
            "SELECT found FROM ({preview})) AS lines WHERE kind = 'bad rows'"
        ));
        assert_eq!(counted, [expected.len().to_string()], "{damage}");
        let error = sql.refuse(&format!("{WAREHOUSE})"));
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("22023", "bad_rows"),
            "{damage}"
        );
        assert_eq!(error.field("rows"), expected.len(), "{damage}");
        assert_eq!(contents(&mut sql), before, "{damage}");
    }
    sql.run(&format!("{WAREHOUSE})"));
    assert_sound(&mut sql);
}

/// Keys that are taken: by other lots, and by another scale.
#[test]
fn what_is_there_already_is_not_taken_over() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "CREATE TABLE lots (id uuid PRIMARY KEY, product_id uuid, qty integer);
         CREATE TABLE claims (id uuid PRIMARY KEY, lot_id uuid, order_id uuid, qty integer);
         SELECT stock.register_listing(NULL, listing_id => 'a0000000-0000-4000-8000-000000000001');
         INSERT INTO stock.stock_lots (lot_id, listing_id, quantity_total) VALUES
             ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 5);
         INSERT INTO stock.stock_allocations (allocation_id, lot_id, order_id, quantity) VALUES
             ('20000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001', gen_random_uuid(), 1);
         INSERT INTO lots VALUES ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 1),
                                 ('10000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 1);
         INSERT INTO claims VALUES ('20000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002', gen_random_uuid(), 1)",
    );
    assert_eq!(
        problems(&mut sql, "SELECT * FROM stock.import_stock('lots', 'claims', '{\"quantity_scale\": 2}', true"),
        [
            "lot 10000000-0000-4000-8000-000000000001: a lot with this key is there already",
            "listing a0000000-0000-4000-8000-000000000001: the listing is there already, with quantity_scale 0",
            "allocation 20000000-0000-4000-8000-000000000001: an allocation with this key is there already",
        ]
    );
    assert_sound(&mut sql);
}

/// A claim that is new there must find its units here.
#[test]
fn a_new_claim_needs_what_is_free_here() {
    let (_db, mut sql) = warehouse();
    sql.run(&format!("{WAREHOUSE})"));
    sql.run(
        "SELECT FROM stock.allocate_stock(stock.imported_id('wms.batches', 'listing', '2'), gen_random_uuid(), 7000);
         INSERT INTO wms.reservations VALUES (4, 72, 'SO-4', 1.5, 'open')",
    );
    let short = ["lot 72: 1500 units are newly allocated, and 1000 are free here"];
    assert_eq!(
        problems(&mut sql, &format!("{WAREHOUSE}, preview => true")),
        short
    );
    sql.run("UPDATE wms.reservations SET qty = 1 WHERE id = 4");
    sql.run(&format!("{WAREHOUSE})"));
    assert_sound(&mut sql);
    sql.run(
        "SELECT stock.release_allocations(order_id) FROM stock.stock_allocations WHERE status = 'active';
         DELETE FROM stock.stock_lots WHERE lot_id = stock.imported_id('wms.batches', 'lot', '72');
         INSERT INTO wms.reservations VALUES (5, 72, 'SO-4', 1, 'open')",
    );
    let gone = ["allocation 5: its lot 72 was imported, and is gone here"];
    assert_eq!(
        problems(&mut sql, &format!("{WAREHOUSE}, preview => true"))[..1],
        gone
    );
    assert_sound(&mut sql);
}

#[test]
fn the_first_twenty_are_named() {
    let (_db, mut sql) = warehouse();
    sql.run("INSERT INTO wms.batches (nr, product_id, qty) SELECT n, 1, -1 FROM generate_series(100, 149) AS n");
    let error = sql.refuse(&format!("{WAREHOUSE})"));
    assert_eq!(error.field("rows"), 50);
    assert_eq!(error.field("examples").as_array().map(Vec::len), Some(20));
    assert_eq!(
        problems(&mut sql, &format!("{WAREHOUSE}, preview => true")).len(),
        20
    );
    assert_sound(&mut sql);
}
