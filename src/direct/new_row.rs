//! A row version that is put together before it is written.

use super::{NewValues, Table};
use crate::engine::c_text;
use pgrx::prelude::*;
use pgrx::PgTupleDesc;

/// A slot for a row, dropped with its scope.
pub(super) struct NewRow(pub(super) *mut pg_sys::TupleTableSlot);

impl NewRow {
    /// A row whose columns `fill` has set.
    pub unsafe fn of(
        table: &Table,
        fill: impl FnOnce(*mut pg_sys::Datum, *mut bool, usize),
    ) -> NewRow {
        // SAFETY: a virtual slot has room for all columns of its descriptor.
        unsafe {
            let columns = (*table.relation).rd_att;
            let row = NewRow(pg_sys::MakeSingleTupleTableSlot(
                columns,
                &raw const pg_sys::TTSOpsVirtual,
            ));
            fill(
                (*row.0).tts_values,
                (*row.0).tts_isnull,
                (*columns).natts as usize,
            );
            pg_sys::ExecStoreVirtualTuple(row.0);
            (*row.0).tts_tableOid = (*table.relation).rd_id;
            row
        }
    }

    /// A row of these values, NULL elsewhere.
    pub unsafe fn of_values(table: &Table, values: &NewValues) -> NewRow {
        // SAFETY: the row has the table's own columns.
        unsafe {
            let row = NewRow::of(table, |_, nulls, count| {
                std::ptr::write_bytes(nulls, 1, count);
            });
            set(&row, values);
            refuse_nulls(table, &row);
            row
        }
    }
}

/// What we leave empty an owner may have made NOT NULL.
unsafe fn refuse_nulls(table: &Table, row: &NewRow) {
    // SAFETY: the row has the table's own columns.
    unsafe {
        let columns = PgTupleDesc::from_pg_unchecked((*table.relation).rd_att);
        for (at, column) in columns.iter().enumerate() {
            if column.attnotnull && *(*row.0).tts_isnull.add(at) {
                let name = c_text(&raw const (*(*table.relation).rd_rel).relname.data[0]);
                let column = column.name().to_owned();
                ereport!(
                    ERROR,
                    PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION,
                    format!("null value in column \"{column}\" of relation \"{name}\" violates not-null constraint")
                );
            }
        }
    }
}

impl Drop for NewRow {
    fn drop(&mut self) {
        // On an error its memory goes with the call's memory context.
        if !std::thread::panicking() {
            // SAFETY: made for this struct, and dropped only here.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
        }
    }
}

pub(super) unsafe fn set(row: &NewRow, values: &NewValues) {
    for (column, value) in &values.0 {
        let at = column.0 as usize - 1;
        // SAFETY: columns come from the shape that the table was compared with.
        unsafe {
            *(*row.0).tts_isnull.add(at) = value.is_none();
            if let Some(value) = value {
                *(*row.0).tts_values.add(at) = *value;
            }
        }
    }
}
