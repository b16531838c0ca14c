//! Levels and listings: applies deltas to both, levels first, each in key order.

use super::{mirror, Counts, Delta, Guard, LevelDeltas, LevelKey, ListingAfter, Refusal};
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{BOOLOID, INT4ARRAYOID, INT8OID, UUIDARRAYOID, UUIDOID};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One level and its listing in one statement; the listing's UPDATE reads the level's RETURNING,
/// which forces the order. No row: nothing was written. A row of NULLs: the level was, the listing
/// was not. The slow way finds out why.
static APPLY_ONE: Statement = Statement::fresh(
    "WITH level AS (
       UPDATE {s}.stock_levels v
          SET quantity_total = v.quantity_total + $4::int, quantity_listed = v.quantity_listed + $5::int,
              quantity_allocated = v.quantity_allocated + $6::int, quantity_held = v.quantity_held + $7::int
        WHERE v.listing_id = $2 AND v.location_id = $3 AND v.tenant_id = $1
          AND v.quantity_total + $4 BETWEEN 0 AND 2147483647
          AND v.quantity_listed + $5 BETWEEN 0 AND 2147483647
          AND v.quantity_allocated + $6 BETWEEN -2147483647 AND 2147483647
          AND v.quantity_held + $7 BETWEEN 0 AND 2147483647
          AND (NOT $8 OR v.quantity_listed + $5 - v.quantity_allocated - $6 - v.quantity_held - $7 >= 0)
       RETURNING v.listing_id),
     listing AS (
       UPDATE {s}.stock_listings g
          SET quantity_total = g.quantity_total + $4::int, quantity_listed = g.quantity_listed + $5::int,
              quantity_allocated = g.quantity_allocated + $6::int, quantity_held = g.quantity_held + $7::int
         FROM level
        WHERE g.listing_id = level.listing_id AND g.tenant_id = $1
          AND g.quantity_total + $4 BETWEEN 0 AND 2147483647
          AND g.quantity_listed + $5 BETWEEN 0 AND 2147483647
          AND g.quantity_allocated + $6 BETWEEN -2147483647 AND 2147483647
          AND g.quantity_held + $7 BETWEEN 0 AND 2147483647
          AND (NOT $8 OR g.quantity_listed + $5 - g.quantity_allocated - $6 - g.quantity_held - $7 >= g.safety_stock)
       RETURNING g.listing_id, g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held,
                 g.attached_to, g.attached_key, g.sync_deferred)
     SELECT listing.listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred
       FROM level LEFT JOIN listing ON true",
    &[
        UUIDOID, UUIDOID, UUIDOID, INT8OID, INT8OID, INT8OID, INT8OID, BOOLOID,
    ],
);

static MAKE_LEVELS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_levels (tenant_id, listing_id, location_id)
     SELECT k.tenant_id, k.listing_id, k.location_id
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
      WHERE NOT EXISTS (SELECT FROM {s}.stock_levels v
                         WHERE v.listing_id = k.listing_id AND v.location_id = k.location_id)
      ORDER BY k.listing_id, k.location_id
     ON CONFLICT (listing_id, location_id) DO NOTHING",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static LOCK_LEVELS: Statement = Statement::fresh(
    "SELECT v.listing_id, v.location_id, v.tenant_id,
            v.quantity_total, v.quantity_listed, v.quantity_allocated, v.quantity_held
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (tenant_id, listing_id, location_id)
       JOIN {s}.stock_levels v ON v.listing_id = k.listing_id AND v.location_id = k.location_id
                              AND v.tenant_id = k.tenant_id
      ORDER BY v.listing_id, v.location_id
        FOR NO KEY UPDATE OF v",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE_LEVELS: Statement = Statement::fresh(
    "UPDATE {s}.stock_levels v
        SET quantity_total = n.total, quantity_listed = n.listed,
            quantity_allocated = n.allocated, quantity_held = n.held
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[])
            AS n (tenant_id, listing_id, location_id, total, listed, allocated, held)
      WHERE v.listing_id = n.listing_id AND v.location_id = n.location_id AND v.tenant_id = n.tenant_id",
    &[UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID],
);

static LOCK_LISTINGS: Statement = Statement::fresh(
    "SELECT g.listing_id, g.quantity_total, g.quantity_listed, g.quantity_allocated, g.quantity_held,
            g.attached_to, g.attached_key, g.sync_deferred, g.safety_stock
       FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, listing_id)
       JOIN {s}.stock_listings g ON g.listing_id = k.listing_id AND g.tenant_id = k.tenant_id
      ORDER BY g.listing_id
        FOR NO KEY UPDATE OF g",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

static WRITE_LISTINGS: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings g
        SET quantity_total = n.total, quantity_listed = n.listed,
            quantity_allocated = n.allocated, quantity_held = n.held
       FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[])
            AS n (tenant_id, listing_id, total, listed, allocated, held)
      WHERE g.listing_id = n.listing_id AND g.tenant_id = n.tenant_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
    ],
);

/// Columns `at` to `at + 3` as counts.
pub fn counts(row: &Row, at: i32) -> Counts {
    Counts {
        total: row.need(at),
        listed: row.need(at + 1),
        allocated: row.need(at + 2),
        held: row.need(at + 3),
    }
}

/// Columns 1 to 8 of the listing statements.
pub fn listing_after(row: &Row) -> ListingAfter {
    let counts = counts(row, 2);
    ListingAfter {
        listing_id: row.id(1),
        counts,
        available: counts.available() as i32,
        attached: mirror::attached_row(row, 6),
    }
}

