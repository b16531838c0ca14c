//! The ledger: a line in stock_movements for every physical change of a lot, written by whoever
//! counted it, after its listing is locked. Lines of a listing are numbered without a gap.

use super::ledger_keys::Keys;
use super::{aside, LevelKey, ListingAfter};
use crate::clock;
use crate::direct::shape::MOVEMENTS;
use crate::direct::{with_fresh_snapshot, Access, Column, NewValues, Table};
use crate::engine::Engine;
use crate::plans::{self, id_list, Arg, Statement};
use crate::settings;
use pgrx::pg_sys::{
    INT4ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPTZOID, UUIDARRAYOID,
};
use pgrx::prelude::*;
use pgrx::AnyNumeric;
use std::collections::{BTreeMap, HashMap};
use stockroom_core::movement::{self, MovementType};
use uuid::Uuid;

/// Why goods move: what all lines of a call have in common.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    pub reason: Option<String>,
    /// What it belongs to: an order, a delivery note.
    pub reference: Option<String>,
    /// When it happened, in PostgreSQL's own microseconds; None for now.
    pub effective_at: Option<i64>,
}

impl Cause {
    /// For goods that move with no reason given but the session's own, `stockroom.reason`.
    pub fn of_session() -> Cause {
        Cause::because(settings::reason())
    }

    pub fn because(reason: Option<String>) -> Cause {
        Cause {
            reason,
            ..Cause::default()
        }
    }
}

/// What happened to a lot.
#[derive(Debug, Clone)]
pub struct Line {
    pub tenant_id: Uuid,
    pub listing_id: Uuid,
    pub lot_id: Uuid,
    pub location_id: Uuid,
    pub movement: MovementType,
    /// Units in the lot.
    pub before: i32,
    pub after: i32,
    pub unit_cost: Option<AnyNumeric>,
    /// What it says before the reason that it has in common with others.
    pub note: Option<String>,
}

impl Line {
    pub fn level(&self) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: self.location_id,
            tenant_id: self.tenant_id,
        }
    }

    fn delta(&self) -> i32 {
        self.after - self.before
    }

    fn reason(&self, cause: &Cause) -> Option<String> {
        match (&self.note, &cause.reason) {
            (Some(note), Some(reason)) => Some(format!("{note}: {reason}")),
            (note, reason) => note.clone().or_else(|| reason.clone()),
        }
    }
}

/// A line as it is written.
struct Entry<'a> {
    movement_id: Uuid,
    line: &'a Line,
    numbers: movement::Numbers,
    recorded_at: i64,
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_movements
            (movement_id, tenant_id, listing_id, version, lot_id, location_id, movement_type, delta,
             lot_before, lot_after, listing_before, listing_after, unit_cost, reason, reference, actor,
             recorded_at, effective_at)
     SELECT n.movement_id, n.tenant_id, n.listing_id, n.version, n.lot_id, n.location_id, n.movement_type,
            n.lot_after - n.lot_before, n.lot_before, n.lot_after, n.listing_before, n.listing_after,
            n.unit_cost, n.reason, $14, $15, n.recorded_at, coalesce($16, n.recorded_at)
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::text[],
                   $8::int[], $9::int[], $10::int[], $11::int[], $12::timestamptz[], $13::text[],
                   $17::numeric[])
            AS n (movement_id, tenant_id, listing_id, version, lot_id, location_id, movement_type,
                  lot_before, lot_after, listing_before, listing_after, recorded_at, reason, unit_cost)",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT8ARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        TIMESTAMPTZARRAYOID,
        TEXTARRAYOID,
        TEXTOID,
        TEXTOID,
        TIMESTAMPTZOID,
        NUMERICARRAYOID,
    ],
);

/// Writes these lines, numbered up to what their listings are now: each change added as many to its
/// [`super::Delta::movements`] as it writes here.
pub fn write(engine: &Engine, mut lines: Vec<Line>, listings: &[ListingAfter], cause: &Cause) {
    if lines.is_empty() || cfg!(feature = "without-ledger") {
        return;
    }
    movement::in_order(&mut lines, Line::delta);
    let mut keys = Keys::begin(engine, lines[0].tenant_id);
    let mut entries = Vec::with_capacity(lines.len());
    let listings: HashMap<Uuid, &ListingAfter> = listings
        .iter()
        .map(|listing| (listing.listing_id, listing))
        .collect();
    for (listing_id, lines) in by_listing(&lines) {
        let listing = listings[&listing_id];
        let deltas: Vec<i32> = lines.iter().map(|line| line.delta()).collect();
        let numbers = movement::number(&deltas, listing.version, listing.counts.total);
        let recorded_at = listing.moved_at.expect("goods that moved have a time");
        if keys.tenant_id != lines[0].tenant_id {
            keys = Keys::begin(engine, lines[0].tenant_id);
        }
        for (line, numbers) in lines.into_iter().zip(numbers) {
            entries.push(Entry {
                movement_id: keys.next(),
                line,
                numbers,
                recorded_at,
            });
        }
    }
    if insert_directly(engine, &entries, cause).is_none() {
        insert_by_statement(engine, &entries, cause);
    }
}

