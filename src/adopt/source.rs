//! A table of the app that is read: what the catalog says of it, and reading it as its owner.

use crate::counters::registration::{table_name, table_owner};
use crate::engine::{as_owner, quote, Engine};
use crate::error::Error;
use crate::plans::{self, Arg, Row, Statement};
use pgrx::pg_sys::{
    self, BOOLOID, DATEOID, INT2OID, INT4OID, INT8OID, NUMERICOID, OIDOID, TIMESTAMPOID,
    TIMESTAMPTZOID, UUIDOID,
};
use stockroom_core::adopt::Kind;

/// Rows read at a time.
pub const BATCH: i64 = 10_000;

pub struct Source {
    pub oid: pg_sys::Oid,
    /// Qualified, quoted where needed.
    pub name: String,
    owner: pg_sys::Oid,
    /// The caller's: a view's own functions may look names up.
    search_path: String,
    pub columns: Vec<SourceColumn>,
}

#[derive(Debug, Clone)]
pub struct SourceColumn {
    pub name: String,
    pub type_name: String,
    pub kind: Kind,
    pub is_uuid: bool,
    /// The primary key by itself.
    pub is_key: bool,
    /// The table that it refers to by itself.
    pub references: Option<pg_sys::Oid>,
}

static TABLE: Statement = Statement::stable(
    "SELECT c.relkind::text, c.relpersistence::text,
            n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'),
            EXISTS (SELECT FROM pg_catalog.pg_depend m
                      JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
                     WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid
                       AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                       AND m.deptype = 'e' AND e.extname = 'stockroom')
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = $1",
    &[OIDOID],
);
static COLUMNS: Statement = Statement::stable(
    "SELECT a.attname::text, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typcategory::text,
            EXISTS (SELECT FROM pg_catalog.pg_index i
                     WHERE i.indrelid = a.attrelid AND i.indisprimary AND i.indnkeyatts = 1
                       AND i.indkey[0] = a.attnum),
            (SELECT c.confrelid FROM pg_catalog.pg_constraint c
              WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum]
              ORDER BY c.oid LIMIT 1)
       FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum",
    &[OIDOID],
);

impl Source {
    /// Tables, partitioned tables, views, materialized views and foreign tables can be read.
    pub fn of(engine: &Engine, oid: pg_sys::Oid, search_path: &str) -> Result<Source, Error> {
        let name = table_name(oid);
        let refusal =
            |problem: &str| refusal(&name, problem, "Name a table or a view of the app's own.");
        let kind = plans::run_one(engine, &TABLE, &[oid.into()], |row| {
            let flags = [3, 4].map(|at| row.need::<bool>(at));
            (row.need::<String>(1), row.need::<String>(2), flags)
        });
        let (Some((kind, persistence, [system, ours])), Some(owner)) = (kind, table_owner(oid))
        else {
            return Err(refusal("there is no such table"));
        };
        if ours {
            return Err(refusal("it belongs to stockroom itself"));
        }
        if system {
            return Err(refusal("it is a system catalog"));
        }
        if persistence == "t" {
            return Err(refusal("it is a temporary table"));
        }
        if !["r", "p", "v", "m", "f"].contains(&kind.as_str()) {
            return Err(refusal("it is no table"));
        }
        let columns = plans::run(engine, &COLUMNS, &[oid.into()], |row| {
            // SAFETY: a catalog lookup of a type that a column has.
            let base_type = unsafe { pg_sys::getBaseType(row.need(2)) };
            SourceColumn {
                name: row.need(1),
                type_name: row.need(3),
                kind: kind_of(base_type, &row.need::<String>(4)),
                is_uuid: base_type == UUIDOID,
                is_key: row.need(5),
                references: row.get(6),
            }
        });
        Ok(Source {
            oid,
            name,
            owner,
            search_path: search_path.to_owned(),
            columns,
        })
    }

    pub fn column(&self, name: &str) -> Option<&SourceColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Runs over the table as its owner; restricted, for reading needs nothing that outlives it.
    pub fn as_owner<R>(&self, run: impl FnOnce() -> R) -> R {
        as_owner(self.owner, &self.search_path, true, run)
    }

    /// Reads these expressions over the rows named `t` in batches.
    pub fn scan<T>(
        &self,
        expressions: &[String],
        filter: Option<(&SourceColumn, Arg)>,
        read: impl Fn(&Row) -> T,
        each: impl FnMut(Vec<T>),
    ) {
        let mut text = format!("SELECT {} FROM {} AS t", expressions.join(", "), self.name);
        let (mut types, mut args) = (Vec::new(), Vec::new());
        if let Some((column, value)) = filter {
            text.push_str(&format!(
                " WHERE t.{}::pg_catalog.uuid OPERATOR(pg_catalog.=) $1",
                quote(&column.name)
            ));
            types.push(UUIDOID);
            args.push(value);
        }
        let owner = |run: &mut dyn FnMut()| self.as_owner(run);
        plans::scan_made(owner, &text, &types, &args, BATCH, read, each);
    }
}

/// A refusal of a table.
pub fn refusal(table: &str, problem: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::CannotImport {
        table: table.to_owned(),
        problem: problem.into(),
        hint: hint.into(),
    }
}

fn kind_of(base_type: pg_sys::Oid, category: &str) -> Kind {
    match base_type {
        UUIDOID => Kind::Uuid,
        INT2OID | INT4OID | INT8OID | NUMERICOID => Kind::Number,
        BOOLOID => Kind::Boolean,
        DATEOID | TIMESTAMPOID | TIMESTAMPTZOID => Kind::Time,
        _ if matches!(category, "S" | "E") => Kind::Text,
        _ => Kind::Other,
    }
}

/// A column as SQL over the rows named `t`; as text it needs no code but its type's output function.
impl SourceColumn {
    pub fn as_text(&self) -> String {
        format!("pg_catalog.format('%s', t.{})", quote(&self.name))
    }

    pub fn cast_to(&self, type_name: &str) -> String {
        format!("t.{}::pg_catalog.{type_name}", quote(&self.name))
    }
}
