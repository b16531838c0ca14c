//! Claims of a listing, or of a date of a resource, stand in line for it before they touch a row.
//!
//! When a row changes, PostgreSQL wakes everybody who waits for it, one after the other; each finds it
//! changed and waits again. With 64 clients at one listing that is 63 wake-ups for one claim. In lines
//! of ours only the first of a line is woken. There are a few lines for each, so that one
//! session is being woken while another works.
//!
//! It is no guard: rows are, and whoever does not stand in line is as safe. So only those line up who
//! cannot do harm by it: transactions that have no id yet, and so hold no row. Whoever holds a row
//! never waits here, so nobody here can be part of a deadlock over rows.

use crate::counters::capacity::DateKey;
use crate::engine::Engine;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use uuid::Uuid;

/// Larger claims don't line up: each place takes one of the server's locks.
const MOST_LISTINGS: usize = 16;

/// Of dates fewer: a stay of two weeks meets others on few of them, and fourteen places cost it a tenth of its time.
const MOST_DATES: usize = 4;

/// Measured with 64 clients at one listing on two cores: with six lines 2,840 claims a second, with
/// twelve 2,950, with twenty 2,980; one line gave a fifth less than six, and a line for each client a
/// quarter less.
const LINES: u32 = 12;

/// A transaction's places. It keeps them to its end, as it keeps its rows, unless it leaves.
#[derive(Default)]
pub struct Places(Vec<pg_sys::LOCKTAG>);

/// Waits until it is this transaction's turn at each of these listings.
pub fn stand_in_line(engine: &Engine, listings: &[Uuid]) -> Places {
    let fold = |listing_id: &Uuid| {
        let key = listing_id.as_u128();
        (key ^ (key >> 32) ^ (key >> 64) ^ (key >> 96)) as u32
    };
    let keys = listings.iter().map(fold);
    stand_in_lines(engine, c"stock_listings", keys, MOST_LISTINGS)
}

/// The same at each of these dates.
pub fn stand_in_line_for_dates(engine: &Engine, dates: &[DateKey]) -> Places {
    let fold = |date: &DateKey| {
        // Its keys are constants: every session gets the same number.
        let mut hasher = DefaultHasher::new();
        (&date.resource_id, date.date).hash(&mut hasher);
        hasher.finish() as u32
    };
    let keys = dates.iter().map(fold);
    stand_in_lines(engine, c"resource_capacity", keys, MOST_DATES)
}

fn stand_in_lines(
    engine: &Engine,
    table: &CStr,
    keys: impl ExactSizeIterator<Item = u32>,
    most: usize,
) -> Places {
    // SAFETY: plain reads of the transaction's and the server's state.
    let (holds_rows, only_reads) = unsafe {
        (
            pg_sys::GetTopTransactionIdIfAny() != pg_sys::InvalidTransactionId,
            pg_sys::XactReadOnly || pg_sys::RecoveryInProgress(),
        )
    };
    if holds_rows || only_reads || keys.len() > most {
        return Places::default();
    }
    // SAFETY: the namespace's oid and a C string.
    let class = unsafe { pg_sys::get_relname_relid(table.as_ptr(), engine.namespace) };
    let mut places: Vec<_> = keys.map(|key| place(class, key)).collect();
    // Everybody in the same order; line numbers differ from session to session.
    places.sort_by_key(|place| place.locktag_field3);
    for place in &places {
        // SAFETY: a lock that the end of the transaction releases, or the rollback of the
        // subtransaction that took it: with those of rows, and so before the commit is on disk.
        unsafe { pg_sys::LockAcquire(place, pg_sys::ExclusiveLock as _, false, false) };
    }
    Places(places)
}

impl Places {
    /// For a claim that took nothing: others need not wait for the end of its transaction.
    pub fn leave(self) {
        for place in self.0 {
            // SAFETY: taken by `stand_in_line`, under the same resource owner.
            unsafe { pg_sys::LockRelease(&place, pg_sys::ExclusiveLock as _, false) };
        }
    }
}

/// `pg_locks` shows it as an `object` of the table's class; `objsubid` is the line. Its 32 bits are fewer than a
/// key's: now and then two share their lines.
fn place(class: pg_sys::Oid, key: u32) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: a plain read of the backend's database.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: class.to_u32(),
        locktag_field3: key,
        // SAFETY: a plain read of the backend's process id.
        locktag_field4: (unsafe { pg_sys::MyProcPid }.unsigned_abs() % LINES) as u16,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}
