//! `expand_children`: counts become one row per copy again.

use super::collapse::{begin, refuse_attached};
use super::give_back::{Rows, Writer};
use super::items::{self, Item};
use super::problems::{children_keys, known_of, BATCH};
use super::registration::Registration;
use super::report::{Problem, Report, EXAMPLES};
use super::table::CopyTable;
use super::take::notice;
use super::{compare, take_down, write};
use crate::attach::checks::needed;
use crate::counters::ledger::Cause;
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::plans;
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::collections::{HashMap, HashSet};

/// The way back from `collapse_children`: each unit of an item's stock becomes a row again, and the stock
/// leaves. Rows that were removed come back as they were; a copy that is out says so, with what its loan
/// says. Listings that were made for the items are deleted, others emptied; loans that are closed stay as
/// history, open ones are rows again.
///
/// Counts don't know everything that rows say. What is a guess is a row of the answer: `out` (which copy a
/// loan has that was made since), `left` (which copy is gone), `came` (a row for a copy that had none),
/// `aside` (which copy is there and not to be had), `dropped` (what no column takes), `gone` (the item's
/// own row is, its copies don't come back and its stock stays). Totals come first: `items`, `copies`,
/// `available`, `lent`. With `preview` nothing changes, and what stands in the way are `problem` rows.
/// The caller must own the table.
///
/// Errors: not_table_owner, table_not_collapsed, cannot_collapse, bad_argument, bad_copies, copies_differ.
#[pg_extern(
    sql = "CREATE FUNCTION expand_children(tbl regclass, preview boolean DEFAULT false)
RETURNS TABLE (kind text, item text, copy text, found bigint, counted bigint, note text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)]
fn expand_children(
    tbl: Option<pg_sys::Oid>,
    preview: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(item, Option<String>),
            name!(copy, Option<String>),
            name!(found, Option<i64>),
            name!(counted, Option<i64>),
            name!(note, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    // SAFETY: PostgreSQL calls every function with a filled-in fcinfo.
    let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
    let oid = needed("tbl", tbl)?;
    let preview = needed("preview", preview)?;
    begin(&engine, c"expand_children()", oid, function, preview)?;
    let report = as_engine(&engine, || -> Result<Report, Error> {
        plans::with_latest_snapshot(|| {
            let known = Registration::of(&engine, oid)?;
            refuse_attached(&engine, oid)?;
            let table = CopyTable::check(
                &engine,
                oid,
                &known.names,
                known.parent_is_copy,
                &known.search_path,
                &known.time_zone,
            )?;
            if table.key_is_uuid() != known.key_is_uuid {
                return Err(Error::CannotCollapse {
                    table: table.name,
                    problem: "the type of its key has changed".to_owned(),
                    hint: "Its items are found by the keys that they had.".to_owned(),
                });
            }
            let mut expand = Expand::new(&engine, table, known, preview);
            expand.run()?;
            Ok(expand.answer())
        })
    })?;
    Ok(TableIterator::new(report.rows()))
}

struct Expand<'a> {
    engine: &'a Engine,
    table: CopyTable,
    known: Registration,
    preview: bool,
    items: i64,
    copies: i64,
    available: i64,
    lent: i64,
    /// Items whose own row is gone.
    gone: HashSet<String>,
    /// Rows that stay though their copies have left, by item.
    left_rows: HashMap<String, i64>,
    problems: HashMap<&'static str, Problem>,
    guesses: Report,
}

/// An item with more units than this is no longer one of copies.
const MOST_COPIES: i32 = 1_000_000;

