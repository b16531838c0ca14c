//! confirm_resource_hold and cancel_resource_allocation: what is held is booked, what is booked is given up.

use super::shop::{days, Desk};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn a_confirmed_hold_is_a_booking() {
    let mut desk = Desk::with("car", 3);
    let hold: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-03,2090-01-01}', 2, 'ann@example.org', metadata => '{\"n\": 1e400}')",
        &[],
    );
    let booked = desk.key(&format!(
        "confirm_resource_hold('{hold}', 'order-1', 'line-1')"
    ));
    let kept: Value = desk.value(
        "SELECT to_jsonb(a) - '{created_at, updated_at, metadata}'::text[] FROM resource_allocation a",
        &[],
    );
    assert_eq!(
        kept,
        json!({"id": booked, "tenant_id": Uuid::nil(), "resource_id": "car", "order_id": "order-1",
               "line_item_id": "line-1", "dates": ["2090-01-01", "2090-01-03"], "quantity": 2, "hold_id": hold})
    );
    let same = "SELECT a.metadata = '{\"n\": 1e400}', a.created_at = a.updated_at, h.confirmed_at IS NOT NULL, h.status
                  FROM resource_allocation a JOIN resource_hold h ON h.id = a.hold_id";
    assert_eq!(desk.text(same), "t|t|t|CONFIRMED");
    assert_eq!(desk.true_state(hold), "CONFIRMED");
    // What was held is booked: no unit more, none less.
    assert_eq!(desk.left("car"), "1 3 1 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_hold_is_confirmed_once() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1", 1);
    desk.rows("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
    let before = desk.everything();
    for call in [
        "confirm_resource_hold($1, 'o', '1')",
        "confirm_resource_hold($1, 'o', '2')",
        "confirm_resource_hold($1, 'o', '2', 'k')",
        "extend_resource_hold($1, '1 h')",
    ] {
        let error = desk.error(&format!("SELECT {call}"), &[&hold]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "55000",
                Some(json!({"error": "hold_not_active", "hold_id": hold, "state": "CONFIRMED"}))
            ),
            "{call}"
        );
    }
    assert_eq!(desk.everything(), before);
    let released = desk.hold_days("car", "1", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    let error = desk.error("SELECT confirm_resource_hold($1, 'o', '2')", &[&released]);
    assert_eq!(error.field("state"), "RELEASED");
}

#[test]
fn a_line_item_is_booked_once() {
    let mut desk = Desk::with("car", 3);
    desk.book_days("car", "1", 1, "1");
    let hold = desk.hold_days("car", "2", 1);
    let before = desk.everything();
    let error = desk.error("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23505",
            Some(json!({"error": "line_item_booked", "order_id": "o", "line_item_id": "1"}))
        )
    );
    assert_eq!(desk.everything(), before);
    // The hold lives on: for another line, or another order.
    desk.rows("SELECT confirm_resource_hold($1, 'p', '1')", &[&hold]);
    let hold = desk.hold_days("car", "2", 1);
    desk.rows("SELECT confirm_resource_hold($1, 'o', '2')", &[&hold]);
    // And for this one, when the first is cancelled.
    desk.run("SELECT cancel_resource_allocation(id) FROM resource_allocation WHERE order_id = 'o' AND line_item_id = '1'");
    desk.book_days("car", "3", 1, "1");
    assert_eq!(desk.left("car"), "3 1 2 3 3 3 3");
    desk.prove_bookings();
}

