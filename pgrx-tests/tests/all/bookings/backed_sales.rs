//! What is booked of a listing is not sold, by whatever way goods leave.

use super::backed::{booked, kayak, promised};
use super::shop::Desk;
use uuid::Uuid;

/// Every way to take this many units of a listing whose one lot is this: each must be refused.
fn sales(listing: Uuid, lot: Uuid, units: i32) -> Vec<(String, &'static str)> {
    vec![
        (format!("SELECT allocate_stock('{listing}', gen_random_uuid(), {units})"), "insufficient_stock"),
        (format!("SELECT hold_stock('{listing}', {units})"), "insufficient_stock"),
        (format!("SELECT borrow_stock('{listing}', 'ann', {units})"), "insufficient_stock"),
        (
            format!(r#"SELECT allocate_order(gen_random_uuid(), '[{{"listing_id": "{listing}", "quantity": {units}}}]')"#),
            "insufficient_stock",
        ),
        (
            format!(r#"SELECT allocate_lots(gen_random_uuid(), '[{{"lot_id": "{lot}", "quantity": {units}}}]')"#),
            "insufficient_stock",
        ),
        (format!("SELECT adjust_stock('{lot}', -{units}, 'broken')"), "stock_committed"),
        (
            format!("UPDATE stock_lots SET quantity_total = quantity_total - {units}"),
            "stock_committed",
        ),
        (
            format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{lot}', gen_random_uuid(), {units})"),
            "stock_committed",
        ),
        (
            format!("INSERT INTO stock_holds (listing_id, quantity) VALUES ('{listing}', {units})"),
            "stock_committed",
        ),
    ]
}

#[track_caller]
fn assert_not_sold(desk: &mut Desk, listing: Uuid, units: i32) {
    let lot: Uuid = desk.value(
        "SELECT lot_id FROM stock_lots WHERE listing_id = $1",
        &[&listing],
    );
    let before = desk.everything();
    for (sql, name) in sales(listing, lot, units) {
        assert_eq!(desk.refusal(&sql), name, "{sql}");
    }
    assert_eq!(desk.everything(), before);
}

/// Each way to take them goes well by itself.
#[track_caller]
fn assert_sold(desk: &mut Desk, listing: Uuid, units: i32) {
    let lot: Uuid = desk.value(
        "SELECT lot_id FROM stock_lots WHERE listing_id = $1",
        &[&listing],
    );
    for (sql, _) in sales(listing, lot, units) {
        desk.run(&format!("BEGIN; {sql}; SET CONSTRAINTS ALL IMMEDIATE"));
        desk.prove_bookings();
        desk.run("ROLLBACK");
    }
}

#[test]
fn what_is_booked_for_a_later_date_is_not_sold() {
    let (mut desk, listing) = kayak(3);
    desk.book_days("kayak", "5", 2, "1");
    desk.hold_days("kayak", "6", 1);
    assert_eq!(
        (booked(&mut desk, listing), promised(&mut desk, listing)),
        (2, 1)
    );
    assert_not_sold(&mut desk, listing, 2);
    assert_sold(&mut desk, listing, 1);
    desk.hold_days("kayak", "6", 2);
    assert_eq!(
        (booked(&mut desk, listing), promised(&mut desk, listing)),
        (3, 0)
    );
    assert_not_sold(&mut desk, listing, 1);
    // What is seen of the stock itself is what lies there.
    assert_eq!(desk.numbers(listing), (3, 0, 3));
    let partial = format!("SELECT state, available FROM allocate_stock('{listing}', gen_random_uuid(), 1, on_short => 'answer')");
    assert_eq!(desk.text(&partial), "insufficient|0");
    desk.receive(listing, 1);
    desk.allocate(listing, 1);
    desk.prove_bookings();
}

#[test]
fn what_is_given_up_can_be_sold() {
    let (mut desk, listing) = kayak(3);
    let booking = desk.book_days("kayak", "5", 3, "1");
    let hold = desk.hold_days("kayak", "6", 2);
    assert_not_sold(&mut desk, listing, 1);
    desk.rows("SELECT cancel_resource_allocation($1)", &[&booking]);
    assert_eq!(booked(&mut desk, listing), 2);
    assert_sold(&mut desk, listing, 1);
    assert_not_sold(&mut desk, listing, 2);
    desk.rows("SELECT release_resource_hold($1)", &[&hold]);
    assert_eq!(
        (booked(&mut desk, listing), promised(&mut desk, listing)),
        (0, 3)
    );
    assert_sold(&mut desk, listing, 3);
    // Fewer of a booking, and by plain SQL.
    let booking = desk.book_days("kayak", "5", 3, "2");
    desk.rows(
        "SELECT move_resource_allocation($1, '{2090-01-05}', 1)",
        &[&booking],
    );
    assert_eq!(booked(&mut desk, listing), 1);
    desk.run("UPDATE resource_allocation SET quantity = 2");
    assert_eq!(booked(&mut desk, listing), 2);
    desk.run("DELETE FROM resource_allocation");
    assert_eq!(booked(&mut desk, listing), 0);
    desk.prove_bookings();
}

#[test]
fn backorders_are_not_taken_while_anything_is_booked() {
    let mut desk = Desk::open();
    let listing = desk.limited(2, 0, 5);
    desk.backed("kayak", listing, 9);
    let hold = desk.hold_days("kayak", "1", 1);
    let back = format!("SELECT hold_stock('{listing}', 2)");
    assert_eq!(desk.refusal(&back), "insufficient_stock");
    desk.run(&format!(
        "BEGIN; SELECT hold_stock('{listing}', 1); ROLLBACK"
    ));
    desk.rows("SELECT release_resource_hold($1)", &[&hold]);
    desk.run(&format!("SELECT hold_stock('{listing}', 4)"));
    // More is held than there is: nothing can be booked.
    assert_eq!(desk.free("kayak"), "0 0 0 0 0 0 0");
    assert_eq!(
        desk.refusal("SELECT hold_resource('kayak', '{2090-01-01}', 1)"),
        "insufficient_capacity"
    );
    desk.prove_bookings();
}

/// What is over keeps nothing from being sold, swept or not.
#[test]
fn an_expired_booking_hold_does_not_stop_sales() {
    let (mut desk, listing) = kayak(3);
    let dead = desk.expired_days("kayak", "5", 3);
    assert_eq!(desk.free("kayak"), "3 3 3 3 3 3 3");
    assert_sold(&mut desk, listing, 3);
    assert_eq!(desk.row_status(dead), "ACTIVE");
    desk.allocate(listing, 2);
    desk.prove_bookings();
    // With some that live.
    desk.hold_days("kayak", "6", 1);
    desk.expired_days("kayak", "7", 1);
    desk.receive(listing, 1);
    desk.allocate(listing, 1);
    assert_eq!(desk.numbers(listing), (1, 3, 4));
    assert_eq!(desk.units("expire_holds()"), 1);
    assert_eq!(booked(&mut desk, listing), 1);
    desk.prove_bookings();
}

#[test]
fn a_past_booking_does_not_stop_sales() {
    let (mut desk, listing) = kayak(3);
    desk.run("SELECT open_capacity('kayak', '2001-01-01', '2001-01-05', 9)");
    desk.book_by_dml("kayak", "{2001-01-02}", 3);
    assert_eq!(promised(&mut desk, listing), 3);
    assert_sold(&mut desk, listing, 3);
    desk.prove_bookings();
    // As when days have passed since it was counted.
    desk.book_days("kayak", "5", 2, "1");
    desk.unseen("UPDATE resource_allocation SET dates = '{2001-01-03}' WHERE order_id = 'o'; UPDATE stock_listings SET quantity_booked = 3");
    desk.unseen("UPDATE resource_capacity SET available_capacity = CASE date WHEN '2001-01-03' THEN 7 WHEN '2001-01-02' THEN 6 ELSE 9 END");
    desk.prove_bookings();
    assert_sold(&mut desk, listing, 3);
    desk.allocate(listing, 3);
    assert_eq!(booked(&mut desk, listing), 0);
    desk.prove_bookings();
}
