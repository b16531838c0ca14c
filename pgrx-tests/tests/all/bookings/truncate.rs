//! TRUNCATE of each of the tables.

use super::shop::Desk;

fn desk_with_claims() -> Desk {
    let mut desk = Desk::with("car", 3);
    desk.hold_days("car", "1 2", 1);
    desk.book_days("car", "2 3", 2, "1");
    desk.expired_days("car", "5", 1);
    desk.run("SELECT add_blackout('car', '2090-01-03', '2090-01-04')");
    assert_eq!(desk.left("car"), "2 0 1 3 2 3 3");
    desk
}

#[test]
fn without_holds_the_bookings_are_counted() {
    let mut desk = desk_with_claims();
    desk.run("TRUNCATE resource_hold");
    assert_eq!(desk.left("car"), "3 1 1 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn without_bookings_the_holds_are_counted() {
    let mut desk = desk_with_claims();
    desk.run("TRUNCATE resource_allocation");
    assert_eq!(desk.left("car"), "2 2 3 3 2 3 3");
    desk.prove_bookings();
    desk.run("TRUNCATE resource_hold, resource_allocation");
    assert_eq!(desk.left("car"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn without_blackouts_every_date_is_open() {
    let mut desk = desk_with_claims();
    desk.vehicle("bus", 1);
    desk.run(
        "SELECT change_resource('bus', is_active => false);
         TRUNCATE resource_blackout",
    );
    let open = "SELECT resource_id, count(*) FROM resource_calendar WHERE is_open GROUP BY 1";
    assert_eq!(desk.texts(open), ["car|7"]);
    desk.hold_days("car", "4", 3);
    desk.prove_bookings();
}

#[test]
fn booked_dates_are_not_truncated_away() {
    let mut desk = desk_with_claims();
    let before = desk.everything();
    for sql in ["TRUNCATE resource_capacity", "TRUNCATE resource"] {
        assert_eq!(desk.refusal(sql), "resource_booked", "{sql}");
    }
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
    // A hold that lives is enough.
    desk.run("TRUNCATE resource_allocation");
    assert_eq!(
        desk.refusal("TRUNCATE resource_capacity"),
        "resource_booked"
    );
}

/// Nothing but holds that have expired is left, swept or not.
#[test]
fn dates_without_live_claims_are_truncated_away() {
    let mut desk = desk_with_claims();
    desk.run("DELETE FROM resource_hold WHERE expires_at > now(); TRUNCATE resource_allocation");
    desk.run("TRUNCATE resource_capacity");
    assert_eq!(desk.left("car"), "");
    desk.run("TRUNCATE resource_hold; SELECT open_capacity('car', '2090-01-01', '2090-01-07', 2)");
    assert_eq!(desk.left("car"), "2 2 2 2 2 2 2");
    desk.prove_bookings();
}

/// A hold that was dead when its dates went stops no sweep: neither its own nor that of others.
#[test]
fn a_dead_hold_without_its_dates_stops_no_sweep() {
    let mut desk = Desk::with("car", 3);
    let dead = desk.expired_days("car", "5", 1);
    desk.run("TRUNCATE resource_capacity");
    desk.vehicle("bus", 3);
    let other = desk.expired_days("bus", "1", 2);
    desk.run("SELECT expire_holds()");
    assert_eq!(
        [dead, other].map(|hold| desk.row_status(hold)),
        ["EXPIRED"; 2]
    );
    assert_eq!(desk.left("bus"), "3 3 3 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn resources_are_truncated_away_with_all_that_is_theirs() {
    let mut desk = desk_with_claims();
    desk.run("TRUNCATE resource_allocation; DELETE FROM resource_hold WHERE expires_at > now()");
    desk.run("TRUNCATE resource");
    for table in [
        "resource",
        "resource_capacity",
        "resource_blackout",
        "resource_hold",
        "resource_allocation",
    ] {
        assert_eq!(desk.text(&format!("SELECT count(*) FROM {table}")), "0");
    }
    desk.prove_bookings();
    desk.vehicle("car", 1);
    desk.prove_bookings();
}

#[test]
fn several_tables_at_once_in_any_order() {
    for tables in [
        "resource_hold, resource_allocation, resource_capacity, resource_blackout",
        "resource_capacity, resource_blackout, resource_allocation, resource_hold",
        "resource_allocation, resource, resource_capacity, resource_hold, resource_blackout",
    ] {
        let mut desk = desk_with_claims();
        desk.run(&format!("TRUNCATE {tables}"));
        assert_eq!(desk.left("car"), "", "{tables}");
        desk.prove_bookings();
    }
}
