//! Opening a table, and finding its rows by an index.

use super::known::{self, Known};
use super::shape::{IndexPlace, Key};
use super::{Shape, Tuple};
use crate::engine::Engine;
use pgrx::{pg_sys, IntoDatum};
use std::ops::ControlFlow;
use std::thread::panicking;

/// What a table is opened for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Access {
    Read,
    Update,
    Insert,
    /// Rows that may be deleted again before anybody has seen them.
    InsertOnTrial,
}

/// An open table. Its lock is kept to the end of the transaction, as a statement's would be.
pub struct Table {
    pub(super) relation: pg_sys::Relation,
    pub(super) known: Known,
}

impl Table {
    /// None where direct access would not do the same as SQL: then SQL must do it.
    pub fn open(engine: &Engine, shape: &Shape, access: Access) -> Option<Table> {
        // SAFETY: plain reads; the table stays open as long as the Table does.
        unsafe {
            let writes = access != Access::Read;
            // SQL finds the right words for what a read-only transaction may not.
            if writes
                && (pg_sys::XactReadOnly
                    || pg_sys::RecoveryInProgress()
                    || pg_sys::IsInParallelMode())
            {
                return None;
            }
            let oid = pg_sys::get_relname_relid(shape.table.as_ptr(), engine.namespace);
            if oid == pg_sys::InvalidOid {
                return None;
            }
            let lock = if writes {
                pg_sys::RowExclusiveLock
            } else {
                pg_sys::AccessShareLock
            };
            if !may(oid, access) {
                return None;
            }
            let relation = pg_sys::table_open(oid, lock as _);
            let known = known::of(relation, shape, engine.namespace).filter(|known| match access {
                Access::Read => true,
                Access::Update => known.updatable,
                Access::Insert => known.insertable,
                Access::InsertOnTrial => known.insertable && known.deletes_quietly,
            });
            let Some(known) = known else {
                pg_sys::table_close(relation, pg_sys::NoLock as _);
                return None;
            };
            match access {
                Access::Read => {}
                Access::Update => {
                    pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_UPDATE);
                }
                Access::Insert | Access::InsertOnTrial => {
                    pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_INSERT);
                }
            }
            Some(Table { relation, known })
        }
    }

    /// Rows whose first index columns are as these keys say, in the index's order, as the active snapshot
    /// sees them. None where the index can't be used now.
    pub fn scan(
        &self,
        index: IndexPlace,
        key: &[Key],
        mut each: impl FnMut(&Tuple) -> ControlFlow<()>,
    ) -> Option<()> {
        let mut scan = Scan::begin(self, index, key)?;
        while scan.next() {
            if each(&scan.tuple).is_break() {
                break;
            }
        }
        Some(())
    }
}

/// Whether the present user could do this by SQL: the functions run as their owner, but an admin may
/// give them another one, or make them run as their caller. What is not allowed SQL refuses.
fn may(table: pg_sys::Oid, access: Access) -> bool {
    let rights = match access {
        Access::Read => pg_sys::ACL_SELECT,
        Access::Update => pg_sys::ACL_SELECT | pg_sys::ACL_UPDATE,
        Access::Insert => pg_sys::ACL_INSERT,
        Access::InsertOnTrial => pg_sys::ACL_SELECT | pg_sys::ACL_INSERT | pg_sys::ACL_DELETE,
    } as pg_sys::AclMode;
    // SAFETY: a lookup in the catalog.
    unsafe {
        let all = pg_sys::AclMaskHow::ACLMASK_ALL;
        pg_sys::pg_class_aclmask(table, pg_sys::GetUserId(), rights, all) == rights
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // On an error the transaction's abort closes what is open.
        if !panicking() {
            // SAFETY: opened by `open`, and closed only here.
            unsafe { pg_sys::table_close(self.relation, pg_sys::NoLock as _) };
        }
    }
}

struct Scan {
    index: pg_sys::Relation,
    scan: pg_sys::IndexScanDesc,
    tuple: Tuple,
}

impl Scan {
    fn begin(table: &Table, index: IndexPlace, key: &[Key]) -> Option<Scan> {
        // SAFETY: the table is open; what is opened here is closed by Drop; the keys live until the
        // scan has copied them.
        unsafe {
            let index = pg_sys::try_relation_open(
                table.known.indexes[index.0],
                pg_sys::AccessShareLock as _,
            );
            // Dropped concurrently since it was looked up.
            if index.is_null() {
                return None;
            }
            let state = &*(*index).rd_index;
            // A rebuilt index may miss versions that an old snapshot needs.
            if !state.indisvalid || state.indcheckxmin {
                pg_sys::index_close(index, pg_sys::NoLock as _);
                return None;
            }
            let mut keys = [pg_sys::ScanKeyData::default(); 2];
            for (at, value) in key.iter().enumerate() {
                let equal = pg_sys::BTEqualStrategyNumber;
                let (strategy, compares, value) = match value {
                    Key::Id(id) => (
                        equal,
                        pg_sys::F_UUID_EQ,
                        crate::ids::to_pg(*id).into_datum(),
                    ),
                    Key::Text(text) => (equal, pg_sys::F_TEXTEQ, text.into_datum()),
                    Key::UpTo(moment) => (
                        pg_sys::BTLessEqualStrategyNumber,
                        pg_sys::F_TIMESTAMPTZ_LE,
                        moment.into_datum(),
                    ),
                };
                pg_sys::ScanKeyEntryInitialize(
                    &mut keys[at],
                    0,
                    at as i16 + 1,
                    strategy as _,
                    pg_sys::InvalidOid,
                    *(*index).rd_indcollation.add(at),
                    compares.into(),
                    value.expect("a key is not NULL"),
                );
            }
            let count = key.len() as i32;
            let snapshot = pg_sys::GetActiveSnapshot();
            #[cfg(any(feature = "pg15", feature = "pg17"))]
            let scan = pg_sys::index_beginscan(table.relation, index, snapshot, count, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(
                table.relation,
                index,
                snapshot,
                std::ptr::null_mut(),
                count,
                0,
            );
            pg_sys::index_rescan(scan, keys.as_mut_ptr(), count, std::ptr::null_mut(), 0);
            let slot = pg_sys::table_slot_create(table.relation, std::ptr::null_mut());
            Some(Scan {
                index,
                scan,
                tuple: Tuple { slot },
            })
        }
    }

    fn next(&mut self) -> bool {
        // SAFETY: the scan is open, and the slot fits its table.
        unsafe {
            pg_sys::index_getnext_slot(
                self.scan,
                pg_sys::ScanDirection::ForwardScanDirection,
                self.tuple.slot,
            )
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // On an error the transaction's abort closes what is open.
        if !panicking() {
            // SAFETY: opened by `begin`, and closed only here.
            unsafe {
                pg_sys::ExecDropSingleTupleTableSlot(self.tuple.slot);
                pg_sys::index_endscan(self.scan);
                pg_sys::index_close(self.index, pg_sys::NoLock as _);
            }
        }
    }
}
