//! What all changes of lots have in common: what is locked before, and what follows after.

use crate::counters::lot_rows::{self, LotRow};
use crate::counters::{goods, invariants, mirror, Deltas, LevelKey, ListingAfter};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use crate::subtransaction::attempt;
use pgrx::pg_sys::UUIDOID;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Lots that are about to change, in the order in which they were asked for, locked. Holds that expired on
/// the way are still to be counted.
pub struct Begun {
    pub lots: Vec<LotRow>,
    pub expired: Deltas,
}

/// Locks the attached rows of these lots' listings, and the lots.
pub fn begin(engine: &Engine, lots: &[Uuid]) -> Result<Begun, Error> {
    begin_with(engine, lots, || lot_rows::lock(engine, lots))
}

/// The same, and between the two the active claims on the first of the lots.
pub fn begin_with_claims(engine: &Engine, lots: &[Uuid]) -> Result<Begun, Error> {
    begin_with(engine, lots, || lock_with_claims(engine, lots))
}

fn begin_with(
    engine: &Engine,
    lots: &[Uuid],
    lock: impl FnOnce() -> Vec<LotRow>,
) -> Result<Begun, Error> {
    let listings = |rows: &[LotRow]| -> BTreeSet<(Uuid, Uuid)> {
        rows.iter()
            .map(|lot| (lot.tenant_id, lot.listing_id))
            .collect()
    };
    let seen = in_order_of(lots, lot_rows::read(engine, lots))?;
    let known = listings(&seen);
    let mut expired = mirror::begin_write(engine, known.iter().copied());
    let locked = in_order_of(lots, lock())?;
    // Somebody moved one of them to another listing meanwhile.
    let others: Vec<(Uuid, Uuid)> = listings(&locked).difference(&known).copied().collect();
    if !others.is_empty() {
        expired.add_all(&mirror::begin_write(engine, others));
    }
    Ok(Begun {
        lots: locked,
        expired,
    })
}

/// The rows of these lots, one for each; an error for one that is not there.
fn in_order_of(lots: &[Uuid], rows: Vec<LotRow>) -> Result<Vec<LotRow>, Error> {
    let find = |lot_id: &Uuid| {
        let found = rows.binary_search_by_key(lot_id, |row| row.lot_id);
        let found = found.map_err(|_| Error::LotNotFound { lot_id: *lot_id });
        found.map(|at| rows[at].clone())
    };
    lots.iter().map(find).collect()
}

static LOCK_CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id = $1 AND tenant_id = $2 AND status = 'active'
      ORDER BY allocation_id FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID],
);
static CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id = $1 AND tenant_id = $2 AND status = 'active'",
    &[UUIDOID, UUIDOID],
);

/// Claims that were committed while the lots were waited for come too late. So often the locks are given
/// back and taken anew.
const TRIES: usize = 10;

fn lock_with_claims(engine: &Engine, lots: &[Uuid]) -> Vec<LotRow> {
    let claims = |statement| -> HashSet<Uuid> {
        let args = [id(lots[0]), id(engine.tenant)];
        let found = plans::run(engine, statement, &args, |row| row.id(1));
        found.into_iter().collect()
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let locked = attempt(|| {
            let known = claims(&LOCK_CLAIMS);
            let rows = lot_rows::lock(engine, lots);
            match tries == TRIES || claims(&CLAIMS).is_subset(&known) {
                true => Ok(rows),
                false => Err(()),
            }
        });
        if let Ok(rows) = locked {
            return rows;
        }
    }
}

/// What follows when lots have changed: the attached rows show it, claims on `lowered` levels and their
/// listings are not left short, and holds that wait get what `gained` has to give.
pub fn finish(engine: &Engine, after: &[ListingAfter], lowered: &[LevelKey], gained: &[Uuid]) {
    mirror::write(engine, after);
    invariants::refuse_now(engine, lowered);
    if !gained.is_empty() {
        goods::came_free(engine, after, || gained.to_vec());
    }
}
