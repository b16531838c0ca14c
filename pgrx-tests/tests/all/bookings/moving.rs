//! move_resource_allocation: a booking goes to other dates in one step, or stays where it was.

use super::shop::{days, Desk};
use serde_json::json;
use uuid::Uuid;

/// The answer of a move but for its key.
fn moved(desk: &mut Desk, booking: Uuid, on: &str, rest: &str) -> String {
    desk.text(&format!(
        "SELECT state, dates, quantity, available, replayed
           FROM move_resource_allocation('{booking}', '{}'{rest})",
        days(on)
    ))
}

/// Dates and quantity of a booking.
fn booked(desk: &mut Desk, booking: Uuid) -> String {
    desk.text(&format!(
        "SELECT dates, quantity FROM resource_allocation WHERE id = '{booking}'"
    ))
}

#[test]
fn a_booking_goes_to_other_dates() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 2, "1");
    assert_eq!(
        moved(&mut desk, booking, "6 5", ""),
        "moved|{2090-01-05,2090-01-06}|2|1|f"
    );
    assert_eq!(booked(&mut desk, booking), "{2090-01-05,2090-01-06}|2");
    assert_eq!(desk.left("car"), "3 3 3 3 1 1 3");
    let touched = "SELECT updated_at > created_at, order_id, line_item_id, hold_id IS NOT NULL FROM resource_allocation";
    assert_eq!(desk.text(touched), "t|o|1|t");
    desk.prove_bookings();
}

/// Nobody can take them meanwhile, and they never stand in their own way.
#[test]
fn dates_that_it_has_already_are_kept() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "2 3 4", 2, "1");
    desk.book_days("car", "2 3 4 5", 1, "2");
    assert_eq!(desk.left("car"), "3 0 0 0 2 3 3");
    assert_eq!(
        moved(&mut desk, booking, "3 4 5", ""),
        "moved|{2090-01-03,2090-01-04,2090-01-05}|2|0|f"
    );
    assert_eq!(desk.left("car"), "3 2 0 0 0 3 3");
    // To where it is already.
    assert_eq!(
        moved(&mut desk, booking, "3 4 5", ""),
        "moved|{2090-01-03,2090-01-04,2090-01-05}|2|0|f"
    );
    assert_eq!(
        moved(&mut desk, booking, "4", ""),
        "moved|{2090-01-04}|2|0|f"
    );
    assert_eq!(desk.left("car"), "3 2 2 0 2 3 3");
    desk.prove_bookings();
}

#[test]
fn its_quantity_changes_too() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 1, "1");
    assert_eq!(
        moved(&mut desk, booking, "2 3", ", 3"),
        "moved|{2090-01-02,2090-01-03}|3|0|f"
    );
    assert_eq!(desk.left("car"), "3 0 0 3 3 3 3");
    assert_eq!(
        moved(&mut desk, booking, "2 3", ", quantity => 1"),
        "moved|{2090-01-02,2090-01-03}|1|2|f"
    );
    assert_eq!(
        moved(&mut desk, booking, "3", ", NULL"),
        "moved|{2090-01-03}|1|2|f"
    );
    assert_eq!(desk.left("car"), "3 3 2 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_booking_that_cannot_go_stays_where_it_was() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 2, "1");
    desk.hold_days("car", "4", 2);
    desk.run("SELECT add_blackout('car', '2090-01-06', '2090-01-06')");
    let before = desk.everything();
    let error = desk.error(
        &format!(
            "SELECT move_resource_allocation('{booking}', '{}')",
            days("2 3 4")
        ),
        &[],
    );
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23514",
            Some(
                json!({"error": "insufficient_capacity", "resource_id": "car", "dates": ["2090-01-04"],
                        "requested": 2, "available": 1, "listing_id": null})
            )
        )
    );
    let answer = ", on_short => 'answer'";
    assert_eq!(
        moved(&mut desk, booking, "2 3 4", answer),
        "insufficient|{2090-01-04}|0|1|f"
    );
    assert_eq!(
        moved(&mut desk, booking, "5 6", answer),
        "blacked_out|{2090-01-06}|0|0|f"
    );
    for (on, error) in [
        ("6", "date_blacked_out"),
        ("8", "date_not_open"),
        ("1 2 8", "date_not_open"),
    ] {
        let sql = format!(
            "SELECT move_resource_allocation('{booking}', '{}')",
            days(on)
        );
        assert_eq!(desk.refusal(&sql), error, "{on}");
    }
    let past = format!(
        "SELECT move_resource_allocation('{booking}', '{{2001-01-01}}', on_short => 'answer')"
    );
    assert_eq!(desk.refusal(&past), "date_in_past");
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

