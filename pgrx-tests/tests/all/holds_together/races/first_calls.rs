//! Calls that race with one idempotency key: exactly one hold, whoever makes it.

use super::race::{answer, claimed, race_two_also_after_a_look, shall_retry, succeeded};
use super::stage::Stage;
use stockroom_tests::Run;

/// The holds that a session was told of, and whether they were replayed.
fn told(run: &Run, session: &str) -> Option<(Vec<String>, bool)> {
    let rows = &answer(run, session)?.rows;
    let mut holds: Vec<String> = rows.iter().map(|row| row[0].clone().unwrap()).collect();
    holds.sort();
    let replayed: Vec<bool> = rows
        .iter()
        .map(|row| row[1].as_deref() == Some("t"))
        .collect();
    assert!(replayed.iter().all(|own| *own == replayed[0]));
    Some((holds, replayed[0]))
}

/// Both were told of the same holds, which one of them made.
fn assert_one_made_them(run: &Run) {
    match (told(run, "a"), told(run, "b")) {
        (Some((a, a_replayed)), Some((b, b_replayed))) => {
            assert_eq!(a, b);
            assert!(a_replayed != b_replayed, "one of them made the holds");
        }
        (Some((_, replayed)), None) | (None, Some((_, replayed))) => {
            assert!(!replayed);
            assert!(shall_retry(run, "a") || shall_retry(run, "b"));
        }
        (None, None) => panic!("nobody was told anything"),
    }
}

#[test]
fn a_replay_against_the_first_call() {
    type Call = fn(&Stage) -> String;
    let calls: [(Call, i32); 3] = [
        (
            |stage| {
                format!(
                    "SELECT hold_id, replayed FROM hold_stock('{}', 4, idempotency_key => '{}')",
                    stage.second, stage.order
                )
            },
            0,
        ),
        (
            |stage| {
                let lines = stage.lines([(stage.second, 4), (stage.first, 2)]);
                let key = stage.order;
                format!(
                    "SELECT hold_id, replayed FROM hold_order({lines}, idempotency_key => '{key}')"
                )
            },
            2,
        ),
        (
            |stage| {
                let lines = stage.lines([(stage.second, 4), (stage.first, 2)]);
                let key = stage.order;
                format!(
                    "SELECT hold_id, replayed FROM hold_many({lines}, idempotency_key => '{key}')"
                )
            },
            2,
        ),
    ];
    for (call, of_first) in calls {
        race_two_also_after_a_look(
            |client| {
                let stage = Stage::open(client);
                let statements = [call(&stage), call(&stage)];
                (stage, statements)
            },
            &[],
            |sql, stage, run| {
                assert_one_made_them(run);
                assert_eq!(claimed(sql, stage.second), (4, 0));
                assert_eq!(claimed(sql, stage.first), (of_first, 0));
            },
        );
    }
}

/// With one of its lines' key only.
#[test]
fn two_calls_for_many_that_share_the_key_of_a_line() {
    race_two_also_after_a_look(
        |client| {
            let stage = Stage::open(client);
            let call = |other: i32| {
                let (first, second, key) = (stage.first, stage.second, stage.order);
                format!(
                    r#"SELECT quantity FROM hold_many('[{{"listing_id": "{second}", "quantity": 2, "idempotency_key": "{key}"}},
                                                       {{"listing_id": "{first}", "quantity": {other}}}]')"#
                )
            };
            let statements = [call(1), call(3)];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let [a, b] = ["a", "b"].map(|session| i32::from(succeeded(run, session)));
            assert_eq!(claimed(sql, stage.second), (2, 0), "held once");
            assert_eq!(
                claimed(sql, stage.first),
                (a + 3 * b, 0),
                "the others twice"
            );
        },
    );
}

/// The key's hold is confirmed or released meanwhile: the replay says what it is.
#[test]
fn a_replay_against_the_end_of_the_hold() {
    for release in [true, false] {
        super::race::play_two(
            |client| {
                let replay = |stage: &Stage| {
                    format!(
                        "SELECT hold_id, replayed, state FROM hold_stock('{}', 4, idempotency_key => '{}')",
                        stage.second, stage.second
                    )
                };
                let stage = Stage::with_hold(client, replay);
                let end = if release {
                    stage.release()
                } else {
                    stage.confirm(stage.order)
                };
                let statements = [replay(&stage), end];
                (stage, statements)
            },
            &[],
            |_, stage, run| {
                let rows = &answer(run, "a").unwrap().rows;
                assert_eq!(rows[0][0], Some(stage.hold.to_string()));
                assert_eq!(rows[0][1].as_deref(), Some("t"));
                let end = if release { "released" } else { "confirmed" };
                assert!(["active", end].contains(&rows[0][2].as_deref().unwrap()));
            },
        );
    }
}
