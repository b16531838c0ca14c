//! Blackouts while others claim: a claim is in and the blackout names it, or it is refused.

use super::race::{
    allocations, answer, booked, play_two, race_two, status, succeeded, winners, BLACK, ENDED,
};
use super::stage::{hold, Stage, DAYS};
use crate::second_door::shop::Sql;
use stockroom_tests::Run;

type Statement = fn(&Stage) -> String;

fn black_out_by_hand(stage: &Stage) -> String {
    let (resource, from, to) = (&stage.resource, DAYS[1], DAYS[2]);
    format!(
        "INSERT INTO resource_blackout (resource_id, start_date, end_date)
         VALUES ('{resource}', '{from}', '{to}')"
    )
}

fn closures(sql: &mut Sql, stage: &Stage) -> String {
    sql.row(&format!(
        "SELECT string_agg(closures::text, ' ' ORDER BY date) FROM resource_capacity WHERE resource_id = '{}'",
        stage.resource
    ))
}

/// Kind and key of what a session's add_blackout answered, beside the blackout.
fn named(run: &Run, session: &str) -> Vec<(String, String)> {
    let rows = &answer(run, session).expect("it succeeded").rows;
    let pair = |row: &Vec<Option<String>>| (row[0].clone().unwrap(), row[1].clone().unwrap());
    let named = rows.iter().map(pair);
    named.filter(|(kind, _)| kind != "blackout").collect()
}

/// What the view says of the stage's resource.
fn conflicts(sql: &mut Sql, stage: &Stage) -> Vec<String> {
    sql.rows(&format!(
        "SELECT kind, claim_id FROM blackout_conflicts WHERE resource_id = '{}'",
        stage.resource
    ))
}

#[test]
fn a_blackout_names_the_claim_that_came_first_or_refuses_it() {
    let claims: [(Statement, &str); 6] = [
        (|stage| stage.hold_first(&[2], 1), "hold"),
        (|stage| stage.hold_first(&[4, 2, 0], 1), "hold"),
        (|stage| stage.insert_hold(&[2]), "hold"),
        (|stage| stage.insert_allocation(&[1, 0]), "allocation"),
        (
            |stage| stage.hold_both(&[(&stage.other, &[1]), (&stage.resource, &[1])]),
            "hold",
        ),
        (
            |stage| {
                format!(
                    "SELECT hold_id FROM hold_resource_range('{}', daterange('{}', '{}'), 1)",
                    stage.resource, DAYS[2], DAYS[4]
                )
            },
            "hold",
        ),
    ];
    for (claim, kind) in claims {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let statements = [stage.black_out(1, 2, false), claim(&stage)];
                (stage, statements)
            },
            &[BLACK],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                if succeeded(run, "a") {
                    assert_eq!(closures(sql, stage), "0 1 1 0 0");
                    let in_the_way = named(run, "a");
                    assert_eq!(in_the_way.len(), usize::from(succeeded(run, "b")));
                    assert!(in_the_way.iter().all(|(named, _)| named == kind));
                    let view: Vec<String> = in_the_way
                        .iter()
                        .map(|(kind, key)| format!("{kind}|{key}"))
                        .collect();
                    assert_eq!(conflicts(sql, stage), view);
                }
            },
        );
    }
}

#[test]
fn a_blackout_by_hand_against_a_hold() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let statements = [black_out_by_hand(&stage), stage.hold_first(&[2, 3], 1)];
            (stage, statements)
        },
        &[BLACK],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            let both = succeeded(run, "a") && succeeded(run, "b");
            assert_eq!(conflicts(sql, stage).len(), usize::from(both));
        },
    );
}

#[test]
fn a_booking_that_moves_against_a_blackout_of_where_it_goes() {
    race_two(
        |client| {
            let stage = Stage::with_allocation(client, 1, &[0]);
            let statements = [stage.black_out(1, 2, false), stage.move_to(&[2])];
            (stage, statements)
        },
        &[BLACK],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            let moved = booked(sql, &stage.resource, DAYS[2]);
            assert_eq!(moved, i32::from(succeeded(run, "b")));
            assert_eq!(booked(sql, &stage.resource, DAYS[0]), 1 - moved);
            if succeeded(run, "a") {
                assert_eq!(named(run, "a").len(), moved as usize);
            }
        },
    );
}

