//! What calls cost the server: a refusal writes nothing, and no claim reads a whole table.

use super::shop::{Shop, ORISON};
use postgres::Client;
use stockroom_tests::{Cluster, Db};
use uuid::Uuid;

/// Refusals of every kind of claim, as answers: from a listing that is sold out, from one that has
/// stock elsewhere, and from one whose lots have expired; without a key and with one.
fn refusals(shop: &mut Shop) -> Vec<String> {
    let sold_out = shop.stocked(3);
    shop.allocate(sold_out, 3);
    let elsewhere = shop.stocked(3);
    let sql = "SELECT register_listing(NULL)";
    let expired: Uuid = shop.value(sql, &[]);
    let sql = "SELECT receive_stock($1, 5, expires_on => CURRENT_DATE - 1)";
    let lot: Uuid = shop.value(sql, &[&expired]);
    let order = Uuid::new_v4();
    let claims = [
        format!("allocate_stock('{sold_out}', '{order}', 1"),
        format!("allocate_stock('{sold_out}', '{order}', 1, partial => true"),
        format!(r#"allocate_order('{order}', '[{{"listing_id": "{sold_out}", "quantity": 1}}]'"#),
        format!(r#"allocate_lots('{order}', '[{{"lot_id": "{lot}", "quantity": 1}}]'"#),
        format!("allocate_stock('{elsewhere}', '{order}', 1, location_id => '{ORISON}'"),
        format!(
            r#"allocate_order('{order}', '[{{"listing_id": "{elsewhere}", "quantity": 1,
                   "location_id": "{ORISON}"}}]'"#
        ),
        format!("allocate_stock('{expired}', '{order}', 1"),
    ];
    let with_key =
        |claim: &String| format!("{claim}, on_short => 'answer', idempotency_key => 'k')");
    let without = |claim: &String| format!("{claim}, on_short => 'answer')");
    claims
        .iter()
        .map(without)
        .chain(claims.iter().map(with_key))
        .collect()
}

fn refused(client: &mut Client, call: &str) {
    let row = client
        .query_one(&format!("SELECT state FROM {call}"), &[])
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "insufficient", "{call}");
}

#[test]
fn a_refusal_takes_no_transaction_id() {
    let mut shop = Shop::open();
    let calls = refusals(&mut shop);
    let mut writing = Vec::new();
    for call in &calls {
        shop.run("BEGIN");
        refused(&mut shop.client, call);
        let sql = "SELECT pg_current_xact_id_if_assigned() IS NULL";
        if !shop.value::<bool>(sql, &[]) {
            writing.push(call);
        }
        shop.run("COMMIT");
    }
    assert_eq!(writing, Vec::<&String>::new(), "these calls wrote");
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
    let client = super::shop::connect(&db);
    let mut shop = Shop { client, db };
    let calls = refusals(&mut shop);
    // The first call of a backend and the first look at a page may tidy up behind earlier writers.
    shop.run("VACUUM");
    for call in &calls {
        refused(&mut shop.client, call);
    }
    let position =
        |shop: &mut Shop| -> String { shop.value("SELECT pg_current_wal_insert_lsn()::text", &[]) };
    let mut writing = Vec::new();
    for call in &calls {
        let before = position(&mut shop);
        for _ in 0..3 {
            refused(&mut shop.client, call);
        }
        if position(&mut shop) != before {
            writing.push(call);
        }
    }
    assert_eq!(writing, Vec::<&String>::new(), "these calls wrote");
    shop.verify();
}

