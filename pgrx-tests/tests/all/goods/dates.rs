//! expire_lots: goods past their date are no longer good, unless somebody was promised them.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

/// A lot that has been past its date for a day, in UTC.
fn past(shop: &mut Shop, listing: Uuid, units: i32) -> Uuid {
    shop.key(&format!(
        "receive_stock('{listing}', {units}, expires_on => (now() AT TIME ZONE 'UTC')::date - 1)"
    ))
}

#[test]
fn lots_past_their_date_expire_and_the_ledger_says_so() {
    let mut shop = Shop::open();
    let listing = shop.stocked(3);
    past(&mut shop, listing, 5);
    // The last day is a good one, wherever the session is.
    shop.run("SET TimeZone = 'Pacific/Kiritimati'");
    shop.key(&format!(
        "receive_stock('{listing}', 7, expires_on => (now() AT TIME ZONE 'UTC')::date)"
    ));
    assert_eq!(
        shop.numbers(listing),
        (15, 0, 15),
        "it counts until it is swept"
    );
    assert_eq!(shop.units("expire_lots()"), 1);
    assert_eq!(shop.numbers(listing), (10, 0, 15));
    assert_eq!(
        shop.lines_from(listing, 4),
        ["condition 5→5 good → expired: past its expires_on"]
    );
    assert_eq!(shop.units("expire_lots()"), 0);
    shop.prove();
}

#[test]
fn a_batch_is_no_more_than_asked_for() {
    let mut shop = Shop::open();
    let listings = [shop.listing(), shop.listing()];
    for listing in listings {
        for units in [1, 0, 2] {
            shop.run(&format!(
                "INSERT INTO stock_lots (listing_id, quantity_total, expires_on)
                 VALUES ('{listing}', {units}, '2020-01-01')"
            ));
        }
    }
    assert_eq!(shop.units("expire_lots(4)"), 4);
    assert_eq!(shop.units("expire_lots(4)"), 2);
    assert_eq!(shop.units("expire_lots(4)"), 0);
    for listing in listings {
        assert_eq!(shop.numbers(listing), (0, 0, 3));
    }
    shop.prove();
    shop.assert_bad("expire_lots(0)", "batch", "must be above zero, not 0");
    shop.assert_bad("expire_lots(NULL)", "batch", "must not be NULL");
}

#[test]
fn what_orders_and_holds_need_is_left() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [past(&mut shop, listing, 5), past(&mut shop, listing, 5)];
    shop.receive(listing, 2);
    // The holds need one of the two lots.
    let hold = shop.hold(listing, 6);
    assert_eq!(shop.units("expire_lots()"), 1);
    assert_eq!(shop.units("expire_lots()"), 0);
    assert_eq!(shop.numbers(listing), (1, 6, 12));
    shop.prove();
    shop.rows("SELECT release_hold($1)", &[&hold]);
    // A claim on a lot that was good then.
    shop.run("UPDATE stock_lots SET expires_on = '2100-01-01' WHERE condition = 'good'");
    let order = shop.allocate(listing, 1);
    shop.run("UPDATE stock_lots SET expires_on = '2020-01-01' WHERE condition = 'good'");
    let left = shop.texts("SELECT quantity_allocated FROM stock_lots WHERE condition = 'good' AND quantity_allocated > 0");
    assert_eq!(left, ["1"]);
    assert_eq!(shop.units("expire_lots()"), 1, "the other one");
    shop.rows("SELECT release_allocations($1)", &[&order]);
    assert_eq!(shop.units("expire_lots()"), 1);
    assert_eq!(shop.numbers(listing), (0, 0, 12));
    assert_eq!(lots.len(), 2);
    shop.prove();
}

#[test]
fn holds_at_a_place_keep_what_lies_there() {
    let mut shop = Shop::open();
    let listing = shop.stocked(100);
    let lot = past(&mut shop, listing, 5);
    shop.key(&format!("transfer_stock('{lot}', NULL, '{ORISON}')"));
    let hold = shop.hold_at(listing, 1, ORISON);
    assert_eq!(shop.units("expire_lots()"), 0);
    shop.rows("SELECT release_hold($1)", &[&hold]);
    shop.expired_hold_at(listing, 1, ORISON);
    assert_eq!(
        shop.units("expire_lots()"),
        1,
        "its time is over, swept or not"
    );
    shop.prove();
}

#[test]
fn expired_holds_keep_nothing_and_backorders_leave_room() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 2);
    past(&mut shop, listing, 5);
    shop.expired_hold(listing, 5);
    shop.hold(listing, 2);
    assert_eq!(shop.units("expire_lots()"), 1);
    assert_eq!(shop.numbers(listing), (-2, 2, 5));
    shop.prove();
}

#[test]
fn a_hold_whose_goods_have_expired_gets_fresh_ones() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    past(&mut shop, listing, 5);
    let hold = shop.hold(listing, 2);
    let error = shop.error("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    assert_eq!(error.name(), "stock_expired");
    shop.receive(listing, 2);
    assert_eq!(shop.units("expire_lots()"), 1);
    shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    assert_eq!(shop.numbers(listing), (0, 2, 7));
    shop.prove();
}
