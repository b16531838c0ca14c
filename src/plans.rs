//! Kept plans over SPI: each SQL text is prepared once a backend, as a generic plan, because with
//! array arguments PostgreSQL would plan anew at every call.
//!
//! A plan made while the tables are small would scan them, and be kept while they grow, until the
//! next ANALYZE: a new shop would slow down by the minute. So where there is an index, it is used
//! whatever the size.

use crate::engine::{with_setting, Engine};
use crate::error::Error;
use crate::{ids, sqlstates};
use pgrx::prelude::*;
use pgrx::trigger_support::PgTrigger;
use pgrx::{pg_sys, FromDatum, IntoDatum};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;
use uuid::Uuid;

/// Which snapshot a statement sees.
#[derive(Clone, Copy, PartialEq)]
enum Sees {
    /// The calling query's, as a STABLE function must; runs on a standby.
    Callers,
    /// A new one, with what this transaction did and, at READ COMMITTED, what others committed.
    Latest,
}

/// One SQL text of the engine. `{s}` stands for the extension's schema.
pub struct Statement {
    text: &'static str,
    types: &'static [pg_sys::Oid],
    sees: Sees,
    /// Reads whole tables: the planner may choose as it likes.
    whole_tables: bool,
}

impl Statement {
    /// For STABLE functions: reads with the caller's snapshot.
    pub const fn stable(text: &'static str, types: &'static [pg_sys::Oid]) -> Statement {
        Statement {
            text,
            types,
            sees: Sees::Callers,
            whole_tables: false,
        }
    }

    /// Reads, locks or writes with a new snapshot.
    pub const fn fresh(text: &'static str, types: &'static [pg_sys::Oid]) -> Statement {
        Statement {
            text,
            types,
            sees: Sees::Latest,
            whole_tables: false,
        }
    }

    /// The same for a statement that reads whole tables.
    pub const fn of_whole_tables(self) -> Statement {
        Statement {
            whole_tables: true,
            ..self
        }
    }
}

/// One argument of a statement.
pub struct Arg(Option<pg_sys::Datum>);

impl<T: IntoDatum> From<T> for Arg {
    fn from(value: T) -> Arg {
        Arg(value.into_datum())
    }
}

/// A uuid argument.
pub fn id(value: Uuid) -> Arg {
    ids::to_pg(value).into()
}

/// A uuid argument that may be NULL.
pub fn maybe_id(value: Option<Uuid>) -> Arg {
    value.map(ids::to_pg).into()
}

/// A uuid[] argument.
pub fn id_list(values: impl IntoIterator<Item = Uuid>) -> Arg {
    values
        .into_iter()
        .map(ids::to_pg)
        .collect::<Vec<_>>()
        .into()
}

/// An argument of a type only known at run time.
pub fn raw(datum: Option<pg_sys::Datum>) -> Arg {
    Arg(datum)
}

/// One row of an answer.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    shape: pg_sys::TupleDesc,
}

impl Row {
    /// Column `number`, counted from 1; None where NULL.
    pub fn get<T: FromDatum>(&self, number: i32) -> Option<T> {
        let mut is_null = false;
        // SAFETY: a Row lives only while its SPI answer does, and the statement's own column types
        // are what the caller asks for.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.shape, number, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }

    /// A column that is never NULL.
    pub fn need<T: FromDatum>(&self, number: i32) -> T {
        self.get(number)
            .unwrap_or_else(|| panic!("column {number} is NULL"))
    }

    /// A uuid column that is never NULL.
    pub fn id(&self, number: i32) -> Uuid {
        ids::from_pg(self.need(number))
    }

    /// A uuid column.
    pub fn maybe_id(&self, number: i32) -> Option<Uuid> {
        self.get(number).map(ids::from_pg)
    }
}

struct Plan {
    plan: NonNull<pg_sys::_SPI_plan>,
    whole_tables: bool,
    planned: Cell<bool>,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: the plan was kept by us, and the last user of it is gone.
        unsafe { pg_sys::SPI_freeplan(self.plan.as_ptr()) };
    }
}

#[derive(Default)]
struct Plans {
    schema: String,
    /// Keyed by the address of the static text.
    own: HashMap<usize, Rc<Plan>>,
    /// Texts made at run time, over users' tables.
    made: HashMap<String, Rc<Plan>>,
}

/// More texts than any app attaches tables; past it the oldest knowledge is thrown away at once.
const MOST_MADE: usize = 1000;

