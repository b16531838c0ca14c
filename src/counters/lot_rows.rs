//! Lots as functions find them that move goods: whole rows, read or locked.

use super::changes::{self, State};
use super::new_lots::{Details, NewLot};
use super::LevelKey;
use crate::engine::Engine;
use crate::plans::{self, id_list, maybe_id, Arg, Row, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use stockroom_core::condition::Condition;
use uuid::Uuid;

/// A row of stock_lots.
#[derive(Debug, Clone)]
pub struct LotRow {
    pub tenant_id: Uuid,
    pub lot_id: Uuid,
    pub listing_id: Uuid,
    pub location_id: Uuid,
    pub total: i32,
    pub allocated: i32,
    pub listed: bool,
    pub details: Details,
}

macro_rules! lots {
    () => {
        "SELECT tenant_id, lot_id, listing_id, location_id, quantity_total, quantity_allocated, listed,
                owner_id, notes, lot_code, expires_on, unit_cost, condition, created_at
           FROM {s}.stock_lots WHERE lot_id = ANY ($1) AND ($2 IS NULL OR tenant_id = $2)
          ORDER BY lot_id"
    };
}

const TYPES: &[pgrx::pg_sys::Oid] = &[UUIDARRAYOID, UUIDOID];
static READ: Statement = Statement::fresh(lots!(), TYPES);
static LOCK: Statement = Statement::fresh(concat!(lots!(), " FOR NO KEY UPDATE"), TYPES);
static LOCK_FREE: Statement =
    Statement::fresh(concat!(lots!(), " FOR NO KEY UPDATE SKIP LOCKED"), TYPES);

fn of_tenant(lots: &[Uuid], tenant: Option<Uuid>) -> [Arg; 2] {
    [id_list(lots.iter().copied()), maybe_id(tenant)]
}

/// These lots of the session's tenant, in key order; unknown ones are left out.
pub fn read(engine: &Engine, lots: &[Uuid]) -> Vec<LotRow> {
    let args = of_tenant(lots, Some(engine.tenant));
    plans::run(engine, &READ, &args, lot_row)
}

/// The same, locked in lock order.
pub fn lock(engine: &Engine, lots: &[Uuid]) -> Vec<LotRow> {
    let args = of_tenant(lots, Some(engine.tenant));
    plans::run(engine, &LOCK, &args, lot_row)
}

/// Those that nobody else has locked, of one tenant or of all.
pub fn lock_free(engine: &Engine, tenant: Option<Uuid>, lots: &[Uuid]) -> Vec<LotRow> {
    plans::run(engine, &LOCK_FREE, &of_tenant(lots, tenant), lot_row)
}

fn lot_row(row: &Row) -> LotRow {
    LotRow {
        tenant_id: row.id(1),
        lot_id: row.id(2),
        listing_id: row.id(3),
        location_id: row.id(4),
        total: row.need(5),
        allocated: row.need(6),
        listed: row.need(7),
        details: Details {
            owner_id: row.maybe_id(8),
            notes: row.get(9),
            lot_code: row.get(10),
            expires_on: row.get(11),
            unit_cost: row.get(12),
            condition: changes::condition(row, 13),
            created_at: row.get(14),
        },
    }
}

impl LotRow {
    /// The row that a new lot has become.
    pub fn of_new(lot: &NewLot) -> LotRow {
        LotRow {
            tenant_id: lot.tenant_id,
            lot_id: lot.lot_id,
            listing_id: lot.listing_id,
            location_id: lot.location_id,
            total: lot.quantity,
            allocated: 0,
            listed: lot.listed,
            details: lot.details.clone(),
        }
    }

    pub fn level(&self) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: self.location_id,
            tenant_id: self.tenant_id,
        }
    }

    pub fn condition(&self) -> Condition {
        self.details.condition
    }

    /// Whether it counts as listed.
    pub fn sellable(&self) -> bool {
        self.listed && self.condition() == Condition::Good
    }

    pub fn free(&self) -> i32 {
        self.total - self.allocated
    }

    /// As the ledger sees it.
    pub fn state(&self) -> State {
        State {
            tenant_id: self.tenant_id,
            listing_id: self.listing_id,
            lot_id: self.lot_id,
            location_id: self.location_id,
            units: self.total,
            unit_cost: self.details.unit_cost.clone(),
            condition: self.condition(),
        }
    }
}
