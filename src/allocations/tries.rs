//! A claim's tries: plan on what is read, apply under locks, plan again when somebody was faster.

use super::answer::{Allocated, Short};
use super::free_lots::{self, Enough};
use super::listing::{self, Listing};
use super::written::{self, Row};
use crate::counters::lots::{Changes, LotDelta};
use crate::counters::{
    self, expiry, levels, mirror, Deltas, Guard, LevelKey, ListingAfter, Refusal,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::subtransaction::attempt;
use std::collections::BTreeMap;
use stockroom_core::plan::{Limits, Lot};
use uuid::Uuid;

/// What a plan is made from.
pub struct Seen {
    pub listings: Vec<Listing>,
    pub lots: Vec<Lot>,
    pub limits: Limits,
    /// Nobody can change it meanwhile: what can't be planned now is not there.
    pub locked: bool,
}

/// What is to be written.
pub struct Plan {
    /// The rows; none, where everything waits for goods.
    pub rows: Vec<Row>,
    /// What changes in levels and listings besides.
    pub besides: Deltas,
}

/// Why a try came to nothing.
pub enum Loss {
    Raced,
    Short(Short),
    Error(Error),
}

/// A claim that can be planned again and again.
pub trait Claim {
    /// Its listings, in key order.
    fn listing_ids(&self) -> Vec<Uuid>;
    fn order_id(&self) -> Uuid;
    fn guard(&self) -> Guard;
    /// How many units it takes of a listing, and of how many that may be promised.
    fn wants(&self, listing: &Listing) -> (i64, i64);
    /// Whether what is promised is too little, whatever the lots have.
    fn refuse(&self, listings: &[Listing]) -> Option<Short>;
    fn enough(&self, listings: &[Listing], limits: &Limits) -> Enough;
    fn plan(&self, seen: &Seen) -> Result<Plan, Loss>;
}

/// What a claim has written.
pub struct Claimed {
    pub rows: Vec<Row>,
    /// Their keys, in the same order.
    pub keys: Vec<Uuid>,
    pub after: Vec<ListingAfter>,
    /// Units of each listing in holds that had expired: still in the counters, and free.
    dead: BTreeMap<Uuid, i64>,
}

/// Claims, with two tries on what is read and one under locks, with which nobody can be faster. A try
/// that is lost must leave no lock behind, for the next plan may need rows that come before its own. The
/// attached rows are locked.
pub fn claim(engine: &Engine, claim: &impl Claim, listings: Vec<Listing>) -> Result<Claimed, Loss> {
    let claimed = on_what_is_read(engine, claim, listings)
        .or_else(|loss| match loss {
            Loss::Raced => {
                let listings = read_listings(engine, claim, &Deltas::default())?;
                // Told at once, before another try is made of it.
                match claim.refuse(&listings) {
                    Some(short) => Err(Loss::Short(short)),
                    None => on_what_is_read(engine, claim, listings),
                }
            }
            other => Err(other),
        })
        .or_else(|loss| match loss {
            Loss::Raced => under_locks(engine, claim),
            other => Err(other),
        })?;
    mirror::write(engine, &claimed.after);
    Ok(claimed)
}

fn read_listings(
    engine: &Engine,
    claim: &impl Claim,
    pending: &Deltas,
) -> Result<Vec<Listing>, Loss> {
    listing::known(engine, &claim.listing_ids(), pending).map_err(Loss::Error)
}

fn on_what_is_read(
    engine: &Engine,
    claim: &impl Claim,
    mut listings: Vec<Listing>,
) -> Result<Claimed, Loss> {
    let needs_room = |listing: &Listing| {
        let (units, promise) = claim.wants(listing);
        listing.needs_room(units, promise)
    };
    if !listings.iter().any(needs_room) {
        return plan_and_apply(engine, claim, listings, &Deltas::default());
    }
    attempt(|| {
        let mut pending = Deltas::default();
        for listing in &mut listings {
            let (units, promise) = claim.wants(listing);
            listing.make_room(engine, units, promise, &mut pending);
        }
        plan_and_apply(engine, claim, listings, &pending)
    })
}

fn plan_and_apply(
    engine: &Engine,
    claim: &impl Claim,
    listings: Vec<Listing>,
    pending: &Deltas,
) -> Result<Claimed, Loss> {
    let limits = listing::limits(engine, &listings, pending);
    let enough = claim.enough(&listings, &limits);
    let seen = Seen {
        lots: free_lots::free(engine, &claim.listing_ids(), enough),
        listings,
        limits,
        locked: false,
    };
    let plan = match claim.plan(&seen) {
        // Lots and levels were read one after the other: with holds at locations they may not agree.
        Err(Loss::Short(_)) if !seen.limits.is_none() => return Err(Loss::Raced),
        plan => plan?,
    };
    apply(engine, claim, plan, pending, &seen)
}

fn under_locks(engine: &Engine, claim: &impl Claim) -> Result<Claimed, Loss> {
    attempt(|| {
        let ids = claim.listing_ids();
        let mut pending = expiry::expire_all(engine, &ids);
        let lots = free_lots::locked(engine, &ids);
        let listings: Vec<_> = ids.iter().map(|id| (engine.tenant, *id)).collect();
        levels::lock_all(engine, &listings);
        let mut listings = read_listings(engine, claim, &pending)?;
        for listing in &mut listings {
            listing.end_the_latest(engine, &[], &mut pending);
        }
        let seen = Seen {
            limits: listing::limits(engine, &listings, &pending),
            listings,
            lots,
            locked: true,
        };
        let plan = claim.plan(&seen)?;
        let after = count(engine, claim, &plan, &pending)?;
        let keys = written::insert(engine, claim.order_id(), &plan.rows);
        Ok(Claimed::of(plan.rows, keys, after, &seen.listings))
    })
}

fn apply(
    engine: &Engine,
    claim: &impl Claim,
    plan: Plan,
    pending: &Deltas,
    seen: &Seen,
) -> Result<Claimed, Loss> {
    let try_it = || count(engine, claim, &plan, pending);
    let trial = loses_without_trace(engine, claim, &plan, pending, seen)
        // While somebody else still has the lot: the less there is to do with it locked, the better.
        .then(|| written::insert_on_trial(engine, claim.order_id(), &plan.rows));
    let after = match &trial {
        None => attempt(try_it)?,
        Some(keys) => try_it().inspect_err(|_| {
            written::take_back(engine, keys.as_deref().unwrap_or_default());
        })?,
    };
    let keys = trial
        .flatten()
        .unwrap_or_else(|| written::insert(engine, claim.order_id(), &plan.rows));
    Ok(Claimed::of(plan.rows, keys, after, &seen.listings))
}

/// Whether a lost try gives everything back by itself. A subtransaction would do it in any case, but
/// costs a transaction id; and more than 64 in one transaction slow down everybody's snapshots.
/// One lot is judged before it is locked, and as long as nothing is kept back, its level and its listing
/// have what the lot has; a listing has what a hold has promised. Should something be promised away
/// meanwhile, what was written is taken back, and only the locks stay. So there must be no other lot: the
/// next plan would lock it out of order.
fn loses_without_trace(
    engine: &Engine,
    claim: &impl Claim,
    plan: &Plan,
    pending: &Deltas,
    seen: &Seen,
) -> bool {
    let ([row], [_]) = (plan.rows.as_slice(), seen.lots.as_slice()) else {
        return false;
    };
    let level = LevelKey {
        listing_id: row.pick.listing_id,
        location_id: row.pick.location_id,
        tenant_id: engine.tenant,
    };
    let has_promise = match claim.guard() {
        Guard::Confirm => {
            seen.limits.is_none() || plan.besides.held_at(&level) == -i64::from(row.pick.quantity)
        }
        _ => !seen.listings.iter().any(Listing::keeps_some_back),
    };
    has_promise && pending.is_empty() && counters::lots::are_judged_before_locked(engine)
}

/// Counts a plan in lots, levels and listings.
fn count(
    engine: &Engine,
    claim: &impl Claim,
    plan: &Plan,
    pending: &Deltas,
) -> Result<Vec<ListingAfter>, Loss> {
    let mut besides = plan.besides.clone();
    besides.add_all(pending);
    let deltas = lot_deltas(engine, &plan.rows);
    counters::lots::apply(
        engine,
        &Changes::of_claims(&deltas, &besides),
        claim.guard(),
    )
    .map_err(|refusal| match refusal {
        Refusal::Lost | Refusal::Promised => Loss::Raced,
        Refusal::Error(error) => Loss::Error(error),
    })
}

/// What the rows take from each lot.
pub fn lot_deltas(engine: &Engine, rows: &[Row]) -> Vec<LotDelta> {
    let mut deltas: BTreeMap<Uuid, LotDelta> = BTreeMap::new();
    for row in rows {
        let delta = deltas.entry(row.pick.lot_id).or_insert(LotDelta {
            tenant_id: engine.tenant,
            listing_id: row.pick.listing_id,
            lot_id: row.pick.lot_id,
            allocated: 0,
            total: 0,
            movement: None,
        });
        delta.allocated += i64::from(row.pick.quantity);
    }
    deltas.into_values().collect()
}

impl Claimed {
    pub fn of(
        rows: Vec<Row>,
        keys: Vec<Uuid>,
        after: Vec<ListingAfter>,
        listings: &[Listing],
    ) -> Claimed {
        let dead = listings
            .iter()
            .filter(|listing| listing.dead.units > 0)
            .map(|listing| (listing.listing_id, listing.dead.units))
            .collect();
        Claimed {
            rows,
            keys,
            after,
            dead,
        }
    }

    /// The rows of an answer.
    pub fn answer(&self) -> Vec<Allocated> {
        let available = |listing_id: Uuid| {
            let after = self
                .after
                .iter()
                .find(|listing| listing.listing_id == listing_id);
            let dead = self.dead.get(&listing_id).copied().unwrap_or(0);
            after.map_or(0, |listing| (i64::from(listing.available) + dead) as i32)
        };
        self.rows
            .iter()
            .zip(&self.keys)
            .map(|(row, key)| Allocated {
                allocation_id: Some(*key),
                lot_id: Some(row.pick.lot_id),
                location_id: Some(row.pick.location_id),
                quantity: row.pick.quantity,
                state: "active".to_owned(),
                available: available(row.pick.listing_id),
                listing_id: row.pick.listing_id,
            })
            .collect()
    }
}
