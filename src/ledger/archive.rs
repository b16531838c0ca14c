//! archive_movements: old lines move into a table of the user's; what proves them stays.

use super::archive_table::ArchiveTable;
use super::average::{self, entries};
use super::digest::{line_digest, run_digest};
use crate::arguments::{positive, required};
use crate::counters::aside;
use crate::direct::shape::MOVEMENTS;
use crate::engine::{as_engine, current_search_path, Engine};
use crate::error::Error;
use crate::ids::in_order;
use crate::plans::{self, id, id_list, raw, Arg, Row, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{self, INT4OID, TEXTARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use stockroom_core::average::in_full;
use uuid::Uuid;

/// One call keeps so many lines in memory.
const MOST: i32 = 100_000;

/// Nobody else archives meanwhile.
static LOCK: Statement = Statement::fresh(
    "LOCK TABLE {s}.stock_archived_runs IN SHARE ROW EXCLUSIVE MODE",
    &[],
);
/// The oldest lines by their keys; of their listings all lines up to those, as far as the batch goes. What a
/// statement has written of a listing stays together: a transfer is worth nothing by halves. And the
/// newest stays: from it the next line is numbered.
static CHOSEN: Statement = Statement::fresh(
    "WITH old AS (
       SELECT m.listing_id, m.recorded_at FROM {s}.stock_movements m
        WHERE m.tenant_id = $1 AND m.recorded_at < $2
          AND EXISTS (SELECT FROM {s}.stock_movements n
                       WHERE n.listing_id = m.listing_id AND n.tenant_id IS NOT DISTINCT FROM $1
                         AND n.recorded_at > m.recorded_at)
        ORDER BY m.tenant_id, m.movement_id LIMIT $3),
     last AS (
       SELECT listing_id, max(recorded_at) AS recorded_at FROM old GROUP BY listing_id)
     SELECT m.movement_id, m.listing_id
       FROM last l JOIN {s}.stock_movements m
            ON m.listing_id = l.listing_id AND m.tenant_id IS NOT DISTINCT FROM $1 AND m.recorded_at <= l.recorded_at
      ORDER BY m.recorded_at, m.listing_id FETCH FIRST $3 ROWS WITH TIES",
    &[UUIDOID, TIMESTAMPTZOID, INT4OID],
);
/// As one value, to be given to whoever owns the archive.
static LINES: Statement = Statement::fresh(
    "SELECT array_agg(m ORDER BY m.recorded_at, m.listing_id, m.version), pg_typeof(array_agg(m))::oid
       FROM {s}.stock_movements m WHERE m.tenant_id = $1 AND m.movement_id = ANY ($2)",
    &[UUIDOID, UUIDARRAYOID],
);
static ENTRIES: Statement = Statement::stable(
    entries!(
        " AND m.movement_id = ANY ($2)",
        " AND m.listing_id = ANY ($3)"
    ),
    &[UUIDOID, UUIDARRAYOID, UUIDARRAYOID],
);
static ADD_RUNS: Statement = Statement::fresh(
    concat!(
        "WITH run AS (
           SELECT listing_id, count(*) AS lines, min(version) AS first_version, max(version) AS last_version,
                  (array_agg(listing_before ORDER BY version))[1] AS total_before,
                  (array_agg(listing_after ORDER BY version DESC))[1] AS total_after,
                  max(recorded_at) AS last_recorded_at, max(effective_at) AS last_effective_at,
                  (array_agg(movement_id ORDER BY movement_id DESC))[1] AS last_movement_id, ",
        run_digest!(),
        " AS digest
             FROM {s}.stock_movements WHERE tenant_id = $1 AND movement_id = ANY ($2) GROUP BY listing_id),
         added AS (
           INSERT INTO {s}.stock_archived_runs
                  (tenant_id, listing_id, first_version, last_version, total_before, total_after, average_value,
                   last_recorded_at, last_effective_at, last_movement_id, digest, archived_at)
           SELECT $1, r.listing_id, r.first_version, r.last_version, r.total_before, r.total_after,
                  v.value::numeric, r.last_recorded_at, r.last_effective_at, r.last_movement_id, r.digest,
                  clock_timestamp()
             FROM run r JOIN unnest($3::uuid[], $4::text[]) AS v (listing_id, value) ON v.listing_id = r.listing_id
           RETURNING listing_id)
         SELECT r.listing_id, r.first_version, r.last_version, r.lines, r.digest
           FROM run r JOIN added a ON a.listing_id = r.listing_id ORDER BY r.listing_id"
    ),
    &[UUIDOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID],
);
static ADD_TO_LOTS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_archived_lots AS a (tenant_id, listing_id, lot_id, location_id, quantity)
     SELECT $1, listing_id, lot_id, location_id, sum(delta)::int
       FROM {s}.stock_movements WHERE tenant_id = $1 AND movement_id = ANY ($2)
      GROUP BY listing_id, lot_id, location_id
     ON CONFLICT (tenant_id, listing_id, lot_id, location_id) DO UPDATE
        SET quantity = a.quantity + excluded.quantity",
    &[UUIDOID, UUIDARRAYOID],
);
static COST_OF_LOTS: Statement = Statement::fresh(
    "UPDATE {s}.stock_archived_lots a SET unit_cost = n.unit_cost
       FROM (SELECT DISTINCT ON (listing_id, lot_id) listing_id, lot_id, unit_cost
               FROM {s}.stock_movements WHERE tenant_id = $1 AND movement_id = ANY ($2)
              ORDER BY listing_id, lot_id, version DESC) AS n
      WHERE a.tenant_id = $1 AND a.listing_id = n.listing_id AND a.lot_id = n.lot_id",
    &[UUIDOID, UUIDARRAYOID],
);
static EMPTY_LOTS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_archived_lots WHERE tenant_id = $1 AND listing_id = ANY ($2) AND quantity = 0",
    &[UUIDOID, UUIDARRAYOID],
);
static REMOVE: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_movements WHERE tenant_id = $1 AND movement_id = ANY ($2)",
    &[UUIDOID, UUIDARRAYOID],
);

