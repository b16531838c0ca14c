//! Parents that go while someone writes a child of theirs.

use super::race::{
    count, nothing_more, race_two, race_two_also_after_a_look, succeeded, successes, GONE, RETRY,
    SHORT,
};
use super::rows::{delete_listing, delete_lot, move_to_listing, Shop};

#[test]
fn a_past_claim_against_the_deletion_of_its_lot() {
    race_two_also_after_a_look(
        |_, shop| [shop.claim(shop.lot, 2, "released"), delete_lot(shop.lot)],
        &[GONE],
        |sql, shop, run| {
            // The deletion is refused by nothing but a snapshot that is too old.
            let gone = succeeded(run, "b");
            assert!(gone || run.error("b").unwrap().sqlstate == RETRY);
            let claims = format!("stock_allocations WHERE lot_id = '{}'", shop.lot);
            let none = gone || !succeeded(run, "a");
            assert_eq!(count(sql, &claims), if none { "0" } else { "1" });
        },
    );
}

#[test]
fn an_active_claim_against_the_deletion_of_its_lot() {
    race_two(
        |_, shop| [shop.claim(shop.lot, 2, "active"), delete_lot(shop.lot)],
        &[GONE, SHORT],
        |_, _, run| assert_eq!(successes(run), 1),
    );
}

#[test]
fn an_empty_lot_against_the_deletion_of_its_listing() {
    for by_function in [false, true] {
        race_two_also_after_a_look(
            |_, shop| {
                let insert = format!(
                    "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{}', 0)",
                    shop.empty
                );
                [insert, delete_listing(shop.empty, by_function)]
            },
            &[GONE],
            |sql, shop, run| {
                let lots = format!("stock_lots WHERE listing_id = '{}'", shop.empty);
                let kept = !succeeded(run, "b");
                assert_eq!(count(sql, &lots), if kept { "1" } else { "0" });
            },
        );
    }
}

#[test]
fn a_lot_that_moves_in_against_the_deletion_of_the_listing() {
    for by_function in [false, true] {
        race_two(
            |_, shop| {
                [
                    move_to_listing(shop.empty_lot, shop.empty),
                    delete_listing(shop.empty, by_function),
                ]
            },
            &[GONE],
            nothing_more,
        );
    }
}

#[test]
fn claims_and_receipts_by_function_against_the_deletion_of_the_listing() {
    type Other = fn(&Shop) -> String;
    let others: [Other; 3] = [
        |shop| shop.allocate(shop.first, 2),
        |shop| shop.end_claims("release"),
        |shop| format!("SELECT receive_stock('{}', 5)", shop.first),
    ];
    for other in others {
        race_two(
            |client, shop| {
                shop.claimed_before(client, shop.lot, 2);
                [other(shop), delete_listing(shop.first, true)]
            },
            &[GONE],
            |_, _, run| {
                if let Some(error) = run.error("b") {
                    assert_eq!(error.sqlstate, RETRY);
                }
            },
        );
    }
}
