//! Packages: several resources that are held together.

use super::shop::{days, Desk};
use serde_json::json;

/// Two cars and a guide.
pub fn tour() -> Desk {
    let mut desk = Desk::with("car", 2);
    desk.run(
        "SELECT create_resource('GUIDE', 'Ann', id => 'ann');
         SELECT open_capacity('ann', '2090-01-01', '2090-01-07', 1)",
    );
    desk
}

/// What a package answers but for keys and times.
pub fn answer(desk: &mut Desk, call: &str) -> Vec<String> {
    desk.texts(&format!(
        "SELECT resource_id, state, dates, quantity, replayed, available FROM {call}"
    ))
}

#[test]
fn lines_have_dates_and_quantities_of_their_own_or_those_of_the_call() {
    let mut desk = tour();
    let call = r#"hold_package('[{"resource_id": "car", "quantity": 2}, {"resource_id": "ann", "dates": ["2090-01-03", "2090-01-01"]}]',
                               '{2090-01-02,2090-01-01}', 'kim@example.org', NULL, '1 h', 'error', '{"a": 1}')"#;
    assert_eq!(
        answer(&mut desk, call),
        [
            "car|ACTIVE|{2090-01-01,2090-01-02}|2|f|0",
            "ann|ACTIVE|{2090-01-01,2090-01-03}|1|f|0"
        ]
    );
    assert_eq!(
        (desk.left("car"), desk.left("ann")),
        ("0 0 2 2 2 2 2".into(), "0 1 0 1 1 1 1".into())
    );
    let kept = "SELECT count(DISTINCT package_id), count(*), bool_and(customer_email = 'kim@example.org'),
                       bool_and(metadata = '{\"a\": 1}'), bool_and(idempotency_token IS NULL),
                       bool_and(expires_at - created_at BETWEEN '59 min' AND '61 min') FROM resource_hold";
    assert_eq!(desk.text(kept), "1|2|t|t|t|t");
    let told = "SELECT count(*) FROM resource_hold h, get_resource_hold(h.id) g WHERE g.package_id = h.package_id";
    assert_eq!(desk.text(told), "2");
    // The dates of the call are not needed where each line has its own.
    let call = r#"hold_package('[{"resource_id": "car", "dates": ["2090-01-05"]}]')"#;
    assert_eq!(answer(&mut desk, call), ["car|ACTIVE|{2090-01-05}|1|f|1"]);
    desk.prove_bookings();
}

/// The same resource more than once is claimed for all of its lines together.
#[test]
fn lines_of_one_resource_are_added_up() {
    let mut desk = tour();
    let lines = |first: i32| {
        format!(
            r#"hold_package('[{{"resource_id": "car", "quantity": {first}}}, {{"resource_id": "car", "dates": ["2090-01-02"]}}]',
                            '{}', on_short => 'answer')"#,
            days("1 2")
        )
    };
    assert_eq!(
        answer(&mut desk, &lines(2)),
        ["car|insufficient|{2090-01-02}|0|f|2"]
    );
    assert_eq!(
        answer(&mut desk, &lines(1)),
        [
            "car|ACTIVE|{2090-01-01,2090-01-02}|1|f|0",
            "car|ACTIVE|{2090-01-02}|1|f|0"
        ]
    );
    assert_eq!(desk.left("car"), "1 0 2 2 2 2 2");
    desk.prove_bookings();
}

