//! When a commit is early, when it is not, and who waits for its flush.

use super::watched::{finish, run, Watched, LOOKS};
use std::cell::Cell;
use stockroom_tests::Session;
use uuid::Uuid;

const NOTHING: &str = "SELECT 1";

/// One that waits for the row is let in by the release of the lock; one that comes later would be let
/// in by the row being committed.
#[test]
fn locks_are_free_before_the_flush_and_the_client_is_answered_after() {
    let mut watched = Watched::open();
    let (mut claiming, mut waiting) = (watched.slow_session(), Session::open(&watched.db));
    let mut let_in_early = false;
    for _ in 0..LOOKS {
        run(&mut claiming, &format!("BEGIN; {}", watched.claim()));
        waiting.start("BEGIN; SELECT FROM stock.stock_listings FOR UPDATE");
        assert!(waiting.is_blocked());
        let unflushed = watched.start_and_see(&mut claiming, "COMMIT");
        finish(&mut waiting);
        let_in_early = unflushed.is_some_and(|position| watched.lsn("flush") <= position);
        finish(&mut claiming);
        if let Some(position) = unflushed {
            assert!(watched.lsn("flush") > position, "answered before the flush");
        }
        run(&mut waiting, "ROLLBACK");
        if let_in_early {
            break;
        }
    }
    assert!(let_in_early, "the lock was held through the flush");
    watched.verify();
}

#[test]
fn both_doors_are_early_and_what_is_not_the_engines_is_not() {
    let mut watched = Watched::open();
    let mut session = watched.slow_session();
    let lots = format!(
        "FROM stock.stock_lots WHERE listing_id = '{}'",
        watched.listing
    );
    let claim = format!(
        "INSERT INTO stock.stock_allocations (lot_id, order_id, quantity, status)
         SELECT lot_id, gen_random_uuid(), 1, 'active' {lots}"
    );
    let lower = format!(
        "UPDATE stock.stock_lots SET quantity_total = quantity_total - 1
          WHERE lot_id = (SELECT lot_id {lots} LIMIT 1)"
    );
    watched.must_be_early(&mut session, |watched| (NOTHING.into(), watched.claim()));
    for dml in [&claim, &lower] {
        watched.must_be_early(&mut session, |_| (NOTHING.into(), dml.clone()));
    }
    watched.must_not_be_early(&mut session, |_| {
        (NOTHING.into(), "INSERT INTO plain DEFAULT VALUES".into())
    });
    // The transaction as a whole is early, the app's own rows with it.
    watched.must_be_early(&mut session, |watched| {
        let claim = watched.claim();
        let before = format!("BEGIN; {claim}; INSERT INTO plain DEFAULT VALUES");
        (before, "COMMIT".into())
    });
    watched.verify();
}

#[test]
fn the_settings_decide() {
    let mut watched = Watched::open();
    let mut session = watched.slow_session();
    for (setting, early) in [
        ("synchronous_commit = on", true),
        ("synchronous_commit = local", true),
        ("synchronous_commit = remote_write", false),
        ("synchronous_commit = remote_apply", false),
    ] {
        run(&mut session, &format!("SET {setting}"));
        let claim = |watched: &Watched| (NOTHING.into(), watched.claim());
        match early {
            true => watched.must_be_early(&mut session, claim),
            false => watched.must_not_be_early(&mut session, claim),
        }
        run(&mut session, "RESET synchronous_commit");
    }
    // What counts is what is set at commit.
    watched.must_not_be_early(&mut session, |watched| {
        let before = format!(
            "BEGIN; {}; SET LOCAL stockroom.early_lock_release = off",
            watched.claim()
        );
        (before, "COMMIT".into())
    });
    run(&mut session, "SET stockroom.early_lock_release = off");
    watched.must_not_be_early(&mut session, |watched| (NOTHING.into(), watched.claim()));
    run(&mut session, "RESET stockroom.early_lock_release");
    watched.must_be_early(&mut session, |watched| (NOTHING.into(), watched.claim()));
    watched.verify();
}

/// Answers to so many claims that came before their commit record was on disk.
fn answered_too_soon(watched: &mut Watched, session: &mut Session, claims: usize) -> usize {
    let mut too_soon = 0;
    for number in 0..claims {
        let claim = watched.claim();
        let position = if number % 2 == 0 {
            let position = watched.lsn("insert");
            run(session, &claim);
            position
        } else {
            run(session, &format!("BEGIN; {claim}"));
            let position = watched.lsn("insert");
            run(session, "COMMIT");
            position
        };
        // The commit record lies behind this position.
        too_soon += usize::from(watched.lsn("flush") <= position);
    }
    too_soon
}

#[test]
fn no_answer_comes_before_its_commit_is_on_disk() {
    let mut watched = Watched::open();
    let mut session = Session::open(&watched.db);
    assert_eq!(answered_too_soon(&mut watched, &mut session, 400), 0);
    // The same look at a session that does not wait: it can see an answer that came too soon.
    run(&mut session, "SET synchronous_commit = off");
    assert!(answered_too_soon(&mut watched, &mut session, 50) > 0);
}

/// An answer of a second session, given while the first one's commit is seen and not on disk: was it
/// on disk by then?
fn waited(
    watched: &mut Watched,
    transaction: impl Fn(&Watched) -> (String, String),
    then: impl Fn() -> String,
    expected: &str,
) -> bool {
    let (mut first, mut second) = (watched.slow_session(), Session::open(&watched.db));
    let mut waited = false;
    watched.while_unflushed(&mut first, transaction, |watched, position| {
        assert_eq!(run(&mut second, &then()), expected);
        waited = watched.lsn("flush") > position;
        true
    });
    waited
}

#[test]
fn an_answer_that_rests_on_an_early_commit_waits_for_it_and_a_mere_read_does_not() {
    let mut watched = Watched::open();
    let listing = watched.listing;
    let order = Cell::new(Uuid::nil());
    // A look that comes too late has used its order up.
    let next_order = || order.set(Uuid::new_v4());

    let keyed = || {
        let order = order.get();
        format!(
            "SELECT replayed FROM stock.allocate_stock('{listing}', '{order}', 1, idempotency_key => '{order}')"
        )
    };
    let claiming = |_: &Watched| {
        next_order();
        (NOTHING.into(), keyed())
    };
    assert!(waited(&mut watched, claiming, keyed, "t"), "a replay");

    let release = || format!("SELECT stock.release_allocations('{}')", order.get());
    let releasing = |watched: &Watched| {
        next_order();
        (watched.claim_for(order.get()), release())
    };
    assert!(
        waited(&mut watched, releasing, release, "0"),
        "released already"
    );

    let read = || {
        format!(
            "SELECT count(*) FROM stock.stock_allocations WHERE order_id = '{}'",
            order.get()
        )
    };
    let claiming = |watched: &Watched| {
        next_order();
        (NOTHING.into(), watched.claim_for(order.get()))
    };
    assert!(
        !waited(&mut watched, claiming, read, "1"),
        "a read is not held up"
    );
    let locking = || {
        let order = order.get();
        format!(
            "SELECT quantity FROM stock.stock_allocations WHERE order_id = '{order}' FOR KEY SHARE"
        )
    };
    assert!(
        waited(&mut watched, claiming, locking, "1"),
        "a locking read"
    );
    watched.verify();
}
