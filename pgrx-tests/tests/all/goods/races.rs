//! Two sessions at one lot, in every order of their steps and at every isolation level: nothing is oversold,
//! nobody deadlocks, and the ledger is whole.

use super::shop::unproven;
use crate::second_door::isolation::race::{nothing_more, race_two, succeeded, GONE, SHORT};
use crate::second_door::isolation::rows::Shop;
use crate::second_door::shop::{Sql, LORVILLE};
use stockroom_tests::Run;
use uuid::Uuid;

const STALE: &str = "55000";
const BAD: &str = "22023";

/// What must be so after every order here, besides what each race asks for.
fn proven(sql: &mut Sql, _: &Shop, _: &Run) {
    assert_eq!(sql.rows(unproven()), [""; 0]);
}

fn adjust(lot: Uuid, delta: i32) -> String {
    format!("SELECT adjust_stock('{lot}', {delta}, 'x')")
}

fn total(sql: &mut Sql, lot: Uuid) -> i32 {
    let query = format!("SELECT quantity_total FROM stock_lots WHERE lot_id = '{lot}'");
    sql.row(&query).parse().unwrap()
}

#[test]
fn two_adjustments_of_a_lot_add_up() {
    race_two(
        |_, shop| [adjust(shop.lot, -2), adjust(shop.lot, 10)],
        &[],
        |sql, shop, run| {
            let done = [("a", -2), ("b", 10)];
            let done = done.iter().filter(|(session, _)| succeeded(run, session));
            let sum: i32 = done.map(|(_, delta)| delta).sum();
            assert_eq!(total(sql, shop.lot), 5 + sum);
            proven(sql, shop, run);
        },
    );
}

