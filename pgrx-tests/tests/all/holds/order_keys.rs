//! hold_order with a key: a replay is known by its set of lines.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

fn call(lines: &Value, more: &str) -> String {
    format!("hold_order('{lines}', idempotency_key => 'k'{more})")
}

/// Every column of an answer but `replayed`, which all rows must have in common.
#[track_caller]
fn answer(shop: &mut Shop, call: &str, replayed: bool) -> Vec<String> {
    let rows = shop.texts(&format!(
        "SELECT (to_jsonb(h) - 'replayed')::text, replayed FROM {call} h"
    ));
    let mark = if replayed { "|t" } else { "|f" };
    let rows = rows.iter().map(|row| {
        row.strip_suffix(mark)
            .unwrap_or_else(|| panic!("should end with {mark}: {row}"))
            .to_owned()
    });
    rows.collect()
}

#[test]
fn the_same_lines_in_another_order_or_split_are_the_same() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    shop.receive_at(coats, 5, ORISON);
    shop.receive_at(coats, 5, LORVILLE);
    let line =
        |listing: Uuid, units: i32| json!({"listing_id": listing.to_string(), "quantity": units});
    let at = |units: i32, place: Uuid| json!({"listing_id": coats.to_string(), "quantity": units, "location_id": place.to_string()});
    let lines = json!([
        line(hats, 3),
        at(2, ORISON),
        at(1, LORVILLE),
        line(coats, 4)
    ]);
    let first = answer(&mut shop, &call(&lines, ""), false);
    assert_eq!(first.len(), 4);
    let before = shop.everything();
    let shouted =
        json!({"listing_id": hats.to_string().to_uppercase(), "quantity": 3, "location_id": null});
    for same in [
        lines.clone(),
        json!([
            line(coats, 4),
            at(1, LORVILLE),
            at(2, ORISON),
            line(hats, 3)
        ]),
        json!([
            line(hats, 1),
            at(1, ORISON),
            line(coats, 3),
            at(1, LORVILLE),
            line(hats, 2),
            line(coats, 1),
            at(1, ORISON)
        ]),
        json!([shouted, at(2, ORISON), at(1, LORVILLE), line(coats, 4)]),
    ] {
        let mut again = answer(&mut shop, &call(&same, ""), true);
        again.sort();
        let mut first = first.clone();
        first.sort();
        assert_eq!(again, first, "{same}");
    }
    assert_eq!(shop.everything(), before);
    for other in [
        json!([line(hats, 3), at(2, ORISON), at(1, LORVILLE)]),
        json!([
            line(hats, 3),
            at(2, ORISON),
            at(1, LORVILLE),
            line(coats, 5)
        ]),
        json!([
            line(hats, 3),
            at(1, ORISON),
            at(2, LORVILLE),
            line(coats, 4)
        ]),
        json!([
            line(hats, 3),
            at(2, ORISON),
            at(1, LORVILLE),
            line(coats, 4),
            line(Uuid::new_v4(), 1)
        ]),
        json!([
            line(Uuid::new_v4(), 3),
            at(2, ORISON),
            at(1, LORVILLE),
            line(coats, 4)
        ]),
        json!([line(hats, 3), line(coats, 7)]),
        json!([line(hats, 3)]),
    ] {
        let error = shop.error(&format!("SELECT {}", call(&other, "")), &[]);
        assert_eq!(
            (
                error.name().as_str(),
                error.field("field"),
                error.field("function")
            ),
            ("idempotency_mismatch", json!("lines"), json!("hold_order")),
            "{other}"
        );
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn another_order_is_another_request_until_it_is_confirmed() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    let lines = json!([{"listing_id": hats.to_string(), "quantity": 3}, {"listing_id": coats.to_string(), "quantity": 1}]);
    let (order, other) = (Uuid::new_v4(), Uuid::new_v4());
    let of = |order: Uuid| call(&lines, &format!(", order_id => '{order}'"));
    answer(&mut shop, &of(order), false);
    let error = shop.error(&format!("SELECT {}", of(other)), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("field")),
        ("idempotency_mismatch", json!("order_id"))
    );
    shop.rows("SELECT confirm_order($1)", &[&order]);
    let states = format!("SELECT state, quantity, replayed FROM {}", of(order));
    assert_eq!(shop.texts(&states), ["confirmed|3|t", "confirmed|1|t"]);
    shop.verify();
}

