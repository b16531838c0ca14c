//! What can be attached: asked of the catalogs before anything is done.

use crate::counters::registration::table_name;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, Statement};
use pgrx::pg_sys::{
    self, BPCHAROID, CIDROID, INETOID, INT2OID, INT4OID, INT8OID, NAMEOID, NUMERICOID, OIDOID,
    TEXTOID, UUIDOID, VARCHAROID,
};

/// A column that was found good.
pub struct Checked {
    pub name: String,
    pub attnum: i16,
    pub base_type: pg_sys::Oid,
}

/// A table on its way to being attached.
pub struct Table<'a> {
    pub engine: &'a Engine,
    pub oid: pg_sys::Oid,
    pub name: String,
}

static TABLE: Statement = Statement::fresh(
    "SELECT c.relkind::text, c.relpersistence::text, c.relispartition,
            n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'),
            EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),
            EXISTS (SELECT FROM pg_catalog.pg_rewrite r
                     WHERE r.ev_class = c.oid AND r.ev_type <> '1' AND r.is_instead),
            EXISTS (SELECT FROM pg_catalog.pg_depend m
                      JOIN pg_catalog.pg_depend f ON f.refclassid = m.refclassid AND f.refobjid = m.refobjid
                     WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid
                       AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.deptype = 'e'
                       AND f.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND f.objid = $2
                       AND f.deptype = 'e')
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = $1",
    &[OIDOID, OIDOID],
);
static COLUMN: Statement = Statement::fresh(
    "SELECT a.attnum, a.atttypid, a.attnotnull, a.attgenerated <> '', a.attidentity = 'a',
            t.typcategory::text, coalesce(nullif(a.atttypmod, -1), t.typtypmod)
       FROM pg_catalog.pg_attribute a
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1 AND a.attname::text = $2 AND a.attnum > 0 AND NOT a.attisdropped",
    &[OIDOID, TEXTOID],
);
static UNIQUE: Statement = Statement::fresh(
    "SELECT FROM pg_catalog.pg_index i
      WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = $2",
    &[OIDOID, INT2OID],
);

struct Found {
    attnum: i16,
    base_type: pg_sys::Oid,
    not_null: bool,
    generated: bool,
    identity: bool,
    category: String,
    typmod: i32,
}

