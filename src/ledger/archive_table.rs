//! A table of the user's that holds archived lines. Whoever archives must be allowed to write it; it is
//! written and read as its owner, with the owner's code and never with the engine's rights or the caller's.

use crate::counters::registration::{qualified_name, table_name, table_owner};
use crate::direct::shape::MOVEMENTS;
use crate::engine::{as_engine, as_owner, current_user, has_less_rights, Engine};
use crate::error::Error;
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, OIDOID, TEXTARRAYOID};
use std::ffi::CString;

pub struct ArchiveTable {
    pub oid: pg_sys::Oid,
    /// Schema and name, quoted where needed.
    pub name: String,
    owner: pg_sys::Oid,
}

/// The table, its partitions and what they are.
static KINDS: Statement = Statement::fresh(
    "SELECT bool_and(c.relkind IN ('r', 'p')), bool_and(c.relpersistence = 'p'),
            bool_or(EXISTS (
              SELECT FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'stockroom'
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'))
       FROM pg_catalog.pg_class c
      WHERE c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass))",
    &[OIDOID],
);
static MISSING: Statement = Statement::fresh(
    "SELECT string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
       FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = pg_catalog.to_regclass('{s}.stock_movements') AND a.attname = ANY ($2::text[])
        AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_attribute t
               WHERE t.attrelid = $1 AND t.attname = a.attname AND t.atttypid = a.atttypid
                 AND t.atttypmod IN (-1, a.atttypmod) AND t.attgenerated = '' AND t.attidentity = '')",
    &[OIDOID, TEXTARRAYOID],
);

fn refusal(table: pg_sys::Oid, problem: impl Into<String>) -> Error {
    Error::CannotArchive {
        table: table_name(table),
        problem: problem.into(),
        hint: "Archive into an ordinary or partitioned table made with CREATE TABLE … (LIKE stock_movements).",
    }
}

impl ArchiveTable {
    /// Locks it, if the caller may write it.
    pub fn to_write(engine: &Engine, table: pg_sys::Oid) -> Result<ArchiveTable, Error> {
        let archive = ArchiveTable::open(
            table,
            pg_sys::ACL_INSERT as pg_sys::AclMode,
            pg_sys::RowExclusiveLock,
        )?;
        as_engine(engine, || archive.check_kind(engine))?;
        Ok(archive)
    }

    /// The same to read it; a view over several tables will do.
    pub fn to_read(engine: &Engine, table: pg_sys::Oid) -> Result<ArchiveTable, Error> {
        let archive = ArchiveTable::open(
            table,
            pg_sys::ACL_SELECT as pg_sys::AclMode,
            pg_sys::AccessShareLock,
        )?;
        as_engine(engine, || archive.check_columns(engine))?;
        Ok(archive)
    }

    fn open(table: pg_sys::Oid, right: pg_sys::AclMode, lock: u32) -> Result<ArchiveTable, Error> {
        check_right(table, right)?;
        // SAFETY: held to the end of the transaction; the table may be gone, or another's, afterwards.
        unsafe { pg_sys::LockRelationOid(table, lock as i32) };
        check_right(table, right)?;
        let found = qualified_name(table).zip(table_owner(table));
        let (name, owner) = found.ok_or_else(|| refusal(table, "there is no such table"))?;
        Ok(ArchiveTable {
            oid: table,
            name,
            owner,
        })
    }

    fn check_kind(&self, engine: &Engine) -> Result<(), Error> {
        let kinds = plans::run_one(engine, &KINDS, &[self.oid.into()], |row| {
            [1, 2, 3].map(|at| row.need::<bool>(at))
        });
        let problem = match kinds {
            Some([_, _, true]) => "it belongs to stockroom itself",
            Some([false, ..]) => "it is no ordinary table, or a partition of it is none",
            Some([_, false, _]) => "what it keeps does not outlive a crash",
            _ => return self.check_columns(engine),
        };
        Err(refusal(self.oid, problem))
    }

    fn check_columns(&self, engine: &Engine) -> Result<(), Error> {
        let names: Vec<&str> = MOVEMENTS.columns.iter().map(|(name, _)| *name).collect();
        let args = [self.oid.into(), names.into()];
        let missing = plans::run_one(engine, &MISSING, &args, |row| row.get::<String>(1));
        match missing.flatten() {
            Some(columns) => Err(refusal(self.oid, format!("it lacks {columns}"))),
            None => Ok(()),
        }
    }

    /// Runs a statement over the table as its owner.
    pub fn as_owner<R>(&self, search_path: &str, run: impl FnOnce() -> R) -> R {
        as_owner(self.owner, search_path, has_less_rights(self.owner), run)
    }
}

fn check_right(table: pg_sys::Oid, right: pg_sys::AclMode) -> Result<(), Error> {
    let Some(name) = qualified_name(table) else {
        return Err(refusal(table, "there is no such table"));
    };
    // SAFETY: a lookup in the catalog, and PostgreSQL's own error.
    unsafe {
        let checked = pg_sys::pg_class_aclcheck(table, current_user(), right);
        if checked != pg_sys::AclResult::ACLCHECK_OK {
            let name = CString::new(name).expect("a name has no NUL");
            pg_sys::aclcheck_error(checked, pg_sys::ObjectType::OBJECT_TABLE, name.as_ptr());
        }
    }
    Ok(())
}
