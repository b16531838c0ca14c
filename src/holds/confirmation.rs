//! A confirmation: holds end, and what they held is allocated.

use super::row::{self, HoldRow};
use super::written;
use crate::allocations::answer::Allocated;
use crate::allocations::convert::{convert, Conversion, Converted, HeldLine};
use crate::allocations::listing;
use crate::clock;
use crate::counters::{on_loan, Deltas};
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::queue::{self, Places};
use std::collections::BTreeMap;
use stockroom_core::hold::{Confirmation, HoldStatus, Remainder};
use uuid::Uuid;

/// What is to be confirmed, and how.
pub struct Wish {
    /// None takes the hold's own.
    pub order_id: Option<Uuid>,
    /// None for all that is held.
    pub quantity: Option<i32>,
    pub remainder: Remainder,
    pub strategy: Option<&'static str>,
    /// Whether what there are no goods for yet may wait for them.
    pub may_wait: bool,
}

/// A hold that was confirmed.
struct Confirmed {
    before: HoldRow,
    what: Confirmation,
}

impl Wish {
    /// Confirms these holds, which are of one order, all or none.
    pub fn confirm(&self, engine: &Engine, seen: Vec<HoldRow>) -> Result<Vec<Allocated>, Error> {
        let order_id = self
            .order_id
            .or(seen[0].order_id)
            .ok_or(Error::BadArgument {
                argument: "order_id",
                problem: "must not be NULL, as the hold names no order".to_owned(),
            })?;
        on_loan::refuse_order(engine, order_id)?;
        let ids = listings_of(&seen);
        let nothing = Deltas::default();
        let listings = listing::known(engine, &ids, &nothing)?;
        let attached = listings.iter().any(|listing| listing.attached.is_some());
        let confirm = || {
            let listings = match listing::lock_attached(engine, &listings) {
                true => listing::known(engine, &ids, &nothing)?,
                false => listings,
            };
            let confirmed = self.end_holds(engine, order_id, &seen)?;
            let conversion = self.conversion(engine, order_id, &confirmed);
            let converted = convert(engine, &conversion, listings)?;
            if !self.may_wait {
                refuse_missing(&confirmed, &converted)?;
            }
            self.let_the_rest_wait(engine, order_id, &confirmed, &converted)?;
            Ok(with_waiting(engine, converted, &confirmed))
        };
        // Rows of the app are read and written by statements: pinned once for all of them.
        if attached {
            pinned(confirm)
        } else {
            confirm()
        }
    }

    /// Refused by a read where it can be, without a transaction id; else in line, before anything is
    /// written.
    pub fn line_up(
        &self,
        engine: &Engine,
        seen: Vec<HoldRow>,
    ) -> Result<(Vec<HoldRow>, Places), Error> {
        let now = clock::microseconds();
        for row in &seen {
            self.judge(row, now)?;
        }
        let places = queue::stand_in_line(engine, &listings_of(&seen));
        Ok((seen, places))
    }

    fn judge(&self, row: &HoldRow, now: i64) -> Result<Confirmation, Error> {
        row.life
            .confirm(self.quantity, self.remainder, now)
            .map_err(|refused| row.refusal(refused))
    }

    /// Locks the holds and ends them, as if there were goods for all.
    fn end_holds(
        &self,
        engine: &Engine,
        order_id: Uuid,
        seen: &[HoldRow],
    ) -> Result<Vec<Confirmed>, Error> {
        let holds = ids::in_order(seen.iter().map(|row| row.hold_id));
        let mut confirmed: BTreeMap<Uuid, Confirmed> = BTreeMap::new();
        row::change(engine, &holds, |row, now| {
            let what = self.judge(row, now)?;
            let before = row.clone();
            confirmed.insert(row.hold_id, Confirmed { before, what });
            Ok(HoldRow {
                life: what.after,
                order_id: Some(order_id),
                confirmed_at: Some(now),
                ..row.clone()
            })
        })?;
        Ok(confirmed.into_values().collect())
    }

    fn conversion(&self, engine: &Engine, order_id: Uuid, confirmed: &[Confirmed]) -> Conversion {
        let mut released = Deltas::default();
        for hold in confirmed.iter().filter(|hold| hold.what.released > 0) {
            let row = &hold.before;
            let units = -i64::from(hold.what.released);
            released.hold(row.tenant_id, row.listing_id, row.location_id, units);
        }
        Conversion {
            tenant_id: engine.tenant,
            order_id,
            strategy: self.strategy,
            lines: confirmed
                .iter()
                .map(|hold| HeldLine {
                    hold_id: hold.before.hold_id,
                    listing_id: hold.before.listing_id,
                    location_id: hold.before.location_id,
                    quantity: hold.what.confirmed,
                })
                .collect(),
            besides: released,
        }
    }

    /// What there are no goods for yet stays held, for the order and without an end.
    fn let_the_rest_wait(
        &self,
        engine: &Engine,
        order_id: Uuid,
        confirmed: &[Confirmed],
        converted: &Converted,
    ) -> Result<(), Error> {
        let waits = |hold_id: &Uuid| converted.missing.get(hold_id).copied();
        let (beside, instead): (Vec<&Confirmed>, Vec<&Confirmed>) = confirmed
            .iter()
            .filter(|hold| waits(&hold.before.hold_id).is_some())
            .partition(|hold| hold.what.after.status == HoldStatus::Active);
        let instead: Vec<Uuid> = instead.iter().map(|hold| hold.before.hold_id).collect();
        if !instead.is_empty() {
            row::change(engine, &instead, |row, _| {
                let missing = waits(&row.hold_id).expect("it waits");
                let before = confirmed
                    .iter()
                    .find(|hold| hold.before.hold_id == row.hold_id);
                let before = before.expect("it was confirmed").before.life;
                Ok(row.with(before.waits(missing)))
            })?;
        }
        // A hold that keeps a remainder goes on; what waits is a hold of its own.
        for hold in beside {
            let hold_id = hold.before.hold_id;
            let missing = waits(&hold_id).expect("it waits");
            written::insert_waiting(engine, hold_id, missing, order_id);
        }
        Ok(())
    }
}

fn refuse_missing(confirmed: &[Confirmed], converted: &Converted) -> Result<(), Error> {
    let short = confirmed.iter().find_map(|hold| {
        let missing = converted.missing.get(&hold.before.hold_id)?;
        Some(Error::InsufficientStock {
            listing_id: hold.before.listing_id,
            location_id: hold.before.location_id,
            requested: hold.what.confirmed.into(),
            available: i64::from(hold.what.confirmed - missing),
        })
    });
    short.map_or(Ok(()), Err)
}

fn listings_of(rows: &[HoldRow]) -> Vec<Uuid> {
    ids::in_order(rows.iter().map(|row| row.listing_id))
}

/// The allocations, and a row for each hold of which something waits.
fn with_waiting(engine: &Engine, converted: Converted, confirmed: &[Confirmed]) -> Vec<Allocated> {
    let Converted { mut rows, missing } = converted;
    for hold in confirmed {
        let row = &hold.before;
        let Some(&quantity) = missing.get(&row.hold_id) else {
            continue;
        };
        let listing = listing::all(engine, &[row.listing_id]).pop();
        let available = listing.map_or(0, |listing| listing.available() as i32);
        rows.push(Allocated {
            allocation_id: None,
            lot_id: None,
            location_id: row.location_id,
            quantity,
            state: HoldStatus::Waiting.name().to_owned(),
            available,
            listing_id: row.listing_id,
        });
    }
    rows
}
