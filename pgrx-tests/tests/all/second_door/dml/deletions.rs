//! DELETE of claims, lots and listings.

use crate::second_door::shop::{
    claim, shop, COAT, COAT_LOT, HAT, HAT_LOT, ORDER_1, ORDER_2, ORISON_LOT,
};

#[test]
fn deleted_claims_and_lots_are_counted() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&claim(HAT_LOT, ORDER_2, 2));
    sql.run(&format!(
        "DELETE FROM stock_allocations WHERE order_id = '{ORDER_1}'"
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 2");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 2, available 28"
    );
    sql.assert_verified();
    // A past claim goes with its lot.
    sql.run("UPDATE stock_allocations SET status = 'fulfilled'");
    sql.run(&format!(
        "DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "0");
    sql.assert_verified();
}

#[test]
fn a_claimed_lot_cannot_be_deleted_on_its_own() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_2, 4));
    sql.run(&claim(HAT_LOT, ORDER_1, 2));
    let before = sql.everything();
    let error = sql.refuse(&format!(
        "DELETE FROM stock_lots WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("23514", "stock_committed")
    );
    assert_eq!(
        (error.field("lot_id"), error.field("listing_id")),
        (HAT_LOT.into(), HAT.into())
    );
    assert_eq!(error.field("over_by"), 6);
    assert_eq!(error.field("orders"), serde_json::json!([ORDER_1, ORDER_2]));
    assert!(error.hint.is_some());
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
    // Once the claims are released in the same transaction, it goes.
    sql.run(&format!(
        "BEGIN; UPDATE stock_allocations SET status = 'released';
         DELETE FROM stock_lots WHERE listing_id = '{HAT}'; COMMIT"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 0, listed 0, allocated 0, available 0"
    );
    sql.assert_verified();
}

#[test]
fn deleting_a_listing_takes_everything_of_it() {
    let (_db, mut sql) = shop();
    for (lot, status) in [
        (HAT_LOT, "active"),
        (ORISON_LOT, "released"),
        (COAT_LOT, "active"),
    ] {
        sql.run(&format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
             VALUES ('{lot}', '{ORDER_1}', 3, '{status}')"
        ));
    }
    sql.run(&format!(
        "DELETE FROM stock_listings WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(sql.rows("SELECT lot_id FROM stock_lots"), [COAT_LOT]);
    assert_eq!(sql.rows("SELECT lot_id FROM stock_allocations"), [COAT_LOT]);
    assert_eq!(sql.rows("SELECT listing_id FROM stock_levels"), [COAT]);
    assert_eq!(
        sql.listing(COAT),
        "total 100, listed 100, allocated 3, available 97"
    );
    sql.assert_verified();
    sql.run("DELETE FROM stock_listings");
    assert_eq!(sql.everything(), [""; 0]);
    sql.assert_verified();
}

#[test]
fn a_listing_whose_lot_moved_away_goes_without_it() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         VALUES ('{HAT_LOT}', '{ORDER_1}', 3, 'fulfilled'), ('{HAT_LOT}', '{ORDER_2}', 2, 'active');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}';
         DELETE FROM stock_listings WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 2, available 108"
    );
    assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "2");
    sql.assert_verified();
}
