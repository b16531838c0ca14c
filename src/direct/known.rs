//! Whether a table may be accessed directly: looked up once a backend, and again when PostgreSQL
//! says that something about the table has changed.

use super::Shape;
use pgrx::{pg_sys, PgTupleDesc};
use std::cell::{Cell, RefCell};
use std::ffi::CStr;

/// More indexes than any shape names.
const MOST_INDEXES: usize = 2;

/// What is known of a table whose columns and indexes are as its shape says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub indexes: [pg_sys::Oid; MOST_INDEXES],
    /// A direct UPDATE of counters does what SQL would do.
    pub updatable: bool,
    /// So does a direct INSERT.
    pub insertable: bool,
}

thread_local! {
    static KNOWN: RefCell<Vec<(pg_sys::Oid, Option<Known>)>> = const { RefCell::new(Vec::new()) };
    /// Counts what PostgreSQL said has changed: a look-up that was overtaken is not kept.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

unsafe extern "C-unwind" fn table_changed(_: pg_sys::Datum, table: pg_sys::Oid) {
    CHANGES.set(CHANGES.get() + 1);
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(oid, _)| table != pg_sys::InvalidOid && *oid != table);
    });
}

/// Asks to be told of changed tables; called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback touches only this module's thread-locals.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(table_changed), pg_sys::Datum::from(0usize));
    }
}

/// What is known of this open table; None where it is not as its shape says.
pub(super) fn of(table: pg_sys::Relation, shape: &Shape, schema: pg_sys::Oid) -> Option<Known> {
    // SAFETY: the caller holds the table open.
    let oid = unsafe { (*table).rd_id };
    let found = KNOWN.with_borrow(|known| {
        let mut known = known.iter();
        known
            .find(|(known, _)| *known == oid)
            .map(|(_, what)| *what)
    });
    found.unwrap_or_else(|| {
        let before = CHANGES.get();
        // SAFETY: the table is open and locked.
        let what = unsafe { look(table, shape, schema) };
        if CHANGES.get() == before {
            KNOWN.with_borrow_mut(|known| known.push((oid, what)));
        }
        what
    })
}

/// # Safety
/// The table must be open.
unsafe fn look(table: pg_sys::Relation, shape: &Shape, schema: pg_sys::Oid) -> Option<Known> {
    // SAFETY: reads the table's entry in the relation cache, which stays while it is open.
    unsafe {
        if !has_columns((*table).rd_att, shape) {
            return None;
        }
        let mut indexes = [pg_sys::InvalidOid; MOST_INDEXES];
        for (place, name) in shape.indexes.iter().enumerate() {
            let index = pg_sys::get_relname_relid(name.as_ptr(), schema);
            if index == pg_sys::InvalidOid
                || pg_sys::IndexGetRelation(index, true) != (*table).rd_id
            {
                return None;
            }
            indexes[place] = index;
        }
        let class = &*(*table).rd_rel;
        let plain = class.relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
            && !class.relhassubclass
            && (*table).rd_rules.is_null()
            && only_our_checks((*table).rd_att, shape);
        let columns = (*(*table).rd_att).natts as usize;
        Some(Known {
            indexes,
            updatable: plain && !others_triggers(table, schema, Event::Update),
            insertable: plain
                && columns == shape.columns.len()
                && !others_triggers(table, schema, Event::Insert),
        })
    }
}

unsafe fn has_columns(columns: pg_sys::TupleDesc, shape: &Shape) -> bool {
    // SAFETY: the relation cache keeps the descriptor while the table is open.
    let columns = unsafe { PgTupleDesc::from_pg_unchecked(columns) };
    columns.len() >= shape.columns.len()
        && columns.iter().enumerate().all(|(at, column)| {
            let is_generated = column.attgenerated != 0;
            match shape.columns.get(at) {
                Some(ours) => {
                    column.name() == *ours
                        && !column.attisdropped
                        && is_generated == shape.generated.contains(ours)
                }
                None => !is_generated,
            }
        })
}

unsafe fn only_our_checks(columns: pg_sys::TupleDesc, shape: &Shape) -> bool {
    // SAFETY: the constraints are as many as they say.
    unsafe {
        let constraints = (*columns).constr;
        if constraints.is_null() {
            return true;
        }
        let table = shape.table.to_bytes();
        (0..(*constraints).num_check as usize).all(|at| {
            let name = CStr::from_ptr((*(*constraints).check.add(at)).ccname).to_bytes();
            let ours = |column: &&str| [table, b"_", column.as_bytes(), b"_check"].concat() == name;
            shape.checked.iter().any(ours)
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Event {
    Insert,
    Update,
}

/// Whether a trigger of somebody else's fires at this event. Ours would stand aside; those of foreign
/// keys have nothing to say of an UPDATE that changes no key.
unsafe fn others_triggers(table: pg_sys::Relation, schema: pg_sys::Oid, event: Event) -> bool {
    // SAFETY: the table is open; its triggers are as many as they say.
    unsafe {
        let triggers = (*table).trigdesc;
        if triggers.is_null() {
            return false;
        }
        let bit = match event {
            Event::Insert => pg_sys::TRIGGER_TYPE_INSERT,
            Event::Update => pg_sys::TRIGGER_TYPE_UPDATE,
        };
        (0..(*triggers).numtriggers as usize).any(|at| {
            let trigger = &*(*triggers).triggers.add(at);
            let fires = i32::from(trigger.tgtype) & bit as i32 != 0;
            let ours = CStr::from_ptr(trigger.tgname)
                .to_bytes()
                .starts_with(b"stockroom_")
                && pg_sys::get_func_namespace(trigger.tgfoid) == schema;
            let foreign_key = trigger.tgisinternal
                && (pg_sys::F_RI_FKEY_CHECK_INS..=pg_sys::F_RI_FKEY_NOACTION_UPD)
                    .contains(&trigger.tgfoid.to_u32());
            fires && !ours && !(foreign_key && event == Event::Update)
        })
    }
}
