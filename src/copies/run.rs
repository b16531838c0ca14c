//! The steps of a collapse: look, take over, count, compare, remove.

use super::look::Found;
use super::problems::{self, BATCH};
use super::registration::Registration;
use super::report::Report;
use super::table::CopyTable;
use super::take::{self, notice};
use super::{compare, stock};
use crate::counters::ledger::Cause;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{REGCLASSOID, UUIDOID};

/// A table that is to be collapsed, and how.
pub struct Collapse<'a> {
    pub engine: &'a Engine,
    pub table: CopyTable,
    pub known: Registration,
    pub is_first: bool,
}

static COUNTED: Statement = Statement::fresh(
    "SELECT count(*), coalesce(sum(g.quantity_total), 0)::bigint, coalesce(sum(g.quantity_available), 0)::bigint,
            (SELECT coalesce(sum(l.quantity - l.quantity_returned - l.quantity_lost), 0)::bigint
               FROM {s}.collapsed_items o
               JOIN {s}.stock_loans l ON l.listing_id = o.listing_id AND l.tenant_id = $2 AND l.is_open
              WHERE o.collapse_id = $1 AND o.tenant_id = $2)
       FROM {s}.collapsed_items i
       JOIN {s}.stock_listings g ON g.listing_id = i.listing_id AND g.tenant_id = $2
      WHERE i.collapse_id = $1 AND i.tenant_id = $2",
    &[UUIDOID, UUIDOID],
)
.of_whole_tables();

static BLOCKS: Statement = Statement::fresh(
    "SELECT pg_relation_size($1) / current_setting('block_size')::bigint",
    &[REGCLASSOID],
);

impl Collapse<'_> {
    /// Only looks.
    pub fn preview(&self) -> Result<Report, Error> {
        let mut report = Report::default();
        let found = Found::of(&self.table);
        self.tell_totals(
            &found,
            (!self.is_first).then(|| self.counted()),
            &mut report,
        );
        problems::look(
            self.engine,
            &self.table,
            &self.known,
            &found,
            self.is_first,
            &mut report,
        );
        report.append(self.remarks(&found));
        Ok(report)
    }

    /// Does it.
    pub fn run(&self) -> Result<Report, Error> {
        let (engine, table, known) = (self.engine, &self.table, &self.known);
        let mut report = Report::default();
        let found = Found::of(table);
        problems::look(engine, table, known, &found, self.is_first, &mut report);
        report.refuse_problems(&table.name)?;
        let run_id = ids::new_key();
        if self.is_first {
            known.register(engine, table);
        }
        take::items(engine, table, known, run_id);
        take::copies(engine, table, known, run_id, self.is_first);
        let cause = Cause::because(Some(format!("copies of {}", table.name)));
        stock::make(engine, known, run_id, &cause)?;
        if found.copies >= BATCH {
            analyze(engine);
        }
        if self.is_first || known.removes {
            let run_id = Some(run_id);
            let differences = compare::differences(engine, table, known, run_id);
            compare::refuse(table, &differences)?;
        }
        self.tell_totals(&found, Some(self.counted()), &mut report);
        let remarks = self.remarks(&found);
        if known.removes {
            let removed = self.remove_rows(&found);
            self.refuse_rows_left(&found)?;
            report.total("removed", removed, None);
        }
        report.append(remarks);
        notice(format!(
            "stockroom: {} collapsed: {} items, {} copies, {} of them out",
            table.name,
            found.items,
            found.copies,
            found.copies - found.available
        ));
        Ok(report)
    }

    /// Items, units, those available, and those lent, by the stock of all items.
    fn counted(&self) -> [i64; 4] {
        let args = [id(self.known.collapse_id), id(self.known.tenant_id)];
        plans::run_one(self.engine, &COUNTED, &args, |row| {
            [1, 2, 3, 4].map(|at| row.need(at))
        })
        .expect("an aggregate answers one row")
    }

    fn tell_totals(&self, found: &Found, counted: Option<[i64; 4]>, report: &mut Report) {
        let by_rows = [
            ("items", found.items),
            ("copies", found.copies),
            ("available", found.available),
            ("lent", found.copies - found.available),
        ];
        for (at, (kind, rows)) in by_rows.into_iter().enumerate() {
            report.total(kind, rows, counted.map(|counted| counted[at]));
        }
    }

    /// What should be known; and where the rows stay, and nothing keeps them right, in what they differ from
    /// the stock by now.
    fn remarks(&self, found: &Found) -> Report {
        let mut report = Report::default();
        problems::remark(
            self.engine,
            &self.table,
            &self.known,
            found,
            self.is_first,
            &mut report,
        );
        if !self.is_first && !self.known.removes {
            for line in compare::differences(self.engine, &self.table, &self.known, None) {
                report.add(line);
            }
        }
        report
    }

    /// Some at a time: PostgreSQL keeps a note of each row for its foreign keys until the statement's end.
    fn remove_rows(&self, found: &Found) -> i64 {
        const AT_A_TIME: i64 = 100_000;
        let table = &self.table;
        let blocks: i64 =
            plans::run_one(self.engine, &BLOCKS, &[table.oid.into()], |row| row.need(1))
                .expect("a table has a size");
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

    fn refuse_rows_left(&self, before: &Found) -> Result<(), Error> {
        let left = plans::with_latest_snapshot(|| {
            let table = &self.table;
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
                table: self.table.name.clone(),
                problem: "not all rows of its copies, and those alone, could be removed".to_owned(),
                hint: "Look for triggers and rules of the table that swallow a DELETE or make more of it."
                    .to_owned(),
            }),
        }
    }
}

/// Or the planner takes tables of a million rows for empty ones until autovacuum comes by.
fn analyze(engine: &Engine) {
    let schema = &engine.schema;
    let text = format!(
        "ANALYZE {schema}.stock_listings, {schema}.stock_lots, {schema}.stock_levels, {schema}.stock_allocations, \
         {schema}.stock_loans, {schema}.collapsed_items, {schema}.collapsed_copies"
    );
    plans::run_made(engine, text, &[], &[], |_| ());
}