/// What it could have is a quantity of the booking, as what is asked for is.
#[test]
fn a_move_that_is_short_tells_the_most_that_it_could_have() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 1, "1");
    for on in ["1 2", "2 3"] {
        let answer: i32 = desk.value(
            &format!(
                "SELECT available FROM move_resource_allocation('{booking}', '{}', 4, 'answer')",
                days(on)
            ),
            &[],
        );
        let sql = |quantity: i32| {
            format!(
                "SELECT move_resource_allocation('{booking}', '{}', {quantity})",
                days(on)
            )
        };
        desk.run(&format!("BEGIN; {}; ROLLBACK", sql(answer)));
        assert_eq!(
            desk.refusal(&sql(answer + 1)),
            "insufficient_capacity",
            "{on}: {answer}"
        );
        let error = desk.error(&sql(4), &[]);
        assert_eq!(
            (error.field("requested"), error.field("available")),
            (json!(4), json!(3)),
            "{on}"
        );
    }
}

/// A trip that has begun is made longer, or shorter.
#[test]
fn past_dates_of_its_own_are_not_judged() {
    let mut desk = Desk::with("car", 3);
    desk.run("SELECT open_capacity('car', '2001-01-01', '2001-01-05', 3)");
    let booking = desk.book_by_dml("car", "{2001-01-01,2001-01-02,2090-01-01}", 2);
    let sql = |dates: &str, rest: &str| {
        format!("SELECT state, dates FROM move_resource_allocation('{booking}', '{dates}'{rest})")
    };
    assert_eq!(
        desk.text(&sql("{2001-01-01,2001-01-02,2090-01-01,2090-01-02}", "")),
        "moved|{2001-01-01,2001-01-02,2090-01-01,2090-01-02}"
    );
    assert_eq!(
        desk.text(&sql("{2001-01-02,2090-01-03}", "")),
        "moved|{2001-01-02,2090-01-03}"
    );
    assert_eq!(
        desk.text(&sql("{2001-01-02,2090-01-03}", ", 1")),
        "moved|{2001-01-02,2090-01-03}"
    );
    // But none more, nor more of them.
    let error = desk.error(&sql("{2001-01-02,2001-01-03,2090-01-03}", ""), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("dates")),
        ("date_in_past", json!(["2001-01-03"]))
    );
    let error = desk.error(&sql("{2001-01-02,2090-01-03}", ", 2"), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("dates")),
        ("date_in_past", json!(["2001-01-02"]))
    );
    assert_eq!(desk.left("car"), "3 3 2 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn dates_that_were_closed_since_are_kept_and_given_up() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2 3", 2, "1");
    desk.run("SELECT add_blackout('car', '2090-01-02', '2090-01-04')");
    assert_eq!(
        moved(&mut desk, booking, "2 3 5", ""),
        "moved|{2090-01-02,2090-01-03,2090-01-05}|2|1|f"
    );
    assert_eq!(
        moved(&mut desk, booking, "3 5", ", 1"),
        "moved|{2090-01-03,2090-01-05}|1|2|f"
    );
    for (on, rest) in [("2 5", ""), ("3 5", ", 2")] {
        let answer = moved(
            &mut desk,
            booking,
            on,
            &format!("{rest}, on_short => 'answer'"),
        );
        assert!(answer.starts_with("blacked_out|"), "{answer}");
    }
    // Of a resource that takes no new claims, dates can still be given up.
    desk.run("SELECT change_resource('car', is_active => false)");
    assert_eq!(
        moved(&mut desk, booking, "5", ""),
        "moved|{2090-01-05}|1|2|f"
    );
    let sql = format!(
        "SELECT move_resource_allocation('{booking}', '{}')",
        days("6")
    );
    assert_eq!(desk.refusal(&sql), "resource_not_active");
    desk.prove_bookings();
}

#[test]
fn dead_holds_make_room_for_a_move() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1 2", 2, "1");
    let dead = desk.expired_days("car", "2 3", 1);
    let other = desk.expired_days("car", "3", 2);
    assert_eq!(
        moved(&mut desk, booking, "2 3", ", 3"),
        "moved|{2090-01-02,2090-01-03}|3|0|f"
    );
    assert_eq!(
        [dead, other].map(|hold| desk.row_status(hold)),
        ["EXPIRED"; 2]
    );
    assert_eq!(desk.left("car"), "3 0 0 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn an_unknown_booking_does_not_move() {
    let mut desk = Desk::with("car", 3);
    let nobody = Uuid::new_v4();
    let sql = "SELECT move_resource_allocation($1, '{2090-01-01}')";
    let error = desk.error(sql, &[&nobody]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "P0002",
            Some(json!({"error": "resource_allocation_not_found", "allocation_id": nobody}))
        )
    );
    let booking = desk.book_days("car", "1", 1, "1");
    desk.rows("SELECT cancel_resource_allocation($1)", &[&booking]);
    assert_eq!(
        desk.error(sql, &[&booking]).name(),
        "resource_allocation_not_found"
    );
}
