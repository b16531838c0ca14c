//! Two clients at once, in every order in which their steps can run.
//!
//! After each order: every counter is what the rows say, nothing is oversold, nothing has lost its
//! parent, and each refusal is one that the case allows:
//!
//! | SQLSTATE | why |
//! |---|---|
//! | 40001 | a transaction at REPEATABLE READ or SERIALIZABLE meets a row changed after its snapshot; run again, it succeeds |
//! | 23514 | the other one took the stock: `insufficient_stock` at once, `stock_committed` at commit |
//! | P0002 | the other one deleted (or moved away) the lot or the listing |
//! | 40P01 | never |

use super::shop::Sql;
use postgres::Client;
use std::collections::BTreeSet;
use stockroom_tests::{interleave, script, Db, Progress, Run, Script, Session, Summary};
use uuid::Uuid;

const READ_COMMITTED: &str = "READ COMMITTED";
const REPEATABLE_READ: &str = "REPEATABLE READ";
const SERIALIZABLE: &str = "SERIALIZABLE";
const LEVELS: [&str; 3] = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE];

const RETRY: &str = "40001";
const SHORT: &str = "23514";
const GONE: &str = "P0002";

/// Fresh rows for one order of steps: two listings; 5 and 5 units of the first at two places, 5 of
/// the second; a lot of nothing, and a listing of nothing.
struct Shop {
    first: Uuid,
    second: Uuid,
    empty: Uuid,
    lot: Uuid,
    far_lot: Uuid,
    second_lot: Uuid,
    empty_lot: Uuid,
    order: Uuid,
    other_order: Uuid,
}

fn fresh_shop(client: &mut Client) -> Shop {
    let shop = Shop {
        first: Uuid::new_v4(),
        second: Uuid::new_v4(),
        empty: Uuid::new_v4(),
        lot: Uuid::new_v4(),
        far_lot: Uuid::new_v4(),
        second_lot: Uuid::new_v4(),
        empty_lot: Uuid::new_v4(),
        order: Uuid::new_v4(),
        other_order: Uuid::new_v4(),
    };
    let Shop {
        first,
        second,
        empty,
        lot,
        far_lot,
        second_lot,
        empty_lot,
        ..
    } = &shop;
    let stocking = format!(
        "INSERT INTO stock_listings (listing_id) VALUES ('{first}'), ('{second}'), ('{empty}');
         INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id)
         SELECT lot::uuid, listing::uuid, units, location_id
           FROM (VALUES ('{lot}', '{first}', 5, 'Unspecified'), ('{far_lot}', '{first}', 5, 'Orison'),
                        ('{second_lot}', '{second}', 5, 'Unspecified'), ('{empty_lot}', '{first}', 0, 'Unspecified'))
                AS new (lot, listing, units, name)
           JOIN locations USING (name)"
    );
    client
        .batch_execute(&stocking)
        .expect("should stock the shop");
    shop
}

impl Shop {
    fn claim(&self, lot: Uuid, quantity: i32, status: &str) -> String {
        let order = self.order;
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
             VALUES ('{lot}', '{order}', {quantity}, '{status}')"
        )
    }

    fn allocate(&self, listing: Uuid, quantity: i32) -> String {
        format!(
            "SELECT * FROM allocate_stock('{listing}', '{}', {quantity})",
            self.other_order
        )
    }

    /// Both listings in one order, in this order of lines.
    fn allocate_both(&self, order: Uuid, lines: [(Uuid, i32); 2]) -> String {
        let [(first, some), (second, more)] = lines;
        format!(
            r#"SELECT * FROM allocate_order('{order}', '[{{"listing_id": "{first}", "quantity": {some}}},
                                                        {{"listing_id": "{second}", "quantity": {more}}}]')"#
        )
    }

    /// What this order has claimed before the race begins.
    fn claimed_before(&self, client: &mut Client, quantity: i32) {
        client
            .batch_execute(&self.claim(self.lot, quantity, "active"))
            .expect("should claim");
    }
}

/// A session that runs one statement in a transaction of this level and then commits.
fn transaction(name: &str, level: &str, statement: &str) -> Script {
    script(
        name,
        [
            format!("BEGIN ISOLATION LEVEL {level}; {statement}"),
            "COMMIT".to_owned(),
        ],
    )
}

