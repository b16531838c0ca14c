//! What a mapping may say, and which tables can be read.

use super::old_shop::{assert_sound, contents, counts, problems, warehouse, WAREHOUSE};
use crate::attached::app::Sql;
use crate::restore::dump::{dump, psql};
use stockroom_tests::Db;

fn refused(sql: &mut Sql, call: &str) -> (String, String) {
    let error = sql.refuse(&format!("SELECT FROM stock.import_stock({call})"));
    (error.name(), error.message)
}

#[test]
fn a_mapping_that_fits_nothing_is_refused() {
    let (_db, mut sql) = warehouse();
    for (mapping, name, says) in [
        ("[]", "bad_argument", "mapping must be an object"),
        (r#"{"lotz": {}}"#, "bad_argument", "has \"lotz\"; known are"),
        (
            r#"{"lots": {"quantity": "menge"}}"#,
            "cannot_import",
            "it has no column menge",
        ),
        (
            r#"{"lots": {"quantity": "batch_no"}}"#,
            "cannot_import",
            "column batch_no is of type text, which cannot be lots.quantity",
        ),
        (
            r#"{"lots": {"quantity": null}}"#,
            "cannot_import",
            "no column could be found for lots.quantity or lots.quantity_available",
        ),
        (
            r#"{"lots": {"listing_id": null}}"#,
            "cannot_import",
            "no column could be found for lots.listing_id or lots.sku",
        ),
        (
            r#"{"allocations": {"order_id": null}}"#,
            "cannot_import",
            "no column could be found for allocations.order_id",
        ),
        (
            r#"{"locations": {"table": "wms.nowhere"}}"#,
            "bad_argument",
            "there is no table wms.nowhere",
        ),
        (
            r#"{"quantity_scale": 12}"#,
            "bad_argument",
            "quantity_scale must be 0 to 9",
        ),
    ] {
        let (error, message) = refused(
            &mut sql,
            &format!("'wms.batches', 'wms.reservations', '{mapping}'"),
        );
        assert_eq!(error, name, "{mapping}: {message}");
        assert!(message.contains(says), "{mapping}: {message}");
    }
    assert_sound(&mut sql);
}

#[test]
fn tables_that_are_not_the_apps_are_refused() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "CREATE TEMP TABLE mine (id int PRIMARY KEY, sku text, qty int); CREATE SEQUENCE numbers",
    );
    for (table, says) in [
        ("stock.stock_lots", "it belongs to stockroom itself"),
        ("pg_class", "it is a system catalog"),
        ("mine", "it is a temporary table"),
        ("numbers", "it is no table"),
    ] {
        let (error, message) = refused(&mut sql, &format!("'{table}'"));
        assert_eq!(error, "cannot_import", "{table}: {message}");
        assert!(message.contains(says), "{table}: {message}");
    }
}

/// A view says what no mapping can: it computes, joins and leaves out. So does a partitioned table.
#[test]
fn views_and_partitioned_tables_are_read() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "UPDATE wms.batches SET qty = -1 WHERE nr = 73;
         CREATE VIEW wms.good AS SELECT nr AS lot_id, 'P' || product_id AS sku, qty * 1000 AS quantity
                                   FROM wms.batches WHERE qty > 0;
         CREATE TABLE wms.parts (id int, sku text, qty int) PARTITION BY RANGE (id);
         CREATE TABLE wms.part_1 PARTITION OF wms.parts FOR VALUES FROM (0) TO (10);
         CREATE TABLE wms.part_2 PARTITION OF wms.parts FOR VALUES FROM (10) TO (20);
         INSERT INTO wms.parts VALUES (1, 'a', 2), (11, 'a', 3)",
    );
    let view = "SELECT * FROM stock.import_stock('wms.good'";
    assert_eq!(
        counts(&mut sql, view)[..3],
        ["listings: 2, 2", "lots: 3, 3", "units: 23750, 23750"]
    );
    assert_eq!(counts(&mut sql, view)[1], "lots: 3, 0");
    let parts = "SELECT * FROM stock.import_stock('wms.parts'";
    assert_eq!(
        counts(&mut sql, parts)[..3],
        ["listings: 1, 1", "lots: 2, 2", "units: 5, 5"]
    );
    assert_sound(&mut sql);
}

#[test]
fn words_for_states_may_be_given_and_overrule() {
    let (_db, mut sql) = warehouse();
    sql.run("UPDATE wms.reservations SET state = 'versandt' WHERE id = 2");
    let call = WAREHOUSE.replace(
        "'{",
        r#"'{"statuses": {"versandt": "fulfilled", "cancelled": "active"}, "#,
    );
    assert_eq!(counts(&mut sql, &call)[4], "allocated units: 3500, 3500");
    assert_sound(&mut sql);
    // They are remembered.
    sql.run("INSERT INTO wms.reservations VALUES (9, 70, 'SO-9', 1, 'versandt')");
    assert_eq!(
        counts(&mut sql, "SELECT * FROM stock.import_stock('wms.batches'")[3],
        "allocations: 4, 1"
    );
}

/// Renamed, the table is known still.
#[test]
fn an_import_follows_its_table() {
    let (_db, mut sql) = warehouse();
    sql.run(&format!("{WAREHOUSE})"));
    sql.run("ALTER TABLE wms.batches RENAME TO old_batches; CREATE SCHEMA attic; ALTER TABLE wms.old_batches SET SCHEMA attic");
    assert_eq!(
        counts(
            &mut sql,
            "SELECT * FROM stock.import_stock('attic.old_batches'"
        )[1],
        "lots: 4, 0"
    );
    assert_eq!(
        sql.row("SELECT lots_schema, lots_table FROM stock.stock_imports"),
        "attic|old_batches"
    );
}

/// In a restored database every oid is another; what was imported is known all the same.
#[test]
fn an_import_is_known_in_a_restored_database() {
    let (db, mut sql) = warehouse();
    sql.run(&format!("{WAREHOUSE})"));
    let (before, oil) = (
        contents(&mut sql),
        "SELECT stock.imported_id('wms.batches', 'listing', '1')",
    );
    let restored = Db::new();
    restored.execute("CREATE TABLE first (i int)");
    psql(&restored, &dump(&db, &[]), &[]);
    let mut there = Sql::by_superuser(&restored);
    assert_eq!(contents(&mut there), before);
    assert_eq!(there.row(oil), sql.row(oil));
    let again = "SELECT * FROM stock.import_stock('wms.batches'";
    assert_eq!(counts(&mut there, again)[1], "lots: 4, 0");
    assert_eq!(problems(&mut there, again), [""; 0]);
    there.run("INSERT INTO wms.batches (nr, product_id, qty) VALUES (80, 1, 1)");
    assert_eq!(
        counts(&mut there, again)[..2],
        ["listings: 2, 0", "lots: 5, 1"]
    );
    assert_sound(&mut there);
}
