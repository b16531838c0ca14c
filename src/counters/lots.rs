//! Lots: applies claims and goods that leave, then hands the sums to levels and listings.

use super::ledger::{self, Cause, Line};
use super::new_lots::{self, NewLot};
use super::stored::{self, Stopped, Stored};
use super::{aside, rollup, Delta, Deltas, Guard, LevelKey, ListingAfter, Refusal};
use crate::clock;
use crate::direct::shape::LOTS;
use crate::direct::{Access, Column, Key, NewValues, Shape, Table, Tuple};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id_list, Arg, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID};
use pgrx::AnyNumeric;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// What changes in one lot.
#[derive(Debug, Clone, Copy)]
pub struct LotDelta {
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub lot_id: Uuid,
    /// Units claimed (+) or freed (−).
    pub allocated: i64,
    /// Units that come in (+) or leave (−).
    pub total: i64,
    /// What the ledger calls that; without one, no unit moves.
    pub movement: Option<MovementType>,
}

/// What changes in lots at once, and why.
#[derive(Clone, Copy)]
pub struct Changes<'a> {
    /// At most one a lot.
    pub deltas: &'a [LotDelta],
    pub new: &'a [NewLot],
    /// What changes in levels and listings besides.
    pub besides: &'a Deltas,
    pub cause: Option<&'a Cause>,
}

impl<'a> Changes<'a> {
    /// Claims taken or freed: no unit moves.
    pub fn of_claims(deltas: &'a [LotDelta], besides: &'a Deltas) -> Changes<'a> {
        Changes {
            deltas,
            new: &[],
            besides,
            cause: None,
        }
    }

    /// Goods of lots that are there.
    pub fn of_goods(deltas: &'a [LotDelta], besides: &'a Deltas, cause: &'a Cause) -> Changes<'a> {
        Changes {
            cause: Some(cause),
            ..Changes::of_claims(deltas, besides)
        }
    }
}

static LOCK: Statement = Statement::fresh(
    "SELECT l.lot_id, l.listing_id, l.location_id, l.quantity_total, l.quantity_allocated, l.sellable,
            l.expires_on, l.unit_cost
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, lot_id)
       JOIN {s}.stock_lots l ON l.lot_id = k.lot_id AND l.listing_id = k.listing_id AND l.tenant_id = k.tenant_id
      ORDER BY l.lot_id
        FOR NO KEY UPDATE OF l",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_lots l
        SET quantity_allocated = n.allocated, quantity_total = n.total, updated_at = $6
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[])
            AS n (tenant_id, listing_id, lot_id, allocated, total)
      WHERE l.lot_id = n.lot_id AND l.listing_id = n.listing_id AND l.tenant_id = n.tenant_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        TIMESTAMPTZOID,
    ],
);

/// A lot as its counters go.
#[derive(Clone)]
struct Lot {
    lot_id: Uuid,
    listing_id: Uuid,
    location_id: Uuid,
    total: i32,
    allocated: i32,
    sellable: bool,
    /// In PostgreSQL's days.
    expires_on: Option<i32>,
    unit_cost: Option<AnyNumeric>,
}

const LOT_ID: Column = LOTS.column("lot_id");
const TENANT_ID: Column = LOTS.column("tenant_id");
const LISTING_ID: Column = LOTS.column("listing_id");
const QUANTITY_TOTAL: Column = LOTS.column("quantity_total");
const QUANTITY_ALLOCATED: Column = LOTS.column("quantity_allocated");
const LOCATION_ID: Column = LOTS.column("location_id");
const SELLABLE: Column = LOTS.column("sellable");
const EXPIRES_ON: Column = LOTS.column("expires_on");
const UNIT_COST: Column = LOTS.column("unit_cost");
const UPDATED_AT: Column = LOTS.column("updated_at");
const IN_STOCK: Column = LOTS.column("in_stock");

impl Stored for Lot {
    type Key = LotDelta;
    const SHAPE: &'static Shape = &LOTS;

