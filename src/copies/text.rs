//! SQL text over the app's table: its columns in the rows that a statement names.

use super::table::{Column, CopyTable};
use crate::attach::checks::Checked;
use crate::engine::quote;

impl CopyTable {
    /// A column of the rows named so.
    pub fn of(&self, rows: &str, column: &Checked) -> String {
        format!("{rows}.{}", quote(&column.name))
    }

    /// Its value as text; NULL is the empty text. No cast: one that the app defined would run.
    pub fn text_of(&self, rows: &str, column: &Checked) -> String {
        format!("pg_catalog.format('%s', {})", self.of(rows, column))
    }

    /// The same of a column that may not be there, and whose empty text says nothing.
    pub fn optional_text_of(&self, rows: &str, column: &Option<Checked>) -> String {
        column
            .as_ref()
            .map_or("NULL::pg_catalog.text".to_owned(), |column| {
                format!("NULLIF({}, '')", self.text_of(rows, column))
            })
    }

    /// A moment as text.
    pub fn moment_of(&self, rows: &str, column: &Option<Checked>) -> String {
        column
            .as_ref()
            .map_or("NULL::pg_catalog.text".to_owned(), |column| {
                format!(
                    "{}::pg_catalog.timestamptz::pg_catalog.text",
                    self.of(rows, column)
                )
            })
    }

    /// Whether a row is a copy.
    pub fn is_copy(&self, rows: &str) -> String {
        match self.parent_is_copy {
            true => "true".to_owned(),
            false => self.is_child(rows),
        }
    }

    /// Whether a row is a copy with a row of its own.
    pub fn is_child(&self, rows: &str) -> String {
        format!("{} IS NOT NULL", self.of(rows, &self.parent))
    }

    /// The key of a row's item: its own where it is one.
    pub fn item_of(&self, rows: &str) -> String {
        format!(
            "COALESCE({}, {})",
            self.of(rows, &self.parent),
            self.of(rows, &self.key)
        )
    }

    /// A whole row as json: each value as text, as its type writes it. So every type comes back as it
    /// was, which its JSON would not.
    pub fn content_of(&self, rows: &str) -> String {
        content_of(rows, self.columns.iter())
    }

    /// The same but for its key and its item's, which are kept beside it.
    pub fn rest_of(&self, rows: &str) -> String {
        let keys = [&self.key.name, &self.parent.name];
        let rest = self.columns.iter();
        content_of(rows, rest.filter(|column| !keys.contains(&&column.name)))
    }
}

fn content_of<'a>(rows: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let (names, values): (Vec<String>, Vec<String>) = columns
        .map(|column| {
            let value = format!("{rows}.{}", column.quoted);
            let text = format!(
                "CASE WHEN pg_catalog.num_nulls({value}) OPERATOR(pg_catalog.=) 0 \
                 THEN pg_catalog.format('%s', {value}) END"
            );
            (pgrx::spi::quote_literal(&column.name), text)
        })
        .unzip();
    format!(
        "pg_catalog.json_object(ARRAY[{}]::pg_catalog.text[], ARRAY[{}]::pg_catalog.text[])",
        names.join(", "),
        values.join(", ")
    )
}
