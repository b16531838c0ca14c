//! Foreign keys that lead to the app's table: rows of copies can't go where others refer to them.

use super::look::rows_where;
use super::report::Problem;
use super::table::CopyTable;
use crate::counters::registration::table_name;
use crate::engine::{with_setting, Engine};
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, INT2OID, OIDOID};

/// Foreign keys that lead here, but for the one that ties copies to their items. Those of partitions
/// are their table's. Compared as they compare; those of periods (PostgreSQL 18) ask for more.
static REFERENCES: Statement = Statement::fresh(
    "SELECT f.conrelid,
            pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind = 'p',
            pg_catalog.has_table_privilege($4, c.oid, 'SELECT')
              AND pg_catalog.has_schema_privilege($4, n.oid, 'USAGE'),
            (SELECT pg_catalog.string_agg(pg_catalog.format('c.%I OPERATOR(%I.%s) r.%I',
                                                            b.attname, s.nspname, o.oprname, a.attname), ' AND ')
               FROM unnest(f.conkey, f.confkey, f.conpfeqop) AS k (own, other, equal)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.own
               JOIN pg_catalog.pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.other
               JOIN pg_catalog.pg_operator o ON o.oid = k.equal
               JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace),
            coalesce(pg_catalog.to_jsonb(f) ->> 'conperiod', 'false')::bool
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
    of_period: bool,
}

fn found(engine: &Engine, table: &CopyTable) -> Vec<Reference> {
    let args = [
        table.oid.into(),
        table.parent.attnum.into(),
        table.key.attnum.into(),
        table.owner().into(),
    ];
    plans::run(engine, &REFERENCES, &args, |row| Reference {
        from: row.need(1),
        name: row.need(2),
        partitioned: row.need(3),
        may_read: row.need(4),
        condition: row.need(5),
        of_period: row.need(6),
    })
}

/// Rows that refer to copies would go with them, or keep them from going.
pub fn references(engine: &Engine, table: &CopyTable) -> Vec<Problem> {
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
    found(engine, table).into_iter().map(problem).collect()
}

/// Whether it is sure that no row refers to a copy.
pub fn are_none(engine: &Engine, table: &CopyTable) -> bool {
    !found(engine, table).iter().any(|found| found.of_period)
        && references(engine, table)
            .iter()
            .all(|problem| problem.rows == 0)
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
