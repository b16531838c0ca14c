//! What an allocating function answers, now and to a replay.

use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::queue::Places;
use crate::requests::Request;
use pgrx::Uuid as PgUuid;
use serde::de::DeserializeOwned;
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

    pub fn error(self) -> Error {
        Error::InsufficientStock {
            listing_id: self.listing_id,
            location_id: self.location_id,
            requested: self.requested,
            available: self.available,
        }
    }
}

/// How a claim ended.
pub enum Taken<A = Vec<Allocated>> {
    Done(A),
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

/// Runs a claim with its key, if it has one. A refusal is an answer or an error as the caller wishes.
pub fn once(
    engine: &Engine,
    request: Option<Request>,
    answer_when_short: bool,
    line_up: impl FnOnce() -> Result<Result<Places, Short>, Error>,
    take: impl FnOnce() -> Result<Taken, Error>,
) -> Result<Answer, Error> {
    let (taken, replayed) = take_once(engine, request, line_up, take)?;
    match taken {
        Taken::Done(rows) => Ok(Answer { rows, replayed }),
        Taken::Short(short) if answer_when_short => Ok(Answer {
            rows: vec![short.row()],
            replayed,
        }),
        Taken::Short(short) => Err(short.error()),
    }
}

/// Runs a claim with its key, if it has one, and answers whether it was a replay. With a key, `line_up`
/// refuses what a read can refuse, or stands in line before the key is written. A refusal leaves no trace
/// of the key.
pub fn take_once<A: Serialize + DeserializeOwned>(
    engine: &Engine,
    request: Option<Request>,
    line_up: impl FnOnce() -> Result<Result<Places, Short>, Error>,
    take: impl FnOnce() -> Result<Taken<A>, Error>,
) -> Result<(Taken<A>, bool), Error> {
    match request {
        None => Ok((take()?, false)),
        // Keys are kept by statements: pinned once for all of them.
        Some(request) => pinned(|| with_key(engine, request, line_up, take)),
    }
}

fn with_key<A: Serialize + DeserializeOwned>(
    engine: &Engine,
    request: Request,
    line_up: impl FnOnce() -> Result<Result<Places, Short>, Error>,
    take: impl FnOnce() -> Result<Taken<A>, Error>,
) -> Result<(Taken<A>, bool), Error> {
    if let Some(known) = request.replay(engine)? {
        return Ok(replayed(known));
    }
    let places = match line_up()? {
        Ok(places) => places,
        Err(found) => return Ok((Taken::Short(found), false)),
    };
    if let Some(known) = request.begin(engine)? {
        places.leave();
        return Ok(replayed(known));
    }
    let taken = take()?;
    match &taken {
        Taken::Done(answer) => {
            let kept = serde_json::to_value(answer).expect("an answer is plain JSON");
            request.finish(engine, &kept);
        }
        Taken::Short(_) => {
            request.forget(engine);
            places.leave();
        }
    }
    Ok((taken, false))
}

fn replayed<A: DeserializeOwned>(kept: Value) -> (Taken<A>, bool) {
    let answer = serde_json::from_value(kept).expect("what was kept is an answer of this function");
    (Taken::Done(answer), true)
}
