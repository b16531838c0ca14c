//! How a hold lives on and ends: extended, released, expired, swept and purged.

use super::shop::Desk;
use serde_json::json;
use uuid::Uuid;

#[test]
fn a_hold_is_extended_from_its_own_end() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1", 1);
    let sql = format!(
        "SELECT extend_resource_hold('{hold}', '1 h') = expires_at + interval '1 h' FROM resource_hold"
    );
    assert_eq!(desk.text(&sql), "t");
    let lives = "SELECT expires_at - created_at BETWEEN '89 min' AND '91 min' FROM resource_hold";
    assert_eq!(desk.text(lives), "t");
    // One without an end has none.
    let never: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-01}', 1, ttl => NULL)",
        &[],
    );
    let sql = format!("SELECT extend_resource_hold('{never}', '1 h')");
    assert_eq!(desk.text(&sql), "NULL");
    for by in ["NULL", "'0'", "'-1 s'", "'1000000 years'"] {
        for hold in [hold, never] {
            let call = format!("extend_resource_hold('{hold}', {by})");
            let (name, argument) = desk.refused(&call, "argument");
            assert_eq!(
                (name.as_str(), argument.as_str()),
                ("bad_argument", "\"by\""),
                "{call}"
            );
        }
    }
    desk.prove_bookings();
}

#[test]
fn a_hold_is_released_once() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1 2 5", 2);
    assert_eq!(desk.units(&format!("release_resource_hold('{hold}')")), 3);
    assert_eq!(desk.true_state(hold), "RELEASED");
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    let before = desk.everything();
    let error = desk.error("SELECT release_resource_hold($1)", &[&hold]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "55000",
            Some(json!({"error": "hold_not_active", "hold_id": hold, "state": "RELEASED"}))
        )
    );
    let booked = desk.hold_days("car", "1", 1);
    desk.rows("SELECT confirm_resource_hold($1, 'o', '1')", &[&booked]);
    let error = desk.error("SELECT release_resource_hold($1)", &[&booked]);
    assert_eq!(error.field("state"), "CONFIRMED");
    desk.run(
        "DELETE FROM resource_hold WHERE status = 'CONFIRMED'; DELETE FROM resource_allocation",
    );
    assert_eq!(desk.row_status(hold), "RELEASED");
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    assert_eq!(before.len(), desk.everything().len());
    desk.prove_bookings();
}

/// Swept or not, it is the same to everybody.
#[test]
fn a_hold_that_has_expired_is_over() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.expired_days("car", "1 2", 2);
    for swept in [false, true] {
        assert_eq!(desk.true_state(hold), "EXPIRED");
        let before = desk.everything();
        for call in [
            "release_resource_hold($1)",
            "extend_resource_hold($1, '1 h')",
            "confirm_resource_hold($1, 'o', '1')",
            "confirm_resource_hold($1, 'o', '1', 'k')",
        ] {
            let error = desk.error(&format!("SELECT {call}"), &[&hold]);
            assert_eq!(
                (error.sqlstate.as_str(), error.detail_json),
                (
                    "55000",
                    Some(json!({"error": "hold_expired", "hold_id": hold}))
                ),
                "{call}, swept: {swept}"
            );
        }
        assert_eq!(desk.everything(), before);
        assert_eq!(desk.free("car"), "3 3 3 3 3 3 3");
        if !swept {
            assert_eq!(desk.left("car"), "1 1 3 3 3 3 3");
            assert_eq!(desk.units("expire_holds()"), 1);
        }
    }
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn an_unknown_hold_is_not_found() {
    let mut desk = Desk::with("car", 3);
    let nobody = Uuid::new_v4();
    for call in [
        "get_resource_hold($1)",
        "release_resource_hold($1)",
        "extend_resource_hold($1, '1 h')",
        "confirm_resource_hold($1, 'o', '1')",
    ] {
        let error = desk.error(&format!("SELECT {call}"), &[&nobody]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "P0002",
                Some(json!({"error": "hold_not_found", "hold_id": nobody}))
            ),
            "{call}"
        );
    }
    // Holds of stock are others.
    let listing = desk.stocked(3);
    let of_stock = desk.hold(listing, 1);
    assert_eq!(
        desk.error("SELECT get_resource_hold($1)", &[&of_stock])
            .name(),
        "hold_not_found"
    );
    let of_dates = desk.hold_days("car", "1", 1);
    assert_eq!(
        desk.error("SELECT release_hold($1)", &[&of_dates]).name(),
        "hold_not_found"
    );
}

