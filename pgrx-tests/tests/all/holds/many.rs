//! hold_many: each line on its own, a result a line.

use super::shop::ANSWER;
use crate::api::shop::{Shop, ORISON};
use serde_json::{json, Value};
use stockroom_tests::Session;
use uuid::Uuid;

fn line(listing: Uuid, units: i32) -> Value {
    json!({"listing_id": listing.to_string(), "quantity": units})
}

fn with(mut line: Value, more: Value) -> Value {
    let (line_map, more) = (line.as_object_mut().unwrap(), more.as_object().unwrap());
    line_map.extend(more.clone());
    line
}

fn answers(shop: &mut Shop, lines: &Value, more: &str) -> Vec<String> {
    shop.texts(&format!("SELECT {ANSWER} FROM hold_many('{lines}'{more})"))
}

#[test]
fn each_line_gets_its_own_answer_in_the_given_order() {
    let mut shop = Shop::open();
    let (hats, coats, nobody) = (shop.stocked(5), shop.listing(), Uuid::new_v4());
    shop.receive_at(coats, 4, ORISON);
    let order = Uuid::new_v4();
    let lines = json!([
        line(coats, 5),
        with(
            line(hats, 2),
            json!({"customer": "c-1", "order_id": order.to_string()})
        ),
        line(nobody, 1),
        with(
            line(coats, 3),
            json!({"location_id": ORISON.to_string(), "idempotency_key": "mine"})
        ),
        line(hats, 4),
        line(hats, 2),
        with(
            line(coats, 2),
            json!({"location_id": null, "customer": null})
        ),
    ]);
    let sql = format!(
        "SELECT listing_id, location_id, {ANSWER}, hold_id IS NOT NULL, expires_at IS NOT NULL
           FROM hold_many('{lines}', '1 hour', metadata => '[1]')"
    );
    assert_eq!(
        shop.texts(&sql),
        [
            format!("{coats}|NULL|insufficient|0|4|f|f|f"),
            format!("{hats}|NULL|active|2|1|f|t|t"),
            format!("{nobody}|NULL|listing_not_found|0|0|f|f|f"),
            format!("{coats}|{ORISON}|active|3|1|f|t|t"),
            format!("{hats}|NULL|insufficient|0|3|f|f|f"),
            format!("{hats}|NULL|active|2|1|f|t|t"),
            format!("{coats}|NULL|insufficient|0|1|f|f|f"),
        ],
        "available is the listing's after the call; of a short line, what it could have had"
    );
    let kept =
        "SELECT listing_id, quantity, idempotency_key, customer, order_id, metadata, count(*)
                  FROM stock_holds GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 4";
    assert_eq!(
        shop.texts(kept),
        [
            format!("{hats}|2|NULL|c-1|{order}|[1]|1"),
            format!("{hats}|2|NULL|NULL|NULL|[1]|1"),
            format!("{coats}|3|mine|NULL|NULL|[1]|1"),
        ]
    );
    assert_eq!(shop.numbers(hats), (1, 4, 5));
    shop.verify();
}

#[test]
fn where_nothing_fits_nothing_is_written() {
    let mut shop = Shop::open();
    let listing = shop.stocked(2);
    let before = shop.everything();
    let lines = json!([line(listing, 3), line(Uuid::new_v4(), 1)]);
    assert_eq!(
        answers(&mut shop, &lines, ""),
        ["insufficient|0|2|f", "listing_not_found|0|0|f"]
    );
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// More than one listing has, in many lines: exactly as many are held as there are units.
#[test]
fn a_flash_sale_in_one_call_sells_what_there_is() {
    let mut shop = Shop::open();
    let listing = shop.stocked(70);
    let lines: Value = (0..100).map(|_| line(listing, 1)).collect();
    let states = answers(&mut shop, &lines, "");
    assert_eq!(states[..70], ["active|1|0|f"; 70]);
    assert_eq!(states[70..], ["insufficient|0|0|f"; 30]);
    assert_eq!(shop.numbers(listing), (0, 70, 70));
    shop.verify();
}

#[test]
fn a_line_with_its_own_key_is_replayed_alone() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10);
    let keyed = |units: i32, key: &str| with(line(listing, units), json!({"idempotency_key": key}));
    assert_eq!(
        answers(&mut shop, &json!([keyed(2, "a"), line(listing, 1)]), ""),
        ["active|2|7|f", "active|1|7|f"]
    );
    // The key is known, the other line is new once more.
    let lines = json!([line(listing, 1), keyed(2, "a"), keyed(3, "b")]);
    let again = format!("SELECT state, quantity, replayed FROM hold_many('{lines}')");
    assert_eq!(
        shop.texts(&again),
        ["active|1|f", "active|2|t", "active|3|f"]
    );
    // A short line's key is still free.
    assert_eq!(
        answers(&mut shop, &json!([keyed(9, "c")]), ""),
        ["insufficient|0|3|f"]
    );
    assert_eq!(
        answers(&mut shop, &json!([keyed(3, "c")]), ""),
        ["active|3|0|f"]
    );
    // It is the same key that hold_stock knows.
    let sql = format!("SELECT {ANSWER} FROM hold_stock('{listing}', 3, idempotency_key => 'c')");
    assert_eq!(shop.text(&sql), "active|3|0|t");
    let error = shop.error(
        &format!(
            "SELECT hold_many('{}')",
            json!([line(listing, 1), keyed(4, "c")])
        ),
        &[],
    );
    assert_eq!(
        (
            error.name().as_str(),
            error.field("field"),
            error.field("function")
        ),
        (
            "idempotency_mismatch",
            json!("quantity"),
            json!("hold_many")
        )
    );
    assert_eq!(shop.numbers(listing), (0, 10, 10));
    shop.verify();
}

