//! Blackouts: dates that take no new claims, by either door.

use super::shop::{days, Desk};
use serde_json::json;
use uuid::Uuid;

/// Days of the week on which nothing new can be had: `2 3`.
pub fn closed(desk: &mut Desk, key: &str) -> String {
    desk.text(&format!(
        "SELECT coalesce(string_agg(to_char(date, 'FMDD'), ' ' ORDER BY date) FILTER (WHERE reason = 'blacked_out'), '')
           FROM check_availability('{key}', '2090-01-01', '2090-01-07')"
    ))
}

pub fn black(desk: &mut Desk, key: &str, first: u32, last: u32) -> Uuid {
    let call = format!("add_blackout('{key}', '2090-01-{first:02}', '2090-01-{last:02}')");
    desk.value(
        &format!("SELECT id FROM {call} WHERE kind = 'blackout'"),
        &[],
    )
}

#[test]
fn what_a_blackout_hits_is_answered() {
    let mut desk = Desk::with("car", 9);
    let first = desk.book_days("car", "2 4 6", 1, "1");
    let second = desk.book_days("car", "5", 2, "2");
    let hold = desk.hold_days("car", "3 7", 3);
    desk.hold_days("car", "1 7", 1);
    desk.expired_days("car", "4", 1);
    let released = desk.hold_days("car", "4", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    let before = desk.left("car");
    let rows = desk.texts(
        "SELECT kind, id, dates, quantity FROM add_blackout('car', '2090-01-03', '2090-01-06', 'repair')",
    );
    let kept =
        desk.text("SELECT id, resource_id, start_date, end_date, reason FROM resource_blackout");
    let blackout = kept.split('|').next().unwrap_or_default().to_owned();
    assert_eq!(kept, format!("{blackout}|car|2090-01-03|2090-01-06|repair"));
    assert_eq!(
        rows,
        [
            format!("blackout|{blackout}|{{2090-01-03,2090-01-06}}|NULL"),
            format!("allocation|{first}|{{2090-01-04,2090-01-06}}|1"),
            format!("allocation|{second}|{{2090-01-05}}|2"),
            format!("hold|{hold}|{{2090-01-03}}|3"),
        ]
    );
    // All of it stays as it was.
    assert_eq!(desk.left("car"), before);
    assert_eq!(desk.true_state(hold), "ACTIVE");
    desk.prove_bookings();
}

#[test]
fn a_closed_date_takes_no_new_claims() {
    let mut desk = Desk::with("car", 3);
    let booking = desk.book_days("car", "1", 1, "1");
    let held = desk.hold_days("car", "4", 1);
    let blackouts = [black(&mut desk, "car", 2, 3), black(&mut desk, "car", 3, 4)];
    assert_eq!(closed(&mut desk, "car"), "2 3 4");
    let before = desk.everything();
    let error = desk.error(
        &format!("SELECT hold_resource('car', '{}', 1)", days("1 2 3 5")),
        &[],
    );
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23P01",
            Some(
                json!({"error": "date_blacked_out", "resource_id": "car", "dates": ["2090-01-02", "2090-01-03"],
                        "blackouts": blackouts})
            )
        )
    );
    let error = desk.error(
        &format!("SELECT hold_resource('car', '{}', 1)", days("4")),
        &[],
    );
    assert_eq!(error.field("blackouts"), json!([blackouts[1]]));
    for sql in [
        "SELECT hold_resource_range('car', '[2090-01-01,2090-01-02]', 1)".to_owned(),
        "SELECT hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-02}')".to_owned(),
        format!(
            "SELECT move_resource_allocation('{booking}', '{}')",
            days("2")
        ),
        format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{}', 1)",
            days("1 2")
        ),
        format!(
            "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
             VALUES ('car', 'p', '1', '{}', 1)",
            days("3")
        ),
        format!("UPDATE resource_allocation SET dates = '{}'", days("2")),
        format!("UPDATE resource_hold SET quantity = 2 WHERE id = '{held}'"),
    ] {
        assert_eq!(desk.refusal(&sql), "date_blacked_out", "{sql}");
    }
    assert_eq!(desk.everything(), before);
    // What is there is confirmed, shortened and given up.
    desk.rows("SELECT confirm_resource_hold($1, 'o', '2')", &[&held]);
    desk.hold_days("car", "1 5 7", 1);
    assert_eq!(desk.left("car"), "1 3 3 2 2 3 2");
    desk.prove_bookings();
}

