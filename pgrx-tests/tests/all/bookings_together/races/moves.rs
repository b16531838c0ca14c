//! Bookings that move, while others move, are cancelled or come.

use super::race::{booked, play_two, race_two, refusal, succeeded, winners, CANCELLED, SHORT};
use super::stage::{move_allocation, one, Stage, DAYS};
use postgres::Client;
use uuid::Uuid;

/// One booking on the second day, and one on the fourth, which is the stage's.
fn two_bookings(client: &mut Client, capacity: i32) -> (Stage, Uuid) {
    let first = Stage::with_allocation(client, capacity, &[1]);
    let mut stage = Stage {
        order: Uuid::new_v4(),
        ..first
    };
    stage.hold = one(client, &stage.hold_first(&[3], 1));
    let first = stage.allocation;
    stage.allocation = one(client, &stage.confirm());
    (stage, first)
}

/// Neither can have the other's day before it has gone.
#[test]
fn two_bookings_do_not_swap_where_there_is_one_unit() {
    play_two(
        |client| {
            let (stage, first) = two_bookings(client, 1);
            let statements = [
                move_allocation(&first.to_string(), &[3]),
                stage.move_to(&[1]),
            ];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            assert_eq!(winners(run), [""; 0]);
            assert_eq!(booked(sql, &stage.resource, DAYS[1]), 1);
            assert_eq!(booked(sql, &stage.resource, DAYS[3]), 1);
        },
    );
}

#[test]
fn two_bookings_swap_where_there_are_two_units() {
    race_two(
        |client| {
            let (stage, first) = two_bookings(client, 2);
            let statements = [
                move_allocation(&first.to_string(), &[3]),
                stage.move_to(&[1]),
            ];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            let (a, b) = (succeeded(run, "a"), succeeded(run, "b"));
            assert!(a || b);
            let units = |day| 1 + i32::from(day == 3 && a) - i32::from(day == 3 && b);
            assert_eq!(booked(sql, &stage.resource, DAYS[3]), units(3));
            assert_eq!(booked(sql, &stage.resource, DAYS[1]), 2 - units(3));
        },
    );
}

/// The second booking's day is free when it has gone, and not before.
#[test]
fn a_booking_that_moves_to_the_day_of_one_that_moves_away() {
    play_two(
        |client| {
            let (stage, first) = two_bookings(client, 1);
            let statements = [
                move_allocation(&first.to_string(), &[3, 2]),
                stage.move_to(&[4]),
            ];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            assert!(!succeeded(run, "a") || succeeded(run, "b"));
            let there = i32::from(succeeded(run, "a")) + i32::from(!succeeded(run, "b"));
            assert_eq!(booked(sql, &stage.resource, DAYS[3]), there);
        },
    );
}

#[test]
fn a_booking_is_moved_twice() {
    race_two(
        |client| {
            let stage = Stage::with_allocation(client, 1, &[1, 2]);
            let statements = [stage.move_to(&[2, 3]), stage.move_to(&[0])];
            (stage, statements)
        },
        &[],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            let units: Vec<i32> = DAYS
                .iter()
                .map(|day| booked(sql, &stage.resource, day))
                .collect();
            let places: [&[i32]; 2] = [&[0, 0, 1, 1, 0], &[1, 0, 0, 0, 0]];
            assert!(places.contains(&units.as_slice()), "{units:?}");
        },
    );
}

#[test]
fn a_move_against_the_end_of_the_booking() {
    for by_hand in [false, true] {
        race_two(
            |client| {
                let stage = Stage::with_allocation(client, 1, &[1, 2]);
                let end = match by_hand {
                    false => stage.cancel(),
                    true => format!(
                        "DELETE FROM resource_allocation WHERE id = '{}'",
                        stage.allocation
                    ),
                };
                let moving = stage.move_to(&[2, 3]);
                (stage, [moving, end])
            },
            &[CANCELLED],
            |sql, stage, run| {
                assert!(!winners(run).is_empty());
                let gone = succeeded(run, "b");
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(units, i32::from(!gone));
                let moved = booked(sql, &stage.resource, DAYS[3]);
                assert_eq!(moved, i32::from(!gone && succeeded(run, "a")));
            },
        );
    }
}

#[test]
fn two_cancellations_free_the_dates_once() {
    race_two(
        |client| {
            let stage = Stage::with_allocation(client, 1, &[1, 2]);
            let statements = [stage.cancel(), stage.cancel()];
            (stage, statements)
        },
        &[CANCELLED],
        |sql, stage, run| {
            assert_eq!(winners(run).len(), 1);
            assert_eq!(booked(sql, &stage.resource, DAYS[2]), 0);
        },
    );
}

#[test]
fn a_move_against_a_change_of_the_booking_by_hand() {
    race_two(
        |client| {
            let stage = Stage::with_allocation(client, 2, &[1, 2]);
            let by_hand = format!(
                "UPDATE resource_allocation SET quantity = 2, dates = '{{{}, {}}}' WHERE id = '{}'",
                DAYS[3], DAYS[2], stage.allocation
            );
            let moving = stage.move_to(&[2]);
            (stage, [moving, by_hand])
        },
        &[],
        |sql, stage, run| {
            assert!(!winners(run).is_empty());
            let row = sql.row(&format!(
                "SELECT quantity, cardinality(dates) FROM resource_allocation WHERE id = '{}'",
                stage.allocation
            ));
            assert!(["1|1", "2|1", "2|2"].contains(&row.as_str()), "{row}");
            assert_eq!(refusal(run, "a"), "");
        },
    );
}
