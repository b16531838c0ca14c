//! Lots that change: their quantity, their listing, their place.

use crate::second_door::shop::{
    claim, shop, ALL_COATS_FREE, ALL_HATS_FREE, CLAIM_1, CLAIM_2, COAT, HAT, HAT_LOT, LORVILLE,
    NEW_LOT, ORDER_1, ORDER_2, ORISON,
};

#[test]
fn a_changed_quantity_is_counted() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 7 WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 27, listed 27, allocated 4, available 23"
    );
    // Many lots of several listings at once.
    sql.run("UPDATE stock_lots SET quantity_total = quantity_total * 2");
    assert_eq!(
        sql.listing(HAT),
        "total 54, listed 54, allocated 4, available 50"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 200, listed 200, allocated 0, available 200"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 14, allocated 4");
    sql.assert_verified();
}

#[test]
fn units_moved_between_lots_in_one_statement_cancel_out() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = quantity_total + CASE lot_id WHEN '{HAT_LOT}' THEN -10 ELSE 10 END
          WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        ["Orison: total 30, listed 30, allocated 0"]
    );
    sql.assert_verified();
}

#[test]
fn a_lot_moved_to_another_listing_takes_its_active_claims_along() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity, status)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 3, 'active'),
                ('{CLAIM_2}', '{HAT_LOT}', '{ORDER_2}', 4, 'released');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 3, available 107"
    );
    // A past claim stays where it happened.
    assert_eq!(
        sql.rows("SELECT status, listing_id FROM stock_allocations ORDER BY 1"),
        [format!("active|{COAT}"), format!("released|{HAT}")]
    );
    sql.assert_verified();
    // The function finds the claim at its new listing.
    assert_eq!(
        sql.row(&format!(
            "SELECT fulfill_allocations('{ORDER_1}', '{COAT}')"
        )),
        "3"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 107, listed 107, allocated 0, available 107"
    );
    sql.assert_verified();
}

#[test]
fn a_past_claim_of_a_moved_lot_can_be_made_active_again() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity, status)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 3, 'released');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"
    ));
    sql.run(&format!(
        "UPDATE stock_allocations SET status = 'active' WHERE allocation_id = '{CLAIM_1}'"
    ));
    assert_eq!(sql.row("SELECT listing_id FROM stock_allocations"), COAT);
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 3, available 107"
    );
    sql.assert_verified();
}

#[test]
fn a_lot_moved_to_another_place_takes_its_claims_along() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 3));
    sql.run(&format!(
        "UPDATE stock_lots SET location_id = '{LORVILLE}' WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 3, available 27"
    );
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 3"
        ]
    );
    sql.assert_verified();
}

#[test]
fn lots_of_nothing_are_kept_and_can_be_filled() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id) VALUES ('{NEW_LOT}', '{COAT}', 0, '{LORVILLE}');
         UPDATE stock_lots SET quantity_total = 0 WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    assert_eq!(sql.row("SELECT count(*) FROM stock_lots"), "4");
    sql.assert_verified();
    // Something may have happened to it in the past.
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{NEW_LOT}', '{ORDER_1}', 3, 'fulfilled');
         UPDATE stock_lots SET listing_id = '{HAT}', location_id = '{ORISON}' WHERE lot_id = '{NEW_LOT}'"
    ));
    sql.assert_verified();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 2 WHERE lot_id = '{NEW_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 22, listed 22, allocated 0, available 22"
    );
    sql.run("UPDATE stock_lots SET quantity_total = 0; DELETE FROM stock_lots");
    assert_eq!(
        sql.listing(HAT),
        "total 0, listed 0, allocated 0, available 0"
    );
    sql.assert_verified();
}
