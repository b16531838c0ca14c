//! What each error of attached tables is to a program and to a person: SQLSTATE, the JSON of DETAIL
//! with exactly its keys, and the HINT.

use super::app::{allocate, attached, shop, Sql, HAT, ORDER_1};
use serde_json::json;
use stockroom_tests::assert_error;

const TABLE: &str = "public.listings";

#[test]
fn table_not_attached() {
    let (_db, mut sql) = shop();
    assert_error(
        &sql.refuse("SELECT stock.get_available_stock_of('listings', 'x')"),
        "P0002",
        json!({"error": "table_not_attached", "table": TABLE}),
        "Attach it with attach_table(table, key_column).",
    );
}

#[test]
fn already_attached() {
    let (_db, mut sql) = attached("");
    assert_error(
        &sql.refuse("SELECT stock.attach_table('listings', 'id')"),
        "42710",
        json!({"error": "already_attached", "table": TABLE}),
        "Detach it first to attach it in another way.",
    );
}

#[test]
fn cannot_attach() {
    let (_db, mut sql) = shop();
    sql.run("ALTER TABLE listings ALTER quantity_available TYPE smallint");
    assert_error(
        &sql.refuse("SELECT stock.attach_table('listings', 'id')"),
        "42809",
        json!({"error": "cannot_attach", "table": TABLE,
               "problem": "column quantity_available is smallint, too small for a quantity"}),
        "ALTER TABLE public.listings ALTER COLUMN quantity_available TYPE integer.",
    );
}

#[test]
fn not_table_owner() {
    let (db, mut sql) = shop();
    let clerk = db.role("clerk");
    sql.run(&format!(
        "GRANT USAGE ON SCHEMA stock TO {clerk}; GRANT EXECUTE ON FUNCTION attach_table TO {clerk}"
    ));
    assert_error(
        &Sql::by(&db, &clerk).refuse("SELECT stock.attach_table('public.listings', 'id')"),
        "42501",
        json!({"error": "not_table_owner", "table": TABLE}),
        "Let the table's owner do it.",
    );
}

#[test]
fn bad_quantity() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE listings SET quantity_available = -1 WHERE id = '{HAT}'"
    ));
    assert_error(
        &sql.refuse("SELECT stock.attach_table('listings', 'id')"),
        "22023",
        json!({"error": "bad_quantity", "table": TABLE, "rows": 1, "keys": [HAT]}),
        "Correct them, or pass on_bad => 'zero' to count them as zero.",
    );
}

#[test]
fn listing_attached() {
    let (_db, mut sql) = attached("");
    for delete in [
        format!("SELECT stock.delete_listing('{HAT}')"),
        format!("DELETE FROM stock.stock_listings WHERE listing_id = '{HAT}'"),
    ] {
        assert_error(
            &sql.refuse(&delete),
            "55000",
            json!({"error": "listing_attached", "listing_id": HAT}),
            "Delete the app's own row (on_delete decides what follows), or detach the table first.",
        );
    }
    sql.assert_verified();
}

#[test]
fn attached_key_fixed() {
    let (_db, mut sql) = attached("");
    assert_error(
        &sql.refuse(&format!(
            "UPDATE listings SET id = gen_random_uuid() WHERE id = '{HAT}'"
        )),
        "55000",
        json!({"error": "attached_key_fixed", "table": TABLE, "key": HAT}),
        "Insert a new row and move the stock, or detach the table.",
    );
}

#[test]
fn direct_write_rejected() {
    let (_db, mut sql) = attached(", direct_writes => 'reject'");
    assert_error(
        &sql.refuse(&format!(
            "UPDATE listings SET quantity_available = 3 WHERE id = '{HAT}'"
        )),
        "42501",
        json!({"error": "direct_write_rejected", "table": TABLE, "key": HAT}),
        "Call receive_stock or allocate_stock, write stock_lots, or attach with direct_writes => 'adjust'.",
    );
}

#[test]
fn claims_stand_in_the_way() {
    let (_db, mut sql) = attached(", on_delete => 'restrict'");
    sql.run(&allocate(HAT, ORDER_1, 1));
    assert_error(
        &sql.refuse("DELETE FROM listings"),
        "23514",
        json!({"error": "stock_committed", "table": TABLE, "listings": [HAT]}),
        "Release or fulfil the claims first, or attach with on_delete => 'cascade'.",
    );
}

/// The app takes more than is free.
#[test]
fn stock_committed() {
    let (_db, mut sql) = attached("");
    sql.run(&allocate(HAT, ORDER_1, 4));
    assert_error(
        &sql.refuse(&format!(
            "BEGIN; ALTER TABLE listings DISABLE TRIGGER stockroom_update;
             UPDATE listings SET quantity_available = 10 WHERE id = '{HAT}';
             ALTER TABLE listings ENABLE TRIGGER stockroom_update;
             UPDATE listings SET quantity_available = 2 WHERE id = '{HAT}'"
        )),
        "23514",
        json!({"error": "stock_committed", "listing_id": HAT, "location_id": null, "over_by": 2,
               "holds": []}),
        "Release or fulfil claims on the listing first, or change its stock by less.",
    );
}

#[test]
fn attachment_unseen() {
    let (db, mut sql) = shop();
    let mut early = Sql::by_superuser(&db);
    early.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    sql.attach("listings", "");
    assert_error(
        &early.refuse(&format!(
            "UPDATE listings SET quantity_available = 3 WHERE id = '{HAT}'"
        )),
        "40001",
        json!({"error": "attachment_unseen", "table": TABLE}),
        "Run the transaction again.",
    );
}

#[test]
fn write_interfered() {
    let (_db, mut sql) = attached("");
    sql.run(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER swallow BEFORE INSERT ON stock.stock_allocations FOR EACH ROW EXECUTE FUNCTION swallow()",
    );
    assert_error(
        &sql.refuse(&allocate(HAT, ORDER_1, 1)),
        "55000",
        json!({"error": "write_interfered"}),
        "Look for BEFORE triggers of your own on stockroom's tables that return NULL or change quantities.",
    );
    sql.assert_verified();
}
