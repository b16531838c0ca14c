//! The one place that changes counters: lot → level → listing → attached column.
//!
//! Door 1, functions: they call [`lots::apply`] or [`rollup::apply`] with their deltas, and the
//! triggers stand aside ([`aside`]). Door 2, everybody else's DML: the statement triggers
//! ([`lot_triggers`], [`allocation_triggers`]) sum up the deltas and hand them to the same two.
//! Locks are taken in one order everywhere: attached rows, claims, lots by id, levels by key,
//! listings by id.

pub mod allocation_triggers;
pub mod aside;
pub mod import;
pub mod invariants;
pub mod levels;
pub mod listing_triggers;
pub mod listings;
pub mod lot_triggers;
pub mod lots;
pub mod mirror;
pub mod own_code;
pub mod registration;
pub mod removal;
pub mod repair;
pub mod resolve;
pub mod rollup;
pub mod row;
pub mod stored;
pub mod unlink;
pub mod verify;

use crate::error::Error;
use crate::plans::{Arg, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What changes in a level and its listing. Units; `listed` and `allocated` count listed lots only.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delta {
    pub total: i64,
    pub listed: i64,
    pub allocated: i64,
    pub held: i64,
}

impl Delta {
    pub fn add(&mut self, other: Delta) {
        self.total += other.total;
        self.listed += other.listed;
        self.allocated += other.allocated;
        self.held += other.held;
    }

    pub fn reversed(&self) -> Delta {
        Delta {
            total: -self.total,
            listed: -self.listed,
            allocated: -self.allocated,
            held: -self.held,
        }
    }
}

/// One level: a listing of a tenant at a location. Ordered as the lock order wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelKey {
    pub listing_id: Uuid,
    pub location_id: Uuid,
    pub tenant_id: Uuid,
}

/// Deltas per level, in lock order.
pub type LevelDeltas = BTreeMap<LevelKey, Delta>;

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

    pub fn reserved(&self) -> i32 {
        self.allocated + self.held
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
        Ok(Counts {
            total: sum("total", self.total, delta.total, 0)?,
            listed: sum("listed", self.listed, delta.listed, 0)?,
            allocated: sum(
                "allocated",
                self.allocated,
                delta.allocated,
                -i64::from(i32::MAX),
            )?,
            held: sum("held", self.held, delta.held, 0)?,
        })
    }
}

/// A listing as a change left it.
#[derive(Debug, Clone)]
pub struct ListingAfter {
    pub listing_id: Uuid,
    pub counts: Counts,
    pub available: i32,
    pub attached: Option<mirror::AttachedRow>,
}

/// How strict a change is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Guard {
    /// A new claim of a function: refused at once if anything would go short.
    Claim,
    /// A client's own DML, or a change that only frees: the invariants decide at commit.
    Later,
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum Refusal {
    /// Somebody else was faster: plan again.
    Lost,
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

impl Refusal {
    /// For changes that have nothing to lose a race about.
    pub fn into_error(self, otherwise: Error) -> Error {
        match self {
            Refusal::Lost => otherwise,
            Refusal::Error(error) => error,
        }
    }
}