/// It was promised: neither a blackout nor a resource that is switched off stands in the way.
#[test]
fn what_is_held_can_be_confirmed_whatever_has_come_since() {
    let mut desk = Desk::with("car", 3);
    let holds = ["1 2", "2 3"].map(|on| desk.hold_days("car", on, 1));
    desk.run("SELECT add_blackout('car', '2090-01-02', '2090-01-02')");
    desk.rows("SELECT confirm_resource_hold($1, 'o', '1')", &[&holds[0]]);
    desk.run("SELECT change_resource('car', is_active => false)");
    desk.rows("SELECT confirm_resource_hold($1, 'o', '2')", &[&holds[1]]);
    assert_eq!(desk.left("car"), "2 1 2 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_cancelled_booking_is_gone_and_its_dates_are_free() {
    let mut desk = Desk::with("car", 3);
    let booked = desk.book_days("car", "1 2 5", 3, "1");
    let other = desk.book_days("car", "3", 1, "2");
    assert_eq!(
        desk.units(&format!("cancel_resource_allocation('{booked}')")),
        3
    );
    assert_eq!(desk.left("car"), "3 3 2 3 3 3 3");
    let left = desk.texts("SELECT id FROM resource_allocation");
    assert_eq!(left, [other.to_string()]);
    // What was a hold stays what it was.
    assert_eq!(
        desk.texts("SELECT status FROM resource_hold"),
        ["CONFIRMED"; 2]
    );
    let before = desk.everything();
    for gone in [booked, Uuid::new_v4()] {
        let error = desk.error("SELECT cancel_resource_allocation($1)", &[&gone]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "P0002",
                Some(json!({"error": "resource_allocation_not_found", "allocation_id": gone}))
            )
        );
    }
    assert_eq!(desk.everything(), before);
    desk.hold_days("car", "1 2 5", 3);
    desk.prove_bookings();
}

/// What is over, or was written by plain SQL, is cancelled the same.
#[test]
fn past_and_foreign_bookings_are_cancelled() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT open_capacity('car', '2001-01-01', '2001-01-02', 2)");
    let past = desk.book_by_dml("car", "{2001-01-02}", 2);
    let written = desk.book_by_dml("car", &days("7 6"), 3);
    desk.run(
        "SELECT add_blackout('car', '2090-01-06', '2090-01-07');
         SELECT change_resource('car', is_active => false)",
    );
    assert_eq!(
        desk.units(&format!("cancel_resource_allocation('{past}')")),
        1
    );
    assert_eq!(
        desk.units(&format!("cancel_resource_allocation('{written}')")),
        2
    );
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_rolled_back_booking_is_a_hold_still() {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "1", 2);
    desk.run(&format!(
        "BEGIN; SELECT confirm_resource_hold('{hold}', 'o', '1'); ROLLBACK;
         BEGIN; SAVEPOINT a; SELECT confirm_resource_hold('{hold}', 'o', '1'); ROLLBACK TO a;
         SELECT extend_resource_hold('{hold}', '1 h'); COMMIT"
    ));
    assert_eq!(desk.true_state(hold), "ACTIVE");
    assert_eq!(desk.left("car"), "1 3 3 3 3 3 3");
    desk.run(&format!(
        "BEGIN; SELECT confirm_resource_hold('{hold}', 'o', '1');
         SELECT cancel_resource_allocation(id) FROM resource_allocation; COMMIT"
    ));
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

/// A desk with a hold, and a trigger of the app's own on the bookings.
fn meddled_with(body: &str) -> (Desk, Uuid) {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    let hold = desk.hold_days("car", "1 2", 2);
    desk.run(&format!(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
         CREATE TRIGGER z_meddle BEFORE INSERT ON resource_allocation FOR EACH ROW EXECUTE FUNCTION meddle()"
    ));
    (desk, hold)
}

/// It is told, and nothing is left half done.
#[test]
fn a_booking_that_a_trigger_changes_is_refused() {
    for body in [
        "NEW.quantity = 1; RETURN NEW",
        "NEW.dates = NEW.dates[1:1]; RETURN NEW",
        "NEW.resource_id = 'bus'; RETURN NEW",
    ] {
        let (mut desk, hold) = meddled_with(body);
        let before = desk.everything();
        let error = desk.error("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
        assert_eq!(error.name(), "write_interfered", "{body}");
        assert_eq!(desk.everything(), before);
        desk.prove_bookings();
    }
}

/// No line item was booked: saying so would send the caller to look for it.
#[test]
fn a_booking_that_a_trigger_swallows_is_refused() {
    let (mut desk, hold) = meddled_with("RETURN NULL");
    let before = desk.everything();
    let error = desk.error("SELECT confirm_resource_hold($1, 'o', '1')", &[&hold]);
    assert_eq!(desk.everything(), before);
    assert_eq!(error.name(), "write_interfered", "{error:?}");
}
