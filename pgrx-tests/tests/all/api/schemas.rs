//! The extension in whatever schema: renamed, dropped and made anew, in public, in two databases.

use super::shop::verify;
use postgres::Client;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

/// Receives, allocates, fulfils and reads by functions of this schema; asserts the numbers.
#[track_caller]
fn work(client: &mut Client, schema: &str) -> Uuid {
    let call = |client: &mut Client, call: &str| {
        let sql = format!("SELECT {schema}.{call}");
        let row = client.query(&sql, &[]);
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .remove(0)
    };
    let listing: Uuid = call(client, "register_listing(NULL)").get(0);
    call(client, &format!("receive_stock('{listing}', 9)"));
    let order = Uuid::new_v4();
    call(
        client,
        &format!("allocate_stock('{listing}', '{order}', 4, idempotency_key => '{order}')"),
    );
    let settled = call(
        client,
        &format!("fulfill_allocations('{order}', quantity => 1)"),
    );
    assert_eq!(settled.get::<_, i32>(0), 1);
    // The second door as well.
    client
        .batch_execute(&format!(
            "INSERT INTO {schema}.stock_lots (listing_id, quantity_total) VALUES ('{listing}', 2)"
        ))
        .unwrap();
    let numbers = call(
        client,
        &format!("get_stock(ARRAY['{listing}'::uuid])::text"),
    );
    assert_eq!(
        numbers.get::<_, String>(0),
        format!("({listing},7,3,0,3,10,7)")
    );
    client
        .batch_execute(&format!("SET search_path = {schema}"))
        .unwrap();
    verify(client);
    client.batch_execute("RESET search_path").unwrap();
    listing
}

#[test]
fn in_public_where_old_code_finds_the_names() {
    let db = Db::with_extension();
    let mut client = db.client();
    work(&mut client, "public");
    let sql = "INSERT INTO stock_lots (listing_id, quantity_total)
               VALUES (register_listing('plain'), 3) RETURNING get_available_stock(listing_id)";
    client.query_one(sql, &[]).unwrap();
    let sql = "SELECT get_available_stock(listing_id) FROM stock_listings WHERE sku = 'plain'";
    assert_eq!(client.query_one(sql, &[]).unwrap().get::<_, i32>(0), 3);
}

#[test]
fn in_a_schema_with_an_odd_name() {
    for schema in [
        r#""Lager; DROP TABLE x""#,
        r#""""a""""#,
        r#""select""#,
        "\"Märkte \u{1F4E6}\"",
    ] {
        let db = Db::with_extension_in(schema);
        work(&mut db.client(), schema);
    }
}

#[test]
fn a_renamed_schema_is_followed_in_every_open_session() {
    let db = Db::with_extension_in("stock");
    let (mut mine, mut others) = (db.client(), db.client());
    let listing = work(&mut mine, "stock");
    work(&mut others, "stock");
    mine.batch_execute("ALTER SCHEMA stock RENAME TO goods")
        .unwrap();
    work(&mut mine, "goods");
    work(&mut others, "goods");
    let error = expect_error(mine.query("SELECT stock.get_total_stock(NULL)", &[]));
    assert_eq!(error.sqlstate, "3F000");
    // In a transaction that is rolled back, and on to a name that was used before.
    mine.batch_execute("BEGIN; ALTER SCHEMA goods RENAME TO wares")
        .unwrap();
    work(&mut mine, "wares");
    mine.batch_execute("ROLLBACK").unwrap();
    work(&mut mine, "goods");
    mine.batch_execute("ALTER SCHEMA goods RENAME TO stock; CREATE SCHEMA goods")
        .unwrap();
    work(&mut mine, "stock");
    work(&mut others, "stock");
    let sql = "SELECT stock.get_total_stock($1)";
    assert_eq!(
        mine.query_one(sql, &[&listing]).unwrap().get::<_, i32>(0),
        10
    );
}

