//! Rows of an app's table become listings with their stock: a few statements over many rows.
//! The counters of a new listing are its import, so they are inserted and not added up.

use super::counts::Counts;
use super::ledger::{self, Cause};
use super::new_lots::{self, NewLot};
use super::{aside, levels, listings, LevelKey, ListingAfter};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id_list, maybe_id, Arg, Statement};
use pgrx::pg_sys::{BOOLOID, INT2OID, INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use std::collections::{HashMap, HashSet};
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// A listing to be made for a row of the app, with its stock as one listed lot at Unspecified.
pub struct Incoming<'a> {
    pub listing_id: Uuid,
    pub tenant_id: Uuid,
    pub key: &'a str,
    /// Units of the lot.
    pub units: i32,
    pub claims: Vec<Claim>,
}

/// An active allocation of the lot.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub order_id: Uuid,
    pub quantity: i32,
}

impl Incoming<'_> {
    /// Where its stock lies.
    pub fn level(&self) -> LevelKey {
        LevelKey {
            listing_id: self.listing_id,
            location_id: ids::UNSPECIFIED,
            tenant_id: self.tenant_id,
        }
    }

    fn allocated(&self) -> i32 {
        self.claims.iter().map(|claim| claim.quantity).sum()
    }
}

/// What mirrors the listings, if anything does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    pub attached_to: Option<Uuid>,
    pub deferred: bool,
    pub quantity_scale: i16,
}

/// In key order, so that two sessions that make the same listings can't wait for each other. A key that
/// was there before goes on with the lines of its ledger.
static LISTINGS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_listings
            (listing_id, tenant_id, attached_key, quantity_total, quantity_listed, quantity_allocated,
             attached_to, sync_deferred, quantity_scale, version, moved_at)
     SELECT n.listing_id, n.tenant_id, CASE WHEN $6 IS NOT NULL THEN n.key END, n.total, n.total, n.allocated,
            $6, $7, $8,
            coalesce(last.version, 0) + CASE WHEN n.total > 0 THEN 1 ELSE 0 END,
            CASE WHEN n.total > 0 THEN greatest(last.recorded_at, clock_timestamp()) ELSE last.recorded_at END
       FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[])
            AS n (listing_id, tenant_id, key, total, allocated)
       LEFT JOIN LATERAL (
              SELECT m.version, m.recorded_at FROM {s}.stock_movements m
               WHERE m.listing_id = n.listing_id AND m.tenant_id IS NOT DISTINCT FROM n.tenant_id
               ORDER BY m.listing_id DESC, m.recorded_at DESC, m.version DESC LIMIT 1) AS last ON true
      ORDER BY n.listing_id
     ON CONFLICT (listing_id) DO NOTHING
     RETURNING listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
               attached_to, attached_key, sync_deferred, version, moved_at",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        UUIDOID,
        BOOLOID,
        INT2OID,
    ],
);
static CLAIMS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations (tenant_id, listing_id, lot_id, allocation_id, order_id, quantity)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[])",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
    ],
);
/// Makes the listings that do not exist yet, linked to their rows, with their lots and claims. Answers
/// those that were made.
pub fn make(
    engine: &Engine,
    link: Link,
    rows: &[Incoming],
    cause: &Cause,
) -> HashMap<Uuid, ListingAfter> {
    let args = [
        id_list(rows.iter().map(|row| row.listing_id)),
        id_list(rows.iter().map(|row| row.tenant_id)),
        rows.iter()
            .map(|row| row.key.to_owned())
            .collect::<Vec<_>>()
            .into(),
        numbers(rows.iter().map(|row| row.units)),
        numbers(rows.iter().map(Incoming::allocated)),
        maybe_id(link.attached_to),
        link.deferred.into(),
        link.quantity_scale.into(),
    ];
    aside::during(|| {
        let made = plans::run(engine, &LISTINGS, &args, listings::listing_after);
        let keys: HashSet<Uuid> = made.iter().map(|listing| listing.listing_id).collect();
        let mut stocked: Vec<&Incoming> = rows
            .iter()
            .filter(|row| row.units > 0 && keys.contains(&row.listing_id))
            .collect();
        // As the indexes go that name the listing.
        stocked.sort_unstable_by_key(|row| row.listing_id);
        let stocked: Vec<(Uuid, &Incoming)> = stocked
            .into_iter()
            .map(|row| (ids::new_key(), row))
            .collect();
        let lots = make_stock(engine, &stocked);
        let lines = lots.iter().filter_map(NewLot::line).collect();
        ledger::write(engine, lines, &made, cause);
        let made = made.into_iter();
        made.map(|listing| (listing.listing_id, listing)).collect()
    })
}

fn make_stock(engine: &Engine, rows: &[(Uuid, &Incoming)]) -> Vec<NewLot> {
    let lot = |(lot_id, row): &(Uuid, &Incoming)| NewLot {
        lot_id: *lot_id,
        allocated: row.allocated(),
        ..NewLot::plain(row.level(), row.units, MovementType::Import)
    };
    let lots: Vec<NewLot> = rows.iter().map(lot).collect();
    new_lots::insert(engine, &lots);
    insert_claims(engine, rows.iter().map(|(lot_id, row)| (*lot_id, *row)));
    let levels = rows.iter().map(|(_, row)| {
        let counts = Counts {
            total: row.units,
            listed: row.units,
            allocated: row.allocated(),
            held: 0,
        };
        (row.level(), counts)
    });
    levels::insert(engine, &levels.collect::<Vec<_>>());
    lots
}

/// Writes the claims of these lots; counting them is the caller's.
pub fn insert_claims<'a>(engine: &Engine, lots: impl Iterator<Item = (Uuid, &'a Incoming<'a>)>) {
    let claims: Vec<(Uuid, &Incoming, Claim)> = lots
        .flat_map(|(lot_id, row)| row.claims.iter().map(move |claim| (lot_id, row, *claim)))
        .collect();
    if claims.is_empty() {
        return;
    }
    let args = [
        id_list(claims.iter().map(|(_, row, _)| row.tenant_id)),
        id_list(claims.iter().map(|(_, row, _)| row.listing_id)),
        id_list(claims.iter().map(|(lot_id, ..)| *lot_id)),
        id_list(claims.iter().map(|_| ids::new_key())),
        id_list(claims.iter().map(|(.., claim)| claim.order_id)),
        numbers(claims.iter().map(|(.., claim)| claim.quantity)),
    ];
    aside::during(|| plans::write_all(engine, &CLAIMS, &args, claims.len()));
}

fn numbers(values: impl Iterator<Item = i32>) -> Arg {
    values.collect::<Vec<i32>>().into()
}
