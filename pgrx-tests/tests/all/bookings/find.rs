//! find_available: which resources of a type are free on dates.

use super::shop::{days, Desk};
use serde_json::json;

/// Three cars, each short of something else.
fn fleet() -> Desk {
    let mut desk = Desk::open();
    for (key, units) in [("c", 1), ("a", 3), ("b", 2)] {
        desk.vehicle(key, units);
    }
    desk.run(
        "SELECT create_resource('TOUR', 'A tour', id => 'tour');
         SELECT open_capacity('tour', '2090-01-01', '2090-01-07', 9)",
    );
    desk
}

fn found(desk: &mut Desk, on: &str, rest: &str) -> Vec<String> {
    let sql = format!(
        "SELECT resource_id, available FROM find_available('VEHICLE', '{}'{rest})",
        days(on)
    );
    desk.texts(&sql)
}

#[test]
fn resources_of_a_type_are_found_by_key() {
    let mut desk = fleet();
    assert_eq!(found(&mut desk, "1", ""), ["a|3", "b|2", "c|1"]);
    assert_eq!(found(&mut desk, "1 3 7", ", 2"), ["a|3", "b|2"]);
    assert_eq!(found(&mut desk, "1", ", 4"), [""; 0]);
    assert_eq!(found(&mut desk, "1", ", 1, 2"), ["a|3", "b|2"]);
    assert_eq!(found(&mut desk, "1", ", 2, 5"), ["a|3", "b|2"]);
    let tours = "SELECT * FROM find_available('TOUR', '{2090-01-01}')";
    assert_eq!(desk.texts(tours), ["tour|A tour|9"]);
    for none in ["GUIDE", "BOAT", "vehicle", ""] {
        let sql = format!("SELECT resource_id FROM find_available('{none}', '{{2090-01-01}}')");
        assert_eq!(desk.texts(&sql), [""; 0], "{none}");
    }
}

/// All of the dates count, and what is least of them is told; in any order.
#[test]
fn a_resource_must_be_free_on_all_of_the_dates() {
    let mut desk = fleet();
    desk.hold_days("a", "2", 2);
    desk.book_days("b", "3", 2, "1");
    assert_eq!(found(&mut desk, "3 2 1", ""), ["a|1", "c|1"]);
    assert_eq!(found(&mut desk, "1 3", ""), ["a|3", "c|1"]);
    assert_eq!(found(&mut desk, "7 8", ""), [""; 0]);
    desk.run("DELETE FROM resource_capacity WHERE resource_id = 'a' AND date = '2090-01-04'");
    assert_eq!(found(&mut desk, "3 5", ""), ["a|3", "c|1"]);
    assert_eq!(found(&mut desk, "3 4", ""), ["c|1"]);
}

#[test]
fn closed_dates_and_resources_are_not_found() {
    let mut desk = fleet();
    desk.run(
        "SELECT add_blackout('a', '2090-01-02', '2090-01-03');
         SELECT change_resource('b', is_active => false)",
    );
    assert_eq!(found(&mut desk, "1 2", ""), ["c|1"]);
    assert_eq!(found(&mut desk, "1 4", ""), ["a|3", "c|1"]);
    desk.run("SELECT retire_resource('c')");
    assert_eq!(found(&mut desk, "1", ""), ["a|3"]);
    desk.run("SELECT change_resource('b', is_active => true)");
    assert_eq!(found(&mut desk, "1", ""), ["a|3", "b|2"]);
    // What is past is nobody's to book.
    desk.run("SELECT open_capacity('a', '2001-01-01', '2001-01-01', 3)");
    for dates in ["{2001-01-01}", "{2090-01-05,2001-01-01}"] {
        let sql = format!("SELECT resource_id FROM find_available('VEHICLE', '{dates}')");
        assert_eq!(desk.texts(&sql), [""; 0]);
    }
}

#[test]
fn expired_holds_hide_no_resource() {
    let mut desk = fleet();
    desk.expired_days("a", "1 2", 2);
    desk.expired_days("c", "2", 1);
    desk.hold_days("b", "2", 1);
    for _ in 0..2 {
        assert_eq!(found(&mut desk, "1 2", ", 2"), ["a|3"]);
        assert_eq!(found(&mut desk, "2", ", 3"), ["a|3"]);
        let keys = "SELECT resource_id FROM find_available('VEHICLE', '{2090-01-02}')";
        assert_eq!(desk.texts(keys), ["a", "b", "c"]);
        // Once more without the dead ones.
        desk.run("SELECT expire_holds()");
    }
}

/// Also where fewer are asked for, and enough is free without the hold that has expired.
#[test]
fn what_is_found_tells_all_that_is_free() {
    let mut desk = fleet();
    desk.expired_days("a", "1 2", 2);
    assert_eq!(desk.free("a"), "3 3 3 3 3 3 3");
    assert_eq!(found(&mut desk, "1 2", ", 1, 1"), ["a|3"]);
    desk.run("SELECT expire_holds()");
    assert_eq!(found(&mut desk, "1 2", ", 1, 1"), ["a|3"]);
}

#[test]
fn a_bad_search_is_refused() {
    let mut desk = fleet();
    for (arguments, argument, problem) in [
        ("NULL, '{2090-01-01}'", "type", "must not be NULL"),
        ("'VEHICLE', NULL", "dates", "must not be NULL"),
        ("'VEHICLE', '{}'", "dates", "must have a date"),
        (
            "'VEHICLE', '{2090-01-01,NULL}'",
            "dates",
            "must not have a NULL",
        ),
        (
            "'VEHICLE', '{2090-01-01,2090-01-01}'",
            "dates",
            "has 2090-01-01 twice",
        ),
        (
            "'VEHICLE', '{infinity}'",
            "dates",
            "must have dates between 0001-01-01 and 9999-12-31",
        ),
        (
            "'VEHICLE', '{2090-01-01}', 0",
            "quantity",
            "must be above zero, not 0",
        ),
        (
            "'VEHICLE', '{2090-01-01}', NULL",
            "quantity",
            "must not be NULL",
        ),
        (
            "'VEHICLE', '{2090-01-01}', 1, 0",
            "most",
            "must be above zero, not 0",
        ),
        (
            "'VEHICLE', '{2090-01-01}', 1, -1",
            "most",
            "must be above zero, not -1",
        ),
    ] {
        desk.assert_bad(&format!("find_available({arguments})"), argument, problem);
    }
    let many = "SELECT find_available('VEHICLE', ARRAY(SELECT date '2090-01-01' + n FROM generate_series(1, 400) n))";
    assert_eq!(
        desk.error(many, &[]).field("problem"),
        json!("must have at most 366 dates, not 400")
    );
}
