//! Whole lots that change their place or condition, with what is allocated from them.

use super::lot_rows::LotRow;
use super::{aside, changes, ledger, rollup, Delta, Deltas, Guard, ListingAfter};
use crate::clock;
use crate::counters::ledger::Cause;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id_list, Statement};
use pgrx::pg_sys::{TEXTARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID};
use stockroom_core::condition::Condition;
use uuid::Uuid;

/// A lot, which is locked, and where and how it is to be.
pub struct Move<'a> {
    pub lot: &'a LotRow,
    pub location_id: Uuid,
    pub condition: Condition,
}

static WRITE: Statement = Statement::fresh(
    "UPDATE {s}.stock_lots l
        SET location_id = n.location_id, condition = n.condition, updated_at = $6
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])
            AS n (tenant_id, listing_id, lot_id, location_id, condition)
      WHERE l.lot_id = n.lot_id AND l.listing_id = n.listing_id AND l.tenant_id = n.tenant_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZOID,
    ],
);

impl Move<'_> {
    fn moved(&self) -> LotRow {
        let mut moved = self.lot.clone();
        moved.location_id = self.location_id;
        moved.details.condition = self.condition;
        moved
    }
}

/// What a lot adds to its level.
fn counted(lot: &LotRow) -> Delta {
    let if_sellable = |units: i32| if lot.sellable() { units.into() } else { 0 };
    Delta {
        total: lot.total.into(),
        listed: if_sellable(lot.total),
        allocated: if_sellable(lot.allocated),
        ..Delta::default()
    }
}

/// Moves these lots, at most once each, counts them in levels and listings, and writes the ledger. Answers
/// the listings as they are then.
pub fn apply(
    engine: &Engine,
    moves: &[Move],
    besides: &Deltas,
    cause: &Cause,
) -> Result<Vec<ListingAfter>, Error> {
    write(engine, moves);
    let mut all = besides.clone();
    let mut lines = Vec::new();
    for one in moves {
        let moved = one.moved();
        all.add(one.lot.level(), counted(one.lot).reversed());
        all.add(moved.level(), counted(&moved));
        lines.extend(changes::lines(&one.lot.state(), &moved.state()));
    }
    for line in &lines {
        all.add(line.level(), Delta::of_movement());
    }
    let after = rollup::apply(engine, &all, Guard::Later).map_err(|refusal| {
        let listing_id = moves.first().map_or(Uuid::nil(), |one| one.lot.listing_id);
        refusal.into_error(Error::ListingNotFound { listing_id })
    })?;
    ledger::write(engine, lines, &after, cause);
    Ok(after)
}

fn write(engine: &Engine, moves: &[Move]) {
    let keys = |of: fn(&Move) -> Uuid| id_list(moves.iter().map(of));
    let conditions: Vec<&str> = moves.iter().map(|one| one.condition.name()).collect();
    let args = [
        keys(|one| one.lot.tenant_id),
        keys(|one| one.lot.listing_id),
        keys(|one| one.lot.lot_id),
        keys(|one| one.location_id),
        conditions.into(),
        clock::now().into(),
    ];
    aside::during(|| plans::write_all(engine, &WRITE, &args, moves.len()));
}
