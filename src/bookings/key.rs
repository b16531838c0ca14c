//! Replays: a call whose token a hold was made with before.

use super::row::{self, HoldRow};
use super::written::{Common, NewHold};
use crate::commit;
use crate::engine::Engine;
use crate::error::Error;
use crate::requests::check_key;

/// The hold that was made with this token, if it is the one that is wanted now: the same resource, dates, quantity
/// and customer. None where the token is new.
pub fn replay(
    engine: &Engine,
    token: &str,
    wanted: &NewHold,
    common: &Common,
) -> Result<Option<HoldRow>, Error> {
    check_key("idempotency_token", token)?;
    let Some(found) = row::by_token(engine, token) else {
        return Ok(None);
    };
    if let Some(field) = difference(&found, wanted, common) {
        return Err(Error::IdempotencyMismatch {
            function: "hold_resource".to_owned(),
            key: token.to_owned(),
            field: field.to_owned(),
        });
    }
    commit::vouch_for_what_was_seen();
    Ok(Some(found))
}

/// The field in which the hold that was made differs from the one that is wanted.
fn difference(found: &HoldRow, wanted: &NewHold, common: &Common) -> Option<&'static str> {
    if found.resource_id != wanted.resource_id {
        Some("resource_id")
    } else if found.dates != wanted.dates {
        Some("dates")
    } else if found.life.quantity != wanted.quantity {
        Some("quantity")
    } else if found.customer_email != common.customer_email {
        Some("customer_email")
    } else {
        None
    }
}
