//! A listing that is deleted while somebody holds it: no hold outlives it, and none is lost with a
//! listing that stays.

use super::race::{race_two, race_two_also_after_a_look, succeeded, ENDED};
use super::stage::Stage;
use crate::second_door::shop::Sql;

const GONE: [&str; 3] = ["listing_not_found", "hold_not_found", ENDED];

type Statement = fn(&Stage) -> String;

fn delete(stage: &Stage, by_function: bool) -> String {
    let second = stage.second;
    if by_function {
        format!("SELECT delete_listing('{second}')")
    } else {
        format!("DELETE FROM stock_listings WHERE listing_id = '{second}'")
    }
}

fn live_holds(sql: &mut Sql, stage: &Stage) -> String {
    sql.row(&format!(
        "SELECT count(*) FROM stock_holds WHERE listing_id = '{}' AND status IN ('active', 'waiting')",
        stage.second
    ))
}

#[test]
fn new_holds_against_the_deletion_of_their_listing() {
    let by_function: Statement = |stage| stage.hold_second(2);
    let of_two: Statement =
        |stage| stage.hold_both(stage.order, [(stage.second, 2), (stage.first, 1)]);
    let by_hand: Statement = |stage| {
        let second = stage.second;
        format!("INSERT INTO stock_holds (listing_id, quantity) VALUES ('{second}', 2)")
    };
    for (hold, delete_by_function) in [
        (by_function, true),
        (by_function, false),
        (of_two, true),
        (by_hand, true),
        (by_hand, false),
    ] {
        race_two_also_after_a_look(
            |client| {
                let stage = Stage::open(client);
                let statements = [hold(&stage), delete(&stage, delete_by_function)];
                (stage, statements)
            },
            &GONE,
            |sql, stage, run| {
                let gone = succeeded(run, "b");
                let held = !gone && succeeded(run, "a");
                assert_eq!(live_holds(sql, stage), if held { "1" } else { "0" });
            },
        );
    }
}

#[test]
fn calls_on_a_hold_against_the_deletion_of_its_listing() {
    let calls: [Statement; 3] = [
        |stage| stage.confirm(stage.order),
        |stage| stage.release(),
        |stage| stage.extend(),
    ];
    for call in calls {
        race_two(
            |client| {
                let stage = Stage::with_hold(client, |stage| stage.hold_second(2));
                let statements = [call(&stage), delete(&stage, true)];
                (stage, statements)
            },
            &GONE,
            |sql, stage, run| {
                if succeeded(run, "b") {
                    assert_eq!(live_holds(sql, stage), "0");
                }
            },
        );
    }
}

#[test]
fn a_sweep_against_the_deletion_of_a_listing_with_dead_holds() {
    race_two(
        |client| {
            let stage = Stage::with_hold(client, |stage| stage.hold_second(2));
            client.batch_execute(&stage.run_out()).unwrap();
            let statements = ["SELECT expire_holds()".to_owned(), delete(&stage, true)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            if succeeded(run, "b") {
                assert_eq!(live_holds(sql, stage), "0");
            }
        },
    );
}
