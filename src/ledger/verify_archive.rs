//! verify_archive: the lines in the archive are those that were put there.

use super::archive_table::ArchiveTable;
use super::digest::line_digest;
use crate::arguments::required;
use crate::engine::{as_engine, Engine, PINNED_PATH};
use crate::ids;
use crate::plans::{self, id, Row, Statement};
use pgrx::fcinfo::direct_function_call;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{self, INT8OID, UUIDOID};
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid as PgUuid};
use std::collections::VecDeque;
use uuid::Uuid;

static RUNS: Statement = Statement::stable(
    "SELECT listing_id, first_version, last_version, digest FROM {s}.stock_archived_runs
      WHERE tenant_id = $1 AND (listing_id, last_version) > ($2, $3)
      ORDER BY tenant_id, listing_id, last_version LIMIT 10000",
    &[UUIDOID, UUIDOID, INT8OID],
);

struct Run {
    listing_id: Uuid,
    first_version: i64,
    last_version: i64,
    digest: Vec<u8>,
}

/// A line of the archive.
struct Line {
    listing_id: Uuid,
    version: i64,
    digest: Vec<u8>,
}

fn read_line(row: &Row) -> Line {
    Line {
        listing_id: row.id(1),
        version: row.need(2),
        digest: row.need(3),
    }
}

/// Compares a table of archived lines with what was kept of them when they were moved, for the session's
/// tenant: which lines are missing, were changed, or were never moved there by archive_movements. No rows is
/// the proof. Lines that lie in several tables are proved by a view over all of them. The caller must be
/// allowed to SELECT from it; it is read as its owner. Errors: bad_argument, cannot_archive.
#[pg_extern(
    sql = "CREATE FUNCTION verify_archive(archive regclass) RETURNS TABLE (listing_id uuid, version bigint, problem text)
STABLE LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)]
fn verify_archive(
    archive: Option<pg_sys::Oid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(listing_id, PgUuid),
            name!(version, i64),
            name!(problem, String),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let archive = ArchiveTable::to_read(&engine, required("archive", archive)?)?;
    let text = format!(
        "SELECT listing_id, version, {} FROM {}
          WHERE tenant_id OPERATOR(pg_catalog.=) $1 ORDER BY listing_id, version",
        line_digest!(),
        archive.name
    );
    // The owner's own functions and operators have no part in the proof.
    let pinned = PINNED_PATH.to_str().expect("it is ASCII");
    let as_owner = |run: &mut dyn FnMut()| archive.as_owner(pinned, run);
    let mut proof = Proof::begin(&engine);
    let args = [id(engine.tenant)];
    let types = [UUIDOID];
    plans::scan_made(
        as_owner,
        &text,
        &types,
        &args,
        plans::BATCH,
        read_line,
        |lines| {
            lines.into_iter().for_each(|line| proof.line(line));
        },
    );
    Ok(TableIterator::new(proof.end()))
}

/// Lines and runs side by side, both in the order of listing and version.
struct Proof<'a> {
    engine: &'a Engine,
    runs: VecDeque<Run>,
    /// Where the next runs begin.
    last: (Uuid, i64),
    /// Of the run in front: the version that comes next, and the digests of its lines.
    next_version: Option<i64>,
    digests: Vec<u8>,
    is_whole: bool,
    problems: Vec<(PgUuid, i64, String)>,
}

impl Proof<'_> {
    fn begin(engine: &Engine) -> Proof<'_> {
        Proof {
            engine,
            runs: VecDeque::new(),
            last: (Uuid::nil(), 0),
            next_version: None,
            digests: Vec::new(),
            is_whole: true,
            problems: Vec::new(),
        }
    }

    /// The run in front; None after the last.
    fn run(&mut self) -> Option<&Run> {
        if self.runs.is_empty() {
            let args = [id(self.engine.tenant), id(self.last.0), self.last.1.into()];
            self.runs = as_engine(self.engine, || {
                plans::run(self.engine, &RUNS, &args, |row| Run {
                    listing_id: row.id(1),
                    first_version: row.need(2),
                    last_version: row.need(3),
                    digest: row.need(4),
                })
            })
            .into();
            let last = self.runs.back()?;
            self.last = (last.listing_id, last.last_version);
        }
        self.runs.front()
    }

    fn line(&mut self, line: Line) {
        let place = (line.listing_id, line.version);
        while let Some(run) = self.run() {
            let (first, last) = (run.first_version, run.last_version);
            if place > (run.listing_id, last) {
                self.end_run();
                continue;
            }
            if place < (run.listing_id, first) {
                break;
            }
            let expected = self.next_version.unwrap_or(first);
            if line.version != expected {
                self.is_whole = false;
                let problem = match line.version < expected {
                    true => "it is there twice".to_owned(),
                    false => format!("lines {expected} to {} are missing", line.version - 1),
                };
                self.note(line.listing_id, line.version, problem);
            }
            self.next_version = Some(line.version + 1);
            self.digests.extend(line.digest);
            return;
        }
        let problem = "archive_movements() did not put it here".to_owned();
        self.note(line.listing_id, line.version, problem);
    }

    fn end_run(&mut self) {
        let run = self.runs.pop_front().expect("there is a run in front");
        let expected = self.next_version.take().unwrap_or(run.first_version);
        let digests = std::mem::take(&mut self.digests);
        let is_whole = std::mem::replace(&mut self.is_whole, true);
        let (first, last) = (run.first_version, run.last_version);
        if expected <= last {
            self.note(
                run.listing_id,
                expected,
                format!("lines {expected} to {last} are missing"),
            );
        } else if is_whole && sha256(digests) != run.digest {
            let problem = format!("lines {first} to {last} are not as they were archived");
            self.note(run.listing_id, first, problem);
        }
    }

    fn note(&mut self, listing_id: Uuid, version: i64, problem: String) {
        let listing_id = ids::to_pg(listing_id);
        self.problems.push((listing_id, version, problem));
    }

    fn end(mut self) -> Vec<(PgUuid, i64, String)> {
        while self.run().is_some() {
            self.end_run();
        }
        self.problems
    }
}

fn sha256(bytes: Vec<u8>) -> Vec<u8> {
    // SAFETY: the function takes bytes and answers bytes.
    let digest = unsafe { direct_function_call(pg_sys::sha256_bytea, &[bytes.into_datum()]) };
    digest.expect("there is a digest of everything")
}
