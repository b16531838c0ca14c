//! Who may attach a table and detach it.

use crate::counters::registration::{table_name, table_owner};
use crate::engine::{current_user, Engine};
use crate::error::Error;
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, OIDOID};
use std::ffi::CStr;

/// Locks a table by its oid if the caller owns it: a name could come to mean another table while
/// we wait.
pub fn lock_owned(function: &CStr, table: pg_sys::Oid, mode: i32) -> Result<(), Error> {
    // SAFETY: raises PostgreSQL's own error, or does nothing. Without it a standby would only say
    // that it can't take this lock.
    unsafe { pg_sys::PreventCommandIfReadOnly(function.as_ptr()) };
    check_owner(table)?;
    // SAFETY: held to the end of the transaction; the table may be gone, or another's, afterwards.
    unsafe { pg_sys::LockRelationOid(table, mode) };
    check_owner(table)
}

/// An error unless the caller owns the table, or is a member of the role that does.
pub fn check_owner(table: pg_sys::Oid) -> Result<(), Error> {
    let name = table_name(table);
    let Some(owner) = table_owner(table) else {
        return Err(Error::CannotAttach {
            table: name,
            problem: "there is no such table".to_owned(),
            hint: "Check its name.".to_owned(),
        });
    };
    // SAFETY: a lookup of role memberships; superusers have the privileges of all roles.
    if unsafe { pg_sys::has_privs_of_role(current_user(), owner) } {
        Ok(())
    } else {
        Err(Error::NotTableOwner { table: name })
    }
}

static MAY_SET_TENANT: Statement = Statement::fresh(
    "SELECT pg_catalog.has_parameter_privilege($1, 'stockroom.tenant_id', 'SET')",
    &[OIDOID],
);

/// With a tenant column, whoever writes the table writes stock of every tenant: that takes the
/// right to work for any of them.
pub fn check_may_set_tenant(engine: &Engine, caller: pg_sys::Oid) -> Result<(), Error> {
    let allowed = plans::run_one(engine, &MAY_SET_TENANT, &[caller.into()], |row| row.need(1));
    if allowed == Some(true) {
        return Ok(());
    }
    Err(Error::BadArgument {
        argument: "tenant_column",
        problem: "its rows may be any tenant's, and the caller may not set stockroom.tenant_id"
            .to_owned(),
    })
}
