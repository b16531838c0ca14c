//! What is asked for at the edge of what can be: it is taken as it is, or refused, and no server is confused.

use super::bad_arguments::desk;
use uuid::Uuid;

#[test]
fn what_is_just_not_too_long_is_taken() {
    let (mut desk, _) = desk();
    for email in [
        "a@b".to_owned(),
        format!("{}@b", "é".repeat(318)),
        "a@@b".into(),
        "a@b@".into(),
    ] {
        let hold: Uuid = desk.value(
            "SELECT hold_id FROM hold_resource('car', '{2090-01-04}', 1, $1)",
            &[&email],
        );
        let kept = "SELECT customer_email FROM get_resource_hold($1)";
        assert_eq!(desk.value::<String>(kept, &[&hold]), email);
        desk.run("DELETE FROM resource_hold WHERE customer_email IS NOT NULL");
    }
    let long = "é".repeat(200);
    let sql =
        "SELECT hold_id FROM hold_resource('car', '{2090-01-05}', 1, idempotency_token => $1)";
    let hold: Uuid = desk.value(sql, &[&long]);
    let booking: Uuid = desk.value(
        "SELECT confirm_resource_hold($1, $2, $2, $2)",
        &[&hold, &long],
    );
    assert_eq!(
        desk.value::<Uuid>(
            "SELECT confirm_resource_hold($1, $2, $2, $2)",
            &[&hold, &long]
        ),
        booking
    );
    let reason = format!(
        "SELECT kind FROM add_blackout('car', '2090-01-06', '2090-01-06', '{}')",
        "é".repeat(1000)
    );
    assert_eq!(desk.texts(&reason), ["blackout"]);
    desk.prove_bookings();
}

/// Arrays of any shape are lists of dates.
#[test]
fn an_array_of_several_dimensions_is_a_list() {
    let (mut desk, _) = desk();
    for array in [
        "{{2090-01-05,2090-01-04},{2090-01-07,2090-01-06}}",
        "[7:10]={2090-01-04,2090-01-05,2090-01-06,2090-01-07}",
    ] {
        let dates = format!("SELECT dates FROM hold_resource('car', '{array}', 1)");
        assert_eq!(
            desk.text(&dates),
            "{2090-01-04,2090-01-05,2090-01-06,2090-01-07}"
        );
        desk.run(&format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{array}', 1)"
        ));
    }
    let kept = "SELECT DISTINCT array_dims(dates), dates[1] FROM resource_hold WHERE cardinality(dates) = 4";
    assert_eq!(desk.texts(kept), ["[1:4]|2090-01-04"]);
    assert_eq!(desk.left("car"), "8 8 8 5 5 5 5");
    desk.prove_bookings();
}

/// Any JSON is the app's own to keep, a null of JSON too.
#[test]
fn any_metadata_is_kept_as_it_is() {
    let (mut desk, _) = desk();
    for json in [
        "null",
        "[]",
        "\"é\"",
        "{\"n\": 12345678901234567890.123456789, \"m\": 1e400}",
    ] {
        let sql = format!(
            "SELECT hold_id FROM hold_resource('car', '{{2090-01-04}}', 1, metadata => '{json}')"
        );
        let hold: Uuid = desk.value(&sql, &[]);
        let kept = format!("SELECT metadata = '{json}' FROM get_resource_hold('{hold}')");
        assert_eq!(desk.text(&kept), "t", "{json}");
        desk.run("DELETE FROM resource_hold WHERE metadata IS NOT NULL");
        desk.run(&format!(
            "SELECT change_resource('car', metadata => '{json}')"
        ));
        assert_eq!(
            desk.text(&format!("SELECT metadata = '{json}' FROM resource")),
            "t"
        );
    }
}

