//! Those who follow the log: a synchronous standby, a consumer of logical decoding, a listener.

use super::watched::{finish, run, Watched};
use postgres::fallible_iterator::FallibleIterator;
use std::time::Duration;
use stockroom_tests::{Cluster, Session};
use uuid::Uuid;

/// Waits until the session waits for a standby.
fn wait_for_standby_wait(other: &mut Session, waiting: &mut Session) {
    let sql = format!(
        "SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = {}",
        waiting.backend_pid()
    );
    while run(other, &sql) != "SyncRep" {
        assert!(!waiting.has_finished(), "answered without the standby");
    }
}

#[test]
fn with_a_synchronous_standby_nothing_is_early() {
    let mut watched = Watched::open();
    let second = Cluster::options().setting("cluster_name", "'second'");
    let standby = watched.cluster.standby(second).unwrap();
    let (mut claiming, mut other) = (Session::open(&watched.db), Session::open(&watched.db));
    // Now every other commit waits for the standby.
    run(&mut other, "SET synchronous_commit = local");
    run(
        &mut other,
        "ALTER SYSTEM SET synchronous_standby_names = 'second'",
    );
    run(&mut other, "SELECT pg_reload_conf()");
    while run(&mut other, "SHOW synchronous_standby_names") != "second" {}
    // It is there, and commits come through.
    run(&mut claiming, &watched.claim());

    standby.stop().unwrap();
    let (before, claim) = (watched.state(), watched.claim());
    claiming.start(&claim);
    wait_for_standby_wait(&mut other, &mut claiming);
    let lock = "SELECT FROM stock.stock_listings FOR UPDATE NOWAIT";
    assert_eq!(other.run(lock).unwrap_err().sqlstate, "55P03");
    assert_eq!(watched.state(), before, "seen before the standby has it");

    standby.start().unwrap();
    finish(&mut claiming);
    assert_eq!(watched.state(), before + 1);
    run(&mut other, lock);

    // `local` asks no standby, so it is early though one is named.
    standby.stop().unwrap();
    let mut local = watched.slow_session();
    run(&mut local, "SET synchronous_commit = local");
    watched.must_be_early(&mut local, |watched| ("SELECT 1".into(), watched.claim()));
    run(&mut other, "ALTER SYSTEM RESET synchronous_standby_names");
    run(&mut other, "SELECT pg_reload_conf()");
    watched.verify();
}

/// The setting reaches a session only between its statements, so a procedure that is running does not
/// know of the standby; the server does, and the answer waits.
#[test]
fn a_standby_that_is_asked_for_meanwhile_is_waited_for() {
    let mut watched = Watched::open();
    let (mut claiming, mut other) = (Session::open(&watched.db), Session::open(&watched.db));
    watched.db.execute(
        "CREATE PROCEDURE claim_after(listing uuid, lock_key bigint) LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM pg_advisory_lock(lock_key);
           PERFORM stock.allocate_stock(listing, gen_random_uuid(), 1);
           COMMIT;
         END $$",
    );
    run(&mut other, "SET synchronous_commit = local");
    run(&mut other, "SELECT pg_advisory_lock(1)");
    claiming.start(&format!("CALL claim_after('{}', 1)", watched.listing));
    assert!(claiming.is_blocked());
    run(
        &mut other,
        "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
    );
    run(&mut other, "SELECT pg_reload_conf()");
    // The checkpointer tells all: a session that knows the setting waits, so it has.
    let mut waiting = Session::open(&watched.db);
    waiting.start("INSERT INTO plain DEFAULT VALUES");
    wait_for_standby_wait(&mut other, &mut waiting);

    run(&mut other, "SELECT pg_advisory_unlock(1)");
    wait_for_standby_wait(&mut other, &mut claiming);
    run(&mut other, "ALTER SYSTEM RESET synchronous_standby_names");
    run(&mut other, "SELECT pg_reload_conf()");
    finish(&mut waiting);
    finish(&mut claiming);
    watched.verify();
}

#[test]
fn logical_decoding_shows_only_what_is_on_disk() {
    let mut watched = Watched::with(Cluster::options().setting("wal_level", "logical"));
    let (mut claiming, mut consumer) = (watched.slow_session(), Session::open(&watched.db));
    run(
        &mut consumer,
        "SELECT pg_create_logical_replication_slot('consumer', 'test_decoding')",
    );
    let order = Uuid::new_v4();
    let decoded = format!(
        "SELECT count(*) FROM pg_logical_slot_peek_changes('consumer', NULL, NULL)
          WHERE data LIKE '%stock_allocations: INSERT:%{order}%'"
    );
    let before = std::cell::Cell::new(String::new());
    watched.while_unflushed(
        &mut claiming,
        |watched| ("SELECT 1".into(), watched.claim_for(order)),
        |watched, position| {
            let seen = run(&mut consumer, &decoded);
            before.set(seen);
            watched.lsn("flush") <= position
        },
    );
    // Each look claimed one unit for the order; the last claim was seen by a reader, not by the consumer.
    let claims = format!("SELECT count(*) FROM stock.stock_allocations WHERE order_id = '{order}'");
    let claims: i32 = run(&mut consumer, &claims).parse().unwrap();
    assert_eq!(before.take(), (claims - 1).to_string());
    assert_eq!(run(&mut consumer, &decoded), claims.to_string());
}

#[test]
fn a_listener_hears_after_the_flush() {
    let mut watched = Watched::open();
    let mut claiming = watched.slow_session();
    let mut listener = watched.db.client();
    listener.batch_execute("LISTEN sold").unwrap();
    for _ in 0..3 {
        let begin = format!("BEGIN; {}; NOTIFY sold", watched.claim());
        run(&mut claiming, &begin);
        let position = watched.lsn("insert");
        claiming.start("COMMIT");
        let patience = Duration::from_secs(30);
        let heard = listener.notifications().timeout_iter(patience).next();
        let flushed = watched.lsn("flush");
        assert!(heard.unwrap().is_some());
        assert!(flushed > position, "heard before the flush");
        finish(&mut claiming);
    }
    watched.verify();
}
