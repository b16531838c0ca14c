//! A refusal is cheap: decided by a read, it takes no transaction id and writes no WAL.

use crate::api::shop::{connect, Shop, ORISON};
use stockroom_tests::{Cluster, Db};
use uuid::Uuid;

/// Calls that are refused quietly, and reads.
fn quiet_calls(shop: &mut Shop) -> Vec<String> {
    let (sold_out, safe) = (shop.stocked(3), shop.limited(5, 5, 0));
    shop.hold(sold_out, 3);
    let located = shop.listing();
    shop.receive_at(located, 2, ORISON);
    shop.hold_at(located, 2, ORISON);
    let expired = shop.stocked(4);
    let held = shop.hold(expired, 1);
    shop.expired_hold(expired, 3);
    let order = Uuid::new_v4();
    let quiet = ", on_short => 'answer'";
    let line = |listing: Uuid, units: i32| {
        format!(r#"{{"listing_id": "{listing}", "quantity": {units}}}"#)
    };
    vec![
        format!("hold_stock('{sold_out}', 1{quiet})"),
        format!("hold_stock('{sold_out}', 1, idempotency_key => 'new'{quiet})"),
        format!("hold_stock('{safe}', 1{quiet})"),
        format!("hold_stock('{located}', 1, location_id => '{ORISON}'{quiet})"),
        format!("hold_stock('{located}', 1{quiet})"),
        format!("hold_stock('{expired}', 4{quiet})"),
        format!(
            "hold_order('[{}, {}]'{quiet})",
            line(expired, 1),
            line(sold_out, 1)
        ),
        format!("hold_many('[{}, {}]')", line(sold_out, 1), line(order, 1)),
        format!("allocate_stock('{sold_out}', '{order}', 1{quiet})"),
        format!("allocate_stock('{expired}', '{order}', 4{quiet})"),
        format!("get_hold('{held}')"),
        format!("get_available_stock('{expired}')"),
    ]
}

/// Calls that are refused aloud.
fn loud_calls(shop: &mut Shop) -> Vec<String> {
    let listing = shop.stocked(3);
    let (confirmed, nobody) = (shop.hold(listing, 1), Uuid::new_v4());
    shop.rows("SELECT confirm_hold($1, $1)", &[&confirmed]);
    let expired = shop.expired_hold(listing, 1);
    vec![
        format!("hold_stock('{listing}', 9)"),
        format!("hold_stock('{nobody}', 1)"),
        format!("hold_stock('{listing}', 1, location_id => '{nobody}')"),
        format!("confirm_hold('{confirmed}', '{nobody}')"),
        format!("confirm_hold('{expired}', '{nobody}')"),
        format!("confirm_hold('{nobody}', '{nobody}')"),
        format!("confirm_order('{nobody}')"),
        format!("extend_hold('{expired}', '1 h')"),
        format!("extend_hold('{confirmed}', '1 h')"),
        format!("release_hold('{confirmed}')"),
    ]
}

#[test]
fn a_refusal_takes_no_transaction_id() {
    let mut shop = Shop::open();
    let mut writing = Vec::new();
    let taken = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL";
    for call in quiet_calls(&mut shop) {
        shop.run(&format!("BEGIN; SELECT {call}"));
        if shop.value::<bool>(taken, &[]) {
            writing.push(call);
        }
        shop.run("COMMIT");
    }
    assert_eq!(writing, [""; 0], "these calls wrote");
    shop.verify();
}

/// On a server of its own, where nobody else writes.
#[test]
fn a_refusal_writes_no_wal() {
    let cluster = Cluster::options()
        .fsync(false)
        .setting("autovacuum", "off")
        .setting("wal_level", "minimal")
        .setting("max_wal_senders", "0")
        .start()
        .unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    let mut shop = Shop { client, db };
    let mut calls = quiet_calls(&mut shop);
    let quiet = calls.len();
    calls.extend(loud_calls(&mut shop));
    let make = |shop: &mut Shop, number: usize| {
        let made = shop.client.query(&format!("SELECT {}", calls[number]), &[]);
        assert_eq!(made.is_ok(), number < quiet, "{}: {made:?}", calls[number]);
    };
    // The first call of a backend and the first look at a page may tidy up behind earlier writers.
    shop.run("VACUUM");
    for number in 0..calls.len() {
        make(&mut shop, number);
    }
    let position =
        |shop: &mut Shop| -> String { shop.value("SELECT pg_current_wal_insert_lsn()::text", &[]) };
    let mut writing = Vec::new();
    for number in 0..calls.len() {
        let before = position(&mut shop);
        for _ in 0..3 {
            make(&mut shop, number);
        }
        if position(&mut shop) != before {
            writing.push(number);
        }
    }
    let writing: Vec<&String> = writing.into_iter().map(|number| &calls[number]).collect();
    assert_eq!(writing, Vec::<&String>::new(), "these calls wrote");
    shop.verify();
}

/// In a transaction that may not write, holds are read and nothing else; the answer is PostgreSQL's own.
#[test]
fn a_read_only_transaction_changes_no_hold() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 2);
    let lines = format!(r#"[{{"listing_id": "{listing}", "quantity": 1}}]"#);
    let before = shop.everything();
    for call in [
        format!("hold_stock('{listing}', 1)"),
        format!("hold_stock('{listing}', 1, idempotency_key => 'k')"),
        format!("hold_order('{lines}')"),
        format!("hold_many('{lines}')"),
        format!("confirm_hold('{hold}', '{hold}')"),
        format!("extend_hold('{hold}', '1 h')"),
        format!("release_hold('{hold}')"),
        "purge_holds()".to_owned(),
    ] {
        shop.run("BEGIN READ ONLY");
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.sqlstate, "25006", "{call}");
        shop.run("ROLLBACK");
    }
    shop.run("BEGIN READ ONLY");
    assert_eq!(shop.hold_state(hold), "active 2");
    assert_eq!(shop.numbers(listing), (7, 2, 9));
    shop.run("COMMIT");
    assert_eq!(shop.everything(), before);
}
