//! Reserved with a hold, picked up as a loan.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::json;
use uuid::Uuid;

fn reserve(shop: &mut Shop, listing: Uuid, units: i32, more: &str) -> Uuid {
    let sql = format!("SELECT hold_id FROM hold_stock($1, $2, ttl => '7 days'{more})");
    shop.value(&sql, &[&listing, &units])
}

#[test]
fn a_reservation_becomes_a_loan_of_its_customer() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = reserve(&mut shop, listing, 3, ", customer => 'ann@example.org'");
    let sql = "SELECT borrow_stock(NULL, NULL, NULL, due_at => '2099-01-01', hold_id => $1)";
    let loan: Uuid = shop.value(sql, &[&hold]);
    let row = format!(
        "SELECT listing_id, borrower, contact_info, quantity, hold_id FROM get_loan('{loan}')"
    );
    assert_eq!(
        shop.text(&row),
        format!("{listing}|ann@example.org|ann@example.org|3|{hold}")
    );
    assert_eq!(shop.hold_state(hold), "confirmed 3");
    let of_hold = "SELECT order_id FROM stock_holds WHERE hold_id = $1";
    assert_eq!(shop.value::<Uuid>(of_hold, &[&hold]), loan);
    let of_claim = "SELECT hold_id FROM stock_allocations WHERE order_id = $1";
    assert_eq!(shop.value::<Uuid>(of_claim, &[&loan]), hold);
    assert_eq!(shop.numbers(listing), (6, 3, 9));
    shop.verify();
    assert_eq!(shop.bring_back(loan, 3), 0);
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    shop.verify();
}

#[test]
fn a_part_is_picked_up_and_the_rest_is_free() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = reserve(&mut shop, listing, 5, ", customer => 'ann'");
    let sql = "SELECT borrow_stock($1, 'bob', 2, contact_info => 'next door', hold_id => $2)";
    let loan: Uuid = shop.value(sql, &[&listing, &hold]);
    let row = format!("SELECT borrower, contact_info, quantity FROM get_loan('{loan}')");
    assert_eq!(shop.text(&row), "bob|next door|2");
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    assert_eq!(shop.numbers(listing), (7, 2, 9));
    shop.verify();
}

/// Also where everybody else's units are gone: they were promised.
#[test]
fn what_was_reserved_is_there() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold = reserve(&mut shop, listing, 3, ", customer => 'ann'");
    shop.allocate(listing, 2);
    shop.run("UPDATE stock_listings SET safety_stock = 100");
    let sql = "SELECT borrow_stock($1, NULL, 3, hold_id => $2)";
    let loan: Uuid = shop.value(sql, &[&listing, &hold]);
    assert_eq!(shop.loan(loan), "open 3 0 0");
    shop.verify();
}

#[test]
fn at_the_place_where_it_was_reserved() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    for place in [ORISON, LORVILLE] {
        shop.receive_at(listing, 5, place);
    }
    let at_lorville = format!(", customer => 'ann', location_id => '{LORVILLE}'");
    let hold = reserve(&mut shop, listing, 3, &at_lorville);
    let call = |place: Uuid| {
        format!("SELECT borrow_stock(NULL, NULL, 2, hold_id => '{hold}', location_id => '{place}')")
    };
    let error = shop.error(&call(ORISON), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("argument")),
        ("bad_argument", json!("location_id"))
    );
    let loan: Uuid = shop.value(&call(LORVILLE), &[]);
    assert_eq!(shop.claims_at(loan), ["Lorville 2"]);
    shop.verify();
}

#[test]
fn what_does_not_fit_the_reservation_is_refused() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(9), shop.stocked(9));
    let hold = reserve(&mut shop, listing, 3, ", customer => 'ann'");
    let nobodys = reserve(&mut shop, listing, 1, "");
    let before = shop.everything();
    for (arguments, argument) in [
        (
            format!("'{other}', 'ann', 3, hold_id => '{hold}'"),
            "listing_id",
        ),
        (
            format!("'{listing}', 'ann', 4, hold_id => '{hold}'"),
            "quantity",
        ),
        (
            format!("'{listing}', 'ann', 0, hold_id => '{hold}'"),
            "quantity",
        ),
        (
            format!("'{listing}', 'ann', 1, hold_id => '{hold}', location_id => '{ORISON}'"),
            "location_id",
        ),
        (
            format!("'{listing}', NULL, 1, hold_id => '{nobodys}'"),
            "borrower",
        ),
    ] {
        for key in ["", ", idempotency_key => 'k'"] {
            let error = shop.error(&format!("SELECT borrow_stock({arguments}{key})"), &[]);
            assert_eq!(
                (error.name().as_str(), error.field("argument")),
                ("bad_argument", json!(argument)),
                "{arguments}"
            );
        }
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn what_is_over_is_not_picked_up() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let (released, lent) = (shop.hold(listing, 1), shop.hold(listing, 1));
    let expired = shop.expired_hold(listing, 1);
    shop.rows("SELECT release_hold($1)", &[&released]);
    let sql = "SELECT borrow_stock(NULL, 'ann', NULL, hold_id => $1)";
    shop.rows(sql, &[&lent]);
    let before = shop.everything();
    for (hold, name) in [
        (released, "hold_not_active"),
        (lent, "hold_not_active"),
        (expired, "hold_expired"),
        (Uuid::new_v4(), "hold_not_found"),
    ] {
        assert_eq!(shop.error(sql, &[&hold]).name(), name);
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// A backorder is a promise of goods to come: they are lent when they are here.
#[test]
fn goods_that_are_still_to_come_are_not_handed_out() {
    let mut shop = Shop::open();
    let listing = shop.limited(1, 0, 5);
    let hold = reserve(&mut shop, listing, 3, ", customer => 'ann'");
    let before = shop.everything();
    let call = format!("borrow_stock('{listing}', NULL, 3, hold_id => '{hold}'");
    let error = shop.error(&format!("SELECT {call})"), &[]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(3), json!(1))
    );
    for key in ["", ", idempotency_key => 'k'"] {
        let quiet = format!("SELECT {call}, on_short => 'answer'{key}) IS NULL");
        assert_eq!(shop.text(&quiet), "t");
    }
    assert_eq!(shop.everything(), before, "the reservation stands");
    shop.receive(listing, 2);
    let loan: Uuid = shop.value(&format!("SELECT {call})"), &[]);
    assert_eq!(shop.loan(loan), "open 3 0 0");
    assert_eq!(shop.numbers(listing), (0, 3, 3));
    shop.verify();
}

/// Its goods went past their date in between.
#[test]
fn spoiled_goods_are_not_handed_out() {
    let mut shop = Shop::open();
    let listing = shop.stocked(3);
    let hold = reserve(&mut shop, listing, 3, ", customer => 'ann'");
    shop.run("UPDATE stock_lots SET expires_on = '2001-01-01'");
    let before = shop.everything();
    let sql = "SELECT borrow_stock($1, NULL, 3, hold_id => $2, on_short => 'answer')";
    assert_eq!(shop.error(sql, &[&listing, &hold]).name(), "stock_expired");
    assert_eq!(shop.everything(), before);
    shop.verify();
}
