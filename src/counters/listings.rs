//! Listings: the counters that everything else adds up to.

use super::capacity::booked;
use super::counts::{CountColumns, Counts};
use super::deltas::ListingDeltas;
use super::stored::{self, Stopped, Stored};
use super::{aside, mirror, Guard, ListingAfter, Refusal};
use crate::clock;
use crate::direct::shape::{LISTINGS, PRIMARY};
use crate::direct::{
    with_fresh_snapshot, Access, Column, Key as IndexKey, NewValues, Shape, Table, Tuple,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Arg, Row, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::AnyNumeric;
use std::ops::ControlFlow;
use uuid::Uuid;

static LOCK: Statement = Statement::fresh(
    "SELECT g.listing_id, g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held,
            g.attached_to, g.attached_key, g.sync_deferred, g.version, g.moved_at,
            g.safety_stock, g.backorder_limit, g.quantity_booked
       FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, listing_id)
       JOIN {s}.stock_listings g ON g.listing_id = k.listing_id AND g.tenant_id = k.tenant_id
      ORDER BY g.listing_id
        FOR NO KEY UPDATE OF g",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings g
        SET quantity_total = n.total, quantity_listed = n.listed,
            quantity_allocated = n.allocated, quantity_held = n.held, version = n.version, moved_at = n.moved_at,
            quantity_booked = n.booked
       FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[], $7::bigint[], $8::timestamptz[],
                   $9::int[])
            AS n (tenant_id, listing_id, total, listed, allocated, held, version, moved_at, booked)
      WHERE g.listing_id = n.listing_id AND g.tenant_id = n.tenant_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT8ARRAYOID,
        TIMESTAMPTZARRAYOID,
        INT4ARRAYOID,
    ],
);

const LISTING_ID: Column = LISTINGS.column("listing_id");
const TENANT_ID: Column = LISTINGS.column("tenant_id");
const SAFETY_STOCK: Column = LISTINGS.column("safety_stock");
const BACKORDER_LIMIT: Column = LISTINGS.column("backorder_limit");
const ATTACHED_TO: Column = LISTINGS.column("attached_to");
const ATTACHED_KEY: Column = LISTINGS.column("attached_key");
const SYNC_DEFERRED: Column = LISTINGS.column("sync_deferred");
const COUNTS: CountColumns = CountColumns::of(&LISTINGS);
const QUANTITY_AVAILABLE: Column = LISTINGS.column("quantity_available");
const VERSION: Column = LISTINGS.column("version");
const MOVED_AT: Column = LISTINGS.column("moved_at");
const QUANTITY_BOOKED: Column = LISTINGS.column("quantity_booked");

/// Counts of a listing in a row version.
pub fn counts(tuple: &Tuple) -> Counts {
    COUNTS.read(tuple)
}

/// Key of a listing in a row version.
pub fn key(tuple: &Tuple) -> Uuid {
    tuple.id(LISTING_ID)
}

/// Tenant of a listing in a row version.
pub fn tenant(tuple: &Tuple) -> Uuid {
    tuple.id(TENANT_ID)
}

/// The attached row of a listing in a row version.
pub fn attached_row(tuple: &Tuple) -> Option<mirror::AttachedRow> {
    Some(mirror::AttachedRow {
        attachment_id: tuple.maybe_id(ATTACHED_TO)?,
        key: tuple.get(ATTACHED_KEY)?,
        deferred: tuple.need(SYNC_DEFERRED),
    })
}

/// Columns 1 to 10 of the listing statements: key, counts, attached row and last movement.
pub fn listing_after(row: &Row) -> ListingAfter {
    let counts = Counts::of_row(row, 2);
    ListingAfter {
        listing_id: row.id(1),
        counts,
        available: counts.available() as i32,
        attached: mirror::attached_row(row, 6),
        version: row.need(9),
        moved_at: row.get(10),
    }
}

static NOW: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at
       FROM {s}.stock_listings WHERE listing_id = $1",
    &[UUIDOID],
);

