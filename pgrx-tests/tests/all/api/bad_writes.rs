//! Direct writes of values that no function would write: the columns' own checks refuse them, never
//! an internal error, and nothing is changed.

use super::bad_input::{refused, some_stock};
use super::shop::{Shop, ORISON};
use uuid::Uuid;

#[test]
fn direct_writes_of_what_no_function_would_write() {
    let mut shop = Shop::open();
    let (listing, lot, order) = some_stock(&mut shop);
    for (sql, sqlstate) in [
        ("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, -1)", "23514"),
        ("INSERT INTO stock_lots (listing_id, quantity_total) VALUES (NULL, 1) RETURNING $1::uuid", "23502"),
        ("INSERT INTO stock_lots (listing_id) VALUES ($1)", "23502"),
        ("UPDATE stock_lots SET quantity_total = -1 WHERE listing_id = $1", "23514"),
        ("UPDATE stock_lots SET quantity_total = NULL WHERE listing_id = $1", "23502"),
        ("UPDATE stock_lots SET listing_id = NULL WHERE listing_id = $1", "23502"),
        ("UPDATE stock_lots SET listed = NULL WHERE listing_id = $1", "23502"),
        ("UPDATE stock_lots SET tenant_id = NULL WHERE listing_id = $1", "55000"),
        ("UPDATE stock_listings SET backorder_limit = -1 WHERE listing_id = $1", "23514"),
        ("UPDATE stock_listings SET quantity_available = 1 WHERE listing_id = $1", "428C9"),
    ] {
        assert_eq!(refused(&mut shop, sql, &[&listing]).sqlstate, sqlstate, "{sql}");
    }
    for (sql, sqlstate) in [
        ("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ($1, $2, 0)", "23514"),
        ("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ($1, $2, -1)", "23514"),
        ("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ($1, $2, NULL)", "23502"),
        ("INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ($1, $2, 1, NULL)", "23502"),
        ("INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ($1, $2, 1, 'gone')", "23514"),
        ("INSERT INTO stock_allocations (order_id, quantity) VALUES ($2, 1) RETURNING $1::uuid", "23502"),
        ("INSERT INTO stock_allocations (lot_id, quantity) VALUES ($1, 1) RETURNING $2::uuid", "23502"),
        ("UPDATE stock_allocations SET lot_id = NULL WHERE lot_id = $1 AND order_id = $2", "23502"),
        ("UPDATE stock_allocations SET quantity = 2147483647 WHERE lot_id = $1 AND order_id = $2", "23514"),
    ] {
        assert_eq!(refused(&mut shop, sql, &[&lot, &order]).sqlstate, sqlstate, "{sql}");
    }
    let sql = "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ($1, 1, $2)";
    let error = refused(&mut shop, sql, &[&listing, &Uuid::new_v4()]);
    assert!(
        ["23503", "P0002"].contains(&error.sqlstate.as_str()),
        "{error:?}"
    );
    shop.receive_at(listing, 1, ORISON);
    shop.verify();
}
