//! set_capacity: how many units dates have.

use super::opening::closed;
use super::shop::{days, Desk};
use serde_json::json;

#[test]
fn a_date_has_at_most_as_many_as_an_integer_holds() {
    let mut desk = closed();
    let most = i32::MAX;
    desk.units(&format!(
        "open_capacity('car', '2090-01-01', '2090-01-07', {most})"
    ));
    let hold = desk.hold_days("car", "1", most);
    assert_eq!(
        desk.refusal("SELECT hold_resource('car', '{2090-01-01}', 1)"),
        "insufficient_capacity"
    );
    let over = format!(
        "INSERT INTO resource_hold (resource_id, dates, quantity)
         VALUES ('car', '{{2090-01-01}}', {most}), ('car', '{{2090-01-01}}', {most})"
    );
    let error = desk.error(&over, &[]);
    assert_eq!(error.sqlstate, "22003", "{error:?}");
    desk.rows("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
    let shown =
        "SELECT capacity, booked, available FROM resource_calendar WHERE date = '2090-01-01'";
    assert_eq!(desk.text(shown), format!("{most}|{most}|0"));
    let month = "SELECT capacity, booked FROM resource_utilisation";
    assert_eq!(desk.text(month), format!("{}|{most}", 7 * i64::from(most)));
    desk.prove_bookings();
}

#[test]
fn a_capacity_is_raised_and_lowered() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "2 3", 2, "1");
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-02', '2090-01-04', 5)"),
        3
    );
    assert_eq!(desk.left("car"), "3 3 3 5 3 3 3");
    // As low as what is booked.
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-01', '2090-01-03', 2)"),
        3
    );
    assert_eq!(desk.left("car"), "2 0 0 5 3 3 3");
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-05', '2090-01-05', 0)"),
        1
    );
    assert_eq!(desk.left("car"), "2 0 0 5 0 3 3");
    assert_eq!(
        desk.refusal("SELECT hold_resource('car', '{2090-01-02}', 1)"),
        "insufficient_capacity"
    );
    desk.prove_bookings();
}

#[test]
fn a_capacity_below_what_is_booked_is_refused_with_the_bookings() {
    let mut desk = Desk::with("car", 3);
    let booked = desk.book_days("car", "2 3", 2, "1");
    let hold = desk.hold_days("car", "3 4", 1);
    let before = desk.everything();
    let error = desk.error(
        "SELECT set_capacity('car', '2090-01-01', '2090-01-07', 2)",
        &[],
    );
    assert_eq!(error.sqlstate, "23514");
    assert_eq!(
        error.detail_json,
        Some(
            json!({"error": "capacity_committed", "resource_id": "car", "date": "2090-01-03", "capacity": 2,
                    "booked": 3, "holds": [hold], "allocations": [booked]})
        )
    );
    // The first date of several.
    let error = desk.error(
        "SELECT set_capacity('car', '2090-01-01', '2090-01-07', 0)",
        &[],
    );
    assert_eq!(
        (
            error.field("date"),
            error.field("booked"),
            error.field("holds")
        ),
        (json!("2090-01-02"), json!(2), json!([]))
    );
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

/// The same as an error of a hold: what has expired is free.
#[test]
fn expired_holds_keep_no_capacity() {
    let mut desk = Desk::with("car", 3);
    let expired = desk.expired_days("car", "1 2", 3);
    let other = desk.expired_days("car", "6", 1);
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-02', '2090-01-02', 1)"),
        1
    );
    assert_eq!(desk.row_status(expired), "EXPIRED");
    assert_eq!(desk.left("car"), "3 1 3 3 3 3 3");
    desk.prove_bookings();
    // Beside those that live.
    let hold = desk.hold_days("car", "1", 1);
    desk.expired_days("car", "1", 2);
    let error = desk.error(
        "SELECT set_capacity('car', '2090-01-01', '2090-01-01', 0)",
        &[],
    );
    assert_eq!(
        (
            error.name().as_str(),
            error.field("booked"),
            error.field("holds")
        ),
        ("capacity_committed", json!(1), json!([hold]))
    );
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-01', '2090-01-01', 1)"),
        1
    );
    assert_eq!(desk.true_state(other), "EXPIRED");
    desk.prove_bookings();
}

#[test]
fn only_open_dates_are_set() {
    let mut desk = Desk::with("car", 3);
    desk.run("DELETE FROM resource_capacity WHERE date IN ('2090-01-03', '2090-01-05')");
    let before = desk.everything();
    let error = desk.error(
        "SELECT set_capacity('car', '2090-01-02', '2090-01-08', 1)",
        &[],
    );
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "22023",
            Some(json!({"error": "date_not_open", "resource_id": "car",
                        "dates": ["2090-01-03", "2090-01-05", "2090-01-08"]}))
        )
    );
    assert_eq!(desk.everything(), before);
    for (arguments, argument, problem) in [
        (
            "'2090-01-02', '2090-01-01', 1",
            "to_date",
            "must not be before 2090-01-02",
        ),
        (
            "'2090-01-01', '2100-01-09', 1",
            "to_date",
            "must be at most 3660 dates on, not 3661",
        ),
        (
            "'2090-01-01', '2090-01-01', -1",
            "capacity",
            "must be 0 or more, not -1",
        ),
        (
            "'2090-01-01', '2090-01-01', NULL",
            "capacity",
            "must not be NULL",
        ),
    ] {
        desk.assert_bad(
            &format!("set_capacity('car', {arguments})"),
            argument,
            problem,
        );
    }
    assert_eq!(
        desk.refusal("SELECT set_capacity('bus', '2090-01-01', '2090-01-01', 1)"),
        "resource_not_found"
    );
}

/// A capacity belongs to the date, whether it takes new claims or not.
#[test]
fn closed_and_past_dates_are_opened_and_set() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT add_blackout('car', '2090-01-01', '2090-01-09')");
    assert_eq!(
        desk.units("open_capacity('car', '2090-01-08', '2090-01-10', 2)"),
        3
    );
    assert_eq!(
        desk.units("set_capacity('car', '2090-01-01', '2090-01-09', 4)"),
        9
    );
    assert_eq!(
        desk.refusal(&format!("SELECT hold_resource('car', '{}', 1)", days("8"))),
        "date_blacked_out"
    );
    desk.hold_days("car", "10", 2);
    desk.run("SELECT change_resource('car', is_active => false)");
    assert_eq!(
        desk.units("open_capacity('car', '2001-01-01', '2001-01-02', 1)"),
        2
    );
    assert_eq!(
        desk.units("set_capacity('car', '2001-01-01', '2001-01-02', 2)"),
        2
    );
    desk.prove_bookings();
}
