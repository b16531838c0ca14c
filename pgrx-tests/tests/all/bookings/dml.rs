//! The second door: whatever a client writes into the tables of claims is counted.

use super::shop::{days, Desk};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn resource_dates_and_quantity_are_all_that_a_hold_needs() {
    let mut desk = Desk::with("car", 3);
    let sql = format!(
        "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{}', 2) RETURNING id",
        days("3 1")
    );
    let hold: Uuid = desk.value(&sql, &[]);
    let kept: Value = desk.value(
        "SELECT to_jsonb(h) - '{expires_at, created_at, updated_at}'::text[] FROM resource_hold h",
        &[],
    );
    assert_eq!(
        kept,
        json!({"id": hold, "tenant_id": Uuid::nil(), "resource_id": "car", "dates": ["2090-01-01", "2090-01-03"],
               "quantity": 2, "customer_email": null, "idempotency_token": null, "status": "ACTIVE",
               "confirmed_at": null, "package_id": null, "metadata": null})
    );
    let half_an_hour =
        "SELECT expires_at - created_at BETWEEN '29 min' AND '31 min' FROM resource_hold";
    assert_eq!(desk.text(half_an_hour), "t");
    assert_eq!(desk.left("car"), "1 3 1 3 3 3 3");
    desk.prove_bookings();
    // It is a hold like any other.
    desk.rows("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
    assert_eq!(desk.left("car"), "1 3 1 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_hold_is_counted_while_it_is_active() {
    let mut desk = Desk::with("car", 3);
    for status in ["ACTIVE", "CONFIRMED", "RELEASED", "EXPIRED"] {
        desk.run(&format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity, status) VALUES ('car', '{}', 2, '{status}')",
            days("2")
        ));
        let held = if status == "ACTIVE" { "1" } else { "3" };
        assert_eq!(desk.left("car"), format!("3 {held} 3 3 3 3 3"), "{status}");
        let confirmed = "SELECT confirmed_at IS NOT NULL FROM resource_hold";
        assert_eq!(desk.text(confirmed) == "t", status == "CONFIRMED");
        desk.run("DELETE FROM resource_hold");
        assert_eq!(desk.left("car"), "3 3 3 3 3 3 3", "{status}");
    }
    // From each status to each other.
    desk.hold_days("car", "2", 2);
    for status in [
        "RELEASED",
        "ACTIVE",
        "CONFIRMED",
        "EXPIRED",
        "ACTIVE",
        "EXPIRED",
        "RELEASED",
        "CONFIRMED",
        "ACTIVE",
    ] {
        desk.run(&format!("UPDATE resource_hold SET status = '{status}'"));
        let held = if status == "ACTIVE" { "1" } else { "3" };
        assert_eq!(desk.left("car"), format!("3 {held} 3 3 3 3 3"), "{status}");
        desk.prove_bookings();
    }
}

#[test]
fn changed_dates_and_quantities_are_counted() {
    let mut desk = Desk::with("car", 5);
    desk.hold_days("car", "2 3", 2);
    desk.book_days("car", "3 4", 1, "1");
    for (table, set, left) in [
        (
            "resource_hold",
            "quantity = 4 WHERE status = 'ACTIVE'",
            "5 1 0 4 5 5 5",
        ),
        (
            "resource_hold",
            "dates = '{2090-01-06,2090-01-05}' WHERE status = 'ACTIVE'",
            "5 5 4 4 1 1 5",
        ),
        (
            "resource_hold",
            "dates = '{2090-01-05}', quantity = 1 WHERE status = 'ACTIVE'",
            "5 5 4 4 4 5 5",
        ),
        (
            "resource_hold",
            "status = 'RELEASED', quantity = 3 WHERE status = 'ACTIVE'",
            "5 5 4 4 5 5 5",
        ),
        (
            "resource_hold",
            "dates = '{2090-01-01}' WHERE status = 'RELEASED'",
            "5 5 4 4 5 5 5",
        ),
        (
            "resource_hold",
            "status = 'ACTIVE' WHERE status = 'RELEASED'",
            "2 5 4 4 5 5 5",
        ),
        ("resource_allocation", "quantity = 5", "2 5 0 0 5 5 5"),
        (
            "resource_allocation",
            "dates = dates || '{2090-01-02}', quantity = 2",
            "2 3 3 3 5 5 5",
        ),
        ("resource_allocation", "dates = dates[2:2]", "2 5 3 5 5 5 5"),
        (
            "resource_allocation",
            "order_id = 'p', line_item_id = '2', metadata = '{}', hold_id = NULL",
            "2 5 3 5 5 5 5",
        ),
        (
            "resource_hold",
            "expires_at = '2001-01-01', customer_email = 'a@b'",
            "2 5 3 5 5 5 5",
        ),
    ] {
        desk.run(&format!("UPDATE {table} SET {set}"));
        assert_eq!(desk.left("car"), left, "{set}");
        desk.prove_bookings();
    }
    let sorted = "SELECT dates FROM resource_hold WHERE status = 'ACTIVE'";
    desk.run("UPDATE resource_hold SET dates = '{2090-01-07,2090-01-02,2090-01-05}'");
    assert_eq!(desk.text(sorted), "{2090-01-02,2090-01-05,2090-01-07}");
}

