//! hold_order: all lines of an order, or nothing.

use super::shop::ANSWER;
use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

fn line(listing: Uuid, units: i32) -> Value {
    json!({"listing_id": listing.to_string(), "quantity": units})
}

fn line_at(listing: Uuid, units: i32, place: Uuid) -> Value {
    json!({"listing_id": listing.to_string(), "quantity": units, "location_id": place.to_string()})
}

/// A call as SQL.
fn call(lines: &Value, more: &str) -> String {
    format!("hold_order('{lines}'{more})")
}

#[test]
fn an_order_answers_a_row_a_line() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(10), shop.listing());
    shop.receive_at(coats, 4, ORISON);
    let order = Uuid::new_v4();
    let lines = json!([line_at(coats, 3, ORISON), line(hats, 2)]);
    let more = format!(", '10 min', 'order-1', 'c-9', '{order}', '{{\"a\": 1}}'");
    let answer = format!(
        "SELECT listing_id, location_id, {ANSWER}, hold_id IS NOT NULL,
                expires_at > clock_timestamp() + interval '9 min'
           FROM {}",
        call(&lines, &more)
    );
    assert_eq!(
        shop.texts(&answer),
        [
            format!("{hats}|NULL|active|2|8|f|t|t"),
            format!("{coats}|{ORISON}|active|3|1|f|t|t")
        ],
        "in the order of their keys"
    );
    let kept = "SELECT count(DISTINCT hold_id), count(DISTINCT expires_at), count(DISTINCT created_at),
                       min(idempotency_key), min(customer), count(DISTINCT order_id), min(metadata::text)
                  FROM stock_holds";
    assert_eq!(shop.text(kept), "2|1|1|order-1|c-9|1|{\"a\": 1}");
    assert_eq!(shop.numbers(hats), (8, 2, 10));
    assert_eq!(shop.numbers(coats), (1, 3, 4));
    shop.verify();
}

#[test]
fn lines_of_one_listing_and_location_are_merged_and_others_are_not() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 5, ORISON);
    shop.receive_at(listing, 5, LORVILLE);
    let lines = json!([
        line(listing, 1),
        line_at(listing, 2, LORVILLE),
        line_at(listing, 1, ORISON),
        line(listing, 1),
        line_at(listing, 2, LORVILLE)
    ]);
    let answer = format!(
        "SELECT location_id, quantity, available FROM {}",
        call(&lines, "")
    );
    assert_eq!(
        shop.texts(&answer),
        [
            "NULL|2|3".to_owned(),
            format!("{ORISON}|1|3"),
            format!("{LORVILLE}|4|3")
        ]
    );
    assert_eq!(shop.numbers(listing), (3, 7, 10));
    shop.verify();
}

/// Each line alone would fit.
#[test]
fn lines_of_one_listing_are_judged_together() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 3, ORISON);
    shop.receive_at(listing, 3, LORVILLE);
    let before = shop.everything();
    let lines = json!([line(listing, 4), line_at(listing, 3, ORISON)]);
    let error = shop.error(&format!("SELECT {}", call(&lines, "")), &[]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(3), json!(2))
    );
    assert_eq!(error.field("location_id"), ORISON.to_string());
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn an_order_that_is_short_anywhere_holds_nothing() {
    let mut shop = Shop::open();
    let (full, short, empty) = (shop.stocked(10), shop.stocked(3), shop.listing());
    let lines = json!([line(full, 10), line(short, 4), line(empty, 1)]);
    let before = shop.everything();
    let error = shop.error(&format!("SELECT {}", call(&lines, "")), &[]);
    assert_eq!(error.name(), "insufficient_stock");
    // The first by key: keys are made in time's order.
    assert_eq!(error.field("listing_id"), short.to_string());
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(4), json!(3))
    );
    // Quietly: the short lines only.
    let answer = format!(
        "SELECT listing_id, hold_id, {ANSWER}, expires_at, location_id FROM {}",
        call(&lines, ", on_short => 'answer'")
    );
    assert_eq!(
        shop.texts(&answer),
        [
            format!("{short}|NULL|insufficient|0|3|f|NULL|NULL"),
            format!("{empty}|NULL|insufficient|0|0|f|NULL|NULL")
        ]
    );
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn an_unknown_listing_is_an_error_with_either() {
    let mut shop = Shop::open();
    let (listing, nobody) = (shop.stocked(10), Uuid::new_v4());
    let before = shop.everything();
    for more in ["", ", on_short => 'answer'"] {
        let lines = json!([line(listing, 1), line(nobody, 1)]);
        let error = shop.error(&format!("SELECT {}", call(&lines, more)), &[]);
        assert_eq!(error.name(), "listing_not_found");
        assert_eq!(error.field("listing_id"), nobody.to_string());
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// A hundred listings in one call; and the same order can be confirmed as one.
#[test]
fn a_long_order_is_held_and_confirmed_whole() {
    let mut shop = Shop::open();
    let listings: Vec<Uuid> = (0..100).map(|_| shop.stocked(2)).collect();
    let order = Uuid::new_v4();
    let lines: Value = listings
        .iter()
        .rev()
        .map(|listing| line(*listing, 2))
        .collect();
    let held = format!(
        "SELECT count(*), sum(quantity), sum(available) FROM {}",
        call(&lines, &format!(", order_id => '{order}'"))
    );
    assert_eq!(shop.text(&held), "100|200|0");
    let confirmed = format!("SELECT count(*), sum(quantity) FROM confirm_order('{order}')");
    assert_eq!(shop.text(&confirmed), "100|200");
    for listing in listings {
        assert_eq!(shop.numbers(listing), (0, 2, 2));
    }
    shop.verify();
}
