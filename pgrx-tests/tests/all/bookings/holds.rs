//! hold_resource: all dates or nothing, and what it answers.

use super::shop::{days, Desk, ANSWER};
use serde_json::{json, Value};
use uuid::Uuid;

/// The answer of a call but for key and time.
fn answer(desk: &mut Desk, call: &str) -> String {
    desk.text(&format!("SELECT {ANSWER} FROM {call}"))
}

#[test]
fn a_hold_is_answered_and_kept() {
    let mut desk = Desk::with("car", 3);
    let sql =
        "SELECT hold_id FROM hold_resource('car', '{2090-01-03,2090-01-01}', 2, 'ann@example.org',
                                                 'cart', metadata => '{\"n\": 1e400}')";
    let hold: Uuid = desk.value(sql, &[]);
    let kept: Value = desk.value(
        "SELECT to_jsonb(h) - '{expires_at, created_at, updated_at, metadata}'::text[] FROM resource_hold h",
        &[],
    );
    assert_eq!(
        kept,
        json!({"id": hold, "tenant_id": Uuid::nil(), "resource_id": "car", "dates": ["2090-01-01", "2090-01-03"],
               "quantity": 2, "customer_email": "ann@example.org", "idempotency_token": "cart", "status": "ACTIVE",
               "confirmed_at": null, "package_id": null})
    );
    let times =
        "SELECT expires_at - created_at BETWEEN '29 min' AND '31 min', created_at = updated_at,
                        metadata = '{\"n\": 1e400}' FROM resource_hold";
    assert_eq!(desk.text(times), "t|t|t");
    let told = format!(
        "SELECT state, dates, quantity, h.expires_at = r.expires_at, r.resource_id, r.customer_email, r.package_id,
                r.metadata = h.metadata, r.created_at = h.created_at, r.confirmed_at
           FROM resource_hold h, get_resource_hold('{hold}') r"
    )
    .replace("state, dates, quantity", "r.state, r.dates, r.quantity");
    assert_eq!(
        desk.text(&told),
        "ACTIVE|{2090-01-01,2090-01-03}|2|t|car|ann@example.org|NULL|t|t|NULL"
    );
    assert_eq!(desk.left("car"), "1 3 1 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn what_is_left_on_all_of_the_dates_is_answered() {
    let mut desk = Desk::with("car", 5);
    desk.hold_days("car", "2", 3);
    assert_eq!(
        answer(
            &mut desk,
            "hold_resource('car', '{2090-01-03,2090-01-02}', 1)"
        ),
        "ACTIVE|{2090-01-02,2090-01-03}|1|f|1"
    );
    assert_eq!(
        answer(&mut desk, "hold_resource('car', '{2090-01-07}', 5)"),
        "ACTIVE|{2090-01-07}|5|f|0"
    );
    desk.prove_bookings();
}

#[test]
fn a_hold_lives_as_long_as_it_is_told() {
    let mut desk = Desk::with("car", 9);
    for (ttl, lives) in [
        ("'1 month'", "interval '1 month'"),
        ("'2 days -1 hour'", "interval '47 hours'"),
        ("'1 microsecond'", "interval '1 microsecond'"),
    ] {
        let sql = format!(
            "SELECT abs(extract(epoch FROM expires_at - (now() + {lives}))) < 60
               FROM hold_resource('car', '{{2090-01-01}}', 1, ttl => {ttl})"
        );
        assert_eq!(desk.text(&sql), "t", "{ttl}");
    }
    let never = "SELECT expires_at FROM hold_resource('car', '{2090-01-01}', 1, ttl => NULL)";
    assert_eq!(desk.text(never), "NULL");
    desk.prove_bookings();
}

#[test]
fn all_dates_are_held_or_none() {
    let mut desk = Desk::with("car", 3);
    desk.hold_days("car", "3", 2);
    desk.hold_days("car", "5", 3);
    let before = desk.everything();
    let error = desk.error(
        &format!("SELECT hold_resource('car', '{}', 2)", days("2 3 4 5")),
        &[],
    );
    assert_eq!(error.sqlstate, "23514");
    assert_eq!(
        error.detail_json,
        Some(
            json!({"error": "insufficient_capacity", "resource_id": "car", "requested": 2, "available": 0,
                    "dates": ["2090-01-03", "2090-01-05"], "listing_id": null})
        )
    );
    assert_eq!(desk.everything(), before);
}