/// A schema that takes the old name, with tables of the old names, gets nothing of ours.
#[test]
fn a_decoy_under_the_old_name_is_not_touched() {
    let db = Db::with_extension_in("stock");
    let mut client = db.client();
    work(&mut client, "stock");
    client
        .batch_execute(
            "ALTER SCHEMA stock RENAME TO goods; CREATE SCHEMA stock;
             CREATE TABLE stock.stock_listings (LIKE goods.stock_listings INCLUDING ALL);
             CREATE TABLE stock.stock_lots (LIKE goods.stock_lots INCLUDING ALL);
             CREATE TABLE stock.stock_levels (LIKE goods.stock_levels INCLUDING ALL);
             CREATE TABLE stock.stock_allocations (LIKE goods.stock_allocations INCLUDING ALL)",
        )
        .unwrap();
    work(&mut client, "goods");
    for table in [
        "stock_listings",
        "stock_lots",
        "stock_levels",
        "stock_allocations",
    ] {
        let sql = format!("SELECT count(*)::int FROM stock.{table}");
        assert_eq!(
            client.query_one(&sql, &[]).unwrap().get::<_, i32>(0),
            0,
            "{table}"
        );
    }
}

#[test]
fn dropped_and_made_anew_in_the_same_connection() {
    let db = Db::with_extension_in("stock");
    let mut client = db.client();
    let gone = work(&mut client, "stock");
    client
        .batch_execute("DROP EXTENSION stockroom; CREATE SCHEMA goods; CREATE EXTENSION stockroom SCHEMA goods")
        .unwrap();
    work(&mut client, "goods");
    // Again in the first schema: the same names are other tables now.
    client
        .batch_execute("DROP EXTENSION stockroom; CREATE EXTENSION stockroom SCHEMA stock")
        .unwrap();
    work(&mut client, "stock");
    let sql = "SELECT stock.get_total_stock($1)";
    assert_eq!(client.query_one(sql, &[&gone]).unwrap().get::<_, i32>(0), 0);
    // And within one transaction, taken back.
    client
        .batch_execute("BEGIN; DROP EXTENSION stockroom; CREATE EXTENSION stockroom SCHEMA goods")
        .unwrap();
    work(&mut client, "goods");
    client.batch_execute("ROLLBACK").unwrap();
    work(&mut client, "stock");
}

#[test]
fn dropped_it_leaves_nothing_behind() {
    let db = Db::with_extension_in("stock");
    let mut client = db.client();
    work(&mut client, "stock");
    client
        .batch_execute("DROP EXTENSION stockroom; DROP SCHEMA stock")
        .unwrap();
    let sql = "SELECT count(*)::int FROM pg_proc WHERE probin LIKE '%stockroom%'";
    assert_eq!(client.query_one(sql, &[]).unwrap().get::<_, i32>(0), 0);
}

#[test]
fn two_databases_know_nothing_of_each_other() {
    let (one, two) = (
        Db::with_extension_in("stock"),
        Db::with_extension_in("stock"),
    );
    let (mut first, mut second) = (one.client(), two.client());
    let listing = work(&mut first, "stock");
    work(&mut second, "stock");
    let sql = "SELECT stock.get_total_stock($1)";
    assert_eq!(
        first.query_one(sql, &[&listing]).unwrap().get::<_, i32>(0),
        10
    );
    assert_eq!(
        second.query_one(sql, &[&listing]).unwrap().get::<_, i32>(0),
        0
    );
}

/// The caller's search_path, and what lies in its temporary schema, change nothing.
#[test]
fn the_callers_search_path_is_of_no_account() {
    let db = Db::with_extension_in("stock");
    let mut client = db.client();
    client
        .batch_execute(
            "CREATE SCHEMA trap; CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql
             AS $$ BEGIN RAISE 'trapped'; END $$;
             CREATE TEMPORARY TABLE stock_listings (listing_id uuid); CREATE TEMPORARY TABLE unnest (n int)",
        )
        .unwrap();
    for path in ["''", "trap, pg_catalog", "pg_temp", "trap, stock, pg_temp"] {
        client
            .batch_execute(&format!("SET search_path = {path}"))
            .unwrap();
        let sql = "SELECT stock.register_listing(NULL)";
        let listing: Uuid = client.query_one(sql, &[]).unwrap().get(0);
        for sql in [
            "SELECT stock.receive_stock($1, 5)",
            "SELECT stock.allocate_stock($1, $1, 2)",
            "INSERT INTO stock.stock_lots (listing_id, quantity_total) VALUES ($1, 1)",
            "SELECT stock.fulfill_allocations($1)",
            "SELECT stock.delete_listing($1)",
        ] {
            client
                .query(sql, &[&listing])
                .unwrap_or_else(|error| panic!("{path}: {sql}: {error:?}"));
        }
    }
}
