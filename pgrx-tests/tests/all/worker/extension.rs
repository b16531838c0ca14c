//! The worker in a database that has the extension, had it, or gets it.

use super::server::{processes, wait_until, Process, Server};
use stockroom_tests::Db;

#[test]
fn a_worker_is_seen_at_work_and_its_error_ends_it_alone() {
    let server = Server::start();
    let (shop, other) = (server.shop(), server.shop());
    let mut holder = shop.client();
    let lock = "BEGIN; LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).unwrap();
    let worker = wait_until("the worker waits", || server.waiting_worker());
    let oid = "SELECT oid FROM pg_database WHERE datname = current_database()";
    let oid: u32 = holder.query_one(oid, &[]).unwrap().get(0);
    let expected = Process {
        pid: worker.pid,
        database: Some(shop.name().into()),
        name: format!("stockroom worker for database {oid}"),
        state: "active".into(),
        doing: "stockroom: expiring holds and lots".into(),
    };
    assert_eq!(worker, expected);

    // It gives up after a while, and the others have their turn.
    let launcher = server.launcher().pid;
    server.wait_for_round_in(other.name());
    assert_eq!(server.launcher().pid, launcher);
    let errors = server.errors();
    assert!(!errors.is_empty());
    for error in &errors {
        assert!(error.contains("due to lock timeout"), "{error}");
    }
    // Freed, it goes on as if nothing had been.
    wait_until("the next one waits", || server.waiting_worker());
    holder.batch_execute("ROLLBACK").unwrap();
    let errors = server.errors();
    server.wait_for_round_in(shop.name());
    assert_eq!(server.errors(), errors);
}

#[test]
fn a_worker_that_is_cancelled_or_terminated_is_followed_by_another() {
    let server = Server::start();
    let shop = server.shop();
    let launcher = server.launcher().pid;
    for (function, said) in [
        (
            "pg_cancel_backend",
            "canceling statement due to user request",
        ),
        (
            "pg_terminate_backend",
            "terminating background worker \"stockroom worker\"",
        ),
    ] {
        let mut holder = shop.client();
        let lock = "BEGIN; LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).unwrap();
        let worker = wait_until("the worker waits", || server.waiting_worker());
        let end = format!("SELECT {function}($1)");
        holder.execute(&end, &[&worker.pid]).unwrap();
        let mut client = server.client();
        wait_until("another worker", || {
            let another = processes(&mut client, "stockroom worker").pop()?;
            (another.pid != worker.pid).then_some(())
        });
        assert!(server.cluster.log().contains(said), "{said}");
        holder.batch_execute("ROLLBACK").unwrap();
    }
    server.wait_for_round_in(shop.name());
    assert_eq!(server.launcher().pid, launcher);
}

#[test]
fn the_extension_is_dropped_and_made_anew_while_it_makes_its_rounds() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    for schema in ["stock", "\"Odd \"\" schema\"", "stock"] {
        for _ in 0..2 {
            client.batch_execute("DROP EXTENSION stockroom").unwrap();
            let make = format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION stockroom SCHEMA {schema}"
            );
            client.batch_execute(&make).unwrap();
        }
        server.wait_for_round_in(shop.name());
    }
    client.batch_execute("DROP EXTENSION stockroom").unwrap();
    server.wait_for_round_in(shop.name());
    assert_eq!(server.errors(), Vec::<String>::new());
}

/// PostgreSQL has no lock that keeps a schema's name: a batch that has begun under the old one may fail, and
/// it alone.
#[test]
fn its_schema_is_renamed_while_it_makes_its_rounds() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    server.wait_for_round_in(shop.name());
    client
        .batch_execute("ALTER SCHEMA stock RENAME TO goods")
        .unwrap();
    client
        .batch_execute("SELECT goods.hold_stock(goods.register_listing('A', backorder_limit => 1), 1, ttl => '1 ms')")
        .unwrap();
    let live = "SELECT count(*) FROM goods.stock_holds WHERE status = 'active'";
    wait_until("the hold is expired", || {
        (client.query_one(live, &[]).unwrap().get::<_, i64>(0) == 0).then_some(())
    });
    let errors = server.errors();
    let expected = |line: &String| line.contains("relation \"stock.");
    assert!(
        errors.len() <= 1 && errors.iter().all(expected),
        "{errors:?}"
    );
}

/// Or a quiet server would use them up.
#[test]
fn rounds_with_nothing_to_do_take_no_transaction_ids() {
    let server = Server::start();
    let (shop, _without) = (server.shop(), Db::on(&server.cluster));
    server.wait_for_round_in(shop.name());
    let mut client = server.client();
    let mut next = || -> String {
        let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
        client.query_one(sql, &[]).unwrap().get(0)
    };
    let before = next();
    server.wait_for_round_in(shop.name());
    assert_eq!(next(), before);
}
