//! A warehouse with integer keys, decimal quantities and words of its own moves in.

use super::old_shop::{assert_sound, contents, counts, problems, warehouse, WAREHOUSE};

const COUNTS: [&str; 6] = [
    "listings: 2, 2",
    "lots: 4, 4",
    "units: 23750, 23750",
    "allocations: 3, 3",
    "allocated units: 1500, 1500",
    "locations: 3, 2",
];

#[test]
fn everything_has_its_place() {
    let (_db, mut sql) = warehouse();
    assert_eq!(counts(&mut sql, WAREHOUSE), COUNTS);
    assert_sound(&mut sql);
    let lots = "SELECT r.source_key, l.quantity_total, l.quantity_allocated, p.name, l.lot_code, l.expires_on, l.unit_cost,
                       l.created_at AT TIME ZONE 'UTC', l.notes, l.owner_id = stock.imported_id('wms.batches', 'owner', 'ann')
                  FROM stock.stock_import_rows r JOIN stock.stock_lots l ON l.lot_id = r.target_id
                  JOIN stock.locations p USING (location_id) WHERE source_key <> '72' ORDER BY 1";
    let now = sql
        .row("SELECT created_at AT TIME ZONE 'UTC' FROM stock.stock_lots WHERE quantity_total = 0");
    assert_eq!(
        sql.rows(lots),
        [
            "70|10500|1500|Cellar|B-70|2030-01-31|3.2000|2024-01-01 10:00:00|first|t".to_owned(),
            "71|5250|0|Orison|B-71|NULL|NULL|2024-02-01 10:00:00|NULL|NULL".to_owned(),
            format!("73|0|0|Unspecified|NULL|NULL|NULL|{now}|NULL|NULL"),
        ]
    );
    // A place without a name is called by its key.
    let place = "SELECT name FROM stock.locations WHERE location_id = stock.imported_id('wms.batches', 'location', '3')";
    assert_eq!(sql.row(place), "3");
    let scale = "SELECT quantity_scale FROM stock.stock_listings WHERE listing_id = stock.imported_id('wms.batches', 'listing', '1')";
    assert_eq!(sql.row(scale), "3");
    let states = "SELECT r.source_key, a.quantity, a.status FROM stock.stock_allocations a
                    JOIN stock.stock_import_rows r ON r.target_id = allocation_id ORDER BY 1";
    assert_eq!(
        sql.rows(states),
        ["1|1500|active", "2|1000|fulfilled", "3|2000|released"]
    );
    // Orders are found by the app's own key.
    let fulfill =
        "SELECT stock.fulfill_allocations(stock.imported_id('wms.batches', 'order', 'SO-1'))";
    assert_eq!(sql.row(fulfill), "1500");
    assert_sound(&mut sql);
    let before = contents(&mut sql);
    assert_eq!(problems(&mut sql, WAREHOUSE), [""; 0]);
    assert_eq!(contents(&mut sql), before);
    let unknown = "SELECT stock.imported_id('wms.batches', 'lot', '999')";
    assert_eq!(sql.row(unknown), "NULL");
}

/// Attached later, the products find the listings that their lots have made; and the other way round.
#[test]
fn an_attached_table_has_the_same_listings() {
    let attach = "SELECT listings, lots, units, mismatches
                    FROM stock.attach_table('wms.products', 'id', quantity_scale => 3, import => false)";
    for attached_first in [false, true] {
        let (_db, mut sql) = warehouse();
        if attached_first {
            assert_eq!(sql.row(attach), "2|0|0|0");
            assert_eq!(counts(&mut sql, WAREHOUSE)[0], "listings: 2, 0");
        } else {
            assert_eq!(counts(&mut sql, WAREHOUSE)[0], "listings: 2, 2");
            assert_eq!(sql.row(attach), "2|0|0|0");
        }
        assert_eq!(
            sql.rows("SELECT id, quantity_available FROM wms.products ORDER BY 1"),
            ["1|14.250", "2|8.000"]
        );
        assert_eq!(
            sql.row("SELECT stock.get_total_stock_of('wms.products', '1')"),
            "15750"
        );
        assert_sound(&mut sql);
    }
}

