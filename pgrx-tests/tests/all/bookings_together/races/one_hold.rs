//! Two calls on one hold: it ends once, and both callers are told the same end.

use super::race::{
    allocations, booked, play_two, race_two, refusal, shall_retry, status, succeeded, winners,
    ENDED, EXPIRED, SHORT,
};
use super::stage::{one, Stage, DAYS};
use postgres::Client;
use uuid::Uuid;

type Statement = fn(&Stage) -> String;

/// The only unit of two days is held.
fn held(client: &mut Client) -> Stage {
    Stage::with_hold(client, 1, &[1, 2])
}

fn confirm_for_another(stage: &Stage) -> String {
    let (hold, order) = (stage.hold, Uuid::new_v4());
    format!("SELECT confirm_resource_hold('{hold}', '{order}', 'line')")
}

/// As an app does it that knows no function.
fn confirm_by_hand(stage: &Stage) -> String {
    format!(
        "WITH done AS (UPDATE resource_hold SET status = 'CONFIRMED'
                        WHERE id = '{}' AND status = 'ACTIVE' RETURNING *)
         INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity, hold_id)
         SELECT resource_id, gen_random_uuid(), 'line', dates, quantity, id FROM done RETURNING 1",
        stage.hold
    )
}

#[test]
fn two_confirmations_make_one_booking() {
    for other in [confirm_for_another as Statement, confirm_by_hand] {
        race_two(
            |client| {
                let stage = held(client);
                let statements = [stage.confirm(), other(&stage)];
                (stage, statements)
            },
            &[ENDED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                assert_eq!(allocations(sql, stage), "1");
                assert_eq!(status(sql, stage), "CONFIRMED");
                assert_eq!(booked(sql, &stage.resource, DAYS[1]), 1);
            },
        );
    }
}

#[test]
fn a_confirmation_against_a_release() {
    for (confirm, release) in [
        (Stage::confirm as Statement, Stage::release as Statement),
        (Stage::confirm as Statement, Stage::release_by_hand),
        (confirm_by_hand as Statement, Stage::release),
    ] {
        race_two(
            |client| {
                let stage = held(client);
                let statements = [confirm(&stage), release(&stage)];
                (stage, statements)
            },
            &[ENDED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                let units = booked(sql, &stage.resource, DAYS[2]);
                match status(sql, stage).as_str() {
                    "CONFIRMED" => assert_eq!((units, allocations(sql, stage).as_str()), (1, "1")),
                    "RELEASED" => assert_eq!((units, allocations(sql, stage).as_str()), (0, "0")),
                    other => panic!("it can't be {other}"),
                }
            },
        );
    }
}

#[test]
fn two_releases_free_the_dates_once() {
    for (one, other) in [
        (Stage::release as Statement, Stage::release as Statement),
        (Stage::release as Statement, Stage::release_by_hand),
        (Stage::release_by_hand as Statement, Stage::release_by_hand),
    ] {
        race_two(
            |client| {
                let stage = held(client);
                let statements = [one(&stage), other(&stage)];
                (stage, statements)
            },
            &[ENDED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                assert_eq!(status(sql, stage), "RELEASED");
                assert_eq!(booked(sql, &stage.resource, DAYS[1]), 0);
            },
        );
    }
}

#[test]
fn two_holds_are_not_confirmed_for_one_line_item() {
    race_two(
        |client| {
            let mut stage = Stage::with_hold(client, 2, &[1, 2]);
            let first = stage.confirm();
            stage.hold = one(client, &stage.hold_first(&[2, 3], 1));
            let second = stage.confirm();
            (stage, [first, second])
        },
        &["line_item_booked"],
        |sql, stage, run| {
            assert_eq!(winners(run).len(), 1);
            let booked = format!(
                "SELECT count(*) FROM resource_allocation WHERE order_id = '{}'",
                stage.order
            );
            assert_eq!(sql.row(&booked), "1");
        },
    );
}