thread_local! {
    // No destructor may run at backend exit, when PostgreSQL's memory is gone already.
    static PLANS: RefCell<Option<ManuallyDrop<Plans>>> = const { RefCell::new(None) };
}

fn with_plans<R>(schema: &str, use_them: impl FnOnce(&mut Plans) -> R) -> R {
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

impl Plan {
    /// Plans now, where PostgreSQL would do so at the execution that follows. Inside an SPI
    /// connection only.
    fn make_ready(&self) {
        // SAFETY: the plan is kept; what is got of it is released at once.
        unsafe {
            let is_ready = self.planned.get() && pg_sys::SPI_plan_is_valid(self.plan.as_ptr());
            if is_ready || self.whole_tables {
                return;
            }
            with_setting(c"enable_seqscan", c"off", true, || {
                let made = pg_sys::SPI_plan_get_cached_plan(self.plan.as_ptr());
                if !made.is_null() {
                    pg_sys::ReleaseCachedPlan(made, pg_sys::CurrentResourceOwner);
                }
            });
        }
        self.planned.set(true);
    }
}

/// Inside an SPI connection only.
fn prepare(text: &str, types: &[pg_sys::Oid], whole_tables: bool) -> Rc<Plan> {
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

/// Runs a plan and gives its answer to `read`. Inside an SPI connection only.
fn execute<T>(plan: &Plan, sees: Sees, args: &[Arg], mut read: impl FnMut(&Row) -> T) -> Vec<T> {
    plan.make_ready();
    let mut values: Vec<pg_sys::Datum> = args
        .iter()
        .map(|arg| arg.0.unwrap_or(pg_sys::Datum::from(0usize)))
        .collect();
    let nulls: Vec<std::ffi::c_char> = args
        .iter()
        .map(|arg| if arg.0.is_some() { b' ' } else { b'n' } as _)
        .collect();
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
                values.as_mut_ptr(),
                nulls.as_ptr(),
                sees == Sees::Callers,
                0,
            )
        });
        assert!(status >= 0, "SPI_execute_plan failed with {status}");
        let table = pg_sys::SPI_tuptable;
        if table.is_null() {
            return Vec::new();
        }
        (0..(*table).numvals as usize)
            .map(|at| {
                read(&Row {
                    tuple: *(*table).vals.add(at),
                    shape: (*table).tupdesc,
                })
            })
            .collect()
    }
}

fn run_statement<T>(
    engine: &Engine,
    statement: &Statement,
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    let key = statement.text.as_ptr() as usize;
    let known = with_plans(&engine.schema, |plans| plans.own.get(&key).cloned());
    let plan = known.unwrap_or_else(|| {
        let plan = prepare(
            &statement.text.replace("{s}", &engine.schema),
            statement.types,
            statement.whole_tables,
        );
        with_plans(&engine.schema, |plans| plans.own.insert(key, plan.clone()));
        plan
    });
    execute(&plan, statement.sees, args, read)
}

/// Runs a statement of the engine and reads its rows.
pub fn run<T>(
    engine: &Engine,
    statement: &Statement,
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    Spi::connect(|_| run_statement(engine, statement, args, read))
}

