//! Statements of the engine, run over SPI: each SQL text is prepared once a backend, as a generic plan,
//! because with array arguments PostgreSQL would plan anew at every call.
//!
//! A plan made while the tables are small would scan them, and be kept while they grow, until the
//! next ANALYZE: a new shop would slow down by the minute. So where there is an index, it is used
//! whatever the size.

mod kept;
mod scan;
mod values;

pub use scan::{scan, scan_made, write_made, BATCH};
pub use values::{id, id_list, maybe_id, raw, Arg, Row};

use crate::engine::{pinned, with_setting, Engine};
use crate::error::Error;
use kept::{execute, prepare, with_plans, MOST_MADE};
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::trigger_support::PgTrigger;

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

    fn text_for(&self, engine: &Engine) -> String {
        self.text.replace("{s}", &engine.schema)
    }

    /// The same for a statement that reads whole tables.
    pub const fn of_whole_tables(self) -> Statement {
        Statement {
            whole_tables: true,
            ..self
        }
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
    pinned(|| {
        let plan = known.unwrap_or_else(|| {
            let plan = prepare(
                &statement.text_for(engine),
                statement.types,
                statement.whole_tables,
            );
            with_plans(&engine.schema, |plans| plans.own.insert(key, plan.clone()));
            plan
        });
        execute(&plan, statement.sees, args, read)
    })
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

/// Runs a text whose plan is not kept: over tables that the call has made or filled itself, read whole.
/// The planner knows little of their size; a nested loop is what would be slow where it is wrong, and
/// compiling to machine code because of what it is thought to cost.
pub fn run_once<T>(text: &str, read: impl FnMut(&Row) -> T) -> Vec<T> {
    with_setting(c"jit", c"off", true, || {
        with_setting(c"enable_nestloop", c"off", true, || {
            Spi::connect(|_| execute(&prepare(text, &[], true), Sees::Latest, &[], read))
        })
    })
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