#[test]
fn what_is_rolled_back_is_not_counted() {
    let mut desk = Desk::with("car", 9);
    let book = |item: &str| {
        format!(
            "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
             VALUES ('car', 'o', '{item}', '{{2090-01-01}}', 1)"
        )
    };
    desk.run(&format!(
        "BEGIN; {}; SAVEPOINT a; {}; {}; ROLLBACK TO a; {}; SAVEPOINT b;
         SELECT hold_resource('car', '{{2090-01-01}}', 2); ROLLBACK TO b; COMMIT",
        book("1"),
        book("2"),
        book("3"),
        book("4")
    ));
    assert_eq!(desk.left("car"), "7 9 9 9 9 9 9");
    desk.run(&format!(
        "BEGIN; {}; DELETE FROM resource_allocation; UPDATE resource_capacity SET max_capacity = 1; ROLLBACK",
        book("5")
    ));
    // An app's block that catches its error.
    desk.run(&format!(
        "DO $$ BEGIN {}; BEGIN {}; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; END $$",
        book("6"),
        book("7")
    ));
    assert_eq!(desk.left("car"), "6 9 9 9 9 9 9");
    desk.prove_bookings();
}

#[test]
fn keys_tenants_and_resources_of_claims_are_fixed() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    desk.book_days("car", "1", 1, "1");
    for table in ["resource_hold", "resource_allocation", "resource_capacity"] {
        let mut columns = vec![
            ("id", "gen_random_uuid()"),
            ("tenant_id", "gen_random_uuid()"),
            ("resource_id", "'bus'"),
        ];
        if table == "resource_capacity" {
            columns.push(("date", "date + 100"));
        }
        for (column, value) in columns {
            let error = desk.error(&format!("UPDATE {table} SET {column} = {value}"), &[]);
            assert_eq!(
                (error.sqlstate.as_str(), error.detail_json),
                (
                    "55000",
                    Some(json!({"error": "key_fixed", "table": table, "column": column}))
                )
            );
        }
    }
    assert_eq!(desk.left("bus"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_change_is_dated() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "1", 1, "1");
    for (table, set) in [
        ("resource_hold", "metadata = '{}'"),
        ("resource_allocation", "quantity = 2"),
        ("resource_capacity", "max_capacity = 4"),
        ("resource", "name = 'x'"),
    ] {
        let touched = format!(
            "WITH before AS (SELECT max(updated_at) AS at FROM {table})
             UPDATE {table} SET {set} RETURNING updated_at > (SELECT at FROM before)"
        );
        assert_eq!(
            desk.texts(&touched).first().map(String::as_str),
            Some("t"),
            "{table}"
        );
        // Unless the client says when.
        let said =
            format!("UPDATE {table} SET updated_at = '2001-01-01 00:00+00' RETURNING updated_at");
        assert_eq!(
            desk.texts(&said).first().map(String::as_str),
            Some("2001-01-01 00:00:00+00"),
            "{table}"
        );
    }
}
