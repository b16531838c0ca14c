//! Tokens and keys: a call that is made again is answered as the first, and claims nothing more.

use super::shop::{days, Desk};
use serde_json::json;
use stockroom_tests::{Progress, Session};
use uuid::Uuid;

#[test]
fn a_replay_answers_the_same_hold_and_changes_nothing() {
    let mut desk = Desk::with("car", 3);
    let call = "hold_resource('car', '{2090-01-02,2090-01-01}', 2, 'ann@example.org', 'k')";
    let columns = "hold_id, state, dates, quantity, expires_at";
    let first = desk.text(&format!("SELECT {columns} FROM {call}"));
    let before = desk.everything();
    // In any order of the dates, and with any time to live and metadata.
    for again in [
        call,
        "hold_resource('car', '{2090-01-01,2090-01-02}', 2, 'ann@example.org', 'k', '1 day', 'answer', '{}')",
        "hold_resource_range('car', '[2090-01-01,2090-01-02]', 2, 'ann@example.org', 'k')",
    ] {
        assert_eq!(desk.text(&format!("SELECT {columns} FROM {again}")), first);
        let told = format!("SELECT replayed, available FROM {again}");
        assert_eq!(desk.text(&told), "t|NULL");
    }
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

/// Nothing that has happened since changes whose hold it is.
#[test]
fn a_replay_tells_the_hold_as_it_is_now() {
    let mut desk = Desk::with("car", 3);
    let call = |token: &str, ttl: &str| {
        format!(
            "hold_resource('car', '{{2090-01-01}}', 3, idempotency_token => '{token}', ttl => '{ttl}')"
        )
    };
    let state = |desk: &mut Desk, token: &str| {
        let call = call(token, "1 h");
        desk.text(&format!("SELECT state, replayed FROM {call}"))
    };
    let hold: Uuid = desk.value(
        &format!("SELECT hold_id FROM {}", call("dead", "1 ms")),
        &[],
    );
    desk.let_hold_expire(hold);
    assert_eq!(state(&mut desk, "dead"), "EXPIRED|t");
    assert_eq!(desk.row_status(hold), "ACTIVE");
    assert_eq!(desk.units("expire_holds()"), 1);
    assert_eq!(state(&mut desk, "dead"), "EXPIRED|t");

    assert_eq!(state(&mut desk, "released"), "ACTIVE|f");
    desk.run(
        "SELECT release_resource_hold(id) FROM resource_hold WHERE idempotency_token = 'released'",
    );
    assert_eq!(state(&mut desk, "released"), "RELEASED|t");

    assert_eq!(state(&mut desk, "booked"), "ACTIVE|f");
    desk.run("SELECT confirm_resource_hold(id, 'o', '1') FROM resource_hold WHERE idempotency_token = 'booked'");
    assert_eq!(state(&mut desk, "booked"), "CONFIRMED|t");
    // Closed, retired for new claims, gone: a replay claims nothing.
    desk.run(
        "SELECT add_blackout('car', '2090-01-01', '2090-01-01');
         SELECT change_resource('car', is_active => false)",
    );
    assert_eq!(state(&mut desk, "booked"), "CONFIRMED|t");
    desk.prove_bookings();
}

#[test]
fn another_call_with_the_same_token_is_a_mismatch() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    desk.run("SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 2, 'ann@example.org', 'k')");
    let before = desk.everything();
    for (call, field) in [
        (
            "'bus', '{2090-01-01,2090-01-02}', 2, 'ann@example.org'",
            "resource_id",
        ),
        (
            "'nobody', '{2090-01-01,2090-01-02}', 2, 'ann@example.org'",
            "resource_id",
        ),
        ("'car', '{2090-01-01}', 2, 'ann@example.org'", "dates"),
        (
            "'car', '{2090-01-01,2090-01-03}', 2, 'ann@example.org'",
            "dates",
        ),
        (
            "'car', '{2090-01-01,2090-01-02}', 1, 'ann@example.org'",
            "quantity",
        ),
        (
            "'car', '{2090-01-01,2090-01-02}', 2, 'bert@example.org'",
            "customer_email",
        ),
        (
            "'car', '{2090-01-01,2090-01-02}', 2, NULL",
            "customer_email",
        ),
        // The first of several.
        ("'car', '{2090-01-01}', 1, NULL", "dates"),
    ] {
        let error = desk.error(&format!("SELECT hold_resource({call}, 'k')"), &[]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "23505",
                Some(
                    json!({"error": "idempotency_mismatch", "function": "hold_resource",
                            "idempotency_key": "k", "field": field})
                )
            ),
            "{call}"
        );
    }
    assert_eq!(desk.everything(), before);
}

