//! Claims beside the locks of others: which they wait for, which they leave, and how they end when
//! they may wait no longer.

use super::work::{self, one};
use crate::api::shop::{connect, verify};
use postgres::Client;
use stockroom_tests::{Db, Session};
use uuid::Uuid;

struct Store {
    db: Db,
    client: Client,
    listing: Uuid,
}

impl Store {
    fn open() -> Store {
        let db = Db::with_extension_in("stock");
        Store {
            listing: work::stocked(&db),
            client: connect(&db),
            db,
        }
    }

    fn session(&self) -> Session {
        let mut session = Session::open(&self.db);
        session.run("SET search_path = stock").unwrap();
        session
    }

    /// A claim by a session that has claimed before.
    fn claim(&self, units: i32) -> String {
        let listing = self.listing;
        format!("SELECT available FROM allocate_stock('{listing}', gen_random_uuid(), {units})")
    }

    fn available(&mut self) -> i32 {
        let sql = format!("SELECT get_available_stock('{}')", self.listing);
        one(&mut self.client, &sql)
    }
}

/// As an UPDATE of a counter does: the row's key stays, so a foreign key's check may hold it.
#[test]
fn key_share_locks_are_no_hindrance() {
    let mut store = Store::open();
    store.db.execute(
        "CREATE TABLE stock.items (listing_id uuid REFERENCES stock.stock_listings,
                             lot_id uuid REFERENCES stock.stock_lots)",
    );
    let (mut holder, mut session) = (store.session(), store.session());
    session.run(&store.claim(1)).unwrap();
    holder
        .run(&format!(
            "BEGIN; INSERT INTO items SELECT listing_id, lot_id FROM stock_lots WHERE listing_id = '{}'",
            store.listing
        ))
        .unwrap();
    session.start(&store.claim(1));
    assert!(!session.is_blocked());
    assert_eq!(session.finish().unwrap().value(), "998");
    // And the other way round: beside a claim that is not committed.
    session.run("BEGIN").unwrap();
    session.run(&store.claim(1)).unwrap();
    holder.start(&format!(
        "INSERT INTO items (listing_id) VALUES ('{}')",
        store.listing
    ));
    assert!(!holder.is_blocked());
    holder.finish().unwrap();
    holder.run("COMMIT").unwrap();
    session.run("COMMIT").unwrap();
    assert_eq!(store.available(), 997);
    verify(&mut store.client);
}

/// Each lock that a SELECT can take, on each table, against a claim.
#[test]
fn row_locks_are_waited_for() {
    let mut store = Store::open();
    let (mut holder, mut session) = (store.session(), store.session());
    let mut left = 1000;
    for table in ["stock_lots", "stock_levels", "stock_listings"] {
        for (lock, waits) in [
            ("UPDATE", true),
            ("NO KEY UPDATE", true),
            ("SHARE", true),
            ("KEY SHARE", false),
        ] {
            let sql = format!("BEGIN; SELECT FROM {table} FOR {lock}");
            holder.run(&sql).unwrap();
            session.start(&store.claim(1));
            assert_eq!(session.is_blocked(), waits, "{lock} on {table}");
            holder.run("COMMIT").unwrap();
            left -= 1;
            assert_eq!(session.finish().unwrap().value(), left.to_string());
        }
    }
    verify(&mut store.client);
}

#[test]
fn a_wait_ends_by_timeout_and_cancel() {
    let mut store = Store::open();
    let (mut holder, mut session) = (store.session(), store.session());
    session.run(&store.claim(1)).unwrap();
    for table in ["stock_lots", "stock_levels", "stock_listings"] {
        let lock = format!("BEGIN; SELECT FROM {table} FOR UPDATE");
        holder.run(&lock).unwrap();
        for (setting, sqlstate) in [("lock_timeout", "55P03"), ("statement_timeout", "57014")] {
            session.run(&format!("SET {setting} = '50ms'")).unwrap();
            let error = session.run(&store.claim(1)).unwrap_err();
            assert_eq!(error.sqlstate, sqlstate, "{table}");
            session.run(&format!("RESET {setting}")).unwrap();
        }
        session.start(&store.claim(1));
        assert!(session.is_blocked());
        let cancel = format!("SELECT pg_cancel_backend({})", session.backend_pid());
        store.client.batch_execute(&cancel).unwrap();
        assert_eq!(session.finish().unwrap_err().sqlstate, "57014");
        // In a transaction the part before it stays.
        session
            .run("BEGIN; SAVEPOINT a; SET LOCAL lock_timeout = '50ms'")
            .unwrap();
        assert_eq!(session.run(&store.claim(1)).unwrap_err().sqlstate, "55P03");
        session.run("ROLLBACK TO a").unwrap();
        holder.run("ROLLBACK").unwrap();
        session.run(&store.claim(1)).unwrap();
        session.run("COMMIT").unwrap();
        verify(&mut store.client);
    }
    assert_eq!(store.available(), 996);
}