impl Table<'_> {
    pub fn refusal(&self, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::CannotAttach {
            table: self.name.clone(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// An ordinary table of the app. `function` is one of the extension's.
    pub fn check_kind(&self, function: pg_sys::Oid) -> Result<(), Error> {
        let args = [self.oid.into(), function.into()];
        let row = plans::run_one(self.engine, &TABLE, &args, |row| {
            (
                row.need::<String>(1),
                row.need::<String>(2),
                [3, 4, 5, 6, 7].map(|at| row.need::<bool>(at)),
            )
        });
        let Some((kind, persistence, [partition, system, inherits, instead, ours])) = row else {
            return Err(self.refusal("there is no such table", "Check its name."));
        };
        let ordinary = "Attach an ordinary table.";
        let what = match kind.as_str() {
            "r" => None,
            "p" => Some("it is partitioned"),
            "v" => Some("it is a view"),
            "m" => Some("it is a materialized view"),
            "f" => Some("it is a foreign table"),
            _ => Some("it is no table"),
        };
        let problem = match what {
            Some(what) => what,
            None if ours => "it belongs to stockroom itself",
            None if system => "it is a system catalog",
            None if partition => "it is a partition",
            None if inherits => "it takes part in inheritance",
            None if persistence == "t" => "it is a temporary table",
            None if instead => return Err(self.refusal(
                "it has an INSTEAD rule",
                "A rule would swallow what is mirrored into it; use a trigger, or drop the rule.",
            )),
            None => return Ok(()),
        };
        Err(self.refusal(problem, ordinary))
    }

    fn column(&self, name: &str) -> Result<Found, Error> {
        let args = [self.oid.into(), name.to_owned().into()];
        plans::run_one(self.engine, &COLUMN, &args, |row| {
            let type_oid: pg_sys::Oid = row.need(2);
            Found {
                attnum: row.need(1),
                // SAFETY: a catalog lookup of a type that a column has.
                base_type: unsafe { pg_sys::getBaseType(type_oid) },
                not_null: row.need(3),
                generated: row.need(4),
                identity: row.need(5),
                category: row.need(6),
                typmod: row.need(7),
            }
        })
        .ok_or_else(|| {
            self.refusal(
                format!("it has no column {}", shown(name)),
                "Column names are taken exactly as they are stored: lower case, unless they were quoted.",
            )
        })
    }

    /// The app's own key: never NULL, unique by itself, and of a type whose text is always the same.
    pub fn key(&self, name: &str) -> Result<Checked, Error> {
        let found = self.column(name)?;
        let column = shown(name);
        if !found.not_null {
            return Err(self.refusal(
                format!("key column {column} may be NULL"),
                "Make it NOT NULL, or name the primary key.",
            ));
        }
        let args = [self.oid.into(), found.attnum.into()];
        if plans::run_one(self.engine, &UNIQUE, &args, |_| ()).is_none() {
            return Err(self.refusal(
                format!("key column {column} has no unique index of its own"),
                "Add a primary key or a unique constraint over this column alone, neither partial nor deferrable.",
            ));
        }
        let plain = [
            UUIDOID, INT2OID, INT4OID, INT8OID, NUMERICOID, OIDOID, TEXTOID, VARCHAROID, BPCHAROID,
            NAMEOID, INETOID, CIDROID,
        ];
        if !plain.contains(&found.base_type) && !matches!(found.category.as_str(), "S" | "E") {
            return Err(self.refusal(
                format!("key column {column} is of type {}", type_name(found.base_type)),
                "A key's text must be the same in every session: use a uuid, integer, numeric, text or enum key.",
            ));
        }
        Ok(checked(name, &found))
    }

    /// A column that the engine will write.
    pub fn quantity(&self, name: &str, scale: i32) -> Result<Checked, Error> {
        let found = self.column(name)?;
        let column = shown(name);
        if found.generated || found.identity {
            return Err(self.refusal(
                format!("column {column} is generated"),
                "Name a plain column: the engine writes it.",
            ));
        }
        match found.base_type {
            INT4OID | INT8OID if scale > 0 => Err(self.refusal(
                format!("column {column} is an integer and cannot hold decimal places"),
                format!("ALTER TABLE {} ALTER COLUMN {column} TYPE numeric, or use quantity_scale => 0.", self.name),
            )),
            NUMERICOID if numeric_scale(found.typmod).is_some_and(|places| places < scale) => Err(self.refusal(
                format!("column {column} holds less than {scale} decimal places"),
                format!("ALTER TABLE {} ALTER COLUMN {column} TYPE numeric, or use a smaller quantity_scale.", self.name),
            )),
            INT4OID | INT8OID | NUMERICOID => Ok(checked(name, &found)),
            INT2OID => Err(self.refusal(
                format!("column {column} is smallint, too small for a quantity"),
                format!("ALTER TABLE {} ALTER COLUMN {column} TYPE integer.", self.name),
            )),
            other => Err(self.refusal(
                format!("column {column} is of type {}", type_name(other)),
                "A quantity is integer, bigint or numeric.",
            )),
        }
    }

    /// A column that is read as it is.
    pub fn any(&self, name: &str) -> Result<Checked, Error> {
        Ok(checked(name, &self.column(name)?))
    }

    /// The column that names each row's tenant.
    pub fn tenant(&self, name: &str) -> Result<Checked, Error> {
        let found = self.column(name)?;
        let column = shown(name);
        if found.base_type != UUIDOID {
            return Err(self.refusal(
                format!(
                    "tenant column {column} is of type {}",
                    type_name(found.base_type)
                ),
                "A tenant is a uuid.",
            ));
        }
        if !found.not_null {
            return Err(self.refusal(
                format!("tenant column {column} may be NULL"),
                "Make it NOT NULL: every row belongs to a tenant.",
            ));
        }
        Ok(checked(name, &found))
    }
}

fn checked(name: &str, found: &Found) -> Checked {
    Checked {
        name: name.to_owned(),
        attnum: found.attnum,
        base_type: found.base_type,
    }
}

/// A column's name for a message, cut where somebody passed a book.
pub fn shown(name: &str) -> String {
    crate::engine::quote(&name.chars().take(80).collect::<String>())
}

pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: the type exists; the answer is a C string.
    unsafe { crate::engine::c_text(pg_sys::format_type_be(type_oid)) }
}

/// One column for each purpose.
pub fn refuse_same_twice(table: &Table, columns: &[Option<&Checked>]) -> Result<(), Error> {
    let mut seen = Vec::new();
    for column in columns.iter().copied().flatten() {
        if seen.contains(&column.attnum) {
            return Err(table.refusal(
                format!("column {} is named twice", shown(&column.name)),
                "Name another column for each purpose.",
            ));
        }
        seen.push(column.attnum);
    }
    Ok(())
}

/// A word of a fixed list.
pub fn word(
    argument: &'static str,
    given: Option<String>,
    words: &[&'static str],
) -> Result<&'static str, Error> {
    let given = needed(argument, given)?;
    words
        .iter()
        .find(|word| **word == given)
        .copied()
        .ok_or_else(|| Error::BadArgument {
            argument,
            problem: format!(
                "must be one of {}, not {:?}",
                words.join(", "),
                given.chars().take(80).collect::<String>()
            ),
        })
}

/// An argument that must not be NULL.
pub fn needed<T>(argument: &'static str, given: Option<T>) -> Result<T, Error> {
    given.ok_or_else(|| Error::BadArgument {
        argument,
        problem: "must not be NULL".to_owned(),
    })
}

/// A table as messages name it.
pub fn of<'a>(engine: &'a Engine, oid: pg_sys::Oid) -> Table<'a> {
    Table {
        engine,
        oid,
        name: table_name(oid),
    }
}

/// Decimal places of a numeric column; None where it takes any. As numeric_typmod_scale() in
/// PostgreSQL's numeric.c: eleven bits with a sign, above the varlena header's four bytes.
fn numeric_scale(typmod: i32) -> Option<i32> {
    (typmod >= 4).then(|| (((typmod - 4) & 0x7ff) ^ 1024) - 1024)
}
