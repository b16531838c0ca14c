//! A listing's stock behind resources: what is booked of it is not sold, what is sold is not booked.

use super::shop::{days, Desk};
use serde_json::json;
use uuid::Uuid;

/// A kayak of which so many lie in one lot, hired out as at most nine a date.
pub fn kayak(units: i32) -> (Desk, Uuid) {
    let mut desk = Desk::open();
    let listing = desk.stocked(units);
    desk.backed("kayak", listing, 9);
    (desk, listing)
}

pub fn booked(desk: &mut Desk, listing: Uuid) -> i32 {
    desk.value(
        "SELECT quantity_booked FROM stock_listings WHERE listing_id = $1",
        &[&listing],
    )
}

/// Units that a sale is promised.
pub fn promised(desk: &mut Desk, listing: Uuid) -> i32 {
    desk.value(
        "SELECT available_to_promise FROM get_stock(ARRAY[$1::uuid])",
        &[&listing],
    )
}

#[test]
fn a_date_has_what_the_listing_has() {
    let (mut desk, listing) = kayak(5);
    let shown = "SELECT DISTINCT available, capacity FROM check_availability('kayak', '2090-01-01', '2090-01-07')";
    assert_eq!(desk.text(shown), "5|5");
    let order = desk.allocate(listing, 2);
    assert_eq!(desk.text(shown), "3|3");
    desk.receive(listing, 20);
    assert_eq!(desk.text(shown), "9|9");
    desk.run(&format!("SELECT fulfill_allocations('{order}')"));
    desk.run("UPDATE stock_listings SET safety_stock = 15");
    assert_eq!(desk.text(shown), "8|8");
    desk.run("UPDATE stock_listings SET safety_stock = 99");
    assert_eq!(desk.text(shown), "0|0");
    desk.prove_bookings();
}

#[test]
fn no_more_is_booked_than_there_is() {
    let (mut desk, listing) = kayak(3);
    assert_eq!(
        desk.text(
            "SELECT state, available FROM hold_resource('kayak', '{2090-01-02,2090-01-01}', 2)"
        ),
        "ACTIVE|1"
    );
    let error = desk.error(
        &format!("SELECT hold_resource('kayak', '{}', 2)", days("1 2 3")),
        &[],
    );
    assert_eq!(
        error.detail_json,
        Some(
            json!({"error": "insufficient_capacity", "resource_id": "kayak", "dates": ["2090-01-01", "2090-01-02"],
                    "requested": 2, "available": 1, "listing_id": listing})
        )
    );
    let answer = format!(
        "hold_resource('kayak', '{}', 4, on_short => 'answer')",
        days("3 2")
    );
    assert_eq!(
        desk.text(&format!("SELECT state, dates, available FROM {answer}")),
        "insufficient|{2090-01-02,2090-01-03}|1"
    );
    let booking = desk.book_days("kayak", "2", 1, "1");
    assert_eq!(desk.free("kayak"), "1 0 3 3 3 3 3");
    assert_eq!(booked(&mut desk, listing), 3);
    let sql = format!(
        "SELECT move_resource_allocation('{booking}', '{}', 2)",
        days("1")
    );
    assert_eq!(desk.error(&sql, &[]).field("listing_id"), json!(listing));
    desk.rows(
        "SELECT move_resource_allocation($1, '{2090-01-03}', 3)",
        &[&booking],
    );
    assert_eq!(desk.free("kayak"), "1 1 0 3 3 3 3");
    desk.prove_bookings();
    // By plain SQL it is judged at commit.
    let over = "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('kayak', '{2090-01-03}', 1)";
    assert_eq!(desk.refusal(over), "stock_committed");
    desk.run(&format!(
        "BEGIN; {over}; SELECT receive_stock('{listing}', 1); COMMIT"
    ));
    desk.prove_bookings();
}

#[test]
fn resources_of_one_listing_share_its_stock() {
    let (mut desk, listing) = kayak(3);
    desk.backed("tour", listing, 9);
    desk.hold_days("kayak", "1 2", 2);
    assert_eq!(
        (desk.free("kayak"), desk.free("tour")),
        ("1 1 3 3 3 3 3".into(), "1 1 3 3 3 3 3".into())
    );
    desk.hold_days("tour", "2 3", 1);
    assert_eq!(
        (desk.free("kayak"), desk.free("tour")),
        ("1 0 2 3 3 3 3".into(), "1 0 2 3 3 3 3".into())
    );
    for key in ["kayak", "tour"] {
        let error = desk.error(
            &format!("SELECT hold_resource('{key}', '{}', 1)", days("2")),
            &[],
        );
        assert_eq!(
            (error.field("resource_id"), error.field("listing_id")),
            (json!(key), json!(listing))
        );
    }
    let found = format!(
        "SELECT resource_id, available FROM find_available('VEHICLE', '{}')",
        days("3 1")
    );
    assert_eq!(desk.texts(&found), ["kayak|1", "tour|1"]);
    let none = format!(
        "SELECT resource_id FROM find_available('VEHICLE', '{}')",
        days("3 2")
    );
    assert_eq!(desk.texts(&none), [""; 0]);
    assert_eq!(booked(&mut desk, listing), 3);
    // A package takes from both.
    let package = |units: i32| {
        format!(
            r#"SELECT hold_package('[{{"resource_id": "kayak", "quantity": {units}}}, {{"resource_id": "tour", "quantity": 2}}]', '{}')"#,
            days("5")
        )
    };
    assert_eq!(desk.error(&package(2), &[]).field("available"), json!(3));
    desk.run(&package(1));
    assert_eq!(desk.free("tour"), "1 0 2 3 0 3 3");
    desk.prove_bookings();
}

