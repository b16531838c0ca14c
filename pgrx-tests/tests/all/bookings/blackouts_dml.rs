//! Blackouts that are written with plain SQL, and what they look like in the view.

use super::blackouts::{black, closed};
use super::shop::Desk;
use serde_json::json;
use uuid::Uuid;

#[test]
fn plain_sql_closes_and_opens_dates() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    for (sql, car, bus) in [
        (
            "INSERT INTO resource_blackout (resource_id, start_date, end_date, reason) VALUES
             ('car', '2090-01-02', '2090-01-03', 'a'), ('bus', '2090-01-06', '2090-01-09', 'b'),
             ('car', '2089-01-01', '2090-01-01', 'c')",
            "1 2 3",
            "6 7",
        ),
        (
            "UPDATE resource_blackout SET end_date = end_date + 1, start_date = start_date + 1 WHERE reason = 'a'",
            "1 3 4",
            "6 7",
        ),
        ("UPDATE resource_blackout SET reason = reason || '!'", "1 3 4", "6 7"),
        ("UPDATE resource_blackout SET start_date = '2090-01-07', end_date = '2090-01-07'", "7", "7"),
        (
            "MERGE INTO resource_blackout b USING (VALUES ('a!', '2090-01-05'), ('d', '2090-01-01')) n (reason, day)
                ON b.reason = n.reason
              WHEN MATCHED THEN UPDATE SET start_date = n.day::date
              WHEN NOT MATCHED THEN INSERT (resource_id, start_date, end_date) VALUES ('bus', n.day::date, n.day::date)",
            "5 6 7",
            "1 7",
        ),
        ("DELETE FROM resource_blackout WHERE start_date = end_date", "5 6 7", ""),
        (
            "WITH gone AS (DELETE FROM resource_blackout RETURNING *)
             INSERT INTO resource_blackout (resource_id, start_date, end_date)
             SELECT 'bus', start_date - 3, end_date - 3 FROM gone",
            "",
            "2 3 4",
        ),
        (
            "BEGIN; TRUNCATE resource_blackout; SAVEPOINT a;
             INSERT INTO resource_blackout (resource_id, start_date, end_date) VALUES ('car', '2090-01-01', '2090-01-07');
             ROLLBACK TO a; COMMIT",
            "",
            "",
        ),
    ] {
        desk.run(sql);
        assert_eq!((closed(&mut desk, "car").as_str(), closed(&mut desk, "bus").as_str()), (car, bus), "{sql}");
        desk.prove_bookings();
    }
}

#[test]
fn what_no_blackout_can_be_is_refused() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    let blackout = black(&mut desk, "car", 2, 3);
    for (set, column) in [
        ("resource_id = 'bus'", "resource_id"),
        ("id = gen_random_uuid()", "id"),
        ("tenant_id = gen_random_uuid()", "tenant_id"),
    ] {
        let error = desk.error(&format!("UPDATE resource_blackout SET {set}"), &[]);
        assert_eq!(
            error.detail_json,
            Some(json!({"error": "key_fixed", "table": "resource_blackout", "column": column}))
        );
    }
    for (values, sqlstate) in [
        ("'car', '2090-01-02', '2090-01-01', 'r'", "23514"),
        ("'car', '-infinity', '2090-01-01', 'r'", "23514"),
        ("'car', '2090-01-02', 'infinity', 'r'", "23514"),
        (
            "'car', '2090-01-01', '2090-01-01', repeat('r', 1001)",
            "23514",
        ),
        ("'car', NULL, '2090-01-01', 'r'", "23502"),
        ("'nobody', '2090-01-01', '2090-01-01', 'r'", "P0002"),
    ] {
        let sql = format!(
            "INSERT INTO resource_blackout (resource_id, start_date, end_date, reason) VALUES ({values})"
        );
        assert_eq!(desk.error(&sql, &[]).sqlstate, sqlstate, "{values}");
    }
    desk.run(&format!(
        "UPDATE resource_blackout SET reason = repeat('r', 1000) WHERE id = '{blackout}'"
    ));
    assert_eq!(
        desk.text("SELECT updated_at > created_at, length(reason) FROM resource_blackout"),
        "t|1000"
    );
    assert_eq!(closed(&mut desk, "car"), "2 3");
    desk.prove_bookings();
}

#[test]
fn conflicts_are_whom_to_call() {
    let mut desk = Desk::with("car", 9);
    let asked: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-01,2090-01-02,2090-01-04}', 2, 'ann@example.org')",
        &[],
    );
    let hold: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-05}', 1, 'bert@example.org')",
        &[],
    );
    let booking = desk.key(&format!("confirm_resource_hold('{hold}', 'order', 'line')"));
    desk.expired_days("car", "2", 1);
    desk.book_days("car", "7", 1, "1");
    let first = black(&mut desk, "car", 2, 4);
    let second = black(&mut desk, "car", 4, 6);
    let conflicts = "SELECT name, blackout_id, start_date, end_date, reason, kind, claim_id, dates, quantity, order_id,
                            line_item_id, customer_email FROM blackout_conflicts ORDER BY start_date, kind";
    assert_eq!(
        desk.texts(conflicts),
        [
            format!("A vehicle|{first}|2090-01-02|2090-01-04|NULL|hold|{asked}|{{2090-01-02,2090-01-04}}|2|NULL|NULL|ann@example.org"),
            format!("A vehicle|{second}|2090-01-04|2090-01-06|NULL|allocation|{booking}|{{2090-01-05}}|1|order|line|bert@example.org"),
            format!("A vehicle|{second}|2090-01-04|2090-01-06|NULL|hold|{asked}|{{2090-01-04}}|2|NULL|NULL|ann@example.org"),
        ]
    );
    desk.rows(
        "SELECT move_resource_allocation($1, '{2090-01-07}')",
        &[&booking],
    );
    desk.rows("SELECT release_resource_hold($1)", &[&asked]);
    assert_eq!(desk.texts(conflicts), [""; 0]);
}
