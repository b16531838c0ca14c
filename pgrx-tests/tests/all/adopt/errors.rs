//! What each error of moving in is to a program and to a person: SQLSTATE, the JSON of DETAIL with
//! exactly its keys, and the HINT.

use super::old_shop::{conventional, warehouse, IMPORT, WAREHOUSE};
use serde_json::json;
use stockroom_tests::assert_error;

const TABLE: &str = "wms.batches";

#[test]
fn cannot_import() {
    let (_db, mut sql) = warehouse();
    assert_error(
        &sql.refuse("SELECT stock.import_stock('stock.stock_lots')"),
        "42809",
        json!({"error": "cannot_import", "table": "stock.stock_lots", "problem": "it belongs to stockroom itself"}),
        "Name a table or a view of the app's own.",
    );
    sql.run("ALTER TABLE wms.batches RENAME qty TO menge");
    assert_error(
        &sql.refuse("SELECT stock.import_stock('wms.batches')"),
        "42809",
        json!({"error": "cannot_import", "table": TABLE,
               "problem": "no column could be found for lots.quantity or lots.quantity_available"}),
        "Name it: mapping => '{\"lots\": {\"quantity\": \"the column\"}}'.",
    );
}

#[test]
fn bad_rows() {
    let (_db, mut sql) = warehouse();
    sql.run("UPDATE wms.batches SET qty = -1 WHERE nr = 72");
    assert_error(
        &sql.refuse(&format!("{WAREHOUSE})")),
        "22023",
        json!({"error": "bad_rows", "table": TABLE, "rows": 1,
               "examples": [{"row": "lot 72", "problem": "quantity: -1.000 is below zero"}]}),
        "Correct them, or import a view that leaves them out; preview => true shows them as rows.",
    );
}

/// A trigger of the app's own on the engine's table adds stock of which the app's rows say nothing.
#[test]
fn import_mismatch() {
    let (_db, mut sql) = conventional();
    sql.run(
        "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF pg_trigger_depth() = 1 AND NEW.quantity_total = 5 THEN
                 INSERT INTO stock.stock_lots (listing_id, quantity_total) VALUES (NEW.listing_id, 4);
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER more AFTER INSERT ON stock.stock_lots FOR EACH ROW EXECUTE FUNCTION more()",
    );
    let listing = sql.row("SELECT bench.listing_id(2)");
    assert_error(
        &sql.refuse(&format!("{IMPORT})")),
        "23514",
        json!({"error": "import_mismatch", "table": "conventional.stock_lots", "mismatches": 2,
               "counters": [format!("{listing} available"), format!("{listing} total")]}),
        "Look for triggers of your own on stockroom's tables, and for others who moved the same stock; nothing was imported.",
    );
    let preview = format!("SELECT name, found, imported FROM ({IMPORT}, preview => true)) AS l WHERE kind = 'mismatch'");
    assert_eq!(
        sql.rows(&preview),
        [
            format!("{listing} available|21|25"),
            format!("{listing} total|25|29")
        ]
    );
    assert_eq!(sql.row("SELECT count(*) FROM stock.stock_lots"), "0");
}

#[test]
fn import_moved() {
    let (_db, mut sql) = warehouse();
    sql.run(&format!("{WAREHOUSE})"));
    sql.run("SELECT stock.fulfill_allocations(stock.imported_id('wms.batches', 'order', 'SO-1'))");
    assert_error(
        &sql.refuse("SELECT stock.undo_import_stock('wms.batches')"),
        "55000",
        json!({"error": "import_moved", "table": TABLE, "rows": 2,
               "examples": [{"row": "lot 70", "problem": "had 10500 units, has 9000"},
                            {"row": "allocation 1", "problem": "was 1500 active, is 1500 fulfilled"}]}),
        "What was imported is in use; docs/adopt.md says how to write it back into the app's tables.",
    );
}

#[test]
fn table_not_imported() {
    let (_db, mut sql) = warehouse();
    assert_error(
        &sql.refuse("SELECT stock.undo_import_stock('wms.batches')"),
        "P0002",
        json!({"error": "table_not_imported", "table": TABLE}),
        "Name the table of lots that import_stock was given, as the tenant that imported it.",
    );
}