/// Many rows in every table, written without the triggers, with counters as they would make them.
const MANY_ROWS: &str = "
    SET session_replication_role = replica;
    INSERT INTO stock_listings (listing_id, sku, barcode, quantity_total, quantity_listed, quantity_allocated,
                                version, moved_at)
    SELECT md5('listing' || n)::uuid, 'S' || n, 'B' || n, 10, 10, 1, 1, '2020-01-01' FROM generate_series(1, 20000) n;
    INSERT INTO stock_movements (movement_id, tenant_id, listing_id, version, lot_id, location_id, movement_type,
                                 delta, lot_before, lot_after, listing_before, listing_after, actor, recorded_at,
                                 effective_at)
    SELECT gen_random_uuid(), current_tenant(), md5('listing' || n)::uuid, 1, md5('lot' || n)::uuid,
           '00000000-0000-8000-8000-000000000000', 'receive', 10, 0, 10, 0, 10, 'x', '2020-01-01', '2020-01-01'
      FROM generate_series(1, 20000) n;
    INSERT INTO stock_levels
    SELECT current_tenant(), md5('listing' || n)::uuid, '00000000-0000-8000-8000-000000000000', 10, 10, 1
      FROM generate_series(1, 20000) n;
    INSERT INTO stock_lots (lot_id, listing_id, quantity_total, quantity_allocated)
    SELECT md5('lot' || n)::uuid, md5('listing' || n)::uuid, 10, 1 FROM generate_series(1, 20000) n;
    INSERT INTO stock_allocations (lot_id, listing_id, order_id, quantity)
    SELECT md5('lot' || n)::uuid, md5('listing' || n)::uuid, md5('order' || n)::uuid, 1
      FROM generate_series(1, 20000) n;
    INSERT INTO stock_requests (function, idempotency_key, arguments)
    SELECT 'allocate_stock', 'old ' || n, '{}' FROM generate_series(1, 20000) n;
    RESET session_replication_role;
    ANALYZE";

/// The plans of all statements that a call runs inside, as the server itself tells them.
fn plans_of(shop: &Shop, call: &str) -> Vec<String> {
    let (mut client, notices) = shop.db.client_with_notices();
    client
        .batch_execute(
            "SET search_path = stock; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
             SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice",
        )
        .unwrap();
    client
        .batch_execute(call)
        .unwrap_or_else(|error| panic!("{call}: {error:?}"));
    let notices = notices.lock().unwrap();
    notices.iter().map(|(_, message)| message.clone()).collect()
}

/// Without this the tests below could not fail.
#[test]
fn a_read_of_a_whole_table_is_seen() {
    let mut shop = Shop::open();
    shop.run(MANY_ROWS);
    let plans = plans_of(&shop, "SELECT FROM verify_stock()");
    assert!(plans
        .iter()
        .any(|plan| plan.contains("Seq Scan on stock_lots")));
}

/// Direct access goes by the names of indexes: without them the engine's statements run.
const STATEMENTS_ONLY: &str = "
    ALTER INDEX stock_listings_pkey RENAME TO stock_listings_renamed;
    ALTER INDEX stock_levels_pkey RENAME TO stock_levels_renamed;
    ALTER INDEX stock_lots_pkey RENAME TO stock_lots_renamed;
    ALTER INDEX stock_allocations_pkey RENAME TO stock_allocations_renamed";

