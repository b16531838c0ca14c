//! Standing aside: while a function of ours runs its own statement, our triggers must not count it
//! again. Exact by trigger depth, so that what an app's trigger does inside our statement counts.

use pgrx::fcinfo::direct_function_call;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};

const NOBODY: i32 = -1;

thread_local! {
    /// Trigger depth at which the engine is running its own statement.
    static DEPTH: Cell<i32> = const { Cell::new(NOBODY) };
    /// Values to go back to if a subtransaction aborts; kept only while the engine is at work.
    static OUTER: RefCell<Vec<(pg_sys::SubTransactionId, i32)>> = const { RefCell::new(Vec::new()) };
}

fn trigger_depth() -> i32 {
    // SAFETY: pg_trigger_depth takes no arguments and only reads a counter.
    unsafe { direct_function_call::<i32>(pg_sys::pg_trigger_depth, &[]) }.unwrap_or(0)
}

struct Restore(i32);

impl Drop for Restore {
    fn drop(&mut self) {
        DEPTH.set(self.0);
    }
}

/// Runs a statement of the engine: triggers fired by it directly stand aside.
pub fn during<R>(run: impl FnOnce() -> R) -> R {
    let _restore = Restore(DEPTH.replace(trigger_depth()));
    run()
}

/// For triggers: was this fired directly by a statement of the engine?
pub fn standing_aside() -> bool {
    let depth = DEPTH.get();
    depth != NOBODY && trigger_depth() == depth + 1
}

unsafe extern "C-unwind" fn at_transaction_end(
    event: pg_sys::XactEvent::Type,
    _: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_ABORT | XACT_EVENT_PARALLEL_ABORT) {
        DEPTH.set(NOBODY);
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
        SUBXACT_EVENT_START_SUB if DEPTH.get() != NOBODY => {
            OUTER.with_borrow_mut(|outer| outer.push((subtransaction, DEPTH.get())));
        }
        SUBXACT_EVENT_COMMIT_SUB | SUBXACT_EVENT_ABORT_SUB => OUTER.with_borrow_mut(|outer| {
            if let Some(&(id, depth)) = outer.last() {
                if id == subtransaction {
                    outer.pop();
                    if event == SUBXACT_EVENT_ABORT_SUB {
                        DEPTH.set(depth);
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
