//! The app's rows by conditions: counted in one pass over the table, and named only where there are any.

use super::report::{Problem, EXAMPLES};
use super::table::CopyTable;

/// A condition over the rows named `c`, each beside its item's row, named `p`; and how many meet it.
pub struct Question {
    what: &'static str,
    condition: String,
    rows: i64,
}

/// What the rows say.
pub struct Found {
    pub items: i64,
    /// Rows that are copies, and nothing else.
    pub children: i64,
    pub copies: i64,
    pub available: i64,
    pub problems: Vec<Question>,
    pub remarks: Vec<Question>,
}

impl Found {
    pub fn of(table: &CopyTable) -> Found {
        let (child, copy) = (table.is_child("c"), table.is_copy("c"));
        let totals = [
            format!("NOT ({child})"),
            child,
            copy.clone(),
            format!("{copy} AND {}", table.of("c", &table.available)),
        ];
        let (problems, remarks) = (problems(table), remarks(table));
        let asked = problems.iter().chain(&remarks);
        let conditions: Vec<String> = totals
            .into_iter()
            .chain(asked.map(|(_, condition)| condition.clone()))
            .collect();
        let mut rows = count(table, &conditions).into_iter();
        let mut next = || rows.next().expect("a count for each condition");
        let questions = |asked: Vec<(&'static str, String)>, next: &mut dyn FnMut() -> i64| {
            let asked = asked.into_iter().map(|(what, condition)| Question {
                what,
                condition,
                rows: next(),
            });
            asked.collect()
        };
        Found {
            items: next(),
            children: next(),
            copies: next(),
            available: next(),
            problems: questions(problems, &mut next),
            remarks: questions(remarks, &mut next),
        }
    }
}

impl Question {
    /// With some of the rows.
    pub fn answer(&self, table: &CopyTable) -> Problem {
        named(table, self.what, &self.condition, self.rows)
    }
}

/// Rows that meet a condition.
pub fn rows_where(table: &CopyTable, what: &str, condition: String) -> Problem {
    let conditions = [condition];
    let text = format!(
        "SELECT count(*) FROM {} WHERE {}",
        beside_items(table),
        conditions[0]
    );
    let rows = table.read(&text, |row| row.need(1))[0];
    named(table, what, &conditions[0], rows)
}

fn named(table: &CopyTable, what: &str, condition: &str, rows: i64) -> Problem {
    let text = format!(
        "SELECT NULLIF({}, ''), {} FROM {} WHERE {condition} ORDER BY {} LIMIT {EXAMPLES}",
        table.text_of("c", &table.parent),
        table.text_of("c", &table.key),
        beside_items(table),
        table.of("c", &table.key)
    );
    Problem {
        what: what.to_owned(),
        rows,
        examples: match rows {
            0 => Vec::new(),
            _ => table.read(&text, |row| (row.get(1), row.get(2))),
        },
    }
}

fn count(table: &CopyTable, conditions: &[String]) -> Vec<i64> {
    let counts: Vec<String> = conditions
        .iter()
        .map(|condition| format!("count(*) FILTER (WHERE {condition})"))
        .collect();
    let text = format!("SELECT {} FROM {}", counts.join(", "), beside_items(table));
    let read = |row: &crate::plans::Row| -> Vec<i64> {
        (1..=conditions.len() as i32)
            .map(|at| row.need(at))
            .collect()
    };
    table
        .read(&text, read)
        .pop()
        .expect("an aggregate answers one row")
}

/// A key is unique: no row comes twice.
fn beside_items(table: &CopyTable) -> String {
    format!(
        "ONLY {name} AS c LEFT JOIN ONLY {name} AS p ON {} OPERATOR(pg_catalog.=) {}",
        table.of("p", &table.key),
        table.of("c", &table.parent),
        name = table.name,
    )
}

/// What may be wrong with a row.
fn problems(table: &CopyTable) -> Vec<(&'static str, String)> {
    let (copy, child) = (table.is_copy("c"), table.is_child("c"));
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
            format!("{child} AND {} IS NULL", table.of("p", &table.key)),
        ),
        (
            "its item is a copy itself",
            format!("{child} AND {}", table.is_child("p")),
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

/// What stands in nobody's way.
fn remarks(table: &CopyTable) -> Vec<(&'static str, String)> {
    if table.borrower.is_none() {
        return Vec::new();
    }
    let (copy, there) = (table.is_copy("c"), table.of("c", &table.available));
    let borrower = table.optional_text_of("c", &table.borrower);
    vec![
        (
            "it is out, and nobody is named: the loan's borrower is 'unknown'",
            format!("{copy} AND NOT {there} AND {borrower} IS NULL"),
        ),
        (
            "it is there, though a borrower is named: no loan is made",
            format!("{copy} AND {there} AND {borrower} IS NOT NULL"),
        ),
    ]
}
