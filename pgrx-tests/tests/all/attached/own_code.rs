//! Code of the app's table that is no trigger, and tables that are attached meanwhile: nothing goes
//! uncounted.

use super::app::{allocate, attached, shop, Sql, COAT, HAT, ORDER_1, ORDER_2};
use stockroom_tests::Session;

/// A CHECK runs inside the mirror's write, at the same trigger depth: what it writes must count all
/// the same, and the counters must stay the engine's.
#[test]
fn what_a_check_writes_counts() {
    let (_db, mut sql) = attached("");
    sql.run(&format!(
        "CREATE FUNCTION also_claims(quantity integer) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
             IF quantity = 9 THEN
                 INSERT INTO stock.stock_allocations (lot_id, order_id, quantity)
                 SELECT lot_id, '{ORDER_2}', 4 FROM stock.stock_lots WHERE listing_id = '{COAT}';
                 UPDATE stock.stock_listings SET quantity_listed = 999 WHERE listing_id = '{COAT}';
             END IF;
             RETURN true;
         END $$;
         ALTER TABLE listings ADD CHECK (also_claims(quantity_available))"
    ));
    sql.run(&allocate(HAT, ORDER_1, 1));
    assert_eq!(sql.stock(HAT), "9|1|10");
    assert_eq!(sql.stock(COAT), "16|4|20");
    sql.assert_verified();
}

/// The claim read the listing before the table was attached, and waits for the lot until it is.
#[test]
fn a_claim_that_waited_while_the_table_was_attached_is_mirrored() {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "SELECT stock.register_listing(NULL, listing_id => '{HAT}'); SELECT stock.receive_stock('{HAT}', 10)"
    ));
    let mut attacher = Sql::by_superuser(&db);
    attacher.run(&format!(
        "BEGIN; SELECT stock.attach_table('listings', 'id');
         UPDATE stock.stock_lots SET notes = 'counted' WHERE listing_id = '{HAT}'"
    ));
    let mut claimer = Session::open(&db);
    claimer.start(&allocate(HAT, ORDER_1, 3));
    assert!(claimer.is_blocked());
    attacher.run("COMMIT");
    claimer.finish().unwrap();
    assert_eq!(
        (sql.stock(HAT).as_str(), sql.shown(HAT).as_str()),
        ("7|3|10", "7")
    );
    sql.assert_verified();
}