/// Moves lines of the session's tenant that were recorded before a moment into a table of the caller's, about
/// `batch` of them (up to 100,000), and answers how many: 0 when none is left. Always the oldest of a listing,
/// what was written at once together, and never the newest.
///
/// `into_table` has the columns of stock_movements, and may have others; partitioned or not. The caller
/// must be allowed to INSERT into it; it is written as its owner. Digests of what was moved stay, and
/// where each lot stood: verify_ledger() goes on from there, verify_archive() proves the table. Errors:
/// bad_argument, cannot_archive.
#[pg_extern(
    sql = "CREATE FUNCTION archive_movements(before timestamptz, into_table regclass, batch integer DEFAULT 10000)
RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn archive_movements(
    before: Option<TimestampWithTimeZone>,
    into_table: Option<pg_sys::Oid>,
    batch: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let before = required("before", before)?;
    let table = required("into_table", into_table)?;
    let batch = positive("batch", batch)?;
    if batch > MOST {
        let problem = format!("must be at most {MOST}");
        let argument = "batch";
        return Err(Error::BadArgument { argument, problem }.into());
    }
    // SAFETY: raises PostgreSQL's own error, or does nothing.
    unsafe { pg_sys::PreventCommandIfReadOnly(c"archive_movements()".as_ptr()) };
    let search_path = current_search_path();
    let archive = ArchiveTable::to_write(&engine, table)?;
    Ok(as_engine(&engine, || {
        move_lines(&engine, &archive, &search_path, before, batch)
    })?)
}

