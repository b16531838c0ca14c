//! stock_events: whoever asks again and again gets every line once, in order, whenever it was committed.

use crate::api::shop::Shop;
use postgres::Client;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use stockroom_tests::{interleave, script, Db, Session};
use uuid::Uuid;

/// What a consumer does: it asks for what comes after the last event that it has, and keeps that. An event
/// that came twice would be a duplicate key.
pub const CONSUME: &str = "
    INSERT INTO public.seen (movement_id)
    SELECT movement_id FROM stock.stock_events(
        (SELECT movement_id FROM public.seen ORDER BY movement_id DESC LIMIT 1), 1000)";

pub fn with_consumer() -> Shop {
    let mut shop = Shop::open();
    prepare(&mut shop.client);
    shop
}

pub fn prepare(client: &mut Client) {
    let table = "CREATE TABLE public.seen (movement_id uuid PRIMARY KEY)";
    client.batch_execute(table).unwrap();
}

fn count(client: &mut Client, query: &str) -> i64 {
    let rows = client.query_one(&format!("SELECT count(*) FROM {query}"), &[]);
    rows.unwrap().get(0)
}

/// Consumes until the consumer has so many events, and never more. Transactions of other tests' databases
/// hold events back too.
#[track_caller]
pub fn assert_seen(client: &mut Client, events: i64) {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        client.batch_execute(CONSUME).unwrap();
        let seen = count(client, "public.seen");
        if seen == events {
            return;
        }
        assert!(
            seen < events && Instant::now() < limit,
            "{seen} events, not {events}"
        );
        sleep(Duration::from_millis(5));
    }
}

/// The consumer gets every line that there is.
#[track_caller]
pub fn assert_all_seen(client: &mut Client) {
    let lines = count(client, "stock.stock_movements");
    assert_seen(client, lines);
    let missing = "(SELECT movement_id FROM stock.stock_movements EXCEPT SELECT movement_id FROM public.seen) AS m";
    assert_eq!(count(client, missing), 0, "the consumer never got these");
}

#[test]
fn events_come_page_by_page_in_the_order_of_their_keys() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    for _ in 0..4 {
        shop.change(lot, 1);
    }
    shop.run("UPDATE stock_lots SET location_id = '00000000-0000-8000-8000-000000000001'");
    prepare(&mut shop.client);
    assert_all_seen(&mut shop.client);
    let (mut after, mut pages) = (None::<Uuid>, Vec::new());
    loop {
        let sql = "SELECT movement_id, version FROM stock_events($1, 3)";
        let rows = shop.rows(sql, &[&after]);
        let Some(last) = rows.last() else { break };
        after = Some(last.get(0));
        pages.push(rows.iter().map(|row| row.get(1)).collect::<Vec<i64>>());
    }
    assert_eq!(pages, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    let all = "SELECT count(*) FROM stock_events() e JOIN stock_movements m
                 ON to_jsonb(m) - 'tenant_id' = to_jsonb(e)";
    assert_eq!(shop.text(all), "7");
    shop.verify();
}

/// The one that began first commits last, in every order of their steps and of the consumer's.
#[test]
fn no_order_of_commits_loses_an_event() {
    let mut shop = with_consumer();
    shop.stocked(1);
    let mut client = shop.db.client();
    let summary = interleave(
        &shop.db,
        |client| {
            let receive = |client: &mut Client| {
                let listing = client.query_one("SELECT stock.register_listing(NULL)", &[]);
                let listing: Uuid = listing.unwrap().get(0);
                format!("BEGIN; SELECT stock.receive_stock('{listing}', 1)")
            };
            let (one, two) = (receive(client), receive(client));
            let scripts = vec![
                script("one", [one, "COMMIT".to_owned()]),
                script("two", [two, "COMMIT".to_owned()]),
                script("consumer", [CONSUME, CONSUME]),
            ];
            ((), scripts)
        },
        |_, (), run| {
            assert!(run.errors().is_empty(), "{:?}", run.errors());
            assert_all_seen(&mut client);
        },
    );
    assert_eq!((summary.orders, summary.run), (90, 90));
}

