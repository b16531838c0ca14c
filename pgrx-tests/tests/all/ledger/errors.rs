//! SQLSTATE, DETAIL and HINT of the ledger's own errors.

use crate::api::shop::Shop;
use serde_json::json;
use stockroom_tests::assert_error;

#[test]
fn every_error_says_what_to_do() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    shop.change(lot, 1);

    let error = shop.error("DELETE FROM stock_movements", &[]);
    let detail = json!({"error": "ledger_append_only", "table": "stock_movements"});
    let hint = "Write a counter-entry: adjust_stock, or change the lot itself.";
    assert_error(&error, "42501", detail, hint);

    let error = shop.error("SELECT archive_movements(now(), 'stock_lots')", &[]);
    let detail = json!({"error": "cannot_archive", "table": "stock.stock_lots",
                        "problem": "it belongs to stockroom itself"});
    let hint = "Archive into an ordinary or partitioned table made with CREATE TABLE … (LIKE stock_movements).";
    assert_error(&error, "42809", detail, hint);

    shop.run("CREATE TABLE public.old (LIKE stock_movements); SELECT archive_movements('infinity', 'public.old')");
    let hint =
        "Read them from the table into which archive_movements has moved them (docs/ledger.md).";
    let error = shop.error("SELECT stock_at($1, '2000-01-01')", &[&listing]);
    let detail = json!({"error": "ledger_archived", "listing_id": listing});
    assert_error(&error, "55000", detail, hint);
    let error = shop.error(
        "SELECT stock_events('00000000-0000-8000-8000-000000000000')",
        &[],
    );
    let detail = json!({"error": "ledger_archived", "listing_id": null});
    assert_error(&error, "55000", detail, hint);
    shop.verify();
}
