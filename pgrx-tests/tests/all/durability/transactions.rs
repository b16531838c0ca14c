//! Early lock release in transactions that are more than one statement: savepoints, caught
//! exceptions, COMMIT inside procedures, PREPARE TRANSACTION.

use super::watched::{allocated, run, Watched, SHOW};
use stockroom_tests::{Cluster, Session};
use uuid::Uuid;

#[test]
fn savepoints() {
    let mut watched = Watched::open();
    let mut session = watched.slow_session();
    for (end, kept) in [("RELEASE a", 1), ("ROLLBACK TO a", 0)] {
        let before = allocated(&mut session);
        run(&mut session, "BEGIN; INSERT INTO plain DEFAULT VALUES");
        run(&mut session, "SAVEPOINT a");
        run(&mut session, &watched.claim());
        run(&mut session, end);
        run(&mut session, "COMMIT");
        assert_eq!(allocated(&mut session), before + kept, "{end}");
        assert_eq!(run(&mut session, SHOW), "on");
    }
    // The claim is in the subtransaction, and still its commit is early.
    for between in ["", "SAVEPOINT a;", "SAVEPOINT a; SAVEPOINT b;"] {
        watched.must_be_early(&mut session, |watched| {
            let begin = format!("BEGIN; {between} {}", watched.claim());
            (begin, "COMMIT".into())
        });
    }
    // Rolled back to a savepoint, and another claim after it.
    watched.must_be_early(&mut session, |watched| {
        let (lost, kept) = (watched.claim(), watched.claim());
        let begin = format!("BEGIN; SAVEPOINT a; {lost}; ROLLBACK TO a; {kept}");
        (begin, "COMMIT".into())
    });
    watched.verify();
}

#[test]
fn caught_exceptions() {
    let mut watched = Watched::open();
    let mut session = watched.slow_session();
    let block = |watched: &Watched| {
        let claim = |quantity: i32| {
            let listing = watched.listing;
            format!("PERFORM stock.allocate_stock('{listing}', gen_random_uuid(), {quantity})")
        };
        let (one, too_many) = (claim(1), claim(1_000_000));
        format!(
            "DO $$ BEGIN
               BEGIN {one}; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN END;
               BEGIN {one}; {too_many}; EXCEPTION WHEN check_violation THEN END;
               {one};
             END $$"
        )
    };
    let before = allocated(&mut session);
    run(&mut session, &block(&watched));
    assert_eq!(allocated(&mut session), before + 1);
    watched.must_be_early(&mut session, |watched| ("SELECT 1".into(), block(watched)));
    assert_eq!(run(&mut session, SHOW), "on");
    watched.verify();
}

#[test]
fn commits_inside_a_procedure() {
    let mut watched = Watched::open();
    let mut session = Session::open(&watched.db);
    watched.db.execute(
        "CREATE PROCEDURE claim_one_by_one(listing uuid, claims int) LANGUAGE plpgsql AS $$
         DECLARE position pg_lsn;
         BEGIN
           FOR number IN 1 .. claims LOOP
             IF number % 3 = 0 THEN
               SET LOCAL synchronous_commit = local;
             END IF;
             PERFORM stock.allocate_stock(listing, gen_random_uuid(), 1);
             position := pg_current_wal_insert_lsn();
             IF number % 5 = 0 THEN
               PERFORM stock.allocate_stock(listing, gen_random_uuid(), 1);
               ROLLBACK;
             ELSE
               COMMIT;
               IF pg_current_wal_flush_lsn() <= position THEN
                 RAISE 'commit % is not on disk', number;
               END IF;
             END IF;
             IF current_setting('synchronous_commit') <> 'on' THEN
               RAISE 'after transaction %: %', number, current_setting('synchronous_commit');
             END IF;
           END LOOP;
         END $$",
    );
    let before = allocated(&mut session);
    let call = format!("CALL claim_one_by_one('{}', 50)", watched.listing);
    run(&mut session, &call);
    assert_eq!(allocated(&mut session), before + 40);
    assert_eq!(run(&mut session, SHOW), "on");
    // The first commit of the call is early already.
    let mut session = watched.slow_session();
    let call = format!("CALL claim_one_by_one('{}', 1)", watched.listing);
    watched.must_be_early(&mut session, |_| ("SELECT 1".into(), call.clone()));
    watched.verify();
}

#[test]
fn prepared_transactions_are_not_early() {
    let options = Cluster::options().setting("max_prepared_transactions", "10");
    let mut watched = Watched::with(options);
    let mut session = watched.slow_session();
    let before = allocated(&mut session);
    let prepare = |watched: &Watched, name: &str| {
        let claim = watched.claim();
        format!("BEGIN; {claim}; PREPARE TRANSACTION '{name}'")
    };

    // Locked and unseen until COMMIT PREPARED, from whatever session.
    run(&mut session, &prepare(&watched, "kept"));
    assert_eq!(run(&mut session, SHOW), "on");
    let mut other = Session::open(&watched.db);
    let lock = "SELECT FROM stock.stock_listings FOR UPDATE NOWAIT";
    assert_eq!(other.run(lock).unwrap_err().sqlstate, "55P03");
    assert_eq!(allocated(&mut other), before);
    run(&mut other, "COMMIT PREPARED 'kept'");
    assert_eq!(allocated(&mut other), before + 1);
    // The mark of a prepared transaction does not reach the session's next one.
    for name in ["a", "b", "c", "d", "e"] {
        let insert = "INSERT INTO plain DEFAULT VALUES";
        let early = watched.is_early(&mut session, 1, |watched| {
            (prepare(watched, name), insert.into())
        });
        assert!(!early);
        run(&mut other, &format!("ROLLBACK PREPARED '{name}'"));
    }
    run(&mut session, &prepare(&watched, "undone"));
    run(&mut session, "ROLLBACK PREPARED 'undone'");
    assert_eq!(allocated(&mut other), before + 1);

    watched.must_not_be_early(&mut session, |watched| {
        let name = Uuid::new_v4().to_string();
        let commit = format!("COMMIT PREPARED '{name}'");
        (prepare(watched, &name), commit)
    });
    watched.must_be_early(&mut session, |watched| ("SELECT 1".into(), watched.claim()));
    watched.verify();
}
