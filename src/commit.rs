//! Early lock release: a transaction that changed counters gives its locks back before its commit
//! record is on disk, and answers its client after. `docs/early-lock-release.md` is the long form.
//!
//! The steps of a top-level commit, as `CommitTransaction` in PostgreSQL's xact.c has them, and what
//! is done at each:
//!
//! | PostgreSQL | here |
//! |---|---|
//! | XACT_EVENT_PRE_COMMIT | `synchronous_commit` is remembered, and off for this commit |
//! | the commit record is written; not flushed, as `synchronous_commit` is off | |
//! | the transaction is seen by others; row locks are released | |
//! | RESOURCE_RELEASE_AFTER_LOCKS | `synchronous_commit` is put back, the record is flushed |
//! | NOTIFY, the end of SET LOCAL, and the answer to the client | |
//!
//! Whoever sees this transaction and commits writes a later record, and flushing that one flushes all
//! before it. So nothing that was acknowledged can be lost.

use crate::settings;
use pgrx::pg_sys::{self, SyncCommitLevel, XactEvent};
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// How the transaction that is running will commit.
#[derive(Clone, Copy, PartialEq)]
enum Commit {
    /// As PostgreSQL does it.
    Usual,
    /// The engine has written: early, if PRE_COMMIT finds nothing against it.
    Marked,
    /// Between PRE_COMMIT and the release of its locks.
    Early { synchronous_commit: c_int },
}

thread_local! {
    static COMMIT: Cell<Commit> = const { Cell::new(Commit::Usual) };
}

/// Marks the running transaction: the engine writes its tables. A mark outlives the rollback of the
/// subtransaction that set it, which does no harm.
pub fn mark() {
    if COMMIT.get() == Commit::Usual {
        COMMIT.set(Commit::Marked);
    }
}

/// For an answer which says that something was done before, by another transaction, and itself writes
/// nothing: that one may have been seen early. It gets an id and a commit record, and waits until that
/// is on disk. On a standby all that is seen was on the primary's disk first.
pub fn vouch_for_what_was_seen() {
    // SAFETY: as any writing statement does; the functions that call it are not run in parallel.
    unsafe {
        if !pg_sys::RecoveryInProgress() {
            pg_sys::GetTopTransactionId();
            // An id alone does not make a commit wait: PostgreSQL asks for other WAL too.
            pg_sys::ForceSyncCommit();
        }
    }
}

/// For an answer that others will build on, of a call that writes nothing: what it has seen may have been
/// seen early, or be of a transaction that does not wait for its flush. On a standby all that is seen was
/// on the primary's disk first.
pub fn flush_what_is_seen() {
    // SAFETY: every commit that is visible has its record before this position, and a record's end is a
    // position up to which the log can be flushed.
    unsafe {
        if !pg_sys::RecoveryInProgress() {
            pg_sys::XLogFlush(end_of_records(pg_sys::GetXLogInsertRecPtr()));
        }
    }
}

/// Where the records end that were inserted before a position. The position itself is where the next one
/// begins: at the start of a page that is behind the page's header, which is not there yet.
fn end_of_records(position: pg_sys::XLogRecPtr) -> pg_sys::XLogRecPtr {
    const SHORT_HEADER: u64 = size_of::<pg_sys::XLogPageHeaderData>() as u64;
    const LONG_HEADER: u64 = size_of::<pg_sys::XLogLongPageHeaderData>() as u64;
    let in_page = position % u64::from(pg_sys::XLOG_BLCKSZ);
    let page = position - in_page;
    // SAFETY: a plain read of what does not change while the server runs.
    let segment = unsafe { pg_sys::wal_segment_size } as u64;
    let header = match page % segment {
        0 => LONG_HEADER,
        _ => SHORT_HEADER,
    };
    match in_page == header {
        true => page,
        false => position,
    }
}

