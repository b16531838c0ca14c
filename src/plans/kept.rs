//! Plans that are kept: prepared once a backend, planned with indexes, dropped when the schema's name
//! changes.

use super::values::{Arg, Row, SpiArgs};
use super::Sees;
use crate::engine::with_setting;
use crate::sqlstates;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;

/// A plan that lives as long as the backend.
pub(super) struct Plan {
    pub plan: NonNull<pg_sys::_SPI_plan>,
    whole_tables: bool,
    planned: Cell<bool>,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: the plan was kept by us, and the last user of it is gone.
        unsafe { pg_sys::SPI_freeplan(self.plan.as_ptr()) };
    }
}

impl Plan {
    /// Plans now, where PostgreSQL would do so at the execution that follows. Inside an SPI
    /// connection only.
    pub(super) fn make_ready(&self) {
        // SAFETY: the plan is kept; what is got of it is released at once.
        let is_ready =
            unsafe { self.planned.get() && pg_sys::SPI_plan_is_valid(self.plan.as_ptr()) };
        if is_ready {
            return;
        }
        // SAFETY: as above.
        let plan = || unsafe {
            let made = pg_sys::SPI_plan_get_cached_plan(self.plan.as_ptr());
            if !made.is_null() {
                pg_sys::ReleaseCachedPlan(made, pg_sys::CurrentResourceOwner);
            }
        };
        // A scan that is ruled out and can't be avoided is thought to cost so much that PostgreSQL would
        // compile the plan to machine code, which takes seconds.
        with_setting(c"jit", c"off", true, || match self.whole_tables {
            true => plan(),
            false => with_setting(c"enable_seqscan", c"off", true, plan),
        });
        self.planned.set(true);
    }
}

/// Inside an SPI connection only.
pub(super) fn prepare(text: &str, types: &[pg_sys::Oid], whole_tables: bool) -> Rc<Plan> {
    let text = CString::new(text).expect("SQL text has no NUL");
    let mut types = types.to_vec();
    // SAFETY: text and types outlive the call; the kept plan is freed by Plan's drop.
    let plan = unsafe {
        let plan = pg_sys::SPI_prepare_cursor(
            text.as_ptr(),
            types.len() as i32,
            types.as_mut_ptr(),
            pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
        );
        let plan = NonNull::new(plan).expect("SPI_prepare_cursor gave no plan");
        pg_sys::SPI_keepplan(plan.as_ptr());
        plan
    };
    Rc::new(Plan {
        plan,
        whole_tables,
        planned: Cell::new(false),
    })
}

#[derive(Default)]
pub(super) struct Plans {
    schema: String,
    /// Keyed by the address of the static text.
    pub own: HashMap<usize, Rc<Plan>>,
    /// Texts made at run time, over users' tables.
    pub made: HashMap<String, Rc<Plan>>,
}

/// More texts than any app attaches tables; past it the oldest knowledge is thrown away at once.
pub(super) const MOST_MADE: usize = 1000;

thread_local! {
    // No destructor may run at backend exit, when PostgreSQL's memory is gone already.
    static PLANS: RefCell<Option<ManuallyDrop<Plans>>> = const { RefCell::new(None) };
}

pub(super) fn with_plans<R>(schema: &str, use_them: impl FnOnce(&mut Plans) -> R) -> R {
    PLANS.with_borrow_mut(|plans| {
        let plans = plans.get_or_insert_with(Default::default);
        if plans.schema != schema {
            **plans = Plans {
                schema: schema.to_owned(),
                ..Plans::default()
            };
        }
        use_them(plans)
    })
}

/// Runs a plan and gives its answer to `read`. Inside an SPI connection only.
pub(super) fn execute<T>(
    plan: &Plan,
    sees: Sees,
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    plan.make_ready();
    let mut spi = SpiArgs::of(args);
    // SAFETY: the arrays are as long as the plan's arguments (checked), and the answer is read
    // before the connection closes.
    unsafe {
        assert_eq!(
            pg_sys::SPI_getargcount(plan.plan.as_ptr()) as usize,
            args.len()
        );
        pg_sys::SPI_tuptable = std::ptr::null_mut();
        let status = sqlstates::kept(|| {
            pg_sys::SPI_execute_plan(
                plan.plan.as_ptr(),
                spi.values.as_mut_ptr(),
                spi.nulls.as_ptr(),
                sees == Sees::Callers,
                0,
            )
        });
        assert!(status >= 0, "SPI_execute_plan failed with {status}");
        let table = pg_sys::SPI_tuptable;
        if table.is_null() {
            return Vec::new();
        }
        Row::read_all(table, read)
    }
}
