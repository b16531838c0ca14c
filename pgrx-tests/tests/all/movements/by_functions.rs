//! Lines that the functions leave, and writes of an app's own column.

use crate::second_door::shop::*;

#[test]
fn received_goods_bring_the_cost_of_their_listing() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_listings SET unit_cost = 2.5 WHERE listing_id = '{HAT}'"
    ));
    sql.run(&format!(
        "SELECT receive_stock('{HAT}', 5); SELECT receive_stock('{HAT}', 6, unit_cost => 1)"
    ));
    let rows = sql.rows(
        "SELECT version, movement_type, delta, listing_after, unit_cost, lot_id IN (SELECT lot_id FROM stock_lots)
           FROM stock_movements WHERE delta IN (5, 6) ORDER BY version",
    );
    assert_eq!(rows, ["3|receive|5|35|2.5000|t", "4|receive|6|41|1.0000|t"]);
}

#[test]
fn fulfilled_goods_name_their_order() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "SELECT allocate_stock('{HAT}', '{ORDER_1}', 15);
         SELECT release_allocations('{ORDER_1}', quantity => 1);
         SELECT fulfill_allocations('{ORDER_1}')"
    ));
    let rows = sql.rows(
        "SELECT version, delta, lot_before, lot_after, listing_before, listing_after, reference
           FROM stock_movements WHERE movement_type = 'fulfill' ORDER BY version",
    );
    assert_eq!(
        rows,
        [
            format!("3|-10|10|0|30|20|{ORDER_1}"),
            format!("4|-4|20|16|20|16|{ORDER_1}")
        ]
    );
    sql.assert_verified();
}

#[test]
fn an_attached_table_brings_its_goods_and_moves_them() {
    let (_db, mut sql) = shop();
    sql.run(
        "CREATE TABLE goods (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, quantity_available integer);
         INSERT INTO goods (name, quantity_available) VALUES ('pen', 5), ('ink', 0);
         SELECT attach_table('goods', 'id', 'quantity_available', direct_writes => 'adjust');
         UPDATE goods SET quantity_available = quantity_available + 2;
         SET stockroom.reason = 'spilt';
         UPDATE goods SET quantity_available = 1 WHERE name = 'pen';
         RESET stockroom.reason;
         INSERT INTO goods (name, quantity_available) VALUES ('nib', 3)",
    );
    let rows = sql.rows(
        "SELECT name, version, movement_type, delta, lot_before, lot_after, listing_after, reason
           FROM stock_movements JOIN goods ON id = listing_id ORDER BY name, version",
    );
    assert_eq!(
        rows,
        [
            "ink|1|adjust|2|0|2|2|written to public.goods",
            "nib|1|import|3|0|3|3|rows of public.goods",
            "pen|1|import|5|0|5|5|rows of public.goods",
            "pen|2|adjust|2|5|7|7|written to public.goods",
            "pen|3|adjust|-6|7|1|1|spilt",
        ]
    );
    sql.assert_verified();
}