/// A listing as it is now.
pub fn now(engine: &Engine, listing_id: Uuid) -> Option<ListingAfter> {
    plans::run_one(engine, &NOW, &[id(listing_id)], listing_after)
}

static UNIT_COST: Statement = Statement::fresh(
    "SELECT unit_cost FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// What a unit costs where a lot names no cost of its own; None where there is no such listing.
pub fn unit_cost(engine: &Engine, tenant_id: Uuid, listing_id: Uuid) -> Option<Option<AnyNumeric>> {
    direct_unit_cost(engine, tenant_id, listing_id).unwrap_or_else(|| {
        let args = [id(listing_id), id(tenant_id)];
        plans::run_one(engine, &UNIT_COST, &args, |row| row.get(1))
    })
}

/// None where only SQL can tell.
fn direct_unit_cost(
    engine: &Engine,
    tenant_id: Uuid,
    listing_id: Uuid,
) -> Option<Option<Option<AnyNumeric>>> {
    const UNIT_COST: Column = LISTINGS.column("unit_cost");
    let table = Table::open(engine, &LISTINGS, Access::Read)?;
    let mut found = None;
    with_fresh_snapshot(|| {
        table.scan(PRIMARY, &[IndexKey::Id(listing_id)], |listing| {
            if tenant(listing) == tenant_id {
                found = Some(listing.get(UNIT_COST));
            }
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}

struct Listing {
    after: ListingAfter,
    safety_stock: i32,
    backorder_limit: i32,
    /// Units that are booked by date: so many stay. See [`booked`].
    booked: i32,
}

/// Tenant and listing.
type Key = (Uuid, Uuid);

impl Stored for Listing {
    type Key = Key;
    const SHAPE: &'static Shape = &LISTINGS;

    fn probe((_, listing_id): &Key) -> Vec<IndexKey<'_>> {
        vec![IndexKey::Id(*listing_id)]
    }

    fn read((tenant_id, listing_id): &Key, tuple: &Tuple) -> Option<Listing> {
        let counts = counts(tuple);
        let listing = Listing {
            after: ListingAfter {
                listing_id: *listing_id,
                counts,
                available: counts.available() as i32,
                attached: attached_row(tuple),
                version: tuple.need(VERSION),
                moved_at: tuple.get(MOVED_AT),
            },
            safety_stock: tuple.need(SAFETY_STOCK),
            backorder_limit: tuple.need(BACKORDER_LIMIT),
            booked: tuple.need(QUANTITY_BOOKED),
        };
        (tenant(tuple) == *tenant_id).then_some(listing)
    }

    fn values(&self) -> NewValues {
        let mut values = NewValues::default();
        COUNTS.write(self.after.counts, &mut values);
        values.set(QUANTITY_AVAILABLE, self.after.available);
        values.set(VERSION, self.after.version);
        values.set(MOVED_AT, self.after.moved_at);
        values.set(QUANTITY_BOOKED, self.booked);
        values
    }

    /// stockroom_check and stockroom_deferred_sync.
    fn concerns_triggers(&self) -> bool {
        let available = self.after.counts.available();
        self.after.counts.allocated < 0
            || available < self.least()
            || self.after.attached.as_ref().is_some_and(|row| row.deferred)
    }

    fn lock(engine: &Engine, keys: &[Key]) -> Vec<Listing> {
        plans::run(engine, &LOCK, &columns(keys), |row| Listing {
            after: listing_after(row),
            safety_stock: row.need(11),
            backorder_limit: row.need(12),
            booked: row.need(13),
        })
    }

    fn write(engine: &Engine, keys: &[Key], listings: &[Listing]) {
        let [tenants, ids] = columns(keys);
        let counts: Vec<Counts> = listings.iter().map(|l| l.after.counts).collect();
        let [total, listed, allocated, held] = Counts::columns(&counts);
        let versions: Vec<i64> = listings.iter().map(|l| l.after.version).collect();
        let moved_at = listings.iter().map(|l| l.after.moved_at.map(clock::moment));
        let moved_at: Vec<Option<TimestampWithTimeZone>> = moved_at.collect();
        let booked: Vec<i32> = listings.iter().map(|l| l.booked).collect();
        let args = [
            tenants,
            ids,
            total,
            listed,
            allocated,
            held,
            versions.into(),
            moved_at.into(),
            booked.into(),
        ];
        aside::during(|| plans::write_all(engine, &WRITE, &args, listings.len()));
    }

    fn is(&self, (_, listing_id): &Key) -> bool {
        self.after.listing_id == *listing_id
    }
}

fn columns(keys: &[Key]) -> [Arg; 2] {
    [
        id_list(keys.iter().map(|(tenant_id, _)| *tenant_id)),
        id_list(keys.iter().map(|(_, listing_id)| *listing_id)),
    ]
}

static LOCK_ALL: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_listings
      WHERE (tenant_id, listing_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
      ORDER BY listing_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

/// Locks these listings (tenant, listing), in lock order.
pub fn lock_all(engine: &Engine, listings: &[(Uuid, Uuid)]) {
    let (tenants, listings): (Vec<Uuid>, Vec<Uuid>) = listings.iter().copied().unzip();
    plans::run(
        engine,
        &LOCK_ALL,
        &[id_list(tenants), id_list(listings)],
        |_| (),
    );
}

/// Whether a change that a listing refuses leaves it unlocked: below SQL it does.
pub fn are_judged_before_locked(engine: &Engine) -> bool {
    Table::open(engine, &LISTINGS, Access::Update).is_some()
}

impl Listing {
    /// What is available at least, once the transaction is over.
    fn least(&self) -> i64 {
        match self.booked {
            0 => -i64::from(self.backorder_limit),
            booked => booked.into(),
        }
    }

    /// How low a change may bring what is available; None where that is no question. What is booked is never
    /// promised to a backorder.
    fn floor(&self, guard: Guard) -> Option<i64> {
        let kept = i64::from(self.safety_stock) + i64::from(self.booked);
        match guard {
            Guard::Claim => Some(kept),
            Guard::Hold if self.booked == 0 => Some(kept - i64::from(self.backorder_limit)),
            Guard::Hold => Some(kept),
            Guard::Confirm | Guard::Later => None,
        }
    }
}

/// Adds the deltas, and answers the listings as they are then, in key order. `Guard::Claim` refuses claims
/// that would go below the safety stock, `Guard::Hold` those that would go further below it than backorders may.
pub fn apply(
    engine: &Engine,
    deltas: &ListingDeltas,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    let keys: Vec<Key> = deltas
        .iter()
        .map(|(listing_id, (tenant_id, _))| (*tenant_id, *listing_id))
        .collect();
    let changed = stored::change(
        engine,
        &keys,
        |(tenant_id, listing_id), mut listing: Listing| {
            let delta = deltas[listing_id].1;
            let counts = listing.after.counts.plus(delta);
            let counts = counts.map_err(|(counter, value)| {
                let what = format!("quantity_{counter} of listing {listing_id}");
                Refusal::Error(Error::QuantityOutOfRange { what, value })
            })?;
            let goes_short = |listing: &Listing| {
                let floor = listing.floor(guard).filter(|_| delta.claims);
                floor.is_some_and(|floor| counts.available() < floor)
            };
            if goes_short(&listing) && listing.booked > 0 {
                // Days have passed since it was counted, or holds have expired.
                let booked = booked::peak(engine, *tenant_id, *listing_id);
                listing.booked = listing.booked.min(booked.try_into().unwrap_or(i32::MAX));
            }
            if goes_short(&listing) {
                return Err(Refusal::Promised);
            }
            listing.after.counts = counts;
            listing.after.available = counts.available() as i32;
            listing.after.note_movements(delta.movements);
            Ok(listing)
        },
    );
    match changed {
        Ok(listings) => Ok(listings.into_iter().map(|listing| listing.after).collect()),
        Err(Stopped::Refused(refusal)) => Err(refusal),
        Err(Stopped::Missing((_, listing_id))) => Err(Error::ListingNotFound { listing_id }.into()),
    }
}
