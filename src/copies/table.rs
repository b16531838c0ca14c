//! The app's table of items and copies as it is now: its columns, and who runs what over it.
//!
//! Every statement over it runs as its owner, like those over attached tables.

use super::registration::Names;
use crate::attach::checks::{self, shown, type_name, Checked, Table};
use crate::counters::own_code;
use crate::counters::registration::{qualified_name, table_owner};
use crate::engine::{as_owner, has_less_rights, quote, with_setting, Engine};
use crate::error::Error;
use crate::plans::{self, Row, Statement};
use pgrx::pg_sys::{
    self, BOOLOID, DATEOID, JSONBOID, JSONOID, OIDOID, TIMESTAMPOID, TIMESTAMPTZOID, UUIDOID,
};
use std::ffi::CString;

/// A column of the table.
#[derive(Debug, Clone)]
pub struct Column {
    /// As it is stored: a key of a copy's content.
    pub name: String,
    /// Quoted where needed.
    pub quoted: String,
    pub type_name: String,
    pub is_json: bool,
    pub generated: bool,
    /// What a row gets that leaves it out.
    pub default: Option<String>,
    /// Whether a unique index has it: another row can't have the same.
    pub unique: bool,
}

pub struct CopyTable {
    pub oid: pg_sys::Oid,
    /// Qualified and quoted.
    pub name: String,
    owner: pg_sys::Oid,
    search_path: CString,
    time_zone: CString,
    restricted: bool,
    pub columns: Vec<Column>,
    pub key: Checked,
    pub parent: Checked,
    pub available: Checked,
    pub borrower: Option<Checked>,
    pub due: Option<Checked>,
    pub contact: Option<Checked>,
    pub borrowed: Option<Checked>,
    pub parent_is_copy: bool,
}

static COLUMNS: Statement = Statement::fresh(
    "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
            CASE WHEN a.attidentity <> '' THEN pg_catalog.format('pg_catalog.nextval(%L::pg_catalog.regclass)',
                      pg_catalog.pg_get_serial_sequence(a.attrelid::pg_catalog.regclass::text, a.attname))
                 ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
            EXISTS (SELECT FROM pg_catalog.pg_index i
                     WHERE i.indrelid = a.attrelid AND i.indisunique
                       AND (a.attnum = ANY (i.indkey)
                            OR EXISTS (SELECT FROM pg_catalog.pg_depend u
                                        WHERE u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                          AND u.objid = i.indexrelid
                                          AND u.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                          AND u.refobjid = a.attrelid AND u.refobjsubid = a.attnum))),
            a.atttypid
       FROM pg_catalog.pg_attribute a
       LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum",
    &[OIDOID],
);

/// The same refusal in the words of this domain.
pub fn not_collapsed(error: Error) -> Error {
    match error {
        Error::CannotAttach {
            table,
            problem,
            hint,
        } => Error::CannotCollapse {
            table,
            problem,
            hint: match hint.as_str() {
                "Attach an ordinary table." => "Name an ordinary table.".to_owned(),
                _ => hint,
            },
        },
        other => other,
    }
}

impl CopyTable {
    /// The table with these columns, each of a type that can be.
    pub fn check(
        engine: &Engine,
        oid: pg_sys::Oid,
        names: &Names,
        parent_is_copy: bool,
        search_path: &str,
        time_zone: &str,
    ) -> Result<CopyTable, Error> {
        let table = checks::of(engine, oid);
        let refuse =
            |problem: String, hint: &str| not_collapsed(table.refusal(problem, hint.to_owned()));
        let any = |name: &String| table.any(name).map_err(not_collapsed);
        let optional = |name: &Option<String>| name.as_ref().map(any).transpose();
        let moment = |name: &Option<String>| -> Result<Option<Checked>, Error> {
            let found = optional(name)?;
            match &found {
                Some(column)
                    if ![DATEOID, TIMESTAMPOID, TIMESTAMPTZOID].contains(&column.base_type) =>
                {
                    Err(refuse(
                        format!(
                            "column {} is of type {}",
                            shown(&column.name),
                            type_name(column.base_type)
                        ),
                        "A time is a date, a timestamp or a timestamptz.",
                    ))
                }
                _ => Ok(found),
            }
        };
        let key = table.key(&names.key).map_err(not_collapsed)?;
        let parent = any(&names.parent)?;
        if parent.base_type != key.base_type {
            return Err(refuse(
                format!(
                    "column {} is of type {}, and the key of type {}",
                    shown(&parent.name),
                    type_name(parent.base_type),
                    type_name(key.base_type)
                ),
                "The column that names a copy's item holds keys of the same table.",
            ));
        }
        let available = any(&names.available)?;
        if available.base_type != BOOLOID {
            return Err(refuse(
                format!(
                    "column {} is of type {}",
                    shown(&available.name),
                    type_name(available.base_type)
                ),
                "Whether a copy is there is a boolean: add a column GENERATED ALWAYS AS one, and name it.",
            ));
        }
        let found = CopyTable {
            oid,
            name: qualified_name(oid).unwrap_or_else(|| table.name.clone()),
            owner: table_owner(oid).unwrap_or(engine.owner),
            search_path: c_string(search_path),
            time_zone: c_string(time_zone),
            restricted: false,
            columns: plans::run(engine, &COLUMNS, &[oid.into()], read_column),
            key,
            parent,
            available,
            borrower: optional(&names.borrower)?,
            due: moment(&names.due)?,
            contact: optional(&names.contact)?,
            borrowed: moment(&names.borrowed)?,
            parent_is_copy,
        };
        found.refuse_same_twice(&table)?;
        Ok(CopyTable {
            restricted: has_less_rights(found.owner) && own_code::is_carried_by(engine, oid),
            ..found
        })
    }