#[test]
fn overlapping_blackouts_open_where_the_last_one_goes() {
    let mut desk = Desk::with("car", 3);
    let first = black(&mut desk, "car", 1, 3);
    let second = black(&mut desk, "car", 2, 5);
    let same = black(&mut desk, "car", 2, 2);
    assert_eq!(closed(&mut desk, "car"), "1 2 3 4 5");
    for (gone, left) in [(second, "1 2 3"), (first, "2"), (same, "")] {
        desk.rows("SELECT remove_blackout($1)", &[&gone]);
        assert_eq!(closed(&mut desk, "car"), left);
        desk.prove_bookings();
    }
    let before = desk.everything();
    for gone in [first, Uuid::new_v4()] {
        let error = desk.error("SELECT remove_blackout($1)", &[&gone]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "P0002",
                Some(json!({"error": "blackout_not_found", "blackout_id": gone}))
            )
        );
    }
    assert_eq!(desk.everything(), before);
    desk.hold_days("car", "1 2 3 4 5", 3);
    desk.prove_bookings();
}

/// All dates of a hold are freed, those outside as well; bookings stay.
#[test]
fn holds_can_be_cancelled_with_it() {
    let mut desk = Desk::with("car", 9);
    let hit = desk.hold_days("car", "1 3 7", 2);
    let also: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-04}', 1, ttl => NULL)",
        &[],
    );
    let missed = desk.hold_days("car", "2 6", 1);
    let dead = desk.expired_days("car", "4 5", 1);
    let booking = desk.book_days("car", "3", 3, "1");
    let rows = desk.texts(
        "SELECT kind, id, dates, quantity FROM add_blackout('car', '2090-01-03', '2090-01-05', NULL, true)
          WHERE kind <> 'blackout'",
    );
    assert_eq!(
        rows,
        [
            format!("released_hold|{hit}|{{2090-01-03}}|2"),
            format!("released_hold|{also}|{{2090-01-04}}|1"),
            format!("allocation|{booking}|{{2090-01-03}}|3"),
        ]
    );
    assert_eq!(
        [hit, also].map(|hold| desk.row_status(hold)),
        ["RELEASED"; 2]
    );
    assert_eq!(desk.true_state(missed), "ACTIVE");
    assert_eq!(desk.true_state(dead), "EXPIRED");
    assert_eq!(desk.free("car"), "9 8 6 9 9 8 9");
    desk.prove_bookings();
    assert_eq!(
        desk.error("SELECT release_resource_hold($1)", &[&hit])
            .field("state"),
        "RELEASED"
    );
}

#[test]
fn dates_that_are_opened_later_are_closed() {
    let mut desk = Desk::with("car", 3);
    let blackout = black(&mut desk, "car", 6, 20);
    desk.run("SELECT open_capacity('car', '2090-01-08', '2090-01-21', 3)");
    assert_eq!(
        desk.refusal("SELECT hold_resource('car', '{2090-01-20}', 1)"),
        "date_blacked_out"
    );
    desk.run(
        "DELETE FROM resource_capacity WHERE date = '2090-01-07';
         INSERT INTO resource_capacity (resource_id, date, max_capacity) VALUES ('car', '2090-01-07', 3)",
    );
    assert_eq!(closed(&mut desk, "car"), "6 7");
    desk.prove_bookings();
    desk.rows("SELECT remove_blackout($1)", &[&blackout]);
    desk.run("SELECT hold_resource_range('car', '[2090-01-01,2090-01-21]', 3)");
    desk.prove_bookings();
}

/// A blackout of one resource closes no other's dates, and a closed resource stays closed without it.
#[test]
fn a_blackout_is_of_one_resource() {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("bus", 3);
    let blackout = black(&mut desk, "car", 1, 7);
    assert_eq!(closed(&mut desk, "bus"), "");
    desk.hold_days("bus", "1 2 3 4 5 6 7", 3);
    desk.run("SELECT change_resource('car', is_active => false)");
    desk.rows("SELECT remove_blackout($1)", &[&blackout]);
    assert_eq!(
        desk.refusal("SELECT hold_resource('car', '{2090-01-01}', 1)"),
        "resource_not_active"
    );
    desk.run("SELECT change_resource('car', is_active => true)");
    desk.hold_days("car", "1", 1);
    desk.prove_bookings();
}