/// The hold becomes a booking, or is released: both are told the same.
#[test]
fn a_blackout_that_cancels_holds_against_a_confirmation() {
    race_two(
        |client| {
            let stage = Stage::with_hold(client, 1, &[0, 2]);
            let statements = [stage.black_out(1, 2, true), stage.confirm()];
            (stage, statements)
        },
        &[ENDED],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            let confirmed = succeeded(run, "b");
            assert_eq!(allocations(sql, stage), if confirmed { "1" } else { "0" });
            let expected = if confirmed { "CONFIRMED" } else { "RELEASED" };
            assert_eq!(status(sql, stage), expected);
            if succeeded(run, "a") {
                let named = named(run, "a");
                let kind = if confirmed {
                    "allocation"
                } else {
                    "released_hold"
                };
                assert_eq!(named.len(), 1, "{named:?}");
                assert_eq!(named[0].0, kind);
            }
        },
    );
}

#[test]
fn a_blackout_that_cancels_holds_against_a_new_hold_and_ends_of_the_old() {
    let others: [Statement; 6] = [
        |stage| stage.hold_first(&[2, 4], 1),
        |stage| format!("DELETE FROM resource_hold WHERE id = '{}'", stage.hold),
        Stage::release,
        Stage::release_by_hand,
        Stage::extend,
        |_| "SELECT expire_holds()".to_owned(),
    ];
    for other in others {
        play_two(
            |client| {
                let stage = Stage::with_hold(client, 2, &[0, 2]);
                let statements = [stage.black_out(1, 2, true), other(&stage)];
                (stage, statements)
            },
            &[BLACK, ENDED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                if succeeded(run, "a") {
                    // Whoever comes first: no live hold is left on what was closed with them.
                    assert_eq!(conflicts(sql, stage), [""; 0]);
                    assert_eq!(booked(sql, &stage.resource, DAYS[2]), 0);
                }
            },
        );
    }
}

#[test]
fn two_blackouts_and_their_removal_add_up() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let statements = [stage.black_out(1, 3, false), stage.black_out(2, 4, false)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let expected = match (succeeded(run, "a"), succeeded(run, "b")) {
                (true, true) => "0 1 2 2 1",
                (true, false) => "0 1 1 1 0",
                (false, true) => "0 0 1 1 1",
                (false, false) => panic!("neither"),
            };
            assert_eq!(closures(sql, stage), expected);
        },
    );
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let first = client.query(&stage.black_out(1, 3, false), &[]).unwrap();
            let first: uuid::Uuid = first[0].get(1);
            let remove = format!("SELECT remove_blackout('{first}')");
            let statements = [remove, stage.black_out(2, 4, false)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let expected = match (succeeded(run, "a"), succeeded(run, "b")) {
                (true, true) => "0 0 1 1 1",
                (true, false) => "0 0 0 0 0",
                (false, true) => "0 1 2 2 1",
                (false, false) => panic!("neither"),
            };
            assert_eq!(closures(sql, stage), expected);
        },
    );
}

/// The dates are closed as they are opened, or when the blackout comes.
#[test]
fn a_blackout_against_the_opening_of_its_dates() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let (resource, from, to) = (&stage.resource, DAYS[1], DAYS[2]);
            let closing = format!(
                "DELETE FROM resource_capacity WHERE resource_id = '{resource}' AND date BETWEEN '{from}' AND '{to}'"
            );
            client.batch_execute(&closing).unwrap();
            let opening = format!("SELECT open_capacity('{resource}', '{from}', '{to}', 1)");
            let statements = [stage.black_out(0, 4, false), opening];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let expected = match (succeeded(run, "a"), succeeded(run, "b")) {
                (true, true) => "1 1 1 1 1",
                (true, false) => "1 1 1",
                (false, true) => "0 0 0 0 0",
                (false, false) => panic!("neither"),
            };
            assert_eq!(closures(sql, stage), expected);
            let claim = hold(&stage.resource, &[1], 1);
            if succeeded(run, "a") {
                assert!(sql.0.batch_execute(&claim).is_err(), "it is closed");
            }
        },
    );
}
