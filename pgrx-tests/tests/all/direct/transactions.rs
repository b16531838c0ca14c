//! Claims as a part of something larger: subtransactions, the caller's own changes of the same rows,
//! queries that claim many times, and transactions that may not write.

use super::work::{self, one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify};
use postgres::Client;
use stockroom_tests::{expect_error, Cluster, Db};
use uuid::Uuid;

struct Store {
    client: Client,
    db: Db,
    listing: Uuid,
}

impl Store {
    /// With a listing of 1000 units in one lot, of which this session has claimed one.
    fn open() -> Store {
        Store::on(Db::with_extension_in("stock"))
    }

    fn on(db: Db) -> Store {
        let mut store = Store {
            listing: work::stocked(&db),
            client: connect(&db),
            db,
        };
        store.run("SELECT allocate_stock(LISTING, gen_random_uuid(), 1)");
        store
    }

    /// LISTING stands for the listing's key.
    fn text(&self, sql: &str) -> String {
        sql.replace("LISTING", &format!("'{}'", self.listing))
    }

    #[track_caller]
    fn run(&mut self, sql: &str) {
        let sql = self.text(sql);
        if let Err(error) = self.client.batch_execute(&sql) {
            panic!("should succeed: {sql}\n{error:?}");
        }
    }

    #[track_caller]
    fn refuse(&mut self, sql: &str, sqlstate: &str) {
        let sql = self.text(sql);
        let error = expect_error(self.client.batch_execute(&sql));
        assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
        self.client.batch_execute("ROLLBACK").unwrap();
    }

    fn value<T: for<'a> postgres::types::FromSql<'a>>(&mut self, sql: &str) -> T {
        let sql = self.text(sql);
        one(&mut self.client, &sql)
    }

    /// What is claimed by now, by every counter and by the claims.
    #[track_caller]
    fn assert_claimed(&mut self, units: i32) {
        let claimed = self.value::<i32>("SELECT get_reserved_stock(LISTING)");
        assert_eq!(claimed, units);
        verify(&mut self.client);
    }
}

const CLAIM: &str = "PERFORM allocate_stock(LISTING, gen_random_uuid(), 1);";

#[test]
fn subtransactions_that_roll_back_take_their_claims_along() {
    let mut store = Store::open();
    store.run(
        "BEGIN; SELECT allocate_stock(LISTING, gen_random_uuid(), 2);
         SAVEPOINT a; SELECT allocate_stock(LISTING, gen_random_uuid(), 4);
         SAVEPOINT b; SELECT allocate_stock(LISTING, gen_random_uuid(), 8); ROLLBACK TO b;
         SELECT allocate_stock(LISTING, gen_random_uuid(), 16); RELEASE a;
         SAVEPOINT c; SELECT allocate_stock(LISTING, gen_random_uuid(), 32); ROLLBACK TO c;
         SELECT allocate_stock(LISTING, gen_random_uuid(), 64); COMMIT",
    );
    store.assert_claimed(1 + 2 + 4 + 16 + 64);
    // Errors of the app's, of ours and of PostgreSQL's, each in the middle of further claims.
    store.run(&format!(
        "DO $$ BEGIN
           FOR number IN 1 .. 20 LOOP
             BEGIN {CLAIM} RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN {CLAIM} END;
             BEGIN {CLAIM} PERFORM allocate_stock(LISTING, gen_random_uuid(), 100000);
             EXCEPTION WHEN check_violation THEN END;
             BEGIN {CLAIM} PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN {CLAIM} END;
           END LOOP;
         END $$"
    ));
    store.assert_claimed(87 + 40);
}

/// Errors that come from below, while a row is being written: an expression of an index.
#[test]
fn an_index_that_fails_leaves_the_session_whole() {
    let mut store = Store::open();
    store.run(
        "CREATE FUNCTION picky(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN RETURN 1 / (($1 % 3) - 2); END';
         CREATE INDEX ON stock_listings (picky(quantity_allocated));
         CREATE INDEX ON stock_lots (picky(quantity_allocated / 2))",
    );
    store.run(&format!(
        "DO $$ DECLARE failed int := 0; BEGIN
           FOR number IN 1 .. 300 LOOP
             BEGIN {CLAIM} EXCEPTION WHEN division_by_zero THEN
               failed := failed + 1;
               BEGIN PERFORM allocate_stock(LISTING, gen_random_uuid(), 2);
               EXCEPTION WHEN division_by_zero THEN
                 PERFORM allocate_stock(LISTING, gen_random_uuid(), 3);
               END;
             END;
           END LOOP;
           ASSERT failed > 100;
         END $$"
    ));
    verify(&mut store.client);
}

