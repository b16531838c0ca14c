//! The second door for dates: what is free belongs to the engine, and booked dates stay.

use super::shop::{days, Desk};
use serde_json::json;

pub fn book(item: &str, on: &str, units: i32) -> String {
    format!(
        "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
         VALUES ('car', 'o', '{item}', '{}', {units})",
        days(on)
    )
}

/// As an ORM saves whole rows, read some time ago.
#[test]
fn what_belongs_to_the_engine_is_put_right_without_an_error() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "2", 2, "1");
    for set in [
        "available_capacity = 3",
        "available_capacity = -5",
        "available_capacity = 99",
        "available_capacity = NULL",
        "closures = 7",
        "closures = NULL, listing_id = gen_random_uuid()",
        "max_capacity = 3, available_capacity = 3, closures = 0, listing_id = NULL, date = date",
    ] {
        desk.run(&format!("UPDATE resource_capacity SET {set}"));
        assert_eq!(desk.left("car"), "3 1 3 3 3 3 3", "{set}");
        desk.prove_bookings();
    }
    desk.run(
        "INSERT INTO resource_capacity (resource_id, date, max_capacity, available_capacity, closures, listing_id)
         VALUES ('car', '2090-01-08', 2, 77, 5, gen_random_uuid())",
    );
    let kept = "SELECT max_capacity, available_capacity, closures, listing_id FROM resource_capacity WHERE date = '2090-01-08'";
    assert_eq!(desk.text(kept), "2|2|0|NULL");
    desk.prove_bookings();
}

#[test]
fn more_units_of_a_date_are_more_free_ones() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "2", 2, "1");
    desk.run(
        "UPDATE resource_capacity SET max_capacity = max_capacity + 2 WHERE date < '2090-01-04'",
    );
    assert_eq!(desk.left("car"), "5 3 5 3 3 3 3");
    desk.run("UPDATE resource_capacity SET max_capacity = 2 WHERE date < '2090-01-04'");
    assert_eq!(desk.left("car"), "2 0 2 3 3 3 3");
    let saved = "INSERT INTO resource_capacity (resource_id, date, max_capacity, available_capacity)
                 VALUES ('car', '2090-01-02', 6, 6), ('car', '2090-01-09', 1, 1)
                 ON CONFLICT (resource_id, date) DO UPDATE
                    SET max_capacity = excluded.max_capacity, available_capacity = excluded.available_capacity";
    desk.run(saved);
    assert_eq!(desk.left("car"), "2 4 2 3 3 3 3");
    desk.prove_bookings();
    for set in [
        "max_capacity = -1",
        "available_capacity = 1, max_capacity = -9",
    ] {
        let sql = format!("UPDATE resource_capacity SET {set}");
        assert_eq!(desk.error(&sql, &[]).sqlstate, "23514", "{set}");
    }
    for (values, sqlstate) in [
        ("'car', '2090-02-01', -1", "23514"),
        ("'car', '2090-02-01', NULL", "23502"),
        ("'car', NULL, 1", "23502"),
        ("'car', 'infinity', 1", "23514"),
        ("'car', '2090-01-01', 1", "23505"),
    ] {
        let sql = format!(
            "INSERT INTO resource_capacity (resource_id, date, max_capacity) VALUES ({values})"
        );
        assert_eq!(desk.error(&sql, &[]).sqlstate, sqlstate, "{values}");
    }
    let nobody = "INSERT INTO resource_capacity (resource_id, date, max_capacity) VALUES ('bus', '2090-01-01', 1)";
    assert_eq!(desk.refusal(nobody), "resource_not_found");
    desk.prove_bookings();
}

#[test]
fn a_booked_date_is_not_deleted() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "2", 1, "1");
    let hold = desk.hold_days("car", "2 4", 1);
    let dead = desk.expired_days("car", "6", 1);
    let before = desk.everything();
    for (which, holds, allocations) in [
        ("= '2090-01-02'", json!([hold]), json!([booking])),
        (">= '2090-01-03'", json!([hold]), json!([])),
    ] {
        let error = desk.error(
            &format!("DELETE FROM resource_capacity WHERE date {which}"),
            &[],
        );
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "55000",
                Some(
                    json!({"error": "resource_booked", "resource_id": "car", "holds": holds, "allocations": allocations})
                )
            )
        );
    }
    assert_eq!(desk.everything(), before);
    // What has expired is no reason; neither are its other dates.
    desk.run("DELETE FROM resource_capacity WHERE date IN ('2090-01-06', '2090-01-07')");
    assert_eq!(desk.row_status(dead), "EXPIRED");
    assert_eq!(desk.left("car"), "3 1 3 2 3");
    desk.prove_bookings();
    assert_eq!(
        desk.refusal(&format!("SELECT hold_resource('car', '{}', 1)", days("6"))),
        "date_not_open"
    );
    assert_eq!(desk.refusal(&book("2", "5 6", 1)), "date_not_open");
    desk.prove_bookings();
}

#[test]
fn a_dead_hold_of_a_deleted_date_is_freed_on_its_others() {
    let mut desk = Desk::with("car", 3);
    let dead = desk.expired_days("car", "2 3 6", 2);
    desk.run("DELETE FROM resource_capacity WHERE date = '2090-01-03'");
    assert_eq!(desk.left("car"), "3 3 3 3 3 3");
    assert_eq!(desk.row_status(dead), "EXPIRED");
    assert_eq!(desk.units("expire_holds()"), 0);
    desk.prove_bookings();
}

/// Whatever brought it about that claims were there first.
#[test]
fn dates_that_are_opened_anew_count_what_is_booked() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "2 3", 1, "1");
    desk.hold_days("car", "3 4", 2);
    let released = desk.hold_days("car", "2", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    desk.unseen("DELETE FROM resource_capacity WHERE date BETWEEN '2090-01-02' AND '2090-01-04'");
    assert_eq!(desk.left("car"), "3 3 3 3");
    assert_eq!(
        desk.units("open_capacity('car', '2090-01-01', '2090-01-03', 5)"),
        2
    );
    desk.run("INSERT INTO resource_capacity (resource_id, date, max_capacity) VALUES ('car', '2090-01-04', 2)");
    assert_eq!(desk.left("car"), "3 4 2 0 3 3 3");
    desk.prove_bookings();
}

/// History is brought in by plain SQL; nobody else may book what is past.
#[test]
fn past_dates_are_written_by_plain_sql() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT open_capacity('car', '2001-01-01', '2001-01-09', 2)");
    let past = desk.book_by_dml("car", "{2001-01-03,2001-01-01}", 2);
    let over = "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2001-01-01}', 1)";
    assert_eq!(desk.refusal(over), "insufficient_capacity");
    desk.run(&format!(
        "UPDATE resource_allocation SET dates = '{{2001-01-02}}' WHERE id = '{past}'"
    ));
    let shown = "SELECT date, booked FROM resource_calendar WHERE booked > 0";
    assert_eq!(desk.texts(shown), ["2001-01-02|2"]);
    desk.prove_bookings();
}
