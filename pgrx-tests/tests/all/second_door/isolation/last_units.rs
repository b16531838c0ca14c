//! Who gets the stock: claims against each other, and against what takes units away.

use super::race::{
    allocated, count, lot, race, race_two, succeeded, successes, transaction, SHORT,
};
use super::rows::{update_lot, Shop};
use stockroom_tests::script;

#[test]
fn lowering_a_lot_against_allocating_from_it() {
    for by_function in [true, false] {
        race_two(
            |_, shop| {
                [
                    update_lot(shop.second_lot, "quantity_total = 2"),
                    shop.take_second(4, by_function),
                ]
            },
            &[SHORT],
            |sql, shop, run| {
                assert_eq!(successes(run), 1);
                assert_eq!(
                    lot(sql, shop.second_lot),
                    if succeeded(run, "a") {
                        "total 2, allocated 0"
                    } else {
                        "total 5, allocated 4"
                    }
                );
            },
        );
    }
}

#[test]
fn lowering_a_lot_against_an_order_that_finds_another() {
    race_two(
        |_, shop| {
            [
                update_lot(shop.lot, "quantity_total = 1"),
                shop.allocate(shop.first, 5),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            let lowered = succeeded(run, "a");
            let bought = succeeded(run, "b");
            assert_eq!(allocated(sql, shop.first), if bought { 5 } else { 0 });
            if lowered && bought {
                // One of the near lot, four of the far one.
                assert_eq!(lot(sql, shop.lot), "total 1, allocated 1");
            }
            assert!(lowered || bought);
        },
    );
}

#[test]
fn unlisting_a_lot_against_a_claim() {
    for by_function in [true, false] {
        race_two(
            |_, shop| {
                [
                    update_lot(shop.second_lot, "listed = false"),
                    shop.take_second(4, by_function),
                ]
            },
            &[SHORT],
            |_, _, run| {
                // By hand an unlisted lot can be claimed; the functions never pick one.
                assert!(successes(run) == 1 || !by_function);
            },
        );
    }
}

#[test]
fn two_claims_for_the_last_units() {
    type Claim = fn(&Shop) -> String;
    let by_function: Claim = |shop| shop.take_second(3, true);
    let by_hand: Claim = |shop| shop.take_second(3, false);
    let chosen: Claim = |shop| shop.allocate_lot(shop.second_lot, 3);
    for (first, second) in [
        (by_function, by_function),
        (by_function, by_hand),
        (by_hand, by_hand),
        (chosen, by_function),
    ] {
        race_two(
            |_, shop| [first(shop), second(shop)],
            &[SHORT],
            |sql, shop, run| {
                assert_eq!(successes(run), 1);
                assert_eq!(lot(sql, shop.second_lot), "total 5, allocated 3");
            },
        );
    }
}

#[test]
fn a_claim_that_is_rolled_back_leaves_the_units_to_the_one_that_waits() {
    race(
        |_, shop, level| {
            let give_up = format!(
                "BEGIN ISOLATION LEVEL {level}; {}",
                shop.take_second(3, true)
            );
            vec![
                script("a", [give_up, "ROLLBACK".to_owned()]),
                transaction("b", level, &shop.take_second(3, false)),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            let waited = succeeded(run, "a");
            assert!(succeeded(run, "b") || !waited);
            assert_eq!(lot(sql, shop.second_lot), "total 5, allocated 3");
        },
    );
}

#[test]
fn a_raised_safety_stock_against_a_quiet_claim() {
    race_two(
        |_, shop| {
            let keep = format!(
                "UPDATE stock_listings SET safety_stock = 5 WHERE listing_id = '{}'",
                shop.second
            );
            let quiet = format!(
                "SELECT state FROM allocate_stock('{}', '{}', 3, on_short => 'answer')",
                shop.second, shop.order
            );
            [keep, quiet]
        },
        &[],
        |sql, shop, run| {
            let claims = format!("stock_allocations WHERE order_id = '{}'", shop.order);
            if let Ok(rows) = &run.step("b", 1).outcome {
                let expected = if rows.value() == "active" { "1" } else { "0" };
                assert_eq!(count(sql, &claims), expected);
            }
        },
    );
}
