//! Keys of lines: unique, and in the order of their transactions.

use crate::second_door::shop::*;

#[test]
fn later_transactions_have_greater_keys() {
    let (db, mut sql) = shop();
    let mut other = Sql::by_superuser(&db);
    let take = |lot| {
        format!("UPDATE stock_lots SET quantity_total = quantity_total - 1 WHERE lot_id = '{lot}'")
    };
    // The one that began to write first has the lower keys, whichever commits first.
    sql.run(&format!("BEGIN; {}", take(HAT_LOT)));
    other.run(&format!("BEGIN; {}; {}", take(COAT_LOT), take(COAT_LOT)));
    other.run("COMMIT");
    sql.run(&format!("{}; COMMIT", take(ORISON_LOT)));
    let order = sql.rows(
        "SELECT lot_id FROM stock_movements WHERE delta = -1 ORDER BY tenant_id, movement_id",
    );
    assert_eq!(order, [HAT_LOT, ORISON_LOT, COAT_LOT, COAT_LOT]);
}

#[test]
fn keys_of_what_was_rolled_back_to_a_savepoint_are_not_used_again() {
    let (_db, mut sql) = shop();
    let take = format!(
        "UPDATE stock_lots SET quantity_total = quantity_total - 1 WHERE lot_id = '{HAT_LOT}'"
    );
    sql.run(&format!(
        "BEGIN; {take}; SAVEPOINT s; {take}; ROLLBACK TO s; {take}; COMMIT"
    ));
    let keys = sql.rows(
        "SELECT ('x' || substr(replace(movement_id::text, '-', ''), 17, 16))::bit(64)::bigint >> 30 & 4294967295
           FROM stock_movements WHERE delta = -1 ORDER BY movement_id",
    );
    assert_eq!(keys, ["0", "2"]);
}

/// Each tenant's lines are a feed of their own.
#[test]
fn a_statement_over_two_tenants_writes_into_both_feeds() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_listings (listing_id, tenant_id) VALUES ('{NOTHING}', '{ORDER_1}');
         INSERT INTO stock_lots (listing_id, tenant_id, quantity_total) VALUES ('{NOTHING}', '{ORDER_1}', 5);
         UPDATE stock_lots SET quantity_total = quantity_total + 1"
    ));
    let rows = sql.rows(
        "SELECT tenant_id = '00000000-0000-0000-0000-000000000000', generation,
                (SELECT count(*) FROM stock_movements m WHERE m.tenant_id = f.tenant_id AND delta = 1)
           FROM stock_feeds f ORDER BY 1",
    );
    assert_eq!(rows, ["f|1|1", "t|1|3"]);
}