#[test]
fn on_short_answers_what_stands_in_the_way() {
    let mut desk = Desk::with("car", 3);
    desk.hold_days("car", "3", 2);
    desk.hold_days("car", "5", 1);
    desk.run("SELECT add_blackout('car', '2090-01-06', '2090-01-06')");
    let before = desk.everything();
    for (on, quantity, told) in [
        ("2 3 4", 2, "insufficient|{2090-01-03}|0|f|1"),
        ("2 3 5", 3, "insufficient|{2090-01-03,2090-01-05}|0|f|1"),
        ("1", 4, "insufficient|{2090-01-01}|0|f|3"),
        ("1 6 7", 1, "blacked_out|{2090-01-06}|0|f|0"),
        // What is closed is closed, however few are free elsewhere.
        ("3 6", 2, "blacked_out|{2090-01-06}|0|f|0"),
    ] {
        let call = format!(
            "hold_resource('car', '{}', {quantity}, idempotency_token => 'k', on_short => 'answer')",
            days(on)
        );
        assert_eq!(answer(&mut desk, &call), told, "{quantity} on {on}");
        let empty = format!("SELECT hold_id, expires_at FROM {call}");
        assert_eq!(desk.text(&empty), "NULL|NULL");
    }
    // Who wants what cannot be is told by an error all the same.
    for (call, error) in [
        (
            "hold_resource('bus', '{2090-01-01}', 1, on_short => 'answer')",
            "resource_not_found",
        ),
        (
            "hold_resource('car', '{2090-01-08}', 1, on_short => 'answer')",
            "date_not_open",
        ),
        (
            "hold_resource('car', '{2001-01-01}', 1, on_short => 'answer')",
            "date_in_past",
        ),
    ] {
        assert_eq!(desk.refusal(&format!("SELECT {call}")), error);
    }
    assert_eq!(desk.everything(), before);
    // The token of a refusal is free.
    let call = format!(
        "hold_resource('car', '{}', 1, idempotency_token => 'k')",
        days("1")
    );
    assert_eq!(answer(&mut desk, &call), "ACTIVE|{2090-01-01}|1|f|2");
}

#[test]
fn dates_that_are_not_open_are_all_named() {
    let mut desk = Desk::with("car", 3);
    desk.run("DELETE FROM resource_capacity WHERE date = '2090-01-04'");
    let error = desk.error(
        &format!("SELECT hold_resource('car', '{}', 1)", days("9 4 1 8")),
        &[],
    );
    assert_eq!(
        error.detail_json,
        Some(json!({"error": "date_not_open", "resource_id": "car",
                    "dates": ["2090-01-04", "2090-01-08", "2090-01-09"]}))
    );
}

/// A claim that is short of what dead holds have ends as many as it needs, the oldest first.
#[test]
fn a_claim_that_is_short_ends_dead_holds() {
    let mut desk = Desk::with("car", 3);
    let old = desk.expired_days("car", "1 2", 1);
    let next = desk.expired_days("car", "2 3", 1);
    let last = desk.expired_days("car", "2", 1);
    let elsewhere = desk.expired_days("car", "5", 1);
    assert_eq!(desk.left("car"), "2 0 2 3 2 3 3");
    let statuses = |desk: &mut Desk| [old, next, last, elsewhere].map(|hold| desk.row_status(hold));
    // One that finds room ends none.
    desk.hold_days("car", "1 3", 1);
    assert_eq!(statuses(&mut desk), ["ACTIVE"; 4]);
    assert_eq!(
        answer(
            &mut desk,
            "hold_resource('car', '{2090-01-02,2090-01-04}', 2)"
        ),
        "ACTIVE|{2090-01-02,2090-01-04}|2|f|1"
    );
    assert_eq!(desk.free("car"), "2 1 2 1 3 3 3");
    assert_eq!(statuses(&mut desk)[3], "ACTIVE");
    desk.prove_bookings();
    // All of it, over several dates.
    desk.expired_days("car", "4 6", 1);
    desk.hold_days("car", "4 5 6", 1);
    assert_eq!(statuses(&mut desk)[3], "ACTIVE");
    desk.hold_days("car", "5 6", 2);
    assert_eq!(statuses(&mut desk)[3], "EXPIRED");
    assert_eq!(desk.free("car"), "2 1 2 0 0 0 3");
    desk.prove_bookings();
}

#[test]
fn a_refused_claim_ends_no_dead_holds() {
    let mut desk = Desk::with("car", 3);
    desk.hold_days("car", "2", 1);
    let dead = desk.expired_days("car", "1 2", 1);
    let before = desk.everything();
    let error = desk.error("SELECT hold_resource('car', '{2090-01-02}', 3)", &[]);
    assert_eq!(
        (error.name().as_str(), error.field("available")),
        ("insufficient_capacity", json!(2))
    );
    assert_eq!(desk.everything(), before);
    assert_eq!(desk.true_state(dead), "EXPIRED");
}
