//! The one place that changes counters: lot → level → listing → attached column.
//!
//! Door 1, functions: they call [`lots::apply`] or [`rollup::apply`] with their deltas, and the
//! triggers stand aside ([`aside`]). Door 2, everybody else's DML: the statement triggers
//! ([`lot_triggers`], [`allocation_triggers`]) sum up the deltas and hand them to the same two.
//! Locks are taken in one order everywhere: attached rows, claims, lots by id, levels by key,
//! listings by id.

pub mod allocation_triggers;
pub mod aside;
pub mod counts;
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
use counts::Counts;
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