    fn probe(key: &LotDelta) -> Vec<Key<'_>> {
        vec![Key::Id(key.lot_id)]
    }

    fn read(key: &LotDelta, tuple: &Tuple) -> Option<Lot> {
        let lot = Lot {
            lot_id: tuple.id(LOT_ID),
            listing_id: tuple.id(LISTING_ID),
            location_id: tuple.id(LOCATION_ID),
            total: tuple.need(QUANTITY_TOTAL),
            allocated: tuple.need(QUANTITY_ALLOCATED),
            sellable: tuple.need(SELLABLE),
            expires_on: tuple.get(EXPIRES_ON),
            // For the ledger alone.
            unit_cost: key.movement.and_then(|_| tuple.get(UNIT_COST)),
        };
        (tuple.id(TENANT_ID) == key.tenant_id && lot.is(key)).then_some(lot)
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        values.set(QUANTITY_TOTAL, self.total);
        values.set(QUANTITY_ALLOCATED, self.allocated);
        values.set(IN_STOCK, self.sellable && self.total > self.allocated);
        values.set(UPDATED_AT, clock::now());
        values
    }

    /// stockroom_check.
    fn concerns_triggers(&self) -> bool {
        self.allocated > self.total
    }

    fn lock(engine: &Engine, keys: &[LotDelta]) -> Vec<Lot> {
        plans::run(engine, &LOCK, &columns(keys), |row| Lot {
            lot_id: row.id(1),
            listing_id: row.id(2),
            location_id: row.id(3),
            total: row.need(4),
            allocated: row.need(5),
            sellable: row.need(6),
            expires_on: row.get(7),
            unit_cost: row.get(8),
        })
    }

    fn write(engine: &Engine, keys: &[LotDelta], lots: &[Lot]) {
        let [tenants, listings, ids] = columns(keys);
        let allocated: Vec<i32> = lots.iter().map(|lot| lot.allocated).collect();
        let totals: Vec<i32> = lots.iter().map(|lot| lot.total).collect();
        let args = [
            tenants,
            listings,
            ids,
            allocated.into(),
            totals.into(),
            clock::now().into(),
        ];
        aside::during(|| plans::write_all(engine, &WRITE, &args, lots.len()));
    }

    fn is(&self, key: &LotDelta) -> bool {
        self.lot_id == key.lot_id && self.listing_id == key.listing_id
    }
}

fn columns(deltas: &[LotDelta]) -> [Arg; 3] {
    [
        id_list(deltas.iter().map(|delta| delta.tenant_id)),
        id_list(deltas.iter().map(|delta| delta.listing_id)),
        id_list(deltas.iter().map(|delta| delta.lot_id)),
    ]
}

impl Lot {
    fn level(&self, tenant_id: Uuid) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: self.location_id,
            tenant_id,
        }
    }

    fn can_give(&self, units: i64) -> bool {
        self.sellable
            && !clock::has_expired(self.expires_on)
            && i64::from(self.total) - i64::from(self.allocated) >= units
    }

    fn plus(self, delta: &LotDelta) -> Result<Lot, Error> {
        let sum = |counter: &str, stored: i32, change: i64| {
            let value = i64::from(stored) + change;
            let in_range = i32::try_from(value).ok().filter(|value| *value >= 0);
            in_range.ok_or_else(|| {
                let what = format!("{counter} of lot {}", self.lot_id);
                Error::QuantityOutOfRange { what, value }
            })
        };
        let allocated = sum("quantity_allocated", self.allocated, delta.allocated)?;
        let total = sum("quantity_total", self.total, delta.total)?;
        Ok(Lot {
            allocated,
            total,
            ..self
        })
    }
}

impl LotDelta {
    fn reversed(&self) -> LotDelta {
        LotDelta {
            allocated: -self.allocated,
            total: -self.total,
            ..*self
        }
    }
}

