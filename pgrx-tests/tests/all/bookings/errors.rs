//! What each error of a booking is to a program and to a person: SQLSTATE, message, the JSON of DETAIL with exactly
//! its keys, and the HINT.

use super::shop::Desk;
use crate::api::errors::assert_error;
use serde_json::{json, Value};
use uuid::Uuid;

impl Desk {
    #[track_caller]
    fn assert_refused(
        &mut self,
        sql: &str,
        sqlstate: &str,
        message: &str,
        detail: Value,
        hint: &str,
    ) {
        assert_error(&self.error(sql, &[]), sqlstate, message, detail, hint);
    }
}

const BOOKED: &str =
    "Cancel or move the allocations and release the holds that DETAIL names first.";

#[test]
fn errors_of_resources() {
    let mut desk = Desk::with("car", 3);
    desk.assert_refused(
        "SELECT hold_resource('bus', '{2090-01-01}', 1)",
        "P0002",
        "resource bus does not exist",
        json!({"error": "resource_not_found", "resource_id": "bus"}),
        "Make it with create_resource; it may also belong to another tenant.",
    );
    desk.assert_refused(
        "SELECT create_resource('TOUR', 'x', id => 'car')",
        "23505",
        "a resource with this key exists already: car",
        json!({"error": "resource_exists", "resource_id": "car"}),
        "Change it with change_resource, or choose another key.",
    );
    desk.assert_refused(
        "SELECT create_resource('SHIP', 'x')",
        "P0002",
        "resource type SHIP does not exist",
        json!({"error": "resource_type_not_found", "type": "SHIP"}),
        "VEHICLE, TOUR and GUIDE are preset; add your own with INSERT INTO resource_type (name).",
    );
    desk.run(
        "INSERT INTO resource_type (name) VALUES ('SHIP'); SELECT create_resource('SHIP', 'x')",
    );
    desk.assert_refused(
        "DELETE FROM resource_type WHERE name = 'SHIP'",
        "55000",
        "resource type SHIP is in use",
        json!({"error": "resource_type_in_use", "type": "SHIP"}),
        "Give its resources another type first.",
    );
    let hold = desk.hold_days("car", "1", 1);
    let booking = desk.book_days("car", "1", 1, "1");
    desk.assert_refused(
        "SELECT retire_resource('car')",
        "55000",
        "resource car is booked",
        json!({"error": "resource_booked", "resource_id": "car", "holds": [hold], "allocations": [booking]}),
        BOOKED,
    );
    desk.run("SELECT cancel_resource_allocation(id) FROM resource_allocation");
    let hint = "change_resource(…, is_active => true) brings an inactive one back; a retired one UPDATE resource SET deleted_at = NULL.";
    for (change, state) in [
        ("change_resource('car', is_active => false)", "inactive"),
        ("retire_resource('car', true)", "retired"),
    ] {
        desk.run(&format!("SELECT {change}"));
        desk.assert_refused(
            "SELECT hold_resource('car', '{2090-01-01}', 1)",
            "55000",
            &format!("resource car is {state} and takes no new bookings"),
            json!({"error": "resource_not_active", "resource_id": "car", "state": state}),
            hint,
        );
    }
}

