//! The one place that changes counters: lot → level → listing → attached column.
//!
//! Door 1, functions: they call [`lots::apply`] or [`rollup::apply`] with their deltas, and the
//! triggers stand aside ([`aside`]). Door 2, everybody else's DML: the statement triggers
//! ([`lot_triggers`], [`allocation_triggers`], [`hold_triggers`]) sum up the deltas and hand them to the
//! same two. Locks are taken in one order everywhere: attached rows, holds, claims, lots by id, levels
//! by key, listings by id.

pub mod allocation_triggers;
pub mod aside;
pub mod capacity;
pub mod changes;
pub mod corrections;
pub mod counts;
pub mod dead;
mod deltas;
pub mod expiry;
pub mod goods;
pub mod hold_triggers;
pub mod import;
pub mod invariants;
pub mod ledger;
pub mod ledger_keys;
pub mod ledger_last;
pub mod ledger_triggers;
pub mod levels;
pub mod limits;
pub mod listing_removal;
pub mod listing_triggers;
pub mod listings;
pub mod lives;
pub mod lot_rows;
pub mod lot_triggers;
pub mod lots;
pub mod mirror;
pub mod moves;
pub mod new_listings;
pub mod new_lots;
pub mod numbers;
pub mod on_loan;
pub mod own_code;
pub mod places;
pub mod registration;
pub mod removal;
pub mod repair;
pub mod replay;
pub mod resolve;
pub mod rollup;
pub mod room;
pub mod row;
pub mod scales;
pub mod stored;
pub mod unlink;
pub mod verify;
pub mod verify_attached;

pub use deltas::{Delta, Deltas, LevelKey};

use crate::clock;
use crate::error::Error;
use counts::Counts;
use uuid::Uuid;

/// A listing as a change left it.
#[derive(Debug, Clone)]
pub struct ListingAfter {
    pub listing_id: Uuid,
    pub counts: Counts,
    pub available: i32,
    pub attached: Option<mirror::AttachedRow>,
    /// Number of its last line in the ledger, and when that was written, in PostgreSQL's own microseconds.
    pub version: i64,
    pub moved_at: Option<i64>,
}

impl ListingAfter {
    /// So many lines of the ledger are written of it now. Their order is their time's order, whatever
    /// the clock does.
    pub fn note_movements(&mut self, lines: i64) {
        if lines != 0 {
            self.version += lines;
            self.moved_at = self.moved_at.max(Some(clock::microseconds()));
        }
    }
}

/// How strict a change is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Guard {
    /// A new hard claim of a function: refused at once if a lot, a level or the listing's safety stock
    /// would go short.
    Claim,
    /// A new hold of a function: the same, but its listing may go down to its backorder limit.
    Hold,
    /// A hold becomes a hard claim: its listing has promised the units already.
    Confirm,
    /// A client's own DML, or a change that only frees: the invariants decide at commit.
    Later,
}

impl Guard {
    /// Whether a function asked: it is refused at once.
    pub fn judges_now(self) -> bool {
        self != Guard::Later
    }
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum Refusal {
    /// A lot has less than was planned: somebody else was faster.
    Lost,
    /// A level or a listing has: that much is promised away.
    Promised,
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
            Refusal::Lost | Refusal::Promised => otherwise,
            Refusal::Error(error) => error,
        }
    }
}
