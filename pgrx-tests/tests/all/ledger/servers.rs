//! The feed and the ledger on servers that crash, are restored elsewhere, follow and are promoted.

use super::events::{assert_all_seen, prepare, CONSUME};
use crate::api::shop::{connect, verify, Shop};
use postgres::{Client, NoTls};
use std::process::Stdio;
use stockroom_tests::{Cluster, ClusterOptions, Db, Session};
use uuid::Uuid;

fn shop_on(cluster: &Cluster) -> Shop {
    let db = Db::on(cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    let mut shop = Shop { client, db };
    prepare(&mut shop.client);
    shop
}

/// Nobody but the session that commits writes the log to disk.
fn lazy() -> ClusterOptions {
    Cluster::options()
        .setting("autovacuum", "off")
        .setting("wal_writer_delay", "'10s'")
        .setting("checkpoint_timeout", "'1h'")
}

/// No transactions but the test's own: whatever runs holds events back.
fn quiet() -> ClusterOptions {
    Cluster::options().fsync(false).setting("autovacuum", "off")
}

fn connect_to(cluster: &Cluster, shop: &Shop) -> Client {
    let mut config = cluster.config();
    config.dbname(shop.db.name());
    let mut client = config.connect(NoTls).expect("should connect");
    client.batch_execute("SET search_path = stock").unwrap();
    client
}

fn keys(client: &mut Client) -> Vec<String> {
    let sql = "SELECT movement_id::text FROM stock.stock_events()";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// How far the log is behind on disk.
fn unflushed(client: &mut Client) -> i64 {
    let sql = "SELECT (pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn())::bigint";
    client.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn an_event_that_was_told_outlives_a_crash() {
    let cluster = lazy().start().unwrap();
    let mut shop = shop_on(&cluster);
    let listing = shop.listing();
    // Seen before it is on disk, as every commit may be for a moment with early lock release.
    let mut writer = Session::open(&shop.db);
    writer.run("SET synchronous_commit = off").unwrap();
    let receive = format!("SELECT stock.receive_stock('{listing}', 1)");
    writer.run(&receive).unwrap();
    assert!(
        unflushed(&mut shop.client) > 0,
        "or this test shows nothing"
    );
    let told = keys(&mut shop.client);
    assert_eq!(told.len(), 1);
    assert_eq!(unflushed(&mut shop.client), 0);
    // This one is told to nobody.
    writer.run(&receive).unwrap();
    assert!(unflushed(&mut shop.client) > 0);
    drop(writer);
    cluster.kill().unwrap();
    cluster.start().unwrap();
    let mut client = connect_to(&cluster, &shop);
    assert_eq!(keys(&mut client), told);
    verify(&mut client);
    // The lost one's transaction number comes again: its key was never told.
    client.batch_execute(&receive).unwrap();
    let all = keys(&mut client);
    assert_eq!((all.len(), &all[0]), (2, &told[0]));
    verify(&mut client);
    shop.client = client;
}

/// At the start of a page of the log the next record's place is not where the last one ends.
#[test]
fn events_are_told_at_the_start_of_a_segment() {
    let cluster = lazy().start().unwrap();
    let mut shop = shop_on(&cluster);
    shop.stocked(1);
    for _ in 0..3 {
        let switched = "SELECT pg_switch_wal(); SELECT count(*) FROM stock.stock_events()";
        shop.run(switched);
        assert_eq!(keys(&mut shop.client).len(), 1);
        shop.run("CREATE TABLE public.filler (); DROP TABLE public.filler");
    }
}

#[test]
fn after_a_restore_elsewhere_new_events_come_after_old_ones() {
    let first = quiet().start().unwrap();
    let mut shop = shop_on(&first);
    // Its numbers of transactions are far ahead.
    shop.run(
        "DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$",
    );
    let listing = shop.stocked(5);
    shop.stocked(2);
    shop.run(CONSUME);
    let dump = first.home().join("dump.sql");
    let mut pg_dump = first.program("pg_dump");
    pg_dump.arg("--file").arg(&dump).arg(shop.db.name());
    assert!(pg_dump.status().unwrap().success());

    let second = quiet().start().unwrap();
    let db = Db::on(&second);
    let mut psql = second.program("psql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--set",
        "ON_ERROR_STOP=1",
        "--file",
    ])
    .arg(&dump)
    .args(["--dbname", db.name()])
    .stdout(Stdio::null());
    assert!(psql.status().unwrap().success());
    let client = connect(&db);
    let mut restored = Shop { client, db };
    let everything = |shop: &mut Shop| shop.everything();
    assert_eq!(everything(&mut restored), everything(&mut shop));
    restored.verify();
    assert_eq!(keys(&mut restored.client), keys(&mut shop.client));
    let receive = "SELECT receive_stock($1, 1)";
    restored.rows(receive, &[&listing]);
    assert_all_seen(&mut restored.client);
    let last =
        "SELECT left(movement_id::text, 3) FROM public.seen ORDER BY movement_id DESC LIMIT 1";
    assert_eq!(restored.text(last), "002");
    restored.verify();
}

#[test]
fn a_standby_tells_events_and_goes_on_when_promoted() {
    let cluster = quiet()
        .setting("max_prepared_transactions", "5")
        .start()
        .unwrap();
    let mut shop = shop_on(&cluster);
    let listing = shop.stocked(5);
    let standby = cluster.standby(Cluster::options()).unwrap();
    let other = shop.listing();
    shop.run(CONSUME);
    // One runs, one is prepared; both hold back what comes after them.
    let mut running = Session::open(&shop.db);
    let receive = |listing: Uuid| format!("SELECT stock.receive_stock('{listing}', 1)");
    running
        .run(&format!("BEGIN; {}", receive(listing)))
        .unwrap();
    shop.receive(other, 1);
    standby.catch_up_with(&cluster).unwrap();
    let mut client = connect_to(&standby, &shop);
    assert_eq!(
        keys(&mut client).len(),
        1,
        "what is running there is known here"
    );
    let at = format!("SELECT stock_at('{listing}', now())");
    assert_eq!(client.query_one(&at, &[]).unwrap().get::<_, i32>(0), 5);
    running.run("PREPARE TRANSACTION 'late'").unwrap();
    standby.catch_up_with(&cluster).unwrap();
    assert_eq!(keys(&mut client).len(), 1);
    for reads in [
        "SELECT FROM stock_history((SELECT listing_id FROM stock_movements LIMIT 1))",
        "SELECT FROM stock_value()",
        "SELECT FROM stock_value(now(), 'average')",
    ] {
        client.query(reads, &[]).unwrap();
    }
    verify(&mut client);

    cluster.crash().unwrap();
    standby.promote().unwrap();
    assert_eq!(keys(&mut client).len(), 1);
    // The first line here begins a generation, and may not come before the prepared one's.
    client.batch_execute(&receive(other)).unwrap();
    client.batch_execute(CONSUME).unwrap();
    let seen = "SELECT count(*) FROM public.seen";
    assert_eq!(client.query_one(seen, &[]).unwrap().get::<_, i64>(0), 1);
    client.batch_execute("COMMIT PREPARED 'late'").unwrap();
    assert_all_seen(&mut client);
    assert_eq!(client.query_one(seen, &[]).unwrap().get::<_, i64>(0), 4);
    verify(&mut client);
    shop.client = client;
}
