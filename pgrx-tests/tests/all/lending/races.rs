//! Two clients at one loan, in every order in which their steps can run, at every isolation level.

use crate::holds_together::races::race::{
    claimed, race_two, race_two_also_after_a_look, refusal, shall_retry, succeeded, SHORT,
};
use crate::holds_together::races::stage::Stage;
use crate::second_door::shop::Sql;
use postgres::Client;

const CLOSED: &str = "loan_closed";
const TOO_MANY: &str = "more_than_lent";
const ON_LOAN: &str = "listing_on_loan";

type Statement = fn(&Stage) -> String;

fn borrow(stage: &Stage) -> String {
    format!("SELECT borrow_stock('{}', 'ann', 3)", stage.second)
}

fn give_back(stage: &Stage) -> String {
    format!("SELECT return_stock('{}', 2)", stage.order)
}

fn lose(stage: &Stage) -> String {
    format!("SELECT lose_stock('{}', 2, 'x')", stage.order)
}

/// Three units of the second listing are lent; the stage's order is the loan.
fn lent(client: &mut Client) -> Stage {
    let mut stage = Stage::open(client);
    let loan = client.query_one(&borrow(&stage), &[]);
    stage.order = loan.unwrap().get(0);
    stage
}

#[track_caller]
fn loan(sql: &mut Sql, stage: &Stage) -> String {
    sql.row(&format!(
        "SELECT quantity_returned, quantity_lost, is_open FROM stock_loans WHERE loan_id = '{}'",
        stage.order
    ))
}

#[test]
fn two_borrowers_of_the_last_units() {
    let by_hand: Statement = |stage| {
        let second = stage.second;
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity)
             SELECT lot_id, '{}', 3 FROM stock_lots WHERE listing_id = '{second}'",
            stage.other_order
        )
    };
    let of_order: Statement = |stage| {
        let (second, order) = (stage.second, stage.other_order);
        format!("SELECT quantity FROM allocate_stock('{second}', '{order}', 3)")
    };
    for other in [borrow as Statement, of_order, by_hand] {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let statements = [borrow(&stage), other(&stage)];
                (stage, statements)
            },
            &[SHORT, "stock_committed"],
            |sql, stage, run| {
                assert_eq!(claimed(sql, stage.second), (0, 3), "one of them");
                assert!(succeeded(run, "a") != succeeded(run, "b"));
            },
        );
    }
}

/// Two of three units each: whoever comes second is told how many are out by then.
#[test]
fn two_ends_of_one_loan() {
    for (a, b) in [
        (give_back as Statement, give_back as Statement),
        (give_back as Statement, lose as Statement),
        (lose as Statement, lose as Statement),
    ] {
        race_two_also_after_a_look(
            |client| {
                let stage = lent(client);
                let statements = [a(&stage), b(&stage)];
                (stage, statements)
            },
            &[TOO_MANY],
            |sql, stage, run| {
                let ended = usize::from(succeeded(run, "a")) + usize::from(succeeded(run, "b"));
                assert_eq!(ended, 1);
                let units: i32 = loan(sql, stage)
                    .split('|')
                    .filter_map(|units| units.parse::<i32>().ok())
                    .sum();
                assert_eq!(units, 2);
                assert_eq!(claimed(sql, stage.second), (0, 1));
            },
        );
    }
}

#[test]
fn the_last_units_are_returned_while_the_loan_is_extended() {
    race_two_also_after_a_look(
        |client| {
            let stage = lent(client);
            let order = stage.order;
            let statements = [
                format!("SELECT return_stock('{order}')"),
                format!("SELECT extend_loan('{order}', '2099-01-01')"),
            ];
            (stage, statements)
        },
        &[CLOSED],
        |sql, stage, run| {
            assert!(succeeded(run, "a") || shall_retry(run, "a"));
            assert!(succeeded(run, "b") || shall_retry(run, "b") || refusal(run, "b") == CLOSED);
            let open = succeeded(run, "a");
            assert_eq!(loan(sql, stage).ends_with('f'), open);
        },
    );
}

