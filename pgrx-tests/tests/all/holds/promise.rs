//! How far holds may go: safety stock is not sold, and backorders have a limit.

use super::shop::ANSWER;
use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

fn hold(listing: Uuid, units: i32) -> String {
    format!("SELECT {ANSWER} FROM hold_stock('{listing}', {units}, on_short => 'answer')")
}

fn allocate(listing: Uuid, units: i32) -> String {
    format!(
        "SELECT state, quantity, available
           FROM allocate_stock('{listing}', gen_random_uuid(), {units}, on_short => 'answer')"
    )
}

fn promised(listing: Uuid) -> String {
    format!("SELECT available, available_to_promise FROM get_stock(ARRAY['{listing}']::uuid[])")
}

#[test]
fn safety_stock_is_not_held() {
    let mut shop = Shop::open();
    let listing = shop.limited(10, 3, 0);
    assert_eq!(shop.text(&promised(listing)), "10|7");
    assert_eq!(shop.text(&hold(listing, 8)), "insufficient|0|7|f");
    assert_eq!(shop.text(&hold(listing, 7)), "active|7|3|f");
    assert_eq!(shop.text(&promised(listing)), "3|0");
    assert_eq!(shop.text(&hold(listing, 1)), "insufficient|0|0|f");
    assert_eq!(shop.text(&allocate(listing, 1)), "insufficient|0|0");
    shop.verify();
}

#[test]
fn holds_go_below_zero_as_far_as_backorders_may_and_allocations_do_not() {
    let mut shop = Shop::open();
    let listing = shop.limited(10, 0, 5);
    assert_eq!(shop.text(&hold(listing, 16)), "insufficient|0|15|f");
    assert_eq!(shop.text(&allocate(listing, 11)), "insufficient|0|10");
    assert_eq!(shop.text(&hold(listing, 12)), "active|12|-2|f");
    assert_eq!(shop.text(&promised(listing)), "-2|-2");
    assert_eq!(shop.text(&allocate(listing, 1)), "insufficient|0|0");
    assert_eq!(shop.text(&hold(listing, 4)), "insufficient|0|3|f");
    assert_eq!(shop.text(&hold(listing, 3)), "active|3|-5|f");
    assert_eq!(shop.text(&hold(listing, 1)), "insufficient|0|0|f");
    assert_eq!(shop.numbers(listing), (-5, 15, 10));
    shop.verify();
}

/// available − safety_stock may go down to −backorder_limit.
#[test]
fn both_limits_add_up() {
    let mut shop = Shop::open();
    let listing = shop.limited(10, 4, 5);
    assert_eq!(shop.text(&hold(listing, 12)), "insufficient|0|11|f");
    assert_eq!(shop.text(&hold(listing, 11)), "active|11|-1|f");
    assert_eq!(shop.text(&hold(listing, 1)), "insufficient|0|0|f");
    // More safety than there is goods: what could be had is never below nothing.
    let listing = shop.limited(3, 10, 0);
    assert_eq!(shop.text(&promised(listing)), "3|-7");
    assert_eq!(shop.text(&hold(listing, 1)), "insufficient|0|0|f");
    let listing = shop.limited(3, 10, 8);
    assert_eq!(shop.text(&hold(listing, 2)), "insufficient|0|1|f");
    assert_eq!(shop.text(&hold(listing, 1)), "active|1|2|f");
    shop.verify();
}

/// Goods that are to come will lie somewhere, but nobody knows where.
#[test]
fn a_location_gives_no_backorders() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 100);
    shop.receive_at(listing, 3, ORISON);
    let at_orison = |units: i32| {
        format!(
            "SELECT {ANSWER} FROM hold_stock('{listing}', {units}, location_id => '{ORISON}', on_short => 'answer')"
        )
    };
    assert_eq!(shop.text(&at_orison(4)), "insufficient|0|3|f");
    assert_eq!(shop.text(&hold(listing, 50)), "active|50|-47|f");
    assert_eq!(shop.text(&at_orison(3)), "active|3|-50|f");
    assert_eq!(shop.text(&at_orison(1)), "insufficient|0|0|f");
    shop.verify();
}

#[test]
fn the_largest_numbers_hold() {
    let mut shop = Shop::open();
    let listing = shop.limited(i32::MAX, 0, i32::MAX);
    assert_eq!(
        shop.text(&hold(listing, i32::MAX)),
        format!("active|{}|0|f", i32::MAX)
    );
    // Held units are counted in an integer too.
    let error = shop.error("SELECT hold_stock($1, 1)", &[&listing]);
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("22003", "quantity_out_of_range")
    );
    let listing = shop.limited(5, i32::MAX, 0);
    assert_eq!(shop.text(&hold(listing, 1)), "insufficient|0|0|f");
    assert_eq!(shop.text(&promised(listing)), format!("5|{}", 5 - i32::MAX));
    let listing = shop.limited(0, 0, i32::MAX);
    assert_eq!(
        shop.text(&hold(listing, i32::MAX)),
        format!("active|{}|{}|f", i32::MAX, -i32::MAX)
    );
    shop.verify();
}

/// Reserved is what is allocated and what is held: it must fit where it is told.
#[test]
fn what_is_claimed_altogether_stays_in_an_integer() {
    let mut shop = Shop::open();
    let listing = shop.limited(i32::MAX, 0, i32::MAX);
    shop.allocate(listing, i32::MAX - 5);
    assert_eq!(shop.text(&hold(listing, 5)), "active|5|0|f");
    for call in [
        format!("SELECT hold_stock('{listing}', 1)"),
        format!("INSERT INTO stock_holds (listing_id, quantity) VALUES ('{listing}', 1)"),
    ] {
        let error = shop.error(&call, &[]);
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("22003", "quantity_out_of_range"),
            "{call}"
        );
    }
    assert_eq!(shop.numbers(listing), (0, i32::MAX, i32::MAX));
    shop.verify();
}