#[test]
fn errors_of_dates() {
    let mut desk = Desk::with("car", 3);
    desk.assert_refused(
        "SELECT hold_resource('car', '{2090-01-09,2090-01-01,2090-01-08}', 1)",
        "22023",
        "resource car is not open on 2090-01-08, 2090-01-09",
        json!({"error": "date_not_open", "resource_id": "car", "dates": ["2090-01-08", "2090-01-09"]}),
        "Open the dates with open_capacity.",
    );
    let sql = "SELECT hold_resource('car', '{2001-01-02,2090-01-01,2001-01-01}', 1)";
    let error = desk.error(sql, &[]);
    let today = error.field("today").as_str().unwrap_or_default().to_owned();
    assert_error(
        &error,
        "22023",
        &format!("resource car cannot be booked in the past: 2001-01-01, 2001-01-02 (today is {today} in UTC)"),
        json!({"error": "date_in_past", "resource_id": "car", "dates": ["2001-01-01", "2001-01-02"],
               "today": today, "timezone": "UTC"}),
        "Ask for dates from today on, in the resource's own time zone.",
    );
    let blackout: Uuid = desk.value(
        "SELECT id FROM add_blackout('car', '2090-01-02', '2090-01-03')",
        &[],
    );
    desk.assert_refused(
        "SELECT hold_resource('car', '{2090-01-03,2090-01-01,2090-01-02}', 1)",
        "23P01",
        "resource car is blacked out on 2090-01-02, 2090-01-03",
        json!({"error": "date_blacked_out", "resource_id": "car", "dates": ["2090-01-02", "2090-01-03"],
               "blackouts": [blackout]}),
        "Choose other dates; remove_blackout opens them again.",
    );
    desk.rows("SELECT remove_blackout($1)", &[&blackout]);
    desk.assert_refused(
        &format!("SELECT remove_blackout('{blackout}')"),
        "P0002",
        &format!("blackout {blackout} does not exist"),
        json!({"error": "blackout_not_found", "blackout_id": blackout}),
        "add_blackout answers its key; it may have been removed before, or belong to another tenant.",
    );
}

#[test]
fn errors_of_capacity() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 2, "1");
    let hold = desk.hold_days("car", "2", 1);
    desk.assert_refused(
        "SELECT hold_resource('car', '{2090-01-03,2090-01-02,2090-01-01}', 2)",
        "23514",
        "not enough capacity of resource car on 2090-01-01, 2090-01-02: 2 requested, 0 available",
        json!({"error": "insufficient_capacity", "resource_id": "car", "dates": ["2090-01-01", "2090-01-02"],
               "requested": 2, "available": 0, "listing_id": null}),
        "Choose other dates (check_availability, find_available), or pass on_short => 'answer' for an answer instead of an error.",
    );
    desk.assert_refused(
        "UPDATE resource_capacity SET max_capacity = 1 WHERE date = '2090-01-02'",
        "23514",
        "not enough capacity of resource car on 2090-01-02: 2 too many are claimed",
        json!({"error": "insufficient_capacity", "resource_id": "car", "dates": ["2090-01-02"], "over_by": 2,
               "holds": [hold], "allocations": [booking]}),
        "Claim less, or end other claims on the date in the same transaction.",
    );
    desk.assert_refused(
        "SELECT set_capacity('car', '2090-01-01', '2090-01-07', 2)",
        "23514",
        "resource car has 3 booked on 2090-01-02: its capacity cannot be 2",
        json!({"error": "capacity_committed", "resource_id": "car", "date": "2090-01-02", "capacity": 2, "booked": 3,
               "holds": [hold], "allocations": [booking]}),
        "Cancel or move some of the bookings that DETAIL names first.",
    );
    desk.assert_refused(
        "DELETE FROM resource_capacity WHERE date = '2090-01-01'",
        "55000",
        "resource car is booked",
        json!({"error": "resource_booked", "resource_id": "car", "holds": [], "allocations": [booking]}),
        BOOKED,
    );
}

/// Some are named, the newest first, so that an error stays readable.
#[test]
fn at_most_twenty_claims_are_named() {
    let mut desk = Desk::with("car", 90);
    let holds: Vec<Uuid> = (0..25).map(|_| desk.hold_days("car", "1", 1)).collect();
    let newest: Vec<Uuid> = holds.into_iter().rev().take(20).collect();
    let error = desk.error(
        "SELECT set_capacity('car', '2090-01-01', '2090-01-01', 24)",
        &[],
    );
    assert_eq!(
        (error.field("holds"), error.field("booked")),
        (json!(newest), json!(25))
    );
}