fn move_lines(
    engine: &Engine,
    archive: &ArchiveTable,
    search_path: &str,
    before: TimestampWithTimeZone,
    batch: i32,
) -> Result<i32, Error> {
    plans::run(engine, &LOCK, &[], |_| ());
    let args = [id(engine.tenant), before.into(), batch.into()];
    let chosen = plans::run(engine, &CHOSEN, &args, |row| (row.id(1), row.id(2)));
    if chosen.is_empty() {
        return Ok(0);
    }
    let (keys, listings): (Vec<Uuid>, Vec<Uuid>) = chosen.into_iter().unzip();
    let listings = in_order(listings);
    let of_lines = || [id(engine.tenant), id_list(keys.iter().copied())];
    let lines = plans::run_one(engine, &LINES, &of_lines(), |row| {
        (row.kept(1), row.need(2))
    });
    let (lines, type_of_lines) = lines.expect("an aggregate answers one row");

    let runs = add_runs(engine, archive, &keys, &listings)?;
    aside::during(|| {
        plans::write(engine, &ADD_TO_LOTS, &of_lines());
        plans::write(engine, &COST_OF_LOTS, &of_lines());
        let of_listings = [id(engine.tenant), id_list(listings)];
        plans::write(engine, &EMPTY_LOTS, &of_listings);
        plans::write_all(engine, &REMOVE, &of_lines(), keys.len());
    });
    let text = insert_text(&archive.name);
    let put = archive.as_owner(search_path, || {
        plans::run_made(engine, text, &[type_of_lines], &[raw(lines)], Run::read)
    });
    if put != runs {
        return Err(Error::CannotArchive {
            table: archive.name.clone(),
            problem: "it does not keep what is put into it".to_owned(),
            hint: "Look for triggers on it that swallow or change rows.",
        });
    }
    Ok(keys.len() as i32)
}

/// Lines of a listing that were moved at once.
#[derive(Debug, PartialEq)]
struct Run {
    listing_id: Uuid,
    first_version: i64,
    last_version: i64,
    lines: i64,
    digest: Vec<u8>,
}

impl Run {
    fn read(row: &Row) -> Run {
        Run {
            listing_id: row.id(1),
            first_version: row.need(2),
            last_version: row.need(3),
            lines: row.need(4),
            digest: row.need(5),
        }
    }
}

fn add_runs(
    engine: &Engine,
    archive: &ArchiveTable,
    keys: &[Uuid],
    listings: &[Uuid],
) -> Result<Vec<Run>, Error> {
    let keys = || id_list(keys.iter().copied());
    let args = [id(engine.tenant), keys(), id_list(listings.iter().copied())];
    let (mut valued, mut values) = (Vec::new(), Vec::new());
    plans::with_latest_snapshot(|| {
        average::replay(engine, &ENTRIES, &args, false, |listing| {
            valued.push(listing.listing_id);
            values.push(in_full(listing.average.value()));
        });
    });
    let values: Arg = values.into();
    let args = [id(engine.tenant), keys(), id_list(valued), values];
    let runs = aside::during(|| plans::run(engine, &ADD_RUNS, &args, Run::read));
    let gap = |run: &&Run| run.last_version - run.first_version + 1 != run.lines;
    match runs.iter().find(gap) {
        Some(run) => Err(Error::CannotArchive {
            table: archive.name.clone(),
            problem: format!(
                "lines of listing {} do not follow one another",
                run.listing_id
            ),
            hint: "See what verify_ledger() says of it.",
        }),
        None => Ok(runs),
    }
}

/// Puts lines into the archive, and answers what it keeps of them. Names are the engine's own columns'.
fn insert_text(archive: &str) -> String {
    let names: Vec<&str> = MOVEMENTS.columns.iter().map(|(name, _)| *name).collect();
    let columns = names.join(", ");
    format!(
        "WITH put AS (INSERT INTO {archive} ({columns})
           SELECT {columns} FROM pg_catalog.unnest($1) RETURNING {columns})
         SELECT listing_id, pg_catalog.min(version), pg_catalog.max(version), pg_catalog.count(*), {}
           FROM put GROUP BY listing_id ORDER BY listing_id",
        run_digest!()
    )
}