#[test]
fn a_call_that_failed_leaves_its_token_free() {
    let mut desk = Desk::with("car", 3);
    let hold = |quantity: i32, rest: &str| {
        format!("SELECT state FROM hold_resource('car', '{}', {quantity}, idempotency_token => 'k'{rest})", days("1"))
    };
    assert_eq!(desk.refusal(&hold(4, "")), "insufficient_capacity");
    assert_eq!(
        desk.text(&hold(4, ", on_short => 'answer'")),
        "insufficient"
    );
    assert_eq!(desk.text(&hold(3, "")), "ACTIVE");
    // So does a purge.
    desk.run("SELECT release_resource_hold(id) FROM resource_hold; SELECT pg_sleep(0.002)");
    assert_eq!(desk.units("purge_resource_holds('0')"), 1);
    assert_eq!(desk.text(&hold(2, "")), "ACTIVE");
    desk.prove_bookings();
}

#[test]
fn a_rollback_takes_the_token_back() {
    let mut desk = Desk::with("car", 3);
    let call =
        "SELECT replayed FROM hold_resource('car', '{2090-01-01}', 1, idempotency_token => 'k')";
    desk.run("BEGIN");
    assert_eq!([call, call].map(|sql| desk.text(sql)), ["f", "t"]);
    desk.run("SAVEPOINT s");
    desk.run("ROLLBACK TO s");
    assert_eq!(desk.text(call), "t");
    desk.run("ROLLBACK");
    assert_eq!([call, call].map(|sql| desk.text(sql)), ["f", "t"]);
    assert_eq!(desk.left("car"), "2 3 3 3 3 3 3");
    desk.prove_bookings();
}

fn session(desk: &Desk) -> Session {
    let mut session = Session::open(&desk.db);
    session.run("SET search_path = stock").unwrap();
    session
}

#[test]
fn two_first_calls_with_one_token_make_one_hold() {
    for commits in [true, false] {
        let mut desk = Desk::with("car", 3);
        let call = "SELECT hold_id, replayed FROM hold_resource('car', '{2090-01-01,2090-01-02}', 2, idempotency_token => 'k')";
        let (mut first, mut second) = (session(&desk), session(&desk));
        let made = first.run(&format!("BEGIN; {call}")).unwrap().rows.remove(0);
        assert_eq!(made[1].as_deref(), Some("f"));
        second.start(call);
        assert_eq!(second.settle(), Progress::Blocked);
        first
            .run(if commits { "COMMIT" } else { "ROLLBACK" })
            .unwrap();
        let answered = second.finish().unwrap().rows.remove(0);
        assert_eq!(answered[0] == made[0], commits);
        assert_eq!(
            answered[1].as_deref(),
            Some(if commits { "t" } else { "f" })
        );
        assert_eq!(desk.text("SELECT count(*) FROM resource_hold"), "1");
        assert_eq!(desk.left("car"), "1 1 3 3 3 3 3");
        desk.prove_bookings();
    }
}

