//! Which lots a stocktake of a place speaks of, and whether each count can stand.

use crate::arguments::bad;
use crate::counters::lot_rows::LotRow;
use crate::counters::{invariants, room, scales};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use std::collections::{HashMap, HashSet};
use stockroom_core::lines::{Count, Counted, Counts, Named};
use stockroom_core::quantity;
use uuid::Uuid;

/// What becomes of one count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    Ok,
    /// The lot does not have what was expected.
    Stale,
    /// Less was counted than is claimed.
    Committed,
    /// No such lot lies there.
    NotFound,
    /// The listing has several lots there.
    Ambiguous,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Stale => "stale",
            State::Committed => "committed",
            State::NotFound => "not_found",
            State::Ambiguous => "ambiguous",
        }
    }
}

/// One count with what it was found to speak of.
pub struct Item {
    /// Place in the argument; None for a lot that nobody counted.
    index: Option<usize>,
    pub listing_id: Option<Uuid>,
    pub lot_id: Option<Uuid>,
    pub expected: Option<i32>,
    pub counted: Option<i32>,
    /// The lot as it is.
    pub lot: Option<LotRow>,
    pub state: State,
}

impl Item {
    pub fn difference(&self) -> Option<i32> {
        Some(self.counted? - self.lot.as_ref()?.total)
    }

    /// Why the count cannot stand; None where it can.
    pub fn problem(&self, engine: &Engine) -> Option<Error> {
        let lot = self.lot.as_ref();
        let named = |problem: &str| {
            let index = self.index.unwrap_or_default();
            Some(bad_counts(index, problem))
        };
        match (self.state, lot) {
            (State::Ok, _) => None,
            (State::Stale, Some(lot)) => Some(Error::StaleCount {
                lot_id: lot.lot_id,
                expected: self.expected?,
                actual: lot.total,
            }),
            (State::Committed, Some(lot)) => Some(invariants::committed(
                engine,
                lot.listing_id,
                lot.lot_id,
                i64::from(lot.allocated) - i64::from(self.counted?),
            )),
            (State::Ambiguous, _) => named("has several lots there: name the lot"),
            _ => match self.lot_id {
                Some(lot_id) => Some(Error::LotNotFound { lot_id }),
                None => named("has no lot there"),
            },
        }
    }
}

fn bad_counts(index: usize, problem: &str) -> Error {
    Error::BadArgument {
        argument: "counts",
        problem: format!("counts[{index}] {problem}"),
    }
}

/// The counts with the lots that they name, not read yet; then, where `missing`, those lots of the place
/// that have something and are not named, as counted 0.
pub fn name_lots(
    engine: &Engine,
    location_id: Uuid,
    counts: &Counts,
    missing: bool,
) -> Result<Vec<Item>, Error> {
    let listings = Listings::of(engine, location_id, counts.as_slice());
    let mut items = Vec::with_capacity(counts.as_slice().len());
    let mut first: HashMap<Uuid, usize> = HashMap::new();
    for (index, count) in counts.as_slice().iter().enumerate() {
        let item = listings.item(index, count);
        if let Some(before) = item.lot_id.and_then(|lot_id| first.insert(lot_id, index)) {
            let problem = format!("counts again what counts[{before}] counts");
            return Err(bad_counts(index, &problem));
        }
        items.push(item);
    }
    if missing {
        let args = [id(engine.tenant), id(location_id)];
        let there = plans::run(engine, &ALL_THERE, &args, |row| row.id(1));
        let missing = there.into_iter().filter(|lot| !first.contains_key(lot));
        items.extend(missing.map(|lot_id| Item {
            index: None,
            listing_id: None,
            lot_id: Some(lot_id),
            expected: None,
            counted: Some(0),
            lot: None,
            state: State::Ok,
        }));
    }
    Ok(items)
}

static ALL_THERE: Statement = Statement::fresh(
    "SELECT lot_id FROM {s}.stock_lots WHERE tenant_id = $1 AND location_id = $2 AND quantity_total > 0
      ORDER BY lot_id",
    &[UUIDOID, UUIDOID],
);
static SKUS: Statement = Statement::fresh(
    "SELECT sku, listing_id FROM {s}.stock_listings WHERE tenant_id = $1 AND sku = ANY ($2)",
    &[UUIDOID, TEXTARRAYOID],
);
/// IS NOT DISTINCT FROM keeps the planner from reading all that lies there by the index on locations.
static LOTS: Statement = Statement::fresh(
    "SELECT listing_id, lot_id, quantity_total > 0 FROM {s}.stock_lots
      WHERE tenant_id = $1 AND location_id IS NOT DISTINCT FROM $2 AND listing_id = ANY ($3)",
    &[UUIDOID, UUIDOID, UUIDARRAYOID],
);

/// Listings that counts name, and their lots at the place.
struct Listings {
    by_sku: HashMap<String, Uuid>,
    /// Each with whether it has something.
    lots: HashMap<Uuid, Vec<(Uuid, bool)>>,
}

impl Listings {
    fn of(engine: &Engine, location_id: Uuid, counts: &[Count]) -> Listings {
        let skus = counts.iter().filter_map(|count| match &count.named {
            Named::Sku(sku) => Some(sku.clone()),
            _ => None,
        });
        let skus: Vec<String> = skus.collect();
        let by_sku: HashMap<String, Uuid> = match skus.is_empty() {
            true => HashMap::new(),
            false => {
                let args = [id(engine.tenant), skus.into()];
                let found = plans::run(engine, &SKUS, &args, |row| (row.need(1), row.id(2)));
                found.into_iter().collect()
            }
        };
        let named = counts.iter().filter_map(|count| match &count.named {
            Named::Listing(listing_id) => Some(*listing_id),
            _ => None,
        });
        let named: Vec<Uuid> = named.chain(by_sku.values().copied()).collect();
        let mut lots: HashMap<Uuid, Vec<(Uuid, bool)>> = HashMap::new();
        if !named.is_empty() {
            let args = [id(engine.tenant), id(location_id), id_list(named)];
            for (listing_id, lot) in plans::run(engine, &LOTS, &args, |row| {
                (row.id(1), (row.id(2), row.need(3)))
            }) {
                lots.entry(listing_id).or_default().push(lot);
            }
        }
        Listings { by_sku, lots }
    }