#[test]
fn errors_of_bookings_and_packages() {
    let mut desk = Desk::with("car", 3);
    let nobody = Uuid::new_v4();
    desk.assert_refused(
        &format!("SELECT cancel_resource_allocation('{nobody}')"),
        "P0002",
        &format!("resource allocation {nobody} does not exist"),
        json!({"error": "resource_allocation_not_found", "allocation_id": nobody}),
        "It may have been cancelled before, or belong to another tenant.",
    );
    desk.assert_refused(
        &format!("SELECT release_package('{nobody}')"),
        "P0002",
        &format!("package {nobody} does not exist"),
        json!({"error": "package_not_found", "package_id": nobody}),
        "Make it with hold_package; it may also belong to another tenant.",
    );
    desk.book_days("car", "1", 1, "7");
    let hold = desk.hold_days("car", "1", 1);
    desk.assert_refused(
        &format!("SELECT confirm_resource_hold('{hold}', 'o', '7')"),
        "23505",
        "line item 7 of order o is booked already",
        json!({"error": "line_item_booked", "order_id": "o", "line_item_id": "7"}),
        "A line item has one allocation: move that one, or give this one a line item of its own.",
    );
    // What they share with holds of stock.
    desk.assert_refused(
        &format!("SELECT get_resource_hold('{nobody}')"),
        "P0002",
        &format!("hold {nobody} does not exist"),
        json!({"error": "hold_not_found", "hold_id": nobody}),
        "Make it with hold_stock or hold_resource; it may also have been purged, or belong to another tenant.",
    );
    desk.rows("SELECT release_resource_hold($1)", &[&hold]);
    desk.assert_refused(
        &format!("SELECT release_resource_hold('{hold}')"),
        "55000",
        &format!("hold {hold} is RELEASED, not active"),
        json!({"error": "hold_not_active", "hold_id": hold, "state": "RELEASED"}),
        "Its units were dealt with before; make a new hold for more.",
    );
    let dead = desk.expired_days("car", "1", 1);
    desk.assert_refused(
        &format!("SELECT confirm_resource_hold('{dead}', 'o', '8')"),
        "55000",
        &format!("hold {dead} has expired"),
        json!({"error": "hold_expired", "hold_id": dead}),
        "Make a new hold; one that is extended before its time is up lives on.",
    );
    desk.run("SELECT hold_resource('car', '{2090-01-01}', 1, idempotency_token => 'k')");
    desk.assert_refused(
        "SELECT hold_resource('car', '{2090-01-01}', 2, idempotency_token => 'k')",
        "23505",
        "idempotency key \"k\" was used for another call of hold_resource: quantity differs",
        json!({"error": "idempotency_mismatch", "function": "hold_resource", "idempotency_key": "k", "field": "quantity"}),
        "Use a new key for a new request; repeat a request with exactly its first arguments.",
    );
}

#[test]
fn errors_of_a_listing_behind() {
    let mut desk = Desk::open();
    let listing = desk.stocked(3);
    desk.backed("car", listing, 9);
    desk.backed("bus", listing, 9);
    desk.assert_refused(
        "SELECT hold_resource('car', '{2090-01-01}', 4)",
        "23514",
        "not enough capacity of resource car on 2090-01-01: 4 requested, 3 available",
        json!({"error": "insufficient_capacity", "resource_id": "car", "dates": ["2090-01-01"], "requested": 4,
               "available": 3, "listing_id": listing}),
        "Choose other dates (check_availability, find_available), or pass on_short => 'answer' for an answer instead of an error.",
    );
    for sql in [
        format!("SELECT delete_listing('{listing}')"),
        "DELETE FROM stock_listings".to_owned(),
    ] {
        let error = desk.error(&sql, &[]);
        assert_eq!(error.sqlstate, "55000");
        assert_eq!(
            error.message,
            format!("listing {listing} is the stock behind resources")
        );
        assert_eq!(
            error.detail_json,
            Some(
                json!({"error": "listing_backs_resources", "listing_id": listing, "resources": ["bus", "car"]})
            )
        );
    }
}

/// A hint is followed: NULL would leave the listing as it is.
#[test]
fn the_hint_of_a_listing_behind_says_how_to_take_it_away() {
    let mut desk = Desk::open();
    let listing = desk.stocked(3);
    desk.backed("car", listing, 9);
    let sql = format!("SELECT delete_listing('{listing}')");
    let hint = desk.error(&sql, &[]).hint.unwrap_or_default();
    desk.run("SELECT change_resource('car', listing_id => NULL)");
    assert_eq!(desk.refusal(&sql), "listing_backs_resources");
    desk.run("SELECT change_resource('car', without_listing => true)");
    desk.run(&sql);
    assert!(hint.contains("without_listing => true"), "{hint}");
}
