//! What a savepoint rolls back, and what a failed statement had done, is not counted.

use crate::second_door::shop::{
    claim, shop, COAT, COAT_LOT, HAT, HAT_LOT, NEW_LOT, NOTHING, ORDER_1, ORISON,
};

#[test]
fn what_a_savepoint_rolls_back_is_not_counted() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "BEGIN; {first};
         SAVEPOINT s; {second}; UPDATE stock_lots SET quantity_total = quantity_total + 50; ROLLBACK TO s;
         SAVEPOINT t; {third}; RELEASE t; COMMIT",
        first = claim(HAT_LOT, ORDER_1, 1),
        second = claim(HAT_LOT, ORDER_1, 2),
        third = claim(HAT_LOT, ORDER_1, 4),
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 5, available 25"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 5");
    sql.assert_verified();
}

#[test]
fn a_statement_that_fails_half_way_counts_nothing() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 1));
    let before = sql.everything();
    for (statement, sqlstate) in [
        // The last row breaks a rule, after others were written.
        (format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 5), ('{COAT}', 5), ('{HAT}', -5)"), "23514"),
        (format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{COAT_LOT}', '{ORDER_1}', 0)"), "23514"),
        (format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{NOTHING}', '{ORDER_1}', 1)"), "P0002"),
        (format!("INSERT INTO stock_lots (lot_id, listing_id, quantity_total) VALUES ('{NEW_LOT}', '{HAT}', 5), ('{HAT_LOT}', '{HAT}', 5)"), "23505"),
        (format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', 5, '{ORISON}'), ('{HAT}', 5, '{NOTHING}')"), "P0002"),
        ("UPDATE stock_lots SET quantity_total = quantity_total / (quantity_total - 100)".to_owned(), "22012"),
        ("UPDATE stock_allocations SET status = 'lost'".to_owned(), "23514"),
        ("UPDATE stock_lots SET listed = NULL".to_owned(), "23502"),
    ] {
        assert_eq!(sql.refuse(&statement).sqlstate, sqlstate, "{statement}");
        assert_eq!(sql.everything(), before, "{statement}");
    }
    sql.assert_verified();
}
