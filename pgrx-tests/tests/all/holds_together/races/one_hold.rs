//! Two calls on one hold: it ends once, and both callers are told the same end.

use super::race::{
    allocated_from, claimed, hold, play_two, race_two, refusal, shall_retry, succeeded, units,
    ENDED, EXPIRED, SHORT,
};
use super::stage::Stage;
use postgres::Client;
use stockroom_tests::Run;

/// Three of ten units are held, at no location.
fn three_held(client: &mut Client) -> Stage {
    Stage::with_hold(client, |stage| stage.hold_first(3))
}

#[test]
fn two_confirmations() {
    race_two(
        |client| {
            let stage = three_held(client);
            let statements = [stage.confirm(stage.order), stage.confirm(stage.other_order)];
            (stage, statements)
        },
        &[ENDED],
        |sql, stage, run| {
            assert_eq!(units(run, "a") + units(run, "b"), 3, "one of them");
            assert_eq!(hold(sql, stage.hold), "confirmed 3");
            assert_eq!(claimed(sql, stage.first), (0, 3));
        },
    );
}

#[test]
fn two_confirmations_of_parts_that_keep_the_rest() {
    race_two(
        |client| {
            let stage = three_held(client);
            let statements = [stage.confirm_part(1, "keep"), stage.confirm_part(2, "keep")];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let confirmed = units(run, "a") + units(run, "b");
            assert_eq!(allocated_from(sql, stage.hold), confirmed);
            assert_eq!(claimed(sql, stage.first), (3 - confirmed, confirmed));
            let expected = match confirmed {
                3 => format!(
                    "confirmed {}",
                    if hold_ended_with(run, "a") { 1 } else { 2 }
                ),
                _ => format!("active {}", 3 - confirmed),
            };
            assert_eq!(hold(sql, stage.hold), expected);
        },
    );
}

/// Whether this session committed last.
fn hold_ended_with(run: &Run, session: &str) -> bool {
    run.steps.last().is_some_and(|step| step.session == session)
}

#[test]
fn a_confirmation_against_a_release() {
    for part in [None, Some("release"), Some("keep")] {
        race_two(
            |client| {
                let stage = three_held(client);
                let confirm = match part {
                    None => stage.confirm(stage.order),
                    Some(remainder) => stage.confirm_part(1, remainder),
                };
                let release = stage.release();
                (stage, [confirm, release])
            },
            &[ENDED],
            |sql, stage, run| {
                let (confirmed, released) = (units(run, "a"), units(run, "b"));
                assert_eq!(allocated_from(sql, stage.hold), confirmed);
                assert!(confirmed == 0 || released == 0 || part == Some("keep"));
                let kept = if part == Some("keep") {
                    3 - confirmed
                } else {
                    3
                };
                let expected = match (confirmed, released) {
                    (0, 0) => unreachable!("one of them comes first"),
                    (_, 1..) => format!("released {kept}"),
                    (_, 0) if part == Some("keep") => "active 2".to_owned(),
                    (units, _) => format!("confirmed {units}"),
                };
                assert_eq!(hold(sql, stage.hold), expected);
                let held = if expected.starts_with("active") {
                    kept
                } else {
                    0
                };
                assert_eq!(claimed(sql, stage.first), (held, confirmed));
            },
        );
    }
}

#[test]
fn two_releases() {
    race_two(
        |client| {
            let stage = three_held(client);
            let statements = [stage.release(), stage.release()];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            assert_eq!(units(run, "a") + units(run, "b"), 3, "freed once");
            assert_eq!(hold(sql, stage.hold), "released 3");
            assert_eq!(claimed(sql, stage.first), (0, 0));
        },
    );
}