/// The same where at most one row comes back.
pub fn run_one<T>(
    engine: &Engine,
    statement: &Statement,
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Option<T> {
    run(engine, statement, args, read).pop()
}

/// Runs a write without RETURNING, and answers how many rows it wrote.
pub fn write(engine: &Engine, statement: &Statement, args: &[Arg]) -> usize {
    Spi::connect(|_| {
        run_statement(engine, statement, args, |_| ());
        // SAFETY: a plain read of what SPI noted of the statement just run.
        unsafe { pg_sys::SPI_processed as usize }
    })
}

/// The same where it must be so many rows: one of the app's triggers may have swallowed one, and
/// then the whole call fails, rather than counting what is not there.
pub fn write_all(engine: &Engine, statement: &Statement, args: &[Arg], rows: usize) {
    if write(engine, statement, args) != rows {
        Error::WriteInterfered.raise();
    }
}

fn register(trigger: &PgTrigger) {
    // SAFETY: the trigger's data is PostgreSQL's own, valid for the length of the call.
    let status = unsafe {
        pg_sys::SPI_register_trigger_data(std::ptr::from_ref(trigger.trigger_data()).cast_mut())
    };
    assert!(
        status >= 0,
        "SPI_register_trigger_data failed with {status}"
    );
}

/// The same with the trigger's transition tables in view.
pub fn run_in_trigger<T>(
    engine: &Engine,
    trigger: &PgTrigger,
    statement: &Statement,
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    Spi::connect(|_| {
        register(trigger);
        run_statement(engine, statement, args, read)
    })
}

/// Runs a statement that answers whether it wrote all the rows it should; if not, the call fails.
pub fn run_whole(engine: &Engine, statement: &Statement, args: &[Arg]) {
    refuse_partial(run(engine, statement, args, |row| row.need(1)));
}

/// The same with the trigger's transition tables in view.
pub fn run_whole_in_trigger(engine: &Engine, trigger: &PgTrigger, statement: &Statement) {
    refuse_partial(run_in_trigger(engine, trigger, statement, &[], |row| {
        row.need(1)
    }));
}

fn refuse_partial(whole: Vec<bool>) {
    if whole != [true] {
        Error::WriteInterfered.raise();
    }
}

fn run_text<T>(
    engine: &Engine,
    text: String,
    types: &[pg_sys::Oid],
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    let known = with_plans(&engine.schema, |plans| plans.made.get(&text).cloned());
    let plan = known.unwrap_or_else(|| {
        let plan = prepare(&text, types, false);
        with_plans(&engine.schema, |plans| {
            if plans.made.len() >= MOST_MADE {
                plans.made.clear();
            }
            plans.made.insert(text, plan.clone())
        });
        plan
    });
    execute(&plan, Sees::Latest, args, read)
}

/// Runs a text over a user's table; the caller has taken on the owner's identity.
pub fn run_made<T>(
    engine: &Engine,
    text: String,
    types: &[pg_sys::Oid],
    args: &[Arg],
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    Spi::connect(|_| run_text(engine, text, types, args, read))
}

/// The same with the trigger's transition tables in view. Two tables may give one text: it must
/// name the attachment.
pub fn run_made_in_trigger<T>(
    engine: &Engine,
    trigger: &PgTrigger,
    text: String,
    read: impl FnMut(&Row) -> T,
) -> Vec<T> {
    Spi::connect(|_| {
        register(trigger);
        run_text(engine, text, &[], &[], read)
    })
}

/// Reads a user's table in batches, as its owner, with the caller's snapshot; what is done with a
/// batch is done as whoever called.
pub fn scan_made<T>(
    as_owner: impl Fn(&mut dyn FnMut()),
    text: &str,
    types: &[pg_sys::Oid],
    args: &[Arg],
    batch: i64,
    read: impl Fn(&Row) -> T,
    mut each: impl FnMut(Vec<T>),
) {
    Spi::connect(|_| {
        let mut portal = std::ptr::null_mut();
        as_owner(&mut || {
            let plan = prepare(text, types, true);
            let mut values: Vec<pg_sys::Datum> = args
                .iter()
                .map(|arg| arg.0.unwrap_or(pg_sys::Datum::from(0usize)))
                .collect();
            let nulls: Vec<std::ffi::c_char> = args
                .iter()
                .map(|arg| if arg.0.is_some() { b' ' } else { b'n' } as _)
                .collect();
            // SAFETY: the arrays are as long as the plan's arguments; the portal keeps what it
            // needs of the plan.
            portal = unsafe {
                pg_sys::SPI_cursor_open(
                    std::ptr::null(),
                    plan.plan.as_ptr(),
                    values.as_mut_ptr(),
                    nulls.as_ptr(),
                    true,
                )
            };
        });
        loop {
            let mut rows = Vec::new();
            // SAFETY: the portal is open, and each batch is read before it is freed.
            as_owner(&mut || unsafe {
                pg_sys::SPI_cursor_fetch(portal, true, batch as _);
                let table = pg_sys::SPI_tuptable;
                rows = (0..(*table).numvals as usize)
                    .map(|at| {
                        read(&Row {
                            tuple: *(*table).vals.add(at),
                            shape: (*table).tupdesc,
                        })
                    })
                    .collect();
                pg_sys::SPI_freetuptable(table);
            });
            if rows.is_empty() {
                break;
            }
            each(rows);
        }
        // SAFETY: the portal is ours and open.
        unsafe { pg_sys::SPI_cursor_close(portal) };
    });
}

/// Runs with a snapshot of this moment, in which what this call did so far is visible to stable
/// statements too. At REPEATABLE READ it also shows what others committed since: the caller holds a
/// lock that keeps them from adding more.
pub fn with_latest_snapshot<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: the snapshot is taken off again below; on an error the (sub)transaction's abort does.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        let result = run();
        pg_sys::PopActiveSnapshot();
        result
    }
}