/// A claim writes its allocation before it waits for the lot.
#[test]
fn what_a_claim_wrote_in_vain_is_gone() {
    let mut store = Store::open();
    let (mut holder, mut session) = (store.session(), store.session());
    let listing = store.listing;
    let claimed = "SELECT coalesce(sum(quantity), 0) FROM stock_allocations";
    for (left, arguments, answer) in [
        (3, "5, on_short => 'answer'", "insufficient"),
        (3, "5, partial => true", "active"),
        (
            2,
            "5, on_short => 'answer', idempotency_key => 'k'",
            "insufficient",
        ),
    ] {
        store
            .client
            .batch_execute("DELETE FROM stock_allocations")
            .unwrap();
        let set = |total: i32| format!("UPDATE stock_lots SET quantity_total = {total}");
        store.client.batch_execute(&set(1000)).unwrap();
        holder.run("BEGIN").unwrap();
        holder.run(&set(left)).unwrap();
        session.start(&format!(
            "SELECT state FROM allocate_stock('{listing}', gen_random_uuid(), {arguments})"
        ));
        assert!(session.is_blocked());
        holder.run("COMMIT").unwrap();
        assert_eq!(session.finish().unwrap().value(), answer);
        let units = if answer == "active" {
            i64::from(left)
        } else {
            0
        };
        assert_eq!(one::<i64>(&mut store.client, claimed), units, "{arguments}");
        verify(&mut store.client);
    }
    // Whoever watches deletions is not told of a claim that was none.
    store.db.execute(
        "CREATE FUNCTION public.alarm() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'deleted'; END $$;
         CREATE TRIGGER alarm AFTER DELETE ON stock.stock_allocations
             FOR EACH ROW EXECUTE FUNCTION public.alarm()",
    );
    holder
        .run("BEGIN; UPDATE stock_lots SET quantity_total = 1")
        .unwrap();
    session.start(&format!(
        "SELECT state FROM allocate_stock('{listing}', gen_random_uuid(), 2, on_short => 'answer')"
    ));
    assert!(session.is_blocked());
    holder.run("COMMIT").unwrap();
    assert_eq!(session.finish().unwrap().value(), "insufficient");
}

/// Whoever waits for a row that changes meanwhile goes on at READ COMMITTED, and is told to try again
/// at the higher levels; nobody counts from an old number.
#[test]
fn a_row_that_changed_meanwhile() {
    let mut store = Store::open();
    let (mut first, mut second) = (store.session(), store.session());
    let mut left = 1000;
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        for end in ["COMMIT", "ROLLBACK"] {
            let begin = format!("BEGIN ISOLATION LEVEL {level}; SELECT FROM stock_listings");
            first.run(&begin).unwrap();
            second.run(&begin).unwrap();
            first.run(&store.claim(10)).unwrap();
            second.start(&store.claim(20));
            assert!(second.is_blocked());
            first.run(end).unwrap();
            let fails = level != "READ COMMITTED" && end == "COMMIT";
            match second.finish() {
                Ok(_) => assert!(!fails, "{level}, {end}"),
                Err(error) => assert_eq!((error.sqlstate.as_str(), fails), ("40001", true)),
            }
            second.run("COMMIT").unwrap();
            left -= if end == "COMMIT" { 10 } else { 0 };
            left -= if fails { 0 } else { 20 };
            assert_eq!(store.available(), left, "{level}, {end}");
        }
    }
    verify(&mut store.client);
}

/// What one read decides what the other writes: one of the two must fail.
#[test]
fn reads_are_predicate_locks_at_serializable() {
    let mut store = Store::open();
    let other = work::stocked(&store.db);
    let (mut first, mut second) = (store.session(), store.session());
    let read = |listing: Uuid| format!("SELECT get_available_stock('{listing}')");
    let claim =
        |listing: Uuid| format!("SELECT FROM allocate_stock('{listing}', gen_random_uuid(), 1)");
    for session in [&mut first, &mut second] {
        session.run("BEGIN ISOLATION LEVEL SERIALIZABLE").unwrap();
    }
    first.run(&read(store.listing)).unwrap();
    second.run(&read(other)).unwrap();
    let outcomes = [
        first.run(&claim(other)),
        second.run(&claim(store.listing)),
        first.run("COMMIT"),
        second.run("COMMIT"),
    ];
    let failed = outcomes.into_iter().find_map(Result::err);
    assert_eq!(failed.expect("one must fail").sqlstate, "40001");
    verify(&mut store.client);
}

/// Another tenant's listing is nothing, and nothing of it is locked.
#[test]
fn another_tenants_row_is_neither_seen_nor_locked() {
    let mut store = Store::open();
    let tenant = "SET stockroom.tenant_id = 'bbbbbbbb-0000-0000-0000-000000000000'";
    let mut stranger = store.session();
    stranger.run(tenant).unwrap();
    let lot: Uuid = one(&mut store.client, "SELECT lot_id FROM stock_lots");
    let listing = store.listing;
    stranger.run("BEGIN").unwrap();
    for (sql, answer) in [
        (format!("SELECT get_available_stock('{listing}')"), "0"),
        (
            format!("SELECT get_total_stock('{listing}', '00000000-0000-8000-8000-000000000000')"),
            "0",
        ),
        (format!("SELECT release_allocations('{listing}')"), "0"),
    ] {
        assert_eq!(stranger.run(&sql).unwrap().value(), answer, "{sql}");
    }
    for sql in [
        store.claim(1),
        format!(r#"SELECT allocate_lots(gen_random_uuid(), '[{{"lot_id": "{lot}", "quantity": 1}}]')"#),
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{lot}', gen_random_uuid(), 1)"),
        format!("INSERT INTO stock_allocations (lot_id, listing_id, order_id, quantity)
                 VALUES ('{lot}', '{listing}', gen_random_uuid(), 1)"),
        format!("SELECT receive_stock('{listing}', 1)"),
    ] {
        stranger.run("SAVEPOINT a").unwrap();
        let error = stranger.run(&sql).unwrap_err();
        assert_eq!(error.sqlstate, "P0002", "{sql}: {error:?}");
        stranger.run("ROLLBACK TO a").unwrap();
    }
    let mut session = store.session();
    for table in ["stock_lots", "stock_levels", "stock_listings"] {
        session
            .run(&format!("SELECT FROM {table} FOR UPDATE NOWAIT"))
            .unwrap();
    }
    session.start(&store.claim(1));
    assert!(!session.is_blocked());
    session.finish().unwrap();
    stranger.run("COMMIT").unwrap();
    verify(&mut store.client);
}
