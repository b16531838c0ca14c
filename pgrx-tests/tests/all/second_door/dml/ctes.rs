//! Statements that touch lots and claims at once: whichever table's trigger fires first, the numbers
//! must come out the same.

use crate::second_door::shop::{
    claim, shop, Sql, ALL_HATS_FREE, CLAIM_1, COAT, HAT, HAT_LOT, LORVILLE, ORDER_1, ORDER_2,
    ORISON,
};
use stockroom_tests::Db;

/// Each case begins with a claim of 4 on HAT_LOT.
fn run_on_a_claimed_lot(statement: &str) -> (Db, Sql) {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4)"
    ));
    sql.run(statement);
    sql.assert_verified();
    (db, sql)
}

#[test]
fn one_statement_makes_a_lot_and_claims_it() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total, location_id)
                      VALUES ('{HAT}', 5, '{LORVILLE}') RETURNING lot_id)
         INSERT INTO stock_allocations (lot_id, order_id, quantity) SELECT lot_id, '{ORDER_2}', 2 FROM lot"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 35, listed 35, allocated 6, available 29"
    );
}

#[test]
fn one_statement_makes_a_lot_and_claims_it_before_the_lot_is_counted() {
    // LIMIT lets the claim's part finish first, and its trigger fire first.
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total, location_id)
                      VALUES ('{HAT}', 5, '{LORVILLE}') RETURNING lot_id),
              claim AS (INSERT INTO stock_allocations (lot_id, order_id, quantity)
                        SELECT lot_id, '{ORDER_2}', 2 FROM lot LIMIT 1)
         SELECT 1"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 35, listed 35, allocated 6, available 29"
    );
}

#[test]
fn one_statement_lowers_a_lot_and_fulfils_its_claim() {
    let (_db, mut sql) = run_on_a_claimed_lot(
        "WITH done AS (UPDATE stock_allocations SET status = 'fulfilled' WHERE status = 'active' RETURNING lot_id, quantity)
         UPDATE stock_lots l SET quantity_total = quantity_total - done.quantity FROM done WHERE l.lot_id = done.lot_id",
    );
    assert_eq!(sql.lot(HAT_LOT), "total 6, allocated 0");
    assert_eq!(
        sql.listing(HAT),
        "total 26, listed 26, allocated 0, available 26"
    );
}

#[test]
fn one_statement_deletes_a_claim_and_its_lot() {
    for statement in [
        format!(
            "WITH gone AS (DELETE FROM stock_allocations WHERE order_id = '{ORDER_1}' RETURNING lot_id)
             DELETE FROM stock_lots l USING gone WHERE l.lot_id = gone.lot_id"
        ),
        format!(
            "WITH gone AS (DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}' RETURNING lot_id)
             DELETE FROM stock_allocations a USING gone WHERE a.lot_id = gone.lot_id"
        ),
    ] {
        let (_db, mut sql) = run_on_a_claimed_lot(&statement);
        assert_eq!(sql.listing(HAT), "total 20, listed 20, allocated 0, available 20");
        assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "0");
    }
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_another_place() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{LORVILLE}' FROM freed WHERE l.lot_id = freed.lot_id"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 0"
        ]
    );
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_a_place_known_already() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{ORISON}' FROM freed WHERE l.lot_id = freed.lot_id"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        ["Orison: total 30, listed 30, allocated 0"]
    );
}

#[test]
fn one_statement_claims_a_lot_and_moves_it_to_another_place() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH claim AS (INSERT INTO stock_allocations (lot_id, order_id, quantity)
                        VALUES ('{HAT_LOT}', '{ORDER_2}', 2) RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{LORVILLE}' FROM claim WHERE l.lot_id = claim.lot_id"
    ));
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 6"
        ]
    );
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_another_listing() {
    for statement in [
        format!(
            "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
             UPDATE stock_lots l SET listing_id = '{COAT}' FROM freed WHERE l.lot_id = freed.lot_id"
        ),
        format!(
            "WITH moved AS (UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}' RETURNING lot_id)
             UPDATE stock_allocations a SET status = 'released' FROM moved WHERE a.lot_id = moved.lot_id"
        ),
    ] {
        let (_db, mut sql) = run_on_a_claimed_lot(&statement);
        assert_eq!(sql.listing(HAT), "total 20, listed 20, allocated 0, available 20");
        assert_eq!(sql.listing(COAT), "total 110, listed 110, allocated 0, available 110");
    }
}

#[test]
fn one_statement_releases_a_claim_and_unlists_its_lot() {
    let (_db, mut sql) = run_on_a_claimed_lot(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET listed = false FROM freed WHERE l.lot_id = freed.lot_id",
    );
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
}

#[test]
fn one_statement_releases_a_claim_and_lists_its_lot() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = false WHERE lot_id = '{HAT_LOT}'"
    ));
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET listed = true FROM freed WHERE l.lot_id = freed.lot_id",
    );
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    sql.assert_verified();
}
