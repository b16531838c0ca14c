//! Calls that race with one token or key: it is done once, whoever does it.

use super::race::{answer, booked, race_two, shall_retry, winners, SHORT};
use super::stage::{dates, Stage, DAYS};
use stockroom_tests::Run;

type Statement = fn(&Stage) -> String;

/// The keys that a session was told of, and whether they were replayed.
fn told(run: &Run, session: &str) -> Option<(Vec<String>, bool)> {
    let rows = &answer(run, session)?.rows;
    let mut keys: Vec<String> = rows.iter().map(|row| row[0].clone().unwrap()).collect();
    keys.sort();
    let replayed = rows[0][1].as_deref() == Some("t");
    assert!(rows
        .iter()
        .all(|row| (row[1].as_deref() == Some("t")) == replayed));
    Some((keys, replayed))
}

/// Both were told of the same, which one of them made.
fn assert_one_made_them(run: &Run) {
    match (told(run, "a"), told(run, "b")) {
        (Some((a, a_replayed)), Some((b, b_replayed))) => {
            assert_eq!(a, b);
            assert!(a_replayed != b_replayed, "one of them made it");
        }
        (Some((_, replayed)), None) | (None, Some((_, replayed))) => {
            assert!(!replayed);
            assert!(shall_retry(run, "a") || shall_retry(run, "b"));
        }
        (None, None) => panic!("nobody was told anything"),
    }
}

/// There is one unit: the second call must find the first one's hold before it finds that nothing is left.
fn hold_with_token(stage: &Stage, days: &[usize]) -> String {
    let (resource, dates, token) = (&stage.resource, dates(days), stage.order);
    format!(
        "SELECT hold_id, replayed FROM hold_resource('{resource}', {dates}, 1, idempotency_token => '{token}')"
    )
}

#[test]
fn two_first_calls_with_one_token() {
    let calls: [Statement; 4] = [
        |stage| hold_with_token(stage, &[2]),
        |stage| hold_with_token(stage, &[3, 2]),
        |stage| {
            let (resource, token) = (&stage.resource, stage.order);
            format!(
                "SELECT hold_id, replayed FROM hold_resource_range('{resource}', daterange('{}', '{}'), 1,
                                                                   idempotency_token => '{token}')",
                DAYS[1], DAYS[4]
            )
        },
        |stage| {
            let Stage {
                resource,
                other,
                order,
                ..
            } = stage;
            let day = DAYS[2];
            format!(
                r#"SELECT hold_id, replayed FROM hold_package('[{{"resource_id": "{other}"}}, {{"resource_id": "{resource}"}}]',
                                                              '{{{day}}}', idempotency_token => '{order}')"#
            )
        },
    ];
    for capacity in [1, 2] {
        for call in calls {
            race_two(
                |client| {
                    let stage = Stage::open(client, capacity);
                    let statements = [call(&stage), call(&stage)];
                    (stage, statements)
                },
                &[],
                |sql, stage, run| {
                    assert_one_made_them(run);
                    assert_eq!(booked(sql, &stage.resource, DAYS[2]), 1);
                },
            );
        }
    }
}

/// The same where the unit is still counted in a hold that has expired.
#[test]
fn two_first_calls_that_need_what_has_expired() {
    race_two(
        |client| {
            let stage = Stage::with_dead_hold(client, 1, &[1, 2]);
            let call = hold_with_token(&stage, &[2]);
            (stage, [call.clone(), call])
        },
        &[],
        |sql, stage, run| {
            assert_one_made_them(run);
            assert_eq!(booked(sql, &stage.resource, DAYS[2]), 1);
        },
    );
}

/// With one token and other dates, one of them is told that it is not the same.
#[test]
fn two_calls_with_one_token_for_different_dates() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let statements = [hold_with_token(&stage, &[2]), hold_with_token(&stage, &[3])];
            (stage, statements)
        },
        &["idempotency_mismatch"],
        |sql, stage, run| {
            assert_eq!(winners(run).len(), 1);
            let units =
                booked(sql, &stage.resource, DAYS[2]) + booked(sql, &stage.resource, DAYS[3]);
            assert_eq!(units, 1);
        },
    );
}

/// A first call is refused for want of capacity, or replayed: never both.
#[test]
fn a_call_with_a_token_against_a_claim_of_the_same_unit() {
    race_two(
        |client| {
            let stage = Stage::open(client, 1);
            let statements = [hold_with_token(&stage, &[2]), stage.hold_first(&[2], 1)];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            assert_eq!(winners(run).len(), 1);
            assert_eq!(booked(sql, &stage.resource, DAYS[2]), 1);
            // The token of a call that was refused is free.
            let again = hold_with_token(stage, &[4]);
            let replayed = sql.0.query(&again, &[]);
            assert_eq!(replayed.is_ok(), !winners(run).contains(&"a"));
        },
    );
}

/// The second is answered as the first was: not that the hold has been confirmed, or that it lies there already.
#[test]
fn two_calls_with_one_key_on_what_is_there() {
    let calls: [Statement; 2] = [
        |stage| {
            let (hold, order) = (stage.hold, stage.order);
            format!("SELECT confirm_resource_hold('{hold}', '{order}', 'line', idempotency_key => 'c {order}')")
        },
        |stage| {
            let (allocation, dates, order) = (stage.allocation, dates(&[3]), stage.order);
            format!("SELECT allocation_id FROM move_resource_allocation('{allocation}', {dates}, idempotency_key => 'm {order}')")
        },
    ];
    for (place, call) in calls.into_iter().enumerate() {
        race_two(
            |client| {
                let stage = match place {
                    0 => Stage::with_hold(client, 1, &[2]),
                    _ => Stage::with_allocation(client, 1, &[2]),
                };
                let statements = [call(&stage), call(&stage)];
                (stage, statements)
            },
            &[],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                let keys: Vec<&str> = winners(run)
                    .into_iter()
                    .filter_map(|name| answer(run, name))
                    .map(|rows| rows.value())
                    .collect();
                assert!(keys.windows(2).all(|two| two[0] == two[1]), "{keys:?}");
                let units =
                    booked(sql, &stage.resource, DAYS[2]) + booked(sql, &stage.resource, DAYS[3]);
                assert_eq!(units, 1);
            },
        );
    }
}
