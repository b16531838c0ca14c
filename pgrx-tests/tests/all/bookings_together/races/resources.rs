//! Resources that are retired, deleted or switched off while they are claimed.

use super::race::{
    booked, pairs, play_two, race_two, refusal, status, succeeded, winners, BOOKED, CLOSED, ENDED,
    GONE, NOT_OPEN,
};
use super::stage::{Stage, DAYS};

type Statement = fn(&Stage) -> String;

fn retire(stage: &Stage) -> String {
    format!("SELECT retire_resource('{}')", stage.resource)
}

fn retire_and_cancel(stage: &Stage) -> String {
    format!("SELECT retire_resource('{}', true)", stage.resource)
}

fn retire_by_hand(stage: &Stage) -> String {
    let resource = &stage.resource;
    format!("UPDATE resource SET deleted_at = now() WHERE id = '{resource}'")
}

fn delete(stage: &Stage) -> String {
    format!("DELETE FROM resource WHERE id = '{}'", stage.resource)
}

fn claims() -> [Statement; 5] {
    [
        |stage| stage.hold_first(&[2], 1),
        |stage| stage.hold_first(&[4, 2], 1),
        |stage| stage.insert_hold(&[2]),
        |stage| stage.insert_allocation(&[2, 1]),
        |stage| stage.hold_both(&[(&stage.other, &[2]), (&stage.resource, &[2])]),
    ]
}

/// Whoever is first wins: what is booked is not retired, and what is gone is not booked.
#[test]
fn the_end_of_a_resource_against_claims_of_it() {
    for (end, claim) in pairs(&[retire as Statement, retire_by_hand, delete], &claims()) {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let statements = [end(&stage), claim(&stage)];
                (stage, statements)
            },
            &[BOOKED, CLOSED, GONE, NOT_OPEN],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(units, i32::from(succeeded(run, "b")));
            },
        );
    }
}

/// Its holds go with it; one that comes in between is in its way, or is released as well.
#[test]
fn a_retirement_that_cancels_holds_against_claims() {
    for claim in claims() {
        race_two(
            |client| {
                let stage = Stage::with_hold(client, 2, &[2, 3]);
                let statements = [retire_and_cancel(&stage), claim(&stage)];
                (stage, statements)
            },
            &[BOOKED, CLOSED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                if succeeded(run, "a") {
                    assert_eq!(booked(sql, &stage.resource, DAYS[2]), 0);
                    assert_eq!(status(sql, stage), "RELEASED");
                }
            },
        );
    }
}

#[test]
fn the_end_of_a_resource_against_ends_of_its_hold() {
    let ends_of_hold: [Statement; 5] = [
        |stage| format!("DELETE FROM resource_hold WHERE id = '{}'", stage.hold),
        Stage::confirm,
        Stage::release,
        Stage::release_by_hand,
        Stage::extend,
    ];
    let ends = [retire as Statement, retire_and_cancel, delete];
    for (end, end_of_hold) in pairs(&ends, &ends_of_hold) {
        play_two(
            |client| {
                let stage = Stage::with_hold(client, 1, &[2, 3]);
                let statements = [end(&stage), end_of_hold(&stage)];
                (stage, statements)
            },
            &[BOOKED, ENDED, "hold_not_found"],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                // Only who named the hold can be told that it is not there.
                assert_ne!(refusal(run, "a"), "hold_not_found");
                if succeeded(run, "a") {
                    assert_eq!(booked(sql, &stage.resource, DAYS[2]), 0);
                }
            },
        );
    }
}

#[test]
fn the_end_of_a_resource_against_ends_of_a_booking() {
    let ends_of_booking: [Statement; 2] = [Stage::cancel, |stage| stage.move_to(&[4])];
    for end in [retire as Statement, delete] {
        for end_of_booking in ends_of_booking {
            race_two(
                |client| {
                    let stage = Stage::with_allocation(client, 1, &[2, 3]);
                    let statements = [end(&stage), end_of_booking(&stage)];
                    (stage, statements)
                },
                &[BOOKED],
                |sql, stage, run| {
                    assert!(!winners(run).is_empty());
                    if succeeded(run, "a") {
                        let left = sql.row(&format!(
                            "SELECT count(*) FROM resource_allocation WHERE resource_id = '{}'",
                            stage.resource
                        ));
                        assert_eq!(left, "0");
                    }
                },
            );
        }
    }
}

/// A claim is in before it is off, or is refused.
#[test]
fn a_resource_that_is_switched_off_against_claims_of_it() {
    let by_function: Statement = |stage| {
        format!(
            "SELECT change_resource('{}', is_active => false)",
            stage.resource
        )
    };
    let by_hand: Statement = |stage| {
        format!(
            "UPDATE resource SET is_active = false WHERE id = '{}'",
            stage.resource
        )
    };
    for (switch, claim) in pairs(&[by_function, by_hand], &claims()) {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let statements = [switch(&stage), claim(&stage)];
                (stage, statements)
            },
            &[CLOSED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(units, i32::from(succeeded(run, "b")));
                // Whoever came after it was off was refused, and whoever was in by then waited for nobody.
                let first = run.steps.iter().find(|step| step.sql == "COMMIT");
                let b_was_last = first.is_some_and(|step| step.session == "a");
                assert!(!(succeeded(run, "a") && b_was_last && succeeded(run, "b")));
            },
        );
    }
}

/// What it is switched on for was not to be had before.
#[test]
fn a_resource_that_is_switched_on_against_a_blackout_and_a_retirement() {
    let others: [Statement; 2] = [|stage| stage.black_out(1, 2, false), retire];
    for other in others {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let off = format!(
                    "SELECT change_resource('{}', is_active => false)",
                    stage.resource
                );
                client.batch_execute(&off).unwrap();
                let on = format!(
                    "SELECT change_resource('{}', is_active => true)",
                    stage.resource
                );
                let other = other(&stage);
                (stage, [on, other])
            },
            &[],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                if winners(run).len() == 2 {
                    let claim = stage.hold_first(&[2], 1);
                    assert!(sql.0.batch_execute(&claim).is_err(), "it is still closed");
                }
            },
        );
    }
}
