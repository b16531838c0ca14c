//! Indexes rebuilt, dropped and replaced while sessions work, and those who follow the log.

use super::work::{self, one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify};
use postgres::Client;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use stockroom_tests::{Cluster, Db, Session};
use uuid::Uuid;

fn claim(listing: Uuid, units: i32) -> String {
    format!("SELECT available FROM stock.allocate_stock('{listing}', gen_random_uuid(), {units})")
}

/// What was looked up of an index in one transaction must not be relied on when it has gone.
#[test]
fn indexes_are_rebuilt_while_claims_go_on() {
    let db = Db::with_extension_in("stock");
    let listing = work::stocked(&db);
    let (mut session, mut owner) = (Session::open(&db), Session::open(&db));
    owner.run("SET search_path = stock").unwrap();
    let in_stock = "CREATE INDEX CONCURRENTLY stock_lots_in_stock_idx
                        ON stock_lots (listing_id, created_at, lot_id) WHERE in_stock";
    let mut left = 1000;
    for change in [
        "REINDEX INDEX CONCURRENTLY stock_listings_pkey",
        "REINDEX INDEX CONCURRENTLY stock_levels_pkey",
        "REINDEX INDEX CONCURRENTLY stock_lots_pkey",
        "REINDEX INDEX CONCURRENTLY stock_lots_in_stock_idx",
        "REINDEX INDEX CONCURRENTLY stock_allocations_pkey",
        "DROP INDEX CONCURRENTLY stock_lots_in_stock_idx",
        in_stock,
        "REINDEX TABLE CONCURRENTLY stock_lots",
        "VACUUM FULL stock_lots",
    ] {
        session.run("BEGIN").unwrap();
        session.run(&claim(listing, 1)).unwrap();
        owner.start(change);
        assert!(owner.is_blocked(), "{change}");
        session.run(&claim(listing, 1)).unwrap();
        session.run("COMMIT").unwrap();
        // Between its phases, and after the last one.
        let next = session.run(&claim(listing, 1));
        left -= 3;
        assert_eq!(next.unwrap().value(), left.to_string(), "{change}");
        owner.finish().unwrap();
        left -= 1;
        let next = session.run(&claim(listing, 1));
        assert_eq!(next.unwrap().value(), left.to_string(), "{change}");
    }
    verify(&mut connect(&db));
}

/// PostgreSQL may forget what it knows of a table at any look into a catalog, also while we compare.
#[test]
fn tables_change_all_the_time() {
    let db = Db::with_extension_in("stock");
    let (listing, goods) = (work::stocked(&db), Uuid::new_v4());
    db.execute(&format!(
        "CREATE TABLE public.goods (id uuid PRIMARY KEY, quantity_available integer NOT NULL);
         INSERT INTO public.goods VALUES ('{goods}', 1000);
         SELECT stock.attach_table('public.goods', 'id')"
    ));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = connect(&db);
                    for _ in 0..200 {
                        client.query(&claim(listing, 1), &[]).unwrap();
                        client.query(&claim(goods, 1), &[]).unwrap();
                    }
                })
            })
            .collect();
        let changes = scope.spawn(|| {
            let mut client = connect(&db);
            client
                .batch_execute("SET synchronous_commit = off")
                .unwrap();
            let mut changes = 0;
            while !done.load(Ordering::Relaxed) {
                changes += 1;
                for table in work::TABLES.into_iter().chain(["public.goods"]) {
                    let sql = format!(
                        "ALTER TABLE {table} SET (autovacuum_vacuum_threshold = {changes})"
                    );
                    client.batch_execute(&sql).unwrap();
                }
            }
            changes
        });
        for session in sessions {
            session.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(changes.join().unwrap() > 20);
    });
    let mut client = connect(&db);
    for listing in [listing, goods] {
        let left = format!("SELECT get_available_stock('{listing}')");
        assert_eq!(one::<i32>(&mut client, &left), 200);
    }
    let shown = "SELECT quantity_available FROM public.goods";
    assert_eq!(one::<i32>(&mut client, shown), 200);
    verify(&mut client);
}

/// An index made after an old snapshot may lack what that snapshot sees.
#[test]
fn a_young_index_is_not_for_old_snapshots() {
    let db = Db::with_extension_in("stock");
    let (changed, other) = (work::stocked(&db), work::stocked(&db));
    let mut client = connect(&db);
    let mut reader = Session::open(&db);
    reader
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class")
        .unwrap();
    client
        .batch_execute(&format!(
            "DROP INDEX stock_lots_in_stock_idx; {};
             CREATE INDEX stock_lots_in_stock_idx ON stock_lots (listing_id, created_at, lot_id) WHERE in_stock",
            claim(changed, 1000)
        ))
        .unwrap();
    let sql =
        "SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'stock_lots_in_stock_idx'::regclass";
    assert!(one::<bool>(&mut client, sql), "it is such an index");
    assert_eq!(reader.run(&claim(other, 1)).unwrap().value(), "999");
    let sql = format!("SELECT stock.get_available_stock('{changed}')");
    assert_eq!(reader.run(&sql).unwrap().value(), "1000");
    // By the index alone there would be no lot, and the answer would be that stock is short.
    let error = reader.run(&claim(changed, 1)).unwrap_err();
    assert_eq!(error.sqlstate, "40001", "{error:?}");
    reader.run("ROLLBACK").unwrap();
    verify(&mut client);
}

