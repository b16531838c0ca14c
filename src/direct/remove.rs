//! Many rows of an app's table are deleted as the executor does it, where nobody has more to say of it than
//! foreign keys, one query for each row, and their question has been answered for all rows at once.

use super::compare::triggers_of;
use pgrx::prelude::*;

/// Deletes the rows in which this column is given, as the active snapshot sees them. The caller has locked
/// the table against all who write it or refer to it, and found no row that refers to these. None where a
/// DELETE would do more, or may not be done.
pub fn remove_given(table: pg_sys::Oid, owner: pg_sys::Oid, column: i16) -> Option<i64> {
    // SAFETY: the table is open while it is looked at and read; it is locked already.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::RowExclusiveLock as _);
        let removed = deletes_quietly(relation, owner, column).then(|| remove(relation, column));
        pg_sys::table_close(relation, pg_sys::NoLock as _);
        removed
    }
}

/// Whether rows of the table could be deleted so.
pub fn can_remove(table: pg_sys::Oid, owner: pg_sys::Oid, column: i16) -> bool {
    // SAFETY: the table is open while it is looked at.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as _);
        let can = deletes_quietly(relation, owner, column);
        pg_sys::table_close(relation, pg_sys::NoLock as _);
        can
    }
}

unsafe fn deletes_quietly(table: pg_sys::Relation, owner: pg_sys::Oid, column: i16) -> bool {
    let rights = (pg_sys::ACL_SELECT | pg_sys::ACL_DELETE) as pg_sys::AclMode;
    let asks_for_references = |function: pg_sys::Oid| {
        (pg_sys::F_RI_FKEY_CASCADE_DEL..=pg_sys::F_RI_FKEY_NOACTION_UPD)
            .contains(&function.to_u32())
    };
    // SAFETY: the table is open; the rest are lookups in the catalog.
    unsafe {
        let class = &*(*table).rd_rel;
        let all = pg_sys::AclMaskHow::ACLMASK_ALL;
        let columns = pgrx::PgTupleDesc::from_pg_unchecked((*table).rd_att);
        // A virtual column (PostgreSQL 18) has no value in the row.
        let is_virtual = |column: &pg_sys::FormData_pg_attribute| column.attgenerated as u8 == b'v';
        !columns.get(column as usize - 1).is_none_or(is_virtual)
            && class.relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
            && !class.relrowsecurity
            && (*table).rd_rules.is_null()
            && pg_sys::pg_class_aclmask((*table).rd_id, owner, rights, all) == rights
            && triggers_of(table).iter().all(|trigger| {
                i32::from(trigger.events) & pg_sys::TRIGGER_TYPE_DELETE as i32 == 0
                    || (trigger.is_internal && asks_for_references(trigger.function))
            })
    }
}

unsafe fn remove(table: pg_sys::Relation, column: i16) -> i64 {
    // SAFETY: the table is open, and the slot one of its own.
    unsafe {
        pg_sys::CheckCmdReplicaIdentity(table, pg_sys::CmdType::CMD_DELETE);
        let snapshot = pg_sys::GetActiveSnapshot();
        let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
        let scan = pg_sys::table_beginscan(table, snapshot, 0, std::ptr::null_mut());
        let mut removed = 0;
        while pg_sys::table_scan_getnextslot(
            scan,
            pg_sys::ScanDirection::ForwardScanDirection,
            slot,
        ) {
            pgrx::check_for_interrupts!();
            if !pg_sys::slot_attisnull(slot, column.into()) {
                pg_sys::simple_table_tuple_delete(table, &mut (*slot).tts_tid, snapshot);
                removed += 1;
            }
        }
        pg_sys::table_endscan(scan);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::CommandCounterIncrement();
        removed
    }
}
