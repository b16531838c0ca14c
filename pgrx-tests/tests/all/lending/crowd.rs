//! Many borrowers at once.

use crate::api::shop::{connect, Shop};
use std::sync::Barrier;
use std::thread;
use stockroom_tests::{Cluster, Db, ErrorInfo};
use uuid::Uuid;

/// What each of so many sessions comes to, all at the same moment.
fn at_once(
    db: &Db,
    sessions: usize,
    sql: impl Fn(usize) -> String + Sync,
) -> Vec<Result<Option<Uuid>, String>> {
    let start = Barrier::new(sessions);
    thread::scope(|scope| {
        let running: Vec<_> = (0..sessions)
            .map(|session| {
                let (start, sql) = (&start, sql(session));
                scope.spawn(move || {
                    let mut client = connect(db);
                    start.wait();
                    let row = client.query_one(&sql, &[]);
                    row.map(|row| row.get(0))
                        .map_err(|error| ErrorInfo::from(&error).name())
                })
            })
            .collect();
        let ends = running.into_iter().map(|session| session.join().unwrap());
        ends.collect()
    })
}

/// A shop on a server with room for so many.
fn roomy() -> (Cluster, Shop) {
    let cluster = Cluster::options()
        .fsync(false)
        .setting("max_connections", "150")
        .start()
        .unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    (cluster, Shop { client, db })
}

#[test]
fn of_a_hundred_borrowers_of_ten_copies_ten_get_one() {
    let (_cluster, mut shop) = roomy();
    for (lots, more) in [
        (1, ""),
        (10, ""),
        (1, ", idempotency_key => 'k$1'"),
        (3, ", on_short => 'answer'"),
        (1, ", on_short => 'answer', idempotency_key => 'q$1'"),
    ] {
        let listing = shop.listing();
        for lot in 0..lots {
            let units = 10 / lots + i32::from(lot < 10 % lots);
            shop.receive(listing, units);
        }
        let came = at_once(&shop.db, 100, |session| {
            let more = more.replace("$1", &format!("{session} of {listing}"));
            format!("SELECT borrow_stock('{listing}', 'reader {session}', 1, now() + interval '14 days'{more})")
        });
        let lent: Vec<Uuid> = came.iter().flatten().flatten().copied().collect();
        assert_eq!(lent.len(), 10, "{lots} lots{more}");
        let refused = match more.contains("answer") {
            true => Ok(None),
            false => Err("insufficient_stock".to_owned()),
        };
        let others = came.iter().filter(|end| !matches!(end, Ok(Some(_))));
        assert!(others.clone().all(|end| *end == refused), "{came:?}");
        assert_eq!(shop.numbers(listing), (0, 10, 10));
        let loans = format!("SELECT count(*), count(DISTINCT borrower) FROM stock_loans WHERE listing_id = '{listing}'");
        assert_eq!(shop.text(&loans), "10|10");
        shop.verify();
        // All bring it back at once, and half of them twice.
        let back = at_once(&shop.db, 15, |session| {
            let loan = lent[session % 10];
            format!("SELECT NULL::uuid FROM return_stock('{loan}')")
        });
        let twice = back
            .iter()
            .filter(|end| **end == Err("loan_closed".to_owned()));
        assert_eq!(twice.count(), 5, "{back:?}");
        assert_eq!(shop.numbers(listing), (10, 0, 10));
        shop.verify();
    }
}
