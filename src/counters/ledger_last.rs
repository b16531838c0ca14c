//! The last line of a listing in the ledger. A key that comes back after its listing was deleted goes on
//! from there; another tenant's begins anew.

use crate::direct::shape::{MOVEMENTS, MOVEMENTS_LISTING};
use crate::direct::{with_fresh_snapshot, Access, Column, Table};
use crate::engine::Engine;
use crate::plans::{self, id_list, Row, Statement};
use pgrx::pg_sys::UUIDARRAYOID;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use uuid::Uuid;

/// What a listing's last line says.
#[derive(Debug, Clone, Copy)]
pub struct Last {
    pub version: i64,
    /// In PostgreSQL's own microseconds.
    pub recorded_at: i64,
    /// Units of all its lots.
    pub total: i32,
}

/// By its listing. Compared as a distinct value the tenant can't be looked up in the primary key: all of its
/// lines would be read.
static LAST: Statement = Statement::fresh(
    "SELECT k.listing_id, m.version, m.recorded_at, m.listing_after
       FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, listing_id),
            LATERAL (
              SELECT m.version, m.recorded_at, m.listing_after FROM {s}.stock_movements m
               WHERE m.listing_id = k.listing_id AND m.tenant_id IS NOT DISTINCT FROM k.tenant_id
               ORDER BY m.listing_id DESC, m.recorded_at DESC, m.version DESC LIMIT 1) AS m",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

/// The last line of a listing.
pub fn of(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Option<Last> {
    of_all(engine, &[(tenant_id, listing_id)]).remove(&listing_id)
}

/// Last lines of these listings (tenant, listing), as far as they have lines.
pub fn of_all(engine: &Engine, listings: &[(Uuid, Uuid)]) -> HashMap<Uuid, Last> {
    // Mostly they have none.
    let asked = with_lines(engine, listings).unwrap_or_else(|| listings.to_vec());
    if asked.is_empty() {
        return HashMap::new();
    }
    let (tenants, listings): (Vec<Uuid>, Vec<Uuid>) = asked.into_iter().unzip();
    let args = [id_list(tenants), id_list(listings)];
    let read = |row: &Row| {
        let last = Last {
            version: row.need(2),
            recorded_at: row.need(3),
            total: row.need(4),
        };
        (row.id(1), last)
    };
    plans::run(engine, &LAST, &args, read).into_iter().collect()
}

/// Those that have lines, of whichever tenant; None where only SQL can tell.
fn with_lines(engine: &Engine, listings: &[(Uuid, Uuid)]) -> Option<Vec<(Uuid, Uuid)>> {
    const LISTING_ID: Column = MOVEMENTS.column("listing_id");
    let table = Table::open(engine, &MOVEMENTS, Access::Read)?;
    let keys = listings.iter().map(|(_, listing_id)| *listing_id);
    let mut found = HashSet::new();
    with_fresh_snapshot(|| {
        table.scan_each(MOVEMENTS_LISTING, keys, |line| {
            found.insert(line.id(LISTING_ID));
            ControlFlow::Break(())
        })
    })?;
    let has_lines = |(_, listing_id): &&(Uuid, Uuid)| found.contains(listing_id);
    Some(listings.iter().filter(has_lines).copied().collect())
}
