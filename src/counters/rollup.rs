//! Levels and listings: applies deltas to both, levels first, each in key order.

use super::{levels, listings, Delta, Guard, LevelDeltas, ListingAfter, Refusal};
use crate::engine::Engine;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Adds the deltas to levels and listings, and answers the listings as they are then, in key order.
/// A level that is missing is made. `Guard::Claim` refuses what would go below a level's zero or a
/// listing's safety stock; a refused claim on one level takes back what it wrote.
pub fn apply(
    engine: &Engine,
    deltas: &LevelDeltas,
    guard: Guard,
) -> Result<Vec<ListingAfter>, Refusal> {
    levels::apply(engine, deltas, guard)?;
    let mut per_listing: BTreeMap<Uuid, (Uuid, Delta)> = BTreeMap::new();
    for (key, delta) in deltas {
        let entry = per_listing
            .entry(key.listing_id)
            .or_insert((key.tenant_id, Delta::default()));
        entry.1.add(*delta);
    }
    let applied = listings::apply(engine, &per_listing, guard);
    if applied.is_err() && guard == Guard::Claim && deltas.len() == 1 {
        let reversed = deltas.iter().map(|(key, delta)| (*key, delta.reversed()));
        levels::apply(engine, &reversed.collect(), Guard::Later)?;
    }
    applied
}
