//! Lots that run out and come back: which of them a claim reads and takes, below SQL and by
//! statements.

use super::work::{self, one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify, LORVILLE, ORISON};
use postgres::Client;
use stockroom_tests::Db;
use uuid::Uuid;

/// A listing whose lots have one letter and three digits of a note: `A001` is the oldest.
fn stock(client: &mut Client, lots: &str) -> Uuid {
    let listing = one(client, "SELECT register_listing(NULL)");
    client
        .batch_execute(&format!(
            "INSERT INTO stock_lots (listing_id, notes, quantity_total, created_at, expires_on, location_id, listed)
             SELECT '{listing}', l.* FROM ({lots}) AS l"
        ))
        .unwrap();
    listing
}

/// What a claim takes: notes and units of the lots, in the order of the answer.
fn taken(client: &mut Client, listing: Uuid, arguments: &str) -> String {
    let sql = format!(
        "SELECT coalesce(string_agg(l.notes || ' ' || a.quantity, ', ' ORDER BY a.place), state)
           FROM allocate_stock('{listing}', gen_random_uuid(), {arguments}, on_short => 'answer')
                WITH ORDINALITY AS a (allocation_id, lot_id, location_id, quantity, state, available, replayed, place)
           LEFT JOIN stock_lots l USING (lot_id) GROUP BY state"
    );
    one(client, &sql)
}

/// The same in two databases: below SQL and by statements.
fn both_ways(test: fn(&mut Client)) {
    for statements_only in [false, true] {
        let db = Db::with_extension_in("stock");
        let mut client = connect(&db);
        if statements_only {
            client.batch_execute(STATEMENTS_ONLY).unwrap();
        }
        test(&mut client);
        verify(&mut client);
    }
}

#[test]
fn lots_that_are_not_to_be_had_stand_first_in_line() {
    both_ways(|client| {
        let listing = stock(
            client,
            &format!(
                "VALUES ('past', 5, timestamptz '2001-01-01', CURRENT_DATE - 10, '{ORISON}'::uuid, true),
                        ('unlisted', 5, '2002-01-01', NULL, '{ORISON}', false),
                        ('empty', 0, '2003-01-01', NULL, '{ORISON}', true),
                        ('first', 5, '2004-01-01', CURRENT_DATE + 10, '{ORISON}', true),
                        ('past too', 5, '2005-01-01', CURRENT_DATE - 10, '{LORVILLE}', true),
                        ('second', 5, '2006-01-01', NULL, '{LORVILLE}', true),
                        ('third', 5, '2007-01-01', NULL, '{ORISON}', true)"
            ),
        );
        let mut claim = |arguments: &str| taken(client, listing, arguments);
        assert_eq!(claim("3"), "first 3");
        assert_eq!(
            claim(&format!("1, location_id => '{LORVILLE}'")),
            "second 1"
        );
        assert_eq!(
            claim(&format!("4, location_id => '{ORISON}'")),
            "first 2, third 2"
        );
        assert_eq!(
            claim(&format!("5, location_id => '{LORVILLE}'")),
            "insufficient"
        );
        assert_eq!(
            claim(&format!("5, location_id => '{LORVILLE}', partial => true")),
            "second 4"
        );
        assert_eq!(claim("9, partial => true"), "third 3");
        assert_eq!(claim("1, partial => true"), "insufficient");
    });
}

#[test]
fn lots_of_one_age_go_by_their_key() {
    both_ways(|client| {
        let listing: Uuid = one(client, "SELECT register_listing(NULL)");
        client
            .batch_execute(&format!(
                "INSERT INTO stock_lots (lot_id, listing_id, notes, quantity_total, created_at)
                 SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, '{listing}', n, 2, '2001-01-01'
                   FROM generate_series(9, 1, -1) n"
            ))
            .unwrap();
        assert_eq!(taken(client, listing, "5"), "1 2, 2 2, 3 1");
        assert_eq!(taken(client, listing, "4"), "3 1, 4 2, 5 1");
        assert_eq!(taken(client, listing, "1, strategy => 'lifo'").len(), 3);
    });
}

