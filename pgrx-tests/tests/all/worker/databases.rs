//! Databases come and go while the launcher runs, and none of them notices it.

use super::server::{wait_until, Server};
use stockroom_tests::Db;

#[test]
fn databases_are_dropped_and_copied_while_it_makes_its_rounds() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = server.client();
    for _ in 0..2 {
        let copy = format!("CREATE DATABASE copy TEMPLATE {}", shop.name());
        client.batch_execute(&copy).unwrap();
        // A copy is a database like any other.
        server.wait_for_round_in("copy");
        client
            .batch_execute("ALTER DATABASE copy RENAME TO renamed")
            .unwrap();
        client.batch_execute("DROP DATABASE renamed").unwrap();
    }
    server.wait_for_round_in(shop.name());
    // A worker that is on its way finds the database gone, and only the log knows.
    let mut errors = server.errors();
    errors
        .retain(|error| !(error.contains("FATAL:  database") && error.contains("does not exist")));
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn databases_are_dropped_and_copied_while_it_sleeps() {
    let server = Server::start();
    let shop = server.shop();
    for (interval, doing) in [("0", "off"), ("1h", "waiting for the next round")] {
        server.set_interval(interval);
        server.wait_until_launcher_says(doing);
        server.run(&format!("CREATE DATABASE copy TEMPLATE {}", shop.name()));
        server.run("DROP DATABASE copy");
    }
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn a_database_is_dropped_by_force_while_its_worker_waits_for_a_lock() {
    let server = Server::start();
    let shop = server.shop();
    let mut holder = shop.client();
    let lock = "BEGIN; LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).unwrap();
    wait_until("the worker waits", || server.waiting_worker());
    let drop = format!("DROP DATABASE {} WITH (FORCE)", shop.name());
    server.run(&drop);
    server.wait_for_round_in("postgres");
}

#[test]
fn a_database_without_the_extension_is_left_alone() {
    let server = Server::start();
    let (shop, other) = (server.shop(), Db::on(&server.cluster));
    let contents =
        "SELECT format('%s %s %s', (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc),
                                  (SELECT count(*) FROM pg_extension))";
    let seen = |db: &Db| -> String { db.client().query_one(contents, &[]).unwrap().get(0) };
    let before = seen(&other);
    server.wait_for_round_in(other.name());
    server.wait_for_round_in(shop.name());
    assert_eq!(seen(&other), before);
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn templates_and_databases_that_take_no_connections_are_passed_over() {
    let server = Server::start();
    let (closed, template) = (Db::on(&server.cluster), Db::on(&server.cluster));
    let mut client = server.client();
    let close = format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", closed.name());
    client.batch_execute(&close).unwrap();
    let mark = format!("ALTER DATABASE {} IS_TEMPLATE true", template.name());
    client.batch_execute(&mark).unwrap();
    // What had begun before may still come.
    server.wait_for_round_in("postgres");
    let rounds = || {
        ["template0", "template1", closed.name(), template.name()]
            .map(|name| server.rounds_in(name))
    };
    let before = rounds();
    server.wait_for_round_in("postgres");
    assert_eq!(rounds(), before);
    assert_eq!(before[..2], [0, 0]);
    assert_eq!(server.errors(), Vec::<String>::new());
    // Or it could not be dropped.
    let unmark = format!("ALTER DATABASE {} IS_TEMPLATE false", template.name());
    client.batch_execute(&unmark).unwrap();
}
