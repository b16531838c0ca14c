//! Replays: a call whose key a hold was made with before.

use super::row::{self, HoldRow};
use super::written::NewHold;
use crate::commit;
use crate::engine::Engine;
use crate::error::Error;
use crate::requests::check_key;

/// The holds that were made with this key, if they are those that are wanted now: the same listings,
/// locations, quantities and order. None where the key is new. They are given in the order of `wanted`.
pub fn replay(
    engine: &Engine,
    function: &'static str,
    key: &str,
    wanted: &[NewHold],
) -> Result<Option<Vec<HoldRow>>, Error> {
    check_key("idempotency_key", key)?;
    let found = row::by_key(engine, key);
    if found.is_empty() {
        return Ok(None);
    }
    let mismatch = |field: &str| Error::IdempotencyMismatch {
        function: function.to_owned(),
        key: key.to_owned(),
        field: field.to_owned(),
    };
    if let Some(field) = difference(&found, wanted) {
        return Err(mismatch(field));
    }
    let mut rows = Vec::with_capacity(wanted.len());
    for hold in wanted {
        let same = |row: &&HoldRow| is_place_of(row, hold);
        rows.push(found.iter().find(same).expect("it was compared").clone());
    }
    commit::vouch_for_what_was_seen();
    Ok(Some(rows))
}

fn is_place_of(row: &HoldRow, hold: &NewHold) -> bool {
    (row.listing_id, row.location_id) == (hold.line.listing_id, hold.line.location_id)
}

/// A confirmation may have named another order since.
fn has_other_order(row: &HoldRow, hold: &NewHold) -> bool {
    row.confirmed_at.is_none() && row.order_id != hold.order_id
}

/// The field in which the holds that were made differ from those that are wanted.
fn difference(found: &[HoldRow], wanted: &[NewHold]) -> Option<&'static str> {
    if let ([row], [hold]) = (found, wanted) {
        let line = &hold.line;
        return if row.listing_id != line.listing_id {
            Some("listing_id")
        } else if row.location_id != line.location_id {
            Some("location_id")
        } else if row.quantity_requested != line.quantity {
            Some("quantity")
        } else if has_other_order(row, hold) {
            Some("order_id")
        } else {
            None
        };
    }
    let same_set = found.len() == wanted.len()
        && wanted.iter().all(|hold| {
            found
                .iter()
                .any(|row| is_place_of(row, hold) && row.quantity_requested == hold.line.quantity)
        });
    if !same_set {
        Some("lines")
    } else if found.iter().any(|row| has_other_order(row, &wanted[0])) {
        Some("order_id")
    } else {
        None
    }
}
