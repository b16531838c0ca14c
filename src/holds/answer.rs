//! What a holding function answers.

use super::place::{Fate, Placed};
use super::row::HoldRow;
use super::written::NewHold;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::{allocations::listing, ids};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::Uuid as PgUuid;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One row of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    pub hold_id: Option<Uuid>,
    /// A hold's own state, or `insufficient`, or `listing_not_found` among many.
    pub state: String,
    /// Units held; 0 for a refusal.
    pub quantity: i32,
    /// PostgreSQL's own microseconds; None for never.
    pub expires_at: Option<i64>,
    /// Units of the listing that are available after it; in a refusal, what could be had.
    pub available: i32,
    pub replayed: bool,
    pub listing_id: Uuid,
    pub location_id: Option<Uuid>,
}

/// Columns of hold_stock.
pub type Columns = (
    Option<PgUuid>,
    String,
    i32,
    Option<TimestampWithTimeZone>,
    i32,
    bool,
);

/// Columns of hold_order and hold_many.
pub type ColumnsWithPlace = (
    Option<PgUuid>,
    String,
    i32,
    Option<TimestampWithTimeZone>,
    i32,
    bool,
    PgUuid,
    Option<PgUuid>,
);

impl Held {
    /// What became of a hold that was wanted.
    pub fn placed(hold: &NewHold, expires_at: Option<i64>, fate: Fate, placed: &Placed) -> Held {
        let listing_id = hold.line.listing_id;
        let available = placed.available.get(&listing_id).copied().unwrap_or(0) as i32;
        let refused = |state: &str, available| Held {
            hold_id: None,
            state: state.to_owned(),
            quantity: 0,
            expires_at: None,
            available,
            replayed: false,
            listing_id,
            location_id: hold.line.location_id,
        };
        match fate {
            Fate::Held => Held {
                hold_id: Some(hold.hold_id),
                state: "active".to_owned(),
                quantity: hold.line.quantity,
                expires_at,
                available,
                replayed: false,
                listing_id,
                location_id: hold.line.location_id,
            },
            Fate::Short(left) => refused("insufficient", left as i32),
            Fate::Unknown => refused("listing_not_found", 0),
        }
    }

    /// A hold that was made before, as it is now.
    pub fn replayed(engine: &Engine, row: &HoldRow) -> Held {
        let listing = listing::all(engine, &[row.listing_id]).pop();
        Held {
            hold_id: Some(row.hold_id),
            state: row.life.state_at(clock::microseconds()).name().to_owned(),
            quantity: row.life.quantity,
            expires_at: row.life.expires_at,
            available: listing.map_or(0, |listing| listing.available() as i32),
            replayed: true,
            listing_id: row.listing_id,
            location_id: row.location_id,
        }
    }

    pub fn columns(self) -> Columns {
        (
            self.hold_id.map(ids::to_pg),
            self.state,
            self.quantity,
            self.expires_at.map(clock::moment),
            self.available,
            self.replayed,
        )
    }

    pub fn columns_with_place(self) -> ColumnsWithPlace {
        let (listing_id, location_id) = (self.listing_id, self.location_id);
        let (hold, state, quantity, expires_at, available, replayed) = self.columns();
        (
            hold,
            state,
            quantity,
            expires_at,
            available,
            replayed,
            ids::to_pg(listing_id),
            location_id.map(ids::to_pg),
        )
    }
}

/// The error for the first hold that was refused.
pub fn refusal(holds: &[NewHold], fates: &[Fate]) -> Error {
    let mut refused = holds.iter().zip(fates);
    let first = refused.find_map(|(hold, fate)| match fate {
        Fate::Held => None,
        Fate::Unknown => Some(Error::ListingNotFound {
            listing_id: hold.line.listing_id,
        }),
        Fate::Short(left) => Some(Error::InsufficientStock {
            listing_id: hold.line.listing_id,
            location_id: hold.line.location_id,
            requested: hold.line.quantity.into(),
            available: *left,
        }),
    });
    first.expect("one was refused")
}
