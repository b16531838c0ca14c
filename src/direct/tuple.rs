//! Values of a row version: read from a slot, and changed for the next version.

use super::Column;
use crate::ids;
use pgrx::{pg_sys, FromDatum, IntoDatum};
use uuid::Uuid;

/// A row version while the scan that found it stands on it.
pub struct Tuple {
    pub(super) slot: *mut pg_sys::TupleTableSlot,
}

impl Tuple {
    /// Whether this version was written by the running transaction.
    pub(super) fn is_own(&self) -> bool {
        let mut is_null = false;
        // SAFETY: a scan stores versions with their header, which every such slot can tell.
        unsafe {
            let writer = pg_sys::slot_getsysattr(
                self.slot,
                pg_sys::MinTransactionIdAttributeNumber,
                &mut is_null,
            );
            pg_sys::TransactionId::from_datum(writer, is_null)
                .is_some_and(|writer| pg_sys::TransactionIdIsCurrentTransactionId(writer))
        }
    }

    /// A column's value; None where NULL. `T` must be its type, or one of the same representation.
    pub fn get<T: FromDatum>(&self, column: Column) -> Option<T> {
        let at = column.0 as usize - 1;
        // SAFETY: the slot holds a row of a table whose columns were compared with the shape, and
        // what is returned is a copy.
        unsafe {
            // A call into PostgreSQL costs more than the value: one brings all columns up to this one.
            if i32::from((*self.slot).tts_nvalid) <= at as i32 {
                pg_sys::slot_getsomeattrs_int(self.slot, column.0.into());
            }
            T::from_datum(
                *(*self.slot).tts_values.add(at),
                *(*self.slot).tts_isnull.add(at),
            )
        }
    }

    /// A column that is never NULL.
    pub fn need<T: FromDatum>(&self, column: Column) -> T {
        self.get(column)
            .unwrap_or_else(|| panic!("column {} is NULL", column.0))
    }

    /// A uuid column that is never NULL.
    pub fn id(&self, column: Column) -> Uuid {
        ids::from_pg(self.need(column))
    }

    /// A uuid column.
    pub fn maybe_id(&self, column: Column) -> Option<Uuid> {
        self.get(column).map(ids::from_pg)
    }
}

/// Values of some columns of a row to be written.
#[derive(Default)]
pub struct NewValues(pub(super) Vec<(Column, Option<pg_sys::Datum>)>);

impl NewValues {
    pub fn set(&mut self, column: Column, value: impl IntoDatum) {
        self.0.push((column, value.into_datum()));
    }

    /// A value that is PostgreSQL's already.
    pub fn set_raw(&mut self, column: Column, value: Option<pg_sys::Datum>) {
        self.0.push((column, value));
    }

    pub fn set_id(&mut self, column: Column, value: Uuid) {
        self.set(column, ids::to_pg(value));
    }
}
