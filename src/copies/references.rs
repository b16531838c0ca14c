//! Foreign keys that lead to the app's table: rows of copies can't go where others refer to them.

use super::look::rows_where;
use super::report::Problem;
use super::table::CopyTable;
use crate::counters::registration::table_name;
use crate::engine::{with_setting, Engine};
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, INT2OID, OIDOID};

/// Foreign keys that lead here, but for the one that ties copies to their items. Those of partitions
/// are their table's.
static REFERENCES: Statement = Statement::fresh(
    "SELECT f.conrelid,
            pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind = 'p',
            pg_catalog.has_table_privilege($4, c.oid, 'SELECT')
              AND pg_catalog.has_schema_privilege($4, n.oid, 'USAGE'),
            (SELECT pg_catalog.string_agg(pg_catalog.format('r.%I = c.%I', a.attname, b.attname), ' AND ')
               FROM unnest(f.conkey, f.confkey) AS k (own, other)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.own
               JOIN pg_catalog.pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.other)
       FROM pg_catalog.pg_constraint f
       JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE f.contype = 'f' AND f.confrelid = $1 AND f.conparentid = 0
        AND NOT (f.conrelid = $1 AND f.conkey = ARRAY[$2] AND f.confkey = ARRAY[$3])
      ORDER BY f.conrelid, f.oid",
    &[OIDOID, INT2OID, INT2OID, OIDOID],
);

/// A foreign key from elsewhere.
struct Reference {
    from: pg_sys::Oid,
    name: String,
    partitioned: bool,
    may_read: bool,
    condition: String,
}

/// Rows that refer to copies would go with them, or keep them from going.
pub fn references(engine: &Engine, table: &CopyTable) -> Vec<Problem> {
    let args = [
        table.oid.into(),
        table.parent.attnum.into(),
        table.key.attnum.into(),
        table.owner().into(),
    ];
    let found = plans::run(engine, &REFERENCES, &args, |row| Reference {
        from: row.need(1),
        name: row.need(2),
        partitioned: row.need(3),
        may_read: row.need(4),
        condition: row.need(5),
    });
    let problem = |reference: Reference| {
        let from = table_name(reference.from);
        if !reference.may_read {
            return Problem {
                what: format!("the table's owner may not see which rows of {from} refer to copies"),
                rows: 1,
                examples: vec![(None, None)],
            };
        }
        let only = if reference.partitioned { "" } else { "ONLY " };
        let condition = format!(
            "{} AND EXISTS (SELECT FROM {only}{} AS r WHERE {})",
            table.is_child("c"),
            reference.name,
            reference.condition
        );
        // Or what a policy hides would be lost unseen.
        with_setting(c"row_security", c"off", true, || {
            rows_where(table, &format!("rows of {from} refer to it"), condition)
        })
    };
    found.into_iter().map(problem).collect()
}

static LACKS_INDEX: Statement = Statement::fresh(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint f
                     WHERE f.contype = 'f' AND f.conrelid = $1 AND f.conkey = ARRAY[$2])
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                         WHERE i.indrelid = $1 AND i.indkey[0] = $2 AND i.indisvalid AND i.indpred IS NULL)",
    &[OIDOID, INT2OID],
);

/// Whether each removed row is looked for in the whole table.
pub fn lacks_index(engine: &Engine, table: &CopyTable) -> bool {
    let args = [table.oid.into(), table.parent.attnum.into()];
    plans::run(engine, &LACKS_INDEX, &args, |row| row.need::<bool>(1)) == [true]
}
