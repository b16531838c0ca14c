//! Which date is today where a resource is.

use super::shop::Desk;
use serde_json::{json, Value};
use stockroom_tests::ErrorInfo;

/// One in each zone, open from a month ago on for two months.
fn two_zones() -> Desk {
    let mut desk = Desk::open();
    desk.run(
        "SELECT create_resource('VEHICLE', 'Cruiser', 'Australia/Brisbane', id => 'brisbane');
         SELECT create_resource('VEHICLE', 'Hatch', 'America/New_York', id => 'york');
         SELECT open_capacity(id, resource_today(id) - 31, resource_today(id) + 31, 3) FROM resource",
    );
    desk
}

fn today_at(desk: &mut Desk, resource: &str, moment: &str) -> String {
    desk.text(&format!("SELECT resource_today('{resource}', '{moment}')"))
}

/// Daylight saving begins on the second Sunday of March and ends on the first of November, both at two o'clock
/// there: at 07:00 and 06:00 UTC.
#[test]
fn midnight_in_new_york_moves_with_daylight_saving() {
    let mut desk = two_zones();
    for (moment, date) in [
        // 2026: March 8 has 23 hours.
        ("2026-03-08 04:59:59.999999+00", "2026-03-07"),
        ("2026-03-08 05:00:00+00", "2026-03-08"),
        ("2026-03-08 06:59:59.999999+00", "2026-03-08"),
        ("2026-03-08 07:00:00+00", "2026-03-08"),
        ("2026-03-09 03:59:59.999999+00", "2026-03-08"),
        ("2026-03-09 04:00:00+00", "2026-03-09"),
        // November 1 has 25.
        ("2026-11-01 03:59:59.999999+00", "2026-10-31"),
        ("2026-11-01 04:00:00+00", "2026-11-01"),
        ("2026-11-01 05:59:59.999999+00", "2026-11-01"),
        ("2026-11-01 06:00:00+00", "2026-11-01"),
        ("2026-11-02 04:59:59.999999+00", "2026-11-01"),
        ("2026-11-02 05:00:00+00", "2026-11-02"),
        // 2027: March 14 and November 7.
        ("2027-03-14 04:59:59.999999+00", "2027-03-13"),
        ("2027-03-14 05:00:00+00", "2027-03-14"),
        ("2027-03-14 07:00:00+00", "2027-03-14"),
        ("2027-03-15 03:59:59.999999+00", "2027-03-14"),
        ("2027-03-15 04:00:00+00", "2027-03-15"),
        ("2027-11-07 03:59:59.999999+00", "2027-11-06"),
        ("2027-11-07 04:00:00+00", "2027-11-07"),
        ("2027-11-07 06:00:00+00", "2027-11-07"),
        ("2027-11-08 04:59:59.999999+00", "2027-11-07"),
        ("2027-11-08 05:00:00+00", "2027-11-08"),
        // The turn of the year.
        ("2027-01-01 04:59:59.999999+00", "2026-12-31"),
        ("2027-01-01 05:00:00+00", "2027-01-01"),
    ] {
        assert_eq!(today_at(&mut desk, "york", moment), date, "{moment}");
    }
}

#[test]
fn midnight_in_brisbane_is_always_at_two_in_the_afternoon_of_utc() {
    let mut desk = two_zones();
    for (moment, date) in [
        ("2026-03-08 13:59:59.999999+00", "2026-03-08"),
        ("2026-03-08 14:00:00+00", "2026-03-09"),
        ("2026-10-04 13:59:59.999999+00", "2026-10-04"),
        ("2026-10-04 14:00:00+00", "2026-10-05"),
        ("2026-11-01 13:59:59.999999+00", "2026-11-01"),
        ("2026-11-01 14:00:00+00", "2026-11-02"),
        ("2027-01-15 13:59:59.999999+00", "2027-01-15"),
        ("2027-01-15 14:00:00+00", "2027-01-16"),
        ("2027-07-15 13:59:59.999999+00", "2027-07-15"),
        ("2027-07-15 14:00:00+00", "2027-07-16"),
        ("2026-12-31 14:00:00+00", "2027-01-01"),
    ] {
        assert_eq!(today_at(&mut desk, "brisbane", moment), date, "{moment}");
    }
}