#[test]
fn many_claims_in_one_statement() {
    let mut store = Store::open();
    let count: i64 = store.value(
        "SELECT count(*) FROM generate_series(1, 900) n, allocate_stock(LISTING, gen_random_uuid(), sign(n)::int)",
    );
    assert_eq!(count, 900);
    store.assert_claimed(901);
    // Each sees what the one before it took.
    let left: Vec<i32> = store.value(
        "SELECT array_agg(available) FROM generate_series(1, 3) n,
                LATERAL (SELECT available FROM allocate_stock(LISTING, gen_random_uuid(), n)) a",
    );
    assert_eq!(left, [98, 96, 93]);
    store.refuse(
        "SELECT allocate_stock(LISTING, gen_random_uuid(), 1) FROM generate_series(1, 200)",
        "23514",
    );
    store.assert_claimed(907);
}

#[test]
fn claims_by_triggers_ctes_and_cursors_of_the_app() {
    let mut store = Store::open();
    store.run(
        "CREATE TABLE orders (order_id uuid DEFAULT gen_random_uuid(), listing_id uuid, units int, available int);
         CREATE FUNCTION claim() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             SELECT available INTO NEW.available
               FROM allocate_stock(NEW.listing_id, NEW.order_id, NEW.units);
             RETURN NEW;
           END $$;
         CREATE TRIGGER claim BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION claim();
         INSERT INTO orders (listing_id, units) SELECT LISTING, n FROM generate_series(1, 4) n",
    );
    let sql = "SELECT array_agg(available ORDER BY units) FROM orders";
    assert_eq!(store.value::<Vec<i32>>(sql), [998, 996, 993, 989]);
    store.run(
        "WITH taken AS (SELECT * FROM allocate_stock(LISTING, gen_random_uuid(), 5)),
              more AS (INSERT INTO orders (listing_id, units) SELECT LISTING, 2 RETURNING *)
         SELECT count(*) FROM taken, more",
    );
    // A cursor's snapshot is older than the claims; it still tells what it saw.
    store.run(
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR
            SELECT quantity_allocated, get_reserved_stock(listing_id) FROM stock_listings",
    );
    let before: i32 = store.value("SELECT get_reserved_stock(LISTING)");
    store.run("SELECT allocate_stock(LISTING, gen_random_uuid(), 1)");
    let row = store.client.query_one("FETCH c", &[]).unwrap();
    assert_eq!(
        (row.get::<_, i32>(0), row.get::<_, i32>(1)),
        (before, before)
    );
    store.run("COMMIT; CLOSE c");
    store.assert_claimed(before + 1);
}

