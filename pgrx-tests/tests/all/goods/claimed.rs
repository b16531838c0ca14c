//! What is claimed stays: allocations keep their lot's units, holds their listing's and their place's,
//! whatever function would take them. Holds that have expired are no reason.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::json;
use uuid::Uuid;

/// Calls that take `units` of what a lot of ten has.
fn takers(lot: Uuid, units: i32) -> [String; 5] {
    [
        format!("adjust_stock('{lot}', -{units}, 'x')"),
        format!("count_stock('{lot}', 10 - {units})"),
        format!(
            "count_location('{ORISON}', '[{{\"lot_id\": \"{lot}\", \"counted\": {}}}]')",
            10 - units
        ),
        format!("set_lot_condition('{lot}', 'damaged', {units})"),
        format!("transfer_stock('{lot}', {units}, '{LORVILLE}')"),
    ]
}

#[test]
fn allocated_units_are_not_taken() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 10, ORISON);
    let mut orders = [shop.allocate(listing, 3), shop.allocate(listing, 1)];
    orders.sort();
    let before = shop.everything();
    for call in takers(lot, 8) {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(
            error.detail_json,
            Some(json!({
                "error": "stock_committed", "lot_id": lot.to_string(), "listing_id": listing.to_string(),
                "over_by": 2, "orders": orders.map(|order| order.to_string()),
            })),
            "{call}"
        );
    }
    assert_eq!(shop.everything(), before);
    // Free units are.
    for call in takers(lot, 1) {
        shop.run(&format!("BEGIN; SELECT {call}"));
        shop.prove();
        shop.run("ROLLBACK");
    }
}

#[test]
fn held_units_stay_with_their_listing() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 10, ORISON);
    let hold = shop.hold(listing, 4);
    let [adjust, count, count_all, damage, transfer] = takers(lot, 7);
    let before = shop.everything();
    for call in [adjust, count, count_all, damage] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "stock_committed", "{call}");
        assert_eq!(error.field("holds"), json!([hold.to_string()]), "{call}");
        assert_eq!(error.field("over_by"), json!(1), "{call}");
    }
    assert_eq!(shop.everything(), before);
    // The hold names no place.
    shop.key(&transfer);
    shop.prove();
}

#[test]
fn units_held_at_a_place_stay_there() {
    let mut shop = Shop::open();
    let listing = shop.stocked(100);
    let lot = shop.receive_at(listing, 10, ORISON);
    let hold = shop.hold_at(listing, 4, ORISON);
    let before = shop.everything();
    let whole = format!("transfer_stock('{lot}', NULL, '{LORVILLE}')");
    for call in takers(lot, 7).into_iter().chain([whole]) {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "stock_committed", "{call}");
        assert_eq!(
            error.field("location_id"),
            json!(ORISON.to_string()),
            "{call}"
        );
        assert_eq!(error.field("holds"), json!([hold.to_string()]), "{call}");
    }
    assert_eq!(shop.everything(), before);
    for call in takers(lot, 6) {
        shop.run(&format!("BEGIN; SELECT {call}"));
        shop.prove();
        shop.run("ROLLBACK");
    }
}

#[test]
fn holds_that_have_expired_keep_nothing() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 10, ORISON);
    shop.expired_hold(listing, 2);
    shop.expired_hold_at(listing, 2, ORISON);
    for call in takers(lot, 10) {
        shop.run(&format!("BEGIN; SELECT {call}"));
        shop.prove();
        shop.run("ROLLBACK");
    }
    // Those that live still do.
    shop.hold(listing, 1);
    let [adjust, ..] = takers(lot, 10);
    assert_eq!(shop.refused(&adjust, "over_by").1, "1");
}

#[test]
fn a_backorder_leaves_room_below_zero() {
    let mut shop = Shop::open();
    let listing = shop.limited(10, 0, 3);
    shop.hold(listing, 10);
    let lot = shop.text("SELECT lot_id FROM stock_lots");
    shop.units(&format!("adjust_stock('{lot}', -3, 'x')"));
    let call = format!("adjust_stock('{lot}', -1, 'x')");
    assert_eq!(
        shop.refused(&call, "over_by"),
        ("stock_committed".to_owned(), "1".to_owned())
    );
    shop.prove();
}
