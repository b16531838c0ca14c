//! The moving average: what stock is worth when each receipt comes in at its own cost, and whatever leaves
//! takes the average of all that is there with it.
//!
//! Sums are whole numbers, so that no order of additions changes them. Only where units leave is something
//! rounded: half a ten-thousand-millionth up.

use crate::movement::MovementType;
use std::collections::HashMap;
use uuid::Uuid;

/// Decimal places of a cost, as the tables have it.
pub const COST_PLACES: u32 = 4;
/// Decimal places of a value on the way.
pub const VALUE_PLACES: u32 = 10;

const OF_COST: i128 = 10i128.pow(VALUE_PLACES - COST_PLACES);

/// A line of the ledger, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// The lot.
    pub lot_id: Uuid,
    /// What happened to it.
    pub movement: MovementType,
    /// Units that came or left.
    pub delta: i32,
    /// Units in the lot before.
    pub lot_before: i32,
    /// Cost of a unit of the lot, in ten-thousandths; None where it is not known.
    pub unit_cost: Option<i64>,
    /// Transaction and time: equal for the lines that one statement has written.
    pub statement: (u64, i64),
}

/// Units and what they are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Pool {
    units: i64,
    value: i128,
}

impl Pool {
    fn put(&mut self, units: i64, value: i128) {
        self.units += units;
        self.value += value;
    }

    /// Takes units out, at the average of all; answers what they are worth.
    fn take(&mut self, units: i64) -> i128 {
        let value = match units < self.units {
            true => share(self.value, units, self.units),
            false => self.value,
        };
        self.units = (self.units - units).max(0);
        self.value -= value;
        value
    }
}

/// So many units' part of a value of more units, rounded. In two steps: the product may be too large.
fn share(value: i128, units: i64, of: i64) -> i128 {
    let (units, of) = (i128::from(units), i128::from(of));
    let (each, rest) = (value / of, value % of);
    each * units + (rest * units + of / 2) / of
}

/// Stock of a listing and its value, line by line.
#[derive(Debug, Clone, Default)]
pub struct Average {
    /// For lots of unknown cost.
    usual_cost: Option<i64>,
    costed: Pool,
    /// Units of lots of unknown cost.
    uncosted: HashMap<Uuid, i64>,
    /// What has gone to another lot within the statement, and comes back at the same value.
    in_transit: Pool,
    statement: (u64, i64),
}

impl Average {
    /// Nothing in stock. Where a lot has no cost of its own, it has this one.
    pub fn new(usual_cost: Option<i64>) -> Average {
        Average {
            usual_cost,
            ..Average::default()
        }
    }

    /// Goes on from units that are worth this already.
    pub fn carry_over(&mut self, units: i64, value: i128) {
        self.costed.put(units, value);
    }

    /// Goes on from units of a lot of unknown cost.
    pub fn carry_over_uncosted(&mut self, lot_id: Uuid, units: i64) {
        match self.usual_cost {
            Some(cost) => self.costed.put(units, worth(units, cost)),
            None => *self.uncosted.entry(lot_id).or_default() += units,
        }
    }

    /// What a line does to it; in the order of their versions.
    pub fn add(&mut self, line: &Line) {
        if self.statement != line.statement {
            self.statement = line.statement;
            self.in_transit = Pool::default();
        }
        let units = i64::from(line.delta);
        let Some(cost) = line.unit_cost.or(self.usual_cost) else {
            self.add_uncosted(line.lot_id, i64::from(line.lot_before), units);
            return;
        };
        // The lot has been given a cost.
        if let Some(units) = self.uncosted.remove(&line.lot_id) {
            self.costed.put(units, worth(units, cost));
        }
        if units < 0 {
            let value = self.costed.take(-units);
            if line.movement == MovementType::TransferOut {
                self.in_transit.put(-units, value);
            }
            return;
        }
        let back = match line.movement {
            MovementType::TransferIn => units.min(self.in_transit.units),
            _ => 0,
        };
        let value = self.in_transit.take(back) + worth(units - back, cost);
        self.costed.put(units, value);
    }

    fn add_uncosted(&mut self, lot_id: Uuid, before: i64, units: i64) {
        let lot = self.uncosted.entry(lot_id).or_insert_with(|| {
            // Its cost has been taken away.
            self.costed.take(before);
            before
        });
        *lot += units;
        if *lot == 0 {
            self.uncosted.remove(&lot_id);
        }
    }

    /// Value of the units whose cost is known, with [`VALUE_PLACES`] decimal places.
    pub fn value(&self) -> i128 {
        self.costed.value
    }

    /// Units whose cost is not known.
    pub fn uncosted(&self) -> i64 {
        self.uncosted.values().sum()
    }
}

fn worth(units: i64, cost: i64) -> i128 {
    i128::from(units) * i128::from(cost) * OF_COST
}

/// A value as a decimal number with as many places as a cost.
pub fn as_money(value: i128) -> String {
    decimal((value + OF_COST / 2).div_euclid(OF_COST), COST_PLACES)
}

/// A value as a decimal number with all its places.
pub fn in_full(value: i128) -> String {
    decimal(value, VALUE_PLACES)
}

/// A value from its decimal number, as [`in_full`] writes it.
pub fn from_full(text: &str) -> Option<i128> {
    let (whole, places) = text.split_once('.')?;
    if places.len() != VALUE_PLACES as usize {
        return None;
    }
    format!("{whole}{places}").parse().ok()
}

