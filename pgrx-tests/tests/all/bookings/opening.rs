//! open_capacity: which dates can be booked.

use super::shop::Desk;

fn open_dates(desk: &mut Desk) -> Vec<String> {
    desk.texts(
        "SELECT to_char(date, 'MM-DD'), max_capacity, available_capacity FROM resource_capacity
          WHERE resource_id = 'car' ORDER BY date",
    )
}

/// A vehicle without dates.
pub fn closed() -> Desk {
    let mut desk = Desk::open();
    desk.run("SELECT create_resource('VEHICLE', 'Car', id => 'car')");
    desk
}

#[test]
fn dates_are_opened_once() {
    let mut desk = closed();
    let open = "open_capacity('car', '2090-01-30', '2090-02-02', 3)";
    assert_eq!(desk.units(open), 4);
    let expected = ["01-30|3|3", "01-31|3|3", "02-01|3|3", "02-02|3|3"];
    assert_eq!(open_dates(&mut desk), expected);
    let before = desk.everything();
    assert_eq!(desk.units(open), 0);
    assert_eq!(
        desk.units("open_capacity('car', '2090-01-31', '2090-02-01', 9)"),
        0
    );
    assert_eq!(desk.everything(), before);
    // What is new of a range is opened.
    assert_eq!(
        desk.units("open_capacity('car', '2090-02-01', '2090-02-04', 0)"),
        2
    );
    let new = [&expected[..], &["02-03|0|0", "02-04|0|0"]].concat();
    assert_eq!(open_dates(&mut desk), new);
    desk.prove_bookings();
}

/// 2090-01-01 is a Sunday.
#[test]
fn some_days_of_the_week_are_opened() {
    let mut desk = closed();
    let open = "open_capacity('car', '2090-01-01', '2090-01-15', 2, weekdays => '{7,1,1}')";
    assert_eq!(desk.units(open), 5);
    assert_eq!(
        open_dates(&mut desk),
        [
            "01-01|2|2",
            "01-02|2|2",
            "01-08|2|2",
            "01-09|2|2",
            "01-15|2|2"
        ]
    );
    // None of these is in the range.
    let none = "open_capacity('car', '2090-01-03', '2090-01-05', 2, weekdays => '{6,7}')";
    assert_eq!(desk.units(none), 0);
    desk.prove_bookings();
}

#[test]
fn single_dates_have_a_capacity_of_their_own() {
    let mut desk = closed();
    let open = r#"open_capacity('car', '2090-01-01', '2090-01-04', 2, '{1}',
                  '{"2090-01-02": 5, "2090-01-03": 0, "2090-01-04": 7}')"#;
    assert_eq!(desk.units(open), 3);
    assert_eq!(
        open_dates(&mut desk),
        ["01-02|5|5", "01-03|0|0", "01-04|7|7"]
    );
    assert_eq!(
        desk.units("open_capacity('car', '2090-01-05', '2090-01-05', 1, overrides => '{}')"),
        1
    );
    desk.prove_bookings();
}

#[test]
fn a_bad_opening_is_refused_and_opens_nothing() {
    let mut desk = closed();
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
        ("NULL, '2090-01-01', 1", "from_date", "must not be NULL"),
        ("'2090-01-01', NULL, 1", "to_date", "must not be NULL"),
        (
            "'2090-01-01', '2090-01-01', NULL",
            "capacity",
            "must not be NULL",
        ),
        (
            "'2090-01-01', '2090-01-01', -1",
            "capacity",
            "must be 0 or more, not -1",
        ),
        (
            "'-infinity', '2090-01-01', 1",
            "from_date",
            "must be between 0001-01-01 and 9999-12-31",
        ),
        (
            "'2090-01-01', 'infinity', 1",
            "to_date",
            "must be between 0001-01-01 and 9999-12-31",
        ),
        (
            "'0001-12-31 BC', '0001-01-01', 1",
            "from_date",
            "must be between 0001-01-01 and 9999-12-31",
        ),
        (
            "'9999-12-31', '10000-01-01', 1",
            "to_date",
            "must be between 0001-01-01 and 9999-12-31",
        ),
        (
            "'2090-01-01', '2090-01-02', 1, '{}'",
            "weekdays",
            "must have days from 1 (Monday) to 7 (Sunday)",
        ),
        (
            "'2090-01-01', '2090-01-02', 1, '{0}'",
            "weekdays",
            "must have days from 1 (Monday) to 7 (Sunday)",
        ),
        (
            "'2090-01-01', '2090-01-02', 1, '{1,8}'",
            "weekdays",
            "must have days from 1 (Monday) to 7 (Sunday)",
        ),
        (
            "'2090-01-01', '2090-01-02', 1, '{1,NULL}'",
            "weekdays",
            "must have days from 1 (Monday) to 7 (Sunday)",
        ),
        (
            "'2090-01-01', '2090-01-02', 1, NULL, '{\"2090-01-03\": 1}'",
            "overrides",
            "has 2090-01-03, which is not in the range",
        ),
    ] {
        desk.assert_bad(
            &format!("open_capacity('car', {arguments})"),
            argument,
            problem,
        );
    }
    let problem = "must be an object of dates and capacities, as {\"2026-12-25\": 0}";
    for overrides in [
        "[]",
        "5",
        "null",
        "{\"2090-01-01\": -1}",
        "{\"2090-01-01\": 1.5}",
        "{\"2090-01-01\": \"1\"}",
        "{\"2090-01-01\": null}",
        "{\"2090-01-01\": 2147483648}",
        "{\"2090-1-1\": 1}",
        "{\"2087-02-29\": 1}",
        "{\"\": 1}",
    ] {
        let call =
            format!("open_capacity('car', '2080-01-01', '2089-12-31', 1, NULL, '{overrides}')");
        desk.assert_bad(&call, "overrides", problem);
    }
    assert_eq!(
        desk.refusal("SELECT open_capacity('bus', '2090-01-01', '2090-01-01', 1)"),
        "resource_not_found"
    );
    assert_eq!(open_dates(&mut desk), [""; 0]);
}

#[test]
fn ten_years_are_opened_at_once() {
    let mut desk = closed();
    assert_eq!(
        desk.units("open_capacity('car', '2090-01-01', '2100-01-08', 1)"),
        3660
    );
    let all =
        "SELECT count(*), sum(available_capacity), max(date) - min(date) FROM resource_capacity";
    assert_eq!(desk.text(all), "3660|3660|3659");
    desk.prove_bookings();
}