/// One key is one request: two lines with the same are none.
#[test]
fn two_lines_do_not_share_a_key() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    let keyed = |line: Value| with(line, json!({"idempotency_key": "shared"}));
    let before = shop.everything();
    for lines in [
        json!([keyed(line(hats, 1)), keyed(line(hats, 1))]),
        json!([keyed(line(hats, 1)), line(hats, 1), keyed(line(coats, 1))]),
        json!([
            keyed(line(hats, 1)),
            keyed(with(line(hats, 1), json!({"location_id": ORISON})))
        ]),
    ] {
        let error = shop.error(&format!("SELECT hold_many('{lines}')"), &[]);
        assert_eq!(error.name(), "bad_argument");
        let problem = error.field("problem");
        assert!(
            problem.as_str().unwrap().contains("idempotency_key"),
            "{problem}"
        );
    }
    assert_eq!(shop.everything(), before);
}

#[test]
fn the_calls_own_key_replays_the_first_answer() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10);
    let lines = json!([line(listing, 2), line(listing, 9), line(Uuid::new_v4(), 1)]);
    let key = ", idempotency_key => 'call'";
    assert_eq!(
        answers(&mut shop, &lines, key),
        [
            "active|2|8|f",
            "insufficient|0|8|f",
            "listing_not_found|0|0|f"
        ]
    );
    let before = shop.everything();
    // Other terms are not compared; the first answer comes back as it was.
    for more in ["", ", ttl => '5 s', metadata => '{}'"] {
        assert_eq!(
            answers(&mut shop, &lines, &format!("{key}{more}")),
            [
                "active|2|8|t",
                "insufficient|0|8|t",
                "listing_not_found|0|0|t"
            ]
        );
    }
    assert_eq!(shop.everything(), before);
    // Their order is part of the request: the answers come in it.
    let mut turned = lines.clone();
    turned.as_array_mut().unwrap().reverse();
    let error = shop.error(&format!("SELECT hold_many('{turned}'{key})"), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("field")),
        ("idempotency_mismatch", json!("lines"))
    );
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// What is freed in passing is never refused: not even on a listing whose safety stock was raised since,
/// of which nothing can be held.
#[test]
fn what_a_refused_line_frees_is_no_reason_to_fail() {
    let mut shop = Shop::open();
    let (short, wanted) = (shop.stocked(10), shop.stocked(5));
    shop.hold(short, 6);
    shop.expired_hold(short, 4);
    let dead = shop.expired_hold(wanted, 5);
    shop.run("UPDATE stock_listings SET safety_stock = 5 WHERE quantity_total = 10");
    // Its tries lose while somebody has the dead hold; the last waits for him, and ends all that is dead.
    let mut other = Session::open(&shop.db);
    let lock = format!("BEGIN; SELECT FROM stock.stock_holds WHERE hold_id = '{dead}' FOR UPDATE");
    other.run(&lock).unwrap();
    let mut caller = Session::open(&shop.db);
    caller.start(&format!(
        r#"SELECT string_agg(format('%s %s %s', state, quantity, available), ', ' ORDER BY state)
             FROM stock.hold_many('[{{"listing_id": "{short}", "quantity": 1}}, {{"listing_id": "{wanted}", "quantity": 5}}]')"#
    ));
    assert!(caller.is_blocked());
    other.run("COMMIT").unwrap();
    let answer = caller.finish().unwrap();
    assert_eq!(answer.value(), "active 5 0, insufficient 0 0");
    assert_eq!(shop.numbers(short), (4, 6, 10));
    shop.verify();
}