/// Whatever is asked for, an error is never an internal one.
#[test]
fn extreme_values_are_no_internal_errors() {
    let (mut desk, fill_in) = desk();
    let dates = [
        "NULL",
        "'-infinity'",
        "'infinity'",
        "'4713-01-01 BC'",
        "'5874897-12-31'",
        "'0001-01-01'",
        "'9999-12-31'",
    ];
    let numbers = ["NULL", "-2147483648", "0", "2147483647"];
    let intervals = [
        "NULL",
        "'-178000000 years'",
        "'178000000 years'",
        "'2147483647 days'",
        "'9223372036854775807 microseconds'",
    ];
    let mut calls = Vec::new();
    for from in dates {
        for to in dates {
            calls.push(format!("check_availability('car', {from}, {to})"));
            calls.push(format!("open_capacity('car', {from}, {to}, 1)"));
            calls.push(format!("set_capacity('car', {from}, {to}, 1)"));
            calls.push(format!("add_blackout('car', {from}, {to})"));
            calls.push(format!(
                "hold_resource_range('car', daterange(least({from}::date, {to}), {to}), 1)"
            ));
        }
        calls.push(format!("hold_resource('car', ARRAY[{from}]::date[], 1)"));
        calls.push(format!("find_available('VEHICLE', ARRAY[{from}]::date[])"));
        calls.push(format!("resource_today('car', {from}::date)"));
        calls.push(fill_in(&format!(
            "move_resource_allocation('$A', ARRAY[{from}]::date[])"
        )));
    }
    for number in numbers {
        calls.push(format!("hold_resource('car', '{{2090-01-01}}', {number})"));
        calls.push(format!(
            "set_capacity('car', '2090-01-01', '2090-01-02', {number})"
        ));
        calls.push(format!(
            "find_available('VEHICLE', '{{2090-01-01}}', {number}, {number})"
        ));
        calls.push(format!(
            "check_availability('car', '2090-01-01', '2090-01-02', {number})"
        ));
        calls.push(fill_in(&format!(
            "move_resource_allocation('$A', '{{2090-01-01}}', {number})"
        )));
        calls.push(format!("purge_resource_holds('1 h', {number})"));
    }
    for interval in intervals {
        calls.push(format!(
            "hold_resource('car', '{{2090-01-01}}', 1, ttl => {interval})"
        ));
        calls.push(fill_in(&format!("extend_resource_hold('$H', {interval})")));
        calls.push(format!("purge_resource_holds({interval})"));
    }
    for moment in ["'4713-01-01 00:00+00 BC'", "'294276-12-31 23:59:59+00'"] {
        for zone in ["Pacific/Kiritimati", "Etc/GMT+12"] {
            calls.push(format!(
                "resource_today(create_resource('TOUR', 'x', '{zone}'), {moment})"
            ));
        }
    }
    for call in calls {
        desk.run("BEGIN");
        if let Err(error) = desk.client.query(&format!("SELECT {call}"), &[]) {
            let code = error.code().map(|state| state.code().to_owned());
            let code = code.unwrap_or_else(|| panic!("{call}: {error:?}"));
            assert!(!code.starts_with("XX"), "{call}: {error:?}");
        }
        desk.run("ROLLBACK");
    }
    desk.prove_bookings();
}

#[test]
fn what_is_unknown_is_not_found() {
    let (mut desk, _) = desk();
    let nobody = Uuid::new_v4();
    for (call, error) in [
        ("change_resource('bus', name => 'x')", "resource_not_found"),
        ("retire_resource('bus')", "resource_not_found"),
        ("retire_resource('bus', true)", "resource_not_found"),
        ("resource_today('bus')", "resource_not_found"),
        (
            "open_capacity('bus', '2090-01-01', '2090-01-01', 1)",
            "resource_not_found",
        ),
        (
            "set_capacity('bus', '2090-01-01', '2090-01-01', 1)",
            "resource_not_found",
        ),
        (
            "check_availability('bus', '2090-01-01', '2090-01-01')",
            "resource_not_found",
        ),
        (
            "hold_resource('bus', '{2090-01-01}', 1)",
            "resource_not_found",
        ),
        (
            "hold_resource_range('bus', '[2090-01-01,2090-01-01]', 1)",
            "resource_not_found",
        ),
        (
            "add_blackout('bus', '2090-01-01', '2090-01-01')",
            "resource_not_found",
        ),
        ("get_resource_hold($1)", "hold_not_found"),
        ("extend_resource_hold($1, '1 h')", "hold_not_found"),
        ("release_resource_hold($1)", "hold_not_found"),
        ("confirm_resource_hold($1, 'o', '9')", "hold_not_found"),
        ("confirm_package($1, 'o', '9')", "package_not_found"),
        ("release_package($1)", "package_not_found"),
        (
            "cancel_resource_allocation($1)",
            "resource_allocation_not_found",
        ),
        (
            "move_resource_allocation($1, '{2090-01-01}')",
            "resource_allocation_not_found",
        ),
        ("remove_blackout($1)", "blackout_not_found"),
    ] {
        let call = call.replace("$1", &format!("'{nobody}'"));
        let refused = desk.error(&format!("SELECT {call}"), &[]);
        assert_eq!(
            (refused.sqlstate.as_str(), refused.name().as_str()),
            ("P0002", error),
            "{call}"
        );
    }
}
