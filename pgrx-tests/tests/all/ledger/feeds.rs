//! Generations: what a restored or promoted server writes comes after all that was there.

use super::events::{assert_all_seen, assert_seen, with_consumer, CONSUME};
use crate::api::shop::Shop;
use stockroom_tests::Session;

fn generations(shop: &mut Shop) -> Vec<String> {
    shop.texts(
        "SELECT left(movement_id::text, 3), listing_after FROM stock_movements ORDER BY movement_id",
    )
}

/// As in a database that another server has written.
const FROM_ELSEWHERE: &str = "UPDATE stock_feeds SET system_identifier = 1, first_transaction = 3";

#[test]
fn the_first_line_on_another_server_begins_a_generation() {
    let mut shop = with_consumer();
    let listing = shop.listing();
    shop.receive(listing, 1);
    shop.tamper(FROM_ELSEWHERE);
    assert_all_seen(&mut shop.client);
    shop.receive(listing, 1);
    shop.receive(listing, 1);
    assert_eq!(generations(&mut shop), ["001|1", "002|2", "002|3"]);
    assert_all_seen(&mut shop.client);
    shop.tamper("UPDATE stock_feeds SET timeline = timeline - 1");
    shop.receive(listing, 1);
    assert_eq!(generations(&mut shop), ["001|1", "002|2", "002|3", "003|4"]);
    assert_all_seen(&mut shop.client);
    shop.verify();
}

#[test]
fn lines_of_another_server_wait_for_nobody() {
    let mut shop = with_consumer();
    let listing = shop.listing();
    let mut early = Session::open(&shop.db);
    early.run("BEGIN; SELECT pg_current_xact_id()").unwrap();
    shop.receive(listing, 1);
    let events = "SELECT count(*) FROM stock_events()";
    assert_eq!(shop.text(events), "0");
    shop.tamper(FROM_ELSEWHERE);
    assert_eq!(shop.text(events), "1");
    early.run("ROLLBACK").unwrap();
}

/// Two sessions write the first line at once: one begins the generation, both write into it.
#[test]
fn two_first_writers_begin_one_generation() {
    let mut shop = with_consumer();
    let (one, two) = (shop.stocked(1), shop.stocked(1));
    shop.tamper(FROM_ELSEWHERE);
    let receive = |listing| format!("SELECT stock.receive_stock('{listing}', 1)");
    let (mut first, mut second) = (Session::open(&shop.db), Session::open(&shop.db));
    first.run(&format!("BEGIN; {}", receive(one))).unwrap();
    second.start(&receive(two));
    assert!(second.is_blocked());
    shop.run(CONSUME);
    first.run("COMMIT").unwrap();
    second.finish().unwrap();
    assert_all_seen(&mut shop.client);
    let generation = "SELECT generation FROM stock_feeds";
    assert_eq!(shop.text(generation), "2");
    // Rolled back, the generation is begun by the next.
    shop.tamper(FROM_ELSEWHERE);
    first.run(&format!("BEGIN; {}", receive(one))).unwrap();
    first.run("ROLLBACK").unwrap();
    assert_eq!(shop.text(generation), "2");
    second.run(&receive(two)).unwrap();
    assert_eq!(shop.text(generation), "3");
    assert_all_seen(&mut shop.client);
    shop.verify();
}

/// A transaction that is older than the generation may have written into the one before: nothing of the new
/// one comes until it is over.
#[test]
fn what_is_older_than_the_generation_is_waited_for() {
    let mut shop = with_consumer();
    let (one, two) = (shop.stocked(1), shop.stocked(1));
    assert_seen(&mut shop.client, 2);
    let mut early = Session::open(&shop.db);
    let receive = format!("BEGIN; SELECT stock.receive_stock('{one}', 1)");
    early.run(&receive).unwrap();
    // As a promotion would find a prepared transaction.
    shop.tamper("UPDATE stock_feeds SET timeline = timeline - 1");
    shop.receive(two, 1);
    shop.run(CONSUME);
    assert_seen(&mut shop.client, 2);
    early.run("COMMIT").unwrap();
    assert_all_seen(&mut shop.client);
    assert_seen(&mut shop.client, 4);
    shop.verify();
}
