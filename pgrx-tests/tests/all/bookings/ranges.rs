//! hold_resource_range: all dates of a range, as ranges end.

use super::shop::Desk;
use uuid::Uuid;

#[test]
fn a_range_is_held_as_ranges_end() {
    let mut desk = Desk::with("car", 9);
    for (range, dates) in [
        (
            "daterange('2090-01-02', '2090-01-04')",
            "{2090-01-02,2090-01-03}",
        ),
        (
            "daterange('2090-01-02', '2090-01-04', '[]')",
            "{2090-01-02,2090-01-03,2090-01-04}",
        ),
        (
            "daterange('2090-01-02', '2090-01-04', '(]')",
            "{2090-01-03,2090-01-04}",
        ),
        (
            "daterange('2090-01-02', '2090-01-04', '()')",
            "{2090-01-03}",
        ),
        ("'[2090-01-07,2090-01-07]'", "{2090-01-07}"),
    ] {
        let sql = format!(
            "SELECT state, dates, quantity, replayed FROM hold_resource_range('car', {range}, 2)"
        );
        assert_eq!(desk.text(&sql), format!("ACTIVE|{dates}|2|f"), "{range}");
    }
    assert_eq!(desk.left("car"), "9 5 1 5 9 9 7");
    let short = "SELECT state, dates, available FROM hold_resource_range('car', '[2090-01-02,2090-01-05)', 6, on_short => 'answer')";
    assert_eq!(
        desk.text(short),
        "insufficient|{2090-01-02,2090-01-03,2090-01-04}|1"
    );
    // A single hold by dates is the same call, to a token.
    let by_range =
        "SELECT replayed FROM hold_resource_range('car', '[2090-01-05,2090-01-06]', 1, 'a@b', 'k')";
    let by_dates =
        "SELECT replayed FROM hold_resource('car', '{2090-01-06,2090-01-05}', 1, 'a@b', 'k')";
    assert_eq!(
        [by_range, by_dates, by_range].map(|sql| desk.text(sql)),
        ["f", "t", "t"]
    );
    desk.prove_bookings();
}

#[test]
fn a_range_must_have_a_first_and_a_last_date() {
    let mut desk = Desk::with("car", 3);
    for (range, problem) in [
        ("NULL", "must not be NULL"),
        ("'empty'", "must not be empty"),
        ("daterange('2090-01-02', '2090-01-02')", "must not be empty"),
        (
            "daterange('2090-01-02', NULL)",
            "must have a first and a last date",
        ),
        (
            "daterange(NULL, '2090-01-02')",
            "must have a first and a last date",
        ),
        ("daterange(NULL, NULL)", "must have a first and a last date"),
        (
            "daterange('infinity', 'infinity', '[]')",
            "must have a first and a last date",
        ),
        (
            "daterange('2090-01-01', '2091-01-03')",
            "must have at most 366 dates, not 367",
        ),
        (
            "daterange('-infinity', 'infinity')",
            "must have at most 366 dates, not 4294967295",
        ),
        (
            "daterange('2090-01-01', 'infinity')",
            "must have at most 366 dates, not 2147450774",
        ),
        (
            "daterange('0001-12-30 BC', '0001-01-02')",
            "must have dates between 0001-01-01 and 9999-12-31",
        ),
    ] {
        desk.assert_bad(
            &format!("hold_resource_range('car', {range}, 1)"),
            "range",
            problem,
        );
    }
    // As many as a booking may have are only not open.
    assert_eq!(
        desk.refusal("SELECT hold_resource_range('car', daterange('2090-01-01', '2091-01-02'), 1)"),
        "date_not_open"
    );
}

#[test]
fn a_booking_has_up_to_a_leap_years_dates() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT open_capacity('car', '2090-01-01', '2091-12-31', 3)");
    let all = "hold_resource_range('car', daterange('2090-01-01', '2091-01-02'), 3)";
    assert_eq!(
        desk.text(&format!("SELECT cardinality(dates), available FROM {all}")),
        "366|0"
    );
    let over = "SELECT count(*) FROM resource_capacity WHERE available_capacity = 0";
    assert_eq!(desk.text(over), "366");
    let hold: Uuid = desk.value("SELECT id FROM resource_hold", &[]);
    assert_eq!(desk.units(&format!("release_resource_hold('{hold}')")), 366);
    assert_eq!(desk.text(over), "0");
    desk.prove_bookings();
}
