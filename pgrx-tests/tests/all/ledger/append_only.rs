//! Nobody changes the ledger, nor what proves its archived lines: not its owner, not a superuser.

use crate::api::shop::Shop;
use serde_json::json;
use stockroom_tests::{assert_error, expect_error};

const TABLES: [&str; 3] = [
    "stock_movements",
    "stock_archived_runs",
    "stock_archived_lots",
];

const HINT: &str = "Write a counter-entry: adjust_stock, or change the lot itself.";

fn statements(table: &str) -> [String; 9] {
    [
        format!("INSERT INTO {table} SELECT * FROM {table}"),
        format!("INSERT INTO {table} SELECT * FROM {table} ON CONFLICT DO NOTHING"),
        format!("UPDATE {table} SET listing_id = listing_id"),
        format!("UPDATE {table} SET listing_id = listing_id WHERE false"),
        format!("DELETE FROM {table}"),
        format!("DELETE FROM ONLY {table} WHERE false"),
        format!("TRUNCATE {table}"),
        format!("TRUNCATE stock_lots, {table}"),
        format!("WITH gone AS (DELETE FROM {table} RETURNING *) SELECT count(*) FROM gone"),
    ]
}

#[test]
fn the_superuser_is_refused() {
    let mut shop = Shop::open();
    shop.stocked(5);
    let before = shop.everything();
    for table in TABLES {
        for statement in statements(table) {
            let error = shop.error(&statement, &[]);
            let detail = json!({"error": "ledger_append_only", "table": table});
            assert_error(&error, "42501", detail, HINT);
        }
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn an_owner_who_is_no_superuser_is_refused_too() {
    let mut shop = Shop::open();
    let role = shop.db.role("owner");
    shop.stocked(5);
    shop.run(&format!("GRANT ALL ON SCHEMA stock TO {role}"));
    for table in TABLES {
        shop.run(&format!("ALTER TABLE {table} OWNER TO {role}"));
    }
    let mut owner = shop.db.client_as(&role);
    owner.batch_execute("SET search_path = stock").unwrap();
    for table in TABLES {
        for statement in statements(table) {
            // It owns no other table.
            if !statement.contains("stock_lots,") {
                let error = expect_error(owner.batch_execute(&statement));
                assert_eq!(error.name(), "ledger_append_only", "{statement}");
            }
        }
    }
    shop.verify();
}

/// What an app's own trigger does inside a statement of the engine is the app's.
#[test]
fn code_that_runs_inside_the_engines_statements_is_refused() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.run(
        "CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN DELETE FROM stock.stock_movements; RETURN NULL; END $$;
         CREATE TRIGGER meddle AFTER INSERT ON stock_lots FOR EACH ROW EXECUTE FUNCTION public.meddle()",
    );
    let error = shop.error("SELECT receive_stock($1, 1)", &[&listing]);
    assert_eq!(error.name(), "ledger_append_only");
    shop.run("DROP TRIGGER meddle ON stock_lots");
    assert_eq!(shop.history(listing), ["receive|5|5"]);
    shop.verify();
}