/// The same, with a snapshot taken before the statement is run.
fn transaction_that_looked_first(name: &str, level: &str, statement: &str) -> Script {
    let look =
        format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM stock_lots WHERE false");
    script(name, [look, statement.to_owned(), "COMMIT".to_owned()])
}

/// What must be so after every order, whatever the case is.
fn assert_sound(client: &mut Client, run: &Run, level: &str, allowed: &[&str]) {
    for (session, error) in run.errors() {
        let state = error.sqlstate.as_str();
        let retryable = state == RETRY && level != READ_COMMITTED;
        // After the first error the rest of the transaction is ignored.
        assert!(
            retryable || allowed.contains(&state) || state == "25P02",
            "{session} at {level}: {state} {}",
            error.message
        );
    }
    let wrong = "SELECT 'counter', verify_stock::text FROM verify_stock()
         UNION ALL SELECT 'oversold lot', lot_id::text FROM stock_lots WHERE quantity_allocated > quantity_total
         UNION ALL SELECT 'oversold listing', listing_id::text FROM stock_listings WHERE quantity_available < 0
         UNION ALL SELECT 'lot without listing', lot_id::text FROM stock_lots l
                    WHERE NOT EXISTS (SELECT FROM stock_listings g WHERE g.listing_id = l.listing_id)
         UNION ALL SELECT 'level without listing', listing_id::text FROM stock_levels v
                    WHERE NOT EXISTS (SELECT FROM stock_listings g WHERE g.listing_id = v.listing_id)
         UNION ALL SELECT 'claim without lot', allocation_id::text FROM stock_allocations a
                    WHERE NOT EXISTS (SELECT FROM stock_lots l WHERE l.lot_id = a.lot_id)";
    let wrong = client.query(wrong, &[]).expect("should be told");
    let wrong: Vec<(String, String)> = wrong.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(wrong.is_empty(), "at {level}: {wrong:?}");
}

/// Plays every order of the scripts at each level and checks what must always be so, and then what
/// the case itself asks for. At least one step must have had to wait: else there was no race.
fn race(
    scripts: impl Fn(&mut Client, &Shop, &str) -> Vec<Script>,
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Shop, &Run),
) {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    for level in LEVELS {
        let summary: Summary = interleave(
            &db,
            |client| {
                let shop = fresh_shop(client);
                let scripts = scripts(client, &shop, level);
                (shop, scripts)
            },
            |client, shop, run| {
                assert_sound(client, run, level, allowed);
                check(&mut sql, shop, run);
            },
        );
        assert!(
            summary.waits > 0,
            "nobody met anybody at {level}: {summary:?}"
        );
    }
}

fn nothing_more(_: &mut Sql, _: &Shop, _: &Run) {}

/// How many of the two sessions had no error.
fn successes(run: &Run) -> usize {
    ["a", "b"]
        .into_iter()
        .filter(|session| run.error(session).is_none())
        .count()
}

fn allocated(sql: &mut Sql, listing: Uuid) -> i32 {
    let query =
        format!("SELECT quantity_allocated FROM stock_listings WHERE listing_id = '{listing}'");
    sql.row(&query).parse().expect("a number")
}

// ---- Parents that go

#[test]
fn a_past_claim_against_the_deletion_of_its_lot() {
    for transaction in [transaction, transaction_that_looked_first] {
        race(
            |_, shop, level| {
                let delete = format!("DELETE FROM stock_lots WHERE lot_id = '{}'", shop.lot);
                vec![
                    transaction("a", level, &shop.claim(shop.lot, 2, "released")),
                    transaction("b", level, &delete),
                ]
            },
            &[GONE],
            |sql, shop, run| {
                // The deletion is refused by nothing but a snapshot that is too old.
                let gone = run.error("b").is_none();
                assert!(gone || run.error("b").unwrap().sqlstate == RETRY);
                let claims = format!(
                    "SELECT count(*) FROM stock_allocations WHERE lot_id = '{}'",
                    shop.lot
                );
                let expected = if gone || run.error("a").is_some() {
                    "0"
                } else {
                    "1"
                };
                assert_eq!(sql.row(&claims), expected);
            },
        );
    }
}

