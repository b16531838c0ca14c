//! Whether a table of the app carries code of its owner's: code that our write would run.

use crate::engine::Engine;
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, OIDOID};
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;

/// Triggers but the extension's own; rules; columns of types that bring code along; functions and
/// operators in checks, generated columns and indexes (PostgreSQL records no dependency on its own).
static CARRIES_CODE: Statement = Statement::fresh(
    "SELECT EXISTS (
              SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND NOT EXISTS (
                       SELECT FROM pg_catalog.pg_depend m
                         JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
                        WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = t.tgfoid
                          AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                          AND m.deptype = 'e' AND e.extname = 'stockroom'))
         OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1)
         OR EXISTS (
              SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
               WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
                 AND (t.typtype IN ('d', 'c', 'm') OR (t.typtype = 'r' AND t.oid >= 16384)))
         OR EXISTS (
              SELECT FROM pg_catalog.pg_depend d
               WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                      'pg_catalog.pg_operator'::pg_catalog.regclass)
                 AND (d.classid, d.objid) IN (
                       SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, c.oid
                         FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1
                       UNION ALL
                       SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, f.oid
                         FROM pg_catalog.pg_attrdef f WHERE f.adrelid = $1
                       UNION ALL
                       SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
                         FROM pg_catalog.pg_index i WHERE i.indrelid = $1))",
    &[OIDOID],
);

thread_local! {
    /// Forgotten when the table changes. No destructor may run at backend exit.
    static KNOWN: RefCell<Option<ManuallyDrop<HashMap<pg_sys::Oid, bool>>>> =
        const { RefCell::new(None) };
}

unsafe extern "C-unwind" fn table_changed(_: pg_sys::Datum, table: pg_sys::Oid) {
    KNOWN.with_borrow_mut(|known| {
        if let Some(known) = known {
            if table == pg_sys::InvalidOid {
                known.clear();
            } else {
                known.remove(&table);
            }
        }
    });
}

/// Asks to be told of changed tables; called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback touches only this module's thread-local.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(table_changed), pg_sys::Datum::from(0usize));
    }
}

/// Whether a write to the table runs code of its owner's.
pub fn is_carried_by(engine: &Engine, table: pg_sys::Oid) -> bool {
    let known =
        KNOWN.with_borrow(|known| known.as_ref().and_then(|known| known.get(&table).copied()));
    known.unwrap_or_else(|| {
        let carried = plans::run(engine, &CARRIES_CODE, &[table.into()], |row| {
            row.need::<bool>(1)
        }) != [false];
        KNOWN.with_borrow_mut(|known| {
            known
                .get_or_insert_with(Default::default)
                .insert(table, carried);
        });
        carried
    })
}