#[test]
fn the_safety_stock_is_kept_from_bookings_too() {
    let mut desk = Desk::open();
    let listing = desk.limited(5, 2, 0);
    desk.backed("kayak", listing, 9);
    assert_eq!(
        desk.refusal("SELECT hold_resource('kayak', '{2090-01-01}', 4)"),
        "insufficient_capacity"
    );
    desk.hold_days("kayak", "1", 3);
    assert_eq!(promised(&mut desk, listing), 0);
    let sale = format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 1)");
    assert_eq!(desk.refusal(&sale), "insufficient_stock");
    // Raising it takes back nothing that is booked.
    desk.run("UPDATE stock_listings SET safety_stock = 4");
    assert_eq!(promised(&mut desk, listing), -2);
    assert_eq!(desk.free("kayak"), "0 1 1 1 1 1 1");
    desk.run("SELECT confirm_resource_hold(id, 'o', '1') FROM resource_hold");
    desk.prove_bookings();
}

/// Neither does an expired hold of stock keep anything from being booked.
#[test]
fn an_expired_hold_of_stock_does_not_stop_bookings() {
    let (mut desk, listing) = kayak(3);
    desk.expired_hold(listing, 2);
    assert_eq!(desk.free("kayak"), "3 3 3 3 3 3 3");
    desk.hold_days("kayak", "1", 3);
    assert_eq!(promised(&mut desk, listing), 0);
    desk.prove_bookings();
    let (mut desk, listing) = kayak(3);
    desk.expired_hold(listing, 1);
    desk.hold(listing, 1);
    let error = desk.error("SELECT hold_resource('kayak', '{2090-01-01}', 3)", &[]);
    assert_eq!(error.field("available"), json!(2));
    desk.hold_days("kayak", "1", 2);
    desk.prove_bookings();
}

#[test]
fn a_listing_behind_a_resource_stays() {
    let mut desk = Desk::open();
    let listing = desk.listing();
    desk.backed("kayak", listing, 9);
    let refused =
        json!({"error": "listing_backs_resources", "listing_id": listing, "resources": ["kayak"]});
    for sql in [
        format!("SELECT delete_listing('{listing}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{listing}'"),
        "TRUNCATE stock_listings CASCADE".to_owned(),
    ] {
        assert_eq!(
            desk.error(&sql, &[]).detail_json,
            Some(refused.clone()),
            "{sql}"
        );
    }
    desk.run("DELETE FROM resource");
    desk.run(&format!("SELECT delete_listing('{listing}')"));
    desk.prove_bookings();
}

#[test]
fn another_listing_comes_behind_while_nothing_is_booked() {
    let (mut desk, listing) = kayak(3);
    let other = desk.stocked(5);
    let hold = desk.hold_days("kayak", "1", 2);
    for change in [
        format!("listing_id => '{other}'"),
        "without_listing => true".to_owned(),
    ] {
        let sql = format!("SELECT change_resource('kayak', {change})");
        let error = desk.error(&sql, &[]);
        assert_eq!(
            (error.name().as_str(), error.field("holds")),
            ("resource_booked", json!([hold]))
        );
    }
    desk.run(&format!(
        "SELECT change_resource('kayak', listing_id => '{listing}')"
    ));
    desk.rows("SELECT release_resource_hold($1)", &[&hold]);
    desk.expired_days("kayak", "2", 3);
    desk.run(&format!(
        "SELECT change_resource('kayak', listing_id => '{other}')"
    ));
    assert_eq!(desk.free("kayak"), "5 5 5 5 5 5 5");
    desk.hold_days("kayak", "1", 5);
    assert_eq!(
        (booked(&mut desk, listing), booked(&mut desk, other)),
        (0, 5)
    );
    desk.prove_bookings();
    desk.run("DELETE FROM resource_hold; SELECT change_resource('kayak', without_listing => true)");
    assert_eq!(desk.free("kayak"), "9 9 9 9 9 9 9");
    desk.hold_days("kayak", "1", 9);
    assert_eq!(
        (booked(&mut desk, listing), booked(&mut desk, other)),
        (0, 0)
    );
    desk.prove_bookings();
}
