//! A trigger that swallows the row: the statement is refused, or counted as what it did.

use super::{allocate, trigger};
use crate::second_door::shop::{
    claim, shop, Sql, CLAIM_1, COAT, COAT_LOT, HAT, HAT_LOT, ORDER_1, ORDER_2, ORISON_LOT,
};
use stockroom_tests::Db;

/// A trigger that swallows every row, over a shop with four hats and four coats claimed. It fires
/// after the engine's own triggers, by name.
fn shop_that_swallows(event: &str, table: &str) -> (Db, Sql) {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4), (DEFAULT, '{COAT_LOT}', '{ORDER_2}', 4)"
    ));
    let when = format!("BEFORE {event} ON {table} FOR EACH ROW");
    sql.run(&trigger("zz_swallow", &when, "RETURN NULL;"));
    (db, sql)
}

/// Each statement either fails, or whatever it did is counted and has its parents. Each is rolled
/// back, so that the next one finds the shop as it was.
#[track_caller]
fn assert_no_count_is_lost(sql: &mut Sql, statements: &[String]) {
    let mut lost = Vec::new();
    for statement in statements {
        sql.run("BEGIN");
        let outcome = sql
            .0
            .batch_execute(&format!("{statement}; SET CONSTRAINTS ALL IMMEDIATE"));
        if outcome.is_ok() {
            let wrong = sql.rows(
                "SELECT kind, key, counter, stored, actual FROM verify_stock()
                 UNION ALL
                 SELECT problem, listing_id::text, NULL, NULL, NULL FROM verify_ledger()
                 UNION ALL
                 SELECT 'lot without a listing', lot_id::text, NULL, NULL, NULL
                   FROM stock_lots l LEFT JOIN stock_listings g USING (listing_id) WHERE g.listing_id IS NULL",
            );
            if !wrong.is_empty() {
                lost.push(format!("{statement}\n    {}", wrong.join("\n    ")));
            }
        }
        sql.run("ROLLBACK");
    }
    assert!(
        lost.is_empty(),
        "it was not refused, and counts were lost:\n{}",
        lost.join("\n")
    );
    sql.assert_verified();
}

/// Every function that writes claims, in one lot and in several, whole and in part.
fn claims_by_function() -> Vec<String> {
    vec![
        allocate(HAT, ORDER_1, 1),
        allocate(HAT, ORDER_1, 20),
        format!("SELECT * FROM allocate_stock('{HAT}', '{ORDER_1}', 2, on_short => 'answer', idempotency_key => 'k')"),
        format!("SELECT * FROM allocate_lots('{ORDER_1}', '[{{\"lot_id\": \"{HAT_LOT}\", \"quantity\": 1}}]')"),
        format!("SELECT fulfill_allocations('{ORDER_2}', quantity => 1)"),
        format!("SELECT release_allocations('{ORDER_2}', quantity => 1)"),
        format!("SELECT fulfill_allocations('{ORDER_1}')"),
        format!("SELECT release_allocations('{ORDER_2}')"),
    ]
}

/// The same by direct DML.
fn claims_by_hand() -> Vec<String> {
    vec![
        claim(HAT_LOT, ORDER_1, 1),
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity)
             VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{ORISON_LOT}', '{ORDER_1}', 1), ('{COAT_LOT}', '{ORDER_1}', 1)"
        ),
        "UPDATE stock_allocations SET quantity = quantity + 1".to_owned(),
        "UPDATE stock_allocations SET status = 'released'".to_owned(),
        format!("DELETE FROM stock_allocations WHERE order_id = '{ORDER_2}'"),
    ]
}

fn lots_by_hand() -> Vec<String> {
    vec![
        format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 5)"),
        "UPDATE stock_lots SET quantity_total = quantity_total + 1".to_owned(),
        format!("UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"),
        format!("DELETE FROM stock_lots WHERE lot_id = '{ORISON_LOT}'"),
    ]
}

#[test]
fn one_that_swallows_new_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("INSERT", "stock_allocations");
    assert_no_count_is_lost(&mut sql, &[claims_by_function(), claims_by_hand()].concat());
}

#[test]
fn one_that_swallows_changes_of_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("UPDATE", "stock_allocations");
    assert_no_count_is_lost(
        &mut sql,
        &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
    );
}

#[test]
fn one_that_swallows_new_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("INSERT", "stock_lots");
    let receive = format!("SELECT receive_stock('{HAT}', 5)");
    assert_no_count_is_lost(&mut sql, &[vec![receive], lots_by_hand()].concat());
}

#[test]
fn one_that_swallows_changes_of_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("UPDATE", "stock_lots");
    assert_no_count_is_lost(
        &mut sql,
        &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
    );
}

#[test]
fn one_that_swallows_deletions_of_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("DELETE", "stock_allocations");
    sql.run("UPDATE stock_allocations SET status = 'released'");
    let deletions = [
        "DELETE FROM stock_allocations".to_owned(),
        format!("DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}'"),
        format!("SELECT delete_listing('{COAT}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{HAT}'"),
    ];
    assert_no_count_is_lost(&mut sql, &deletions);
}

#[test]
fn one_that_swallows_deletions_of_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("DELETE", "stock_lots");
    let deletions = [
        format!("DELETE FROM stock_lots WHERE lot_id = '{ORISON_LOT}'"),
        format!("SELECT delete_listing('{COAT}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{HAT}'"),
    ];
    assert_no_count_is_lost(&mut sql, &deletions);
}

#[test]
fn one_that_swallows_changes_of_levels_or_listings_loses_no_count() {
    for table in ["stock_levels", "stock_listings"] {
        let (_db, mut sql) = shop_that_swallows("UPDATE", table);
        assert_no_count_is_lost(
            &mut sql,
            &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
        );
    }
}
