//! Opening a table.

use super::known::{self, Known};
use super::Shape;
use crate::engine::Engine;
use pgrx::pg_sys;
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
