//! `synchronous_commit` is what it was, after whatever end of a transaction.

use super::watched::{allocated, run, Watched, SHOW};
use stockroom_tests::Session;

const VALUES: [&str; 5] = ["on", "local", "off", "remote_write", "remote_apply"];

#[test]
fn commit_and_rollback_leave_the_value_that_the_session_set() {
    let mut watched = Watched::open();
    let mut session = Session::open(&watched.db);
    for value in VALUES {
        run(&mut session, &format!("SET synchronous_commit = {value}"));
        run(&mut session, &watched.claim());
        assert_eq!(run(&mut session, SHOW), value);
        for local in VALUES {
            for end in ["COMMIT", "ROLLBACK"] {
                let begin = format!("BEGIN; SET LOCAL synchronous_commit = {local}");
                run(&mut session, &begin);
                run(&mut session, &watched.claim());
                assert_eq!(run(&mut session, SHOW), local);
                run(&mut session, end);
                assert_eq!(run(&mut session, SHOW), value, "{local}, {end}");
            }
        }
        // Set in the transaction, for the session.
        run(&mut session, &format!("BEGIN; {}", watched.claim()));
        run(&mut session, "SET synchronous_commit = local; COMMIT");
        assert_eq!(run(&mut session, SHOW), "local");
    }
    watched.verify();
}

#[test]
fn a_transaction_that_fails_at_its_end_leaves_value_and_counters_as_they_were() {
    let mut watched = Watched::open();
    let mut session = Session::open(&watched.db);
    let before = allocated(&mut session);
    let too_low = "UPDATE stock.stock_lots SET quantity_total = 0";
    for value in ["on", "local"] {
        run(&mut session, &format!("SET synchronous_commit = {value}"));
        for local in ["on", "local"] {
            // The invariant that a lot has what is allocated from it is judged at commit.
            let begin = format!("BEGIN; SET LOCAL synchronous_commit = {local}");
            run(&mut session, &begin);
            run(&mut session, &watched.claim());
            run(&mut session, too_low);
            let error = session.run("COMMIT").unwrap_err();
            assert_eq!(error.name(), "stock_committed");
            assert_eq!(run(&mut session, SHOW), value);
            assert_eq!(allocated(&mut session), before);
        }
    }
    watched.verify();
}

/// PostgreSQL finds this conflict after all callbacks of PRE_COMMIT: the value is off at that moment.
#[test]
fn so_does_one_that_fails_after_the_last_check() {
    let mut watched = Watched::open();
    let (mut first, mut second) = (watched.slow_session(), Session::open(&watched.db));
    run(
        &mut second,
        "INSERT INTO plain SELECT gen_random_uuid() FROM generate_series(1, 2)",
    );
    let before = allocated(&mut second);
    run(&mut first, "SET synchronous_commit = local");
    let begin = "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM plain";
    let insert = "INSERT INTO plain DEFAULT VALUES";
    let claim = watched.claim();
    for sql in [begin, &claim, insert] {
        run(&mut first, sql);
    }
    for sql in [begin, insert, "COMMIT"] {
        run(&mut second, sql);
    }
    let error = first.run("COMMIT").unwrap_err();
    assert_eq!(error.sqlstate, "40001");
    let detail = error.detail.unwrap_or_default();
    assert!(detail.contains("during commit attempt"), "{detail}");
    assert_eq!(run(&mut first, SHOW), "local");
    assert_eq!(allocated(&mut first), before);
    // And the session goes on as ever: what is not the engine's waits, what is the engine's is early.
    watched.must_not_be_early(&mut first, |_| ("SELECT 1".into(), insert.into()));
    watched.must_be_early(&mut first, |watched| ("SELECT 1".into(), watched.claim()));
    watched.verify();
}
