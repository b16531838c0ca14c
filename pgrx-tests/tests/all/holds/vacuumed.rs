//! Expired holds are read from their index where a vacuum has found that everybody sees their rows: the
//! numbers stay each reader's own.

use crate::api::shop::{connect, Shop, LORVILLE, ORISON};
use uuid::Uuid;

/// Ten units, of which holds of anywhere, of Orison and of Lorville had one, two and three.
fn vacuumed(shop: &mut Shop) -> (Uuid, Uuid) {
    let listing = shop.listing();
    shop.receive_at(listing, 5, ORISON);
    shop.receive_at(listing, 5, LORVILLE);
    shop.hold(listing, 1);
    // By one statement: a claim would end those that it meets.
    let anywhere = Uuid::new_v4();
    shop.run(&format!(
        "INSERT INTO stock_holds (hold_id, listing_id, quantity, location_id, expires_at)
         SELECT id, '{listing}', quantity, place, now() - interval '1 h'
           FROM (VALUES ('{anywhere}'::uuid, 1, NULL::uuid), (gen_random_uuid(), 2, '{ORISON}'),
                        (gen_random_uuid(), 3, '{LORVILLE}')) AS n (id, quantity, place)"
    ));
    shop.run("VACUUM stock_holds");
    (listing, anywhere)
}

/// Available everywhere, at Orison and at Lorville.
fn available(listing: Uuid) -> String {
    format!(
        "SELECT get_available_stock('{listing}'), get_available_stock('{listing}', '{ORISON}'),
                get_available_stock('{listing}', '{LORVILLE}')"
    )
}

#[test]
fn their_rows_are_not_fetched() {
    let mut shop = Shop::open();
    let (listing, anywhere) = vacuumed(&mut shop);
    let read = available(listing);
    let fetched = |shop: &mut Shop| {
        shop.run(&format!("BEGIN; {read}"));
        let fetched = "SELECT pg_stat_get_xact_tuples_fetched('stock_holds_live_idx'::regclass)";
        let rows = shop.value::<i64>(fetched, &[]);
        shop.run("COMMIT");
        rows
    };
    assert_eq!(fetched(&mut shop), 0);
    // And the sign itself: a page that has changed since is looked at.
    shop.rows(
        "UPDATE stock_holds SET metadata = '{}' WHERE hold_id = $1",
        &[&anywhere],
    );
    assert!(fetched(&mut shop) > 0);
    assert_eq!(shop.text(&read), "9|5|5");
    shop.verify();
}

#[test]
fn every_reader_sees_what_its_own_snapshot_has() {
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let mut shop = Shop::open();
        let (listing, anywhere) = vacuumed(&mut shop);
        let read = available(listing);
        assert_eq!(shop.text(&read), "9|5|5");
        shop.run(&format!("BEGIN ISOLATION LEVEL {level}"));
        assert_eq!(shop.text(&read), "9|5|5");

        let mut other = connect(&shop.db);
        let swept = other
            .query_one("SELECT expire_holds()", &[])
            .unwrap()
            .get::<_, i32>(0);
        assert_eq!(swept, 3, "{level}");
        other.batch_execute("VACUUM stock_holds").unwrap();
        assert_eq!(shop.text(&read), "9|5|5", "{level}");
        shop.run("COMMIT");
        assert_eq!(shop.text(&read), "9|5|5", "{level}");
        assert_eq!(shop.hold_status(anywhere), "expired");
        shop.verify();
    }
}

/// What somebody is about to do changes nothing for others until it is done.
#[test]
fn an_open_transaction_moves_nobody_elses_numbers() {
    let mut shop = Shop::open();
    let (listing, anywhere) = vacuumed(&mut shop);
    let read = available(listing);
    let mut other = connect(&shop.db);
    let extended = format!(
        "BEGIN; UPDATE stock_holds SET expires_at = now() + interval '1 h' WHERE hold_id = '{anywhere}'"
    );
    other.batch_execute(&extended).unwrap();
    assert_eq!(shop.text(&read), "9|5|5");
    other.batch_execute("COMMIT").unwrap();
    assert_eq!(shop.text(&read), "8|5|5");
    shop.verify();
}