#[test]
fn all_of_a_package_is_held_or_none() {
    let mut desk = tour();
    desk.hold_days("ann", "2", 1);
    let before = desk.everything();
    let call = |on: &str, rest: &str| {
        format!(
            r#"hold_package('[{{"resource_id": "car"}}, {{"resource_id": "ann"}}]', '{}'{rest})"#,
            days(on)
        )
    };
    let error = desk.error(&format!("SELECT {}", call("1 2", "")), &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23514",
            Some(
                json!({"error": "insufficient_capacity", "resource_id": "ann", "dates": ["2090-01-02"],
                        "requested": 1, "available": 0, "listing_id": null})
            )
        )
    );
    let short = call("1 2", ", on_short => 'answer', idempotency_token => 'k'");
    assert_eq!(
        answer(&mut desk, &short),
        ["ann|insufficient|{2090-01-02}|0|f|0"]
    );
    let empty = format!("SELECT package_id, hold_id, expires_at FROM {short}");
    assert_eq!(desk.text(&empty), "NULL|NULL|NULL");
    for (lines, on, error) in [
        ("car bus", "1", "resource_not_found"),
        ("car ann", "8", "date_not_open"),
    ] {
        let lines: Vec<String> = lines
            .split(' ')
            .map(|key| format!(r#"{{"resource_id": "{key}"}}"#))
            .collect();
        let sql = format!(
            "SELECT hold_package('[{}]', '{}', on_short => 'answer')",
            lines.join(", "),
            days(on)
        );
        assert_eq!(desk.refusal(&sql), error);
    }
    assert_eq!(desk.everything(), before);
    // The token is free again; and a blackout of one is one of all.
    desk.run("SELECT release_resource_hold(id) FROM resource_hold");
    assert_eq!(
        answer(&mut desk, &call("2", ", idempotency_token => 'k'")).len(),
        2
    );
    desk.run("SELECT add_blackout('car', '2090-01-05', '2090-01-05')");
    assert_eq!(
        answer(&mut desk, &call("4 5", ", on_short => 'answer'")),
        ["car|blacked_out|{2090-01-05}|0|f|0"]
    );
    assert_eq!(desk.left("ann"), "1 0 1 1 1 1 1");
    desk.prove_bookings();
}

#[test]
fn a_package_is_replayed_as_it_is_now() {
    let mut desk = tour();
    let call = |lines: &str, on: &str, email: &str| {
        format!(
            "hold_package('{lines}', '{}', {email}, 'k', on_short => 'answer')",
            days(on)
        )
    };
    let lines = r#"[{"resource_id": "car", "quantity": 2}, {"resource_id": "ann", "dates": ["2090-01-03"]}]"#;
    let first = call(lines, "1 2", "'kim@example.org'");
    let keys = format!("SELECT package_id, hold_id, expires_at FROM {first}");
    let made = desk.texts(&keys);
    let before = desk.everything();
    assert_eq!(desk.texts(&keys), made);
    assert_eq!(
        answer(&mut desk, &first),
        [
            "car|ACTIVE|{2090-01-01,2090-01-02}|2|t|NULL",
            "ann|ACTIVE|{2090-01-03}|1|t|NULL"
        ]
    );
    // The same in other words: dates in another order, in the lines, or with what is given by default.
    let same = r#"[{"resource_id": "car", "quantity": 2, "dates": ["2090-01-02", "2090-01-01"]},
                   {"resource_id": "ann", "quantity": 1, "dates": ["2090-01-03"]}]"#;
    assert_eq!(
        desk.texts(&format!(
            "SELECT package_id, hold_id, expires_at FROM {}",
            call(same, "7", "'kim@example.org'")
        )),
        made
    );
    for (lines, on, email, field) in [
        (lines, "1", "'kim@example.org'", "lines"),
        (
            r#"[{"resource_id": "car", "quantity": 2}]"#,
            "1 2",
            "'kim@example.org'",
            "lines",
        ),
        (lines, "1 2", "NULL", "customer_email"),
    ] {
        let error = desk.error(&format!("SELECT {}", call(lines, on, email)), &[]);
        assert_eq!(
            error.detail_json,
            Some(
                json!({"error": "idempotency_mismatch", "function": "hold_package", "idempotency_key": "k",
                        "field": field})
            )
        );
    }
    assert_eq!(desk.everything(), before);
    // A single hold's tokens are others.
    let single = "SELECT replayed FROM hold_resource('car', '{2090-01-05}', 1, NULL, 'k')";
    assert_eq!(desk.text(single), "f");
    desk.run("SELECT release_resource_hold(id) FROM resource_hold WHERE resource_id = 'ann'");
    assert_eq!(
        answer(&mut desk, &first),
        [
            "car|ACTIVE|{2090-01-01,2090-01-02}|2|t|NULL",
            "ann|RELEASED|{2090-01-03}|1|t|NULL"
        ]
    );
    desk.prove_bookings();
}

#[test]
fn bad_lines_are_named() {
    let mut desk = tour();
    for (lines, problem) in [
        ("'[]'", "lines is empty"),
        ("'{}'", "lines must be a JSON array, not an object"),
        ("NULL", "must not be NULL"),
        ("'[5]'", "lines[0] must be an object, not 5"),
        ("'[{}]'", "lines[0].resource_id is missing"),
        (r#"'[{"resource_id": "car"}]'"#, "lines[0].dates is missing"),
        (
            r#"'[{"resource_id": "car", "dates": []}]'"#,
            "lines[0].dates must have a date",
        ),
        (
            r#"'[{"resource_id": "car", "day": 1}]'"#,
            "lines[0] has an unknown key \"day\"; known are resource_id, quantity, dates",
        ),
        (
            r#"'[{"resource_id": "car", "dates": ["2090-01-01"], "quantity": 0}]'"#,
            "lines[0].quantity must be between 1 and 2147483647, not 0",
        ),
        (
            r#"'[{"resource_id": "", "dates": ["2090-01-01"]}]'"#,
            "lines[0].resource_id must have 1 to 200 characters, not 0",
        ),
    ] {
        desk.assert_bad(&format!("hold_package({lines})"), "lines", problem);
    }
    for count in [10_001, 10_000] {
        let lines = format!(
            "(SELECT jsonb_agg(jsonb_build_object('resource_id', 'car')) FROM generate_series(1, {count}))"
        );
        let error = desk.error(
            &format!("SELECT hold_package({lines}, '{}')", days("1")),
            &[],
        );
        let told = match count {
            10_001 => error.field("problem") == "lines has 10001 elements, more than 10000",
            _ => error.field("requested") == 10_000,
        };
        assert!(told, "{error:?}");
    }
    assert_eq!(desk.text("SELECT count(*) FROM resource_hold"), "0");
}