fn decimal(value: i128, places: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let one = 10u128.pow(places);
    let value = value.unsigned_abs();
    let width = places as usize;
    format!("{sign}{}.{:0width$}", value / one, value % one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    /// Lines of statements of their own, each a lot, a type, its units before and after and a cost.
    fn replay(average: &mut Average, lines: &[(Uuid, MovementType, i32, i32, Option<i64>)]) {
        for (number, (lot_id, movement, before, after, unit_cost)) in lines.iter().enumerate() {
            average.add(&line(
                *lot_id, *movement, *before, *after, *unit_cost, number,
            ));
        }
    }

    fn line(
        lot_id: Uuid,
        movement: MovementType,
        before: i32,
        after: i32,
        unit_cost: Option<i64>,
        statement: usize,
    ) -> Line {
        Line {
            lot_id,
            movement,
            delta: after - before,
            lot_before: before,
            unit_cost,
            statement: (statement as u64, 0),
        }
    }

    use MovementType::{Adjust, Condition, Fulfill, Receive, TransferIn, TransferOut};

    #[test]
    fn receipts_come_at_their_cost_and_departures_take_the_average() {
        let mut average = Average::new(None);
        // 10 at 1.00 and 10 at 2.00, 5 leave at 1.50, 5 come at 3.00.
        replay(
            &mut average,
            &[
                (A, Receive, 0, 10, Some(10_000)),
                (B, Receive, 0, 10, Some(20_000)),
                (A, Fulfill, 10, 5, Some(10_000)),
                (A, Receive, 5, 10, Some(30_000)),
            ],
        );
        assert_eq!(as_money(average.value()), "37.5000");
        assert_eq!(average.uncosted(), 0);
    }

    #[test]
    fn transfers_within_a_statement_change_nothing() {
        let mut average = Average::new(None);
        average.add(&line(A, Receive, 0, 3, Some(10_000), 1));
        average.add(&line(B, Receive, 0, 4, Some(20_001), 2));
        let before = average.value();
        average.add(&line(A, TransferOut, 3, 1, Some(10_000), 3));
        average.add(&line(B, TransferIn, 4, 6, Some(20_001), 3));
        assert_eq!(average.value(), before);
        // From another listing: at its own cost.
        average.add(&line(B, TransferIn, 6, 7, Some(90_000), 4));
        assert_eq!(average.value(), before + 9 * 10i128.pow(VALUE_PLACES));
    }

    #[test]
    fn what_has_no_cost_is_counted_until_it_gets_one() {
        let mut average = Average::new(None);
        replay(
            &mut average,
            &[
                (A, Receive, 0, 10, None),
                (B, Receive, 0, 10, Some(20_000)),
                (A, Fulfill, 10, 6, None),
            ],
        );
        assert_eq!(
            (as_money(average.value()), average.uncosted()),
            ("20.0000".into(), 6)
        );
        average.add(&line(A, Condition, 6, 6, Some(10_000), 9));
        assert_eq!(
            (as_money(average.value()), average.uncosted()),
            ("26.0000".into(), 0)
        );
        average.add(&line(B, Condition, 10, 10, None, 10));
        // 6 of 16 units stay, at 26 / 16 each.
        assert_eq!(
            (as_money(average.value()), average.uncosted()),
            ("9.7500".into(), 10)
        );
        let mut average = Average::new(Some(5_000));
        average.carry_over_uncosted(B, 3);
        replay(&mut average, &[(A, Receive, 0, 10, None)]);
        assert_eq!(
            (as_money(average.value()), average.uncosted()),
            ("6.5000".into(), 0)
        );
    }

    #[test]
    fn values_are_written_and_read_as_decimals() {
        assert_eq!(as_money(12_345_678_950_000), "1234.5679");
        assert_eq!(in_full(12_345), "0.0000012345");
        assert_eq!(from_full("0.0000012345"), Some(12_345));
        assert_eq!(from_full("1.5"), None);
    }

    proptest! {
        #[test]
        fn nothing_left_is_worth_nothing_and_one_cost_stays_that_cost(
            moves in prop::collection::vec((any::<bool>(), 1i32..1_000_000), 1..50),
            cost in 0i64..9_000_000_000_000_000,
        ) {
            let mut average = Average::new(None);
            let mut units = 0;
            for (statement, (comes, many)) in moves.into_iter().enumerate() {
                let after = match comes {
                    true => units + many,
                    false => (units - many).max(0),
                };
                average.add(&line(A, Adjust, units, after, Some(cost), statement));
                units = after;
                prop_assert_eq!(average.value(), worth(i64::from(units), cost));
            }
            average.add(&line(A, Adjust, units, 0, Some(cost), 99));
            prop_assert_eq!(average.value(), 0);
        }

        #[test]
        fn the_average_stays_between_the_costs(
            receipts in prop::collection::vec((1i32..1000, 1i64..1_000_000, 0i32..500), 1..40),
        ) {
            let mut average = Average::new(None);
            let mut units = 0;
            let (mut lowest, mut highest) = (i64::MAX, 0);
            for (statement, (comes, cost, leaves)) in receipts.into_iter().enumerate() {
                (lowest, highest) = (lowest.min(cost), highest.max(cost));
                average.add(&line(A, Receive, units, units + comes, Some(cost), statement));
                units += comes;
                let after = (units - leaves).max(0);
                average.add(&line(A, Fulfill, units, after, Some(cost), statement));
                units = after;
                // Each departure rounds by less than one.
                let rounded = statement as i128 + 1;
                prop_assert!(average.value() >= worth(i64::from(units), lowest) - rounded);
                prop_assert!(average.value() <= worth(i64::from(units), highest) + rounded);
            }
        }
    }
}
