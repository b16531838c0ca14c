//! What keeps copies from becoming counts, and what should be known before they do. Asked of the rows
//! before anything is done.

use super::registration::Registration;
use super::report::{problem_of, read_example, Problem, Report, EXAMPLES};
use super::table::CopyTable;
use crate::attach::checks::shown;
use crate::counters::registration::table_name;
use crate::engine::{with_setting, Engine};
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{self, INT2OID, OIDOID, TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use uuid::Uuid;

/// Rows of the app's table looked at a time.
pub const BATCH: i64 = 10_000;

/// Looks for all of them.
pub fn look(engine: &Engine, table: &CopyTable, known: &Registration, report: &mut Report) {
    for (what, condition) in conditions(table) {
        report.problem(problem_of(what, rows_where(table, &condition)));
    }
    if known.removes {
        for problem in references(engine, table) {
            report.problem(problem);
        }
        for problem in counted_before(engine, table, known) {
            report.problem(problem);
        }
    }
    for problem in listings_in_the_way(engine, table, known) {
        report.problem(problem);
    }
}

/// Looks for what stands in nobody's way.
pub fn remark(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    is_first: bool,
    report: &mut Report,
) {
    let (key, parent) = (table.of("c", &table.key), table.of("c", &table.parent));
    if is_first && !table.parent_is_copy {
        let text = format!(
            "SELECT {item}, NULL::pg_catalog.text, count(*) OVER () FROM ONLY {name} AS c
              WHERE {parent} IS NULL AND NOT EXISTS
                    (SELECT FROM ONLY {name} AS k WHERE {child} OPERATOR(pg_catalog.=) {key})
              ORDER BY {key} LIMIT {EXAMPLES}",
            item = table.text_of("c", &table.key),
            name = table.name,
            child = table.of("k", &table.parent),
        );
        let rows = table.read(&text, read_example);
        report.remark(problem_of("it has no copies: its listing is empty", rows));
    }
    if table.borrower.is_some() {
        let (copy, there) = (table.is_copy("c"), table.of("c", &table.available));
        let borrower = table.optional_text_of("c", &table.borrower);
        for (what, condition) in [
            (
                "it is out, and nobody is named: the loan's borrower is 'unknown'",
                format!("{copy} AND NOT {there} AND {borrower} IS NULL"),
            ),
            (
                "it is there, though a borrower is named: no loan is made",
                format!("{copy} AND {there} AND {borrower} IS NOT NULL"),
            ),
        ] {
            report.remark(problem_of(what, rows_where(table, &condition)));
        }
    }
    if known.removes && lacks_index(engine, table) {
        report.remark(Problem {
            what: format!(
                "column {} has a foreign key and no index: with each row that is removed the whole table is read",
                shown(&table.parent.name)
            ),
            rows: 0,
            examples: vec![(None, None)],
        });
    }
}

/// What may be wrong with a row, as a condition over the rows named `c`.
fn conditions(table: &CopyTable) -> Vec<(&'static str, String)> {
    let (copy, child) = (table.is_copy("c"), table.is_child("c"));
    let item = format!(
        "FROM ONLY {} AS p WHERE {} OPERATOR(pg_catalog.=) {}",
        table.name,
        table.of("p", &table.key),
        table.of("c", &table.parent)
    );
    let out = format!("{copy} AND {} IS FALSE", table.of("c", &table.available));
    let longer = |column, most: i32| {
        format!(
            "{out} AND pg_catalog.length({}) OPERATOR(pg_catalog.>) {most}",
            table.optional_text_of("c", column)
        )
    };
    vec![
        (
            "its item does not exist",
            format!("{child} AND NOT EXISTS (SELECT {item})"),
        ),
        (
            "its item is a copy itself",
            format!(
                "{child} AND EXISTS (SELECT {item} AND {})",
                table.is_child("p")
            ),
        ),
        (
            "whether it is there is NULL",
            format!("{copy} AND {} IS NULL", table.of("c", &table.available)),
        ),
        (
            "its borrower has more than 200 characters",
            longer(&table.borrower, 200),
        ),
        (
            "its contact has more than 1000 characters",
            longer(&table.contact, 1000),
        ),
    ]
}

/// Some of the rows named `c`, and how many there are.
fn rows_where(table: &CopyTable, condition: &str) -> Vec<(Option<String>, Option<String>, i64)> {
    let text = format!(
        "SELECT NULLIF({}, ''), {}, count(*) OVER () FROM ONLY {} AS c WHERE {condition}
          ORDER BY {} LIMIT {EXAMPLES}",
        table.text_of("c", &table.parent),
        table.text_of("c", &table.key),
        table.name,
        table.of("c", &table.key)
    );
    table.read(&text, read_example)
}

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
fn references(engine: &Engine, table: &CopyTable) -> Vec<Problem> {
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
        let rows = with_setting(c"row_security", c"off", true, || {
            rows_where(table, &condition)
        });
        problem_of(&format!("rows of {from} refer to it"), rows)
    };
    found.into_iter().map(problem).collect()
}