/// Whether this commit would wait for its own disk and for nothing else.
fn waits_for_local_flush_only() -> bool {
    // SAFETY: plain reads of the backend's settings; SyncRepStandbyNames is NULL or a C string.
    unsafe {
        let standby_asked_for = pg_sys::max_wal_senders > 0
            && !pg_sys::SyncRepStandbyNames.is_null()
            && *pg_sys::SyncRepStandbyNames != 0;
        match pg_sys::synchronous_commit as SyncCommitLevel::Type {
            SyncCommitLevel::SYNCHRONOUS_COMMIT_LOCAL_FLUSH => true,
            // `on`: with a standby, others must not see what could still be lost in a failover.
            SyncCommitLevel::SYNCHRONOUS_COMMIT_REMOTE_FLUSH => !standby_asked_for,
            // Off has nothing to gain; remote_write and remote_apply speak of standbys.
            _ => false,
        }
    }
}

/// The last moment at which the transaction can still fail for a reason of its own, such as a
/// serialization conflict, is after this: an abort puts the value back too.
fn before_commit() {
    // Without an id there is no commit record, and nothing to flush.
    // SAFETY: a plain read of the transaction's state.
    let has_id = unsafe { pg_sys::GetTopTransactionIdIfAny() } != pg_sys::InvalidTransactionId;
    let early = COMMIT.get() == Commit::Marked
        && has_id
        && settings::early_lock_release()
        && waits_for_local_flush_only();
    COMMIT.set(Commit::Usual);
    if early {
        // The C variable and not the setting: SET LOCAL and its end know nothing of this.
        // SAFETY: the variable belongs to this backend alone.
        unsafe {
            COMMIT.set(Commit::Early {
                synchronous_commit: pg_sys::synchronous_commit,
            });
            pg_sys::synchronous_commit = SyncCommitLevel::SYNCHRONOUS_COMMIT_OFF as c_int;
        }
    }
}

/// Forgets the mark and puts `synchronous_commit` back; answers whether the commit was early.
fn put_back() -> bool {
    let Commit::Early { synchronous_commit } = COMMIT.replace(Commit::Usual) else {
        return false;
    };
    // SAFETY: the value that the variable had before.
    unsafe { pg_sys::synchronous_commit = synchronous_commit };
    true
}

#[pg_guard]
unsafe extern "C-unwind" fn at_transaction_event(event: XactEvent::Type, _argument: *mut c_void) {
    match event {
        XactEvent::XACT_EVENT_PRE_COMMIT => before_commit(),
        XactEvent::XACT_EVENT_ABORT => {
            put_back();
        }
        // Parallel workers write nothing, and commit nothing.
        _ => {}
    }
}

/// Called for every resource owner, of subtransactions and portals too. Of a top-level transaction all
/// locks are gone before the first call of this phase.
///
/// PREPARE TRANSACTION comes here as well, and so gives up its mark: it has flushed a record of its own
/// and keeps its locks, and COMMIT PREPARED may be another session's.
#[pg_guard]
unsafe extern "C-unwind" fn at_resource_release(
    phase: pg_sys::ResourceReleasePhase::Type,
    is_commit: bool,
    is_top_level: bool,
    _argument: *mut c_void,
) {
    let locks_are_released =
        phase == pg_sys::ResourceReleasePhase::RESOURCE_RELEASE_AFTER_LOCKS && is_top_level;
    if is_commit && locks_are_released && put_back() {
        // SAFETY: the record was written by this backend's commit just now. Nothing here allocates or
        // raises an error: a disk that fails is a PANIC, and after it the client has no answer.
        unsafe {
            pg_sys::XLogFlush(pg_sys::XactLastCommitEnd);
            // Returns at once, unless a standby was asked for since PRE_COMMIT: others may see this
            // commit already, but the client's answer waits.
            pg_sys::SyncRepWaitForLSN(pg_sys::XactLastCommitEnd, true);
        }
    }
}

/// Called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callbacks are guarded, and touch this module's thread-local and the backend's own
    // variables.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction_event), null_mut());
        pg_sys::RegisterResourceReleaseCallback(Some(at_resource_release), null_mut());
    }
}