/// Holds of stock and of resources are swept by the same function.
#[test]
fn a_sweep_ends_holds_of_stock_and_of_resources() {
    let mut desk = Desk::with("car", 9);
    let listing = desk.stocked(9);
    let live = desk.hold_days("car", "1", 1);
    let never: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-01}', 1, ttl => NULL)",
        &[],
    );
    for _ in 0..2 {
        desk.expired_hold(listing, 1);
        desk.expired_days("car", "1 3", 2);
    }
    assert_eq!(desk.left("car"), "3 9 5 9 9 9 9");
    // In as many calls as it takes, until nothing is left.
    let mut swept = 0;
    loop {
        match desk.units("expire_holds(3)") {
            0 => break,
            count => swept += count,
        }
    }
    assert_eq!(swept, 4);
    assert_eq!(desk.left("car"), "7 9 9 9 9 9 9");
    assert_eq!(
        [live, never].map(|hold| desk.true_state(hold)),
        ["ACTIVE"; 2]
    );
    let states = "SELECT status, count(*) FROM resource_hold GROUP BY 1 ORDER BY 1";
    assert_eq!(desk.texts(states), ["ACTIVE|2", "EXPIRED|2"]);
    assert_eq!(desk.numbers(listing), (9, 0, 9));
    desk.prove_bookings();
}

#[test]
fn only_what_is_over_is_purged() {
    let mut desk = Desk::with("car", 9);
    let live = desk.hold_days("car", "1", 1);
    let dead = desk.expired_days("car", "1", 1);
    let swept = desk.expired_days("car", "2", 1);
    desk.run(&format!(
        "UPDATE resource_hold SET status = 'EXPIRED' WHERE id = '{swept}'"
    ));
    let released = desk.hold_days("car", "3", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    let booked = desk.book_days("car", "4", 1, "1");
    desk.run("SELECT pg_sleep(0.002)");
    assert_eq!(desk.units("purge_resource_holds()"), 0);
    assert_eq!(desk.units("purge_resource_holds('0', 2)"), 2);
    assert_eq!(desk.units("purge_resource_holds('0')"), 1);
    assert_eq!(desk.units("purge_resource_holds('0')"), 0);
    assert_eq!(
        [live, dead].map(|hold| desk.row_status(hold)),
        ["ACTIVE"; 2]
    );
    assert_eq!(
        desk.error("SELECT get_resource_hold($1)", &[&released])
            .name(),
        "hold_not_found"
    );
    // The booking stays.
    let shown = format!(
        "SELECT customer_email, quantity FROM order_bookings WHERE allocation_id = '{booked}'"
    );
    assert_eq!(desk.text(&shown), "NULL|1");
    assert_eq!(desk.free("car"), "8 9 9 8 9 9 9");
    for (arguments, argument) in [
        ("NULL", "\"older_than\""),
        ("'-1 s'", "\"older_than\""),
        ("'1 h', 0", "\"batch\""),
        ("'1 h', NULL", "\"batch\""),
    ] {
        let call = format!("purge_resource_holds({arguments})");
        let refused = desk.refused(&call, "argument");
        assert_eq!(refused, ("bad_argument".into(), argument.into()), "{call}");
    }
    desk.prove_bookings();
}
