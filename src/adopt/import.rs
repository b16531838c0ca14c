//! `import_stock`: who may, in which order, and the answer.

use super::allocations::{self, Words};
use super::keys::Keys;
use super::reading::{bad_mapping, Reading};
use super::registered::{self, Registered};
use super::report::{rows, Line, Problems};
use super::source::{refusal, BATCH};
use super::{compare, locations, lots, staged, take_over};
use crate::arguments::required;
use crate::attach::ownership::{check_owner, lock_owned};
use crate::engine::{as_engine, current_search_path, Engine};
use crate::error::{notice, Error};
use crate::jsonb::Jsonb;
use crate::plans;
use crate::subtransaction::attempt;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::{json, Value};
use std::convert::Infallible;
use stockroom_core::adopt::{overlaid, Mapping};

/// Takes over the lots and allocations of an app's own tables: listings, lots, claims and locations are
/// made, counted, and written into the ledger as 'import', with the table's name as reference.
///
/// Columns are guessed (`guess_stock_columns`); `mapping` overrules: `{"lots": {"quantity": "qty"},
/// "allocations": {"status": "state"}, "locations": {"table": "places", "name": "label"}, "statuses":
/// {"gone": "fulfilled"}, "quantity_scale": 3}`, NULL for what is to be left out. The tables are only
/// read, as their owner, and take no writes meanwhile. Once more, it brings what is new by its key, and
/// names what has changed there since. A `preview` does all of it and takes it back.
///
/// Answers lines: how many were found and how many imported; in a preview the columns, the words for
/// states, and each bad row. Theirs and ours are compared listing by listing (total, allocated,
/// available). The caller must own the tables.
///
/// Errors: bad_argument, cannot_import, not_table_owner, bad_rows, import_mismatch,
/// quantity_out_of_range.
#[pg_extern(
    sql = "CREATE FUNCTION import_stock(lots regclass, allocations regclass DEFAULT NULL,
    mapping jsonb DEFAULT NULL, preview boolean DEFAULT false)
