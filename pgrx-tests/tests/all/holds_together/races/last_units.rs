//! Who gets the last units: holds against each other, against claims, and against what takes units
//! away.

use super::race::{claimed, play_two, race_two, refusal, succeeded, units, COMMITTED, SHORT};
use super::stage::{hold_stock, Stage, ORISON};

type Statement = fn(&Stage) -> String;

/// A hold by hand, at no location.
fn insert_hold(stage: &Stage) -> String {
    format!(
        "INSERT INTO stock_holds (listing_id, quantity) VALUES ('{}', 3)",
        stage.second
    )
}

fn hold_many(stage: &Stage) -> String {
    let lines = stage.lines([(stage.second, 3), (stage.first, 1)]);
    format!("SELECT quantity FROM hold_many({lines})")
}

#[test]
fn two_holds_of_the_last_units() {
    let by_function: Statement = |stage| stage.hold_second(3);
    let allocation: Statement = |stage| {
        let (second, order) = (stage.second, stage.order);
        format!("SELECT quantity FROM allocate_stock('{second}', '{order}', 3)")
    };
    for (first, second) in [
        (by_function, by_function),
        (by_function, insert_hold as Statement),
        (insert_hold as Statement, insert_hold as Statement),
        (by_function, allocation),
        (insert_hold as Statement, allocation),
    ] {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let statements = [first(&stage), second(&stage)];
                (stage, statements)
            },
            &[SHORT, COMMITTED],
            |sql, stage, run| {
                let (held, allocated) = claimed(sql, stage.second);
                assert_eq!(held + allocated, 3, "one of them");
                assert!(succeeded(run, "a") != succeeded(run, "b"));
            },
        );
    }
}

#[test]
fn many_holds_against_a_single_one() {
    race_two(
        |client| {
            let stage = Stage::open(client);
            let statements = [hold_many(&stage), stage.hold_second(3)];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            // Of the many, those that fit are held.
            let many = units(run, "a");
            let single = if succeeded(run, "b") { 3 } else { 0 };
            assert!(many == 4 || many == 1 || !succeeded(run, "a"), "{many}");
            let of_first = many.min(1);
            assert_eq!(claimed(sql, stage.first), (of_first, 0));
            assert_eq!(claimed(sql, stage.second), (many - of_first + single, 0));
            assert_eq!(many - of_first + single, 3);
        },
    );
}

/// The whole listing has enough for both, its location has not.
#[test]
fn a_hold_at_a_location_against_claims_there() {
    let claims: [Statement; 3] = [
        |stage| stage.hold_at_orison(4),
        |stage| {
            let (first, order) = (stage.first, stage.order);
            format!("SELECT quantity FROM allocate_stock('{first}', '{order}', 4, location_id => '{ORISON}')")
        },
        |stage| {
            format!(
                "INSERT INTO stock_holds (listing_id, quantity, location_id) VALUES ('{}', 4, '{ORISON}')",
                stage.first
            )
        },
    ];
    for claim in claims {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let statements = [stage.hold_at_orison(4), claim(&stage)];
                (stage, statements)
            },
            &[SHORT, COMMITTED],
            |sql, stage, run| {
                let (held, allocated) = claimed(sql, stage.first);
                assert_eq!(held + allocated, 4, "one of them");
                assert!(succeeded(run, "a") != succeeded(run, "b"));
            },
        );
    }
}

/// The claim takes what the location does not keep back, whoever comes first.
#[test]
fn a_hold_at_a_location_against_claims_anywhere() {
    let claims: [Statement; 3] = [
        |stage| stage.allocate_first(6),
        |stage| stage.hold_first(6),
        |stage| stage.allocate_first(5),
    ];
    for claim in claims {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let statements = [stage.hold_at_orison(4), claim(&stage)];
                (stage, statements)
            },
            &[SHORT],
            |sql, stage, run| {
                if succeeded(run, "a") {
                    assert_ne!(refusal(run, "b"), SHORT, "there is enough for both");
                }
                let (held, allocated) = claimed(sql, stage.first);
                assert!(held + allocated <= 10);
            },
        );
    }
}

