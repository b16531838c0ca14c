//! Orders over several listings: all or nothing, in whatever order their lines come, and never a
//! deadlock.

use super::race::{claimed, race_two, succeeded, units, ENDED, EXPIRED, SHORT};
use super::stage::Stage;
use postgres::Client;

#[test]
fn two_orders_held_with_the_same_listings_in_opposite_order() {
    race_two(
        |client| {
            let stage = Stage::open(client);
            let there = [(stage.first, 4), (stage.second, 2)];
            let back = [(stage.second, 3), (stage.first, 5)];
            let statements = [
                stage.hold_both(stage.order, there),
                stage.hold_both(stage.other_order, back),
            ];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let [a, b] = ["a", "b"].map(|session| i32::from(succeeded(run, session)));
            assert_eq!(claimed(sql, stage.first), (4 * a + 5 * b, 0));
            assert_eq!(claimed(sql, stage.second), (2 * a + 3 * b, 0));
        },
    );
}

#[test]
fn two_orders_that_cannot_both_be_held() {
    race_two(
        |client| {
            let stage = Stage::open(client);
            let there = [(stage.first, 7), (stage.second, 2)];
            let back = [(stage.second, 3), (stage.first, 6)];
            let statements = [
                stage.hold_both(stage.order, there),
                stage.hold_both(stage.other_order, back),
            ];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            assert!(succeeded(run, "a") != succeeded(run, "b"), "one, whole");
            let held = (claimed(sql, stage.first).0, claimed(sql, stage.second).0);
            assert!([(7, 2), (6, 3)].contains(&held), "{held:?}");
        },
    );
}

#[test]
fn an_order_that_is_held_against_one_that_is_allocated() {
    for (units, refusals) in [(5, [].as_slice()), (7, [SHORT].as_slice())] {
        race_two(
            |client| {
                let stage = Stage::open(client);
                let there = [(stage.first, units), (stage.second, 2)];
                let back = [(stage.second, 3), (stage.first, 5)];
                let statements = [
                    stage.hold_both(stage.order, there),
                    stage.allocate_both(stage.other_order, back),
                ];
                (stage, statements)
            },
            refusals,
            |sql, stage, run| {
                let [a, b] = ["a", "b"].map(|session| i32::from(succeeded(run, session)));
                assert_eq!(claimed(sql, stage.first), (units * a, 5 * b));
                assert_eq!(claimed(sql, stage.second), (2 * a, 3 * b));
            },
        );
    }
}

/// Two of each listing are held for the first order.
fn both_held(client: &mut Client) -> Stage {
    let stage = Stage::open(client);
    let lines = [(stage.second, 2), (stage.first, 2)];
    client
        .query(&stage.hold_both(stage.order, lines), &[])
        .unwrap();
    stage
}

fn confirm_order(stage: &Stage) -> String {
    format!("SELECT quantity FROM confirm_order('{}')", stage.order)
}

#[test]
fn an_order_that_is_confirmed_against_one_that_is_allocated() {
    race_two(
        |client| {
            let stage = both_held(client);
            let lines = [(stage.second, 3), (stage.first, 8)];
            let allocate = stage.allocate_both(stage.other_order, lines);
            let confirm = confirm_order(&stage);
            (stage, [confirm, allocate])
        },
        &[],
        |sql, stage, run| {
            let [a, b] = ["a", "b"].map(|session| i32::from(succeeded(run, session)));
            assert_eq!(claimed(sql, stage.first), (2 - 2 * a, 2 * a + 8 * b));
            assert_eq!(claimed(sql, stage.second), (2 - 2 * a, 2 * a + 3 * b));
        },
    );
}

#[test]
fn an_order_that_is_confirmed_twice() {
    race_two(
        |client| {
            let stage = both_held(client);
            let statements = [confirm_order(&stage), confirm_order(&stage)];
            (stage, statements)
        },
        &[ENDED],
        |sql, stage, run| {
            assert_eq!(units(run, "a") + units(run, "b"), 4, "once, whole");
            assert_eq!(claimed(sql, stage.first), (0, 2));
            assert_eq!(claimed(sql, stage.second), (0, 2));
        },
    );
}

#[test]
fn an_order_that_is_confirmed_against_its_release() {
    race_two(
        |client| {
            let stage = both_held(client);
            let release = format!("SELECT release_order_holds('{}')", stage.order);
            let confirm = confirm_order(&stage);
            (stage, [confirm, release])
        },
        &[ENDED],
        |sql, stage, run| {
            let (confirmed, released) = (units(run, "a"), units(run, "b"));
            assert_eq!(confirmed + released, 4, "one of them, whole");
            assert_eq!(claimed(sql, stage.first), (0, confirmed / 2));
            assert_eq!(claimed(sql, stage.second), (0, confirmed / 2));
        },
    );
}

/// One of its holds runs out: then none is confirmed.
#[test]
fn an_order_that_is_confirmed_against_the_end_of_one_hold() {
    race_two(
        |client| {
            let stage = both_held(client);
            let run_out = format!(
                "UPDATE stock_holds SET expires_at = clock_timestamp() WHERE order_id = '{}' AND listing_id = '{}'",
                stage.order, stage.second
            );
            let confirm = confirm_order(&stage);
            (stage, [confirm, run_out])
        },
        &[EXPIRED],
        |sql, stage, run| {
            let confirmed = if succeeded(run, "a") { 2 } else { 0 };
            assert_eq!(claimed(sql, stage.first), (2 - confirmed, confirmed));
            assert_eq!(claimed(sql, stage.second).1, confirmed);
        },
    );
}
