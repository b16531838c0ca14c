//! Dumps that come in pieces, or don't look like dumps.

use super::dump::{dump, pg_restore, psql, psql_fails, psql_with, warned};
use super::kept::{assert_verified, assert_works_on, connect, contents, shop_in};
use std::path::Path;
use stockroom_tests::Db;

/// A shop, and a database with its schema but no rows.
fn shop_and_empty_copy() -> (Db, Db) {
    let shop = shop_in("stock");
    let copy = Db::new();
    psql(&copy, &dump(&shop, &["--schema-only"]), &[]);
    (shop, copy)
}

#[track_caller]
fn assert_same(shop: &Db, restored: &Db) {
    let before = contents(&mut connect(shop, "stock"));
    let mut sql = connect(restored, "stock");
    assert_eq!(contents(&mut sql), before);
    assert_verified(&mut sql);
    assert_works_on(&mut sql);
}

/// The attached tables' triggers are there already, and must not count what is only coming back.
#[test]
fn rows_alone() {
    let (shop, copy) = shop_and_empty_copy();
    psql(&copy, &dump(&shop, &["--data-only"]), &[]);
    assert_eq!(warned(&copy), 1);
    assert_same(&shop, &copy);
}

#[test]
fn rows_alone_as_inserts_with_several_jobs() {
    let (shop, copy) = shop_and_empty_copy();
    let file = dump(&shop, &["-Fc", "--data-only", "--inserts"]);
    pg_restore(&copy, &file, &["-j", "2"]);
    assert_same(&shop, &copy);
}

/// Then nobody stands aside, and nobody says so.
#[test]
fn rows_alone_with_triggers_disabled() {
    let (shop, copy) = shop_and_empty_copy();
    psql(
        &copy,
        &dump(&shop, &["--data-only", "--disable-triggers"]),
        &[],
    );
    assert_eq!(warned(&copy), 0);
    assert_same(&shop, &copy);
}

/// Such a dump has one mark less.
#[test]
fn with_row_security_the_setting_is_needed() {
    let shop = shop_in("stock");
    let file = dump(&shop, &["--enable-row-security"]);
    let said = psql_fails(&Db::new(), &file, &[]);
    assert!(said.contains("lot_not_found"), "{said}");
    let restored = Db::new();
    psql_with(&restored, &file, "stockroom.restoring=on");
    assert_eq!(warned(&restored), 1);
    assert_same(&shop, &restored);

    let (shop, copy) = shop_and_empty_copy();
    let file = dump(&shop, &["--data-only", "--enable-row-security"]);
    psql_with(&copy, &file, "stockroom.restoring=on");
    assert_same(&shop, &copy);
}

/// A set of rows that an administrator copies by hand, with no dump's marks.
#[test]
fn table_by_table_with_the_setting() {
    let (shop, copy) = shop_and_empty_copy();
    let (mut from, mut to) = (connect(&shop, "stock"), connect(&copy, "stock"));
    to.run("SET stockroom.restoring = on");
    // In the worst order: what refers to others comes first.
    for table in [
        "app.goods",
        "app.\"Items\"",
        "app.litres",
        "app.shared",
        "app.books",
        "stock_allocations",
        "stock_holds",
        "stock_lots",
        "stock_levels",
        "stock_listings",
        "stock_requests",
        "stock_movements",
        "stock_feeds",
        "stock_loans",
        "stock_archived_runs",
        "stock_archived_lots",
        "stock_import_rows",
        "stock_imports",
        "collapsed_copies",
        "collapsed_items",
        "collapsed_tables",
        "allocation_strategies",
        "locations",
        "attached_tables",
    ] {
        let columns = from.row(&format!(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
              WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
        ));
        let keep = match table {
            "locations" => "WHERE NOT is_preset",
            _ => "",
        };
        let rows = format!("COPY (SELECT {columns} FROM {table} {keep}) TO STDOUT");
        let mut data = Vec::new();
        std::io::copy(&mut from.client.copy_out(&rows).unwrap(), &mut data).unwrap();
        let into = format!("COPY {table} ({columns}) FROM STDIN");
        let mut copy_in = to.client.copy_in(&into).unwrap();
        std::io::copy(&mut data.as_slice(), &mut copy_in).unwrap();
        copy_in.finish().unwrap();
    }
    assert_same(&shop, &copy);
}

/// As a replica no trigger fires, and no event trigger either: the attached tables are found when
/// they are first written, or by a repair.
#[test]
fn as_a_replica() {
    let shop = shop_in("stock");
    let file = dump(&shop, &[]);
    let restore = |file: &Path| {
        let restored = Db::new();
        psql_with(&restored, file, "session_replication_role=replica");
        assert_eq!(warned(&restored), 0);
        restored
    };
    let restored = restore(&file);
    let mut sql = connect(&restored, "stock");
    assert_eq!(
        sql.rows("SELECT key, counter FROM verify_stock() ORDER BY 1")[0],
        "app.\"Items\"|table, trigger or column is gone"
    );
    assert_eq!(sql.row("SELECT repair_stock()"), "0");
    assert_same(&shop, &restored);

    let restored = restore(&file);
    let mut sql = connect(&restored, "stock");
    sql.run("UPDATE goods SET quantity_available = quantity_available + 1");
    sql.run("UPDATE goods SET quantity_available = quantity_available - 1");
    assert_verified(&mut sql);
    assert_works_on(&mut sql);
}
