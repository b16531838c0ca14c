//! Making holds of resources: refused by a read where they can be, else in line, then in tries.

use super::judge::{judge, stock_behind, Dead, Seen, Unfit};
use super::resource;
use super::written::{self, Common, NewHold};
use crate::clock;
use crate::counters::capacity::{behind, booked, expiry, rows, DateDeltas, DateRow};
use crate::counters::{Guard, Refusal};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::queue;
use crate::subtransaction::attempt;
use crate::tries::{self, Claim, KeyTaken};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use uuid::Uuid;

/// The holds that a call wants: all of them, or none.
pub struct Wish {
    pub holds: Vec<NewHold>,
    pub common: Common,
}

/// What became of them: what is left on these dates, or why they don't fit.
pub type Placed = Result<Left, Unfit>;

type Loss = tries::Loss<Placed>;

/// Units that are left on all dates of a resource that was claimed.
#[derive(Debug, Clone, Default)]
pub struct Left(BTreeMap<Rc<str>, i32>);

impl Left {
    /// Of dates that were claimed, as they are then; of those with a listing behind them not more than that has.
    pub fn of_rows(engine: &Engine, rows: &[DateRow]) -> Result<Left, Error> {
        let mut left = Left::default();
        for row in rows {
            let mut available = row.available;
            if let Some(listing_id) = row.listing_id {
                let date = row.key.date;
                let booked = booked::on(engine, listing_id, &[date]);
                let stock = stock_behind(engine, listing_id, Dead::AreFree)?;
                let stock = stock - booked.get(&date).copied().unwrap_or(0);
                available = stock.clamp(0, available.max(0).into()) as i32;
            }
            let least = left.0.entry(row.key.resource_id.clone());
            let least = least.or_insert(available);
            *least = available.min(*least);
        }
        Ok(left)
    }

    pub fn of(&self, resource_id: &Rc<str>) -> i32 {
        self.0.get(resource_id).copied().unwrap_or(0)
    }
}

impl Wish {
    /// Why it does not fit, by what is read; else its place is in line.
    pub fn line_up(&self, engine: &Engine) -> Result<Option<Unfit>, Error> {
        match self.read(engine)? {
            ControlFlow::Break(Err(unfit)) => return Ok(Some(unfit)),
            _ => queue::stand_in_line_for_dates(engine, &self.claims(engine).keys()),
        };
        Ok(None)
    }
}

/// Makes the holds, if all fit.
pub fn place(engine: &Engine, wish: &mut Wish) -> Result<Result<Placed, KeyTaken>, Error> {
    let seen = match wish.read(engine)? {
        ControlFlow::Continue(seen) => seen,
        ControlFlow::Break(refused) => return Ok(Ok(refused)),
    };
    for hold in &mut wish.holds {
        hold.hold_id = ids::new_key();
    }
    let in_line = queue::stand_in_line_for_dates(engine, &wish.claims(engine).keys());
    let placed = tries::run(engine, &*wish, seen);
    if !matches!(&placed, Ok(Ok(Ok(_)))) {
        in_line.leave();
    }
    placed
}

/// Ends the dead holds that stand in the way of these claims.
pub fn make_room(engine: &Engine, claims: &DateDeltas, seen: &Seen) -> DateDeltas {
    let mut freed = DateDeltas::default();
    for listing_id in &seen.needs_stock {
        freed.add_all(&booked::expire_dead(engine, engine.tenant, *listing_id));
    }
    for resource_id in &seen.needs_room {
        let short: Vec<&DateRow> = seen
            .rows
            .iter()
            .filter(|row| row.key.resource_id == *resource_id)
            .filter(|row| i64::from(row.available) < claims.of(&row.key))
            .collect();
        let dates: Vec<_> = short.iter().map(|row| row.key.date).collect();
        let enough = |freed: &DateDeltas| {
            short
                .iter()
                .all(|row| i64::from(row.available) - freed.of(&row.key) >= claims.of(&row.key))
        };
        freed.add_all(&expiry::expire(
            engine,
            engine.tenant,
            resource_id,
            &dates,
            enough,
        ));
    }
    freed
}

/// Claims and frees, where functions are refused at once.
pub fn count<D>(engine: &Engine, deltas: &DateDeltas) -> Result<Vec<DateRow>, tries::Loss<D>> {
    rows::apply(engine, deltas, Guard::Hold).map_err(lost)
}

fn lost<D>(refusal: Refusal) -> tries::Loss<D> {
    match refusal {
        Refusal::Lost | Refusal::Promised => tries::Loss::Raced,
        Refusal::Error(error) => tries::Loss::Error(error),
    }
}

impl Wish {
    fn claims(&self, engine: &Engine) -> DateDeltas {
        let mut claims = DateDeltas::default();
        for hold in &self.holds {
            let units = i64::from(hold.quantity);
            claims.add(engine.tenant, &hold.resource_id, &hold.dates, units);
        }
        claims
    }

