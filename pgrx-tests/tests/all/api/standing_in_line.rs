//! Claims stand in line for a listing before they touch its rows: who holds rows does not, who takes
//! nothing leaves.

use super::shop::Shop;
use stockroom_tests::{Progress, Session};
use uuid::Uuid;

/// More than there are lines.
const SESSIONS: usize = 13;

fn open(shop: &Shop) -> Session {
    let mut session = Session::open(&shop.db);
    session.run("SET search_path = stock").unwrap();
    session
}

fn claim(listing: Uuid, units: i32) -> String {
    format!(
        "SELECT state, available FROM allocate_stock('{listing}', gen_random_uuid(), {units}, on_short => 'answer')"
    )
}

/// Places of the line that a session has.
fn places(shop: &mut Shop, session: &Session) -> i64 {
    let sql = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND granted AND locktype = 'object'
                  AND classid = 'stock_listings'::regclass";
    shop.value(sql, &[&session.backend_pid()])
}

/// A listing of five units, and a session that has claimed some of them since `begin`.
fn first_in_line(begin: &str, units: i32) -> (Shop, Uuid, Session) {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let mut first = open(&shop);
    first.run(begin).unwrap();
    first.run(&claim(listing, units)).unwrap();
    assert_eq!(places(&mut shop, &first), 1);
    (shop, listing, first)
}

/// All the others wait for its rows; if it waited for them, nobody would go on.
#[test]
fn who_holds_rows_claims_past_the_lines() {
    let mut shop = Shop::open();
    let listing = shop.stocked(100);
    let order = shop.allocate(listing, 5);
    let mut first = open(&shop);
    first
        .run(&format!("BEGIN; SELECT release_allocations('{order}')"))
        .unwrap();
    let mut others: Vec<Session> = (0..SESSIONS).map(|_| open(&shop)).collect();
    for other in &mut others {
        other.start(&claim(listing, 1));
    }
    for other in &mut others {
        assert_eq!(other.settle(), Progress::Blocked);
    }
    let answer = first.run(&claim(listing, 20)).unwrap();
    assert_eq!(answer.value(), "active");
    first.run("COMMIT").unwrap();
    for other in &mut others {
        assert_eq!(other.finish().unwrap().value(), "active");
    }
    assert_eq!(shop.numbers(listing), (67, 33, 100));
    shop.verify();
}

fn who_takes_nothing_leaves(key: impl Fn(usize) -> String) {
    let (mut shop, listing, mut first) = first_in_line("BEGIN", 5);
    let mut others: Vec<Session> = (0..SESSIONS).map(|_| open(&shop)).collect();
    for (number, other) in others.iter_mut().enumerate() {
        other.run("BEGIN").unwrap();
        other.start(&format!(
            "SELECT state FROM allocate_stock('{listing}', gen_random_uuid(), 1, on_short => 'answer',
                                              idempotency_key => {})",
            key(number)
        ));
        assert_eq!(other.settle(), Progress::Blocked);
    }
    first.run("COMMIT").unwrap();
    for other in &mut others {
        let answer = other.finish().unwrap();
        assert_eq!(answer.value(), "insufficient");
        assert_eq!(places(&mut shop, other), 0);
    }
    // Their transactions are still open.
    shop.receive(listing, 1);
    shop.allocate(listing, 1);
    shop.verify();
}

#[test]
fn who_takes_nothing_leaves_the_line() {
    who_takes_nothing_leaves(|_| "NULL".to_owned());
    who_takes_nothing_leaves(|number| format!("'key {number}'"));
}

/// A place goes with the savepoint that it was taken in, as rows do.
#[test]
fn a_rolled_back_claim_gives_its_place_back() {
    let (mut shop, _, mut session) = first_in_line("BEGIN; SAVEPOINT before", 1);
    session.run("ROLLBACK TO before").unwrap();
    assert_eq!(places(&mut shop, &session), 0);
    session.run("COMMIT").unwrap();
    shop.verify();
}