/// Half an hour, three quarters, and the ends of the world; also long before 2000.
#[test]
fn odd_zones_have_their_own_today() {
    let mut desk = Desk::open();
    for (zone, moment, date) in [
        ("Asia/Kathmandu", "2026-06-01 18:14:59+00", "2026-06-01"),
        ("Asia/Kathmandu", "2026-06-01 18:15:00+00", "2026-06-02"),
        (
            "Australia/Lord_Howe",
            "2026-06-01 13:29:59+00",
            "2026-06-01",
        ),
        (
            "Australia/Lord_Howe",
            "2026-06-01 13:30:00+00",
            "2026-06-02",
        ),
        ("Pacific/Kiritimati", "2026-06-01 10:00:00+00", "2026-06-02"),
        ("Etc/GMT+12", "2026-06-01 11:59:59+00", "2026-05-31"),
        ("UTC", "1999-12-31 23:59:59.999999+00", "1999-12-31"),
        ("UTC", "1969-07-20 00:00:00+00", "1969-07-20"),
        ("America/New_York", "1969-07-21 02:56:00+00", "1969-07-20"),
    ] {
        desk.run(&format!(
            "SELECT create_resource('TOUR', 'x', '{zone}', id => 'x')"
        ));
        assert_eq!(today_at(&mut desk, "x", moment), date, "{zone} {moment}");
        desk.run("DELETE FROM resource");
    }
}

/// Whatever the session's own zone is.
#[test]
fn today_is_decided_where_the_resource_is() {
    let mut desk = two_zones();
    let zones = [
        ("brisbane", "Australia/Brisbane"),
        ("york", "America/New_York"),
    ];
    for session in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] {
        desk.run(&format!("SET timezone = '{session}'"));
        for (key, zone) in zones {
            let same = format!(
                "SELECT resource_today('{key}') = (clock_timestamp() AT TIME ZONE '{zone}')::date"
            );
            assert_eq!(desk.text(&same), "t", "{key} in {session}");
        }
    }
    // With another zone it has another today.
    let today = "SELECT resource_today('york', '2026-06-01 12:00+00')";
    assert_eq!(desk.text(today), "2026-06-01");
    desk.run("SELECT change_resource('york', timezone => 'Pacific/Kiritimati')");
    assert_eq!(desk.text(today), "2026-06-02");
    assert_eq!(
        desk.refusal("SELECT resource_today('nobody')"),
        "resource_not_found"
    );
    for never in ["infinity", "-infinity"] {
        desk.assert_bad(
            &format!("resource_today('york', '{never}')"),
            "at",
            "must be finite",
        );
    }
}

/// What a hold of these dates, counted from this one, comes to: the refusal, or that it can be had.
fn hold_from(desk: &mut Desk, today: &str, offsets: &[i32]) -> Value {
    let dates = offsets.iter().map(|day| format!("date '{today}' {day:+}"));
    let dates = dates.collect::<Vec<_>>().join(", ");
    desk.run("BEGIN");
    let held = desk.client.query(
        &format!("SELECT hold_resource('x', ARRAY[{dates}], 1)"),
        &[],
    );
    desk.run("ROLLBACK");
    match held {
        Ok(_) => json!("held"),
        Err(error) => ErrorInfo::from(&error).detail_json.unwrap_or_default(),
    }
}

/// What everybody says of yesterday, today and tomorrow.
fn said_of(desk: &mut Desk, today: &str) -> [Value; 5] {
    let mut text = |query: String| json!(desk.text(&query));
    let reasons = text(format!(
        "SELECT string_agg(coalesce(reason, 'bookable'), ' ' ORDER BY date)
           FROM check_availability('x', date '{today}' - 1, date '{today}' + 1)"
    ));
    let found = text(format!(
        "SELECT format('%s %s', (SELECT count(*) FROM find_available('TOUR', ARRAY[date '{today}' - 1])),
                       (SELECT count(*) FROM find_available('TOUR', ARRAY[date '{today}'])))"
    ));
    let shown = text(format!(
        "SELECT string_agg(concat(is_past, is_open), ' ' ORDER BY date) FROM resource_calendar
          WHERE date BETWEEN date '{today}' - 1 AND '{today}'"
    ));
    let past = hold_from(desk, today, &[2, -1, 0]);
    let held = hold_from(desk, today, &[0, 1]);
    [reasons, found, shown, past, held]
}

/// In each zone, and however close midnight is: where the date has changed meanwhile, it is asked anew.
#[test]
fn yesterday_is_past_and_today_is_not() {
    for zone in [
        "Australia/Brisbane",
        "America/New_York",
        "Pacific/Kiritimati",
        "Etc/GMT+12",
        "UTC",
    ] {
        let mut desk = Desk::open();
        desk.run(&format!(
            "SELECT create_resource('TOUR', 'x', '{zone}', id => 'x');
             SELECT open_capacity('x', resource_today('x') - 9, resource_today('x') + 9, 3)"
        ));
        let now = "SELECT resource_today('x')";
        let (today, said) = loop {
            let today = desk.text(now);
            let said = said_of(&mut desk, &today);
            if desk.text(now) == today {
                break (today, said);
            }
        };
        let yesterday = desk.text(&format!("SELECT date '{today}' - 1"));
        let past = json!({"error": "date_in_past", "resource_id": "x", "dates": [yesterday],
                          "today": today, "timezone": zone});
        let expected = [
            json!("in_past bookable bookable"),
            json!("0 1"),
            json!("tf ft"),
            past,
            json!("held"),
        ];
        assert_eq!(said, expected, "{zone}");
    }
}
