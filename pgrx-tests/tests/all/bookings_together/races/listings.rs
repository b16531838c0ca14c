//! A listing's stock behind resources: what is sold is not booked, what is booked is not sold.

use super::race::{
    booked, pairs, play_two, race_three, race_two, shall_retry, succeeded, winners, NO_STOCK,
    OVERSOLD, SHORT,
};
use super::stage::{one, Stage, DAYS};
use crate::second_door::shop::Sql;

pub type Statement = fn(&Stage) -> String;

/// Units that are sold, or held to be.
fn sold(sql: &mut Sql, stage: &Stage) -> i32 {
    let listing = stage.listing;
    let units = sql.row(&format!(
        "SELECT coalesce(sum(quantity), 0)
           FROM (SELECT quantity FROM stock_allocations WHERE listing_id = '{listing}' AND status = 'active'
                 UNION ALL SELECT quantity FROM stock_holds WHERE listing_id = '{listing}' AND status = 'active') AS claim"
    ));
    units.parse().unwrap()
}

pub fn sales() -> [Statement; 7] {
    [
        |stage| {
            let (listing, order) = (stage.listing, stage.order);
            format!("SELECT quantity FROM allocate_stock('{listing}', '{order}', 1)")
        },
        |stage| format!("SELECT hold_id FROM hold_stock('{}', 1)", stage.listing),
        |stage| {
            let (listing, order) = (stage.listing, stage.order);
            format!(
                r#"SELECT quantity FROM allocate_order('{order}', '[{{"listing_id": "{listing}", "quantity": 1}}]')"#
            )
        },
        |stage| {
            let (listing, order) = (stage.listing, stage.order);
            format!(
                "INSERT INTO stock_allocations (lot_id, order_id, quantity)
                 SELECT lot_id, '{order}', 1 FROM stock_lots WHERE listing_id = '{listing}'"
            )
        },
        |stage| {
            let listing = stage.listing;
            format!("INSERT INTO stock_holds (listing_id, quantity) VALUES ('{listing}', 1)")
        },
        |stage| {
            let listing = stage.listing;
            format!("SELECT borrow_stock('{listing}', 'ann', 1)")
        },
        |stage| {
            let listing = stage.listing;
            format!("UPDATE stock_lots SET quantity_total = 0 WHERE listing_id = '{listing}'")
        },
    ]
}

pub fn bookings() -> [Statement; 6] {
    [
        |stage| stage.hold_first(&[2], 1),
        |stage| stage.hold_first(&[4, 2], 1),
        |stage| stage.insert_hold(&[2]),
        |stage| stage.insert_allocation(&[2]),
        |stage| stage.hold_both(&[(&stage.other, &[4]), (&stage.resource, &[2])]),
        |stage| stage.set_capacity_then_hold(),
    ]
}

impl Stage {
    /// Two calls of one transaction.
    fn set_capacity_then_hold(&self) -> String {
        let hold = self.hold_first(&[2], 1);
        format!("{}; {hold}", self.set_capacity(2, 2, 2))
    }
}

#[test]
fn the_last_unit_is_sold_or_booked() {
    let sales: Vec<(usize, Statement)> = sales().into_iter().enumerate().collect();
    for ((place, sale), booking) in pairs(&sales, &bookings()) {
        race_two(
            |client| {
                let stage = Stage::backed(client, 1);
                let statements = [sale(&stage), booking(&stage)];
                (stage, statements)
            },
            &[SHORT, NO_STOCK, OVERSOLD],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1, "one of them");
                let booked = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(booked, i32::from(succeeded(run, "b")));
                let is_claim = place < 6;
                assert_eq!(sold(sql, stage), i32::from(is_claim && succeeded(run, "a")));
            },
        );
    }
}

#[test]
fn one_unit_is_not_booked_as_two_resources_on_one_day() {
    let others: [Statement; 3] = [
        |stage| stage.hold_other(&[2], 1),
        |stage| stage.hold_other(&[3, 2], 1),
        |stage| {
            format!(
                "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('{}', '{{{}}}', 1)",
                stage.other, DAYS[2]
            )
        },
    ];
    for other in others {
        race_two(
            |client| {
                let stage = Stage::backed(client, 1);
                let statements = [stage.hold_first(&[2, 1], 1), other(&stage)];
                (stage, statements)
            },
            &[SHORT, OVERSOLD],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1, "one of them");
                let day = DAYS[2];
                let units = booked(sql, &stage.resource, day) + booked(sql, &stage.other, day);
                assert_eq!(units, 1);
            },
        );
    }
}

/// On other days the same unit may be booked again.
#[test]
fn one_unit_is_booked_as_two_resources_on_two_days() {
    race_two(
        |client| {
            let stage = Stage::backed(client, 1);
            let statements = [stage.hold_first(&[2], 1), stage.hold_other(&[3], 1)];
            (stage, statements)
        },
        &[],
        |_, _, run| {
            let retried = shall_retry(run, "a") || shall_retry(run, "b");
            assert_eq!(winners(run).len(), if retried { 1 } else { 2 });
        },
    );
}

#[test]
fn two_units_are_sold_and_booked_as_two_resources() {
    race_three(
        |client| {
            let stage = Stage::backed(client, 2);
            let statements = [
                sales()[0](&stage),
                stage.hold_first(&[2], 1),
                stage.hold_other(&[2, 1], 1),
            ];
            (stage, statements)
        },
        &[SHORT, NO_STOCK],
        |sql, stage, run| {
            let won = winners(run).len();
            let retried = ["a", "b", "c"].iter().any(|name| shall_retry(run, name));
            assert!(won == 2 || (won == 1 && retried), "{won} of two units");
            let day = DAYS[2];
            let units = booked(sql, &stage.resource, day) + booked(sql, &stage.other, day);
            assert_eq!(units + sold(sql, stage), won as i32);
        },
    );
}

/// What is given back, on one side, can be had on the other.
#[test]
fn the_end_of_a_booking_against_a_sale() {
    let ends: [Statement; 4] = [
        Stage::release,
        Stage::release_by_hand,
        Stage::run_out,
        |_| "SELECT expire_holds()".to_owned(),
    ];
    for (place, end) in ends.into_iter().enumerate() {
        for sale in &sales()[..2] {
            play_two(
                |client| {
                    let mut stage = Stage::backed(client, 1);
                    stage.hold = one(client, &stage.hold_first(&[2], 1));
                    if place == 3 {
                        client.batch_execute(&stage.run_out()).unwrap();
                    }
                    let statements = [end(&stage), sale(&stage)];
                    (stage, statements)
                },
                &[NO_STOCK],
                |sql, stage, run| {
                    assert!(!winners(run).is_empty());
                    assert_eq!(sold(sql, stage), i32::from(succeeded(run, "b")));
                },
            );
        }
    }
}

#[test]
fn a_move_against_a_sale_of_its_units() {
    for sale in &sales()[..2] {
        play_two(
            |client| {
                let mut stage = Stage::backed(client, 2);
                stage.hold = one(client, &stage.hold_first(&[2], 1));
                stage.allocation = one(client, &stage.confirm());
                // Of two units it takes both.
                let day = DAYS[3];
                let moving = format!(
                    "SELECT state FROM move_resource_allocation('{}', '{{{day}}}', 2)",
                    stage.allocation
                );
                let sale = sale(&stage);
                (stage, [moving, sale])
            },
            &[NO_STOCK, SHORT],
            |_, _, run| assert_eq!(winners(run).len(), 1),
        );
    }
}