#[test]
fn an_active_claim_against_the_deletion_of_its_lot() {
    race(
        |_, shop, level| {
            let delete = format!("DELETE FROM stock_lots WHERE lot_id = '{}'", shop.lot);
            vec![
                transaction("a", level, &shop.claim(shop.lot, 2, "active")),
                transaction("b", level, &delete),
            ]
        },
        &[GONE, SHORT],
        |_, _, run| assert_eq!(successes(run), 1),
    );
}

#[test]
fn an_empty_lot_against_the_deletion_of_its_listing() {
    for transaction in [transaction, transaction_that_looked_first] {
        for by_function in [false, true] {
            race(
                |_, shop, level| {
                    let insert = format!(
                        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{}', 0)",
                        shop.empty
                    );
                    let delete = if by_function {
                        format!("SELECT delete_listing('{}')", shop.empty)
                    } else {
                        format!(
                            "DELETE FROM stock_listings WHERE listing_id = '{}'",
                            shop.empty
                        )
                    };
                    vec![
                        transaction("a", level, &insert),
                        transaction("b", level, &delete),
                    ]
                },
                &[GONE],
                |sql, shop, run| {
                    let lots = format!(
                        "SELECT count(*) FROM stock_lots WHERE listing_id = '{}'",
                        shop.empty
                    );
                    let kept = run.error("b").is_some();
                    assert_eq!(sql.row(&lots), if kept { "1" } else { "0" });
                },
            );
        }
    }
}