RETURNS TABLE (kind text, name text, found bigint, imported bigint, problem text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // one result column each
fn import_stock(
    lots: Option<pg_sys::Oid>,
    allocations: Option<pg_sys::Oid>,
    mapping: Option<Jsonb>,
    preview: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(name, Option<String>),
            name!(found, Option<i64>),
            name!(imported, Option<i64>),
            name!(problem, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let preview = required("preview", preview)?;
    let given = mapping
        .map(|mapping| mapping.parse("mapping"))
        .transpose()?;
    let given = given.unwrap_or_else(|| json!({}));
    // By itself, before it is laid over an earlier one.
    Mapping::parse(&given).map_err(bad_mapping)?;
    let import = Import {
        engine: &engine,
        lots: required("lots", lots)?,
        allocations,
        mapping: given,
        search_path: current_search_path(),
        preview,
    };
    check_owner(import.lots)?;
    let tables = as_engine(&engine, || -> Result<Vec<pg_sys::Oid>, Error> {
        let known = Registered::find(&engine, import.lots);
        Ok(tables_of(&import.reading(known.as_ref())?))
    })?;
    import.lock(&tables)?;
    let lines = as_engine(&engine, || match preview {
        false => import.run(&tables),
        true => {
            let tried = attempt(|| Err::<Infallible, _>(import.run(&tables)));
            match tried {
                Err(lines) => lines,
            }
        }
    })?;
    Ok(TableIterator::new(rows(lines)))
}

struct Import<'a> {
    engine: &'a Engine,
    lots: pg_sys::Oid,
    allocations: Option<pg_sys::Oid>,
    mapping: Value,
    search_path: String,
    preview: bool,
}

fn tables_of(reading: &Reading) -> Vec<pg_sys::Oid> {
    reading.parts().map(|part| part.source.oid).collect()
}

impl Import<'_> {
    fn reading(&self, known: Option<&Registered>) -> Result<Reading, Error> {
        let mapping = known.map_or_else(
            || self.mapping.clone(),
            |known| overlaid(&known.mapping, &self.mapping),
        );
        let allocations = self
            .allocations
            .or(known.and_then(|known| known.allocations));
        let path = &self.search_path;
        let reading = Reading::of(self.engine, self.lots, allocations, &mapping, path)?;
        reading.check()?;
        Ok(reading)
    }

    /// One import of a table at a time, and, but for a preview, no writes meanwhile.
    fn lock(&self, tables: &[pg_sys::Oid]) -> Result<(), Error> {
        let mode = match self.preview {
            true => pg_sys::ShareUpdateExclusiveLock,
            false => pg_sys::ShareRowExclusiveLock,
        };
        tables
            .iter()
            .try_for_each(|table| lock_owned(c"import_stock()", *table, mode as i32))
    }

    fn run(&self, tables: &[pg_sys::Oid]) -> Result<Vec<Line>, Error> {
        let engine = self.engine;
        let known = Registered::lock(engine, self.lots);
        let reading = self.reading(known.as_ref())?;
        if tables_of(&reading) != tables {
            let hint = "Import again.";
            return Err(refusal(
                &reading.lots.source.name,
                "it was changed meanwhile",
                hint,
            ));
        }
        let keys = Keys::of(engine, &reading, known.as_ref());
        let import_id = registered::register(engine, &reading, &keys, known.as_ref());
        staged::create();
        let mut problems = Problems::default();
        let (all_lots, words, places) = plans::with_latest_snapshot(|| {
            lots::read(engine, &reading, &keys, &mut problems);
            let all_lots = problems.count == 0;
            let words = allocations::read(engine, &reading, &keys, &mut problems);
            let places = locations::resolve(engine, &reading, &keys, import_id);
            places.map(|places| (all_lots, words, places))
        })?;
        staged::resolve(engine, &reading, import_id);
        staged::check(engine, &reading, all_lots, &mut problems);

        let mut lines = Vec::new();
        if self.preview {
            lines.extend(choices(&reading));
            lines.extend(meanings(&words));
        }
        if problems.count > 0 {
            if !self.preview {
                return Err(bad_rows(&reading, &problems));
            }
            lines.extend(compare::counts_read(places));
            lines.push(Line::of_counts("bad rows", problems.count, 0));
            lines.extend_from_slice(problems.lines());
            return Ok(lines);
        }
        take_over::take_over(engine, &reading, import_id)?;
        let mismatches = compare::mismatches(engine);
        if !mismatches.is_empty() && !self.preview {
            return Err(Error::ImportMismatch {
                table: reading.lots.source.name.clone(),
                mismatches: mismatches.len() as i64,
                examples: mismatches
                    .into_iter()
                    .take(20)
                    .filter_map(|line| line.name)
                    .collect(),
            });
        }
        let counts = compare::counts(engine, places);
        let imported = counts
            .iter()
            .filter_map(|line| line.imported)
            .max()
            .unwrap_or(0);
        lines.extend(counts);
        lines.extend(mismatches);
        lines.extend(compare::changes(engine, &reading, import_id));
        take_over::hand_out(engine);
        staged::drop();
        if imported >= BATCH && !self.preview {
            take_over::analyze(engine);
        }
        if !self.preview {
            notice(format!("stockroom: {} imported", reading.lots.source.name));
        }
        Ok(lines)
    }
}

fn choices(reading: &Reading) -> Vec<Line> {
    let parts = reading.parts().flat_map(|part| part.named_choices());
    let line = |(target, choice): (String, &super::reading::Choice)| Line {
        kind: "column",
        name: Some(match &choice.column {
            Some(column) => format!("{target} = {}", column.name),
            None => format!("{target}: {}", choice.target.without),
        }),
        found: None,
        imported: None,
        problem: None,
    };
    parts.map(line).collect()
}

fn meanings(words: &Words) -> Vec<Line> {
    let line = |(word, (meaning, count)): (&String, &(Option<_>, i64))| {
        let meaning: &Option<stockroom_core::claim::AllocationStatus> = meaning;
        let meant = meaning.map_or("?", |meaning| meaning.name());
        Line {
            kind: "status",
            name: Some(format!(
                "{} = {meant}",
                word.chars().take(80).collect::<String>()
            )),
            found: Some(*count),
            imported: None,
            problem: None,
        }
    };
    words.iter().map(line).collect()
}

fn bad_rows(reading: &Reading, problems: &Problems) -> Error {
    Error::BadRows {
        table: reading.lots.source.name.clone(),
        rows: problems.count,
        examples: problems.examples(),
    }
}
