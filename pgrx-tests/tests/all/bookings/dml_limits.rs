//! The second door: at commit no date is booked twice over, and what cannot be is refused at once.

use super::dml_dates::book;
use super::shop::{days, Desk};
use serde_json::json;
use uuid::Uuid;

#[test]
fn overbooking_is_refused_at_commit() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "2", 2, "1");
    let hold = desk.hold_days("car", "2 3", 1);
    let before = desk.everything();
    desk.run("BEGIN");
    let sql = format!("{} RETURNING id", book("2", "1 2", 2));
    let over: Uuid = desk.value(&sql, &[]);
    assert_eq!(desk.left("car"), "1 -2 2 3 3 3 3");
    // To functions nothing is free now.
    assert_eq!(desk.free("car"), "1 0 2 3 3 3 3");
    let short = format!(
        "SELECT state, available FROM hold_resource('car', '{}', 1, on_short => 'answer')",
        days("2")
    );
    assert_eq!(desk.text(&short), "insufficient|0");
    let error = desk.error("COMMIT", &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23514",
            Some(
                json!({"error": "insufficient_capacity", "resource_id": "car", "dates": ["2090-01-02"], "over_by": 2,
                        "holds": [hold], "allocations": [over, booking]})
            )
        )
    );
    assert_eq!(desk.everything(), before);
    for sql in [
        book("2", "2", 1),
        format!("UPDATE resource_allocation SET quantity = 3 WHERE id = '{booking}'"),
        "UPDATE resource_capacity SET max_capacity = 2 WHERE date = '2090-01-02'".to_owned(),
        "UPDATE resource_hold SET quantity = 2 WHERE status = 'ACTIVE'".to_owned(),
        "UPDATE resource_hold SET status = 'ACTIVE'".to_owned(),
    ] {
        let error = desk.error(&sql, &[]);
        assert_eq!(error.name(), "insufficient_capacity", "{sql}");
        assert!(error.field("over_by").is_u64(), "{sql}: {error:?}");
    }
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

#[test]
fn a_transaction_may_pass_through_overbooking() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "2", 3, "1");
    // The new one before the old one goes.
    desk.run(&format!(
        "BEGIN; {}; {}; DELETE FROM resource_allocation WHERE id = '{booking}'; COMMIT",
        book("2", "2", 1),
        book("3", "1 2", 2)
    ));
    assert_eq!(desk.left("car"), "1 0 3 3 3 3 3");
    // Capacity that comes afterwards, and a savepoint that takes it back.
    desk.run(&format!(
        "BEGIN; {}; UPDATE resource_capacity SET max_capacity = 5 WHERE date = '2090-01-02';
         SAVEPOINT a; {}; ROLLBACK TO a; COMMIT",
        book("4", "2", 2),
        book("5", "2", 9)
    ));
    assert_eq!(desk.left("car"), "1 0 3 3 3 3 3");
    // Judged earlier, where the client wants it.
    desk.run("BEGIN; SET CONSTRAINTS ALL IMMEDIATE");
    assert_eq!(desk.refusal(&book("6", "2", 1)), "insufficient_capacity");
    desk.run("ROLLBACK");
    desk.prove_bookings();
}

#[test]
fn expired_holds_make_room_for_plain_sql() {
    let mut desk = Desk::with("car", 3);
    let dead = desk.expired_days("car", "2 5", 2);
    let elsewhere = desk.expired_days("car", "5", 1);
    desk.run(&book("1", "1 2", 3));
    assert_eq!(desk.row_status(dead), "EXPIRED");
    assert_eq!(desk.row_status(elsewhere), "ACTIVE");
    assert_eq!(desk.left("car"), "0 0 3 3 2 3 3");
    desk.prove_bookings();
    // Also for fewer units of the date.
    desk.run("UPDATE resource_capacity SET max_capacity = 0 WHERE date = '2090-01-05'");
    assert_eq!(desk.row_status(elsewhere), "EXPIRED");
    assert_eq!(desk.left("car"), "0 0 3 3 0 3 3");
    desk.prove_bookings();
    // Where that is not enough, all of it is refused.
    let dead = desk.expired_days("car", "3", 1);
    let error = desk.error(&book("2", "3", 4), &[]);
    assert_eq!(
        (error.field("over_by"), error.field("holds")),
        (json!(1), json!([]))
    );
    assert_eq!(desk.row_status(dead), "ACTIVE");
    desk.prove_bookings();
}

#[test]
fn claims_must_have_a_resource_and_dates() {
    let mut desk = Desk::with("car", 3);
    let before = desk.everything();
    for (values, sqlstate) in [
        ("'bus', '{2090-01-01}', 1", "P0002"),
        ("'car', '{2090-01-09}', 1", "22023"),
        ("'car', '{}', 1", "22023"),
        ("'car', '{2090-01-01,2090-01-01}', 1", "22023"),
        ("'car', '{2090-01-01,NULL}', 1", "22023"),
        ("'car', '{infinity}', 1", "22023"),
        (
            "'car', '{{2090-01-01,2090-01-02},{2090-01-02,2090-01-03}}', 1",
            "22023",
        ),
        (
            "'car', ARRAY(SELECT date '2090-01-01' + n FROM generate_series(0, 366) n), 1",
            "22023",
        ),
        ("'car', NULL, 1", "23502"),
        ("NULL, '{2090-01-01}', 1", "23502"),
        ("'car', '{2090-01-01}', 0", "23514"),
        ("'car', '{2090-01-01}', -1", "23514"),
        ("'car', '{2090-01-01}', NULL", "23502"),
    ] {
        let hold =
            format!("INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ({values})");
        let booking = format!(
            "INSERT INTO resource_allocation (order_id, line_item_id, resource_id, dates, quantity) VALUES ('o', '1', {values})"
        );
        for sql in [hold, booking] {
            let error = desk.error(&sql, &[]);
            assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
        }
    }
    for (column, value) in [
        ("status", "'active'"),
        ("status", "'HELD'"),
        ("customer_email", "'ab'"),
        ("customer_email", "'no-at'"),
        ("customer_email", "'@b.c'"),
        ("customer_email", "'a.b@'"),
        ("customer_email", "repeat('a', 320) || '@'"),
        ("idempotency_token", "''"),
        ("idempotency_token", "repeat('k', 201)"),
    ] {
        let sql = format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity, {column}) VALUES ('car', '{{2090-01-01}}', 1, {value})"
        );
        assert_eq!(desk.error(&sql, &[]).sqlstate, "23514", "{column} {value}");
    }
    for (order, item) in [
        ("''", "'1'"),
        ("repeat('o', 201)", "'1'"),
        ("'o'", "''"),
        ("'o'", "repeat('i', 201)"),
    ] {
        let sql = format!(
            "INSERT INTO resource_allocation (resource_id, dates, quantity, order_id, line_item_id)
             VALUES ('car', '{{2090-01-01}}', 1, {order}, {item})"
        );
        assert_eq!(desk.error(&sql, &[]).sqlstate, "23514", "{order} {item}");
    }
    desk.run(&book("1", "1", 1));
    assert_eq!(desk.error(&book("1", "2", 1), &[]).sqlstate, "23505");
    desk.run("DELETE FROM resource_allocation");
    assert_eq!(before.len(), desk.everything().len());
    desk.prove_bookings();
}
