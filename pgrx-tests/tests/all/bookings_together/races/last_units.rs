//! Who gets the last unit of a date.

use super::race::{booked, play_two, race_three, race_two, winners, SHORT};
use super::stage::{one, Stage, DAYS};

type Statement = fn(&Stage) -> String;

/// A booking of another day that is moved onto this one.
fn move_here(stage: &Stage) -> String {
    stage.move_to(&[2])
}

#[test]
fn two_claims_of_the_last_unit() {
    let by_function: Statement = |stage| stage.hold_first(&[2], 1);
    let of_many_days: Statement = |stage| stage.hold_first(&[3, 2], 1);
    let of_a_package: Statement =
        |stage| stage.hold_both(&[(&stage.other, &[2]), (&stage.resource, &[2])]);
    let hold_by_hand: Statement = |stage| stage.insert_hold(&[2]);
    let booking_by_hand: Statement = |stage| stage.insert_allocation(&[2, 1]);
    for (first, second) in [
        (by_function, by_function),
        (by_function, of_many_days),
        (by_function, of_a_package),
        (by_function, hold_by_hand),
        (by_function, booking_by_hand),
        (by_function, move_here as Statement),
        (of_many_days, move_here as Statement),
        (hold_by_hand, hold_by_hand),
        (hold_by_hand, booking_by_hand),
        (booking_by_hand, move_here as Statement),
    ] {
        race_two(
            |client| {
                let stage = Stage::with_allocation(client, 1, &[0]);
                let statements = [first(&stage), second(&stage)];
                (stage, statements)
            },
            &[SHORT],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1);
                assert_eq!(booked(sql, &stage.resource, DAYS[2]), 1);
            },
        );
    }
}

#[test]
fn three_claims_of_two_units() {
    race_three(
        |client| {
            let stage = Stage::open(client, 2);
            let claims = [
                stage.hold_first(&[2, 1], 1),
                stage.hold_first(&[3, 2], 1),
                stage.insert_hold(&[2]),
            ];
            (stage, claims)
        },
        &[SHORT],
        |sql, stage, run| {
            let won = winners(run).len();
            assert!(won == 2 || won == 1, "{won}");
            assert_eq!(booked(sql, &stage.resource, DAYS[2]), won as i32);
            let retried = ["a", "b", "c"]
                .iter()
                .any(|name| super::race::shall_retry(run, name));
            assert!(
                won == 2 || retried,
                "two units, and nobody was told to try again"
            );
        },
    );
}

/// The days are claimed in opposite order, and neither waits for the other for ever.
#[test]
fn two_holds_of_many_days_in_opposite_order() {
    for (capacity, refusals) in [(1, &[SHORT] as &[&str]), (2, &[])] {
        race_two(
            |client| {
                let stage = Stage::open(client, capacity);
                let statements = [
                    stage.hold_first(&[0, 1, 2, 3], 1),
                    stage.hold_first(&[4, 3, 2, 1], 1),
                ];
                (stage, statements)
            },
            refusals,
            |sql, stage, run| {
                let won = winners(run).len() as i32;
                assert!(won >= 1 && won <= capacity);
                for (day, all) in [(0, false), (1, true), (2, true), (3, true), (4, false)] {
                    let units = booked(sql, &stage.resource, DAYS[day]);
                    assert!(if all { units == won } else { units <= 1 });
                }
            },
        );
    }
}

/// A unit comes back while another wants it.
#[test]
fn a_claim_against_the_end_of_what_is_in_its_way() {
    let ends: [Statement; 4] = [
        Stage::release,
        Stage::release_by_hand,
        Stage::cancel,
        |stage| stage.move_to(&[4]),
    ];
    for (place, end) in ends.into_iter().enumerate() {
        play_two(
            |client| {
                // Where a hold ends, it is the hold that has the day; else it is the booking.
                let (held, taken) = if place < 2 {
                    (&[2, 3], &[0])
                } else {
                    (&[0, 1], &[2])
                };
                let mut stage = Stage::with_allocation(client, 1, taken);
                stage.hold = one(client, &stage.hold_first(held, 1));
                let statements = [end(&stage), stage.hold_first(&[2], 1)];
                (stage, statements)
            },
            &[SHORT],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                let units = booked(sql, &stage.resource, DAYS[2]);
                let claimed = winners(run).contains(&"b");
                assert_eq!(units, i32::from(claimed || !winners(run).contains(&"a")));
            },
        );
    }
}
