//! New rows.

use super::indexes::Indexes;
use super::new_row::NewRow;
use super::shape::IndexPlace;
use super::{NewValues, Table};
use crate::commit;
use pgrx::prelude::*;

/// Rows that are written to the table with one record of the write-ahead log for each of its pages.
const BATCH: usize = 200;

impl Table {
    /// Adds a row; all its columns must be given, those left out are NULL.
    pub fn insert(&self, values: &NewValues) {
        commit::mark();
        // SAFETY: the row has the table's own columns, and is read before the slot is dropped.
        unsafe {
            let row = NewRow::of_values(self, values);
            pg_sys::table_tuple_insert(
                self.relation,
                row.0,
                pg_sys::GetCurrentCommandId(true),
                0,
                std::ptr::null_mut(),
            );
            let indexes = Indexes::open(self, false);
            indexes.pinned(|| indexes.add_row(&row));
        }
    }

    /// Adds rows, many at a time.
    pub fn insert_all(&self, rows: &[NewValues]) {
        if let [only] = rows {
            return self.insert(only);
        }
        commit::mark();
        // SAFETY: the rows have the table's own columns, and are read before their slots are dropped.
        unsafe {
            let indexes = Indexes::open(self, false);
            for batch in rows.chunks(BATCH) {
                pgrx::check_for_interrupts!();
                let batch: Vec<NewRow> = batch
                    .iter()
                    .map(|values| NewRow::of_values(self, values))
                    .collect();
                let mut slots: Vec<_> = batch.iter().map(|row| row.0).collect();
                pg_sys::table_multi_insert(
                    self.relation,
                    slots.as_mut_ptr(),
                    slots.len() as i32,
                    pg_sys::GetCurrentCommandId(true),
                    0,
                    std::ptr::null_mut(),
                );
                indexes.pinned(|| batch.iter().for_each(|row| indexes.add_row(row)));
            }
        }
    }

    /// Adds a row, unless one with its key in this unique index is there: then it answers false. It
    /// waits for a transaction that is about to write such a row, as ON CONFLICT DO NOTHING does.
    pub fn insert_unless_there(&self, unique: IndexPlace, values: &NewValues) -> bool {
        self.insert_all_unless_there(unique, std::slice::from_ref(values))[0]
    }

    /// The same of many rows, each by itself.
    pub fn insert_all_unless_there(&self, unique: IndexPlace, rows: &[NewValues]) -> Vec<bool> {
        commit::mark();
        // SAFETY: the rows have the table's own columns.
        unsafe {
            let indexes = Indexes::open(self, true);
            let arbiters = pg_sys::lappend_oid(std::ptr::null_mut(), self.known.indexes[unique.0]);
            let insert = |values: &NewValues| {
                let row = NewRow::of_values(self, values);
                self.insert_on_trial(&row, &indexes, arbiters)
            };
            indexes.pinned(|| rows.iter().map(insert).collect())
        }
    }

    unsafe fn insert_on_trial(
        &self,
        row: &NewRow,
        indexes: &Indexes,
        arbiters: *mut pg_sys::List,
    ) -> bool {
        // SAFETY: the steps of the executor's ExecInsert for ON CONFLICT DO NOTHING, in its order; an
        // error ends the transaction, and with it the speculative lock.
        unsafe {
            loop {
                pgrx::check_for_interrupts!();
                let mut found = pg_sys::ItemPointerData::default();
                if !pg_sys::ExecCheckIndexConstraints(
                    indexes.table,
                    row.0,
                    indexes.state,
                    &mut found,
                    #[cfg(feature = "pg18")]
                    &mut nowhere(),
                    arbiters,
                ) {
                    return false;
                }
                let transaction = pg_sys::GetCurrentTransactionId();
                let token = pg_sys::SpeculativeInsertionLockAcquire(transaction);
                pg_sys::table_tuple_insert_speculative(
                    self.relation,
                    row.0,
                    pg_sys::GetCurrentCommandId(true),
                    0,
                    std::ptr::null_mut(),
                    token,
                );
                let lost = indexes.add_on_trial(row, arbiters);
                pg_sys::table_tuple_complete_speculative(self.relation, row.0, token, !lost);
                pg_sys::SpeculativeInsertionLockRelease(transaction);
                if !lost {
                    return true;
                }
            }
        }
    }
}

/// No row of the table: the new one is nowhere yet.
#[cfg(feature = "pg18")]
fn nowhere() -> pg_sys::ItemPointerData {
    pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData {
            bi_hi: u16::MAX,
            bi_lo: u16::MAX,
        },
        ip_posid: 0,
    }
}
