//! Long reads, in batches, and writes of all of a user's table.

use super::kept::{execute, prepare};
use super::values::{Arg, Row, SpiArgs};
use super::{Sees, Statement};
use crate::engine::{pinned, Engine};
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Reads what a statement answers in batches, with the caller's snapshot.
pub fn scan<T>(
    engine: &Engine,
    statement: &Statement,
    args: &[Arg],
    read: impl Fn(&Row) -> T,
    each: impl FnMut(Vec<T>),
) {
    let text = statement.text_for(engine);
    let as_engine = |run: &mut dyn FnMut()| pinned(run);
    scan_made(as_engine, &text, statement.types, args, BATCH, read, each);
}

/// Rows of a batch.
pub const BATCH: i64 = 10_000;

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
            plan.make_ready();
            let mut spi = SpiArgs::of(args);
            // SAFETY: the arrays are as long as the plan's arguments; the portal keeps what it
            // needs of the plan.
            portal = unsafe {
                pg_sys::SPI_cursor_open(
                    std::ptr::null(),
                    plan.plan.as_ptr(),
                    spi.values.as_mut_ptr(),
                    spi.nulls.as_ptr(),
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
                rows = Row::read_all(table, &read);
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

/// Runs a write over all of a user's table, and answers how many rows it wrote; the caller has taken on the
/// owner's identity. Such a plan is not kept.
pub fn write_made(text: &str) -> usize {
    Spi::connect(|_| {
        execute(&prepare(text, &[], true), Sees::Latest, &[], |_| ());
        // SAFETY: a plain read of what SPI noted of the statement just run.
        unsafe { pg_sys::SPI_processed as usize }
    })
}