#[test]
fn confirmations_of_holds_at_a_location_and_anywhere() {
    race_two(
        |client| {
            let stage = Stage::with_hold(client, |stage| stage.hold_at_orison(4));
            let anywhere = client.query_one(&stage.hold_first(6), &[]).unwrap();
            let anywhere: uuid::Uuid = anywhere.get(0);
            let order = stage.other_order;
            let statements = [
                stage.confirm(stage.order),
                format!("SELECT quantity FROM confirm_hold('{anywhere}', '{order}', strategy => 'lifo')"),
            ];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let confirmed = units(run, "a") + units(run, "b");
            assert_eq!(claimed(sql, stage.first), (10 - confirmed, confirmed));
        },
    );
}

#[test]
fn lowering_a_lot_against_a_hold() {
    for set in ["quantity_total = 2", "listed = false"] {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let lower = format!(
                    "UPDATE stock_lots SET {set} WHERE listing_id = '{}'",
                    stage.second
                );
                let hold = stage.hold_second(4);
                (stage, [lower, hold])
            },
            &[SHORT, COMMITTED],
            |sql, stage, run| {
                assert!(succeeded(run, "a") != succeeded(run, "b"));
                let held = if succeeded(run, "b") { 4 } else { 0 };
                assert_eq!(claimed(sql, stage.second), (held, 0));
            },
        );
    }
}

/// What is held is had, also when it is confirmed while somebody takes what is not.
#[test]
fn lowering_a_lot_against_a_confirmation() {
    race_two(
        |client| {
            let stage = Stage::with_hold(client, |stage| stage.hold_second(4));
            let lower = format!(
                "UPDATE stock_lots SET quantity_total = 3 WHERE listing_id = '{}'",
                stage.second
            );
            let confirm = stage.confirm(stage.order);
            (stage, [lower, confirm])
        },
        &[COMMITTED],
        |sql, stage, run| {
            assert!(!succeeded(run, "a"), "four are promised");
            let confirmed = units(run, "b");
            assert_eq!(claimed(sql, stage.second), (4 - confirmed, confirmed));
        },
    );
}

/// Two claims need the units of one hold whose time is up: both may end it, and one gets them.
#[test]
fn two_claims_that_end_the_same_dead_hold() {
    let claims: [Statement; 3] = [
        |stage| hold_stock(stage.first, 9),
        |stage| stage.allocate_first(9),
        |stage| stage.hold_at_orison(5),
    ];
    for claim in claims {
        play_two(
            |client| {
                let stage = Stage::with_hold(client, |stage| stage.hold_at_orison(4));
                client.batch_execute(&stage.run_out()).unwrap();
                let statements = [stage.hold_first(8), claim(&stage)];
                (stage, statements)
            },
            &[SHORT],
            |sql, stage, run| {
                assert!(succeeded(run, "a") || succeeded(run, "b"), "nine are free");
                let expired = format!("SELECT state FROM get_hold('{}')", stage.hold);
                assert_eq!(sql.row(&expired), "expired");
            },
        );
    }
}

/// A sweep, or another claim, has the dead hold locked.
#[test]
fn a_claim_against_a_sweep_of_what_it_needs() {
    for claim in [(|stage| stage.hold_first(9)) as Statement, |stage| {
        stage.allocate_first(9)
    }] {
        play_two(
            |client| {
                let stage = Stage::with_hold(client, |stage| stage.hold_first(3));
                client.batch_execute(&stage.run_out()).unwrap();
                let statements = ["SELECT expire_holds()".to_owned(), claim(&stage)];
                (stage, statements)
            },
            &[],
            |sql, stage, run| {
                let (held, allocated) = claimed(sql, stage.first);
                if succeeded(run, "b") {
                    assert_eq!(held + allocated, 9);
                }
            },
        );
    }
}