#[test]
fn a_racing_call_with_other_arguments_is_a_mismatch() {
    let mut desk = Desk::with("car", 3);
    let call = |units: i32| {
        format!("SELECT replayed FROM hold_resource('car', '{{2090-01-01}}', {units}, idempotency_token => 'k')")
    };
    let (mut first, mut second) = (session(&desk), session(&desk));
    first.run(&format!("BEGIN; {}", call(1))).unwrap();
    second.start(&call(2));
    assert_eq!(second.settle(), Progress::Blocked);
    first.run("COMMIT").unwrap();
    let error = second.finish().unwrap_err();
    assert_eq!(
        (error.name(), error.field("field")),
        ("idempotency_mismatch".into(), json!("quantity"))
    );
    assert_eq!(desk.left("car"), "2 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_confirmation_is_replayed_by_its_key() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1", 1);
    let call = format!("confirm_resource_hold('{hold}', 'o', '1', 'k')");
    let booked = desk.key(&call);
    let before = desk.everything();
    assert_eq!(desk.key(&call), booked);
    assert_eq!(desk.everything(), before);
    for (call, field) in [
        (
            format!("confirm_resource_hold('{}', 'o', '1', 'k')", Uuid::new_v4()),
            "\"hold_id\"",
        ),
        (
            format!("confirm_resource_hold('{hold}', 'p', '1', 'k')"),
            "\"order_id\"",
        ),
        (
            format!("confirm_resource_hold('{hold}', 'o', '2', 'k')"),
            "\"line_item_id\"",
        ),
    ] {
        let refused = desk.refused(&call, "field");
        assert_eq!(
            refused,
            ("idempotency_mismatch".into(), field.into()),
            "{call}"
        );
    }
    // Whatever has become of hold and booking.
    desk.run("SELECT pg_sleep(0.002); SELECT purge_resource_holds('0'); SELECT cancel_resource_allocation(id) FROM resource_allocation");
    assert_eq!(desk.key(&call), booked);
    assert_eq!(desk.text("SELECT count(*) FROM resource_allocation"), "0");
    // Another function's keys are its own.
    let other = desk.hold_days("car", "1", 1);
    let refused = format!("confirm_resource_hold('{other}', 'o', '1', 'k2')");
    desk.key(&refused);
    desk.prove_bookings();
}

#[test]
fn a_refused_confirmation_leaves_its_key_free() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "2", 1, "1");
    let hold = desk.hold_days("car", "1", 1);
    let call = |item: &str| format!("SELECT confirm_resource_hold('{hold}', 'o', '{item}', 'k')");
    assert_eq!(desk.refusal(&call("1")), "line_item_booked");
    desk.run(&call("2"));
    desk.prove_bookings();
}

#[test]
fn a_move_is_replayed_by_its_key() {
    let mut desk = Desk::with("car", 3);
    let booked = desk.book_days("car", "1 2", 1, "1");
    let call = |dates: &str, rest: &str| {
        format!(
            "SELECT allocation_id, state, dates, quantity, available, replayed
               FROM move_resource_allocation('{booked}', '{}'{rest}, idempotency_key => 'k')",
            days(dates)
        )
    };
    let moved = format!("{booked}|moved|{{2090-01-02,2090-01-03}}|2|1|");
    // What is answered as short is not kept.
    let short = desk.text(&call("3 4", ", 4, 'answer'"));
    assert_eq!(
        short,
        format!("{booked}|insufficient|{{2090-01-03,2090-01-04}}|0|3|f")
    );
    assert_eq!(desk.text(&call("3 2", ", 2")), format!("{moved}f"));
    desk.run(&format!(
        "SELECT move_resource_allocation('{booked}', '{}', 1)",
        days("6")
    ));
    let before = desk.everything();
    assert_eq!(desk.text(&call("2 3", ", 2")), format!("{moved}t"));
    assert_eq!(desk.everything(), before);
    for (dates, rest, field) in [
        ("2", ", 2", "dates"),
        ("2 3", "", "quantity"),
        ("2 3", ", 1", "quantity"),
    ] {
        let error = desk.error(&call(dates, rest), &[]);
        assert_eq!(
            (error.name().as_str(), error.field("field")),
            ("idempotency_mismatch", json!(field))
        );
    }
    assert_eq!(desk.left("car"), "3 3 3 3 3 2 3");
    desk.prove_bookings();
}