#[test]
fn a_lot_that_moves_in_against_the_deletion_of_the_listing() {
    for by_function in [false, true] {
        race(
            |_, shop, level| {
                let shop_move = format!(
                    "UPDATE stock_lots SET listing_id = '{}' WHERE lot_id = '{}'",
                    shop.empty, shop.empty_lot
                );
                let delete = if by_function {
                    format!("SELECT delete_listing('{}')", shop.empty)
                } else {
                    format!(
                        "DELETE FROM stock_listings WHERE listing_id = '{}'",
                        shop.empty
                    )
                };
                vec![
                    transaction("a", level, &shop_move),
                    transaction("b", level, &delete),
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
        |shop| format!("SELECT release_allocations('{}')", shop.order),
        |shop| format!("SELECT receive_stock('{}', 5)", shop.first),
    ];
    for other in others {
        race(
            |client, shop, level| {
                shop.claimed_before(client, 2);
                let delete = format!("SELECT delete_listing('{}')", shop.first);
                vec![
                    transaction("a", level, &other(shop)),
                    transaction("b", level, &delete),
                ]
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

// ---- Functions never deadlock

#[test]
fn two_orders_of_several_lines_in_opposite_order() {
    race(
        |_, shop, level| {
            let there = [(shop.first, 4), (shop.second, 2)];
            let back = [(shop.second, 3), (shop.first, 5)];
            vec![
                transaction("a", level, &shop.allocate_both(shop.order, there)),
                transaction("b", level, &shop.allocate_both(shop.other_order, back)),
            ]
        },
        &[],
        |sql, shop, run| {
            let sums = [("a", 4, 2), ("b", 5, 3)]
                .into_iter()
                .filter(|(name, ..)| run.error(name).is_none());
            let (first, second) =
                sums.fold((0, 0), |sum, (_, some, more)| (sum.0 + some, sum.1 + more));
            assert_eq!(
                (allocated(sql, shop.first), allocated(sql, shop.second)),
                (first, second)
            );
        },
    );
}

#[test]
fn two_orders_of_several_lines_that_cannot_both_be_had() {
    race(
        |_, shop, level| {
            let there = [(shop.first, 7), (shop.second, 2)];
            let back = [(shop.second, 3), (shop.first, 6)];
            vec![
                transaction("a", level, &shop.allocate_both(shop.order, there)),
                transaction("b", level, &shop.allocate_both(shop.other_order, back)),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            assert_eq!(successes(run), 1, "one of them, whole");
            let all = (allocated(sql, shop.first), allocated(sql, shop.second));
            assert!([(7, 2), (6, 3)].contains(&all), "{all:?}");
        },
    );
}

#[test]
fn an_order_that_is_shipped_against_one_that_claims_the_same_lots() {
    race(
        |client, shop, level| {
            shop.claimed_before(client, 2);
            let claim = shop.claim(shop.second_lot, 2, "active");
            client.batch_execute(&claim).expect("should claim");
            let fulfil = format!("SELECT fulfill_allocations('{}')", shop.order);
            let lines = [(shop.second, 3), (shop.first, 4)];
            vec![
                transaction("a", level, &fulfil),
                transaction("b", level, &shop.allocate_both(shop.other_order, lines)),
            ]
        },
        &[],
        |sql, shop, run| {
            // What leaves was claimed: it takes nothing from the other order.
            let shipped = run.error("a").is_none();
            let bought = run.error("b").is_none();
            let allocated_second = i32::from(!shipped) * 2 + i32::from(bought) * 3;
            assert_eq!(allocated(sql, shop.second), allocated_second);
            assert!(shipped || bought);
        },
    );
}

#[test]
fn the_release_of_an_order_against_its_fulfilment() {
    race(
        |client, shop, level| {
            shop.claimed_before(client, 4);
            let (release, fulfil) = ("release", "fulfill");
            let end = |how: &str| format!("SELECT {how}_allocations('{}')", shop.order);
            vec![
                transaction("a", level, &end(release)),
                transaction("b", level, &end(fulfil)),
            ]
        },
        &[],
        |sql, shop, run| {
            // Whoever came first had it; the other one found nothing active, or must try again.
            let status = sql.row(&format!(
                "SELECT status FROM stock_allocations WHERE order_id = '{}'",
                shop.order
            ));
            let total = if status == "fulfilled" { 1 } else { 5 };
            assert_eq!(
                sql.lot(&shop.lot.to_string()),
                format!("total {total}, allocated 0")
            );
            assert!(["fulfilled", "released"].contains(&status.as_str()));
            let units = |name: &str| {
                run.step(name, 1)
                    .outcome
                    .as_ref()
                    .map_or(0, |rows| rows.value().parse().unwrap())
            };
            assert_eq!(units("a") + units("b"), 4);
        },
    );
}

#[test]
fn two_releases_of_one_order_by_function_and_by_hand() {
    race(
        |client, shop, level| {
            shop.claimed_before(client, 4);
            let by_hand = format!(
                "UPDATE stock_allocations SET status = 'released' WHERE order_id = '{}' AND status = 'active'",
                shop.order
            );
            let by_function = format!("SELECT release_allocations('{}')", shop.order);
            vec![
                transaction("a", level, &by_hand),
                transaction("b", level, &by_function),
            ]
        },
        &[],
        |sql, shop, _| assert_eq!(sql.lot(&shop.lot.to_string()), "total 5, allocated 0"),
    );
}

/// A claim that is made while its listing's deletion waits for it, and is released while the
/// deletion waits for something else: the deletion has the lot, the release has the claim.
#[test]
fn a_deletion_a_receipt_and_a_release_do_not_deadlock() {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    sql.run(&format!(
        "ALTER DATABASE {} SET deadlock_timeout = '50ms'",
        db.name()
    ));
    let shop = fresh_shop(&mut sql.0);
    let [mut buyer, mut receiver, mut deleter, mut releaser] = [(); 4].map(|()| Session::open(&db));
    let orison = "(SELECT location_id FROM locations WHERE name = 'Orison')";

    // The claim takes the near lot, so that the receipt at Orison waits for the listing only.
    let near = "SELECT location_id FROM locations WHERE name = 'Unspecified'";
    let allocate = format!(
        "BEGIN; SELECT * FROM allocate_stock('{}', '{}', 2, location_id => ({near}))",
        shop.first, shop.order
    );
    buyer.run(&allocate).unwrap();
    receiver.start(&format!(
        "BEGIN; SELECT receive_stock('{}', 3, {orison})",
        shop.first
    ));
    assert_eq!(receiver.settle(), Progress::Blocked);
    deleter.start(&format!("SELECT delete_listing('{}')", shop.first));
    assert_eq!(deleter.settle(), Progress::Blocked);
    // Now the receipt has its level and the listing, the deletion has the lots.
    buyer.run("COMMIT").unwrap();
    receiver.finish().unwrap();
    assert_eq!(deleter.settle(), Progress::Blocked);
    releaser.start(&format!("SELECT release_allocations('{}')", shop.order));
    releaser.settle();
    receiver.run("COMMIT").unwrap();
    for (who, outcome) in [
        ("the deletion", deleter.finish()),
        ("the release", releaser.finish()),
    ] {
        if let Err(error) = outcome {
            assert_ne!(error.sqlstate, "40P01", "{who}: {}", error.message);
            assert_eq!(error.sqlstate, GONE, "{who}: {}", error.message);
        }
    }
    sql.assert_verified();
}

// ---- Who gets the stock

#[test]
fn lowering_a_lot_against_allocating_from_it() {
    for by_function in [true, false] {
        race(
            |_, shop, level| {
                let lower = format!(
                    "UPDATE stock_lots SET quantity_total = 2 WHERE lot_id = '{}'",
                    shop.second_lot
                );
                let take = if by_function {
                    shop.allocate(shop.second, 4)
                } else {
                    shop.claim(shop.second_lot, 4, "active")
                };
                vec![
                    transaction("a", level, &lower),
                    transaction("b", level, &take),
                ]
            },
            &[SHORT],
            |sql, shop, run| {
                assert_eq!(successes(run), 1);
                let lot = sql.lot(&shop.second_lot.to_string());
                let lowered = run.error("a").is_none();
                assert_eq!(
                    lot,
                    if lowered {
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
    race(
        |_, shop, level| {
            let lower = format!(
                "UPDATE stock_lots SET quantity_total = 1 WHERE lot_id = '{}'",
                shop.lot
            );
            vec![
                transaction("a", level, &lower),
                transaction("b", level, &shop.allocate(shop.first, 5)),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            let lowered = run.error("a").is_none();
            let bought = run.error("b").is_none();
            assert_eq!(allocated(sql, shop.first), if bought { 5 } else { 0 });
            if lowered && run.error("b").is_none() {
                // One of the near lot, four of the far one.
                assert_eq!(sql.lot(&shop.lot.to_string()), "total 1, allocated 1");
            }
            assert!(lowered || bought);
        },
    );
}

#[test]
fn unlisting_a_lot_against_a_claim() {
    for by_function in [true, false] {
        race(
            |_, shop, level| {
                let unlist = format!(
                    "UPDATE stock_lots SET listed = false WHERE lot_id = '{}'",
                    shop.second_lot
                );
                let take = if by_function {
                    shop.allocate(shop.second, 4)
                } else {
                    shop.claim(shop.second_lot, 4, "active")
                };
                vec![
                    transaction("a", level, &unlist),
                    transaction("b", level, &take),
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
    let by_function: Claim = |shop| shop.allocate(shop.second, 3);
    let by_hand: Claim = |shop| shop.claim(shop.second_lot, 3, "active");
    let chosen: Claim = |shop| {
        format!(
            r#"SELECT * FROM allocate_lots('{}', '[{{"lot_id": "{}", "quantity": 3}}]')"#,
            shop.order, shop.second_lot
        )
    };
    for (first, second) in [
        (by_function, by_function),
        (by_function, by_hand),
        (by_hand, by_hand),
        (chosen, by_function),
    ] {
        race(
            |_, shop, level| {
                vec![
                    transaction("a", level, &first(shop)),
                    transaction("b", level, &second(shop)),
                ]
            },
            &[SHORT],
            |sql, shop, run| {
                assert_eq!(successes(run), 1);
                assert_eq!(
                    sql.lot(&shop.second_lot.to_string()),
                    "total 5, allocated 3"
                );
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
                shop.allocate(shop.second, 3)
            );
            vec![
                script("a", [give_up, "ROLLBACK".to_owned()]),
                transaction("b", level, &shop.claim(shop.second_lot, 3, "active")),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            let waited = run.error("a").is_none();
            assert!(run.error("b").is_none() || !waited);
            assert_eq!(
                sql.lot(&shop.second_lot.to_string()),
                "total 5, allocated 3"
            );
        },
    );
}

#[test]
fn a_raised_safety_stock_against_a_quiet_claim() {
    race(
        |_, shop, level| {
            let keep = format!(
                "UPDATE stock_listings SET safety_stock = 5 WHERE listing_id = '{}'",
                shop.second
            );
            let quiet = format!(
                "SELECT state FROM allocate_stock('{}', '{}', 3, on_short => 'answer')",
                shop.second, shop.order
            );
            vec![
                transaction("a", level, &keep),
                transaction("b", level, &quiet),
            ]
        },
        &[],
        |sql, shop, run| {
            let claims = format!(
                "SELECT count(*) FROM stock_allocations WHERE order_id = '{}'",
                shop.order
            );
            if let Ok(rows) = &run.step("b", 1).outcome {
                let expected = if rows.value() == "active" { "1" } else { "0" };
                assert_eq!(sql.row(&claims), expected);
            }
        },
    );
}

#[test]
fn a_lot_that_moves_to_another_listing_against_a_claim() {
    type Claim = fn(&Shop) -> String;
    let claims: [Claim; 4] = [
        |shop| shop.allocate(shop.second, 3),
        |shop| shop.claim(shop.second_lot, 3, "active"),
        |shop| shop.claim(shop.second_lot, 3, "released"),
        |shop| {
            format!(
                r#"SELECT * FROM allocate_lots('{}', '[{{"lot_id": "{}", "quantity": 3}}]')"#,
                shop.order, shop.second_lot
            )
        },
    ];
    for claim in claims {
        race(
            |_, shop, level| {
                let moved = format!(
                    "UPDATE stock_lots SET listing_id = '{}' WHERE lot_id = '{}'",
                    shop.first, shop.second_lot
                );
                vec![
                    transaction("a", level, &moved),
                    transaction("b", level, &claim(shop)),
                ]
            },
            &[SHORT, GONE],
            |sql, shop, run| {
                let listing = sql.row(&format!(
                    "SELECT listing_id FROM stock_lots WHERE lot_id = '{}'",
                    shop.second_lot
                ));
                let moved = run.error("a").is_none();
                assert_eq!(
                    listing,
                    if moved { shop.first } else { shop.second }.to_string()
                );
            },
        );
    }
}

#[test]
fn a_lot_that_moves_to_another_listing_against_the_end_of_its_claim() {
    for how in ["release", "fulfill"] {
        race(
            |client, shop, level| {
                client
                    .batch_execute(&shop.claim(shop.second_lot, 3, "active"))
                    .expect("should claim");
                let moved = format!(
                    "UPDATE stock_lots SET listing_id = '{}' WHERE lot_id = '{}'",
                    shop.first, shop.second_lot
                );
                let end = format!("SELECT {how}_allocations('{}')", shop.order);
                vec![
                    transaction("a", level, &moved),
                    transaction("b", level, &end),
                ]
            },
            &[],
            |sql, shop, run| {
                let active = format!(
                    "SELECT coalesce(sum(quantity), 0) FROM stock_allocations WHERE order_id = '{}' AND status = 'active'",
                    shop.order
                );
                let ended = run.error("b").is_none();
                assert_eq!(sql.row(&active), if ended { "0" } else { "3" });
            },
        );
    }
}

#[test]
fn two_lots_that_change_places() {
    // Direct DML that locks lots in the order of the client's own statements.
    race(
        |_, shop, level| {
            let to = |place: &str, lot: Uuid| {
                format!(
                    "UPDATE stock_lots SET location_id = (SELECT location_id FROM locations WHERE name = '{place}')
                      WHERE lot_id = '{lot}'"
                )
            };
            vec![
                transaction("a", level, &to("Orison", shop.lot)),
                transaction("b", level, &to("Unspecified", shop.far_lot)),
            ]
        },
        &[],
        |sql, shop, run| {
            if successes(run) == 2 {
                let levels: BTreeSet<String> =
                    sql.levels(&shop.first.to_string()).into_iter().collect();
                let expected = ["Unspecified", "Orison"]
                    .map(|place| format!("{place}: total 5, listed 5, allocated 0"));
                assert_eq!(levels, expected.into());
            }
        },
    );
}