    fn refuse_same_twice(&self, table: &Table) -> Result<(), Error> {
        let columns = [
            Some(&self.key),
            Some(&self.parent),
            Some(&self.available),
            self.borrower.as_ref(),
            self.due.as_ref(),
            self.contact.as_ref(),
            self.borrowed.as_ref(),
        ];
        checks::refuse_same_twice(table, &columns).map_err(not_collapsed)
    }

    pub fn key_is_uuid(&self) -> bool {
        self.key.base_type == UUIDOID
    }

    pub fn owner(&self) -> pg_sys::Oid {
        self.owner
    }

    /// Runs as the table's owner, with values as text in the form in which every session reads them.
    pub fn as_owner<R>(&self, run: impl FnOnce() -> R) -> R {
        let path = self.search_path.to_string_lossy();
        as_owner(self.owner, &path, self.restricted, || {
            self.with_portable_text(run)
        })
    }

    /// As pg_dump sets them, in the time zone of the table's dates.
    pub fn with_portable_text<R>(&self, run: impl FnOnce() -> R) -> R {
        with_setting(c"DateStyle", c"ISO, YMD", true, || {
            with_setting(c"IntervalStyle", c"postgres", true, || {
                with_setting(c"extra_float_digits", c"1", true, || {
                    with_setting(c"TimeZone", &self.time_zone, true, run)
                })
            })
        })
    }

    /// Reads with the snapshot in force, as the owner, so many rows at a time.
    pub fn scan<T>(
        &self,
        text: &str,
        batch: i64,
        read: impl Fn(&Row) -> T,
        each: impl FnMut(Vec<T>),
    ) {
        let owner = |run: &mut dyn FnMut()| self.as_owner(run);
        plans::scan_made(owner, text, &[], &[], batch, read, each);
    }

    /// All rows of such a read, which are few.
    pub fn read<T>(&self, text: &str, read: impl Fn(&Row) -> T) -> Vec<T> {
        let mut all = Vec::new();
        self.scan(text, 1000, read, |rows| all.extend(rows));
        all
    }

    /// Columns that say where a copy is and who has it.
    pub fn state_columns(&self) -> Vec<&Column> {
        let named = [
            Some(&self.available),
            self.borrower.as_ref(),
            self.due.as_ref(),
            self.contact.as_ref(),
            self.borrowed.as_ref(),
        ];
        let is_named = |column: &Column| {
            named
                .iter()
                .flatten()
                .any(|checked| checked.name == column.name)
        };
        self.columns
            .iter()
            .filter(|column| is_named(column))
            .collect()
    }

    fn key_column(&self) -> &Column {
        let mut columns = self.columns.iter();
        columns
            .find(|column| column.name == self.key.name)
            .expect("the key is one of the columns")
    }

    /// Type of the key, for SQL text.
    pub fn key_type(&self) -> &str {
        &self.key_column().type_name
    }

    /// Whether a row can be made without naming its key.
    pub fn makes_keys(&self) -> bool {
        self.key_is_uuid() || self.key_column().default.is_some()
    }
}

fn read_column(row: &Row) -> Column {
    let name: String = row.need(1);
    Column {
        quoted: quote(&name),
        name,
        type_name: row.need(2),
        generated: row.need(3),
        default: row.get(4),
        unique: row.need(5),
        // SAFETY: a catalog lookup of a type that a column has.
        is_json: [JSONOID, JSONBOID].contains(&unsafe { pg_sys::getBaseType(row.need(6)) }),
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("a setting has no NUL")
}
