//! Listings that are deleted close their ledger, and one that comes back goes on with it.

use crate::second_door::shop::*;

fn hats(sql: &mut Sql) -> Vec<String> {
    sql.rows(&format!(
        "SELECT version, movement_type, delta, listing_after, reason FROM stock_movements
          WHERE listing_id = '{HAT}' AND version > 2 ORDER BY version"
    ))
}

const CLOSED: [&str; 2] = [
    "3|adjust|-10|20|listing deleted",
    "4|adjust|-20|0|listing deleted",
];

#[test]
fn a_deleted_listing_closes_its_ledger() {
    for statement in [
        format!("SELECT delete_listing('{HAT}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{HAT}'"),
        "DELETE FROM stock_listings".to_owned(),
        "TRUNCATE stock_listings".to_owned(),
        "TRUNCATE stock_listings, stock_lots, stock_allocations".to_owned(),
    ] {
        let (_db, mut sql) = shop();
        sql.run(&claim(HAT_LOT, ORDER_1, 4));
        sql.run(&format!("SELECT hold_stock('{HAT}', 3)"));
        sql.run(&statement);
        assert_eq!(hats(&mut sql), CLOSED, "{statement}");
        sql.assert_verified();
    }
}

/// Lots that are emptied first leave nothing for the listing to close.
#[test]
fn lots_and_listings_truncated_together_are_written_once() {
    let (_db, mut sql) = shop();
    sql.run("TRUNCATE stock_lots, stock_listings");
    assert_eq!(
        hats(&mut sql),
        ["3|adjust|-10|20|NULL", "4|adjust|-20|0|NULL"]
    );
    sql.assert_verified();
}

#[test]
fn a_row_of_the_app_that_goes_closes_its_ledger() {
    let (_db, mut sql) = shop();
    sql.run(
        "CREATE TABLE goods (id uuid PRIMARY KEY, quantity_available integer);
         INSERT INTO goods VALUES ('a1000000-0000-0000-0000-000000000001', 5);
         SELECT attach_table('goods', 'id', 'quantity_available', on_delete => 'cascade');
         DELETE FROM goods;
         INSERT INTO goods VALUES ('a1000000-0000-0000-0000-000000000001', 7)",
    );
    let rows = sql.rows(
        "SELECT version, movement_type, delta, listing_before, listing_after FROM stock_movements
          WHERE listing_id = 'a1000000-0000-0000-0000-000000000001' ORDER BY version",
    );
    assert_eq!(
        rows,
        ["1|import|5|0|5", "2|adjust|-5|5|0", "3|import|7|0|7"]
    );
    sql.assert_verified();
}

#[test]
fn a_key_that_comes_back_goes_on_counting() {
    for again in [
        format!("SELECT register_listing('hat', listing_id => '{HAT}')"),
        format!("INSERT INTO stock_listings (listing_id) VALUES ('{HAT}')"),
    ] {
        let (_db, mut sql) = shop();
        sql.run(&format!("SELECT delete_listing('{HAT}')"));
        sql.run(&again);
        sql.run(&format!(
            "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 6)"
        ));
        let expected = [CLOSED[0], CLOSED[1], "5|receive|6|6|NULL"];
        assert_eq!(hats(&mut sql), expected, "{again}");
        let went_back = sql.row(
            "SELECT count(*) FROM (SELECT recorded_at < lag(recorded_at) OVER (PARTITION BY listing_id ORDER BY version)
                                     AS back FROM stock_movements) AS m WHERE back",
        );
        assert_eq!(went_back, "0");
    }
}
