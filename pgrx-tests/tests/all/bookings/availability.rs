//! check_availability: what of each date is free, and why it cannot be booked.

use super::shop::{days, Desk};

/// All that is told of some days of the week.
fn told(desk: &mut Desk, first: u32, last: u32, quantity: i32) -> Vec<String> {
    desk.texts(&format!(
        "SELECT to_char(date, 'MM-DD'), available, capacity, bookable, reason
           FROM check_availability('car', '2090-01-{first:02}', '2090-01-{last:02}', {quantity}) ORDER BY date"
    ))
}

#[test]
fn each_date_of_a_range_has_a_row() {
    let mut desk = Desk::with("car", 3);
    desk.hold_days("car", "2", 1);
    desk.book_days("car", "2 3", 2, "1");
    assert_eq!(
        told(&mut desk, 1, 4, 1),
        [
            "01-01|3|3|t|NULL",
            "01-02|0|3|f|insufficient_capacity",
            "01-03|1|3|t|NULL",
            "01-04|3|3|t|NULL"
        ]
    );
    assert_eq!(
        told(&mut desk, 3, 3, 2),
        ["01-03|1|3|f|insufficient_capacity"]
    );
    // One unit, if nothing is said; dates in order without ORDER BY.
    let dates =
        desk.texts("SELECT date FROM check_availability('car', '2089-12-30', '2090-01-02')");
    assert_eq!(
        dates,
        ["2089-12-30", "2089-12-31", "2090-01-01", "2090-01-02"]
    );
}

#[test]
fn a_date_that_cannot_be_booked_says_why() {
    let mut desk = Desk::with("car", 3);
    desk.run(
        "SELECT add_blackout('car', '2090-01-07', '2090-01-20');
         SELECT open_capacity('car', '2001-01-01', '2001-01-01', 3)",
    );
    desk.hold_days("car", "6", 3);
    assert_eq!(
        told(&mut desk, 5, 8, 1),
        [
            "01-05|3|3|t|NULL",
            "01-06|0|3|f|insufficient_capacity",
            "01-07|3|3|f|blacked_out",
            "01-08|0|0|f|not_open"
        ]
    );
    let past = "SELECT available, capacity, bookable, reason
                  FROM check_availability('car', '2001-01-01', '2001-01-02') ORDER BY date";
    assert_eq!(desk.texts(past), ["3|3|f|in_past", "0|0|f|not_open"]);
    for (change, reason) in [
        (
            "SELECT change_resource('car', is_active => false)",
            "inactive",
        ),
        (
            "SELECT retire_resource('car', cancel_holds => true)",
            "retired",
        ),
        (
            "SELECT change_resource('car', is_active => true)",
            "retired",
        ),
    ] {
        desk.run(change);
        let dates = told(&mut desk, 1, 8, 1);
        assert!(
            dates[..7]
                .iter()
                .all(|date| date.ends_with(&format!("|f|{reason}"))),
            "{dates:?}"
        );
        assert_eq!(dates[7], "01-08|0|0|f|not_open");
    }
}

/// What it says is what hold_resource does.
#[test]
fn what_is_bookable_can_be_held_and_all_else_cannot() {
    let mut desk = Desk::with("car", 3);
    desk.run(
        "SELECT add_blackout('car', '2090-01-03', '2090-01-03');
         SELECT set_capacity('car', '2090-01-04', '2090-01-04', 0);
         DELETE FROM resource_capacity WHERE date = '2090-01-05'",
    );
    desk.hold_days("car", "1", 2);
    desk.expired_days("car", "2", 3);
    for day in 1..=8 {
        for quantity in 1..=4 {
            let bookable: bool = desk.value(
                &format!("SELECT bookable FROM check_availability('car', '2090-01-{day:02}', '2090-01-{day:02}', {quantity})"),
                &[],
            );
            let sql = format!(
                "SELECT hold_resource('car', '{}', {quantity})",
                days(&day.to_string())
            );
            desk.run("BEGIN");
            let held = desk.client.query(&sql, &[]).is_ok();
            desk.run("ROLLBACK");
            assert_eq!(bookable, held, "{quantity} on {day}");
        }
    }
}

#[test]
fn what_has_expired_is_free_at_once() {
    let mut desk = Desk::with("car", 3);
    let expired = desk.expired_days("car", "1 2", 3);
    assert_eq!(desk.left("car"), "0 0 3 3 3 3 3");
    assert_eq!(desk.free("car"), "3 3 3 3 3 3 3");
    let found = "SELECT available FROM find_available('VEHICLE', '{2090-01-01,2090-01-02}', 3)";
    assert_eq!(desk.text(found), "3");
    desk.hold_days("car", "2", 2);
    assert_eq!(desk.row_status(expired), "EXPIRED");
    assert_eq!(desk.free("car"), "3 1 3 3 3 3 3");
    // One without an end is there for ever.
    desk.run("SELECT hold_resource('car', '{2090-01-05}', 1, ttl => NULL)");
    assert_eq!(desk.free("car"), "3 1 3 3 2 3 3");
    desk.prove_bookings();
}

#[test]
fn a_range_has_at_most_ten_years() {
    let mut desk = Desk::with("car", 3);
    let count = "SELECT count(*), count(*) FILTER (WHERE bookable) FROM check_availability('car', '2090-01-01', '2100-01-08')";
    assert_eq!(desk.text(count), "3660|7");
    for (arguments, argument, problem) in [
        (
            "'2090-01-01', '2100-01-09'",
            "to_date",
            "must be at most 3660 dates on, not 3661",
        ),
        (
            "'2090-01-02', '2090-01-01'",
            "to_date",
            "must not be before 2090-01-02",
        ),
        ("NULL, '2090-01-01'", "from_date", "must not be NULL"),
        ("'2090-01-01', NULL", "to_date", "must not be NULL"),
        (
            "'-infinity', 'infinity'",
            "from_date",
            "must be between 0001-01-01 and 9999-12-31",
        ),
        (
            "'2090-01-01', '2090-01-01', 0",
            "quantity",
            "must be above zero, not 0",
        ),
        (
            "'2090-01-01', '2090-01-01', NULL",
            "quantity",
            "must not be NULL",
        ),
    ] {
        desk.assert_bad(
            &format!("check_availability('car', {arguments})"),
            argument,
            problem,
        );
    }
    assert_eq!(
        desk.refusal("SELECT check_availability('bus', '2090-01-01', '2090-01-01')"),
        "resource_not_found"
    );
}
