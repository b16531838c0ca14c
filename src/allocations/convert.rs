//! Holds become allocations of an order: what they promised is found in lots.

use super::answer::{Allocated, Short};
use super::free_lots::{self, Enough};
use super::listing::Listing;
use super::plan::listing_of;
use super::tries::{self, Claim, Loss, Plan, Seen};
use super::written::{self, Row};
use crate::counters::lots::{self, Changes};
use crate::counters::{limits, Deltas, Guard};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use std::collections::BTreeMap;
use stockroom_core::plan::{self, Limits, Lot, PlanLine, Strategy};
use uuid::Uuid;

/// A hold, and how many of its units become hard.
#[derive(Debug, Clone)]
pub struct HeldLine {
    pub hold_id: Uuid,
    pub listing_id: Uuid,
    pub location_id: Option<Uuid>,
    pub quantity: i32,
}

pub struct Conversion {
    pub tenant_id: Uuid,
    pub order_id: Uuid,
    /// NULL takes the owner's, else fifo.
    pub strategy: Option<&'static str>,
    pub lines: Vec<HeldLine>,
    /// Held units that are given up with it.
    pub besides: Deltas,
}

pub struct Converted {
    pub rows: Vec<Allocated>,
    /// Units of holds, by their key, for which there are no goods yet. They stay held.
    pub missing: BTreeMap<Uuid, i32>,
}

/// Allocates what the holds have promised. They are locked, and so are the attached rows of their
/// listings. Errors: stock_expired, where no good lot is left and nothing may be backordered.
pub fn convert(
    engine: &Engine,
    conversion: &Conversion,
    listings: Vec<Listing>,
) -> Result<Converted, Error> {
    match tries::claim(engine, conversion, listings) {
        Ok(claimed) => Ok(Converted {
            missing: conversion.missing(&claimed.rows),
            rows: claimed.answer(),
        }),
        Err(Loss::Error(error)) => Err(error),
        // With lots and levels locked there is nothing left that could refuse.
        Err(Loss::Raced | Loss::Short(_)) => Err(conversion.lines[0].stock_expired(0)),
    }
}

impl HeldLine {
    fn stock_expired(&self, found: i32) -> Error {
        Error::StockExpired {
            hold_id: self.hold_id,
            listing_id: self.listing_id,
            requested: self.quantity,
            found,
        }
    }
}

impl Conversion {
    fn missing(&self, rows: &[Row]) -> BTreeMap<Uuid, i32> {
        let found = |hold_id: Uuid| -> i32 {
            let own = rows.iter().filter(|row| row.hold_id == Some(hold_id));
            own.map(|row| row.pick.quantity).sum()
        };
        self.lines
            .iter()
            .map(|line| (line.hold_id, line.quantity - found(line.hold_id)))
            .filter(|(_, missing)| *missing > 0)
            .collect()
    }

    /// A hold never blocks its own confirmation: what it keeps back at its location is its own.
    fn limits(&self, seen: &Limits) -> Limits {
        let mut limits = seen.clone();
        for line in &self.lines {
            if let Some(location_id) = line.location_id {
                limits.add(line.listing_id, location_id, line.quantity.into());
            }
        }
        limits
    }
}

impl Claim for Conversion {
    fn listing_ids(&self) -> Vec<Uuid> {
        ids::in_order(self.lines.iter().map(|line| line.listing_id))
    }

    fn order_id(&self) -> Uuid {
        self.order_id
    }

    fn guard(&self) -> Guard {
        Guard::Confirm
    }

    /// Nothing that isn't promised already.
    fn wants(&self, _: &Listing) -> (i64, i64) {
        (0, i64::from(i32::MAX))
    }

    fn refuse(&self, _: &[Listing]) -> Option<Short> {
        None
    }

