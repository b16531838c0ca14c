//! How packages end: confirmed, released or expired, all of one or none.

use super::packages::{answer, tour};
use super::shop::{days, Desk};
use serde_json::json;
use uuid::Uuid;

/// A package of a car and Ann on these days; answers its key.
fn package(desk: &mut Desk, on: &str) -> Uuid {
    let call = format!(
        r#"hold_package('[{{"resource_id": "car"}}, {{"resource_id": "ann"}}]', '{}', 'ann@example.org')"#,
        days(on)
    );
    desk.value(&format!("SELECT package_id FROM {call} LIMIT 1"), &[])
}

#[test]
fn a_confirmed_package_is_a_booking_of_each_resource() {
    let mut desk = tour();
    let lines = r#"[{"resource_id": "car"}, {"resource_id": "ann"}, {"resource_id": "car", "dates": ["2090-01-05"]}]"#;
    let package: Uuid = desk.value(
        &format!(
            "SELECT package_id FROM hold_package('{lines}', '{}') LIMIT 1",
            days("1 2")
        ),
        &[],
    );
    let columns = "resource_id, line_item_id, dates, quantity, replayed";
    let call = format!("confirm_package('{package}', 'order', '7', 'k')");
    let confirm = format!("SELECT {columns} FROM {call}");
    let rows = |replayed: &str| {
        [
            format!("car|7/car|{{2090-01-01,2090-01-02}}|1|{replayed}"),
            format!("ann|7/ann|{{2090-01-01,2090-01-02}}|1|{replayed}"),
            format!("car|7/car/2|{{2090-01-05}}|1|{replayed}"),
        ]
    };
    assert_eq!(desk.texts(&confirm), rows("f"));
    let booked = "SELECT line_item_id, resource_id, dates FROM order_bookings WHERE order_id = 'order' ORDER BY 1";
    assert_eq!(
        desk.texts(booked),
        [
            "7/ann|ann|{2090-01-01,2090-01-02}",
            "7/car|car|{2090-01-01,2090-01-02}",
            "7/car/2|car|{2090-01-05}"
        ]
    );
    let before = desk.everything();
    assert_eq!(desk.texts(&confirm), rows("t"));
    let keys = format!(
        "SELECT count(*) FROM {call} c JOIN resource_allocation a ON a.id = c.allocation_id"
    );
    assert_eq!(desk.text(&keys), "3");
    for (arguments, field) in [
        (
            format!("'{}', 'order', '7'", Uuid::new_v4()),
            "\"package_id\"",
        ),
        (format!("'{package}', 'other', '7'"), "\"order_id\""),
        (format!("'{package}', 'order', '8'"), "\"line_item_id\""),
    ] {
        let call = format!("confirm_package({arguments}, 'k')");
        assert_eq!(
            desk.refused(&call, "field"),
            ("idempotency_mismatch".into(), field.into())
        );
    }
    // Without the key it is another call.
    let again = format!("SELECT confirm_package('{package}', 'order', '9')");
    let error = desk.error(&again, &[]);
    assert_eq!(
        (error.name().as_str(), error.field("state")),
        ("hold_not_active", json!("CONFIRMED"))
    );
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

/// A replay is answered as the first call was, whatever has gone since.
#[test]
fn a_confirmed_package_is_replayed_after_its_holds_were_purged() {
    let mut desk = tour();
    let package = package(&mut desk, "1 2");
    let confirm = format!("SELECT allocation_id, line_item_id, dates, quantity FROM confirm_package('{package}', 'o', '7', 'k')");
    let first = desk.texts(&confirm);
    desk.run("SELECT pg_sleep(0.002); SELECT purge_resource_holds('0')");
    assert_eq!(desk.texts(&confirm), first);
}

#[test]
fn all_of_a_package_is_confirmed_or_none() {
    let mut desk = tour();
    let package = package(&mut desk, "1 2");
    desk.book_days("car", "5", 1, "taken");
    desk.run("UPDATE resource_allocation SET line_item_id = '7/ann'");
    let before = desk.everything();
    let confirm = |item: &str| format!("SELECT confirm_package('{package}', 'o', '{item}')");
    let error = desk.error(&confirm("7"), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("line_item_id")),
        ("line_item_booked", json!("7/ann"))
    );
    // Together with the resource's key it would be too long.
    let error = desk.error(&confirm(&"i".repeat(197)), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("argument")),
        ("bad_argument", json!("line_item_id"))
    );
    assert_eq!(desk.everything(), before);
    // One of it was given up alone.
    desk.run("SELECT release_resource_hold(id) FROM resource_hold WHERE resource_id = 'ann'");
    let before = desk.everything();
    for call in [confirm("8"), format!("SELECT release_package('{package}')")] {
        let error = desk.error(&call, &[]);
        assert_eq!(
            (error.name().as_str(), error.field("state")),
            ("hold_not_active", json!("RELEASED")),
            "{call}"
        );
    }
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

#[test]
fn a_package_is_released_once() {
    let mut desk = tour();
    let package = package(&mut desk, "1 2 6");
    assert_eq!(desk.units(&format!("release_package('{package}')")), 6);
    assert_eq!(
        (desk.left("car"), desk.left("ann")),
        ("2 2 2 2 2 2 2".into(), "1 1 1 1 1 1 1".into())
    );
    assert_eq!(
        desk.texts("SELECT status FROM resource_hold"),
        ["RELEASED"; 2]
    );
    let sql = format!("SELECT release_package('{package}')");
    assert_eq!(desk.refusal(&sql), "hold_not_active");
    let nobody = Uuid::new_v4();
    for call in ["release_package($1)", "confirm_package($1, 'o', '1')"] {
        let error = desk.error(&format!("SELECT {call}"), &[&nobody]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "P0002",
                Some(json!({"error": "package_not_found", "package_id": nobody}))
            )
        );
    }
    desk.prove_bookings();
}

#[test]
fn an_expired_package_is_over() {
    let mut desk = tour();
    let lines = r#"'[{"resource_id": "car"}, {"resource_id": "ann"}]', '{2090-01-01}', ttl => '1 ms', idempotency_token => 'k'"#;
    let call = format!("hold_package({lines})");
    let package: Uuid = desk.value(&format!("SELECT package_id FROM {call} LIMIT 1"), &[]);
    let hold: Uuid = desk.value("SELECT id FROM resource_hold LIMIT 1", &[]);
    desk.let_hold_expire(hold);
    for call in [
        format!("confirm_package('{package}', 'o', '1')"),
        format!("release_package('{package}')"),
    ] {
        assert_eq!(desk.refusal(&format!("SELECT {call}")), "hold_expired");
    }
    let states = answer(&mut desk, &call);
    assert_eq!(
        states,
        [
            "car|EXPIRED|{2090-01-01}|1|t|NULL",
            "ann|EXPIRED|{2090-01-01}|1|t|NULL"
        ]
    );
    desk.hold_days("ann", "1", 1);
    assert_eq!(desk.units("expire_holds()"), 1);
    desk.prove_bookings();
}
