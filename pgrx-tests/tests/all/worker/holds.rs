//! Holds whose time is over, expired by nobody but the worker.

use super::server::{options, wait_until, Server};
use postgres::Client;
use stockroom_tests::Cluster;
use uuid::Uuid;

const TENANT: &str = "70000000-0000-4000-8000-000000000001";

/// A new listing of the session's tenant, with so many holds of one unit whose time was over a minute ago.
fn listing_with_dead_holds(client: &mut Client, holds: i32) -> Uuid {
    let register = "SELECT stock.register_listing(NULL)";
    let listing: Uuid = client.query_one(register, &[]).unwrap().get(0);
    client
        .execute(
            "SELECT stock.receive_stock($1, $2 + 1)",
            &[&listing, &holds],
        )
        .unwrap();
    let insert = "INSERT INTO stock.stock_holds (listing_id, quantity, expires_at)
                  SELECT $1, 1, clock_timestamp() - interval '1 minute' FROM generate_series(1, $2)";
    client.execute(insert, &[&listing, &holds]).unwrap();
    listing
}

fn with_status(client: &mut Client, status: &str) -> i64 {
    let sql = "SELECT count(*) FROM stock.stock_holds WHERE status = $1";
    client.query_one(sql, &[&status]).unwrap().get(0)
}

fn wait_until_expired(client: &mut Client, holds: i64) {
    wait_until("the holds are expired", || {
        (with_status(client, "expired") == holds).then_some(())
    });
    assert_eq!(with_status(client, "active"), 0);
    let verify = "SELECT FROM stock.verify_stock() UNION ALL SELECT FROM stock.verify_ledger()";
    assert!(client.query(verify, &[]).unwrap().is_empty());
}

#[test]
fn expired_holds_are_expired_in_every_database_and_for_every_tenant() {
    let server = Server::start();
    for shop in [server.shop(), server.shop()] {
        let mut client = shop.client();
        listing_with_dead_holds(&mut client, 1);
        let other = format!("SET stockroom.tenant_id = '{TENANT}'");
        client.batch_execute(&other).unwrap();
        let listing = listing_with_dead_holds(&mut client, 2);
        wait_until_expired(&mut client, 3);
        let held = "SELECT quantity_held FROM stock.stock_listings WHERE listing_id = $1";
        let held = client.query_one(held, &[&listing]).unwrap();
        assert_eq!(held.get::<_, i32>(0), 0);
    }
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn a_live_hold_is_left_alone() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    let listing = listing_with_dead_holds(&mut client, 1);
    let insert = "INSERT INTO stock.stock_holds (listing_id, quantity, expires_at)
                  VALUES ($1, 1, clock_timestamp() + interval '1 hour')";
    client.execute(insert, &[&listing]).unwrap();
    wait_until("the dead one is expired", || {
        (with_status(&mut client, "expired") == 1).then_some(())
    });
    server.wait_for_round_in(shop.name());
    assert_eq!(with_status(&mut client, "active"), 1);
}

#[test]
fn more_holds_than_a_batch_are_expired() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    listing_with_dead_holds(&mut client, 2500);
    wait_until_expired(&mut client, 2500);
}

#[test]
fn what_a_database_has_set_does_not_keep_the_worker_from_it() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    let role = shop.role("shopper");
    for setting in [
        "search_path = ''",
        "row_security = off",
        "check_function_bodies = off",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "synchronous_commit = remote_apply",
        &format!("role = '{role}'"),
    ] {
        server.run(&format!("ALTER DATABASE {} SET {setting}", shop.name()));
    }
    listing_with_dead_holds(&mut client, 3);
    wait_until_expired(&mut client, 3);
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn a_synchronous_standby_that_is_not_there_is_not_waited_for() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    let patient = "SET synchronous_commit = local";
    client.batch_execute(patient).unwrap();
    server.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.run("SELECT pg_reload_conf()");
    listing_with_dead_holds(&mut client, 3);
    wait_until_expired(&mut client, 3);
    // Or dropping the database would wait.
    server.run("ALTER SYSTEM RESET synchronous_standby_names");
    server.run("SELECT pg_reload_conf()");
}

#[test]
fn a_listing_that_somebody_keeps_holds_up_no_other_database() {
    let server = Server::start();
    let (shop, other) = (server.shop(), server.shop());
    let (mut holder, mut client) = (shop.client(), shop.client());
    let listing = listing_with_dead_holds(&mut client, 1);
    let keep = format!(
        "BEGIN; SELECT FROM stock.stock_listings WHERE listing_id = '{listing}' FOR UPDATE"
    );
    holder.batch_execute(&keep).unwrap();
    let mut elsewhere = other.client();
    listing_with_dead_holds(&mut elsewhere, 1);
    wait_until_expired(&mut elsewhere, 1);
    holder.batch_execute("ROLLBACK").unwrap();
    wait_until_expired(&mut client, 1);
}

#[test]
fn a_promoted_standby_expires_what_the_primary_left() {
    let primary = Server::with(options().setting("stockroom.worker_interval", "'0'"));
    let shop = primary.shop();
    listing_with_dead_holds(&mut shop.client(), 2);
    let second = Cluster::options().setting("stockroom.worker_interval", "'1s'");
    let standby = primary.cluster.standby(second).unwrap();
    standby.catch_up_with(&primary.cluster).unwrap();
    primary.cluster.crash().unwrap();
    standby.promote().unwrap();
    wait_until_expired(&mut standby.connect(shop.name()).unwrap(), 2);
}

#[test]
fn dropping_the_extension_waits_for_the_batch_and_meets_no_error() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    for _ in 0..5 {
        listing_with_dead_holds(&mut client, 3000);
        wait_until("one batch is done, and the next begins", || {
            (with_status(&mut client, "expired") > 0).then_some(())
        });
        client
            .batch_execute("DROP EXTENSION stockroom; CREATE EXTENSION stockroom SCHEMA stock")
            .unwrap();
    }
    assert_eq!(server.errors(), Vec::<String>::new());
}