/// Its time runs out before the call, or after it, or while the call waits.
#[test]
fn a_confirmation_against_the_end_of_its_time() {
    race_two(
        |client| {
            let stage = held(client);
            let statements = [stage.confirm(), stage.run_out()];
            (stage, statements)
        },
        &[EXPIRED],
        |sql, stage, run| {
            let confirmed = succeeded(run, "a");
            assert!(confirmed || shall_retry(run, "a") || refusal(run, "a") == EXPIRED);
            let expected = if confirmed { "CONFIRMED" } else { "ACTIVE" };
            assert_eq!(status(sql, stage), expected);
            let state = format!("SELECT state FROM get_resource_hold('{}')", stage.hold);
            let expected = match (confirmed, succeeded(run, "b")) {
                (true, _) => "CONFIRMED",
                (false, true) => "EXPIRED",
                (false, false) => "ACTIVE",
            };
            assert_eq!(sql.row(&state), expected);
        },
    );
}

#[test]
fn an_extension_against_the_end_of_its_time() {
    race_two(
        |client| {
            let stage = held(client);
            let statements = [stage.extend(), stage.run_out()];
            (stage, statements)
        },
        &[EXPIRED],
        |sql, stage, run| {
            // Written by hand after the extension, the end is the later word.
            let ended = succeeded(run, "b");
            let state = format!("SELECT state FROM get_resource_hold('{}')", stage.hold);
            assert_eq!(sql.row(&state), if ended { "EXPIRED" } else { "ACTIVE" });
            assert!(ended || succeeded(run, "a"));
        },
    );
}

#[test]
fn an_extension_against_a_confirmation_and_a_release() {
    for (end, ended) in [
        (Stage::confirm as Statement, "CONFIRMED"),
        (Stage::release as Statement, "RELEASED"),
        (Stage::release_by_hand as Statement, "RELEASED"),
    ] {
        race_two(
            |client| {
                let stage = held(client);
                let statements = [stage.extend(), end(&stage)];
                (stage, statements)
            },
            &[ENDED],
            |sql, stage, run| {
                let expected = if succeeded(run, "b") { ended } else { "ACTIVE" };
                assert_eq!(status(sql, stage), expected);
            },
        );
    }
}

/// A sweep leaves a hold that somebody has locked to him.
#[test]
fn a_sweep_against_calls_on_a_hold_that_has_expired() {
    let calls: [(Statement, &[&str]); 5] = [
        (Stage::confirm, &[EXPIRED]),
        (Stage::release, &[EXPIRED]),
        (Stage::extend, &[EXPIRED]),
        (Stage::release_by_hand, &[]),
        (|stage| stage.hold_first(&[1, 2], 1), &[]),
    ];
    for (call, refusals) in calls {
        play_two(
            |client| {
                let stage = Stage::with_dead_hold(client, 1, &[1, 2]);
                let statements = ["SELECT expire_holds()".to_owned(), call(&stage)];
                (stage, statements)
            },
            refusals,
            |sql, stage, _| {
                let status = status(sql, stage);
                assert!(["ACTIVE", "EXPIRED", "RELEASED"].contains(&status.as_str()));
                assert_eq!(allocations(sql, stage), "0");
            },
        );
    }
}

/// Two claims need the unit of one hold whose time is up: both may end it, and one gets it.
#[test]
fn two_claims_that_end_the_same_dead_hold() {
    let claims: [Statement; 4] = [
        |stage| stage.hold_first(&[1], 1),
        |stage| stage.hold_first(&[2, 1], 1),
        |stage| stage.insert_hold(&[1]),
        |stage| stage.hold_both(&[(&stage.other, &[1]), (&stage.resource, &[1])]),
    ];
    for claim in claims {
        race_two(
            |client| {
                let stage = Stage::with_dead_hold(client, 1, &[0, 1, 2]);
                let statements = [stage.hold_first(&[1], 1), claim(&stage)];
                (stage, statements)
            },
            &[SHORT],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                assert_eq!(status(sql, stage), "EXPIRED");
                assert_eq!(booked(sql, &stage.resource, DAYS[1]), 1);
            },
        );
    }
}
