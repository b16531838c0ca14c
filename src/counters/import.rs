//! Rows of an app's table become listings with their stock: a few statements over many rows.
//! The counters of a new listing are its import, so they are inserted and not added up.

use super::counts::Counts;
use super::ledger::{self, Cause};
use super::mirror::AttachedRow;
use super::new_listings::{self, NewListing};
use super::new_lots::{self, NewLot};
use super::{aside, ledger_last, levels, LevelKey, ListingAfter};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id_list, Arg, Statement};
use pgrx::pg_sys::{INT4ARRAYOID, UUIDARRAYOID};
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

    fn counts(&self) -> Counts {
        Counts {
            total: self.units,
            listed: self.units,
            allocated: self.claims.iter().map(|claim| claim.quantity).sum(),
            held: 0,
        }
    }
}

/// What mirrors the listings, if anything does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    pub attached_to: Option<Uuid>,
    pub deferred: bool,
    pub quantity_scale: i16,
}

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
    aside::during(|| {
        let made = make_listings(engine, link, rows);
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

/// A key that was there before goes on with the lines of its ledger.
fn make_listings(engine: &Engine, link: Link, rows: &[Incoming]) -> Vec<ListingAfter> {
    let keys: Vec<(Uuid, Uuid)> = rows
        .iter()
        .map(|row| (row.tenant_id, row.listing_id))
        .collect();
    let lasts = ledger_last::of_all(engine, &keys);
    let new = rows.iter().map(|row| {
        let counts = row.counts();
        let last = lasts.get(&row.listing_id);
        let mut after = ListingAfter {
            listing_id: row.listing_id,
            counts,
            available: counts.available() as i32,
            attached: link.attached_to.map(|attachment_id| AttachedRow {
                attachment_id,
                key: row.key.to_owned(),
                deferred: link.deferred,
            }),
            version: last.map_or(0, |last| last.version),
            moved_at: last.map(|last| last.recorded_at),
        };
        after.note_movements(i64::from(row.units > 0));
        NewListing {
            tenant_id: row.tenant_id,
            quantity_scale: link.quantity_scale,
            after,
        }
    });
    new_listings::insert(engine, new.collect())
}

fn make_stock(engine: &Engine, rows: &[(Uuid, &Incoming)]) -> Vec<NewLot> {
    let lot = |(lot_id, row): &(Uuid, &Incoming)| NewLot {
        lot_id: *lot_id,
        allocated: row.counts().allocated,
        ..NewLot::plain(row.level(), row.units, MovementType::Import)
    };
    let lots: Vec<NewLot> = rows.iter().map(lot).collect();
    new_lots::insert(engine, &lots);
    insert_claims(engine, rows.iter().map(|(lot_id, row)| (*lot_id, *row)));
    let levels = rows.iter().map(|(_, row)| (row.level(), row.counts()));
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
