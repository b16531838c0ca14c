//! Taking stock: plan on what is read, apply under locks, plan again when somebody was faster.

use super::answer::{Allocated, Short, Taken};
use super::queue::{self, Places};
use super::rows::{self, Enough, Listing};
use super::written;
use crate::counters::lots::LotDelta;
use crate::counters::{self, mirror, Guard, ListingAfter, Refusal};
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::subtransaction::{attempt, Outcome};
use stockroom_core::lines::Line;
use stockroom_core::plan::{self, Lot, Pick, PlanLine, Strategy};
use uuid::Uuid;

/// What an order wants.
pub struct Want {
    pub order_id: Uuid,
    /// Merged and sorted.
    pub lines: Vec<Line>,
    /// Take what there is; for a single line.
    pub partial: bool,
}

enum Loss {
    Raced,
    Short(Short),
    Error(Error),
}

/// Claims the lines, all or nothing, or what there is of a single partial one. A try that is lost must
/// leave no lock behind, for the next plan may need lots that come before its own.
pub fn take(engine: &Engine, want: &Want) -> Result<Taken, Error> {
    let ids = listing_ids(&want.lines);
    let listings = read_listings(engine, &ids)?;
    if let Some(short) = refuse_early(want, &listings) {
        return Ok(Taken::Short(short));
    }
    let places = queue::stand_in_line(engine, &ids);
    let taken = if listings.iter().any(|listing| listing.attached.is_some()) {
        // Their rows are read and written by statements: pinned once for all of them.
        pinned(|| take_in_turn(engine, want, &ids, listings))?
    } else {
        take_in_turn(engine, want, &ids, listings)?
    };
    if let Taken::Short(_) = taken {
        places.leave();
    }
    Ok(taken)
}

fn take_in_turn(
    engine: &Engine,
    want: &Want,
    ids: &[Uuid],
    mut listings: Vec<Listing>,
) -> Result<Taken, Error> {
    let attached: Vec<_> = listings
        .iter()
        .filter_map(|listing| listing.attached.clone())
        .collect();
    if attached.iter().any(|row| !row.deferred) {
        mirror::lock(engine, sorted(attached));
        listings = read_listings(engine, ids)?;
    }
    let lots = rows::free_lots(engine, ids, enough(want, &listings));
    let outcome = claim(engine, want, &listings, &lots)
        .or_else(|loss| match loss {
            Loss::Raced => {
                let listings = read_listings(engine, ids).map_err(Loss::Error)?;
                let lots = rows::free_lots(engine, ids, enough(want, &listings));
                claim(engine, want, &listings, &lots)
            }
            other => Err(other),
        })
        .or_else(|loss| match loss {
            // Twice overtaken: lock all lots in order, then nobody can be faster.
            Loss::Raced => undo_if_lost(|| {
                let lots = rows::locked_lots(engine, ids);
                let listings = read_listings(engine, ids).map_err(Loss::Error)?;
                claim(engine, want, &listings, &lots)
            }),
            other => Err(other),
        });
    match outcome {
        Ok(claimed) => {
            let Claimed { picks, keys, after } = claimed;
            let keys = keys.unwrap_or_else(|| written::insert(engine, want.order_id, &picks));
            mirror::write(engine, &after);
            Ok(Taken::Done(answer(&picks, &keys, &after)))
        }
        Err(Loss::Short(short)) => Ok(Taken::Short(short)),
        Err(Loss::Error(error)) => Err(error),
        // With all lots locked only a level or a listing can refuse: that much is promised away.
        Err(Loss::Raced) => {
            let listings = read_listings(engine, ids)?;
            Ok(Taken::Short(refuse_early(want, &listings).unwrap_or_else(
                || {
                    let line = &want.lines[0];
                    short_of(line, listing_of(&listings, line).promise())
                },
            )))
        }
    }
}

/// Refuses what a read can refuse; otherwise the claim stands in line for its listings, before the
/// caller writes anything.
pub fn refuse_or_line_up(engine: &Engine, want: &Want) -> Result<Result<Places, Short>, Error> {
    let ids = listing_ids(&want.lines);
    let listings = read_listings(engine, &ids)?;
    if let Some(short) = refuse_early(want, &listings) {
        return Ok(Err(short));
    }
    let lots = rows::free_lots(engine, &ids, enough(want, &listings));
    Ok(plan_picks(want, &listings, &lots).map(|_| queue::stand_in_line(engine, &ids)))
}

fn undo_if_lost<T>(run: impl FnOnce() -> Result<T, Loss>) -> Result<T, Loss> {
    attempt(|| match run() {
        Ok(value) => Outcome::Keep(value),
        Err(loss) => Outcome::Undo(loss),
    })
}

fn listing_ids(lines: &[Line]) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = lines.iter().map(|line| line.listing_id).collect();
    ids.dedup();
    ids
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

fn read_listings(engine: &Engine, ids: &[Uuid]) -> Result<Vec<Listing>, Error> {
    let listings = rows::listings(engine, ids);
    let known = |id: &Uuid| listings.iter().any(|listing| listing.listing_id == *id);
    match ids.iter().find(|id| !known(id)) {
        Some(&listing_id) => Err(Error::ListingNotFound { listing_id }),
        None => Ok(listings),
    }
}

fn listing_of<'a>(listings: &'a [Listing], line: &Line) -> &'a Listing {
    listings
        .iter()
        .find(|listing| listing.listing_id == line.listing_id)
        .expect("listing was read")
}

fn short_of(line: &Line, available: i64) -> Short {
    Short {
        listing_id: line.listing_id,
        location_id: line.location_id,
        requested: line.quantity.into(),
        available: available.max(0),
    }
}

