//! Whether a table may be accessed directly: looked up once a backend, and again when PostgreSQL
//! says that something about the table has changed.

use super::{compare, Shape};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};

/// More indexes than any shape names.
pub(super) const MOST_INDEXES: usize = 5;

/// What is known of a table whose columns and indexes are as its shape says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub indexes: [pg_sys::Oid; MOST_INDEXES],
    /// A direct UPDATE of counters does what SQL would do.
    pub updatable: bool,
    /// But not of a row that this transaction has written before: a check of a foreign key that waits
    /// passes over versions that are no longer there, and counts on the UPDATE to bring its own.
    pub keeps_own_versions: bool,
    /// A direct INSERT does what SQL would do.
    pub insertable: bool,
    /// Nobody else is told of a DELETE.
    pub deletes_quietly: bool,
}

thread_local! {
    static KNOWN: RefCell<Vec<(pg_sys::Oid, Option<Known>)>> = const { RefCell::new(Vec::new()) };
    /// Counts what PostgreSQL said has changed: a look-up that was overtaken is not kept.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

unsafe extern "C-unwind" fn table_changed(_: pg_sys::Datum, table: pg_sys::Oid) {
    CHANGES.set(CHANGES.get() + 1);
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(oid, _)| table != pg_sys::InvalidOid && *oid != table);
    });
}

/// Asks to be told of changed tables; called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback touches only this module's thread-locals.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(table_changed), pg_sys::Datum::from(0usize));
    }
}

/// What is known of this open table; None where it is not as its shape says.
pub(super) fn of(table: pg_sys::Relation, shape: &Shape, schema: pg_sys::Oid) -> Option<Known> {
    // SAFETY: the caller holds the table open.
    let oid = unsafe { (*table).rd_id };
    let found = KNOWN.with_borrow(|known| {
        let mut known = known.iter();
        known
            .find(|(known, _)| *known == oid)
            .map(|(_, what)| *what)
    });
    found.unwrap_or_else(|| {
        let before = CHANGES.get();
        // SAFETY: the table is open and locked.
        let what = unsafe { compare::look(table, shape, schema) };
        if CHANGES.get() == before {
            KNOWN.with_borrow_mut(|known| known.push((oid, what)));
        }
        what
    })
}
