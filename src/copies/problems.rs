//! What keeps copies from becoming counts, and what should be known before they do. Asked of the rows
//! before anything is done.

use super::look::{rows_where, Found};
use super::references::{lacks_index, references};
use super::registration::Registration;
use super::report::{Problem, Report, EXAMPLES};
use super::table::CopyTable;
use crate::attach::checks::shown;
use crate::direct;
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use uuid::Uuid;

/// Rows of the app's table looked at a time.
pub const BATCH: i64 = 10_000;

/// Looks for all of them.
pub fn look(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    found: &Found,
    is_first: bool,
    report: &mut Report,
) {
    for question in &found.problems {
        report.problem(question.answer(table));
    }
    if known.removes {
        for problem in references(engine, table) {
            report.problem(problem);
        }
        if !is_first {
            report.problem(counted_before(engine, table, known));
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
    found: &Found,
    is_first: bool,
    report: &mut Report,
) {
    if is_first && !table.parent_is_copy {
        let condition = format!(
            "{} IS NULL AND NOT EXISTS (SELECT FROM ONLY {} AS k WHERE {} OPERATOR(pg_catalog.=) {})",
            table.of("c", &table.parent),
            table.name,
            table.of("k", &table.parent),
            table.of("c", &table.key)
        );
        let mut remark = rows_where(table, "it has no copies: its listing is empty", condition);
        for (item, copy) in &mut remark.examples {
            *item = copy.take();
        }
        report.remark(remark);
    }
    for question in &found.remarks {
        report.remark(question.answer(table));
    }
    let looks_for_each =
        known.removes && !direct::can_remove(table.oid, table.owner(), table.parent.attnum);
    if looks_for_each && lacks_index(engine, table) {
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
fn counted_before(engine: &Engine, table: &CopyTable, known: &Registration) -> Problem {
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
    Problem {
        what: "it was collapsed before, and is there again".to_owned(),
        rows,
        examples,
    }
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
        .map(|what| Problem {
            what: (*what).to_owned(),
            rows: 0,
            examples: Vec::new(),
        })
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