/// Goods that come in go to those who wait for them, once the claims that came along have theirs.
#[test]
fn holds_that_wait_are_served_after_the_claims_that_came_along() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "SELECT FROM stock.attach_table('wms.products', 'id', quantity_scale => 3, import => false);
         UPDATE stock.stock_listings SET backorder_limit = 20000 WHERE attached_key = '1';
         SELECT FROM stock.hold_stock(stock.listing_id_of('wms.products', '1'), 15000,
                                      order_id => 'c0000000-0000-4000-8000-000000000001');
         SELECT FROM stock.confirm_order('c0000000-0000-4000-8000-000000000001')",
    );
    sql.run(&format!("{WAREHOUSE})"));
    let order = "SELECT sum(quantity) FROM stock.stock_allocations
                  WHERE order_id = 'c0000000-0000-4000-8000-000000000001' AND status = 'active'";
    assert_eq!(sql.row(order), "14250");
    assert_sound(&mut sql);
}

/// Counts from which claims are taken off already.
#[test]
fn what_is_available_may_be_given_instead() {
    let (_db, mut sql) = warehouse();
    sql.run("UPDATE wms.batches SET qty = qty - 1.5 WHERE nr = 70");
    let call = WAREHOUSE.replace("'{", "'{\"lots\": {\"quantity_available\": \"qty\"}, ");
    assert_eq!(counts(&mut sql, &call), COUNTS);
    let lot = "SELECT quantity_total, quantity_allocated FROM stock.stock_lots
                WHERE lot_id = stock.imported_id('wms.batches', 'lot', '70')";
    assert_eq!(sql.row(lot), "10500|1500");
    assert_sound(&mut sql);
    // A claim that takes from what is available leaves what is there.
    sql.run(
        "UPDATE wms.batches SET qty = qty - 1 WHERE nr = 71;
         INSERT INTO wms.reservations VALUES (4, 71, 'SO-3', 1, 'open')",
    );
    assert_eq!(problems(&mut sql, &call), [""; 0]);
    assert_eq!(
        sql.row(
            "SELECT stock.get_available_stock(stock.imported_id('wms.batches', 'listing', '1'))"
        ),
        "13250"
    );
    assert_sound(&mut sql);
}

/// Without a products table, the sku says what a lot is of.
#[test]
fn lots_may_name_their_sku() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "SELECT stock.register_listing('hat');
         CREATE TABLE goods (id serial PRIMARY KEY, sku varchar(20) NOT NULL, qty integer, warehouse text);
         INSERT INTO goods (sku, qty, warehouse) VALUES ('hat', 3, 'North'), ('coat', 4, 'North'), ('hat', 5, '')",
    );
    assert_eq!(
        counts(&mut sql, "SELECT * FROM stock.import_stock('goods'")[..3],
        ["listings: 2, 1", "lots: 3, 3", "units: 12, 12"]
    );
    let stock = "SELECT sku, quantity_total FROM stock.stock_listings ORDER BY 1";
    assert_eq!(sql.rows(stock), ["coat|4", "hat|8"]);
    let places = "SELECT name, sum(quantity_total) FROM stock.stock_lots JOIN stock.locations USING (location_id)
                   GROUP BY 1 ORDER BY 1";
    assert_eq!(sql.rows(places), ["North|7", "Unspecified|5"]);
    sql.run("INSERT INTO goods (sku, qty) VALUES ('coat', 1)");
    assert_eq!(
        counts(&mut sql, "SELECT * FROM stock.import_stock('goods'")[0],
        "listings: 2, 0"
    );
    assert_eq!(sql.rows(stock), ["coat|5", "hat|8"]);
    assert_sound(&mut sql);
}
