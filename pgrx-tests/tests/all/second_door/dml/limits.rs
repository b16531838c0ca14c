//! More than a counter can hold.

use crate::second_door::shop::{
    claim, shop, COAT_LOT, HAT, HAT_LOT, LORVILLE, ORDER_1, ORISON, ORISON_LOT,
};

#[test]
fn more_than_a_listing_can_hold_is_refused_and_nothing_changes() {
    let (_db, mut sql) = shop();
    let before = sql.everything();
    let full = i32::MAX - 30;
    for statement in [
        format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', {})", full + 1),
        // At a place where there is nothing yet, so that only the listing overflows.
        format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', {}, '{LORVILLE}')", full + 1),
        format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', {0}, '{LORVILLE}'), ('{HAT}', {0}, '{ORISON}')", i32::MAX),
        format!("INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ('{HAT}', {}, false)", full + 1),
        format!("UPDATE stock_lots SET quantity_total = {} WHERE listing_id = '{HAT}'", i32::MAX),
        format!("UPDATE stock_lots SET listing_id = '{HAT}', quantity_total = {} WHERE lot_id = '{COAT_LOT}'", full + 1),
    ] {
        let error = sql.refuse(&statement);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("22003", "quantity_out_of_range"), "{statement}");
        assert_eq!(sql.everything(), before, "{statement}");
    }
    // The last unit that fits, fits.
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', {full})"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 2147483647, listed 2147483647, allocated 0, available 2147483647"
    );
    sql.assert_verified();
}

#[test]
fn more_claims_than_a_counter_can_hold_are_refused_as_such() {
    let (_db, mut sql) = shop();
    let before = sql.everything();
    let far = i32::MAX - 5;
    for statements in [
        // One lot, one statement; one lot, two statements; two lots of one listing, two statements;
        // the same with one statement.
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', {far}), ('{HAT_LOT}', '{ORDER_1}', {far})"),
        format!("{0}; {0}", claim(HAT_LOT, ORDER_1, far)),
        format!("{}; {}", claim(HAT_LOT, ORDER_1, far), claim(ORISON_LOT, ORDER_1, far)),
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', {far}), ('{ORISON_LOT}', '{ORDER_1}', {far})"),
    ] {
        let error = sql.refuse(&statements);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("22003", "quantity_out_of_range"), "{statements}: {}", error.message);
        assert_eq!(sql.everything(), before);
    }
    sql.assert_verified();
}
