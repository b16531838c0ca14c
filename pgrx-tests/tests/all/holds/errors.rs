//! What each error of a hold is to a program and to a person: SQLSTATE, message, the JSON of DETAIL
//! with exactly its keys, and the HINT.

use crate::api::errors::assert_error;
use crate::api::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

#[test]
fn insufficient_stock() {
    let mut shop = Shop::open();
    let listing = shop.stocked(3);
    shop.receive_at(listing, 1, ORISON);
    let hint = "Ask for less, or pass on_short => 'answer' for an answer instead of an error; \
                allocate_stock takes what there is with partial => true.";
    let error = shop.error("SELECT hold_stock($1, 5)", &[&listing]);
    assert_error(
        &error,
        "23514",
        &format!("not enough stock of listing {listing}: 5 requested, 4 available"),
        json!({"error": "insufficient_stock", "listing_id": listing.to_string(), "location_id": null,
               "requested": 5, "available": 4}),
        hint,
    );
    let error = shop.error(
        "SELECT hold_stock($1, 2, location_id => $2)",
        &[&listing, &ORISON],
    );
    assert_error(
        &error,
        "23514",
        &format!("not enough stock of listing {listing}: 2 requested, 1 available"),
        json!({"error": "insufficient_stock", "listing_id": listing.to_string(),
               "location_id": ORISON.to_string(), "requested": 2, "available": 1}),
        hint,
    );
}

#[test]
fn hold_not_found() {
    let mut shop = Shop::open();
    let nobody = Uuid::new_v4();
    let hint =
        "Make it with hold_stock or hold_resource; it may also have been purged, or belong to another tenant.";
    for call in [
        "confirm_hold($1, $1)",
        "extend_hold($1, '1 h')",
        "release_hold($1)",
        "get_hold($1)",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&nobody]);
        assert_error(
            &error,
            "P0002",
            &format!("hold {nobody} does not exist"),
            json!({"error": "hold_not_found", "hold_id": nobody.to_string()}),
            hint,
        );
    }
    let error = shop.error("SELECT confirm_order($1)", &[&nobody]);
    assert_error(
        &error,
        "P0002",
        &format!("order {nobody} has no hold"),
        json!({"error": "hold_not_found", "order_id": nobody.to_string()}),
        hint,
    );
}

#[test]
fn hold_not_active_and_hold_expired() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold = shop.hold(listing, 2);
    shop.rows("SELECT confirm_hold($1, $1)", &[&hold]);
    for call in [
        "confirm_hold($1, $1)",
        "extend_hold($1, '1 h')",
        "release_hold($1)",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&hold]);
        assert_error(
            &error,
            "55000",
            &format!("hold {hold} is confirmed, not active"),
            json!({"error": "hold_not_active", "hold_id": hold.to_string(), "state": "confirmed"}),
            "Its units were dealt with before; make a new hold for more.",
        );
    }
    let hold = shop.expired_hold(listing, 2);
    for call in ["confirm_hold($1, $1)", "extend_hold($1, '1 h')"] {
        let error = shop.error(&format!("SELECT {call}"), &[&hold]);
        assert_error(
            &error,
            "55000",
            &format!("hold {hold} has expired"),
            json!({"error": "hold_expired", "hold_id": hold.to_string()}),
            "Make a new hold; one that is extended before its time is up lives on.",
        );
    }
}

#[test]
fn stock_expired() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold = shop.hold(listing, 5);
    shop.run("UPDATE stock_lots SET expires_on = '2001-01-01'");
    shop.receive(listing, 2);
    let error = shop.error("SELECT confirm_hold($1, $1)", &[&hold]);
    assert_error(
        &error,
        "55000",
        &format!(
            "stock that hold {hold} was promised has expired: 5 units, 2 of them in good lots"
        ),
        json!({"error": "stock_expired", "hold_id": hold.to_string(), "listing_id": listing.to_string(),
               "requested": 5, "found": 2}),
        "Receive fresh goods and confirm again, or release the hold.",
    );
}

#[test]
fn idempotency_mismatch() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let sql = "SELECT hold_stock($1, $2, idempotency_key => 'cart 7')";
    shop.rows(sql, &[&listing, &1]);
    let error = shop.error(sql, &[&listing, &2]);
    assert_error(
        &error,
        "23505",
        "idempotency key \"cart 7\" was used for another call of hold_stock: quantity differs",
        json!({"error": "idempotency_mismatch", "function": "hold_stock", "idempotency_key": "cart 7",
               "field": "quantity"}),
        "Use a new key for a new request; repeat a request with exactly its first arguments.",
    );
}

#[test]
fn not_found_is_told_of_listings_and_locations() {
    let mut shop = Shop::open();
    let (listing, nobody) = (shop.stocked(5), Uuid::new_v4());
    for call in [
        "SELECT hold_stock($1, 1)",
        "SELECT hold_stock($1, 1, on_short => 'answer')",
        "SELECT hold_order(jsonb_build_array(jsonb_build_object('listing_id', $1::uuid, 'quantity', 1)))",
        "INSERT INTO stock_holds (listing_id, quantity) VALUES ($1, 1)",
        "INSERT INTO stock_holds (listing_id, quantity, status) VALUES ($1, 1, 'released')",
    ] {
        let error = shop.error(call, &[&nobody]);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("P0002", "listing_not_found"), "{call}");
        assert_eq!(error.field("listing_id"), nobody.to_string());
    }
    let before = shop.everything();
    for call in [
        "SELECT hold_stock($1, 1, location_id => $2)",
        "SELECT hold_stock($1, 1, location_id => $2, on_short => 'answer')",
        "SELECT hold_order(jsonb_build_array(jsonb_build_object('listing_id', $1::uuid, 'quantity', 1, 'location_id', $2::uuid)))",
        "SELECT hold_many(jsonb_build_array(jsonb_build_object('listing_id', $1::uuid, 'quantity', 1, 'location_id', $2::uuid)))",
        "INSERT INTO stock_holds (listing_id, quantity, location_id) VALUES ($1, 1, $2)",
    ] {
        let error = shop.error(call, &[&listing, &nobody]);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("P0002", "location_not_found"), "{call}");
        assert_eq!(error.field("location_id"), nobody.to_string());
    }
    assert_eq!(shop.everything(), before);
}
