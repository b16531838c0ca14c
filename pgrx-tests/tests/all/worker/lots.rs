//! Lots past their date, expired by nobody but the worker.

use super::server::{wait_until, Server};
use postgres::Client;

const TENANT: &str = "70000000-0000-4000-8000-000000000001";

/// A new listing of the session's tenant with two lots of five, one of them past its date.
fn stock(client: &mut Client) {
    client
        .batch_execute(
            "SELECT stock.receive_stock(g, 5), stock.receive_stock(g, 5, expires_on => '2020-01-01')
               FROM stock.register_listing(NULL) g",
        )
        .unwrap();
}

#[test]
fn lots_past_their_date_expire_for_every_tenant_once_no_hold_needs_them() {
    let server = Server::start();
    let shop = server.shop();
    let mut client = shop.client();
    // A hold whose time is over keeps nothing.
    let hold = "INSERT INTO stock.stock_holds (listing_id, quantity, expires_at)
                SELECT listing_id, 9, clock_timestamp() - interval '1 minute' FROM stock.stock_listings";
    client.batch_execute("BEGIN").unwrap();
    stock(&mut client);
    client.batch_execute(hold).unwrap();
    client.batch_execute("COMMIT").unwrap();
    let other = format!("SET stockroom.tenant_id = '{TENANT}'");
    client.batch_execute(&other).unwrap();
    stock(&mut client);
    wait_until("the lots are expired", || {
        let sql = "SELECT count(*) FROM stock.stock_lots WHERE condition = 'expired'";
        let expired: i64 = client.query_one(sql, &[]).unwrap().get(0);
        (expired == 2).then_some(())
    });
    let available = "SELECT array_agg(quantity_available) FROM stock.stock_listings";
    let available: Vec<i32> = client.query_one(available, &[]).unwrap().get(0);
    assert_eq!(available, [5, 5]);
    let reasons =
        "SELECT DISTINCT reason FROM stock.stock_movements WHERE movement_type = 'condition'";
    let reason: String = client.query_one(reasons, &[]).unwrap().get(0);
    assert_eq!(reason, "good → expired: past its expires_on");
    let verify = "SELECT kind, key FROM stock.verify_stock()";
    assert!(client.query(verify, &[]).unwrap().is_empty());
    assert_eq!(server.errors(), Vec::<String>::new());
}
