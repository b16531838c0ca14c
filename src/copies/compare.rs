//! The proof: the rows of the app's table against the counts that they became, item by item.

use super::problems::BATCH;
use super::registration::Registration;
use super::report::{Line, EXAMPLES};
use super::table::CopyTable;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{BOOLARRAYOID, BOOLOID, INT8ARRAYOID, TEXTARRAYOID, UUIDOID};
use std::collections::HashMap;
use uuid::Uuid;

/// An item by its rows.
struct Item {
    key: String,
    copies: i64,
    available: i64,
    /// The same with the item's own row, which is a copy too.
    with_own: Option<bool>,
}

/// What a run added to each item, or what all runs did ($4 NULL): units, those available, and loans that are
/// out with their claims. An item's own row counts where this run took it over, or all of them are looked at.
static DIFFERENT: Statement = Statement::fresh(
    "SELECT k.item_key, k.copies + own.copies, coalesce(g.quantity_total - i.total_before, 0)::bigint,
            k.available + own.available, coalesce(g.quantity_available - i.available_before, 0)::bigint,
            lent.loans
       FROM unnest($5::text[], $6::bigint[], $7::bigint[], $8::bool[]) AS k (item_key, copies, available, own_available)
       LEFT JOIN {s}.collapsed_items i
              ON i.collapse_id = $1 AND i.tenant_id = $2 AND i.item_key = k.item_key
       LEFT JOIN {s}.stock_listings g ON g.listing_id = i.listing_id AND g.tenant_id = $2,
            LATERAL (SELECT $3 AND k.own_available IS NOT NULL AND ($4 IS NULL OR i.run_id = $4) AS counts) AS o,
            LATERAL (SELECT CASE WHEN o.counts THEN 1 ELSE 0 END::bigint AS copies,
                            CASE WHEN o.counts AND k.own_available THEN 1 ELSE 0 END::bigint AS available) AS own,
            LATERAL (SELECT count(*) AS loans
                       FROM {s}.collapsed_copies c
                       JOIN {s}.stock_loans l ON l.loan_id = c.loan_id AND l.tenant_id = $2 AND l.is_open
                       JOIN {s}.stock_allocations a
                            ON a.order_id = l.loan_id AND a.tenant_id = $2 AND a.status = 'active'
                               AND a.listing_id = i.listing_id
                      WHERE c.collapse_id = $1 AND c.tenant_id = $2 AND c.item_key = k.item_key
                        AND c.run_id = $4 AND c.loan_id IS NOT NULL) AS lent
      WHERE $4 IS NULL OR k.copies + own.copies > 0",
    &[
        UUIDOID,
        UUIDOID,
        BOOLOID,
        UUIDOID,
        TEXTARRAYOID,
        INT8ARRAYOID,
        INT8ARRAYOID,
        BOOLARRAYOID,
    ],
);

/// Every number of an item in which rows and counts differ. After a run it is what this run took over that
/// is compared; without one all that the table has.
pub fn differences(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    run_id: Option<Uuid>,
) -> Vec<Line> {
    let mut found = Vec::new();
    table.scan(&items(table), BATCH, read, |rows: Vec<Item>| {
        let numbers = |of: fn(&Item) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let own: Vec<Option<bool>> = rows.iter().map(|row| row.with_own).collect();
        let args = [
            id(known.collapse_id),
            id(known.tenant_id),
            table.parent_is_copy.into(),
            plans::maybe_id(run_id),
            keys.into(),
            numbers(|row| row.copies).into(),
            numbers(|row| row.available).into(),
            own.into(),
        ];
        for (item, numbers) in plans::run(engine, &DIFFERENT, &args, read_numbers) {
            let [copies, units, there, available, loans] = numbers;
            let mut compared = vec![("copies", copies, units), ("available", there, available)];
            if run_id.is_some() {
                compared.push(("lent", copies - there, loans));
            }
            let different = compared
                .into_iter()
                .filter(|(_, found, counted)| found != counted);
            found.extend(different.map(|(what, rows, counted)| Line {
                kind: "mismatch",
                item: Some(item.clone()),
                found: Some(rows),
                counted: Some(counted),
                note: Some(what.to_owned()),
                ..Line::default()
            }));
        }
    });
    found
}