/// The caller has changed the same rows before, in the same transaction and in the same statement.
#[test]
fn claims_after_direct_writes_of_the_same_rows() {
    let mut store = Store::open();
    store.run(
        "BEGIN;
         UPDATE stock_lots SET quantity_total = quantity_total + 5;
         UPDATE stock_listings SET name = 'new name', safety_stock = 3;
         INSERT INTO stock_allocations (lot_id, order_id, quantity)
         SELECT lot_id, listing_id, 7 FROM stock_lots;
         SELECT allocate_stock(LISTING, gen_random_uuid(), 994);
         UPDATE stock_lots SET quantity_total = quantity_total - 1, notes = 'one broken';
         SELECT fulfill_allocations(LISTING);
         SELECT release_allocations(LISTING);
         COMMIT",
    );
    store.assert_claimed(995);
    let left: (i32, String) = {
        let sql = store.text("SELECT get_available_stock(LISTING), name FROM stock_listings");
        let row = store.client.query_one(&sql, &[]).unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(left, (2, "new name".to_owned()));
    store.refuse(
        "SELECT allocate_stock(LISTING, gen_random_uuid(), 1)",
        "23514",
    );
}

/// A check that waits for the commit passes over versions that are gone by then: the next version
/// must bring its own.
#[test]
fn deferred_keys_of_rows_written_before() {
    let mut store = Store::open();
    store.run(
        "CREATE TABLE owners (owner_id uuid PRIMARY KEY);
         ALTER TABLE stock_lots ADD FOREIGN KEY (owner_id) REFERENCES owners DEFERRABLE INITIALLY DEFERRED;
         ALTER TABLE stock_listings ADD FOREIGN KEY (owner_id) REFERENCES owners DEFERRABLE INITIALLY DEFERRED",
    );
    for write in [
        "UPDATE stock_lots SET owner_id = gen_random_uuid()",
        "UPDATE stock_listings SET owner_id = gen_random_uuid()",
        "INSERT INTO stock_lots (listing_id, quantity_total, owner_id, created_at)
         VALUES (LISTING, 1, gen_random_uuid(), '2000-01-01')",
        "SELECT receive_stock(LISTING, 1, owner_id => gen_random_uuid())",
        "SAVEPOINT a; UPDATE stock_lots SET owner_id = gen_random_uuid(); RELEASE a",
    ] {
        let claimed = format!(
            "BEGIN; {write}; SELECT allocate_stock(LISTING, gen_random_uuid(), 900); COMMIT"
        );
        store.refuse(&claimed, "23503");
        let twice = claimed.replace(
            "COMMIT",
            "SELECT release_allocations(order_id) FROM stock_allocations; COMMIT",
        );
        store.refuse(&twice, "23503");
    }
    store.assert_claimed(1);
}

#[test]
fn transactions_that_may_not_write() {
    let mut store = Store::open();
    let writes = [
        "SELECT allocate_stock(LISTING, gen_random_uuid(), 1)",
        "SELECT allocate_stock(LISTING, gen_random_uuid(), 1, idempotency_key => 'a')",
        "SELECT fulfill_allocations(order_id) FROM stock_allocations",
        "SELECT receive_stock(LISTING, 1)",
    ];
    for write in writes {
        store.refuse(&format!("BEGIN READ ONLY; {write}"), "25006");
    }
    store.run("BEGIN READ ONLY; SELECT get_available_stock(LISTING); COMMIT");
    store.assert_claimed(1);
}

/// Tables of the session's own that have the engine's names; workers that read for the leader.
#[test]
fn temporary_tables_and_parallel_queries() {
    let mut store = Store::open();
    store.run(
        "CREATE TEMP TABLE stock_lots (LIKE stock.stock_lots INCLUDING ALL);
         CREATE TEMP TABLE stock_listings (LIKE stock.stock_listings INCLUDING ALL);
         SET search_path = pg_temp, stock;
         SELECT stock.allocate_stock(LISTING, gen_random_uuid(), 1);
         SET search_path = stock; DROP TABLE pg_temp.stock_lots, pg_temp.stock_listings",
    );
    store.assert_claimed(2);
    store.run(
        "CREATE TABLE many AS SELECT LISTING::uuid AS listing_id FROM generate_series(1, 20000);
         ANALYZE many; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0",
    );
    let sum = "SELECT sum(get_available_stock(listing_id)) FROM many";
    let rows = store.client.query(&format!("EXPLAIN {sum}"), &[]).unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(
        plan.iter().any(|line| line.contains("Parallel")),
        "{plan:?}"
    );
    assert_eq!(store.value::<i64>(sum), 20000 * 998);
}

/// Rights are those of whoever the function runs as, as for a statement.
#[test]
fn functions_that_run_as_their_caller_have_their_callers_rights() {
    for by_statements in [false, true] {
        let mut store = Store::open();
        if by_statements {
            store.run(STATEMENTS_ONLY);
        }
        let clerk = store.db.role("clerk");
        store.run(&format!(
            "GRANT USAGE ON SCHEMA stock TO {clerk};
             GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA stock TO {clerk};
             ALTER FUNCTION get_available_stock(uuid) SECURITY INVOKER;
             ALTER FUNCTION allocate_stock SECURITY INVOKER"
        ));
        let mut client = store.db.client_as(&clerk);
        client.batch_execute("SET search_path = stock").unwrap();
        let calls = [
            store.text("SELECT get_available_stock(LISTING)"),
            store.text("SELECT allocate_stock(LISTING, gen_random_uuid(), 1)"),
        ];
        for call in &calls {
            let error = expect_error(client.batch_execute(call));
            assert_eq!(error.sqlstate, "42501", "{call}");
        }
        // Each right by itself: the next one is missing.
        for table in ["stock_listings", "stock_lots", "stock_levels"] {
            for right in ["SELECT", "UPDATE"] {
                store.run(&format!("GRANT {right} ON {table} TO {clerk}"));
                let error = expect_error(client.batch_execute(&calls[1]));
                assert_eq!(error.sqlstate, "42501", "{right} on {table}");
            }
        }
        client.batch_execute(&calls[0]).unwrap();
        store.run(&format!(
            "GRANT INSERT, SELECT ON stock_allocations, stock_levels TO {clerk};
             GRANT SELECT ON stock_loans TO {clerk}"
        ));
        client.batch_execute(&calls[1]).unwrap();
        store.assert_claimed(2);
    }
}

#[test]
fn prepared_transactions() {
    let cluster = Cluster::options()
        .fsync(false)
        .setting("max_prepared_transactions", "5")
        .start()
        .unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let mut store = Store::on(db);
    for (name, end, claimed) in [("a", "COMMIT", 3), ("b", "ROLLBACK", 3)] {
        store.run(&format!(
            "BEGIN; SELECT allocate_stock(LISTING, gen_random_uuid(), 2); PREPARE TRANSACTION '{name}';
             SET lock_timeout = '50ms'"
        ));
        store.refuse(
            "SELECT allocate_stock(LISTING, gen_random_uuid(), 1)",
            "55P03",
        );
        store.run(&format!("{end} PREPARED '{name}'"));
        store.assert_claimed(claimed);
    }
    store.run("SELECT allocate_stock(LISTING, gen_random_uuid(), 1)");
    store.assert_claimed(4);
}