    fn enough(&self, listings: &[Listing], limits: &Limits) -> Enough {
        match self.lines.as_slice() {
            [line] if limits.is_none() => {
                let listing = listing_of(listings, line.listing_id);
                match listing.strategy_or_own(self.strategy) {
                    Strategy::Fifo => Enough::Oldest(line.quantity, line.location_id),
                    _ => Enough::All,
                }
            }
            _ => Enough::All,
        }
    }

    fn plan(&self, seen: &Seen) -> Result<Plan, Loss> {
        let lines: Vec<PlanLine> = self
            .lines
            .iter()
            .map(|line| {
                let listing = listing_of(&seen.listings, line.listing_id);
                PlanLine {
                    listing_id: line.listing_id,
                    quantity: line.quantity,
                    location: line.location_id,
                    strategy: listing.strategy_or_own(self.strategy),
                    partial: listing.backorder_limit > 0,
                }
            })
            .collect();
        let plan = plan::plan_lines(&seen.lots, &lines, &self.limits(&seen.limits));
        if let Some(short) = plan.short {
            let line = &self.lines[short.index];
            return Err(match seen.locked {
                true => Loss::Error(line.stock_expired(line.quantity - short.short_by)),
                // Somebody may have been at it between two reads.
                false => Loss::Raced,
            });
        }
        let mut besides = self.besides.clone();
        let mut rows = Vec::new();
        for (line, picks) in self.lines.iter().zip(plan.by_line) {
            let found: i32 = picks.iter().map(|pick| pick.quantity).sum();
            let missing = i64::from(line.quantity - found);
            let listing = listing_of(&seen.listings, line.listing_id);
            if missing > (-listing.counts.available()).max(0) && !seen.locked {
                // More than is backordered: read again, under locks.
                return Err(Loss::Raced);
            }
            if found > 0 {
                let units = -i64::from(found);
                besides.hold(self.tenant_id, line.listing_id, line.location_id, units);
            }
            rows.extend(picks.into_iter().map(|pick| Row {
                pick,
                hold_id: Some(line.hold_id),
            }));
        }
        Ok(Plan { rows, besides })
    }
}

/// Lots of a listing, of those named, that may give something.
pub fn free_of(engine: &Engine, listing_id: Uuid, lots: &[Uuid]) -> Vec<Lot> {
    let mut free = free_lots::free(engine, &[listing_id], Enough::All);
    free.retain(|lot| lots.contains(&lot.lot_id));
    free
}

/// Allocates to a waiting hold what these lots have, as far as it goes, and takes it from them; answers
/// how many units. Lots, levels and the listing are locked.
pub fn fill(
    engine: &Engine,
    line: &HeldLine,
    order_id: Uuid,
    lots: &mut [Lot],
) -> Result<i32, Error> {
    let mut limits = limits::now(engine, engine.tenant, line.listing_id, &Deltas::default());
    if let Some(location_id) = line.location_id {
        limits.add(line.listing_id, location_id, line.quantity.into());
    }
    let quantity = line.quantity;
    let fifo = Strategy::Fifo;
    let plan = plan::plan(lots, quantity, line.location_id, &fifo, true, &limits);
    let units = quantity - plan.short_by;
    if units == 0 {
        return Ok(0);
    }
    let rows: Vec<Row> = plan
        .picks
        .into_iter()
        .map(|pick| Row {
            pick,
            hold_id: Some(line.hold_id),
        })
        .collect();
    let mut besides = Deltas::default();
    let freed = -i64::from(units);
    besides.hold(engine.tenant, line.listing_id, line.location_id, freed);
    let deltas = tries::lot_deltas(engine, &rows);
    lots::apply(
        engine,
        &Changes::of_claims(&deltas, &besides),
        Guard::Confirm,
    )
    .map_err(|refusal| refusal.into_error(line.stock_expired(0)))?;
    written::insert(engine, order_id, &rows);
    for row in &rows {
        for lot in lots.iter_mut().filter(|lot| lot.lot_id == row.pick.lot_id) {
            lot.free -= row.pick.quantity;
        }
    }
    Ok(units)
}
