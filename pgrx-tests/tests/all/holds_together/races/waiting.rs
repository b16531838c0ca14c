//! Holds that wait for goods, while goods come and others are at the same rows.

use super::race::{
    allocated_from, claimed, hold, race, race_two, succeeded, transaction, units, ENDED,
};
use super::stage::Stage;
use postgres::Client;
use uuid::Uuid;

/// All five of the second listing are allocated, and the hold waits for three.
fn three_wait(client: &mut Client) -> Stage {
    let mut stage = Stage::with_backorder_limit(client, 6);
    stage.hold = confirmed(client, &stage, 8, stage.order);
    stage
}

/// A hold of the second listing that is confirmed for this order, as far as there are goods.
fn confirmed(client: &mut Client, stage: &Stage, units: i32, order: Uuid) -> Uuid {
    let row = client.query_one(&stage.hold_second(units), &[]).unwrap();
    let hold: Uuid = row.get(0);
    let confirm = format!("SELECT confirm_hold('{hold}', '{order}')");
    client.query(&confirm, &[]).unwrap();
    hold
}

fn receive(stage: &Stage, units: i32) -> String {
    format!("SELECT receive_stock('{}', {units})", stage.second)
}

/// Who waits gets what came, or gives up what it waits for; nothing is lost on the way.
#[test]
fn goods_that_come_against_the_release_of_the_hold_that_waits() {
    for by_hand in [false, true] {
        race_two(
            |client| {
                let stage = three_wait(client);
                let come = if by_hand {
                    format!(
                        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{}', 2)",
                        stage.second
                    )
                } else {
                    receive(&stage, 2)
                };
                let release = stage.release();
                (stage, [come, release])
            },
            &[],
            |sql, stage, run| {
                let filled = allocated_from(sql, stage.hold) - 5;
                let released = units(run, "b");
                assert!(filled == 0 || filled == 2);
                let expected = match succeeded(run, "b") {
                    true => format!("released {}", 3 - filled),
                    false => format!("waiting {}", 3 - filled),
                };
                assert_eq!(hold(sql, stage.hold), expected);
                assert!(!succeeded(run, "b") || released == 3 - filled);
                let held = if succeeded(run, "b") { 0 } else { 3 - filled };
                assert_eq!(claimed(sql, stage.second), (held, 5 + filled));
            },
        );
    }
}

#[test]
fn goods_that_come_twice_at_once() {
    race_two(
        |client| {
            let stage = three_wait(client);
            let statements = [receive(&stage, 2), receive(&stage, 2)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            if succeeded(run, "a") && succeeded(run, "b") {
                // Whoever came second may have found the hold locked: then a sweep hands out.
                sql.run("SELECT expire_holds()");
                assert_eq!(hold(sql, stage.hold), "confirmed 1");
                assert_eq!(claimed(sql, stage.second), (0, 8));
            }
        },
    );
}

#[test]
fn claims_that_are_released_against_the_release_of_the_hold_that_waits() {
    race_two(
        |client| {
            let mut stage = Stage::with_backorder_limit(client, 6);
            confirmed(client, &stage, 4, stage.other_order);
            stage.hold = confirmed(client, &stage, 4, stage.order);
            let free = format!("SELECT release_allocations('{}')", stage.other_order);
            let release = stage.release();
            (stage, [free, release])
        },
        &[ENDED],
        |sql, stage, run| {
            let filled = allocated_from(sql, stage.hold) - 1;
            let (held, allocated) = claimed(sql, stage.second);
            let kept = if succeeded(run, "a") { 0 } else { 4 };
            assert_eq!(allocated, kept + 1 + filled);
            assert_eq!(units(run, "b") + filled, 3 - held, "nothing is lost");
        },
    );
}

/// A location kept two units back until its hold was released: a sweep finds them for the one that
/// waits, while others are at the same lot.
#[test]
fn a_sweep_that_hands_out_against_a_claim() {
    race(
        |client, level| {
            let mut stage = Stage::with_backorder_limit(client, 20);
            stage.hold = client
                .query_one(&stage.hold_at_orison(5), &[])
                .unwrap()
                .get(0);
            let kept_back = stage.hold;
            let row = client.query_one(&stage.hold_first(8), &[]).unwrap();
            stage.hold = row.get(0);
            client.query(&stage.confirm(stage.order), &[]).unwrap();
            let release = format!("SELECT release_hold('{kept_back}')");
            client.query(&release, &[]).unwrap();
            let claim = format!(
                "SELECT release_allocations('{}', quantity => 1)",
                stage.order
            );
            let scripts = vec![
                transaction("a", level, "SELECT expire_holds()"),
                transaction("b", level, &claim),
            ];
            (stage, scripts)
        },
        &[],
        |sql, stage, run| {
            if succeeded(run, "a") {
                assert!(hold(sql, stage.hold).starts_with("confirmed"));
            }
        },
    );
}
