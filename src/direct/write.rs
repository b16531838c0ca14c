//! New row versions and new rows.

use super::shape::PRIMARY;
use super::{with_fresh_snapshot, NewValues, Table, Tuple};
use crate::commit;
use crate::engine::pinned;
use pgrx::prelude::*;
use std::ops::ControlFlow;
use uuid::Uuid;

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

/// A slot for a row that is put together, dropped with its scope.
struct NewRow(*mut pg_sys::TupleTableSlot);

impl Drop for NewRow {
    fn drop(&mut self) {
        // On an error its memory goes with the call's memory context.
        if !std::thread::panicking() {
            // SAFETY: made for this struct, and dropped only here.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
        }
    }
}

impl Table {
    /// Changes the row with this primary key. `change` may be called again with a newer version: it
    /// waits for whoever is changing the row, as an UPDATE does at READ COMMITTED; at the higher
    /// isolation levels a change by somebody else is 40001.
    pub fn update<R, E>(
        &self,
        key: &[Uuid],
        mut change: impl FnMut(&Tuple) -> Change<R, E>,
    ) -> Updated<R, E> {
        loop {
            pgrx::check_for_interrupts!();
            let mut step = Step::Done(Updated::NotFound);
            let scanned = with_fresh_snapshot(|| {
                self.scan(PRIMARY, key, |tuple| {
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
            let row = self.new_row(|values, nulls, count| {
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
                self.insert_into_indexes(&row, true, only_summarizing);
            }
            result
        }
    }

    /// Adds a row; all its columns must be given, those left out are NULL.
    pub fn insert(&self, values: &NewValues) {
        commit::mark();
        // SAFETY: the row has the table's own columns, and is read before the slot is dropped.
        unsafe {
            let row = self.new_row(|_, nulls, count| std::ptr::write_bytes(nulls, 1, count));
            set(&row, values);
            pg_sys::table_tuple_insert(
                self.relation,
                row.0,
                pg_sys::GetCurrentCommandId(true),
                0,
                std::ptr::null_mut(),
            );
            self.insert_into_indexes(&row, false, false);
        }
    }

    /// A slot whose columns `fill` has set.
    unsafe fn new_row(&self, fill: impl FnOnce(*mut pg_sys::Datum, *mut bool, usize)) -> NewRow {
        // SAFETY: a virtual slot has room for all columns of its descriptor.
        unsafe {
            let columns = (*self.relation).rd_att;
            let row = NewRow(pg_sys::MakeSingleTupleTableSlot(
                columns,
                &raw const pg_sys::TTSOpsVirtual,
            ));
            fill(
                (*row.0).tts_values,
                (*row.0).tts_isnull,
                (*columns).natts as usize,
            );
            pg_sys::ExecStoreVirtualTuple(row.0);
            (*row.0).tts_tableOid = (*self.relation).rd_id;
            row
        }
    }

    /// Index entries of a version just written, with what the executor keeps for it.
    #[cfg_attr(feature = "pg15", allow(unused_variables))]
    unsafe fn insert_into_indexes(&self, row: &NewRow, update: bool, only_summarizing: bool) {
        // SAFETY: as the executor does for the rows it writes; all of it is let go below, or by the
        // abort that an error brings.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            // What is made on the way goes with the state.
            let outside = pg_sys::MemoryContextSwitchTo((*state).es_query_cxt);
            let result =
                PgBox::<pg_sys::ResultRelInfo>::alloc_node(pg_sys::NodeTag::T_ResultRelInfo)
                    .into_pg();
            pg_sys::InitResultRelInfo(result, self.relation, 0, std::ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, false);
            let insert = || {
                pg_sys::ExecInsertIndexTuples(
                    result,
                    row.0,
                    state,
                    update,
                    false,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    #[cfg(not(feature = "pg15"))]
                    only_summarizing,
                );
            };
            if are_plain(result) {
                insert();
            } else {
                pinned(insert);
            }
            pg_sys::ExecCloseIndices(result);
            pg_sys::MemoryContextSwitchTo(outside);
            pg_sys::FreeExecutorState(state);
        }
    }
}

/// Whether all open indexes are of plain columns, in the order that PostgreSQL gives their types: then
/// no function of anybody else runs for an entry.
unsafe fn are_plain(table: *const pg_sys::ResultRelInfo) -> bool {
    let built_in = |oid: pg_sys::Oid| oid.to_u32() < pg_sys::FirstNormalObjectId;
    // SAFETY: the table's indexes are open, and as many as it says.
    unsafe {
        (0..(*table).ri_NumIndices as usize).all(|at| {
            let index = *(*table).ri_IndexRelationDescs.add(at);
            let info = *(*table).ri_IndexRelationInfo.add(at);
            (*info).ii_Expressions.is_null()
                && (*info).ii_Predicate.is_null()
                && (*info).ii_ExclusionOps.is_null()
                && (0..(*info).ii_NumIndexKeyAttrs as usize)
                    .all(|key| built_in(*(*index).rd_opfamily.add(key)))
        })
    }
}

unsafe fn set(row: &NewRow, values: &NewValues) {
    for (column, value) in &values.0 {
        let at = column.0 as usize - 1;
        // SAFETY: columns come from the shape that the table was compared with.
        unsafe {
            *(*row.0).tts_isnull.add(at) = value.is_none();
            if let Some(value) = value {
                *(*row.0).tts_values.add(at) = *value;
            }
        }
    }
}
