//! `undo_import_stock`: the way back at once, as long as nothing has moved.

use super::registered::Registered;
use super::report::{rows, Line, Problems};
use super::staged;
use super::take_over::{lock, scan};
use crate::arguments::required;
use crate::attach::ownership::lock_owned;
use crate::counters::registration::table_name;
use crate::engine::{as_engine, with_setting, Engine};
use crate::error::Error;
use crate::plans::{self, id_list, Statement};
use crate::settings;
use crate::subtransaction::attempt;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::UUIDARRAYOID;
use pgrx::prelude::*;
use std::convert::Infallible;
use std::ffi::CString;
use uuid::Uuid;

/// Removes what `import_stock` made of a table: allocations, lots, and those listings and locations
/// that it made and nothing else uses. The app's tables are not touched, the ledger keeps both ways.
/// Refused once anything of it is not as it was imported: a quantity, a claim, a hold that needs it. A
/// `preview` takes all of it back. Answers how many there were and how many were removed.
///
/// Errors: table_not_imported, not_table_owner, import_moved, stock_committed.
#[pg_extern(
    sql = "CREATE FUNCTION undo_import_stock(lots regclass, preview boolean DEFAULT false)
RETURNS TABLE (kind text, name text, found bigint, removed bigint, problem text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // one result column each
fn undo_import_stock(
    lots: Option<pg_sys::Oid>,
    preview: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(name, Option<String>),
            name!(found, Option<i64>),
            name!(removed, Option<i64>),
            name!(problem, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let lots = required("lots", lots)?;
    let preview = required("preview", preview)?;
    lock_owned(
        c"undo_import_stock()",
        lots,
        pg_sys::ShareUpdateExclusiveLock as i32,
    )?;
    let lines = as_engine(&engine, || match preview {
        false => undo(&engine, lots, preview),
        true => match attempt(|| Err::<Infallible, _>(undo(&engine, lots, preview))) {
            Err(lines) => lines,
        },
    })?;
    Ok(TableIterator::new(rows(lines)))
}

fn undo(engine: &Engine, lots: pg_sys::Oid, preview: bool) -> Result<Vec<Line>, Error> {
    let table = table_name(lots);
    let Some(known) = Registered::lock(engine, lots) else {
        return Err(Error::TableNotImported { table });
    };
    let imported = |kind| imported(engine, known.import_id, kind);
    for kind in KINDS {
        staged::make(&format!("stockroom_{kind}s"), &imported(kind));
    }
    lock_all(engine);
    let mut problems = Problems::default();
    moved(engine, &mut problems);
    if problems.count > 0 {
        if preview {
            return Ok(problems.lines().to_vec());
        }
        return Err(Error::ImportMoved {
            table,
            rows: problems.count,
            examples: problems.examples(),
        });
    }
    let reason = settings::reason().unwrap_or_else(|| format!("import of {table} undone"));
    let reason = CString::new(reason).expect("a setting has no NUL");
    let lines = with_setting(c"stockroom.reason", &reason, true, || remove(engine))?;
    forget(engine, known.import_id);
    for kind in KINDS {
        plans::run_once(&format!("DROP TABLE pg_temp.stockroom_{kind}s"), |_| ());
    }
    Ok(lines)
}

const KINDS: [&str; 4] = ["allocation", "lot", "listing", "location"];

fn imported(engine: &Engine, import_id: Uuid, kind: &str) -> String {
    format!(
        "SELECT source_key, target_id, quantity, status FROM {}.stock_import_rows
          WHERE import_id = '{import_id}' AND kind = '{kind}'",
        engine.schema
    )
}

/// Claims first, then the rest in lock order.
fn lock_all(engine: &Engine) {
    let schema = &engine.schema;
    let listings: Vec<Uuid> = plans::run_once(
        &format!(
            "SELECT DISTINCT s.listing_id FROM pg_temp.stockroom_lots l
               JOIN {schema}.stock_lots s ON s.lot_id = l.target_id
             UNION SELECT g.listing_id FROM pg_temp.stockroom_listings l
               JOIN {schema}.stock_listings g ON g.listing_id = l.target_id
              ORDER BY 1"
        ),
        |row| row.id(1),
    );
    let pairs = listings.iter().map(|listing| (engine.tenant, *listing));
    crate::counters::mirror::lock_of_listings(engine, pairs);
    plans::run_once(
        &format!(
            "WITH locked AS (
               SELECT FROM {schema}.stock_allocations a JOIN pg_temp.stockroom_lots l ON l.target_id = a.lot_id
                ORDER BY a.allocation_id FOR UPDATE OF a)
             SELECT count(*) FROM locked"
        ),
        |_| (),
    );
    lock(engine, &listings);
}

/// What is not as it was imported.
fn moved(engine: &Engine, problems: &mut Problems) {
    let schema = &engine.schema;
    let checks = [
        (
            "lot",
            format!(
                "SELECT l.source_key, pg_catalog.format('had %s units, has %s', l.quantity,
                                                        coalesce(s.quantity_total::text, 'gone'))
                   FROM pg_temp.stockroom_lots l LEFT JOIN {schema}.stock_lots s ON s.lot_id = l.target_id
                  WHERE s.quantity_total IS DISTINCT FROM l.quantity"
            ),
        ),
        (
            "allocation",
            format!(
                "SELECT a.source_key, pg_catalog.format('was %s %s, is %s', a.quantity, a.status,
                                                        coalesce(s.quantity || ' ' || s.status, 'gone'))
                   FROM pg_temp.stockroom_allocations a
                   LEFT JOIN {schema}.stock_allocations s ON s.allocation_id = a.target_id
                  WHERE (s.quantity, s.status) IS DISTINCT FROM (a.quantity, a.status)"
            ),
        ),
        (
            "lot",
            format!(
                "SELECT l.source_key, pg_catalog.format('%s allocations were made since', count(*))
                   FROM pg_temp.stockroom_lots l
                   JOIN {schema}.stock_allocations s ON s.lot_id = l.target_id
                   LEFT JOIN pg_temp.stockroom_allocations a ON a.target_id = s.allocation_id
                  WHERE a.target_id IS NULL GROUP BY l.source_key"
            ),
        ),
    ];
    for (kind, query) in checks {
        staged::note_all(problems, kind, &query);
    }
}

