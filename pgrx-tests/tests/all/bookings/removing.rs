//! How resources go: switched off for a while, retired or deleted.

use super::shop::Desk;
use serde_json::json;

#[test]
fn an_inactive_resource_takes_no_new_claims_and_keeps_what_it_has() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1", 1);
    let booked = desk.book_days("car", "2", 1, "1");
    desk.run("SELECT change_resource('car', is_active => false)");
    desk.prove_bookings();
    let inactive =
        json!({"error": "resource_not_active", "resource_id": "car", "state": "inactive"});
    for claim in [
        "SELECT hold_resource('car', '{2090-01-03}', 1)".to_owned(),
        "SELECT hold_resource('car', '{2090-01-03}', 1, on_short => 'answer')".to_owned(),
        format!("SELECT move_resource_allocation('{booked}', '{{2090-01-03}}')"),
        "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-03}', 1)".to_owned(),
        format!("UPDATE resource_allocation SET quantity = 2 WHERE id = '{booked}'"),
    ] {
        let error = desk.error(&claim, &[]);
        assert_eq!(error.detail_json, Some(inactive.clone()), "{claim}");
        assert_eq!(error.sqlstate, "55000", "{claim}");
    }
    // What is there lives on.
    desk.rows("SELECT extend_resource_hold($1, '1 h')", &[&hold]);
    desk.rows("SELECT confirm_resource_hold($1, 'o', '2')", &[&hold]);
    desk.rows("SELECT cancel_resource_allocation($1)", &[&booked]);
    assert_eq!(desk.left("car"), "2 3 3 3 3 3 3");
    desk.run("SELECT change_resource('car', is_active => true)");
    desk.hold_days("car", "3", 3);
    assert_eq!(desk.left("car"), "2 3 0 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_booked_resource_is_not_retired() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1 2", 1);
    let booked = desk.book_days("car", "2", 1, "1");
    let expired = desk.expired_days("car", "3", 1);
    let error = desk.error("SELECT retire_resource('car')", &[]);
    assert_eq!(error.sqlstate, "55000");
    assert_eq!(
        error.detail_json,
        Some(
            json!({"error": "resource_booked", "resource_id": "car", "holds": [hold], "allocations": [booked]})
        )
    );
    // Holds can be released with it; bookings can't.
    let error = desk.error("SELECT retire_resource('car', cancel_holds => true)", &[]);
    assert_eq!(
        (error.field("holds"), error.field("allocations")),
        (json!([]), json!([booked]))
    );
    assert_eq!(desk.true_state(hold), "ACTIVE");
    desk.rows("SELECT cancel_resource_allocation($1)", &[&booked]);
    desk.run("SELECT retire_resource('car', cancel_holds => true)");
    assert_eq!(desk.row_status(hold), "RELEASED");
    assert_eq!(desk.row_status(expired), "EXPIRED");
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_resource_is_retired_once() {
    let mut desk = Desk::with("car", 3);
    let since = "SELECT retire_resource('car', $1)::text";
    let first: String = desk.value(since, &[&false]);
    let before = desk.text("SELECT r FROM resource r");
    for cancel_holds in [false, true] {
        assert_eq!(desk.value::<String>(since, &[&cancel_holds]), first);
    }
    assert_eq!(desk.text("SELECT r FROM resource r"), before);
}

#[test]
fn a_retired_resource_stays_as_history() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT open_capacity('car', '2001-01-01', '2001-01-03', 3)");
    let past = desk.book_by_dml("car", "{2001-01-02}", 2);
    desk.run("SELECT retire_resource('car')");
    let retired = json!({"error": "resource_not_active", "resource_id": "car", "state": "retired"});
    for claim in [
        "SELECT hold_resource('car', '{2090-01-03}', 1)",
        "SELECT hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-03}')",
        "SELECT open_capacity('car', '2090-02-01', '2090-02-01', 1)",
        "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-03}', 1)",
    ] {
        let error = desk.error(claim, &[]);
        assert_eq!(error.detail_json, Some(retired.clone()), "{claim}");
    }
    // Neither does it come back by being switched on.
    desk.run("SELECT change_resource('car', is_active => true)");
    assert_eq!(
        desk.refusal("SELECT hold_resource('car', '{2090-01-03}', 1)"),
        "resource_not_active"
    );
    assert_eq!(
        desk.refusal("SELECT retire_resource('bus')"),
        "resource_not_found"
    );
    let kept = "SELECT order_id, quantity FROM order_bookings";
    assert_eq!(desk.text(kept), "dml|2");
    desk.rows("SELECT cancel_resource_allocation($1)", &[&past]);
    desk.prove_bookings();
    // Whoever retired it by mistake takes that back with plain SQL.
    desk.run("UPDATE resource SET deleted_at = NULL");
    desk.hold_days("car", "3", 3);
    desk.prove_bookings();
}

#[test]
fn a_deleted_resource_takes_everything_with_it() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    desk.run("SELECT open_capacity('car', '2001-01-01', '2001-01-03', 3)");
    desk.book_by_dml("car", "{2001-01-02}", 2);
    let released = desk.hold_days("car", "1", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    desk.expired_days("car", "3", 1);
    desk.run("SELECT add_blackout('car', '2090-01-05', '2090-01-06')");
    let theirs = desk.hold_days("bus", "1", 1);
    let booked = desk.book_days("car", "2", 1, "1");
    let error = desk.error("DELETE FROM resource WHERE id = 'car'", &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "55000",
            Some(
                json!({"error": "resource_booked", "resource_id": "car", "holds": [], "allocations": [booked]})
            )
        )
    );
    desk.rows("SELECT cancel_resource_allocation($1)", &[&booked]);
    let live = desk.hold_days("car", "2", 1);
    let error = desk.error("DELETE FROM resource", &[]);
    assert_eq!(error.name(), "resource_booked");
    desk.rows("SELECT release_resource_hold($1)", &[&live]);
    desk.run("DELETE FROM resource WHERE id = 'car'");
    for table in [
        "resource",
        "resource_capacity",
        "resource_blackout",
        "resource_hold",
        "resource_allocation",
    ] {
        let key = if table == "resource" {
            "id"
        } else {
            "resource_id"
        };
        let left = format!("SELECT count(*) FROM {table} WHERE {key} = 'car'");
        assert_eq!(desk.text(&left), "0", "{table}");
    }
    // Nothing of others.
    assert_eq!(desk.true_state(theirs), "ACTIVE");
    assert_eq!(desk.left("bus"), "2 3 3 3 3 3 3");
    desk.vehicle("car", 1);
    assert_eq!(desk.left("car"), "1 1 1 1 1 1 1");
    desk.prove_bookings();
}
