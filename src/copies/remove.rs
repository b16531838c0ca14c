//! The rows of copies that were taken over are removed.

use super::look::Found;
use super::references;
use super::table::CopyTable;
use crate::direct;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans;

/// Removes them all, and answers how many.
pub fn copies(engine: &Engine, table: &CopyTable, found: &Found) -> Result<i64, Error> {
    let directly = plans::with_latest_snapshot(|| {
        // Nobody else can have come to refer to one, but triggers that were fired on the way.
        references::are_none(engine, table)
            .then(|| direct::remove_given(table.oid, table.owner(), table.parent.attnum))?
    });
    let removed = directly.unwrap_or_else(|| by_statements(table, found));
    refuse_rows_left(table, found)?;
    Ok(removed)
}

/// Some at a time: PostgreSQL keeps a note of each row for its foreign keys until the statement's end.
fn by_statements(table: &CopyTable, found: &Found) -> i64 {
    const AT_A_TIME: i64 = 100_000;
    let blocks = blocks(table);
    let rows = (found.children + found.items).max(1);
    let step = (blocks * AT_A_TIME / rows).max(1);
    let mut removed = 0;
    for start in (0..blocks).step_by(step as usize) {
        let text = format!(
            "DELETE FROM ONLY {} AS t
              WHERE t.ctid OPERATOR(pg_catalog.>=) '({start},0)'::pg_catalog.tid
                AND t.ctid OPERATOR(pg_catalog.<) '({},0)'::pg_catalog.tid AND {}",
            table.name,
            start + step,
            table.is_child("t")
        );
        removed += table.as_owner(|| plans::write_made(&text)) as i64;
    }
    removed
}

fn blocks(table: &CopyTable) -> i64 {
    let text = format!(
        "SELECT pg_catalog.pg_relation_size({}) OPERATOR(pg_catalog./) \
         pg_catalog.current_setting('block_size')::pg_catalog.int8",
        table.oid.to_u32()
    );
    table.read(&text, |row| row.need::<i64>(1))[0]
}

fn refuse_rows_left(table: &CopyTable, before: &Found) -> Result<(), Error> {
    let left = plans::with_latest_snapshot(|| {
        let text = format!(
            "SELECT count(*) FILTER (WHERE {child}), count(*) FILTER (WHERE NOT ({child})) FROM ONLY {} AS c",
            table.name,
            child = table.is_child("c")
        );
        table.read(&text, |row| (row.need::<i64>(1), row.need::<i64>(2)))
    });
    match left.as_slice() {
        [(0, items)] if *items == before.items => Ok(()),
        _ => Err(Error::CannotCollapse {
            table: table.name.clone(),
            problem: "not all rows of its copies, and those alone, could be removed".to_owned(),
            hint:
                "Look for triggers and rules of the table that swallow a DELETE or make more of it."
                    .to_owned(),
        }),
    }
}