static DELETE_ALLOCATIONS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_allocations WHERE allocation_id = ANY ($1)",
    &[UUIDARRAYOID],
);
static DELETE_LOTS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_lots WHERE lot_id = ANY ($1)",
    &[UUIDARRAYOID],
);
/// Those that hold nothing else, and mirror no row.
static DELETE_LISTINGS: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_listings g
      WHERE g.listing_id = ANY ($1) AND g.attached_to IS NULL
        AND NOT EXISTS (SELECT FROM {s}.stock_lots l WHERE l.listing_id = g.listing_id)
        AND NOT EXISTS (SELECT FROM {s}.stock_holds h WHERE h.listing_id = g.listing_id)",
    &[UUIDARRAYOID],
);
static DELETE_LOCATIONS: Statement = Statement::fresh(
    "DELETE FROM {s}.locations p
      WHERE p.location_id = ANY ($1)
        AND NOT EXISTS (SELECT FROM {s}.stock_lots l WHERE l.location_id = p.location_id)
        AND NOT EXISTS (SELECT FROM {s}.stock_holds h WHERE h.location_id = p.location_id)
        AND NOT EXISTS (SELECT FROM {s}.locations c WHERE c.parent_id = p.location_id)",
    &[UUIDARRAYOID],
);

/// As a client would, in batches: the triggers count, and write the ledger.
fn remove(engine: &Engine) -> Result<Vec<Line>, Error> {
    let steps = [
        ("allocations", "true", &DELETE_ALLOCATIONS),
        ("lots", "true", &DELETE_LOTS),
        ("listings", "status = 'made'", &DELETE_LISTINGS),
        ("locations", "status = 'made'", &DELETE_LOCATIONS),
    ];
    let mut lines = Vec::new();
    for (kind, filter, statement) in steps {
        let (mut found, mut removed) = (0, 0);
        let text = format!(
            "SELECT target_id FROM pg_temp.stockroom_{kind} WHERE {filter} ORDER BY target_id"
        );
        scan(
            &text,
            |row| row.id(1),
            |rows: Vec<Uuid>| {
                found += rows.len() as i64;
                removed += plans::write(engine, statement, &[id_list(rows)]) as i64;
                Ok(())
            },
        )?;
        lines.push(Line::of_counts(kind, found, removed));
    }
    Ok(lines)
}

fn forget(engine: &Engine, import_id: Uuid) {
    for table in ["stock_import_rows", "stock_imports"] {
        let text = format!(
            "DELETE FROM {}.{table} WHERE import_id = '{import_id}'",
            engine.schema
        );
        plans::run_once(&text, |_| ());
    }
}
