//! New lots: rows of stock_lots as functions make them.

use super::ledger::Line;
use super::{aside, Delta, LevelKey};
use crate::clock;
use crate::direct::shape::LOTS;
use crate::direct::{with_fresh_snapshot, Access, Column, NewValues, Table};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id_list, Arg, Statement};
use pgrx::pg_sys::{
    BOOLARRAYOID, DATEARRAYOID, INT4ARRAYOID, NUMERICARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPTZOID, UUIDARRAYOID,
};
use pgrx::prelude::*;
use pgrx::AnyNumeric;
use stockroom_core::condition::Condition;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// A lot that is about to be made.
#[derive(Debug, Clone)]
pub struct NewLot {
    pub lot_id: Uuid,
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub location_id: Uuid,
    pub quantity: i32,
    /// Units of active claims that come with it.
    pub allocated: i32,
    pub listed: bool,
    /// What the ledger calls its coming.
    pub movement: MovementType,
    pub details: Details,
}

/// What a lot is besides its quantity and place; goods that are moved to another lot bring it along.
#[derive(Debug, Clone, Default)]
pub struct Details {
    pub owner_id: Option<Uuid>,
    pub notes: Option<String>,
    pub lot_code: Option<String>,
    pub expires_on: Option<Date>,
    pub unit_cost: Option<AnyNumeric>,
    pub condition: Condition,
    /// PostgreSQL's own microseconds; None for now.
    pub created_at: Option<i64>,
}

impl NewLot {
    /// A listed lot with nothing special about it.
    pub fn plain(level: LevelKey, quantity: i32, movement: MovementType) -> NewLot {
        NewLot {
            lot_id: ids::new_key(),
            tenant_id: level.tenant_id,
            listing_id: level.listing_id,
            location_id: level.location_id,
            quantity,
            allocated: 0,
            listed: true,
            movement,
            details: Details::default(),
        }
    }

    fn sellable(&self) -> bool {
        self.listed && self.details.condition == Condition::Good
    }

    pub(super) fn level(&self) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: self.location_id,
            tenant_id: self.tenant_id,
        }
    }

    pub(super) fn level_delta(&self) -> Delta {
        let units = i64::from(self.quantity);
        Delta {
            total: units,
            listed: if self.sellable() { units } else { 0 },
            movements: i64::from(self.moves()),
            ..Delta::default()
        }
    }

    /// An empty lot is taken over from where it was empty before; nothing comes with it.
    fn moves(&self) -> bool {
        self.quantity != 0
    }

    pub(super) fn line(&self) -> Option<Line> {
        self.moves().then(|| Line {
            tenant_id: self.tenant_id,
            listing_id: self.listing_id,
            lot_id: self.lot_id,
            location_id: self.location_id,
            movement: self.movement,
            before: 0,
            after: self.quantity,
            unit_cost: self.details.unit_cost.clone(),
            note: None,
        })
    }
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_lots
            (lot_id, tenant_id, listing_id, location_id, quantity_total, listed, owner_id, notes, lot_code,
             expires_on, unit_cost, condition, created_at, updated_at, quantity_allocated)
     SELECT lot_id, tenant_id, listing_id, location_id, quantity, listed, owner_id, notes, lot_code,
            expires_on, unit_cost, condition, created_at, $14, allocated
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::bool[], $7::uuid[],
                   $8::text[], $9::text[], $10::date[], $11::numeric[], $12::text[], $13::timestamptz[], $15::int[])
            AS n (lot_id, tenant_id, listing_id, location_id, quantity, listed, owner_id, notes, lot_code,
                  expires_on, unit_cost, condition, created_at, allocated)",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        BOOLARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        DATEARRAYOID,
        NUMERICARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZOID,
        INT4ARRAYOID,
    ],
);

/// Writes these rows; counting them is [`super::lots::apply`]'s.
pub(super) fn insert(engine: &Engine, lots: &[NewLot]) {
    if !lots.is_empty() && insert_directly(engine, lots).is_none() {
        insert_by_statement(engine, lots);
    }
}

/// None where only SQL can write them.
fn insert_directly(engine: &Engine, lots: &[NewLot]) -> Option<()> {
    let table = Table::open(engine, &LOTS, Access::Insert)?;
    let now = clock::microseconds();
    let rows: Vec<NewValues> = lots.iter().map(|lot| values(lot, now)).collect();
    with_fresh_snapshot(|| table.insert_all(&rows));
    Some(())
}

fn values(lot: &NewLot, now: i64) -> NewValues {
    const fn column(name: &str) -> Column {
        LOTS.column(name)
    }
    let details = &lot.details;
    let mut values = NewValues::default();
    values.set_id(const { column("lot_id") }, lot.lot_id);
    values.set_id(const { column("tenant_id") }, lot.tenant_id);
    values.set_id(const { column("listing_id") }, lot.listing_id);
    values.set(const { column("quantity_total") }, lot.quantity);
    values.set(const { column("quantity_allocated") }, lot.allocated);
    values.set_id(const { column("location_id") }, lot.location_id);
    values.set(
        const { column("owner_id") },
        details.owner_id.map(ids::to_pg),
    );
    values.set(const { column("listed") }, lot.listed);
    values.set(const { column("condition") }, details.condition.name());
    values.set(const { column("notes") }, details.notes.as_deref());
    values.set(const { column("lot_code") }, details.lot_code.as_deref());
    values.set(const { column("expires_on") }, details.expires_on);
    values.set(const { column("unit_cost") }, details.unit_cost.clone());
    values.set(
        const { column("created_at") },
        details.created_at.unwrap_or(now),
    );
    values.set(const { column("updated_at") }, now);
    values.set(const { column("sellable") }, lot.sellable());
    values.set(
        const { column("in_stock") },
        lot.sellable() && lot.quantity > lot.allocated,
    );
    values
}

fn insert_by_statement(engine: &Engine, lots: &[NewLot]) {
    let now = clock::microseconds();
    let keys = |of: fn(&NewLot) -> Uuid| id_list(lots.iter().map(of));
    let texts = |of: fn(&Details) -> &Option<String>| -> Arg {
        let texts = lots.iter().map(|lot| of(&lot.details).clone());
        texts.collect::<Vec<Option<String>>>().into()
    };
    let quantities: Vec<i32> = lots.iter().map(|lot| lot.quantity).collect();
    let allocated: Vec<i32> = lots.iter().map(|lot| lot.allocated).collect();
    let listed: Vec<bool> = lots.iter().map(|lot| lot.listed).collect();
    let owners = lots.iter().map(|lot| lot.details.owner_id.map(ids::to_pg));
    let dates = lots.iter().map(|lot| lot.details.expires_on);
    let costs = lots.iter().map(|lot| lot.details.unit_cost.clone());
    let conditions = lots.iter().map(|lot| lot.details.condition.name());
    let created = lots
        .iter()
        .map(|lot| clock::moment(lot.details.created_at.unwrap_or(now)));
    let args = [
        keys(|lot| lot.lot_id),
        keys(|lot| lot.tenant_id),
        keys(|lot| lot.listing_id),
        keys(|lot| lot.location_id),
        quantities.into(),
        listed.into(),
        owners.collect::<Vec<_>>().into(),
        texts(|details| &details.notes),
        texts(|details| &details.lot_code),
        dates.collect::<Vec<_>>().into(),
        costs.collect::<Vec<_>>().into(),
        conditions.collect::<Vec<&str>>().into(),
        created.collect::<Vec<_>>().into(),
        clock::moment(now).into(),
        allocated.into(),
    ];
    aside::during(|| plans::write_all(engine, &INSERT, &args, lots.len()));
}