/// Whether a claim that a lot refuses leaves the lot unlocked: below SQL it does.
pub fn are_judged_before_locked(engine: &Engine) -> bool {
    Table::open(engine, &LOTS, Access::Update).is_some()
}

/// Adds the changes to lots, levels and listings, writes the ledger, and answers the listings as they are
/// then. Lots that are not found are `lot_not_found` under `Guard::Later`; under a guard that judges now,
/// that and any shortage is a lost race. A lost claim of one lot with nothing besides takes back what it
/// wrote; else the caller must roll back.
pub fn apply(
    engine: &Engine,
    changes: &Changes,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    let mut deltas = changes.deltas.to_vec();
    deltas.sort_by_key(|delta| delta.lot_id);
    let changed = stored::change(engine, &deltas, |delta, lot: Lot| {
        if guard.judges_now() && !lot.can_give(delta.allocated) {
            return Err(Refusal::Lost);
        }
        Ok(lot.plus(delta)?)
    });
    let lots = changed.map_err(|stopped| match stopped {
        Stopped::Refused(refusal) => refusal,
        Stopped::Missing(_) if guard.judges_now() => Refusal::Lost,
        Stopped::Missing(delta) => Error::LotNotFound {
            lot_id: delta.lot_id,
        }
        .into(),
    })?;
    new_lots::insert(engine, changes.new);
    let mut all = changes.besides.clone();
    for (delta, lot) in deltas.iter().zip(&lots) {
        all.add(lot.level(delta.tenant_id), level_delta(delta, lot.sellable));
    }
    for lot in changes.new {
        all.add(lot.level(), lot.level_delta());
    }
    let applied = rollup::apply(engine, &all, guard);
    match &applied {
        Ok(listings) => {
            let moved = deltas.iter().zip(&lots).filter_map(line);
            let lines = moved
                .chain(changes.new.iter().filter_map(NewLot::line))
                .collect();
            write_ledger(engine, lines, listings, changes.cause);
        }
        Err(_) if guard.judges_now() => {
            if let [claim] = deltas.as_slice() {
                take_back(engine, claim);
            }
        }
        Err(_) => {}
    }
    applied
}

fn write_ledger(
    engine: &Engine,
    lines: Vec<Line>,
    listings: &[ListingAfter],
    cause: Option<&Cause>,
) {
    if !lines.is_empty() {
        let cause = cause.expect("goods move for a reason");
        ledger::write(engine, lines, listings, cause);
    }
}

/// The ledger's line for what changed in a lot; None where no unit moved.
fn line((delta, lot): (&LotDelta, &Lot)) -> Option<Line> {
    let movement = delta.movement?;
    Some(Line {
        tenant_id: delta.tenant_id,
        listing_id: lot.listing_id,
        lot_id: lot.lot_id,
        location_id: lot.location_id,
        movement,
        before: (i64::from(lot.total) - delta.total) as i32,
        after: lot.total,
        unit_cost: lot.unit_cost.clone(),
        note: None,
    })
}

/// Lots that have more to give than before.
pub fn freed(deltas: &[LotDelta]) -> Vec<Uuid> {
    let more = deltas.iter().filter(|delta| delta.total > delta.allocated);
    more.map(|delta| delta.lot_id).collect()
}

fn take_back(engine: &Engine, claim: &LotDelta) {
    let reversed = [claim.reversed()];
    let back = stored::change(engine, &reversed, |delta, lot: Lot| Ok(lot.plus(delta)?));
    assert!(
        back.is_ok(),
        "what was added just now could not be taken back"
    );
}

fn level_delta(delta: &LotDelta, sellable: bool) -> Delta {
    let if_sellable = |units| if sellable { units } else { 0 };
    Delta {
        total: delta.total,
        listed: if_sellable(delta.total),
        allocated: if_sellable(delta.allocated),
        held: 0,
        movements: delta.movement.map_or(0, |_| 1),
        claims: delta.allocated > 0,
    }
}