/// Short by the listing's own counter, whatever the lots say.
fn refuse_early(want: &Want, listings: &[Listing]) -> Option<Short> {
    listings.iter().find_map(|listing| {
        let own = |line: &&Line| line.listing_id == listing.listing_id;
        let requested: i64 = want
            .lines
            .iter()
            .filter(own)
            .map(|line| i64::from(line.quantity))
            .sum();
        let enough = if want.partial { 1 } else { requested };
        (listing.promise() < enough).then(|| Short {
            listing_id: listing.listing_id,
            location_id: None,
            requested,
            available: listing.promise().max(0),
        })
    })
}

/// First in, first out needs no more lots than it takes from; the others choose among all.
fn enough(want: &Want, listings: &[Listing]) -> Enough {
    match want.lines.as_slice() {
        [line] if strategy_of(line, listing_of(listings, line)) == Strategy::Fifo => {
            Enough::Oldest(line.quantity, line.location_id)
        }
        _ => Enough::All,
    }
}

fn strategy_of(line: &Line, listing: &Listing) -> Strategy {
    line.strategy
        .and_then(|name| Strategy::parse(name, &listing.priority))
        .unwrap_or_else(|| listing.strategy.clone())
}

fn plan_picks(want: &Want, listings: &[Listing], lots: &[Lot]) -> Result<Vec<Pick>, Short> {
    if let Some(short) = refuse_early(want, listings) {
        return Err(short);
    }
    if let [line] = want.lines.as_slice() {
        let listing = listing_of(listings, line);
        let wanted = i64::from(line.quantity).min(listing.promise()) as i32;
        let strategy = strategy_of(line, listing);
        let plan = plan::plan(lots, wanted, line.location_id, &strategy, want.partial);
        if plan.picks.is_empty() {
            return Err(short_of(line, i64::from(wanted) - i64::from(plan.short_by)));
        }
        return Ok(plan.picks);
    }
    let lines: Vec<PlanLine> = want
        .lines
        .iter()
        .map(|line| PlanLine {
            listing_id: line.listing_id,
            quantity: line.quantity,
            location: line.location_id,
            strategy: strategy_of(line, listing_of(listings, line)),
        })
        .collect();
    let plan = plan::plan_lines(lots, &lines);
    match plan.short {
        Some(short) => {
            let line = &want.lines[short.index];
            Err(short_of(
                line,
                i64::from(line.quantity) - i64::from(short.short_by),
            ))
        }
        None => Ok(plan.merged),
    }
}

/// What a claim has counted.
struct Claimed {
    picks: Vec<Pick>,
    /// Keys of its rows, where those are written already.
    keys: Option<Vec<Uuid>>,
    after: Vec<ListingAfter>,
}

fn claim(
    engine: &Engine,
    want: &Want,
    listings: &[Listing],
    lots: &[Lot],
) -> Result<Claimed, Loss> {
    let picks = plan_picks(want, listings, lots).map_err(Loss::Short)?;
    let try_it = || {
        apply(engine, &picks).map_err(|refusal| match refusal {
            Refusal::Lost => Loss::Raced,
            Refusal::Error(error) => Loss::Error(error),
        })
    };
    if !loses_without_trace(engine, &picks, listings) {
        let after = undo_if_lost(try_it)?;
        return Ok(Claimed {
            picks,
            keys: None,
            after,
        });
    }
    // While somebody else still has the lot: the less there is to do with it locked, the better.
    let keys = written::insert_on_trial(engine, want.order_id, &picks);
    match try_it() {
        Ok(after) => Ok(Claimed { picks, keys, after }),
        Err(loss) => {
            written::take_back(engine, keys.as_deref().unwrap_or_default());
            Err(loss)
        }
    }
}

/// Whether a lost try gives everything back by itself. A subtransaction would do it in any case, but
/// costs a transaction id; and more than 64 in one transaction slow down everybody's snapshots.
/// One lot is judged before it is locked, and as long as nothing is kept back, a listing has what
/// its lot has. Should something be kept back meanwhile, what was written is taken back, and only
/// the locks stay.
fn loses_without_trace(engine: &Engine, picks: &[Pick], listings: &[Listing]) -> bool {
    picks.len() == 1
        && !listings.iter().any(Listing::keeps_some_back)
        && counters::lots::are_judged_before_locked(engine)
}

/// Claims these picks, at most one a lot, in the counters.
pub fn apply(engine: &Engine, picks: &[Pick]) -> Result<Vec<ListingAfter>, Refusal> {
    let deltas: Vec<LotDelta> = picks
        .iter()
        .map(|pick| LotDelta {
            tenant_id: engine.tenant,
            listing_id: pick.listing_id,
            lot_id: pick.lot_id,
            allocated: pick.quantity.into(),
            total: 0,
        })
        .collect();
    counters::lots::apply(engine, &deltas, Guard::Claim)
}

/// The rows of an answer.
pub fn answer(picks: &[Pick], keys: &[Uuid], after: &[ListingAfter]) -> Vec<Allocated> {
    let available = |listing_id| {
        after
            .iter()
            .find(|listing| listing.listing_id == listing_id)
            .map_or(0, |l| l.available)
    };
    picks
        .iter()
        .zip(keys)
        .map(|(pick, key)| Allocated {
            allocation_id: Some(*key),
            lot_id: Some(pick.lot_id),
            location_id: Some(pick.location_id),
            quantity: pick.quantity,
            state: "active".to_owned(),
            available: available(pick.listing_id),
            listing_id: pick.listing_id,
        })
        .collect()
}
