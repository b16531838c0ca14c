//! confirm_order and release_order_holds: all holds of an order at once.

use crate::api::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

impl Shop {
    /// Holds units for an order.
    fn hold_for(&mut self, order: Uuid, listing: Uuid, units: i32) -> Uuid {
        let sql = "SELECT hold_id FROM hold_stock($1, $2, order_id => $3)";
        self.value(sql, &[&listing, &units, &order])
    }

    /// The same for a millisecond, which has passed.
    fn expired_for(&mut self, order: Uuid, listing: Uuid, units: i32) -> Uuid {
        let hold = self.expired_hold(listing, units);
        let sql = "UPDATE stock_holds SET order_id = $2 WHERE hold_id = $1";
        self.rows(sql, &[&hold, &order]);
        hold
    }
}

fn confirm(order: Uuid, more: &str) -> String {
    format!(
        "SELECT listing_id, quantity, state, available, replayed FROM confirm_order('{order}'{more})"
    )
}

#[test]
fn all_holds_of_an_order_become_its_allocations() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.listing());
    shop.receive_at(coats, 4, ORISON);
    let order = Uuid::new_v4();
    shop.hold_for(order, coats, 3);
    shop.hold_for(order, hats, 2);
    shop.hold_for(order, hats, 1);
    shop.hold_for(Uuid::new_v4(), hats, 1);
    let mut rows = shop.texts(&confirm(order, ""));
    rows.sort();
    let mut expected = [
        format!("{hats}|2|active|5|f"),
        format!("{hats}|1|active|5|f"),
        format!("{coats}|3|active|1|f"),
    ];
    expected.sort();
    assert_eq!(rows, expected);
    let of_own_hold = "SELECT bool_and(a.quantity = h.quantity AND h.status = 'confirmed')
                         FROM stock_allocations a JOIN stock_holds h USING (hold_id)";
    assert!(shop.value::<bool>(of_own_hold, &[]));
    assert_eq!(shop.numbers(hats), (5, 4, 9));
    let error = shop.error(&confirm(order, ""), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("state")),
        ("hold_not_active", json!("confirmed"))
    );
    shop.verify();
}

#[test]
fn an_order_without_holds_is_not_found() {
    let mut shop = Shop::open();
    let order = Uuid::new_v4();
    let error = shop.error(&confirm(order, ""), &[]);
    assert_eq!(error.name(), "hold_not_found");
    assert_eq!(error.field("order_id"), order.to_string());
}

/// The customer pays for all of it: half a delivery is no answer.
#[test]
fn an_expired_hold_stands_in_the_way_of_its_order() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    let order = Uuid::new_v4();
    shop.hold_for(order, hats, 2);
    let expired = shop.expired_for(order, coats, 1);
    let before = shop.everything();
    let error = shop.error(&confirm(order, ""), &[]);
    assert_eq!(error.name(), "hold_expired");
    assert_eq!(error.field("hold_id"), expired.to_string());
    assert_eq!(shop.everything(), before);
    // Elsewhere is not the same.
    shop.receive_at(coats, 5, ORISON);
    let elsewhere = shop.hold_at(coats, 1, ORISON);
    let sql = "UPDATE stock_holds SET order_id = $2 WHERE hold_id = $1";
    shop.rows(sql, &[&elsewhere, &order]);
    assert_eq!(shop.error(&confirm(order, ""), &[]).name(), "hold_expired");
    // Held again, whatever the quantity: the order goes through, swept or not.
    shop.hold_for(order, coats, 3);
    assert_eq!(shop.texts(&confirm(order, "")).len(), 3);
    assert_eq!(shop.hold_state(expired), "expired 1");
    assert_eq!(shop.numbers(coats), (10, 4, 14));
    shop.verify();
}

/// A hold that was given up stands in nobody's way.
#[test]
fn released_holds_are_left_out() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let order = Uuid::new_v4();
    let given_up = shop.hold_for(order, listing, 2);
    shop.rows("SELECT release_hold($1)", &[&given_up]);
    let error = shop.error(&confirm(order, ""), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("state")),
        ("hold_not_active", json!("released"))
    );
    shop.hold_for(order, listing, 3);
    assert_eq!(
        shop.texts(&confirm(order, "")),
        [format!("{listing}|3|active|6|f")]
    );
    shop.verify();
}

#[test]
fn an_order_of_which_one_hold_has_no_good_stock_is_not_confirmed_at_all() {
    let mut shop = Shop::open();
    let (hats, milk) = (shop.stocked(9), shop.stocked(5));
    let order = Uuid::new_v4();
    shop.hold_for(order, hats, 2);
    let hold = shop.hold_for(order, milk, 2);
    shop.rows(
        "UPDATE stock_lots SET expires_on = '2001-01-01' WHERE listing_id = $1",
        &[&milk],
    );
    let before = shop.everything();
    let error = shop.error(&confirm(order, ""), &[]);
    assert_eq!(error.name(), "stock_expired");
    assert_eq!(error.field("hold_id"), hold.to_string());
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn an_order_is_confirmed_by_the_strategy_it_names() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.receive_at(listing, 5, ORISON);
    let order = Uuid::new_v4();
    shop.hold_for(order, listing, 2);
    shop.texts(&confirm(order, ", strategy => 'lifo'"));
    assert_eq!(shop.claims_at(order), ["Orison 2"]);
    shop.verify();
}

#[test]
fn a_replay_of_an_orders_confirmation_gives_the_first_answer() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    let order = Uuid::new_v4();
    shop.hold_for(order, hats, 2);
    let call = confirm(order, ", idempotency_key => 'pay-1'");
    assert_eq!(shop.texts(&call), [format!("{hats}|2|active|7|f")]);
    // What the order holds afterwards is not part of it.
    shop.hold_for(order, coats, 1);
    let before = shop.everything();
    assert_eq!(shop.texts(&call), [format!("{hats}|2|active|7|t")]);
    let other = confirm(order, ", 'lifo', 'pay-1'");
    let error = shop.error(&other, &[]);
    assert_eq!(
        (error.name().as_str(), error.field("field")),
        ("idempotency_mismatch", json!("strategy"))
    );
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn all_holds_of_an_order_are_released_at_once() {
    let mut shop = Shop::open();
    let (hats, parts) = (shop.stocked(9), shop.limited(1, 0, 5));
    let order = Uuid::new_v4();
    let held = shop.hold_for(order, hats, 2);
    let confirmed = shop.hold_for(order, hats, 3);
    let expired = shop.expired_for(order, hats, 1);
    let waiting = shop.hold_for(order, parts, 4);
    let others = shop.hold_for(Uuid::new_v4(), hats, 1);
    for hold in [confirmed, waiting] {
        shop.texts(&format!("SELECT FROM confirm_hold('{hold}')"));
    }
    let release = "SELECT release_order_holds($1)";
    assert_eq!(shop.value::<i32>(release, &[&order]), 2 + 3);
    let states = [held, confirmed, expired, waiting, others].map(|hold| shop.hold_state(hold));
    assert_eq!(
        states,
        [
            "released 2",
            "confirmed 3",
            "expired 1",
            "released 3",
            "active 1"
        ]
    );
    assert_eq!(shop.numbers(hats), (5, 4, 9));
    assert_eq!(shop.numbers(parts), (0, 1, 1));
    // Nothing is left to release.
    assert_eq!(shop.value::<i32>(release, &[&order]), 0);
    assert_eq!(shop.value::<i32>(release, &[&Uuid::new_v4()]), 0);
    shop.verify();
}
