//! Claims that change: their status, their quantity, their lot; and claims that do not count.

use crate::second_door::shop::{
    claim, shop, ALL_COATS_FREE, ALL_HATS_FREE, COAT, COAT_LOT, HAT, HAT_LOT, NOTHING, ORDER_1,
    ORDER_2, ORISON_LOT,
};

#[test]
fn a_claim_is_counted_by_its_status() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    for (status, allocated) in [
        ("released", 0),
        ("active", 4),
        ("fulfilled", 0),
        ("released", 0),
        ("active", 4),
    ] {
        sql.run(&format!("UPDATE stock_allocations SET status = '{status}'"));
        assert_eq!(
            sql.lot(HAT_LOT),
            format!("total 10, allocated {allocated}"),
            "{status}"
        );
        assert_eq!(
            sql.listing(HAT),
            format!(
                "total 30, listed 30, allocated {allocated}, available {}",
                30 - allocated
            )
        );
        sql.assert_verified();
    }
    sql.run("UPDATE stock_allocations SET quantity = 6");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 6");
    sql.run("UPDATE stock_allocations SET quantity = 1, status = 'released'");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    sql.assert_verified();
}

#[test]
fn a_claim_moved_to_another_lot_is_counted_there() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&format!(
        "UPDATE stock_allocations SET lot_id = '{ORISON_LOT}'"
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    assert_eq!(sql.lot(ORISON_LOT), "total 20, allocated 4");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 4, available 26"
    );
    sql.assert_verified();
    // To another listing's lot, with another quantity; a listing that the client saves with it, as
    // ORMs do, is put right.
    sql.run(&format!(
        "UPDATE stock_allocations SET lot_id = '{COAT_LOT}', listing_id = '{HAT}', quantity = 5"
    ));
    assert_eq!(sql.row("SELECT listing_id FROM stock_allocations"), COAT);
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.listing(COAT),
        "total 100, listed 100, allocated 5, available 95"
    );
    sql.assert_verified();
    let error = sql.refuse(&format!(
        "UPDATE stock_allocations SET lot_id = '{NOTHING}'"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "lot_not_found")
    );
    sql.assert_verified();
}

#[test]
fn claims_on_unlisted_lots_count_on_the_lot_alone() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = false WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
    sql.run(&claim(HAT_LOT, ORDER_1, 3));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 3");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
    sql.assert_verified();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = true WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 3, available 27"
    );
    sql.assert_verified();
}

#[test]
fn past_claims_are_not_counted() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         VALUES ('{HAT_LOT}', '{ORDER_1}', 1000, 'released'), ('{HAT_LOT}', '{ORDER_1}', 2000, 'fulfilled')"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    sql.run(&format!("UPDATE stock_allocations SET quantity = 3, order_id = '{ORDER_2}', lot_id = '{COAT_LOT}' WHERE status = 'released'"));
    assert_eq!(
        (sql.listing(HAT), sql.listing(COAT)),
        (ALL_HATS_FREE.to_owned(), ALL_COATS_FREE.to_owned())
    );
    sql.run("DELETE FROM stock_allocations WHERE status = 'released'");
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    sql.assert_verified();
}
