//! Many calls in one statement or transaction, at every isolation level: each sees what came before it.

use super::shop::{days, Desk};
use crate::api::shop::connect;
use stockroom_tests::{expect_error, texts};
use uuid::Uuid;

#[test]
fn calls_of_one_statement_see_each_other() {
    let mut desk = Desk::with("car", 3);
    let states = desk.texts(
        "SELECT h.state, h.available FROM generate_series(1, 5) AS n,
                LATERAL hold_resource('car', ARRAY[date '2090-01-01' + n * 0], 1, on_short => 'answer') AS h",
    );
    assert_eq!(
        states,
        [
            "ACTIVE|2",
            "ACTIVE|1",
            "ACTIVE|0",
            "insufficient|0",
            "insufficient|0"
        ]
    );
    let same = desk.texts(
        "SELECT h.replayed FROM generate_series(1, 3) AS n,
                LATERAL hold_resource('car', ARRAY[date '2090-01-02' + n * 0], 2, idempotency_token => 'k') AS h",
    );
    assert_eq!(same, ["f", "t", "t"]);
    desk.run(
        "SELECT confirm_resource_hold(id, 'o', id::text) FROM resource_hold;
         SELECT cancel_resource_allocation(id) FROM resource_allocation WHERE quantity = 1",
    );
    assert_eq!(desk.left("car"), "3 1 3 3 3 3 3");
    desk.prove_bookings();
}

/// Functions and plain SQL in turns, and savepoints that are taken back.
#[test]
fn a_whole_life_fits_into_one_transaction() {
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let mut desk = Desk::open();
        let listing = desk.stocked(4);
        desk.run(&format!(
            "BEGIN ISOLATION LEVEL {level};
             SELECT create_resource('VEHICLE', 'Car', id => 'car'), create_resource('TOUR', 'Tour', id => 'tour', listing_id => '{listing}');
             SELECT open_capacity(id, '2090-01-01', '2090-01-07', 3) FROM resource"
        ));
        desk.run("SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 2, NULL, 'k')");
        desk.run("INSERT INTO resource_hold (resource_id, dates, quantity, expires_at) VALUES ('car', '{2090-01-03}', 3, '2001-01-01')");
        desk.run("SELECT hold_resource('car', '{2090-01-03}', 2)");
        desk.run("SAVEPOINT a; SELECT hold_resource('car', '{2090-01-04}', 3); UPDATE resource_hold SET quantity = 1; ROLLBACK TO a");
        let booking: Uuid = desk.value(
            "SELECT confirm_resource_hold(id, 'o', '1', 'key') FROM resource_hold WHERE idempotency_token = 'k'",
            &[],
        );
        desk.rows(
            "SELECT move_resource_allocation($1, '{2090-01-02,2090-01-03}', 1)",
            &[&booking],
        );
        desk.run("SAVEPOINT b");
        assert_eq!(
            desk.refusal("SELECT hold_resource('car', '{2090-01-03}', 1)"),
            "insufficient_capacity"
        );
        desk.run("ROLLBACK TO b; SELECT add_blackout('car', '2090-01-07', '2090-01-07')");
        desk.run("SELECT hold_resource('tour', '{2090-01-05}', 3)");
        desk.run("SAVEPOINT c");
        let sale = format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 2)");
        assert_eq!(desk.refusal(&sale), "insufficient_stock");
        desk.run("ROLLBACK TO c");
        desk.allocate(listing, 1);
        assert_eq!(desk.left("car"), "3 2 0 3 3 3 3", "{level}");
        assert_eq!(desk.free("tour"), "3 3 3 3 0 3 3", "{level}");
        desk.prove_bookings();
        desk.run("COMMIT");
        desk.prove_bookings();
    }
}

/// What a block catches leaves nothing behind.
#[test]
fn a_block_that_catches_an_error_goes_on() {
    let mut desk = Desk::with("car", 2);
    desk.run(
        "DO $$
         DECLARE held int := 0; refused int := 0;
         BEGIN
             FOR n IN 1..5 LOOP
                 BEGIN
                     PERFORM hold_resource('car', '{2090-01-01,2090-01-02}', 1);
                     held := held + 1;
                 EXCEPTION WHEN check_violation THEN
                     refused := refused + 1;
                 END;
             END LOOP;
             BEGIN
                 INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
                 VALUES ('car', 'o', '1', '{2090-01-05}', 2);
                 PERFORM hold_resource('car', '{2090-01-05}', 1);
             EXCEPTION WHEN check_violation THEN
                 refused := refused + 1;
             END;
             IF (held, refused) <> (2, 4) THEN RAISE '% %', held, refused; END IF;
         END $$",
    );
    assert_eq!(desk.left("car"), "0 0 2 2 2 2 2");
    desk.prove_bookings();
}

/// A transaction that sees the database as it was cannot claim what has changed since; it is told to try again.
#[test]
fn at_higher_levels_what_has_changed_since_is_a_serialization_failure() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut desk = Desk::with("car", 3);
        let mut other = connect(&desk.db);
        desk.run(&format!(
            "BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM resource_hold"
        ));
        other
            .batch_execute("SELECT hold_resource('car', '{2090-01-01}', 2)")
            .unwrap();
        let error = desk.error(
            &format!("SELECT hold_resource('car', '{}', 1)", days("1 2")),
            &[],
        );
        assert_eq!(error.sqlstate, "40001", "{level}: {error:?}");
        desk.run("ROLLBACK");
        desk.hold_days("car", "1 2", 1);
        assert_eq!(desk.left("car"), "0 2 3 3 3 3 3");
        desk.prove_bookings();
    }
}

/// Reads see what their query sees; claims see what is there.
#[test]
fn reads_are_of_the_callers_snapshot() {
    let mut desk = Desk::with("car", 3);
    let mut other = connect(&desk.db);
    desk.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM resource_hold");
    let hold = "SELECT hold_id::text FROM hold_resource('car', '{2090-01-01}', 3)";
    let hold = texts(&mut other, hold).remove(0);
    assert_eq!(desk.free("car"), "3 3 3 3 3 3 3");
    let found = "SELECT available FROM find_available('VEHICLE', '{2090-01-01}')";
    assert_eq!(desk.text(found), "3");
    let error = expect_error(
        desk.client
            .simple_query(&format!("SELECT get_resource_hold('{hold}')")),
    );
    assert_eq!(error.name(), "hold_not_found");
    desk.run("ROLLBACK");
    assert_eq!(desk.free("car"), "0 3 3 3 3 3 3");
    // Within one statement too.
    let before = "SELECT a.available FROM hold_resource('car', '{2090-01-02}', 1) h, LATERAL check_availability('car', '2090-01-02', '2090-01-02') a WHERE h.state = 'ACTIVE'";
    assert_eq!(desk.text(before), "3");
    assert_eq!(desk.free("car"), "0 2 3 3 3 3 3");
    desk.prove_bookings();
}