static KNOWN: Statement = Statement::fresh(
    "SELECT copy_key FROM {s}.collapsed_copies
      WHERE collapse_id = $1 AND tenant_id = $2 AND copy_key = ANY ($3)",
    &[UUIDOID, UUIDOID, TEXTARRAYOID],
);

/// Which of these copies were counted before.
pub fn known_of(engine: &Engine, known: &Registration, keys: Vec<String>) -> Vec<String> {
    let args = [id(known.collapse_id), id(known.tenant_id), keys.into()];
    plans::run(engine, &KNOWN, &args, |row| row.need(1))
}

/// Keys of rows that are copies with a row of their own.
pub fn children_keys(table: &CopyTable) -> String {
    format!(
        "SELECT {} FROM ONLY {} AS c WHERE {}",
        table.text_of("c", &table.key),
        table.name,
        table.is_child("c")
    )
}

/// Rows that were removed, and are there again.
fn counted_before(engine: &Engine, table: &CopyTable, known: &Registration) -> Vec<Problem> {
    let (mut rows, mut examples) = (0, Vec::new());
    table.scan(
        &children_keys(table),
        BATCH,
        |row| row.need::<String>(1),
        |keys| {
            let again = known_of(engine, known, keys);
            rows += again.len() as i64;
            let room = EXAMPLES.saturating_sub(examples.len());
            examples.extend(again.into_iter().take(room).map(|key| (None, Some(key))));
        },
    );
    vec![Problem {
        what: "it was collapsed before, and is there again".to_owned(),
        rows,
        examples,
    }]
}

/// A listing that has the key of an item and can't be its.
static IN_THE_WAY: Statement = Statement::fresh(
    "SELECT k.item_key,
            CASE WHEN g.tenant_id <> $2 THEN 1 WHEN g.attached_to IS NOT NULL THEN 2
                 WHEN g.quantity_scale <> 0 THEN 3 ELSE 4 END
       FROM unnest($3::text[], $4::uuid[]) AS k (item_key, listing_id)
       JOIN {s}.stock_listings g ON g.listing_id = k.listing_id
      WHERE g.tenant_id <> $2 OR g.attached_to IS NOT NULL OR g.quantity_scale <> 0
         OR g.quantity_total <> 0
            AND NOT EXISTS (SELECT FROM {s}.collapsed_items i
                             WHERE i.collapse_id = $1 AND i.tenant_id = $2 AND i.item_key = k.item_key)",
    &[UUIDOID, UUIDOID, TEXTARRAYOID, UUIDARRAYOID],
);

const IN_THE_WAY_WHAT: [&str; 4] = [
    "another tenant has a listing of its key",
    "its listing belongs to a row of an attached table",
    "its listing counts in decimals",
    "its listing has stock already",
];

fn listings_in_the_way(engine: &Engine, table: &CopyTable, known: &Registration) -> Vec<Problem> {
    let mut problems: Vec<Problem> = IN_THE_WAY_WHAT
        .iter()
        .map(|what| problem_of(what, Vec::new()))
        .collect();
    let text = format!(
        "SELECT {} FROM ONLY {} AS c WHERE {} IS NULL",
        table.text_of("c", &table.key),
        table.name,
        table.of("c", &table.parent)
    );
    let read = |row: &plans::Row| row.need::<String>(1);
    table.scan(&text, BATCH, read, |keys| {
        let listings: Vec<Uuid> = keys.iter().map(|key| known.listing_of(key)).collect();
        let args = [
            id(known.collapse_id),
            id(known.tenant_id),
            keys.into(),
            id_list(listings),
        ];
        let found = plans::run(engine, &IN_THE_WAY, &args, |row| {
            (row.need::<String>(1), row.need::<i32>(2))
        });
        for (key, which) in found {
            let problem = &mut problems[which as usize - 1];
            problem.rows += 1;
            if problem.examples.len() < EXAMPLES {
                problem.examples.push((Some(key), None));
            }
        }
    });
    problems
}

static LACKS_INDEX: Statement = Statement::fresh(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint f
                     WHERE f.contype = 'f' AND f.conrelid = $1 AND f.conkey = ARRAY[$2])
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                         WHERE i.indrelid = $1 AND i.indkey[0] = $2 AND i.indisvalid AND i.indpred IS NULL)",
    &[OIDOID, INT2OID],
);

/// Whether each removed row is looked for in the whole table.
fn lacks_index(engine: &Engine, table: &CopyTable) -> bool {
    let args = [table.oid.into(), table.parent.attnum.into()];
    plans::run(engine, &LACKS_INDEX, &args, |row| row.need::<bool>(1)) == [true]
}
