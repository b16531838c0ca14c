//! Internal subtransactions: a try that gives its locks back when it loses.

use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use std::panic::AssertUnwindSafe;

/// What a subtransaction changes of the backend's state and does not put back itself.
#[derive(Clone, Copy)]
struct Outside {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
}

impl Outside {
    fn begin() -> Outside {
        // SAFETY: as PL/pgSQL does around a block with an exception handler; every way out of
        // `attempt` ends the subtransaction that begins here.
        unsafe {
            let outside = Outside {
                context: pg_sys::CurrentMemoryContext,
                owner: pg_sys::CurrentResourceOwner,
            };
            pg_sys::BeginInternalSubTransaction(std::ptr::null());
            pg_sys::MemoryContextSwitchTo(outside.context);
            outside
        }
    }

    fn commit(self) {
        // SAFETY: the subtransaction begun by `begin` is the innermost one.
        unsafe { pg_sys::ReleaseCurrentSubTransaction() };
        self.go_back();
    }

    fn roll_back(self) {
        // SAFETY: the subtransaction begun by `begin` is the innermost one.
        unsafe { pg_sys::RollbackAndReleaseCurrentSubTransaction() };
        self.go_back();
    }

    fn go_back(self) {
        // SAFETY: both outlive the subtransaction.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }
}

/// Runs `attempt` in a subtransaction of its own. Where it loses, all of it is undone and its locks are
/// released; an error of PostgreSQL's does so too, and goes on upwards.
pub fn attempt<T, L>(attempt: impl FnOnce() -> Result<T, L>) -> Result<T, L> {
    let outside = Outside::begin();
    let outcome = PgTryBuilder::new(AssertUnwindSafe(attempt))
        .catch_others(move |error: CaughtError| {
            outside.roll_back();
            error.rethrow()
        })
        .execute();
    match &outcome {
        Ok(_) => outside.commit(),
        Err(_) => outside.roll_back(),
    }
    outcome
}