fn deletions() -> [Statement; 4] {
    [
        |stage| format!("SELECT delete_listing('{}')", stage.second),
        |stage| {
            format!(
                "DELETE FROM stock_listings WHERE listing_id = '{}'",
                stage.second
            )
        },
        |stage| {
            format!(
                "DELETE FROM stock_lots WHERE listing_id = '{}'",
                stage.second
            )
        },
        |stage| {
            let Stage { first, second, .. } = stage;
            format!("UPDATE stock_lots SET listing_id = '{first}' WHERE listing_id = '{second}'")
        },
    ]
}

/// Whoever is first wins: what is lent stays, and what is gone is not lent.
#[test]
fn a_new_loan_against_the_deletion_of_what_is_lent() {
    for delete in deletions() {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let statements = [borrow(&stage), delete(&stage)];
                (stage, statements)
            },
            &[ON_LOAN, SHORT, "listing_not_found", "lot_not_found"],
            |sql, stage, run| {
                let lent = succeeded(run, "a");
                assert!(!(lent && succeeded(run, "b")), "both");
                let open = format!(
                    "SELECT count(*) FROM stock_loans WHERE listing_id = '{}' AND is_open",
                    stage.second
                );
                assert_eq!(sql.row(&open), if lent { "1" } else { "0" });
            },
        );
    }
}

/// The listing goes when its loan is closed, or stays.
#[test]
fn the_end_of_a_loan_against_the_deletion_of_what_was_lent() {
    for delete in deletions() {
        race_two(
            |client| {
                let stage = lent(client);
                let all = format!("SELECT return_stock('{}')", stage.order);
                let statements = [all, delete(&stage)];
                (stage, statements)
            },
            &[ON_LOAN],
            |sql, stage, run| {
                assert!(succeeded(run, "a") || shall_retry(run, "a"));
                let closed = loan(sql, stage).ends_with('f');
                assert_eq!(closed, succeeded(run, "a"));
                assert!(closed || !succeeded(run, "b"));
            },
        );
    }
}

#[test]
fn a_reservation_is_picked_up_or_given_up() {
    let given_up: [Statement; 4] = [
        |stage| stage.release(),
        |stage| stage.confirm(stage.other_order),
        |stage| stage.run_out(),
        |stage| {
            format!(
                "SELECT borrow_stock(NULL, 'bob', 2, hold_id => '{}')",
                stage.hold
            )
        },
    ];
    for other in given_up {
        race_two(
            |client| {
                let stage = Stage::with_hold(client, |stage| stage.hold_second(3));
                let pick_up = format!(
                    "SELECT borrow_stock(NULL, 'ann', NULL, hold_id => '{}')",
                    stage.hold
                );
                let statements = [pick_up, other(&stage)];
                (stage, statements)
            },
            &["hold_not_active", "hold_expired"],
            |sql, stage, run| {
                let loans =
                    sql.row("SELECT count(*) FROM stock_loans WHERE borrower = 'ann' AND is_open");
                let picked_up = succeeded(run, "a");
                assert!(
                    picked_up
                        || succeeded(run, "b")
                        || shall_retry(run, "a")
                        || shall_retry(run, "b")
                );
                sql.run("UPDATE stock_loans SET borrower = 'seen' WHERE borrower = 'ann'");
                assert_eq!(loans, if picked_up { "1" } else { "0" });
                let (held, _) = claimed(sql, stage.second);
                assert!(held == 0 || held == 3);
            },
        );
    }
}

/// Two loans of the same two listings, lent and given back crosswise: nobody waits for ever.
#[test]
fn loans_in_one_transaction_with_others() {
    race_two(
        |client| {
            let stage = lent(client);
            let (first, second) = (stage.first, stage.second);
            let statements = [
                format!(
                    "SELECT borrow_stock('{first}', 'ann', 1); {}",
                    give_back(&stage)
                ),
                format!(
                    "SELECT borrow_stock('{first}', 'bob', 1), borrow_stock('{second}', 'bob', 1)"
                ),
            ];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            assert!(succeeded(run, "a") || shall_retry(run, "a"));
            let _ = loan(sql, stage);
        },
    );
}
