//! Rows of copies are written into the app's table again, as its owner.

use super::give_back::Rows;
use super::table::{Column, CopyTable};
use crate::engine::{quote, Engine};
use crate::plans;
use pgrx::pg_sys::TEXTARRAYOID;

/// Writes these rows. One that is there keeps all but what says where the copy is.
pub fn write(engine: &Engine, table: &CopyTable, rows: Rows) {
    let key = quote(&table.key.name);
    let again = format!(
        "{} ON CONFLICT ({key}) DO {}",
        insert(table),
        on_conflict(table)
    );
    for (text, contents) in [(again, rows.counted), (insert(table), rows.came)] {
        if !contents.is_empty() {
            let args = [contents.into()];
            table.as_owner(|| plans::run_made(engine, text, &[TEXTARRAYOID], &args, |_| ()));
        }
    }
}

/// A column that a row leaves out gets its default: one that was added since, or was cleared.
fn insert(table: &CopyTable) -> String {
    let written: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| !column.generated)
        .collect();
    let names: Vec<&str> = written
        .iter()
        .map(|column| column.quoted.as_str())
        .collect();
    let values: Vec<String> = written.iter().map(|column| value(column)).collect();
    format!(
        "INSERT INTO {name} AS t ({}) OVERRIDING SYSTEM VALUE
         SELECT {} FROM pg_catalog.unnest($1::pg_catalog.text[]::pg_catalog.jsonb[]) AS n (content),
                LATERAL pg_catalog.jsonb_populate_record(NULL::{name}, n.content) AS r",
        names.join(", "),
        values.join(", "),
        name = table.name
    )
}

/// A column's value in the rows named `r`, made of contents named `n`.
fn value(column: &Column) -> String {
    let name = pgrx::spi::quote_literal(&column.name);
    // Or the text of a JSON value would become a JSON string.
    let value = match column.is_json {
        true => format!(
            "(n.content OPERATOR(pg_catalog.->>) {name})::{}",
            column.type_name
        ),
        false => format!("r.{}", column.quoted),
    };
    match &column.default {
        None => value,
        Some(default) => format!(
            "CASE WHEN n.content OPERATOR(pg_catalog.?) {name} THEN {value} ELSE {default} END"
        ),
    }
}

/// Only its own item's, and only where something differs: a row that is right is not touched.
fn on_conflict(table: &CopyTable) -> String {
    let state: Vec<&str> = table
        .state_columns()
        .into_iter()
        .filter(|column| !column.generated)
        .map(|column| column.quoted.as_str())
        .collect();
    if state.is_empty() {
        return "NOTHING".to_owned();
    }
    let of = |rows: &str| {
        let columns: Vec<String> = state.iter().map(|name| format!("{rows}.{name}")).collect();
        columns.join(", ")
    };
    let set: Vec<String> = state
        .iter()
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let parent = quote(&table.parent.name);
    format!(
        "UPDATE SET {} WHERE t.{parent} IS NOT DISTINCT FROM excluded.{parent}
            AND pg_catalog.record_image_ne(ROW({}), ROW({}))",
        set.join(", "),
        of("t"),
        of("excluded")
    )
}