/// Adds the deltas to levels and listings, and answers the listings as they are then, in key order.
/// A level that is missing is made. `Guard::Claim` refuses what would go below a level's zero or a
/// listing's safety stock.
pub fn apply(
    engine: &Engine,
    deltas: &LevelDeltas,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    if deltas.len() == 1 {
        let (key, delta) = deltas.iter().next().expect("one delta");
        match apply_one(engine, key, delta, guard) {
            Written::All(after) => return Ok(vec![after]),
            Written::LevelOnly => return apply_to_listings(engine, deltas, guard),
            Written::Nothing => {}
        }
    }
    apply_levels(engine, deltas, guard)?;
    apply_to_listings(engine, deltas, guard)
}

/// The second half, where the levels are written already.
pub fn apply_to_listings(
    engine: &Engine,
    deltas: &LevelDeltas,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    let mut per_listing: BTreeMap<Uuid, (Uuid, Delta)> = BTreeMap::new();
    for (key, delta) in deltas {
        let entry = per_listing
            .entry(key.listing_id)
            .or_insert((key.tenant_id, Delta::default()));
        entry.1.add(*delta);
    }
    apply_listings(engine, &per_listing, guard)
}

enum Written {
    Nothing,
    LevelOnly,
    All(ListingAfter),
}

fn apply_one(engine: &Engine, key: &LevelKey, delta: &Delta, guard: Guard) -> Written {
    let args = [
        id(key.tenant_id),
        id(key.listing_id),
        id(key.location_id),
        delta.total.into(),
        delta.listed.into(),
        delta.allocated.into(),
        delta.held.into(),
        (guard == Guard::Claim).into(),
    ];
    let written = aside::during(|| {
        plans::run_one(engine, &APPLY_ONE, &args, |row| {
            row.maybe_id(1).map(|_| listing_after(row))
        })
    });
    match written {
        None => Written::Nothing,
        Some(None) => Written::LevelOnly,
        Some(Some(after)) => Written::All(after),
    }
}

fn apply_levels(engine: &Engine, deltas: &LevelDeltas, guard: Guard) -> Result<(), Refusal> {
    let keys = || {
        [
            id_list(deltas.keys().map(|key| key.tenant_id)),
            id_list(deltas.keys().map(|key| key.listing_id)),
            id_list(deltas.keys().map(|key| key.location_id)),
        ]
    };
    aside::during(|| plans::run(engine, &MAKE_LEVELS, &keys(), |_| ()));
    let found = plans::run(engine, &LOCK_LEVELS, &keys(), |row| {
        (
            LevelKey {
                listing_id: row.id(1),
                location_id: row.id(2),
                tenant_id: row.id(3),
            },
            counts(row, 4),
        )
    });
    if found.len() != deltas.len() {
        let missing = deltas
            .keys()
            .find(|key| !found.iter().any(|(known, _)| known == *key));
        let listing_id = missing.map_or(Uuid::nil(), |key| key.listing_id);
        return Err(Error::ListingNotFound { listing_id }.into());
    }
    let after = found
        .iter()
        .map(|(key, before)| {
            let after = before.plus(deltas[key]).map_err(|(counter, value)| {
                let what = format!("quantity_{counter} of listing {}", key.listing_id);
                Refusal::Error(Error::QuantityOutOfRange { what, value })
            })?;
            if guard == Guard::Claim && after.available() < 0 {
                return Err(Refusal::Lost);
            }
            Ok(after)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let [tenants, listings, locations] = keys();
    let [total, listed, allocated, held] = columns(&after);
    let args = [
        tenants,
        listings,
        locations,
        total.into(),
        listed.into(),
        allocated.into(),
        held.into(),
    ];
    aside::during(|| plans::write_all(engine, &WRITE_LEVELS, &args, after.len()));
    Ok(())
}

fn apply_listings(
    engine: &Engine,
    deltas: &BTreeMap<Uuid, (Uuid, Delta)>,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    let keys = || {
        [
            id_list(deltas.values().map(|(tenant, _)| *tenant)),
            id_list(deltas.keys().copied()),
        ]
    };
    let mut listings = plans::run(engine, &LOCK_LISTINGS, &keys(), |row| {
        (listing_after(row), row.need::<i32>(9))
    });
    if listings.len() != deltas.len() {
        let missing = deltas
            .keys()
            .find(|id| !listings.iter().any(|(known, _)| known.listing_id == **id));
        return Err(Error::ListingNotFound {
            listing_id: *missing.unwrap_or(&Uuid::nil()),
        }
        .into());
    }
    for (listing, safety_stock) in &mut listings {
        listing.counts =
            listing
                .counts
                .plus(deltas[&listing.listing_id].1)
                .map_err(|(counter, value)| {
                    let what = format!("quantity_{counter} of listing {}", listing.listing_id);
                    Refusal::Error(Error::QuantityOutOfRange { what, value })
                })?;
        if guard == Guard::Claim && listing.counts.available() < i64::from(*safety_stock) {
            return Err(Refusal::Lost);
        }
        listing.available = listing.counts.available() as i32;
    }
    let listings: Vec<ListingAfter> = listings.into_iter().map(|(listing, _)| listing).collect();
    let after: Vec<Counts> = listings.iter().map(|listing| listing.counts).collect();
    let [tenants, ids] = keys();
    let [total, listed, allocated, held] = columns(&after);
    let args = [
        tenants,
        ids,
        total.into(),
        listed.into(),
        allocated.into(),
        held.into(),
    ];
    aside::during(|| plans::write_all(engine, &WRITE_LISTINGS, &args, after.len()));
    Ok(listings)
}

fn columns(counts: &[Counts]) -> [Vec<i32>; 4] {
    [
        counts.iter().map(|c| c.total).collect(),
        counts.iter().map(|c| c.listed).collect(),
        counts.iter().map(|c| c.allocated).collect(),
        counts.iter().map(|c| c.held).collect(),
    ]
}