#[test]
fn a_stocktake_while_goods_leave_is_stale_or_first() {
    let count = |shop: &Shop| format!("SELECT count_stock('{}', 9, expected => 5)", shop.lot);
    race_two(
        |client, shop| {
            shop.claimed_before(client, shop.lot, 3);
            [count(shop), shop.end_claims("fulfill")]
        },
        &[STALE],
        |sql, shop, run| {
            let found = total(sql, shop.lot);
            match (succeeded(run, "a"), succeeded(run, "b")) {
                (true, true) => assert_eq!(found, 6, "counted before they left"),
                (false, true) => assert_eq!(found, 2),
                (true, false) => assert_eq!(found, 9),
                (false, false) => assert_eq!(found, 5),
            }
            proven(sql, shop, run);
        },
    );
    // A whole place against a claim.
    race_two(
        |_, shop| {
            let lot = shop.lot;
            let counts = format!(r#"[{{"lot_id": "{lot}", "counted": 1}}]"#);
            let place = crate::second_door::shop::UNSPECIFIED;
            [
                format!("SELECT count_location('{place}', '{counts}')"),
                shop.allocate_lot(lot, 3),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            assert!(!(succeeded(run, "a") && succeeded(run, "b")));
            proven(sql, shop, run);
        },
    );
}

#[test]
fn a_lot_that_moves_away_against_a_claim_on_it() {
    let claims: [fn(&Shop) -> String; 3] = [
        |shop| shop.allocate_lot(shop.lot, 3),
        |shop| shop.claim(shop.lot, 3, "active"),
        |shop| shop.allocate(shop.first, 8),
    ];
    for quantity in ["NULL", "4"] {
        for claim in claims {
            race_two(
                |_, shop| {
                    let lot = shop.lot;
                    let transfer =
                        format!("SELECT transfer_stock('{lot}', {quantity}, '{LORVILLE}')");
                    [transfer, claim(shop)]
                },
                &[SHORT],
                proven,
            );
        }
    }
}

/// A second lot of the first listing at the first one's place, like it.
fn twin(client: &mut postgres::Client, shop: &Shop) -> Uuid {
    let sql = "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, 5) RETURNING lot_id";
    client.query_one(sql, &[&shop.first]).unwrap().get(0)
}

fn merge(from: Uuid, into: Uuid) -> String {
    format!("SELECT merge_lots('{from}', '{into}')")
}

#[test]
fn a_merge_against_a_claim_on_either_lot() {
    let claims: [fn(&Shop, Uuid) -> String; 3] = [
        |shop, lot| shop.allocate_lot(lot, 3),
        |shop, lot| shop.claim(lot, 3, "active"),
        |shop, _| shop.allocate(shop.first, 12),
    ];
    for claim in claims {
        for of_the_first in [true, false] {
            race_two(
                |client, shop| {
                    let twin = twin(client, shop);
                    let lot = if of_the_first { shop.lot } else { twin };
                    [merge(shop.lot, twin), claim(shop, lot)]
                },
                &[SHORT],
                proven,
            );
        }
    }
}

#[test]
fn a_merge_against_the_end_of_a_claim() {
    for how in ["release", "fulfill"] {
        race_two(
            |client, shop| {
                let twin = twin(client, shop);
                shop.claimed_before(client, shop.lot, 3);
                [merge(shop.lot, twin), shop.end_claims(how)]
            },
            &[],
            |sql, shop, run| {
                if succeeded(run, "a") {
                    assert_eq!(total(sql, shop.lot), 0);
                }
                proven(sql, shop, run);
            },
        );
    }
}

#[test]
fn two_merges_that_cross() {
    race_two(
        |client, shop| {
            let twin = twin(client, shop);
            shop.claimed_before(client, shop.lot, 2);
            shop.claimed_before(client, twin, 2);
            [merge(shop.lot, twin), merge(twin, shop.lot)]
        },
        &[],
        proven,
    );
    race_two(
        |_, shop| {
            let (near, far) = (shop.lot, shop.far_lot);
            let transfer = |from: Uuid, into: Uuid| {
                format!("SELECT transfer_stock('{from}', 2, NULL, '{into}')")
            };
            [transfer(near, far), transfer(far, near)]
        },
        &[],
        proven,
    );
}

#[test]
fn goods_found_broken_against_a_claim() {
    let broken = |shop: &Shop| format!("SELECT set_lot_condition('{}', 'damaged')", shop.lot);
    let claims: [fn(&Shop) -> String; 2] = [
        |shop| shop.allocate_lot(shop.lot, 3),
        |shop| format!("SELECT * FROM hold_stock('{}', 8)", shop.first),
    ];
    for claim in claims {
        race_two(
            |_, shop| [broken(shop), claim(shop)],
            &[SHORT],
            |sql, shop, run| {
                assert!(!(succeeded(run, "a") && succeeded(run, "b")));
                proven(sql, shop, run);
            },
        );
    }
    // A client may claim by hand what is not for sale; but nothing is put aside that is claimed.
    race_two(
        |_, shop| [broken(shop), shop.claim(shop.lot, 3, "active")],
        &[SHORT],
        |sql, shop, run| {
            let good = format!(
                "SELECT condition FROM stock_lots WHERE lot_id = '{}'",
                shop.lot
            );
            let broken = succeeded(run, "a");
            assert_eq!(sql.row(&good), if broken { "damaged" } else { "good" });
            proven(sql, shop, run);
        },
    );
}

#[test]
fn lots_that_expire_against_a_claim_or_another_sweep() {
    let others: [fn(&Shop) -> String; 3] = [
        |shop| format!("SELECT * FROM hold_stock('{}', 8)", shop.first),
        |shop| shop.claim(shop.lot, 3, "active"),
        |shop| adjust(shop.lot, 1),
    ];
    for other in others {
        race_two(
            |client, shop| {
                let past = format!(
                    "UPDATE stock_lots SET expires_on = '2020-01-01' WHERE lot_id = '{}'",
                    shop.lot
                );
                client.batch_execute(&past).unwrap();
                ["SELECT expire_lots()".to_owned(), other(shop)]
            },
            &[SHORT],
            proven,
        );
    }
}

#[test]
fn a_lot_that_is_deleted_or_goes_to_another_listing_meanwhile() {
    let others: [fn(&Shop) -> String; 3] = [
        |shop| crate::second_door::isolation::rows::delete_lot(shop.lot),
        |shop| crate::second_door::isolation::rows::delete_listing(shop.first, true),
        |shop| crate::second_door::isolation::rows::move_to_listing(shop.lot, shop.second),
    ];
    for other in others {
        race_two(
            |_, shop| {
                let transfer = format!("SELECT transfer_stock('{}', 2, '{LORVILLE}')", shop.lot);
                [transfer, other(shop)]
            },
            &[GONE, SHORT, BAD],
            nothing_more,
        );
    }
}
