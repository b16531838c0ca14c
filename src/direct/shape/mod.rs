//! What the code below SQL takes for granted of a table: its columns, checks, defaults and indexes.
//! [`super::known`] compares it with the catalog before anything relies on it.

mod bookings;
mod stock;

pub use bookings::*;
pub use stock::*;

use pgrx::pg_sys::Oid;
use std::ffi::CStr;
use uuid::Uuid;

/// A table of the engine. Expressions are as PostgreSQL prints them.
pub struct Shape {
    pub table: &'static CStr,
    /// The columns of CREATE TABLE with their types, in their order.
    pub columns: &'static [(&'static str, Oid)],
    /// CHECKs of ours. Direct writes need not run them: what the engine writes keeps them.
    pub checks: &'static [&'static str],
    /// Columns that a direct UPDATE changes.
    pub written: &'static [&'static str],
    /// Columns that PostgreSQL would compute; whoever writes directly computes them too.
    pub generated: &'static [(&'static str, &'static str)],
    /// Defaults of the columns that an INSERT of the engine leaves out; whoever inserts directly
    /// fills them in too. None is NULL.
    pub left_out: &'static [(&'static str, Option<&'static str>)],
    /// Indexes that are probed or that have a predicate; the first is the primary key's.
    pub indexes: &'static [Index],
}

/// A btree index, ascending.
pub struct Index {
    pub name: &'static CStr,
    /// Whether no two rows have the same key in it.
    pub unique: bool,
    pub columns: &'static [&'static str],
    /// Columns that it has besides, so that the row need not be fetched for them.
    pub included: &'static [&'static str],
    pub predicate: Option<&'static str>,
}

/// A column's number, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column(pub i16);

/// Place of an index in a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexPlace(pub usize);

/// A column's place in an index's entries.
#[derive(Debug, Clone, Copy)]
pub struct EntryColumn(pub usize);

/// Index of the primary key.
pub const PRIMARY: IndexPlace = IndexPlace(0);

/// A value that an index is probed with.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    Id(Uuid),
    Text(&'a str),
    /// A date in PostgreSQL's days.
    Date(i32),
    /// All dates from the first to the second; for the last column only.
    Dates(i32, i32),
    /// All moments up to this one, in PostgreSQL's own microseconds; for the last column only.
    UpTo(i64),
}

impl Shape {
    /// Number of a column; an unknown name does not compile.
    pub const fn column(&self, name: &str) -> Column {
        let mut at = 0;
        while at < self.columns.len() {
            if same(self.columns[at].0, name) {
                return Column(at as i16 + 1);
            }
            at += 1;
        }
        panic!("no such column")
    }

    /// Place of a column that an index has besides its own; an unknown name does not compile.
    pub const fn included(&self, index: IndexPlace, name: &str) -> EntryColumn {
        let index = &self.indexes[index.0];
        let mut at = 0;
        while at < index.included.len() {
            if same(index.included[at], name) {
                return EntryColumn(index.columns.len() + at);
            }
            at += 1;
        }
        panic!("no such column in the index")
    }

    /// Whether a direct UPDATE changes this column.
    pub fn writes(&self, column: Column) -> bool {
        self.written.iter().any(|name| self.column(name) == column)
    }
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