impl<'a> Expand<'a> {
    fn new(engine: &'a Engine, table: CopyTable, known: Registration, preview: bool) -> Expand<'a> {
        Expand {
            engine,
            table,
            known,
            preview,
            items: 0,
            copies: 0,
            available: 0,
            lent: 0,
            gone: HashSet::new(),
            left_rows: HashMap::new(),
            problems: HashMap::new(),
            guesses: Report::default(),
        }
    }

    fn run(&mut self) -> Result<(), Error> {
        self.look_for_new_rows();
        self.look_for_lost_columns();
        let mut after = String::new();
        loop {
            let mut memory = PgMemoryContexts::new("stockroom copies");
            // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
            let last = unsafe { memory.switch_to(|_| self.some(&after)) };
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let mut report = Report::default();
        for problem in std::mem::take(&mut self.problems).into_values() {
            report.problem(problem);
        }
        if self.preview {
            self.guesses.append(report);
            return Ok(());
        }
        report.refuse_problems(&self.table.name)?;
        let (engine, known) = (self.engine, &self.known);
        plans::with_latest_snapshot(|| {
            compare::refuse_different_rows(
                engine,
                &self.table,
                known,
                &self.left_rows,
                self.copies + self.left_rows.values().sum::<i64>(),
            )
        })?;
        let cause = Cause::because(Some(format!("rows of {} again", self.table.name)));
        take_down::all(engine, known, &self.gone, &cause)?;
        known.forget(engine);
        notice(format!(
            "stockroom: {} expanded: {} items, {} copies, {} of them out",
            self.table.name, self.items, self.copies, self.lent
        ));
        Ok(())
    }

    /// Takes the next items, and answers the key of the last.
    fn some(&mut self, after: &str) -> Option<String> {
        let locked = !self.preview;
        let items = items::after(self.engine, &self.table, &self.known, after, locked);
        let last = items.last()?.key.clone();
        let mut rows = Rows::default();
        for item in &items {
            self.one(item, &mut rows);
        }
        if locked && self.problems.is_empty() {
            write::write(self.engine, &self.table, rows);
        }
        Some(last)
    }

    fn one(&mut self, item: &Item, rows: &mut Rows) {
        let key = || Some(item.key.clone());
        if item.content.is_none() {
            self.gone.insert(item.key.clone());
            let note = format!(
                "the item's own row is gone: {} copies don't come back, {} units stay in stock",
                item.copies.len(),
                item.total
            );
            self.guesses.tell("gone", key(), None, note);
            return;
        }
        if item.is_claimed {
            self.problem(
                "orders or holds have claims on it besides its loans",
                key(),
                None,
            );
            return;
        }
        if item.total > MOST_COPIES {
            self.problem("it has more than 1000000 units", key(), None);
            return;
        }
        let before = rows.came.len();
        let writer = Writer {
            table: &self.table,
            known: &self.known,
        };
        let left_rows = writer.rows_of(item, rows, &mut self.guesses);
        if rows.came.len() > before && !self.table.makes_keys() {
            self.problem(
                "copies came since, and its table makes no keys for their rows",
                key(),
                None,
            );
        }
        if left_rows > 0 {
            self.left_rows.insert(item.key.clone(), left_rows);
        }
        let out: i64 = item.units_out();
        self.items += 1;
        self.copies += i64::from(item.total);
        self.available += i64::from(item.available);
        self.lent += out;
    }

    fn problem(&mut self, what: &'static str, item: Option<String>, copy: Option<String>) {
        let problem = self.problems.entry(what).or_insert_with(|| Problem {
            what: what.to_owned(),
            rows: 0,
            examples: Vec::new(),
        });
        problem.rows += 1;
        if problem.examples.len() < EXAMPLES {
            problem.examples.push((item, copy));
        }
    }

    /// Copies that became rows since, and no counts.
    fn look_for_new_rows(&mut self) {
        let mut new = Vec::new();
        let (engine, known) = (self.engine, &self.known);
        let read = |row: &plans::Row| row.need::<String>(1);
        self.table
            .scan(&children_keys(&self.table), BATCH, read, |keys| {
                let counted: HashSet<String> =
                    known_of(engine, known, keys.clone()).into_iter().collect();
                new.extend(keys.into_iter().filter(|key| !counted.contains(key)));
            });
        for key in new {
            self.problem(
                "it was added since: collapse the table once more first",
                None,
                Some(key),
            );
        }
    }

    fn look_for_lost_columns(&mut self) {
        for column in items::columns_of_copies(self.engine, &self.known) {
            if !self.table.columns.iter().any(|there| there.name == column) {
                let note = format!("the table has no column {column} any more");
                self.guesses.tell("dropped", None, None, note);
            }
        }
    }

    fn answer(self) -> Report {
        let mut report = Report::default();
        for (kind, units) in [
            ("items", self.items),
            ("copies", self.copies),
            ("available", self.available),
            ("lent", self.lent),
        ] {
            report.total(kind, units, Some(units));
        }
        report.append(self.guesses);
        report
    }
}
