//! How much of a listing a plan may take at each location: some keep units back for holds.

use super::{levels, Counts, Deltas, LevelKey};
use crate::engine::Engine;
use stockroom_core::plan::Limits;
use uuid::Uuid;

/// As they are now, with what is about to be counted.
pub fn now(engine: &Engine, tenant_id: Uuid, listing_id: Uuid, pending: &Deltas) -> Limits {
    let levels = levels::kept_back_now(engine, tenant_id, listing_id);
    let mut limits = Limits::none();
    add(&mut limits, tenant_id, listing_id, levels, pending);
    limits
}

/// Adds a listing's.
pub fn add(
    limits: &mut Limits,
    tenant_id: Uuid,
    listing_id: Uuid,
    levels: Vec<(Uuid, Counts)>,
    pending: &Deltas,
) {
    for (location_id, counts) in levels {
        let key = LevelKey {
            listing_id,
            location_id,
            tenant_id,
        };
        let left = counts.available() - pending.held_at(&key);
        limits.set(listing_id, location_id, left);
    }
}
