//! The four counters of a level or a listing, as numbers, in statements and in row versions.

use super::Delta;
use crate::direct::{Column, NewValues, Shape, Tuple};
use crate::plans::{Arg, Row};

/// Counters of one level or listing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    pub total: i32,
    pub listed: i32,
    pub allocated: i32,
    pub held: i32,
}

impl Counts {
    /// Columns `at` to `at + 3` of a statement's answer.
    pub fn of_row(row: &Row, at: i32) -> Counts {
        Counts {
            total: row.need(at),
            listed: row.need(at + 1),
            allocated: row.need(at + 2),
            held: row.need(at + 3),
        }
    }

    /// The same four, each as an array for a statement.
    pub fn columns(counts: &[Counts]) -> [Arg; 4] {
        let column = |of: fn(&Counts) -> i32| counts.iter().map(of).collect::<Vec<i32>>().into();
        [
            column(|c| c.total),
            column(|c| c.listed),
            column(|c| c.allocated),
            column(|c| c.held),
        ]
    }

    pub fn available(&self) -> i64 {
        i64::from(self.listed) - i64::from(self.allocated) - i64::from(self.held)
    }

    /// Adds a delta, or names the first counter that leaves its range. `allocated` may be below zero
    /// on the way: one statement of a client may move a lot and free its claims, and the two
    /// tables' triggers fire one after the other. At commit it may not.
    pub fn plus(&self, delta: Delta) -> Result<Counts, (&'static str, i64)> {
        let sum = |name, stored: i32, change: i64, least: i64| {
            let value = i64::from(stored) + change;
            i32::try_from(value)
                .ok()
                .filter(|_| value >= least)
                .ok_or((name, value))
        };
        let counts = Counts {
            total: sum("total", self.total, delta.total, 0)?,
            listed: sum("listed", self.listed, delta.listed, 0)?,
            allocated: sum(
                "allocated",
                self.allocated,
                delta.allocated,
                -i64::from(i32::MAX),
            )?,
            held: sum("held", self.held, delta.held, 0)?,
        };
        // What readers are told as one number.
        let reserved = i64::from(counts.allocated) + i64::from(counts.held);
        match i32::try_from(reserved) {
            Ok(_) => Ok(counts),
            Err(_) => Err(("allocated and held", reserved)),
        }
    }
}

/// Where a table's rows carry their counts.
pub struct CountColumns {
    total: Column,
    listed: Column,
    allocated: Column,
    held: Column,
}

impl CountColumns {
    pub const fn of(shape: &Shape) -> CountColumns {
        CountColumns {
            total: shape.column("quantity_total"),
            listed: shape.column("quantity_listed"),
            allocated: shape.column("quantity_allocated"),
            held: shape.column("quantity_held"),
        }
    }

    pub fn read(&self, tuple: &Tuple) -> Counts {
        Counts {
            total: tuple.need(self.total),
            listed: tuple.need(self.listed),
            allocated: tuple.need(self.allocated),
            held: tuple.need(self.held),
        }
    }

    pub fn write(&self, counts: Counts, values: &mut NewValues) {
        values.set(self.total, counts.total);
        values.set(self.listed, counts.listed);
        values.set(self.allocated, counts.allocated);
        values.set(self.held, counts.held);
    }
}
