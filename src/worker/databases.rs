//! The server's databases, read from the shared catalog without being connected to one of them.

use pgrx::bgworkers::BackgroundWorker;
use pgrx::pg_sys::{self, Oid};
use std::ptr::null_mut;

/// The database to work in after this one, in the order of their oids. Read anew for each, so that
/// one that was dropped meanwhile is not tried.
pub fn next_after(database: Oid) -> Option<Oid> {
    BackgroundWorker::transaction(|| {
        let mut later: Vec<Oid> = open_to_us();
        later.retain(|other| other.to_u32() > database.to_u32());
        later.sort_by_key(|other| other.to_u32());
        later.into_iter().find(|other| is_at_rest(*other))
    })
}

/// Databases that take connections, but no templates. Inside a transaction only.
fn open_to_us() -> Vec<Oid> {
    let mut open = Vec::new();
    // SAFETY: the catalog is open and locked while it is scanned; each row is read before the next.
    unsafe {
        let catalog = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as _);
        let scan = pg_sys::systable_beginscan(
            catalog,
            pg_sys::InvalidOid,
            false,
            null_mut(),
            0,
            null_mut(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            // A DROP DATABASE that was broken off leaves one that nobody can connect to.
            let is_whole = (*row).datconnlimit != pg_sys::DATCONNLIMIT_INVALID_DB;
            if (*row).datallowconn && !(*row).datistemplate && is_whole {
                open.push((*row).oid);
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as _);
    }
    open
}

/// Whether nobody is dropping, copying or moving the database just now: a worker that connects would
/// wait for the end of it, and of a dropped one complain in the log. The lock is the one that
/// connecting takes; the end of the transaction gives it back.
fn is_at_rest(database: Oid) -> bool {
    let tag = pg_sys::LOCKTAG {
        // Of no database: shared.
        locktag_field1: 0,
        locktag_field2: pg_sys::DatabaseRelationId.to_u32(),
        locktag_field3: database.to_u32(),
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    };
    // SAFETY: the tag is complete; nothing is waited for.
    let taken = unsafe { pg_sys::LockAcquire(&tag, pg_sys::RowExclusiveLock as _, false, true) };
    taken != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}