/// The mark by which claims find lots: right however the lot's numbers change.
#[test]
fn the_mark_of_a_lot_in_stock_follows_its_numbers() {
    both_ways(|client| {
        let listing = stock(
            client,
            "VALUES ('only', 3, clock_timestamp(), NULL::date, NULL::uuid, true)",
        );
        let mut step = |sql: &str, in_stock: bool, next: &str| {
            let sql = sql.replace("LISTING", &format!("'{listing}'"));
            client
                .batch_execute(&sql)
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            let marked: bool = one(client, "SELECT in_stock FROM stock_lots");
            assert_eq!(marked, in_stock, "{sql}");
            client.batch_execute("BEGIN").unwrap();
            assert_eq!(taken(client, listing, "1"), next, "{sql}");
            client.batch_execute("ROLLBACK").unwrap();
        };
        let (none, one) = ("insufficient", "only 1");
        step("SELECT allocate_stock(LISTING, LISTING, 2)", true, one);
        step("SELECT allocate_stock(LISTING, LISTING, 1)", false, none);
        step(
            "SELECT release_allocations(LISTING, quantity => 1)",
            true,
            one,
        );
        step("SELECT allocate_stock(LISTING, LISTING, 1)", false, none);
        step("UPDATE stock_lots SET quantity_total = 4", true, one);
        step(
            "UPDATE stock_lots SET listed = false, quantity_total = 4 WHERE false",
            true,
            one,
        );
        step("UPDATE stock_lots SET quantity_total = 3", false, none);
        step(
            "SELECT fulfill_allocations(LISTING, quantity => 2)",
            false,
            none,
        );
        step(
            "UPDATE stock_allocations SET status = 'released' WHERE status = 'active'",
            true,
            one,
        );
        step("UPDATE stock_lots SET listed = false", false, none);
        step("UPDATE stock_lots SET listed = true", true, one);
        step("UPDATE stock_lots SET quantity_total = 0", false, none);
        step("UPDATE stock_lots SET quantity_total = 1", true, one);
    });
}

/// The blocks of the lots that a claim looks at, by the server's own count.
fn blocks(client: &mut Client, sql: &str) -> i64 {
    let count = "SELECT pg_stat_get_xact_blocks_fetched('stock_lots'::regclass)
                      + sum(pg_stat_get_xact_blocks_fetched(indexrelid))::bigint
                   FROM pg_index WHERE indrelid = 'stock_lots'::regclass";
    client.batch_execute("BEGIN").unwrap();
    let before: i64 = one(client, count);
    client.batch_execute(sql).unwrap();
    let after: i64 = one(client, count);
    client.batch_execute("COMMIT").unwrap();
    after - before
}

/// First in, first out passes over what is exhausted without looking at it.
#[test]
fn a_hundred_thousand_lots_of_which_ten_are_left() {
    let db = Db::with_extension_in("stock");
    let few = work::stocked(&db);
    let mut client = connect(&db);
    let many: Uuid = one(&mut client, "SELECT register_listing(NULL)");
    client
        .batch_execute(&format!(
            "INSERT INTO stock_lots (listing_id, notes, quantity_total, created_at)
             SELECT '{many}', n, CASE WHEN n > 99990 THEN 1 ELSE 0 END, timestamptz '2001-01-01' + n * interval '1 s'
               FROM generate_series(1, 100000) n"
        ))
        .unwrap();
    let claim = |listing: Uuid| format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 2)");
    client.batch_execute(&claim(few)).unwrap();
    assert_eq!(taken(&mut client, many, "2"), "99991 1, 99992 1");
    let of_few = blocks(&mut client, &claim(few));
    let of_many = blocks(&mut client, &claim(many));
    // Two lots instead of one, and a deeper index.
    assert!(
        of_many <= of_few + 60,
        "{of_many} blocks, {of_few} of one lot"
    );
    assert_eq!(
        taken(&mut client, many, "6"),
        "99995 1, 99996 1, 99997 1, 99998 1, 99999 1, 100000 1"
    );
    assert_eq!(taken(&mut client, many, "1"), "insufficient");
    verify(&mut client);
}