    fn item(&self, index: usize, count: &Count) -> Item {
        let listing_id = match &count.named {
            Named::Lot(_) => None,
            Named::Listing(listing_id) => Some(*listing_id),
            Named::Sku(sku) => self.by_sku.get(sku).copied(),
        };
        let found = match &count.named {
            Named::Lot(lot_id) => Ok(*lot_id),
            _ => listing_id.map_or(Err(State::NotFound), |listing_id| self.only_lot(listing_id)),
        };
        Item {
            index: Some(index),
            listing_id,
            lot_id: found.ok(),
            expected: count.expected,
            counted: match count.counted {
                Counted::Units(units) => Some(units),
                Counted::Amount(_) => None,
            },
            lot: None,
            state: found.err().unwrap_or(State::Ok),
        }
    }

    /// The only lot of a listing there, or the only one that has something.
    fn only_lot(&self, listing_id: Uuid) -> Result<Uuid, State> {
        let lots = self.lots.get(&listing_id).map_or(&[][..], Vec::as_slice);
        let full: Vec<Uuid> = lots.iter().filter(|lot| lot.1).map(|lot| lot.0).collect();
        match (lots, full.as_slice()) {
            ([], _) => Err(State::NotFound),
            ([(only, _)], _) | (_, [only]) => Ok(*only),
            _ => Err(State::Ambiguous),
        }
    }
}

/// Puts the lots into the items, and judges each: whether it lies there, has what was expected, and keeps
/// what is allocated from it. A lot that nobody counted and that has just left is none of the place's.
pub fn judge(
    engine: &Engine,
    location_id: Uuid,
    counts: &Counts,
    items: &mut Vec<Item>,
    lots: Vec<LotRow>,
) -> Result<(), Error> {
    let lots = lots
        .into_iter()
        .filter(|lot| lot.location_id == location_id);
    let mut lots: HashMap<Uuid, LotRow> = lots.map(|lot| (lot.lot_id, lot)).collect();
    for item in items.iter_mut() {
        item.lot = item.lot_id.and_then(|lot_id| lots.remove(&lot_id));
    }
    items.retain(|item| item.index.is_some() || item.lot.is_some());
    count_amounts(engine, counts, items)?;
    for item in items.iter_mut().filter(|item| item.state == State::Ok) {
        let Some(lot) = &item.lot else {
            item.state = State::NotFound;
            continue;
        };
        item.listing_id = Some(lot.listing_id);
        let counted = item.counted.unwrap_or(lot.total);
        if item.expected.is_some_and(|expected| expected != lot.total) {
            item.state = State::Stale;
        } else if counted < lot.allocated && counted < lot.total {
            item.state = State::Committed;
        }
    }
    Ok(())
}

/// Decimal numbers become units, where the listing is known.
fn count_amounts(engine: &Engine, counts: &Counts, items: &mut [Item]) -> Result<(), Error> {
    let with_amount = |item: &Item| item.counted.is_none();
    let listings: HashSet<Uuid> = items
        .iter()
        .filter(|item| with_amount(item))
        .filter_map(|item| item.lot.as_ref().map(|lot| lot.listing_id))
        .collect();
    if listings.is_empty() {
        return Ok(());
    }
    let listings: Vec<Uuid> = listings.into_iter().collect();
    let scales = scales::now(engine, &listings);
    for item in items.iter_mut().filter(|item| with_amount(item)) {
        let (Some(index), Some(lot)) = (item.index, &item.lot) else {
            continue;
        };
        if let Counted::Amount(amount) = &counts.as_slice()[index].counted {
            let scale = scales.get(&lot.listing_id).copied().unwrap_or(0);
            let units = quantity::to_units(amount, scale);
            let units = units
                .or_else(|problem| bad("counts", &format!("counts[{index}].amount: {problem}")))?;
            if units < 0 {
                return bad(
                    "counts",
                    &format!("counts[{index}].amount must be 0 or more"),
                );
            }
            item.counted = Some(units);
        }
    }
    Ok(())
}

/// Marks what would leave listings or the place short of what is held there, without writing anything.
pub fn judge_holds(engine: &Engine, items: &mut [Item]) {
    let falls = |item: &Item| {
        let lot = item.lot.as_ref().filter(|lot| lot.sellable())?;
        let difference = item.difference().filter(|_| item.state == State::Ok)?;
        Some((lot.listing_id, lot.location_id, -i64::from(difference)))
    };
    let listings: HashSet<Uuid> = items
        .iter()
        .filter_map(|item| falls(item).filter(|(.., units)| *units > 0))
        .map(|(listing_id, ..)| listing_id)
        .collect();
    if listings.is_empty() {
        return;
    }
    let listings: Vec<Uuid> = listings.into_iter().collect();
    let mut room = room::now(engine, Some(engine.tenant), &listings);
    for (listing_id, location_id, units) in items.iter().filter_map(falls) {
        room.take(listing_id, location_id, units);
    }
    for item in items {
        if let Some((listing_id, location_id, units)) = falls(item) {
            if units > 0 && room.is_short(listing_id, location_id) {
                item.state = State::Committed;
            }
        }
    }
}
