//! TRUNCATE, of one table and of several.

use crate::second_door::shop::{
    claim, shop, ALL_COATS_FREE, ALL_HATS_FREE, COAT, COAT_LOT, HAT, HAT_LOT, ORDER_1,
};

#[test]
fn truncated_claims_free_everything() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&claim(COAT_LOT, ORDER_1, 5));
    sql.run("TRUNCATE stock_allocations");
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    sql.assert_verified();
}

#[test]
fn truncated_lots_leave_listings_of_nothing() {
    for tables in [
        "stock_lots",
        "stock_lots, stock_allocations",
        "stock_allocations, stock_lots",
    ] {
        let (_db, mut sql) = shop();
        sql.run(&claim(HAT_LOT, ORDER_1, 4));
        sql.run(&format!("TRUNCATE {tables}"));
        for listing in [HAT, COAT] {
            assert_eq!(
                sql.listing(listing),
                "total 0, listed 0, allocated 0, available 0",
                "{tables}"
            );
        }
        assert_eq!(
            sql.row("SELECT count(*) FROM stock_allocations"),
            "0",
            "{tables}"
        );
        sql.assert_verified();
        // And it goes on from there.
        sql.run(&format!(
            "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 1)"
        ));
        assert_eq!(
            sql.listing(HAT),
            "total 1, listed 1, allocated 0, available 1",
            "{tables}"
        );
        sql.assert_verified();
    }
}

#[test]
fn truncated_listings_leave_nothing() {
    for tables in [
        "stock_listings CASCADE",
        "stock_listings, stock_lots",
        "stock_lots, stock_listings",
        "stock_allocations, stock_listings, stock_lots",
        "stock_listings, stock_lots, stock_allocations",
    ] {
        let (_db, mut sql) = shop();
        sql.run(&claim(HAT_LOT, ORDER_1, 4));
        sql.run(&format!("TRUNCATE {tables}"));
        assert_eq!(sql.everything(), [""; 0], "{tables}");
        sql.assert_verified();
    }
}

#[test]
fn a_truncate_rolled_back_leaves_all_as_it_was() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    let before = sql.everything();
    for tables in ["stock_allocations", "stock_lots", "stock_listings CASCADE"] {
        sql.run(&format!(
            "BEGIN; SAVEPOINT s; TRUNCATE {tables}; ROLLBACK TO s; COMMIT"
        ));
        assert_eq!(sql.everything(), before, "{tables}");
    }
    sql.assert_verified();
}