    fn insert(&self, engine: &Engine) -> Result<(), Loss> {
        written::insert(engine, &self.common, &self.holds).map_err(|KeyTaken| Loss::KeyTaken)
    }

    /// One hold of one date is written before the date is waited for: the less there is to do with that locked,
    /// the better. The date is judged before it is locked, so that a refusal leaves nothing that has to be undone
    /// but the row. None where that is not so.
    fn place_on_trial(
        &self,
        engine: &Engine,
        claims: &DateDeltas,
        rows: &[DateRow],
    ) -> Option<Result<Vec<DateRow>, Loss>> {
        let ([hold], [row]) = (&self.holds[..], rows) else {
            return None;
        };
        if row.listing_id.is_some() || !rows::are_judged_before_locked(engine) {
            return None;
        }
        let written = written::insert_on_trial(engine, &self.common, hold)?;
        Some(written.map_err(|KeyTaken| Loss::KeyTaken).and_then(|()| {
            rows::apply_alone(engine, claims, Guard::Hold)
                .map_err(lost)
                .inspect_err(|_| written::take_back(engine, hold))
        }))
    }
}

impl Claim for Wish {
    type Seen = Seen;
    type Done = Placed;

    fn read(&self, engine: &Engine) -> Result<ControlFlow<Placed, Seen>, Error> {
        let claims = self.claims(engine);
        let judged = judge(engine, &claims, &DateDeltas::default(), Dead::AreFree)?;
        Ok(match judged {
            Ok(seen) => ControlFlow::Continue(seen),
            Err(unfit) => ControlFlow::Break(Err(unfit)),
        })
    }

    fn write(&self, engine: &Engine, seen: Seen) -> Result<Placed, Loss> {
        let claims = self.claims(engine);
        if seen.needs_room.is_empty() {
            if let Some(tried) = self.place_on_trial(engine, &claims, &seen.rows) {
                return Ok(Ok(Left::of_rows(engine, &tried?)?));
            }
        }
        attempt(|| {
            let mut deltas = make_room(engine, &claims, &seen);
            self.insert(engine)?;
            deltas.add_all(&claims);
            let rows = count(engine, &deltas)?;
            Ok(Ok(Left::of_rows(engine, &claimed(rows, &claims))?))
        })
    }

    /// The rows go first: whoever has written the same token waits for the dates, too.
    fn under_locks(&self, engine: &Engine) -> Result<Placed, Loss> {
        attempt(|| {
            let claims = self.claims(engine);
            let resources = self.resources();
            let freed = end_dead_of(engine, &resources);
            self.insert(engine)?;
            lock_and_free(engine, &claims, freed);
            if let Err(unfit) = judge(engine, &claims, &DateDeltas::default(), Dead::AreEnded)? {
                return Err(Loss::Refused(Err(unfit)));
            }
            let rows = count(engine, &claims)?;
            Ok(Ok(Left::of_rows(engine, &rows)?))
        })
    }
}

/// Ends all dead holds of these resources, and of others with the same listings behind them, in lock order.
pub fn end_dead_of(engine: &Engine, resources: &[Rc<str>]) -> DateDeltas {
    let mut all: Vec<Rc<str>> = resources.to_vec();
    for resource_id in resources {
        let listing = resource::now(engine, resource_id).ok();
        let listing = listing.and_then(|resource| resource.listing_id);
        if let Some(listing_id) = listing {
            all.extend(booked::with_dead(engine, engine.tenant, listing_id));
        }
    }
    all.sort();
    all.dedup();
    expiry::expire_all(engine, &all, clock::microseconds())
}

/// Locks the dates that are claimed with those that were freed, in one go, and counts the latter. Dead holds of the
/// stock behind them end too. What has died since is left: it would have other dates.
pub fn lock_and_free(engine: &Engine, claims: &DateDeltas, freed: DateDeltas) {
    let mut all = freed.clone();
    for (key, _) in claims.iter() {
        all.add_to(key.clone(), 0);
    }
    let locked = rows::lock(engine, &all.keys());
    let mut listings: Vec<(Uuid, Uuid)> = locked
        .iter()
        .filter_map(|row| Some((row.key.tenant_id, row.listing_id?)))
        .collect();
    listings.sort();
    listings.dedup();
    behind::end_all_dead_stock(engine, &listings);
    rows::count(engine, &freed);
}

impl Wish {
    /// In key order.
    fn resources(&self) -> Vec<Rc<str>> {
        let mut resources: Vec<Rc<str>> = self
            .holds
            .iter()
            .map(|hold| hold.resource_id.clone())
            .collect();
        resources.sort();
        resources.dedup();
        resources
    }
}

/// Without those that were only freed.
fn claimed(rows: Vec<DateRow>, claims: &DateDeltas) -> Vec<DateRow> {
    rows.into_iter()
        .filter(|row| claims.of(&row.key) > 0)
        .collect()
}
