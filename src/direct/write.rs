//! New versions of rows.

use super::indexes::Indexes;
use super::new_row::{set, NewRow};
use super::scan::{width, Scan, Slot, Wanted};
use super::shape::{IndexPlace, Key};
use super::{with_fresh_snapshot, NewValues, Table, Tuple};
use crate::commit;
use pgrx::prelude::*;
use std::ops::ControlFlow;

/// What is to become of a row.
pub enum Change<R, E> {
    /// Written so; the call answers R.
    Set(NewValues, R),
    /// Left as it is, and unlocked: judged on what is committed.
    Refuse(E),
    /// Left to SQL: a trigger has something to say of it.
    ToSql,
}

/// What became of a row.
pub enum Updated<R, E> {
    Set(R),
    Refused(E),
    NotFound,
    ToSql,
}

enum Step<R, E> {
    Done(Updated<R, E>),
    /// Somebody else has changed the row meanwhile: look again.
    Again,
}

/// Rows that are changed one after the other, found with one scan and one snapshot.
pub struct Updating<'t> {
    table: &'t Table,
    index: IndexPlace,
    scan: Scan,
    slot: Slot,
    /// How much may have happened since the snapshot was taken.
    since: Since,
}

#[derive(Clone, Copy, PartialEq)]
enum Since {
    Nothing,
    /// Rows were changed, and waited for.
    Rows,
    Statements,
}

impl Updating<'_> {
    /// Statements have been run, and whatever they fire: this transaction may have changed rows.
    pub fn outdate(&mut self) {
        self.since = Since::Statements;
    }

    /// As [`Table::update`] does.
    pub fn update<R, E>(
        &mut self,
        key: &[Key],
        mut change: impl FnMut(&Tuple) -> Change<R, E>,
    ) -> Updated<R, E> {
        pgrx::check_for_interrupts!();
        if self.since == Since::Statements {
            return self.table.update(self.index, key, change);
        }
        let is_first = self.since == Since::Nothing;
        self.since = Since::Rows;
        let mut step = Step::Done(Updated::NotFound);
        self.scan.begin_at(key);
        self.scan.rows(&self.slot, &mut |tuple| {
            step = self.table.change_version(tuple, change(tuple));
            ControlFlow::Break(())
        });
        match step {
            Step::Again => self.table.update(self.index, key, change),
            // It may have come, or changed, since the snapshot was taken.
            Step::Done(Updated::NotFound | Updated::Refused(_)) if !is_first => {
                self.table.update(self.index, key, change)
            }
            Step::Done(done) => done,
        }
    }
}

impl Table {
    /// Changes rows by keys of a unique index, all like this one. None where the index can't be used now.
    pub fn updating<R>(
        &self,
        index: IndexPlace,
        like: &[Key],
        run: impl FnOnce(&mut Updating) -> R,
    ) -> Option<R> {
        with_fresh_snapshot(|| {
            let mut updating = Updating {
                table: self,
                index,
                scan: Scan::open(self, index, width(like), Wanted::Rows)?,
                slot: Slot::of(self),
                since: Since::Nothing,
            };
            Some(run(&mut updating))
        })
    }

    /// Changes the row with this key of a unique index. `change` may be called again with a newer version: it
    /// waits for whoever is changing the row, as an UPDATE does at READ COMMITTED; at the higher
    /// isolation levels a change by somebody else is 40001.
    pub fn update<R, E>(
        &self,
        index: IndexPlace,
        key: &[Key],
        mut change: impl FnMut(&Tuple) -> Change<R, E>,
    ) -> Updated<R, E> {
        loop {
            pgrx::check_for_interrupts!();
            let mut step = Step::Done(Updated::NotFound);
            let scanned = with_fresh_snapshot(|| {
                self.scan(index, key, |tuple| {
                    step = self.change_version(tuple, change(tuple));
                    ControlFlow::Break(())
                })
            });
            if scanned.is_none() {
                return Updated::ToSql;
            }
            if let Step::Done(done) = step {
                return done;
            }
        }
    }

    fn change_version<R, E>(&self, tuple: &Tuple, change: Change<R, E>) -> Step<R, E> {
        let (values, answer) = match change {
            Change::Set(..) if self.known.keeps_own_versions && tuple.is_own() => {
                return Step::Done(Updated::ToSql)
            }
            Change::Set(values, answer) => (values, answer),
            Change::Refuse(why) => return Step::Done(Updated::Refused(why)),
            Change::ToSql => return Step::Done(Updated::ToSql),
        };
        use pg_sys::TM_Result;
        match self.replace(tuple, &values) {
            TM_Result::TM_Ok => Step::Done(Updated::Set(answer)),
            lost @ (TM_Result::TM_Updated | TM_Result::TM_Deleted) => {
                // SAFETY: a plain read.
                if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
                    let what = match lost {
                        TM_Result::TM_Deleted => "delete",
                        _ => "update",
                    };
                    ereport!(
                        ERROR,
                        PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
                        format!("could not serialize access due to concurrent {what}")
                    );
                }
                Step::Again
            }
            other => panic!("a row of the engine could not be written: {other}"),
        }
    }

    /// Writes the next version, if this one is the latest.
    fn replace(&self, tuple: &Tuple, values: &NewValues) -> pg_sys::TM_Result::Type {
        commit::mark();
        // SAFETY: the scan stands on the old version, so what the new one shares with it stays
        // where it is until the new one is formed.
        unsafe {
            let old = tuple.slot;
            pg_sys::slot_getallattrs(old);
            let row = NewRow::of(self, |values, nulls, count| {
                std::ptr::copy_nonoverlapping((*old).tts_values, values, count);
                std::ptr::copy_nonoverlapping((*old).tts_isnull, nulls, count);
            });
            set(&row, values);
            let mut failure = pg_sys::TM_FailureData::default();
            let mut lock_mode = 0;
            let mut indexes = Default::default();
            let result = pg_sys::table_tuple_update(
                self.relation,
                &mut (*old).tts_tid,
                row.0,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                true,
                &mut failure,
                &mut lock_mode,
                &mut indexes,
            );
            #[cfg(feature = "pg15")]
            let due = indexes.then_some(false);
            #[cfg(not(feature = "pg15"))]
            let due = match indexes {
                pg_sys::TU_UpdateIndexes::TU_None => None,
                kind => Some(kind == pg_sys::TU_UpdateIndexes::TU_Summarizing),
            };
            if let (pg_sys::TM_Result::TM_Ok, Some(only_summarizing)) = (result, due) {
                let indexes = Indexes::open(self, false);
                indexes.pinned(|| indexes.add_version(&row, only_summarizing));
            }
            result
        }
    }
}
