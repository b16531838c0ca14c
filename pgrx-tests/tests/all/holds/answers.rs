//! What hold_stock answers and keeps.

use super::shop::ANSWER;
use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn a_hold_answers_with_every_column_and_keeps_what_it_was_told() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 10, ORISON);
    let order = Uuid::new_v4();
    let sql = "SELECT to_jsonb(h) - 'expires_at' AS answer, hold_id,
                      expires_at BETWEEN clock_timestamp() + interval '14 minutes'
                                     AND clock_timestamp() + interval '15 minutes'
                 FROM hold_stock($1, 4, '15 minutes', 'cart-77', $2, 'c-9', $3, '{\"colour\": \"blue\"}') h";
    let row = &shop.rows(sql, &[&listing, &ORISON, &order])[0];
    let hold: Uuid = row.get(1);
    assert_eq!(
        row.get::<_, Value>(0),
        json!({"hold_id": hold.to_string(), "state": "active", "quantity": 4, "available": 6, "replayed": false})
    );
    assert!(row.get::<_, bool>(2), "a quarter of an hour from now");
    assert_eq!(hold.get_version_num(), 7);

    let kept: Value = shop.value(
        "SELECT to_jsonb(h) - '{expires_at, created_at, updated_at}'::text[] FROM stock_holds h",
        &[],
    );
    assert_eq!(
        kept,
        json!({"hold_id": hold.to_string(), "tenant_id": Uuid::nil().to_string(),
               "listing_id": listing.to_string(), "location_id": ORISON.to_string(), "quantity": 4,
               "status": "active", "idempotency_key": "cart-77", "customer": "c-9",
               "order_id": order.to_string(), "metadata": {"colour": "blue"}, "confirmed_at": null,
               "quantity_requested": 4})
    );
    let times = "SELECT created_at = updated_at, expires_at - created_at BETWEEN interval '14 min' AND interval '15 min',
                        created_at <= clock_timestamp() FROM stock_holds";
    assert_eq!(shop.text(times), "t|t|t");
    shop.verify();
}

#[test]
fn a_hold_left_to_the_defaults_lasts_half_an_hour_anywhere() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let sql = "SELECT hold_id FROM hold_stock($1, 2)";
    let hold: Uuid = shop.value(sql, &[&listing]);
    let kept = format!(
        "SELECT location_id, idempotency_key, customer, order_id, metadata,
                expires_at - created_at BETWEEN interval '29 min' AND interval '30 min'
           FROM stock_holds WHERE hold_id = '{hold}'"
    );
    assert_eq!(shop.text(&kept), "NULL|NULL|NULL|NULL|NULL|t");
    shop.verify();
}

#[test]
fn without_a_ttl_a_hold_never_expires() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let answer =
        format!("SELECT {ANSWER}, expires_at FROM hold_stock('{listing}', 2, ttl => NULL)");
    assert_eq!(shop.text(&answer), "active|2|3|f|NULL");
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 0);
    assert_eq!(shop.numbers(listing), (3, 2, 5));
    shop.verify();
}

/// Held units are reserved, not available, and still there.
#[test]
fn what_is_held_is_counted_by_every_reader() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 6, ORISON);
    shop.receive_at(listing, 4, LORVILLE);
    shop.allocate(listing, 1);
    shop.hold(listing, 2);
    shop.hold_at(listing, 3, LORVILLE);
    assert_eq!(shop.numbers(listing), (4, 6, 10));
    let numbers = format!(
        "SELECT available, reserved, held, allocated, total, available_to_promise
           FROM get_stock(ARRAY['{listing}']::uuid[])"
    );
    assert_eq!(shop.text(&numbers), "4|6|5|1|10|4");
    let overview = format!(
        "SELECT available_units, reserved_units, total_units, available_to_promise_units
           FROM stock_overview WHERE listing_id = '{listing}'"
    );
    assert_eq!(shop.text(&overview), "4|6|10|4");
    // At a location only what names it is held there.
    let at = |place: Uuid| {
        format!(
            "SELECT get_available_stock('{listing}', '{place}'), get_reserved_stock('{listing}', '{place}'),
                    get_total_stock('{listing}', '{place}')"
        )
    };
    assert_eq!(shop.text(&at(ORISON)), "5|1|6");
    assert_eq!(shop.text(&at(LORVILLE)), "1|3|4");
    shop.verify();
}

#[test]
fn one_unit_too_many_is_refused_aloud_or_quietly() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.hold(listing, 3);
    let before = shop.everything();
    let error = shop.error("SELECT hold_stock($1, 3)", &[&listing]);
    assert_eq!(error.name(), "insufficient_stock");
    let answer = "SELECT to_jsonb(h) FROM hold_stock($1, 3, on_short => 'answer') h";
    assert_eq!(
        shop.value::<Value>(answer, &[&listing]),
        json!({"hold_id": null, "state": "insufficient", "quantity": 0, "expires_at": null,
               "available": 2, "replayed": false})
    );
    assert_eq!(shop.everything(), before);
    // What fits is held with either.
    let answer = format!("SELECT {ANSWER} FROM hold_stock('{listing}', 2, on_short => 'answer')");
    assert_eq!(shop.text(&answer), "active|2|0|f");
    shop.verify();
}

#[test]
fn a_location_holds_no_more_than_it_has() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 3, ORISON);
    shop.receive_at(listing, 5, LORVILLE);
    let hold = |units: i32, place: Uuid| {
        format!(
            "SELECT {ANSWER} FROM hold_stock('{listing}', {units}, location_id => '{place}', on_short => 'answer')"
        )
    };
    assert_eq!(shop.text(&hold(4, ORISON)), "insufficient|0|3|f");
    assert_eq!(shop.text(&hold(3, ORISON)), "active|3|5|f");
    assert_eq!(shop.text(&hold(1, ORISON)), "insufficient|0|0|f");
    // Of an unlisted lot, and of a place where nothing was ever, there is nothing.
    let sql = "SELECT receive_stock($1, 7, $2, listed => false)";
    shop.rows(sql, &[&listing, &ORISON]);
    assert_eq!(shop.text(&hold(1, ORISON)), "insufficient|0|0|f");
    let nowhere: Uuid = shop.value(
        "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id",
        &[],
    );
    assert_eq!(shop.text(&hold(1, nowhere)), "insufficient|0|0|f");
    assert_eq!(shop.text(&hold(5, LORVILLE)), "active|5|0|f");
    shop.verify();
}

/// All that a location has, but the listing has promised it to others who take it from anywhere.
#[test]
fn a_location_holds_no_more_than_its_listing_has_left() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 3, ORISON);
    shop.receive_at(listing, 3, LORVILLE);
    shop.hold(listing, 4);
    let hold = format!(
        "SELECT {ANSWER} FROM hold_stock('{listing}', 3, location_id => '{ORISON}', on_short => 'answer')"
    );
    assert_eq!(shop.text(&hold), "insufficient|0|2|f");
    shop.hold_at(listing, 2, ORISON);
    assert_eq!(shop.numbers(listing), (0, 6, 6));
    shop.verify();
}