/// The engine's own statements as they are planned on a real server: an index for every key.
#[test]
fn no_call_reads_a_whole_table() {
    let mut shop = Shop::open();
    shop.run(MANY_ROWS);
    shop.run(STATEMENTS_ONLY);
    shop.verify();
    let id = |what: &str| format!("md5('{what}')::uuid");
    let lines = "jsonb_build_array(jsonb_build_object('listing_id', md5('listing3')::uuid, 'quantity', 1),
                                   jsonb_build_object('listing_id', md5('listing4')::uuid, 'quantity', 2))";
    let lots = "jsonb_build_array(jsonb_build_object('lot_id', md5('lot5')::uuid, 'quantity', 1),
                                  jsonb_build_object('lot_id', md5('lot6')::uuid, 'quantity', 2))";
    for call in [
        format!("get_available_stock({})", id("listing1")),
        format!(
            "get_available_stock({}, '00000000-0000-8000-8000-000000000000')",
            id("listing1")
        ),
        format!("get_stock(ARRAY[{}, {}])", id("listing1"), id("listing2")),
        "register_listing('S1 again', barcode => 'B1 again')".to_owned(),
        format!(
            "receive_stock({}, 1, idempotency_key => 'new')",
            id("listing1")
        ),
        format!("receive_stock({}, 1, '{ORISON}')", id("listing1")),
        format!("explain_allocation({}, 1)", id("listing1")),
        format!("stock_at({}, now())", id("listing1")),
        format!("stock_at({}, '2019-01-01')", id("listing1")),
        format!(
            "stock_at({}, now(), '00000000-0000-8000-8000-000000000000', 'effective')",
            id("listing1")
        ),
        format!("stock_history({}, '2019-01-01')", id("listing1")),
        format!("stock_events({})", id("event")),
        format!("stock_value(listing_id => {})", id("listing1")),
        format!("stock_value(now(), listing_id => {})", id("listing1")),
        format!("stock_value(now(), 'average', {})", id("listing1")),
        format!(
            "allocate_stock({}, {}, 2, idempotency_key => 'new')",
            id("listing2"),
            id("o")
        ),
        format!("allocate_order({}, {lines})", id("o")),
        format!("allocate_lots({}, {lots})", id("o")),
        format!("release_allocations({}, quantity => 1)", id("o")),
        format!("fulfill_allocations({}, {})", id("order7"), id("listing7")),
        format!("release_allocations({})", id("order8")),
        format!("delete_listing({})", id("listing9")),
    ] {
        let plans = plans_of(&shop, &format!("SELECT {call}"));
        assert!(plans.len() > 1, "its inner statements are seen: {call}");
        for plan in plans {
            for table in [
                "stock_listings",
                "stock_levels",
                "stock_lots",
                "stock_allocations",
                "stock_requests",
                "stock_movements",
            ] {
                let whole = format!("Seq Scan on {table}");
                assert!(
                    !plan.contains(&whole),
                    "{call} reads all of {table}:\n{plan}"
                );
            }
        }
    }
    shop.verify();
}

/// Direct DML goes the same ways: its triggers and cascades find their rows by index.
#[test]
fn no_small_write_of_a_client_reads_a_whole_table() {
    let mut shop = Shop::open();
    shop.run(MANY_ROWS);
    for statement in [
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES (md5('listing1')::uuid, 1)",
        "INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES (md5('lot1')::uuid, md5('o')::uuid, 1)",
        "UPDATE stock_allocations SET status = 'released' WHERE order_id = md5('order2')::uuid",
        "UPDATE stock_lots SET quantity_total = 5 WHERE lot_id = md5('lot2')::uuid",
        "DELETE FROM stock_allocations WHERE order_id = md5('order3')::uuid",
        "DELETE FROM stock_lots WHERE lot_id = md5('lot3')::uuid",
        "SELECT FROM stock_listings WHERE tenant_id = current_tenant() AND sku = 'S9'",
        "SELECT FROM stock_listings WHERE tenant_id = current_tenant() AND barcode = 'B9'",
        "SELECT FROM stock_lots WHERE listing_id = md5('listing9')::uuid",
        "SELECT FROM stock_allocations WHERE lot_id = md5('lot9')::uuid",
        "DELETE FROM stock_listings WHERE listing_id = md5('listing4')::uuid",
    ] {
        let plans = plans_of(&shop, statement);
        assert!(!plans.is_empty());
        for plan in plans {
            for table in ["stock_listings", "stock_levels", "stock_lots", "stock_allocations"] {
                let whole = format!("Seq Scan on {table}");
                assert!(!plan.contains(&whole), "{statement} reads all of {table}:\n{plan}");
            }
        }
    }
    shop.verify();
}

/// A plan made on a small, analyzed table is kept while the table grows.
#[test]
fn claims_use_indexes_from_the_first_row_on() {
    let mut shop = Shop::open();
    let listing = shop.stocked(1000);
    shop.allocate(listing, 1);
    shop.run("ANALYZE");
    let scans = |shop: &mut Shop| -> i64 {
        shop.run("SELECT pg_stat_force_next_flush()");
        let sql = "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables
                    WHERE schemaname = 'stock' AND relname LIKE 'stock\\_%'";
        shop.value(sql, &[])
    };
    let before = scans(&mut shop);
    for units in 1..=10 {
        let order = shop.allocate(listing, units);
        shop.value::<i32>("SELECT fulfill_allocations($1, quantity => 1)", &[&order]);
        shop.value::<i32>("SELECT release_allocations($1)", &[&order]);
    }
    assert_eq!(scans(&mut shop) - before, 0);
    shop.verify();
}
