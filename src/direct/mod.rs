//! Direct access to the engine's own rows, below SQL: an index probe, a row version, its update or
//! insert, as the executor does them, without planning, starting and ending a statement for each.
//! A claim is a few such steps; through SQL each costs five to ten times as much.
//!
//! It is right only where SQL would do the same and nothing more. So a table is written directly only
//! while it carries no trigger, rule, constraint, generated column or child of anybody else's
//! ([`compare`]), and only rows of which the engine's own triggers have nothing to say. Else the SQL
//! statements run, and with them whatever an app has added.
//!
//! Of an app's own tables only rows of copies that became counts are removed so ([`remove`]).

mod compare;
mod indexes;
mod insert;
pub mod known;
mod new_row;
mod remove;
mod scan;
pub mod shape;
mod table;
mod tuple;
mod write;

pub use remove::{can_remove, remove_given};
pub use shape::{Column, Key, Shape};
pub use table::{Access, Table};
pub use tuple::{NewValues, Tuple};
pub use write::{Change, Updated, Updating};

use pgrx::pg_sys;

/// Runs with a snapshot in which all that this transaction did is visible and, at READ COMMITTED, all
/// that others committed: as SPI does for each statement that may write.
pub fn with_fresh_snapshot<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: the snapshot is taken off again below; on an error the (sub)transaction's abort does.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let result = run();
        pg_sys::PopActiveSnapshot();
        pg_sys::CommandCounterIncrement();
        result
    }
}
