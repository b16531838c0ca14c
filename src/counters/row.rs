//! Rows in the hands of BEFORE triggers.

use crate::error::Error;
use crate::plans::Statement;
use pgrx::datum::UnboxDatum;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;
use pgrx::{AllocatedByPostgres, AllocatedByRust, FromDatum, IntoDatum, PgTupleDesc, WhoAllocated};
use std::ffi::CString;
use uuid::Uuid;

/// What a row trigger gives back; errors are raised where they are found.
pub type Answer<'a> =
    Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, std::convert::Infallible>;

/// A column's value; None where NULL.
pub fn field<T, A>(row: &PgHeapTuple<'_, A>, column: &str) -> Option<T>
where
    T: FromDatum + IntoDatum + for<'t> UnboxDatum<As<'t> = T> + 'static,
    A: WhoAllocated,
{
    row.get_by_name(column)
        .unwrap_or_else(|error| panic!("column {column}: {error}"))
}

/// A uuid column's value.
pub fn id<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, column: &str) -> Option<Uuid> {
    field::<pgrx::Uuid, A>(row, column).map(crate::ids::from_pg)
}

/// The elements of an array column of the new row; None where NULL.
pub fn array<T>(trigger: &PgTrigger, column: &str) -> Option<Vec<Option<T>>>
where
    Vec<Option<T>>: FromDatum,
{
    let data = trigger.trigger_data();
    let row = match trigger.event().fired_by_update() {
        true => data.tg_newtuple,
        false => data.tg_trigtuple,
    };
    let name = CString::new(column).expect("a column's name has no NUL");
    // SAFETY: the row is the trigger's, of the relation that is open while it runs.
    unsafe {
        let shape = (*data.tg_relation).rd_att;
        let number = pg_sys::SPI_fnumber(shape, name.as_ptr());
        let mut is_null = false;
        let value = pg_sys::SPI_getbinval(row, shape, number, &mut is_null);
        Vec::from_datum(value, is_null)
    }
}

/// Whether a statement trigger's transition tables hold no row: a statement that hit nothing, such
/// as a foreign key's cascade where the children have gone before.
pub fn hit_nothing(trigger: &PgTrigger) -> bool {
    let data = trigger.trigger_data();
    let is_empty = |rows: *mut pg_sys::Tuplestorestate| {
        // SAFETY: a transition table that is there is valid for the length of the trigger's call.
        rows.is_null() || unsafe { pg_sys::tuplestore_tuple_count(rows) } == 0
    };
    !trigger.event().fired_by_truncate() && is_empty(data.tg_oldtable) && is_empty(data.tg_newtable)
}

/// What a statement trigger runs, by the event that it fired for.
pub fn of_event<'s>(
    trigger: &PgTrigger,
    inserted: &'s Statement,
    updated: &'s Statement,
    deleted: &'s Statement,
    truncated: &'s Statement,
) -> &'s Statement {
    let event = trigger.event();
    if event.fired_by_insert() {
        inserted
    } else if event.fired_by_update() {
        updated
    } else if event.fired_by_delete() {
        deleted
    } else {
        truncated
    }
}

/// A copy of the row that a trigger fired for, to be changed and given back.
pub struct NewRow<'a> {
    row: PgHeapTuple<'a, AllocatedByRust>,
    trigger: &'a PgTrigger<'a>,
}

impl<'a> NewRow<'a> {
    pub fn of(trigger: &'a PgTrigger<'a>) -> NewRow<'a> {
        let row = trigger
            .new()
            .expect("a row trigger on INSERT or UPDATE has a new row")
            .into_owned();
        NewRow { row, trigger }
    }

    pub fn field<T>(&self, column: &str) -> Option<T>
    where
        T: FromDatum + IntoDatum + for<'t> UnboxDatum<As<'t> = T> + 'static,
    {
        field(&self.row, column)
    }

    pub fn id(&self, column: &str) -> Option<Uuid> {
        id(&self.row, column)
    }

    pub fn set<T: IntoDatum>(&mut self, column: &str, value: T) {
        self.row
            .set_by_name(column, value)
            .unwrap_or_else(|error| panic!("column {column}: {error}"));
    }

    /// Puts integer columns back to what they were; to 0 in a new row.
    pub fn keep_counters(&mut self, columns: &[&str]) {
        let old = self.trigger.old();
        for column in columns {
            self.set(
                column,
                old.as_ref()
                    .map_or(0, |old| field::<i32, _>(old, column).unwrap_or(0)),
            );
        }
    }

    /// Refuses another value in a uuid column that cannot change.
    pub fn refuse_change(&self, table: &'static str, columns: &[&'static str]) {
        let Some(old) = self.trigger.old() else {
            return;
        };
        for column in columns {
            if id(&old, column) != self.id(column) {
                Error::KeyFixed { table, column }.raise();
            }
        }
    }

    /// The same in a text column.
    pub fn refuse_text_change(&self, table: &'static str, columns: &[&'static str]) {
        let Some(old) = self.trigger.old() else {
            return;
        };
        for column in columns {
            if field::<String, _>(&old, column) != self.field::<String>(column) {
                Error::KeyFixed { table, column }.raise();
            }
        }
    }

    /// updated_at, unless the client set it itself.
    pub fn touch(&mut self) {
        let given: Option<TimestampWithTimeZone> = self.field("updated_at");
        let before = self
            .trigger
            .old()
            .and_then(|old| field::<TimestampWithTimeZone, _>(&old, "updated_at"));
        if given.is_none() || given == before {
            self.set("updated_at", crate::clock::now());
        }
    }

    pub fn give_back(self) -> PgHeapTuple<'a, AllocatedByPostgres> {
        // SAFETY: the copy was made with the relation's own descriptor, and lives in the memory
        // context of the trigger's call, as PostgreSQL expects of a changed row.
        unsafe {
            let shape = (*self.trigger.trigger_data().tg_relation).rd_att;
            PgHeapTuple::from_heap_tuple(PgTupleDesc::from_pg_unchecked(shape), self.row.into_pg())
        }
    }
}
