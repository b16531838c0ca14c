//! The allocations of an open loan are the loan's alone: the functions of orders leave them, and make no
//! more of them.

use crate::api::shop::Shop;
use serde_json::json;
use uuid::Uuid;

#[test]
fn the_functions_of_orders_leave_loans_alone() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 9);
    let loan = shop.lend(listing, "ann", 3);
    let hold = shop.hold(listing, 1);
    let sql = "SELECT hold_id FROM hold_stock($1, 1, order_id => $2)";
    let of_loan: Uuid = shop.value(sql, &[&listing, &loan]);
    let before = shop.everything();
    let lines = json!([{"listing_id": listing, "quantity": 1}]);
    let lots = json!([{"lot_id": lot, "quantity": 1}]);
    for call in [
        format!("release_allocations('{loan}')"),
        format!("release_allocations('{loan}', quantity => 1, idempotency_key => 'k')"),
        format!("fulfill_allocations('{loan}', '{listing}')"),
        format!("fulfill_allocations('{loan}', idempotency_key => 'k')"),
        format!("allocate_stock('{listing}', '{loan}', 1)"),
        format!("allocate_stock('{listing}', '{loan}', 1, idempotency_key => 'k')"),
        format!("allocate_order('{loan}', '{lines}')"),
        format!("allocate_lots('{loan}', '{lots}')"),
        format!("confirm_hold('{hold}', '{loan}')"),
        format!("confirm_hold('{of_loan}')"),
        format!("confirm_order('{loan}')"),
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(
            (error.name().as_str(), error.field("loan_id")),
            ("order_is_loan", json!(loan)),
            "{call}"
        );
    }
    assert_eq!(shop.everything(), before);
    // Closed, it is an order like any other.
    shop.bring_back(loan, 3);
    shop.rows("SELECT allocate_stock($1, $2, 1)", &[&listing, &loan]);
    let released: i32 = shop.value("SELECT release_allocations($1)", &[&loan]);
    assert_eq!(released, 1);
    shop.verify();
}

/// A client may have made such a hold wait; no goods go into the loan by it.
#[test]
fn a_hold_that_waits_in_a_loans_name_gets_nothing() {
    let mut shop = Shop::open();
    let listing = shop.limited(3, 0, 5);
    let loan = shop.lend(listing, "ann", 3);
    let sql = "INSERT INTO stock_holds (listing_id, quantity, status, order_id, expires_at)
               VALUES ($1, 2, 'waiting', $2, NULL) RETURNING hold_id";
    let hold: Uuid = shop.value(sql, &[&listing, &loan]);
    shop.receive(listing, 5);
    assert_eq!(shop.hold_state(hold), "waiting 2");
    shop.verify();
    shop.bring_back(loan, 3);
    shop.rows("SELECT expire_holds()", &[]);
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    shop.verify();
}
