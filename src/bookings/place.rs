//! Making holds of resources: refused by a read where they can be, else in line, then in tries.

use super::judge::{judge, Dead, Seen, Unfit};
use super::written::{self, Common, NewHold};
use crate::counters::capacity::{expiry, rows, DateDeltas, DateRow};
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
    pub fn of_rows(rows: &[DateRow]) -> Left {
        let mut left = Left::default();
        for row in rows {
            let least = left.0.entry(row.key.resource_id.clone());
            let least = least.or_insert(row.available);
            *least = row.available.min(*least);
        }
        left
    }

    pub fn of(&self, resource_id: &Rc<str>) -> i32 {
        self.0.get(resource_id).copied().unwrap_or(0)
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
pub fn make_room(
    engine: &Engine,
    claims: &DateDeltas,
    resources: &[Rc<str>],
    rows: &[DateRow],
    uncounted: &[Uuid],
) -> DateDeltas {
    let mut freed = DateDeltas::default();
    for resource_id in resources {
        let short: Vec<&DateRow> = rows
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
            uncounted,
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
                return Ok(Ok(Left::of_rows(&tried?)));
            }
        }
        attempt(|| {
            let mut deltas = make_room(engine, &claims, &seen.needs_room, &seen.rows, &[]);
            self.insert(engine)?;
            deltas.add_all(&claims);
            let rows = count(engine, &deltas)?;
            Ok(Ok(Left::of_rows(&claimed(rows, &claims))))
        })
    }

    /// The rows go first: whoever has written the same token waits for the dates, too.
    fn under_locks(&self, engine: &Engine) -> Result<Placed, Loss> {
        attempt(|| {
            let claims = self.claims(engine);
            let mut deltas = expiry::expire_all(engine, &self.resources());
            self.insert(engine)?;
            let mut all = deltas.clone();
            all.add_all(&claims);
            let locked = rows::lock(engine, &all.keys());
            // With a short time to live, their own may have run out by now.
            let own: Vec<Uuid> = self.holds.iter().map(|hold| hold.hold_id).collect();
            let latest = make_room(engine, &claims, &self.resources(), &locked, &own);
            deltas.add_all(&latest);
            if let Err(unfit) = judge(engine, &claims, &deltas, Dead::AreEnded)? {
                return Err(Loss::Refused(Err(unfit)));
            }
            deltas.add_all(&claims);
            let rows = count(engine, &deltas)?;
            Ok(Ok(Left::of_rows(&claimed(rows, &claims))))
        })
    }
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
