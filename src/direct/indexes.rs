//! Index entries of new row versions, with what the executor keeps for them.

use super::new_row::NewRow;
use super::Table;
use crate::engine::pinned;
use pgrx::prelude::*;

/// A table's indexes, open to be added to.
pub(super) struct Indexes {
    pub state: *mut pg_sys::EState,
    pub table: *mut pg_sys::ResultRelInfo,
    /// No function of anybody else runs for an entry.
    plain: bool,
}

impl Indexes {
    /// `speculative`: entries may be withdrawn, where another row is found to have their key.
    pub unsafe fn open(table: &Table, speculative: bool) -> Indexes {
        // SAFETY: as the executor does for the rows it writes; all of it is let go by `drop`, or by
        // the abort that an error brings.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            // What is made on the way goes with the state.
            let outside = pg_sys::MemoryContextSwitchTo((*state).es_query_cxt);
            let result =
                PgBox::<pg_sys::ResultRelInfo>::alloc_node(pg_sys::NodeTag::T_ResultRelInfo)
                    .into_pg();
            pg_sys::InitResultRelInfo(result, table.relation, 0, std::ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, speculative);
            pg_sys::MemoryContextSwitchTo(outside);
            Indexes {
                state,
                table: result,
                plain: are_plain(table, result),
            }
        }
    }

    /// Runs with the settings under which entries may be added.
    pub fn pinned<R>(&self, run: impl FnOnce() -> R) -> R {
        match self.plain {
            true => run(),
            false => pinned(run),
        }
    }

    /// Entries of a version that follows another of the same row.
    #[cfg_attr(feature = "pg15", allow(unused_variables))]
    pub unsafe fn add_version(&self, row: &NewRow, only_summarizing: bool) {
        // SAFETY: the caller has written the version.
        unsafe { self.insert(row, true, only_summarizing, None) };
    }

    /// Entries of a new row.
    pub unsafe fn add_row(&self, row: &NewRow) {
        // SAFETY: the caller has written the row.
        unsafe { self.insert(row, false, false, None) };
    }

    /// Entries of a row that was written speculatively; answers whether another one has its key in the
    /// arbiter.
    pub unsafe fn add_on_trial(&self, row: &NewRow, arbiters: *mut pg_sys::List) -> bool {
        // SAFETY: the caller has written the row.
        unsafe { self.insert(row, false, false, Some(arbiters)) }
    }

    #[cfg_attr(feature = "pg15", allow(unused_variables))]
    unsafe fn insert(
        &self,
        row: &NewRow,
        update: bool,
        only_summarizing: bool,
        arbiters: Option<*mut pg_sys::List>,
    ) -> bool {
        let mut conflict = false;
        // SAFETY: the indexes are open; what is made for one row goes before the next.
        unsafe {
            let outside = pg_sys::MemoryContextSwitchTo((*self.state).es_query_cxt);
            pg_sys::ExecInsertIndexTuples(
                self.table,
                row.0,
                self.state,
                update,
                arbiters.is_some(),
                if arbiters.is_some() {
                    &mut conflict
                } else {
                    std::ptr::null_mut()
                },
                arbiters.unwrap_or(std::ptr::null_mut()),
                #[cfg(not(feature = "pg15"))]
                only_summarizing,
            );
            let per_row = (*self.state).es_per_tuple_exprcontext;
            if !per_row.is_null() {
                pg_sys::MemoryContextReset((*per_row).ecxt_per_tuple_memory);
            }
            pg_sys::MemoryContextSwitchTo(outside);
        }
        conflict
    }
}

impl Drop for Indexes {
    fn drop(&mut self) {
        // On an error the abort lets go of it.
        if !std::thread::panicking() {
            // SAFETY: opened by `open`, and closed only here.
            unsafe {
                pg_sys::ExecCloseIndices(self.table);
                pg_sys::FreeExecutorState(self.state);
            }
        }
    }
}

/// Whether all open indexes are of plain columns, in the order that PostgreSQL gives their types, or
/// are those that were compared with the table's shape: then no function of anybody else runs for an
/// entry.
unsafe fn are_plain(table: &Table, open: *const pg_sys::ResultRelInfo) -> bool {
    let built_in = |oid: pg_sys::Oid| oid.to_u32() < pg_sys::FirstNormalObjectId;
    // SAFETY: the table's indexes are open, and as many as it says.
    unsafe {
        (0..(*open).ri_NumIndices as usize).all(|at| {
            let index = *(*open).ri_IndexRelationDescs.add(at);
            let info = *(*open).ri_IndexRelationInfo.add(at);
            table.known.indexes.contains(&(*index).rd_id)
                || ((*info).ii_Expressions.is_null()
                    && (*info).ii_Predicate.is_null()
                    && (*info).ii_ExclusionOps.is_null()
                    && (0..(*info).ii_NumIndexKeyAttrs as usize)
                        .all(|key| built_in(*(*index).rd_opfamily.add(key))))
        })
    }
}
