//! How many there are on a date changes while others claim it.

use super::race::{
    booked, pairs, play_two, race_two, refusal, succeeded, winners, COMMITTED, NOT_OPEN, SHORT,
};
use super::stage::{Stage, DAYS};
use crate::second_door::shop::Sql;

type Statement = fn(&Stage) -> String;

fn lower(stage: &Stage) -> String {
    stage.set_capacity(0, 3, 1)
}

/// Judged at commit.
fn lower_by_hand(stage: &Stage) -> String {
    format!(
        "UPDATE resource_capacity SET max_capacity = 1 WHERE resource_id = '{}' AND date <= '{}'",
        stage.resource, DAYS[3]
    )
}

fn free(sql: &mut Sql, stage: &Stage, day: usize) -> String {
    sql.row(&format!(
        "SELECT max_capacity, available_capacity FROM resource_capacity
          WHERE resource_id = '{}' AND date = '{}'",
        stage.resource, DAYS[day]
    ))
}

#[test]
fn a_lower_capacity_against_claims_of_what_it_takes_away() {
    let claims: [Statement; 4] = [
        |stage| stage.hold_first(&[2], 2),
        |stage| stage.hold_first(&[4, 2, 1], 2),
        |stage| {
            format!(
                "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('{}', '{{{}}}', 2)",
                stage.resource, DAYS[2]
            )
        },
        |stage| {
            stage.hold_both(&[
                (&stage.resource, &[2]),
                (&stage.other, &[2]),
                (&stage.resource, &[2, 1]),
            ])
        },
    ];
    for (lowering, claim) in pairs(&[lower as Statement, lower_by_hand], &claims) {
        race_two(
            |client| {
                let stage = Stage::open(client, 2);
                let statements = [lowering(&stage), claim(&stage)];
                (stage, statements)
            },
            &[SHORT, COMMITTED],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                let expected = if succeeded(run, "a") { "1|1" } else { "2|0" };
                assert_eq!(free(sql, stage, 2), expected);
            },
        );
    }
}

/// A unit that is given back may be taken away, and one that is taken away is not promised.
#[test]
fn a_lower_capacity_against_the_end_of_what_is_in_its_way() {
    for lowering in [lower as Statement, lower_by_hand] {
        for by_cancelling in [true, false] {
            play_two(
                |client| {
                    let mut stage = Stage::with_allocation(client, 2, &[2]);
                    stage.hold = super::stage::one(client, &stage.hold_first(&[2, 4], 1));
                    let end = match by_cancelling {
                        true => stage.cancel(),
                        false => stage.release(),
                    };
                    (stage_with(&stage), [lowering(&stage), end])
                },
                &[COMMITTED, SHORT],
                |sql, stage, run| {
                    let left = booked(sql, &stage.resource, DAYS[2]);
                    assert_eq!(left, if succeeded(run, "b") { 1 } else { 2 });
                    let max = if succeeded(run, "a") { 1 } else { 2 };
                    assert!(left <= max);
                    assert_eq!(free(sql, stage, 2), format!("{max}|{}", max - left));
                },
            );
        }
    }
}

fn stage_with(stage: &Stage) -> Stage {
    Stage {
        resource: stage.resource.clone(),
        other: stage.other.clone(),
        ..*stage
    }
}

/// What is held is had, also while somebody takes away what is not.
#[test]
fn a_lower_capacity_against_a_confirmation() {
    for lowering in [
        (|stage| stage.set_capacity(2, 2, 0)) as Statement,
        |stage| {
            format!(
                "UPDATE resource_capacity SET max_capacity = 0 WHERE resource_id = '{}'",
                stage.resource
            )
        },
    ] {
        play_two(
            |client| {
                let stage = Stage::with_hold(client, 2, &[2]);
                let statements = [lowering(&stage), stage.confirm()];
                (stage, statements)
            },
            &[COMMITTED, SHORT],
            |sql, stage, run| {
                assert!(!succeeded(run, "a"), "one is promised");
                assert!(succeeded(run, "b"));
                assert_eq!(booked(sql, &stage.resource, DAYS[2]), 1);
            },
        );
    }
}

/// A hold that is dead may be in the way of both.
#[test]
fn a_lower_capacity_against_a_claim_where_a_dead_hold_is_counted() {
    for lowering in [lower as Statement, lower_by_hand] {
        race_two(
            |client| {
                let stage = Stage::with_dead_hold(client, 2, &[1, 2]);
                let statements = [lowering(&stage), stage.hold_first(&[2], 2)];
                (stage, statements)
            },
            &[SHORT, COMMITTED],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert!(units <= if succeeded(run, "a") { 1 } else { 2 });
            },
        );
    }
}

#[test]
fn a_higher_capacity_against_a_claim_of_it() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let statements = [stage.set_capacity(1, 2, 2), stage.hold_first(&[2, 1], 1)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let max = if succeeded(run, "a") { 2 } else { 1 };
            let units = i32::from(succeeded(run, "b"));
            assert_eq!(free(sql, stage, 2), format!("{max}|{}", max - units));
        },
    );
}

#[test]
fn two_capacities_for_one_date() {
    race_two(
        |client| {
            let stage = Stage::with_hold(client, 2, &[2]);
            let statements = [stage.set_capacity(0, 4, 5), lower_by_hand(&stage)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            assert!(["5|4", "1|0"].contains(&free(sql, stage, 2).as_str()));
        },
    );
}

/// Whoever is first wins: what is booked stays open, and what is gone is not booked.
#[test]
fn the_deletion_of_a_date_against_claims_of_it() {
    let claims: [Statement; 4] = [
        |stage| stage.hold_first(&[2], 1),
        |stage| stage.hold_first(&[3, 2, 1], 1),
        |stage| stage.insert_hold(&[2]),
        |stage| stage.insert_allocation(&[2, 4]),
    ];
    for claim in claims {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let delete = format!(
                    "DELETE FROM resource_capacity WHERE resource_id = '{}' AND date = '{}'",
                    stage.resource, DAYS[2]
                );
                let claim = claim(&stage);
                (stage, [delete, claim])
            },
            &[NOT_OPEN, "resource_booked"],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(units, i32::from(succeeded(run, "b")));
                assert_ne!(refusal(run, "b"), "resource_booked");
            },
        );
    }
}

/// A booking is moved away, or onto it.
#[test]
fn the_deletion_of_a_date_against_a_move() {
    for (from, to) in [(0, 2), (2, 0)] {
        race_two(
            |client| {
                let stage = Stage::with_allocation(client, 1, &[from]);
                let delete = format!(
                    "DELETE FROM resource_capacity WHERE resource_id = '{}' AND date = '{}'",
                    stage.resource, DAYS[2]
                );
                let moving = stage.move_to(&[to]);
                (stage, [delete, moving])
            },
            &[NOT_OPEN, "resource_booked"],
            |sql, stage, run| {
                let there = booked(sql, &stage.resource, DAYS[2]);
                assert!(there == 0 || !succeeded(run, "a"));
                assert_eq!(there + booked(sql, &stage.resource, DAYS[0]), 1);
            },
        );
    }
}
