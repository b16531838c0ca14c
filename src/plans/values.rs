//! What goes into a statement, and what comes out.

use crate::ids;
use pgrx::{pg_sys, FromDatum, IntoDatum};
use uuid::Uuid;

/// One argument of a statement.
pub struct Arg(pub(super) Option<pg_sys::Datum>);

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

    /// A column of any type that is passed by reference, for as long as the call lasts.
    pub fn kept(&self, number: i32) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: the copy goes to the memory of whoever connected to SPI; -1 stands for what has its
        // length in front.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.shape, number, &mut is_null);
            (!is_null).then(|| pg_sys::SPI_datumTransfer(datum, false, -1))
        }
    }

    /// A uuid column.
    pub fn maybe_id(&self, number: i32) -> Option<Uuid> {
        self.get(number).map(ids::from_pg)
    }
}

impl Row {
    /// The rows of an SPI answer, read while it lasts.
    ///
    /// # Safety
    /// `table` must be the answer of the statement just run on the open connection.
    pub(super) unsafe fn read_all<T>(
        table: *mut pg_sys::SPITupleTable,
        mut read: impl FnMut(&Row) -> T,
    ) -> Vec<T> {
        // SAFETY: the caller vouches for the answer; it has as many rows as it says.
        unsafe {
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
}

/// Arguments as SPI takes them.
pub(super) struct SpiArgs {
    pub values: Vec<pg_sys::Datum>,
    pub nulls: Vec<std::ffi::c_char>,
}

impl SpiArgs {
    pub fn of(args: &[Arg]) -> SpiArgs {
        let null = |arg: &Arg| if arg.0.is_some() { b' ' } else { b'n' };
        SpiArgs {
            values: args
                .iter()
                .map(|arg| arg.0.unwrap_or(pg_sys::Datum::from(0usize)))
                .collect(),
            nulls: args.iter().map(|arg| null(arg) as _).collect(),
        }
    }
}