fn by_listing(lines: &[Line]) -> BTreeMap<Uuid, Vec<&Line>> {
    let mut listings: BTreeMap<Uuid, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        listings.entry(line.listing_id).or_default().push(line);
    }
    listings
}

/// None where only SQL can write them.
fn insert_directly(engine: &Engine, entries: &[Entry], cause: &Cause) -> Option<()> {
    let table = Table::open(engine, &MOVEMENTS, Access::Insert)?;
    let actor = settings::actor();
    let rows: Vec<NewValues> = entries
        .iter()
        .map(|entry| values(entry, cause, &actor))
        .collect();
    with_fresh_snapshot(|| table.insert_all(&rows));
    Some(())
}

fn values(entry: &Entry, cause: &Cause, actor: &str) -> NewValues {
    const fn column(name: &str) -> Column {
        MOVEMENTS.column(name)
    }
    let Entry { line, numbers, .. } = entry;
    let mut values = NewValues::default();
    values.set_id(const { column("movement_id") }, entry.movement_id);
    values.set_id(const { column("tenant_id") }, line.tenant_id);
    values.set_id(const { column("listing_id") }, line.listing_id);
    values.set(const { column("version") }, numbers.version);
    values.set_id(const { column("lot_id") }, line.lot_id);
    values.set_id(const { column("location_id") }, line.location_id);
    values.set(const { column("movement_type") }, line.movement.name());
    values.set(const { column("delta") }, line.delta());
    values.set(const { column("lot_before") }, line.before);
    values.set(const { column("lot_after") }, line.after);
    values.set(const { column("listing_before") }, numbers.before);
    values.set(const { column("listing_after") }, numbers.after);
    values.set(const { column("unit_cost") }, line.unit_cost.clone());
    values.set(const { column("reason") }, line.reason(cause).as_deref());
    values.set(const { column("reference") }, cause.reference.as_deref());
    values.set(const { column("actor") }, actor);
    values.set(const { column("recorded_at") }, entry.recorded_at);
    let effective_at = cause.effective_at.unwrap_or(entry.recorded_at);
    values.set(const { column("effective_at") }, effective_at);
    values
}

fn insert_by_statement(engine: &Engine, entries: &[Entry], cause: &Cause) {
    let keys = |of: fn(&Entry) -> Uuid| id_list(entries.iter().map(of));
    let units =
        |of: fn(&Entry) -> i32| -> Arg { entries.iter().map(of).collect::<Vec<_>>().into() };
    let versions: Vec<i64> = entries.iter().map(|entry| entry.numbers.version).collect();
    let types: Vec<&str> = entries
        .iter()
        .map(|entry| entry.line.movement.name())
        .collect();
    let moments: Vec<TimestampWithTimeZone> = entries
        .iter()
        .map(|entry| clock::moment(entry.recorded_at))
        .collect();
    let costs: Vec<Option<AnyNumeric>> = entries
        .iter()
        .map(|entry| entry.line.unit_cost.clone())
        .collect();
    let reasons: Vec<Option<String>> = entries
        .iter()
        .map(|entry| entry.line.reason(cause))
        .collect();
    let args = [
        keys(|entry| entry.movement_id),
        keys(|entry| entry.line.tenant_id),
        keys(|entry| entry.line.listing_id),
        versions.into(),
        keys(|entry| entry.line.lot_id),
        keys(|entry| entry.line.location_id),
        types.into(),
        units(|entry| entry.line.before),
        units(|entry| entry.line.after),
        units(|entry| entry.numbers.before),
        units(|entry| entry.numbers.after),
        moments.into(),
        reasons.into(),
        cause.reference.as_deref().into(),
        settings::actor().into(),
        cause.effective_at.map(clock::moment).into(),
        costs.into(),
    ];
    aside::during(|| plans::write_all(engine, &INSERT, &args, entries.len()));
}