#[test]
fn a_transaction_that_wrote_holds_back_what_comes_after_it() {
    let mut shop = with_consumer();
    // The very first line of a tenant begins its feed, which others wait for.
    let (one, two) = (shop.stocked(1), shop.listing());
    assert_seen(&mut shop.client, 1);
    let mut early = Session::open(&shop.db);
    let write = format!("BEGIN; SELECT stock.receive_stock('{one}', 1)");
    let consume_none = |shop: &mut Shop, before: i64| {
        shop.run(CONSUME);
        assert_eq!(count(&mut shop.client, "public.seen"), before);
    };
    early.run(&write).unwrap();
    shop.receive(two, 1);
    consume_none(&mut shop, 1);
    early.run("COMMIT").unwrap();
    assert_seen(&mut shop.client, 3);
    // Rolled back, in whole or in part, it leaves nothing.
    early.run(&write).unwrap();
    shop.receive(two, 1);
    consume_none(&mut shop, 3);
    early.run("ROLLBACK").unwrap();
    assert_seen(&mut shop.client, 4);
    shop.run(&format!(
        "BEGIN; SELECT receive_stock('{one}', 1); SAVEPOINT s; SELECT receive_stock('{one}', 2);
         ROLLBACK TO s; SELECT receive_stock('{one}', 3); COMMIT"
    ));
    assert_seen(&mut shop.client, 6);
    // One that only reads holds nothing back, and sees what its snapshot does.
    early
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stock.stock_lots")
        .unwrap();
    shop.receive(two, 1);
    assert_seen(&mut shop.client, 7);
    let own = early.run("SELECT count(*) < 7 FROM stock.stock_events()");
    assert_eq!(own.unwrap().value(), "t");
    early.run("COMMIT").unwrap();
    assert_all_seen(&mut shop.client);
    shop.verify();
}

/// Writers at work, each line in a transaction with pauses, and a consumer that never stops.
#[test]
fn a_consumer_beside_many_writers_gets_everything_once() {
    const WRITERS: usize = 8;
    const TRANSACTIONS: usize = 25;
    let mut shop = with_consumer();
    let listings: Vec<Uuid> = (0..3).map(|_| shop.stocked(1)).collect();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (mut client, listings, done) = (shop.db.client(), &listings, &done);
            scope.spawn(move || {
                for number in 0..TRANSACTIONS {
                    let listing = listings[(writer + number) % listings.len()];
                    let end = if number % 5 == 4 { "ROLLBACK" } else { "COMMIT" };
                    let pause = (writer * 7 + number * 3) % 11;
                    let work = format!(
                        "BEGIN; SELECT stock.receive_stock('{listing}', 1); SELECT pg_sleep(0.00{pause}); {end}"
                    );
                    client.batch_execute(&work).expect("should receive");
                }
                done.fetch_add(1, Ordering::Release);
            });
        }
        while done.load(Ordering::Acquire) < WRITERS {
            shop.run(CONSUME);
        }
    });
    assert_all_seen(&mut shop.client);
    // Every fifth was rolled back.
    let committed = WRITERS * TRANSACTIONS * 4 / 5;
    assert_seen(&mut shop.client, (listings.len() + committed) as i64);
    shop.verify();
}

#[test]
fn tenants_have_feeds_of_their_own() {
    let mut shop = with_consumer();
    shop.stocked(1);
    assert_all_seen(&mut shop.client);
    shop.run(
        "SET stockroom.tenant_id = '77777777-7777-4777-8777-777777777777'; TRUNCATE public.seen",
    );
    let theirs = shop.stocked(2);
    assert_seen(&mut shop.client, 1);
    let events = "SELECT listing_id FROM stock_events()";
    assert_eq!(shop.texts(events), [theirs.to_string()]);
    let feeds = "SELECT count(*), min(generation), max(generation) FROM stock_feeds";
    assert_eq!(shop.text(feeds), "2|1|1");
}

/// A database that nothing was ever received in.
#[test]
fn an_empty_feed_is_empty() {
    let db = Db::with_extension();
    let rows = db.client().query("SELECT FROM stock_events()", &[]);
    assert_eq!(rows.unwrap().len(), 0);
}
