//! While a dump is restored, rows come in with their counters: our triggers stand aside then, or all
//! would be counted twice.

use crate::error::warn;
use crate::settings;
use pgrx::pg_sys;
use pgrx::trigger_support::PgTrigger;
use std::cell::Cell;

/// Whether the row or statement that a trigger fired for is part of a restore. It is where
/// `stockroom.restoring` is on, or where the session is set up as pg_dump sets up every restore;
/// and only for one who could switch the trigger off as well, or could write past row security: the
/// marks of a dump are settings that anybody can make.
///
/// The first time in a session, a WARNING says so.
pub fn restoring(trigger: &PgTrigger) -> bool {
    // In this order: in everyday work it ends at the second.
    if !(settings::restoring() || has_marks_of_dump()) || !may_restore(trigger) {
        return false;
    }
    thread_local! {
        static WARNED: Cell<bool> = const { Cell::new(false) };
    }
    if !WARNED.replace(true) {
        warn(
            "stockroom: this session restores a dump: its rows are taken as they are, and nothing is counted; \
             when all of it is there, verify_stock() shows whether the numbers are right"
                .to_owned(),
        );
    }
    true
}

/// What every script of pg_dump and pg_restore sets first (`_doSetFixedOutputState` in
/// PostgreSQL's pg_backup_archiver.c). `SET search_path = ''` leaves two quotes, and is no mark.
fn has_marks_of_dump() -> bool {
    // SAFETY: plain reads of the server's own variables; the path is a C string, or NULL.
    unsafe {
        !pg_sys::check_function_bodies
            && !pg_sys::row_security
            && (pg_sys::namespace_search_path.is_null() || *pg_sys::namespace_search_path == 0)
    }
}

/// The session's user, and not the present one: a function of somebody else's must not do it.
fn may_restore(trigger: &PgTrigger) -> bool {
    // SAFETY: the trigger's relation is open while it runs; the rest are lookups of roles. A
    // superuser has every role's privileges.
    unsafe {
        let user = pg_sys::GetSessionUserId();
        let owner = (*(*trigger.trigger_data().tg_relation).rd_rel).relowner;
        pg_sys::has_privs_of_role(user, owner) || pg_sys::has_bypassrls_privilege(user)
    }
}
