//! Goods that expire: nobody is given them, and a hold that then finds none says so.

use crate::api::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

/// Of nine units four can be sold no more.
fn shop_of_milk() -> (Shop, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let sql =
        "SELECT receive_stock($1, $2, expires_on => (now() AT TIME ZONE 'UTC')::date + $3::int)";
    for (units, days) in [(4, -1), (2, 0), (3, 9)] {
        shop.rows(sql, &[&listing, &units, &days]);
    }
    (shop, listing)
}

#[test]
fn a_confirmation_takes_good_lots_only() {
    let (mut shop, listing) = shop_of_milk();
    for strategy in [
        "fifo",
        "lifo",
        "fefo",
        "largest_first",
        "fewest_lots",
        "cheapest_first",
    ] {
        let (hold, order) = (shop.hold(listing, 5), Uuid::new_v4());
        shop.rows(
            "SELECT confirm_hold($1, $2, strategy => $3)",
            &[&hold, &order, &strategy],
        );
        assert_eq!(
            shop.allocations(order),
            [(2, "active".into()), (3, "active".into())],
            "today's last day is good"
        );
        shop.rows("SELECT release_allocations($1)", &[&order]);
    }
    shop.verify();
}

/// Expired goods count until they are taken off the list: a hold may be promised what is stale by then.
#[test]
fn a_hold_without_good_stock_says_so_and_stays() {
    let (mut shop, listing) = shop_of_milk();
    let (hold, order) = (shop.hold(listing, 9), Uuid::new_v4());
    let before = shop.everything();
    for more in [
        "",
        ", strategy => 'lifo'",
        ", quantity => 6",
        ", 6, 'keep'",
        ", idempotency_key => 'k'",
    ] {
        let error = shop.error(
            &format!("SELECT confirm_hold('{hold}', '{order}'{more})"),
            &[],
        );
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("55000", "stock_expired"),
            "{more}"
        );
        assert_eq!(error.field("hold_id"), json!(hold));
        assert_eq!(error.field("found"), json!(5));
    }
    assert_eq!(shop.everything(), before);
    // What good goods cover goes through, and the rest with the next delivery.
    shop.rows("SELECT confirm_hold($1, $2, 5, 'keep')", &[&hold, &order]);
    assert_eq!(shop.hold_state(hold), "active 4");
    assert_eq!(
        shop.error("SELECT confirm_hold($1)", &[&hold])
            .field("found"),
        json!(0)
    );
    shop.receive(listing, 4);
    shop.rows("SELECT confirm_hold($1)", &[&hold]);
    assert_eq!(shop.hold_state(hold), "confirmed 4");
    assert_eq!(shop.numbers(listing), (4, 9, 13));
    shop.verify();
}

#[test]
fn good_goods_elsewhere_do_not_help_a_place() {
    let (mut shop, listing) = shop_of_milk();
    let lot = shop.receive_at(listing, 2, ORISON);
    let hold = shop.hold_at(listing, 2, ORISON);
    shop.rows(
        "UPDATE stock_lots SET expires_on = '2001-01-01' WHERE lot_id = $1",
        &[&lot],
    );
    let error = shop.error("SELECT confirm_hold($1, $1)", &[&hold]);
    assert_eq!(
        (error.name().as_str(), error.field("found")),
        ("stock_expired", json!(0))
    );
    assert_eq!(shop.hold_state(hold), "active 2");
    shop.verify();
}

/// Where backorders are allowed, what is stale is goods that are still to come.
#[test]
fn with_backorders_the_rest_waits_for_fresh_goods() {
    let (mut shop, listing) = shop_of_milk();
    shop.run("UPDATE stock_listings SET backorder_limit = 1");
    let (hold, order) = (shop.hold(listing, 9), Uuid::new_v4());
    let answer = format!("SELECT quantity, state FROM confirm_hold('{hold}', '{order}')");
    assert_eq!(shop.texts(&answer), ["2|active", "3|active", "4|waiting"]);
    assert_eq!(shop.numbers(listing), (0, 9, 9));
    shop.receive(listing, 3);
    assert_eq!(shop.hold_state(hold), "waiting 1");
    shop.verify();
}
