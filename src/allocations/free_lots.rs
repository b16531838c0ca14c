//! Lots that a claim may take from.

use crate::clock;
use crate::counters::changes;
use crate::direct::shape::{LOTS, LOTS_IN_STOCK};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table, Tuple};
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use std::ops::ControlFlow;
use stockroom_core::condition::Condition;
use stockroom_core::plan::Lot;
use uuid::Uuid;

macro_rules! lot_columns {
    () => {
        "SELECT lot_id, listing_id, location_id, quantity_total - quantity_allocated, created_at,
                expires_on, listed, (unit_cost * 10000)::bigint, condition
           FROM {s}.stock_lots WHERE listing_id = ANY ($1) AND tenant_id = $2 "
    };
}

static FREE: Statement = Statement::fresh(
    concat!(
        lot_columns!(),
        "AND in_stock ORDER BY listing_id, created_at, lot_id"
    ),
    &[UUIDARRAYOID, UUIDOID],
);
static ALL: Statement = Statement::stable(lot_columns!(), &[UUIDARRAYOID, UUIDOID]);
static LOCKED: Statement = Statement::fresh(
    concat!(
        lot_columns!(),
        "AND sellable ORDER BY lot_id FOR NO KEY UPDATE"
    ),
    &[UUIDARRAYOID, UUIDOID],
);

/// All lots of these listings, for an explanation.
pub fn all(engine: &Engine, listings: &[Uuid]) -> Vec<Lot> {
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    plans::run(engine, &ALL, &args, read_lot)
}

/// All sellable lots of these listings, locked in lock order: what is planned on them cannot lose.
pub fn locked(engine: &Engine, listings: &[Uuid]) -> Vec<Lot> {
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    plans::run(engine, &LOCKED, &args, read_lot)
}

/// How much of a listing's free lots a plan needs to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Enough {
    /// All that a claim could take from.
    All,
    /// The oldest that together have so many units, at a location if one is given, and one more: whether
    /// there is another one counts too.
    Oldest(i32, Option<Uuid>),
}

/// Lots that a claim could take from, as they are now.
pub fn free(engine: &Engine, listings: &[Uuid], enough: Enough) -> Vec<Lot> {
    direct_free(engine, listings, enough).unwrap_or_else(|| {
        let args = [id_list(listings.iter().copied()), id(engine.tenant)];
        plans::run(engine, &FREE, &args, read_lot)
    })
}

/// The same below SQL; None where only SQL can tell.
fn direct_free(engine: &Engine, listings: &[Uuid], enough: Enough) -> Option<Vec<Lot>> {
    const TENANT_ID: Column = LOTS.column("tenant_id");
    let table = Table::open(engine, &LOTS, Access::Read)?;
    let mut found = Vec::new();
    with_fresh_snapshot(|| {
        listings.iter().try_for_each(|listing_id| {
            let mut units = 0;
            table.scan(LOTS_IN_STOCK, &[Key::Id(*listing_id)], |tuple| {
                let had_enough =
                    matches!(enough, Enough::Oldest(wanted, _) if units >= i64::from(wanted));
                if tuple.id(TENANT_ID) == engine.tenant {
                    let lot = lot_of(tuple);
                    let counts = match enough {
                        Enough::Oldest(_, Some(place)) => lot.location_id == place,
                        _ => true,
                    };
                    if counts && !lot.expired {
                        units += i64::from(lot.free);
                        found.push(lot);
                    }
                }
                if had_enough {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        })
    })?;
    Some(found)
}

fn lot_of(tuple: &Tuple) -> Lot {
    const LOT_ID: Column = LOTS.column("lot_id");
    const LISTING_ID: Column = LOTS.column("listing_id");
    const LOCATION_ID: Column = LOTS.column("location_id");
    const QUANTITY_TOTAL: Column = LOTS.column("quantity_total");
    const QUANTITY_ALLOCATED: Column = LOTS.column("quantity_allocated");
    const CREATED_AT: Column = LOTS.column("created_at");
    const EXPIRES_ON: Column = LOTS.column("expires_on");
    const LISTED: Column = LOTS.column("listed");
    const UNIT_COST: Column = LOTS.column("unit_cost");
    let expires_on = tuple.get(EXPIRES_ON);
    Lot {
        lot_id: tuple.id(LOT_ID),
        listing_id: tuple.id(LISTING_ID),
        location_id: tuple.id(LOCATION_ID),
        free: tuple.need::<i32>(QUANTITY_TOTAL) - tuple.need::<i32>(QUANTITY_ALLOCATED),
        created_at: tuple.need(CREATED_AT),
        expires_on,
        expired: clock::has_expired(expires_on),
        listed: tuple.need(LISTED),
        // It is in stock, so it is good.
        condition: Condition::Good,
        unit_cost: tuple.get(UNIT_COST).map(ten_thousandths),
    }
}

/// A cost as the planner compares it.
fn ten_thousandths(cost: pgrx::AnyNumeric) -> i64 {
    (cost * pgrx::AnyNumeric::from(10_000))
        .try_into()
        .expect("a unit cost has at most four decimal places and stays in range")
}

fn read_lot(row: &Row) -> Lot {
    let expires_on = row.get(6);
    Lot {
        lot_id: row.id(1),
        listing_id: row.id(2),
        location_id: row.id(3),
        free: row.need(4),
        // Only the order counts: PostgreSQL's own microseconds and days.
        created_at: row.need(5),
        expires_on,
        expired: clock::has_expired(expires_on),
        listed: row.need(7),
        condition: changes::condition(row, 9),
        unit_cost: row.get(8),
    }
}
