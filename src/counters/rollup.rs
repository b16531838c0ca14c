//! Levels and listings: applies deltas to both, levels first, each in key order.

use super::{levels, listings, mirror, Deltas, Guard, ListingAfter, Refusal};
use crate::engine::Engine;
use crate::error::Error;

/// Adds the deltas to levels and listings, and answers the listings as they are then, in key order.
/// A level that is missing is made. A guard that judges now refuses what would go below a level's zero
/// or what its listing may promise; a refusal of deltas that [`Deltas::lose_without_trace`] takes back
/// what was written.
pub fn apply(engine: &Engine, deltas: &Deltas, guard: Guard) -> Result<Vec<ListingAfter>, Refusal> {
    levels::apply(engine, deltas.levels(), guard)?;
    let applied = listings::apply(engine, &deltas.listings(), guard);
    if applied.is_err() && guard.judges_now() && deltas.lose_without_trace() {
        levels::apply(engine, deltas.levels_reversed().levels(), Guard::Later)?;
    }
    applied
}

/// Counts what has been done and nothing refuses now, attached rows and all; those are locked. Answers
/// the listings as they are then.
pub fn count(engine: &Engine, deltas: &Deltas) -> Vec<ListingAfter> {
    let Some(listing_id) = deltas.listings().into_keys().next() else {
        return Vec::new();
    };
    match apply(engine, deltas, Guard::Later) {
        Ok(listings) => {
            mirror::write(engine, &listings);
            listings
        }
        Err(refusal) => refusal
            .into_error(Error::ListingNotFound { listing_id })
            .raise(),
    }
}

/// The same for what a client's statement did to lots or holds.
pub fn count_statement(engine: &Engine, mut deltas: Deltas) -> Vec<ListingAfter> {
    let listings = deltas.listings().into_iter();
    let listings = listings.map(|(listing_id, (tenant_id, _))| (tenant_id, listing_id));
    deltas.add_all(&mirror::begin_write(engine, listings));
    count(engine, &deltas)
}