/// An order of one line is what hold_stock makes: one key, one request.
#[test]
fn a_key_is_known_to_each_function_that_holds() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let line = json!({"listing_id": listing.to_string(), "quantity": 3});
    let keyed = json!({"listing_id": listing.to_string(), "quantity": 3, "idempotency_key": "k"});
    let calls = [
        call(&json!([line]), ""),
        format!("hold_stock('{listing}', 3, idempotency_key => 'k')"),
        format!("hold_many('{}')", json!([keyed])),
    ];
    let holds = calls.map(|call| shop.value::<Uuid>(&format!("SELECT hold_id FROM {call}"), &[]));
    assert_eq!(holds, [holds[0]; 3]);
    assert_eq!(shop.numbers(listing), (6, 3, 9));
    // Of an order with more lines, one line is not the same.
    let other = shop.stocked(9);
    let two = json!([line, {"listing_id": other.to_string(), "quantity": 3}]);
    for (call, function) in [
        (call(&two, ""), "hold_order"),
        (
            format!("hold_stock('{other}', 3, idempotency_key => 'k')"),
            "hold_stock",
        ),
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "idempotency_mismatch");
        assert_eq!(error.field("function"), function);
    }
    shop.verify();
}

#[test]
fn an_order_that_is_refused_leaves_its_key_free() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(1));
    let lines = json!([{"listing_id": hats.to_string(), "quantity": 3}, {"listing_id": coats.to_string(), "quantity": 2}]);
    let before = shop.everything();
    for _ in 0..2 {
        let error = shop.error(&format!("SELECT {}", call(&lines, "")), &[]);
        assert_eq!(error.name(), "insufficient_stock");
        let quiet = format!(
            "SELECT listing_id, state FROM {}",
            call(&lines, ", on_short => 'answer'")
        );
        assert_eq!(shop.text(&quiet), format!("{coats}|insufficient"));
    }
    assert_eq!(shop.everything(), before);
    shop.receive(coats, 1);
    let first = answer(&mut shop, &call(&lines, ""), false);
    // Sold out by now, and replayed all the same.
    assert_eq!(answer(&mut shop, &call(&lines, ""), true), first);
    assert_eq!(shop.numbers(coats), (0, 2, 2));
    shop.verify();
}

/// confirm_hold keeps its keys as the other claiming functions do.
#[test]
fn a_replay_of_a_confirmation_gives_the_first_answer() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 2, ORISON);
    shop.receive(listing, 9);
    let (hold, order) = (shop.hold(listing, 5), Uuid::new_v4());
    let confirm =
        |more: &str| format!("confirm_hold('{hold}', '{order}', idempotency_key => 'c'{more})");
    let part = confirm(", quantity => 3, remainder => 'keep'");
    let first = answer(&mut shop, &part, false);
    assert_eq!(first.len(), 2);
    shop.allocate(listing, 2);
    let before = shop.everything();
    assert_eq!(answer(&mut shop, &part, true), first);
    for (other, field) in [
        (confirm(""), "quantity"),
        (confirm(", quantity => 2, remainder => 'keep'"), "quantity"),
        (confirm(", quantity => 3"), "remainder"),
        (
            confirm(", quantity => 3, remainder => 'keep', strategy => 'lifo'"),
            "strategy",
        ),
        (
            part.replace(&order.to_string(), &hold.to_string()),
            "order_id",
        ),
        (
            part.replace(&hold.to_string(), &order.to_string()),
            "hold_id",
        ),
    ] {
        let error = shop.error(&format!("SELECT {other}"), &[]);
        assert_eq!(
            (
                error.name().as_str(),
                error.field("field"),
                error.field("function")
            ),
            ("idempotency_mismatch", json!(field), json!("confirm_hold")),
            "{other}"
        );
    }
    assert_eq!(shop.everything(), before);
    // The rest of the hold, with a key of its own.
    let rest = format!("confirm_hold('{hold}', idempotency_key => 'd')");
    let second = answer(&mut shop, &rest, false);
    assert_eq!(answer(&mut shop, &rest, true), second);
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    shop.verify();
}