/// An index that bears the name of ours and is another.
#[test]
fn a_name_is_not_an_index() {
    let db = Db::with_extension_in("stock");
    let mut owner = connect(&db);
    let listing: Uuid = one(&mut owner, "SELECT register_listing(NULL)");
    // The older a lot, the higher its key.
    owner
        .batch_execute(&format!(
            "INSERT INTO stock_lots (lot_id, listing_id, notes, quantity_total, created_at)
             SELECT (lpad((100 - n)::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid, '{listing}', n, 1,
                    TIMESTAMPTZ '2001-01-01' + n * INTERVAL '1 day'
               FROM generate_series(1, 90) n"
        ))
        .unwrap();
    let mut before = connect(&db);
    let mut next = 0;
    let mut takes_the_next = |client: &mut Client, index: &str| {
        let sql = format!(
            "SELECT notes FROM allocate_stock('{listing}', gen_random_uuid(), 1) JOIN stock_lots USING (lot_id)"
        );
        next += 1;
        assert_eq!(one::<String>(client, &sql), next.to_string(), "{index}");
    };
    for index in [
        "(listing_id, created_at, lot_id) WHERE in_stock",
        "(listing_id, lot_id, created_at) WHERE in_stock",
        "(listing_id, created_at, lot_id)",
        "(location_id, created_at, lot_id) WHERE in_stock",
        "(listing_id, created_at DESC, lot_id) WHERE in_stock",
        "(listing_id, created_at, lot_id) WHERE in_stock AND quantity_total > 1",
        "(listing_id, (created_at IS NULL), lot_id) WHERE in_stock",
        "(listing_id, created_at) INCLUDE (lot_id) WHERE in_stock",
        "USING hash (listing_id) WHERE in_stock",
    ] {
        owner
            .batch_execute(&format!(
                "DROP INDEX stock_lots_in_stock_idx;
                 CREATE INDEX stock_lots_in_stock_idx ON stock_lots {index}"
            ))
            .unwrap();
        takes_the_next(&mut before, index);
        takes_the_next(&mut connect(&db), index);
    }
    for key in ["(lot_id, listing_id)", "(listing_id, lot_id)", "(lot_id)"] {
        owner
            .batch_execute(&format!(
                "ALTER TABLE stock_lots DROP CONSTRAINT stock_lots_pkey;
                 ALTER TABLE stock_lots ADD CONSTRAINT stock_lots_pkey PRIMARY KEY {key}"
            ))
            .unwrap();
        takes_the_next(&mut before, key);
        takes_the_next(&mut connect(&db), key);
    }
    verify(&mut owner);
}

/// The changes of claims as a consumer of logical decoding gets them, without keys and times.
fn decoded(db: &Db, statements_only: bool) -> Vec<Vec<String>> {
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let mut client = connect(db);
    if statements_only {
        client.batch_execute(STATEMENTS_ONLY).unwrap();
    }
    let listing = work::stocked(db);
    client
        .batch_execute(&format!(
            "ALTER TABLE stock_lots REPLICA IDENTITY FULL;
             SELECT allocate_stock('{listing}', '{listing}', 1)"
        ))
        .unwrap();
    let slot = format!("slot_of_{}", db.name());
    let made = "SELECT pg_create_logical_replication_slot($1, 'test_decoding')::text";
    client.query(made, &[&slot]).unwrap();
    for call in [
        claim(listing, 5),
        format!(
            "BEGIN; SAVEPOINT a; {}; ROLLBACK TO a; {}; COMMIT",
            claim(listing, 7),
            claim(listing, 2)
        ),
        format!("BEGIN; {}; ROLLBACK", claim(listing, 3)),
        claim(listing, 992),
        format!("SELECT release_allocations('{listing}')"),
    ] {
        client.batch_execute(&call).unwrap();
    }
    let sql = "SELECT regexp_replace(regexp_replace(data,
                         '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}', 'key', 'g'),
                         '''20[0-9][0-9]-[^'']*''', 'time', 'g')
                 FROM pg_logical_slot_get_changes($1, NULL, NULL, 'include-xids', '0')";
    let rows = client.query(sql, &[&slot]).unwrap();
    client
        .query("SELECT pg_drop_replication_slot($1)", &[&slot])
        .unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Inside a transaction a claim is written before or after the counters.
    let mut transactions: Vec<Vec<String>> = lines
        .split_inclusive(|line| line.starts_with("COMMIT"))
        .map(<[String]>::to_vec)
        .collect();
    for lines in &mut transactions {
        lines.sort();
    }
    transactions
}

#[test]
fn logical_decoding_tells_the_same_of_both_ways() {
    let cluster = Cluster::options()
        .fsync(false)
        .setting("wal_level", "logical")
        .start()
        .unwrap();
    let (one, other) = (Db::on(&cluster), Db::on(&cluster));
    let below = decoded(&one, false);
    assert_eq!(below, decoded(&other, true));
    for table in work::TABLES {
        let changes = below.iter().flatten();
        let changes = changes.filter(|line| line.contains(table)).count();
        assert!(changes >= 4, "{table}: {below:#?}");
    }
}