fn read_numbers(row: &Row) -> (String, [i64; 5]) {
    (row.need(1), [2, 3, 4, 5, 6].map(|at| row.need(at)))
}

fn read(row: &Row) -> Item {
    Item {
        key: row.need(1),
        copies: row.need(2),
        available: row.need(3),
        with_own: row.get(4),
    }
}

/// Items with their copies, counted by the app's own table.
fn items(table: &CopyTable) -> String {
    let (child, there) = (table.is_child("c"), table.of("c", &table.available));
    // One key of each group: which, makes no difference.
    let own = match table.parent_is_copy {
        true => format!("pg_catalog.bool_or({there}) FILTER (WHERE NOT ({child}))"),
        false => "NULL::pg_catalog.bool".to_owned(),
    };
    format!(
        "SELECT pg_catalog.format('%s', g.item), g.copies, g.available, g.own
           FROM (SELECT {} AS item, count(*) FILTER (WHERE {child}) AS copies,
                        count(*) FILTER (WHERE {child} AND {there}) AS available, {own} AS own
                   FROM ONLY {} AS c WHERE {} GROUP BY 1) AS g",
        table.item_of("c"),
        table.name,
        table.is_copy("c"),
    )
}

static EXPECTED: Statement = Statement::fresh(
    "SELECT k.item_key, coalesce(g.quantity_total, 0)::bigint,
            coalesce(g.quantity_listed - g.quantity_allocated, 0)::bigint
       FROM unnest($3::text[]) AS k (item_key)
       LEFT JOIN {s}.collapsed_items i ON i.collapse_id = $1 AND i.tenant_id = $2 AND i.item_key = k.item_key
       LEFT JOIN {s}.stock_listings g ON g.listing_id = i.listing_id AND g.tenant_id = $2",
    &[UUIDOID, UUIDOID, TEXTARRAYOID],
);

/// An error unless the rows of all items say what their stock does; `left_rows` say more, and `all` are
/// so many: an item without rows is not seen.
pub fn refuse_different_rows(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    left_rows: &HashMap<String, i64>,
    all: i64,
) -> Result<(), Error> {
    let (mut seen, mut different) = (0, Vec::new());
    table.scan(&items(table), BATCH, read, |rows: Vec<Item>| {
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let args = [id(known.collapse_id), id(known.tenant_id), keys.into()];
        let expected: HashMap<String, (i64, i64)> = plans::run(engine, &EXPECTED, &args, |row| {
            (row.need(1), (row.need(2), row.need(3)))
        })
        .into_iter()
        .collect();
        for row in rows {
            let own = |is: bool| i64::from(is);
            let copies = row.copies + own(row.with_own.is_some());
            let available = row.available + own(row.with_own == Some(true));
            seen += copies;
            let left = left_rows.get(&row.key).copied().unwrap_or(0);
            if expected.get(&row.key) != Some(&(copies - left, available)) {
                different.push(Line {
                    item: Some(row.key),
                    ..Line::default()
                });
            }
        }
    });
    if seen != all && different.is_empty() {
        different.push(Line {
            item: Some("one without any row".to_owned()),
            ..Line::default()
        });
    }
    refuse(table, &different)
}

/// An error that names the items, if there are any.
pub fn refuse(table: &CopyTable, differences: &[Line]) -> Result<(), Error> {
    let mut items: Vec<String> = differences
        .iter()
        .filter_map(|line| line.item.clone())
        .collect();
    items.sort();
    items.dedup();
    if items.is_empty() {
        return Ok(());
    }
    Err(Error::CopiesDiffer {
        table: table.name.clone(),
        items: items.len(),
        examples: items.into_iter().take(EXAMPLES).collect(),
    })
}