#[test]
fn a_confirmation_against_a_release_by_hand() {
    race_two(
        |client| {
            let stage = three_held(client);
            let by_hand = format!(
                "UPDATE stock_holds SET status = 'released' WHERE hold_id = '{}' AND status = 'active' RETURNING 1",
                stage.hold
            );
            let confirm = stage.confirm(stage.order);
            (stage, [confirm, by_hand])
        },
        &[ENDED],
        |sql, stage, run| {
            let (confirmed, released) = (units(run, "a"), units(run, "b"));
            assert!((confirmed == 3) != (released == 1));
            let expected = if confirmed == 3 {
                "confirmed 3"
            } else {
                "released 3"
            };
            assert_eq!(hold(sql, stage.hold), expected);
            assert_eq!(claimed(sql, stage.first), (0, confirmed));
        },
    );
}

/// Its time runs out before the call, or after it, or while the call waits.
#[test]
fn a_confirmation_against_the_end_of_its_time() {
    race_two(
        |client| {
            let stage = three_held(client);
            let statements = [stage.confirm(stage.order), stage.run_out()];
            (stage, statements)
        },
        &[EXPIRED],
        |sql, stage, run| {
            let confirmed = succeeded(run, "a");
            assert!(confirmed || shall_retry(run, "a") || refusal(run, "a") == EXPIRED);
            let status = if confirmed { "confirmed 3" } else { "active 3" };
            assert_eq!(hold(sql, stage.hold), status);
            let state = format!("SELECT state FROM get_hold('{}')", stage.hold);
            let expected = match (confirmed, succeeded(run, "b")) {
                (true, _) => "confirmed",
                (false, true) => "expired",
                (false, false) => "active",
            };
            assert_eq!(sql.row(&state), expected);
        },
    );
}

#[test]
fn an_extension_against_the_end_of_its_time() {
    race_two(
        |client| {
            let stage = three_held(client);
            let statements = [stage.extend(), stage.run_out()];
            (stage, statements)
        },
        &[EXPIRED],
        |sql, stage, run| {
            // Written by hand after the extension, the end is the later word.
            let ended = succeeded(run, "b");
            let state = sql.row(&format!("SELECT state FROM get_hold('{}')", stage.hold));
            assert_eq!(state, if ended { "expired" } else { "active" });
            assert!(ended || succeeded(run, "a"));
        },
    );
}

#[test]
fn an_extension_against_a_confirmation_and_a_release() {
    for by_release in [true, false] {
        race_two(
            |client| {
                let stage = three_held(client);
                let end = if by_release {
                    stage.release()
                } else {
                    stage.confirm(stage.order)
                };
                let extend = stage.extend();
                (stage, [extend, end])
            },
            &[ENDED],
            |sql, stage, run| {
                let status = match (succeeded(run, "b"), by_release) {
                    (false, _) => "active 3",
                    (true, true) => "released 3",
                    (true, false) => "confirmed 3",
                };
                assert_eq!(hold(sql, stage.hold), status);
            },
        );
    }
}

/// A sweep leaves a hold that somebody has locked to him.
#[test]
fn a_sweep_against_calls_on_a_hold_that_has_expired() {
    type Call = fn(&Stage) -> String;
    let calls: [(Call, &[&str]); 4] = [
        (|stage| stage.confirm(stage.order), &[EXPIRED]),
        (|stage| stage.release(), &[]),
        (|stage| stage.extend(), &[EXPIRED]),
        (|stage| stage.hold_first(9), &[SHORT]),
    ];
    for (call, refusals) in calls {
        play_two(
            |client| {
                let stage = three_held(client);
                client.batch_execute(&stage.run_out()).unwrap();
                let statements = ["SELECT expire_holds()".to_owned(), call(&stage)];
                (stage, statements)
            },
            refusals,
            |sql, stage, run| {
                assert!(["active 3", "expired 3"].contains(&hold(sql, stage.hold).as_str()));
                assert_eq!(allocated_from(sql, stage.hold), 0);
                // The units are free for whoever asks, swept or not.
                if succeeded(run, "a") && succeeded(run, "b") {
                    let available = format!("SELECT get_available_stock('{}')", stage.first);
                    assert!(["10", "1"].contains(&sql.row(&available).as_str()));
                }
            },
        );
    }
}
