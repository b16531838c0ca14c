//! The steps of a collapse: look, take over, count, compare, remove.

use super::look::Found;
use super::problems::{self, BATCH};
use super::registration::Registration;
use super::report::Report;
use super::table::CopyTable;
use super::take::{self, notice};
use super::{compare, remove, stock};
use crate::counters::ledger::Cause;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::UUIDOID;

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
            let removed = remove::copies(engine, table, &found)?;
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
