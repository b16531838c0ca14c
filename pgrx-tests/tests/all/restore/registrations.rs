//! In a restored database a table has another oid, and the one that was kept may be any other table's.

use super::kept::warnings;
use crate::attached::app::{allocate, attached, Sql, COAT, HAT, ORDER_1};

/// The registration of `listings` as it would be after a restore: its oid is another table's.
fn astray(sql: &mut Sql, other: &str) {
    sql.run(&format!(
        "CREATE TABLE {other} (id uuid PRIMARY KEY, title text, quantity_available integer);
         INSERT INTO {other} VALUES ('{HAT}', 'somebody else''s', 1);
         UPDATE attached_tables SET table_oid = '{other}'::regclass, key_attnum = 3, available_attnum = 1
          WHERE table_name = 'listings'"
    ));
}

const REGISTERED: &str =
    "SELECT table_oid::regclass, table_name, key_attnum, available_attnum, available_column
                            FROM attached_tables WHERE table_schema = 'public'";
const RIGHT: &str = "listings|listings|1|3|quantity_available";

#[track_caller]
fn assert_found(sql: &mut Sql, other: &str) {
    assert_eq!(sql.row(REGISTERED), RIGHT);
    assert_eq!(
        sql.row(&format!("SELECT quantity_available FROM {other}")),
        "1"
    );
    sql.assert_verified();
    assert_eq!(warnings(sql), [""; 0]);
}

#[test]
fn a_claim_finds_the_table_by_its_triggers() {
    let (_db, mut sql) = attached("");
    astray(&mut sql, "other");
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    assert_found(&mut sql, "other");
}

#[test]
fn so_does_a_write_of_the_app() {
    for (write, available) in [
        (
            format!("UPDATE listings SET quantity_available = 12 WHERE id = '{HAT}'"),
            "12",
        ),
        (format!("DELETE FROM listings WHERE id = '{COAT}'"), "10"),
        (
            "INSERT INTO listings VALUES (gen_random_uuid(), 'cap', 1)".to_owned(),
            "10",
        ),
    ] {
        let (_db, mut sql) = attached("");
        astray(&mut sql, "other");
        sql.run(&write);
        assert_eq!(
            sql.row(&format!("SELECT get_available_stock('{HAT}')")),
            available
        );
        assert_found(&mut sql, "other");
    }
}

/// Read only: nothing is put right, but nothing is taken for another either.
#[test]
fn readers_are_not_led_astray() {
    let (_db, mut sql) = attached("");
    astray(&mut sql, "other");
    assert_eq!(
        sql.row(&format!(
            "SELECT get_available_stock_of('listings', '{HAT}')"
        )),
        "10"
    );
    assert_eq!(
        sql.refusal(&format!("SELECT get_available_stock_of('other', '{HAT}')"))
            .1,
        "table_not_attached"
    );
    assert_eq!(
        sql.refusal("SELECT detach_table('other')").1,
        "table_not_attached"
    );
    assert_eq!(
        sql.differences(),
        ["attached table public.listings table, trigger or column is gone: , not "]
    );
    assert_eq!(sql.row("SELECT repair_stock()"), "0");
    assert_found(&mut sql, "other");
}

/// What is done to the other table is none of the registration's business.
#[test]
fn ddl_on_the_other_table_changes_nothing() {
    for ddl in [
        "DROP TABLE other; CREATE TABLE other AS SELECT 1 AS quantity_available",
        "ALTER TABLE other RENAME TO another; ALTER TABLE another RENAME TO other",
        "ALTER TABLE other DROP id",
        "ALTER TABLE other RENAME title TO name",
    ] {
        let (_db, mut sql) = attached("");
        astray(&mut sql, "other");
        sql.run(ddl);
        sql.run(&allocate(HAT, ORDER_1, 3));
        assert_eq!(sql.shown(HAT), "7", "{ddl}");
        assert_found(&mut sql, "other");
    }
}

#[test]
fn the_other_table_can_be_attached_and_detached() {
    let (_db, mut sql) = attached("");
    sql.run("UPDATE listings SET title = 'old'");
    sql.run(
        "CREATE TABLE other (id int PRIMARY KEY, quantity_available integer NOT NULL); INSERT INTO other VALUES (1, 4);
         UPDATE attached_tables SET table_oid = 'other'::regclass",
    );
    sql.attach("other", "");
    sql.run("SELECT FROM allocate_stock(listing_id_of('other', '1'), gen_random_uuid(), 1)");
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    assert_eq!(sql.row("SELECT quantity_available FROM other"), "3");
    sql.run("SELECT detach_table('other')");
    assert_found_alone(&mut sql);
}

#[track_caller]
fn assert_found_alone(sql: &mut Sql) {
    assert_eq!(sql.row(REGISTERED), RIGHT);
    sql.assert_verified();
}

#[test]
fn two_tables_that_have_changed_oids() {
    let (_db, mut sql) = attached("");
    sql.run("CREATE TABLE goods (n int, id int PRIMARY KEY, quantity_available integer NOT NULL); INSERT INTO goods VALUES (0, 1, 4)");
    sql.attach("goods", "");
    sql.run(
        "UPDATE attached_tables a SET table_oid = b.table_oid, key_attnum = b.key_attnum, key_is_uuid = a.key_is_uuid
           FROM attached_tables b WHERE a.table_name <> b.table_name",
    );
    sql.run("SELECT FROM allocate_stock(listing_id_of('goods', '1'), gen_random_uuid(), 1)");
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    assert_eq!(sql.row("SELECT quantity_available FROM goods"), "3");
    sql.assert_verified();
}

/// The namespace of a table's keys is made of its oid: in a restored database another may have it.
#[test]
fn keys_of_another_table_are_not_mistaken_for_its_own() {
    let (_db, mut sql) = attached("");
    for table in ["goods", "things"] {
        sql.run(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, quantity_available integer NOT NULL)"
        ));
        sql.attach(table, "");
    }
    sql.run(
        "CREATE TABLE namespace AS SELECT key_namespace FROM attached_tables WHERE table_name = 'things';
         SELECT detach_table('things');
         UPDATE attached_tables SET key_namespace = (TABLE namespace) WHERE table_name = 'goods'",
    );
    sql.run("INSERT INTO goods VALUES (1, 4); INSERT INTO things VALUES (1, 9)");
    sql.attach("things", "");
    let available =
        "SELECT get_available_stock_of('goods', '1'), get_available_stock_of('things', '1')";
    assert_eq!(sql.row(available), "4|9");
    sql.assert_verified();
}
