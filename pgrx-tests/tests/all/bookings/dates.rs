//! Calendar dates: how they are read and written, and the odd ones among them.

use super::shop::Desk;
use serde_json::json;

#[test]
fn a_leap_day_is_a_date_like_any_other() {
    let mut desk = Desk::open();
    desk.run("SELECT create_resource('VEHICLE', 'Car', id => 'car')");
    for year in [2028, 2088] {
        assert_eq!(
            desk.units(&format!(
                "open_capacity('car', '{year}-02-28', '{year}-03-01', 2)"
            )),
            3
        );
        desk.book_by_dml("car", &format!("{{{year}-02-29}}"), 1);
    }
    let held = "SELECT dates FROM hold_resource_range('car', '[2088-02-28,2088-03-01]', 1)";
    assert_eq!(desk.text(held), "{2088-02-28,2088-02-29,2088-03-01}");
    let left = "SELECT date, available_capacity FROM resource_capacity WHERE date >= '2088-01-01' ORDER BY date";
    assert_eq!(
        desk.texts(left),
        ["2088-02-28|1", "2088-02-29|0", "2088-03-01|1"]
    );
    // PostgreSQL itself has no such date in another year.
    assert_eq!(
        desk.units("open_capacity('car', '2087-02-28', '2087-03-01', 1, overrides => '{\"2087-02-28\": 3}')"),
        2
    );
    for sql in [
        "SELECT hold_resource('car', '{2027-02-29}', 1)",
        "SELECT hold_resource('car', '{2087-02-29}', 1)",
        "SELECT open_capacity('car', '2087-02-29', '2087-03-01', 1)",
    ] {
        assert_eq!(desk.error(sql, &[]).sqlstate, "22008", "{sql}");
    }
    let line = |date: &str| {
        format!(r#"SELECT hold_package('[{{"resource_id": "car", "dates": ["{date}"]}}]')"#)
    };
    desk.run(&line("2088-02-28"));
    assert_eq!(desk.refusal(&line("2087-02-29")), "bad_argument");
    desk.prove_bookings();
}

#[test]
fn a_range_goes_over_new_year_and_over_the_end_of_what_is_open() {
    let mut desk = Desk::open();
    desk.run(
        "SELECT create_resource('VEHICLE', 'Car', id => 'car');
         SELECT open_capacity('car', '2090-12-30', '2091-01-02', 2)",
    );
    let held = "SELECT dates FROM hold_resource_range('car', '[2090-12-31,2091-01-02)', 1)";
    assert_eq!(desk.text(held), "{2090-12-31,2091-01-01}");
    let error = desk.error(
        "SELECT hold_resource_range('car', '[2090-12-28,2091-01-05)', 1)",
        &[],
    );
    assert_eq!(
        error.detail_json,
        Some(json!({"error": "date_not_open", "resource_id": "car",
                    "dates": ["2090-12-28", "2090-12-29", "2091-01-03", "2091-01-04"]}))
    );
    assert_eq!(
        error.message,
        "resource car is not open on 2090-12-28, 2090-12-29, 2091-01-03, 2091-01-04"
    );
    // A message names some, DETAIL all.
    let error = desk.error(
        "SELECT hold_resource_range('car', '[2091-02-01,2091-02-10)', 1)",
        &[],
    );
    assert_eq!(
        error.message,
        "resource car is not open on 2091-02-01, 2091-02-02, 2091-02-03, 2091-02-04, 2091-02-05, 4 more"
    );
    assert_eq!(error.field("dates").as_array().map(Vec::len), Some(9));
    desk.prove_bookings();
}

/// What programs read is always written as ISO 8601 has it.
#[test]
fn the_sessions_date_style_changes_nothing() {
    let mut desk = Desk::with("car", 1);
    desk.hold_days("car", "2", 1);
    for style in [
        "German, DMY",
        "SQL, DMY",
        "SQL, MDY",
        "Postgres, YMD",
        "ISO, DMY",
    ] {
        desk.run(&format!("SET datestyle = '{style}'"));
        let error = desk.error("SELECT hold_resource('car', '{2090-01-02}', 1)", &[]);
        assert_eq!(error.field("dates"), json!(["2090-01-02"]), "{style}");
        assert_eq!(
            error.message,
            "not enough capacity of resource car on 2090-01-02: 1 requested, 0 available"
        );
        let error = desk.error("SELECT hold_resource('car', '{2001-01-02}', 1)", &[]);
        assert_eq!(error.field("dates"), json!(["2001-01-02"]));
        assert_eq!(error.field("today").as_str().map(str::len), Some(10));
        // Keys and arguments of JSON as well.
        let call = r#"open_capacity('car', '2090-02-03', '2090-02-03', 1, overrides => '{"2090-02-03": 5}')"#;
        assert_eq!(desk.units(call), 1, "{style}");
        let package = r#"SELECT dates[1] = date '2090-02-03' FROM hold_package('[{"resource_id": "car", "dates": ["2090-02-03"]}]')"#;
        assert_eq!(desk.text(package), "t");
        desk.run("DELETE FROM resource_hold WHERE package_id IS NOT NULL; DELETE FROM resource_capacity WHERE date > '2090-01-31'");
        desk.unseen(
            "UPDATE resource_capacity SET available_capacity = 1 WHERE date = '2090-01-02'",
        );
        assert_eq!(
            desk.problems(),
            ["date|car on 2090-01-02|available_capacity|1|0"],
            "{style}"
        );
        assert_eq!(desk.units("repair_bookings()"), 1);
        desk.prove_bookings();
    }
}
