//! What an allocating function answers, now and to a replay.

use super::queue::Places;
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::requests::Request;
use pgrx::Uuid as PgUuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// One row of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Allocated {
    pub allocation_id: Option<Uuid>,
    pub lot_id: Option<Uuid>,
    pub location_id: Option<Uuid>,
    pub quantity: i32,
    /// `active`, or `insufficient` for a refusal.
    pub state: String,
    /// Units of the listing that are available after it; in a refusal, what could be had.
    pub available: i32,
    pub listing_id: Uuid,
}

/// Not enough stock.
#[derive(Debug, Clone)]
pub struct Short {
    pub listing_id: Uuid,
    pub location_id: Option<Uuid>,
    pub requested: i64,
    pub available: i64,
}

impl Short {
    fn row(self) -> Allocated {
        Allocated {
            allocation_id: None,
            lot_id: None,
            location_id: self.location_id,
            quantity: 0,
            state: "insufficient".to_owned(),
            available: self.available as i32,
            listing_id: self.listing_id,
        }
    }

    fn error(self) -> Error {
        Error::InsufficientStock {
            listing_id: self.listing_id,
            location_id: self.location_id,
            requested: self.requested,
            available: self.available,
        }
    }
}

/// How a claim ended.
pub enum Taken {
    Done(Vec<Allocated>),
    Short(Short),
}

/// Rows of an answer, and whether it is a replay.
pub struct Answer {
    pub rows: Vec<Allocated>,
    pub replayed: bool,
}

/// Columns of allocate_stock.
pub type Columns = (
    Option<PgUuid>,
    Option<PgUuid>,
    Option<PgUuid>,
    i32,
    String,
    i32,
    bool,
);

/// Columns of allocate_order and allocate_lots.
pub type ColumnsWithListing = (
    Option<PgUuid>,
    Option<PgUuid>,
    Option<PgUuid>,
    i32,
    String,
    i32,
    bool,
    PgUuid,
);

impl Answer {
    pub fn columns(self) -> Vec<Columns> {
        let replayed = self.replayed;
        self.rows
            .into_iter()
            .map(|row| columns(row, replayed))
            .collect()
    }

    pub fn columns_with_listing(self) -> Vec<ColumnsWithListing> {
        let replayed = self.replayed;
        self.rows
            .into_iter()
            .map(|row| {
                let listing_id = ids::to_pg(row.listing_id);
                let (key, lot, location, quantity, state, available, replayed) =
                    columns(row, replayed);
                (
                    key, lot, location, quantity, state, available, replayed, listing_id,
                )
            })
            .collect()
    }
}

fn columns(row: Allocated, replayed: bool) -> Columns {
    (
        row.allocation_id.map(ids::to_pg),
        row.lot_id.map(ids::to_pg),
        row.location_id.map(ids::to_pg),
        row.quantity,
        row.state,
        row.available,
        replayed,
    )
}

/// Runs a claim with its key, if it has one. With a key, `line_up` refuses what a read can refuse, or
/// stands in line before the key is written. A refusal is an answer or an error as the caller wishes,
/// and leaves no trace of the key.
pub fn once(
    engine: &Engine,
    request: Option<Request>,
    answer_when_short: bool,
    line_up: impl FnOnce() -> Result<Result<Places, Short>, Error>,
    take: impl FnOnce() -> Result<Taken, Error>,
) -> Result<Answer, Error> {
    let short = |short: Short| {
        if answer_when_short {
            Ok(Answer {
                rows: vec![short.row()],
                replayed: false,
            })
        } else {
            Err(short.error())
        }
    };
    let Some(request) = request else {
        return match take()? {
            Taken::Done(rows) => Ok(Answer {
                rows,
                replayed: false,
            }),
            Taken::Short(found) => short(found),
        };
    };
    // Keys are kept by statements: pinned once for all of them.
    pinned(|| with_key(engine, request, short, line_up, take))
}

fn with_key(
    engine: &Engine,
    request: Request,
    short: impl FnOnce(Short) -> Result<Answer, Error>,
    line_up: impl FnOnce() -> Result<Result<Places, Short>, Error>,
    take: impl FnOnce() -> Result<Taken, Error>,
) -> Result<Answer, Error> {
    if let Some(known) = request.replay(engine)? {
        return Ok(replayed(known));
    }
    let places = match line_up()? {
        Ok(places) => places,
        Err(found) => return short(found),
    };
    if let Some(known) = request.begin(engine)? {
        places.leave();
        return Ok(replayed(known));
    }
    match take()? {
        Taken::Done(rows) => {
            let kept = serde_json::to_value(&rows).expect("rows are plain JSON");
            request.finish(engine, &kept);
            Ok(Answer {
                rows,
                replayed: false,
            })
        }
        Taken::Short(found) => {
            request.forget(engine);
            places.leave();
            short(found)
        }
    }
}

fn replayed(kept: Value) -> Answer {
    Answer {
        rows: serde_json::from_value(kept).unwrap_or_default(),
        replayed: true,
    }
}
