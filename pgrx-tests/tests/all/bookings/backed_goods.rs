//! Goods behind resources that go otherwise than by a sale: adjusted, counted, put aside, expired, or written by the
//! app into its own table.

use super::backed::{booked, kayak};
use super::shop::{days, Desk};
use crate::api::shop::ORISON;
use serde_json::json;
use uuid::Uuid;

fn lot(desk: &mut Desk, listing: Uuid) -> Uuid {
    desk.value(
        "SELECT lot_id FROM stock_lots WHERE listing_id = $1",
        &[&listing],
    )
}

/// Three of five may go, by whatever way; a fourth may not.
#[test]
fn what_is_booked_stays_available() {
    for goes in [
        "SELECT adjust_stock('$LOT', -$N, 'broken')",
        "SELECT count_stock('$LOT', 5 - $N)",
        "SELECT set_lot_condition('$LOT', 'damaged', $N)",
        "UPDATE stock_lots SET quantity_total = 5 - $N",
        "WITH part AS (UPDATE stock_lots SET quantity_total = 5 - $N RETURNING listing_id)
         INSERT INTO stock_lots (listing_id, quantity_total, listed) SELECT listing_id, $N, false FROM part",
    ] {
        let (mut desk, listing) = kayak(5);
        desk.book_days("kayak", "5", 2, "1");
        let lot = lot(&mut desk, listing);
        let sql = |units: i32| {
            goes.replace("$LOT", &lot.to_string())
                .replace("$N", &units.to_string())
        };
        let before = desk.everything();
        assert_eq!(desk.refusal(&sql(4)), "stock_committed", "{goes}");
        assert_eq!(desk.everything(), before);
        desk.run(&sql(3));
        assert_eq!(desk.free("kayak"), "2 2 2 2 0 2 2", "{goes}");
        desk.prove_bookings();
    }
}

#[test]
fn the_last_lot_of_what_is_booked_stays() {
    let (mut desk, listing) = kayak(2);
    let hold = desk.hold_days("kayak", "5", 1);
    for goes in [
        "DELETE FROM stock_lots",
        "UPDATE stock_lots SET listed = false",
        "TRUNCATE stock_lots CASCADE",
    ] {
        assert_eq!(desk.refusal(goes), "stock_committed", "{goes}");
    }
    desk.prove_bookings();
    desk.rows("SELECT release_resource_hold($1)", &[&hold]);
    desk.run("DELETE FROM stock_lots");
    assert_eq!(desk.numbers(listing), (0, 0, 0));
    desk.prove_bookings();
}

/// Goods that are somewhere else are there; what a dead hold of dates keeps may go.
#[test]
fn goods_that_only_move_and_dead_holds_stop_nothing() {
    let (mut desk, listing) = kayak(3);
    desk.book_days("kayak", "5", 3, "1");
    let lot = lot(&mut desk, listing);
    desk.run(&format!("SELECT transfer_stock('{lot}', 2, '{ORISON}')"));
    desk.prove_bookings();
    desk.run("DELETE FROM resource_allocation");
    desk.expired_days("kayak", "6", 3);
    desk.run(&format!("SELECT adjust_stock('{lot}', -1, 'broken')"));
    assert_eq!(desk.free("kayak"), "2 2 2 2 2 2 2");
    desk.run("DELETE FROM stock_lots");
    desk.prove_bookings();
}

/// Lots past their date that bookings need stay good, so that no booking is without goods.
#[test]
fn lots_that_bookings_need_do_not_expire() {
    let (mut desk, listing) = kayak(1);
    desk.run(&format!(
        "SELECT receive_stock('{listing}', 2, expires_on => '2001-01-01')"
    ));
    desk.hold_days("kayak", "5", 3);
    assert_eq!(desk.units("expire_lots()"), 0);
    desk.prove_bookings();
    desk.run("SELECT release_resource_hold(id) FROM resource_hold");
    assert_eq!(desk.units("expire_lots()"), 1);
    assert_eq!(desk.free("kayak"), "1 1 1 1 1 1 1");
    desk.prove_bookings();
}

/// A table of the app's own whose rows are listings, with a resource behind which one of them is.
fn attached(on_delete: &str) -> (Desk, Uuid) {
    let mut desk = Desk::open();
    desk.run(&format!(
        "CREATE TABLE goods (id int PRIMARY KEY, quantity_available integer NOT NULL);
         INSERT INTO goods VALUES (1, 3);
         SELECT attach_table('goods', 'id', on_delete => '{on_delete}')"
    ));
    let listing: Uuid = desk.value("SELECT listing_id_of('goods', '1')", &[]);
    desk.backed("kayak", listing, 9);
    (desk, listing)
}

#[test]
fn an_attached_row_keeps_what_is_booked() {
    let (mut desk, listing) = attached("restrict");
    desk.book_days("kayak", "5", 2, "1");
    // Bookings are no sales: the column stays.
    assert_eq!(desk.text("SELECT quantity_available FROM goods"), "3");
    let sell =
        |units: i32| format!("UPDATE goods SET quantity_available = quantity_available - {units}");
    assert_eq!(desk.refusal(&sell(2)), "stock_committed");
    desk.run(&sell(1));
    assert_eq!(booked(&mut desk, listing), 2);
    assert_eq!(desk.free("kayak"), "2 2 2 2 0 2 2");
    // What is booked belongs to the engine, whoever saves the row.
    desk.run("UPDATE stock_listings SET quantity_booked = 0");
    assert_eq!(booked(&mut desk, listing), 2);
    let sale = format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 1)");
    assert_eq!(desk.refusal(&sale), "insufficient_stock");
    desk.run("UPDATE goods SET quantity_available = 9");
    desk.hold_days("kayak", "5", 7);
    desk.prove_bookings();
}

/// Whatever is to happen with claims when a row goes.
#[test]
fn an_attached_row_behind_a_resource_stays() {
    for on_delete in ["restrict", "cascade"] {
        let (mut desk, listing) = attached(on_delete);
        for sql in ["DELETE FROM goods", "TRUNCATE goods"] {
            let error = desk.error(sql, &[]);
            assert_eq!(
                error.detail_json,
                Some(
                    json!({"error": "listing_backs_resources", "listing_id": listing, "resources": ["kayak"]})
                ),
                "{on_delete}: {sql}"
            );
        }
        assert_eq!(desk.text("SELECT quantity_available FROM goods"), "3");
        desk.prove_bookings();
        desk.run("DELETE FROM resource; DELETE FROM goods");
        desk.prove_bookings();
    }
}

/// In one transaction goods may go before they come, and bookings before they are given up.
#[test]
fn a_transaction_may_pass_through_too_little() {
    let (mut desk, listing) = kayak(3);
    let booking = desk.book_days("kayak", "5", 3, "1");
    let more = format!(
        "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
         VALUES ('kayak', 'o', '2', '{}', 3)",
        days("5")
    );
    desk.run(&format!(
        "BEGIN; {more}; DELETE FROM resource_allocation WHERE id = '{booking}'; COMMIT"
    ));
    desk.run(&format!(
        "BEGIN; UPDATE stock_lots SET quantity_total = 0; INSERT INTO stock_lots (listing_id, quantity_total)
         VALUES ('{listing}', 4); COMMIT"
    ));
    assert_eq!(
        (booked(&mut desk, listing), desk.numbers(listing)),
        (3, (4, 0, 4))
    );
    desk.prove_bookings();
}
