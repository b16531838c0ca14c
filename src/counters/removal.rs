//! Listings that go with all they have, in lock order.

use super::ledger::{self, Cause, Line};
use super::{aside, ledger_last, listings, Counts, ListingAfter};
use crate::clock;
use crate::engine::Engine;
use crate::plans::{self, id_list, Arg, Row, Statement};
use crate::settings;
use crate::subtransaction::attempt;
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDARRAYOID};
use std::collections::{BTreeSet, HashMap, HashSet};
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// Live holds, by their two indexes. Those that are over stay, as history, until they are purged.
macro_rules! live_holds {
    () => {
        "{s}.stock_holds h WHERE (h.listing_id = ANY ($1) AND h.status = 'active'
                               OR h.listing_id = ANY ($1) AND h.status = 'waiting')"
    };
}

static LOCK_HOLDS: Statement = Statement::fresh(
    concat!(
        "SELECT h.hold_id FROM ",
        live_holds!(),
        " ORDER BY h.hold_id FOR UPDATE"
    ),
    &[UUIDARRAYOID],
);
static HOLDS: Statement = Statement::fresh(
    concat!("SELECT h.hold_id FROM ", live_holds!()),
    &[UUIDARRAYOID],
);
static LOCK_CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id IN (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1))
      ORDER BY allocation_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LOTS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_lots WHERE listing_id = ANY ($1) ORDER BY lot_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static CLAIMS: Statement = Statement::fresh(
    "SELECT allocation_id FROM {s}.stock_allocations
      WHERE lot_id IN (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1))",
    &[UUIDARRAYOID],
);
static LOCK_LEVELS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_levels WHERE listing_id = ANY ($1)
      ORDER BY listing_id, location_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LISTINGS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_listings WHERE listing_id = ANY ($1) ORDER BY listing_id FOR UPDATE",
    &[UUIDARRAYOID],
);
static CLAIMED: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND quantity_allocated > 0
     UNION
     SELECT listing_id FROM {s}.stock_holds
      WHERE listing_id = ANY ($1) AND status = 'active' AND (expires_at IS NULL OR expires_at > $2)
     UNION
     SELECT listing_id FROM {s}.stock_holds WHERE listing_id = ANY ($1) AND status = 'waiting'
      ORDER BY listing_id LIMIT 20",
    &[UUIDARRAYOID, TIMESTAMPTZOID],
);
/// Each answers whether nothing is left: a trigger of the app may swallow a DELETE.
static DELETE: [Statement; 5] = [
    Statement::fresh(
        concat!(
            "WITH done AS (DELETE FROM ",
            live_holds!(),
            " RETURNING 1)
             SELECT (SELECT count(*) FROM done) = (SELECT count(*) FROM ",
            live_holds!(),
            ")"
        ),
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH lot AS (SELECT lot_id FROM {s}.stock_lots WHERE listing_id = ANY ($1)),
              done AS (DELETE FROM {s}.stock_allocations a USING lot l WHERE a.lot_id = l.lot_id RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_allocations a JOIN lot l ON a.lot_id = l.lot_id)",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_lots WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_lots WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_levels WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_levels WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
    Statement::fresh(
        "WITH done AS (DELETE FROM {s}.stock_listings WHERE listing_id = ANY ($1) RETURNING 1)
         SELECT (SELECT count(*) FROM done)
              = (SELECT count(*) FROM {s}.stock_listings WHERE listing_id = ANY ($1))",
        &[UUIDARRAYOID],
    ),
];

/// Holds and claims that were committed while the rows after them were waited for come too late. So
/// often the locks are given back and taken anew; a listing that is claimed faster than that waits for
/// none.
const TRIES: usize = 10;

/// Locks listings with their holds, claims, lots and levels. What waits behind these locks finds
/// nothing after [`delete`].
pub fn lock(engine: &Engine, listings: &[Uuid]) {
    let args = || [id_list(listings.iter().copied())];
    for tries in 1..=TRIES {
        let locked = attempt(|| match lock_all(engine, args) || tries == TRIES {
            true => Ok(()),
            false => Err(()),
        });
        if locked.is_ok() {
            break;
        }
    }
}

/// A lot that goes: columns 1 to 6 are its tenant, listing, key, location, units and cost.
pub fn gone(row: &Row) -> Line {
    Line {
        tenant_id: row.id(1),
        listing_id: row.id(2),
        lot_id: row.id(3),
        location_id: row.id(4),
        movement: MovementType::Adjust,
        before: row.need(5),
        after: 0,
        unit_cost: row.get(6),
        note: None,
    }
}

/// Writes the last lines of listings that are deleted now, as they were before, and their lots.
pub fn close(engine: &Engine, listings: Vec<ListingAfter>, lots: Vec<Line>) {
    let mut going: HashMap<Uuid, (i64, i64)> = HashMap::new();
    for line in &lots {
        let (lines, units) = going.entry(line.listing_id).or_default();
        *lines += 1;
        *units += i64::from(line.before);
    }
    let closed: Vec<ListingAfter> = listings
        .into_iter()
        .map(|mut listing| {
            let (lines, units) = going.get(&listing.listing_id).copied().unwrap_or_default();
            listing.note_movements(lines);
            // Not simply 0: others of its lots may go in the same statement, by themselves.
            let left = i64::from(listing.counts.total) - units;
            listing.counts = Counts {
                total: left.max(0) as i32,
                ..Counts::default()
            };
            listing
        })
        .collect();
    let reason = settings::reason().unwrap_or_else(|| "listing deleted".to_owned());
    ledger::write(engine, lots, &closed, &Cause::because(Some(reason)));
}

/// Writes the last lines of lots whose listings are gone already: where their ledger ended, it goes on.
pub fn close_orphans(engine: &Engine, lots: Vec<Line>) {
    let keys: BTreeSet<(Uuid, Uuid)> = lots
        .iter()
        .map(|line| (line.tenant_id, line.listing_id))
        .collect();
    let ends = keys.into_iter().map(|(tenant_id, listing_id)| {
        let last = ledger_last::of(engine, tenant_id, listing_id);
        let units = lots.iter().filter(|line| line.listing_id == listing_id);
        let units = units.map(|line| line.before).sum();
        ListingAfter {
            listing_id,
            counts: Counts {
                total: last.map_or(units, |last| last.total),
                ..Counts::default()
            },
            available: 0,
            attached: None,
            version: last.map_or(0, |last| last.version),
            moved_at: last.map(|last| last.recorded_at),
        }
    });
    let ends = ends.collect();
    close(engine, ends, lots);
}

/// Whether all claims of the locked lots, and all holds of the locked listings, are locked too.
fn lock_all(engine: &Engine, args: impl Fn() -> [Arg; 1]) -> bool {
    let keys = |statement| -> HashSet<Uuid> {
        plans::run(engine, statement, &args(), |row| row.id(1))
            .into_iter()
            .collect()
    };
    let holds = keys(&LOCK_HOLDS);
    let claims = keys(&LOCK_CLAIMS);
    plans::run(engine, &LOCK_LOTS, &args(), |_| ());
    if !keys(&CLAIMS).is_subset(&claims) {
        return false;
    }
    plans::run(engine, &LOCK_LEVELS, &args(), |_| ());
    plans::run(engine, &LOCK_LISTINGS, &args(), |_| ());
    keys(&HOLDS).is_subset(&holds)
}

/// Which of these listings have active claims or holds (at most 20 are named).
pub fn claimed(engine: &Engine, listings: &[Uuid]) -> Vec<Uuid> {
    let args = [id_list(listings.iter().copied()), clock::now().into()];
    plans::run(engine, &CLAIMED, &args, |row| row.id(1))
}

static LISTINGS: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at
       FROM {s}.stock_listings WHERE listing_id = ANY ($1) AND quantity_total > 0",
    &[UUIDARRAYOID],
);
static GOODS: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, lot_id, location_id, quantity_total, unit_cost
       FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND quantity_total > 0 ORDER BY lot_id",
    &[UUIDARRAYOID],
);

/// Deletes listings with their live holds, claims, lots and levels. They are locked by [`lock`].
pub fn delete(engine: &Engine, listings: &[Uuid]) {
    let args = || [id_list(listings.iter().copied())];
    let going = plans::run(engine, &LISTINGS, &args(), listings::listing_after);
    close(engine, going, plans::run(engine, &GOODS, &args(), gone));
    for statement in &DELETE {
        let args = [id_list(listings.iter().copied())];
        aside::during(|| plans::run_whole(engine, statement, &args));
    }
}
