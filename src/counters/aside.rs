//! Standing aside: while a function of ours runs its own statement, our triggers must not count it
//! again. Exact by trigger depth and table, so that what an app's own code does inside our statement
//! counts.

use crate::commit;
use crate::restore;
use pgrx::fcinfo::direct_function_call;
use pgrx::pg_sys;
use pgrx::trigger_support::PgTrigger;
use std::cell::{Cell, RefCell};

/// What the engine is writing now, and at which trigger depth.
#[derive(Clone, Copy, PartialEq)]
enum Writing {
    Nothing,
    OwnTables { depth: i32 },
    Attached { depth: i32, table: pg_sys::Oid },
}

thread_local! {
    static WRITING: Cell<Writing> = const { Cell::new(Writing::Nothing) };
    /// Values to go back to if a subtransaction aborts; kept only while the engine is at work.
    static OUTER: RefCell<Vec<(pg_sys::SubTransactionId, Writing)>> = const { RefCell::new(Vec::new()) };
}

fn trigger_depth() -> i32 {
    // SAFETY: pg_trigger_depth takes no arguments and only reads a counter.
    unsafe { direct_function_call::<i32>(pg_sys::pg_trigger_depth, &[]) }.unwrap_or(0)
}

struct Restore(Writing);

impl Drop for Restore {
    fn drop(&mut self) {
        WRITING.set(self.0);
    }
}

/// Runs a statement of the engine over its own tables: their triggers fired by it directly stand
/// aside. Every write of a counter by a statement passes here, so here the transaction is marked for
/// [`commit`].
pub fn during<R>(run: impl FnOnce() -> R) -> R {
    commit::mark();
    let depth = trigger_depth();
    let _restore = Restore(WRITING.replace(Writing::OwnTables { depth }));
    run()
}

/// Runs the mirror's write of an attached table: only our triggers on that table stand aside. A CHECK
/// or an index expression of the table runs at the same depth, and what it writes must count.
pub fn during_mirror<R>(table: pg_sys::Oid, run: impl FnOnce() -> R) -> R {
    let depth = trigger_depth();
    let _restore = Restore(WRITING.replace(Writing::Attached { depth, table }));
    run()
}

/// For triggers on the engine's own tables: were they fired directly by a statement of the engine, or
/// is a dump being restored?
pub fn standing_aside(trigger: &PgTrigger) -> bool {
    engine_is_writing() || restore::restoring(trigger)
}

/// The first of these alone: for a trigger that works in a restore too.
pub fn engine_is_writing() -> bool {
    match WRITING.get() {
        Writing::OwnTables { depth } => trigger_depth() == depth + 1,
        _ => false,
    }
}

/// For our triggers on an attached table: were they fired directly by the mirror's write of it, or is
/// a dump being restored?
pub fn standing_aside_for_mirror(trigger: &PgTrigger) -> bool {
    // SAFETY: the trigger's relation is open while it runs.
    let table = unsafe { (*trigger.trigger_data().tg_relation).rd_id };
    mirror_is_writing(table) || restore::restoring(trigger)
}

fn mirror_is_writing(table: pg_sys::Oid) -> bool {
    match WRITING.get() {
        Writing::Attached {
            depth,
            table: written,
        } => table == written && trigger_depth() == depth + 1,
        _ => false,
    }
}

unsafe extern "C-unwind" fn at_transaction_end(
    event: pg_sys::XactEvent::Type,
    _: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_ABORT | XACT_EVENT_PARALLEL_ABORT) {
        WRITING.set(Writing::Nothing);
        OUTER.with_borrow_mut(Vec::clear);
    }
}

unsafe extern "C-unwind" fn at_subtransaction_event(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _: pg_sys::SubTransactionId,
    _: *mut std::ffi::c_void,
) {
    use pg_sys::SubXactEvent::*;
    match event {
        SUBXACT_EVENT_START_SUB if WRITING.get() != Writing::Nothing => {
            OUTER.with_borrow_mut(|outer| outer.push((subtransaction, WRITING.get())));
        }
        SUBXACT_EVENT_COMMIT_SUB | SUBXACT_EVENT_ABORT_SUB => OUTER.with_borrow_mut(|outer| {
            if let Some(&(id, writing)) = outer.last() {
                if id == subtransaction {
                    outer.pop();
                    if event == SUBXACT_EVENT_ABORT_SUB {
                        WRITING.set(writing);
                    }
                }
            }
        }),
        _ => {}
    }
}

/// The guard puts the value back on unwinding; these callbacks do so wherever PostgreSQL itself
/// ends a (sub)transaction. Called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callbacks touch only this module's thread-locals.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction_event), std::ptr::null_mut());
    }
}
