//! Copies that were taken over become stock: a listing an item, a lot with its copies, a claim a loan.

use super::registration::Registration;
use crate::counters::import::{self, Claim, Incoming, Link};
use crate::counters::ledger::Cause;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::new_lots::NewLot;
use crate::counters::{goods, levels, listings, mirror, rollup, Deltas, Guard, ListingAfter};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Row, Statement};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{BOOLOID, INT8OID, TEXTARRAYOID, TEXTOID, UUIDOID};
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// Items at a time; each has its copies.
pub const ITEMS: i64 = 2_000;

/// Of the next items those that are new, or have new copies; last the key of the last that was looked at.
static NEXT: Statement = Statement::fresh(
    "WITH item AS (
       SELECT item_key, listing_id, run_id FROM {s}.collapsed_items
        WHERE collapse_id = $1 AND tenant_id = $2 AND item_key > $4 ORDER BY item_key LIMIT $5),
     counted AS (
       SELECT i.item_key, i.listing_id, i.run_id = $3 AS is_new, n.copies, n.loans
         FROM item i,
              LATERAL (SELECT count(*)::int AS copies,
                              array_agg(c.loan_id ORDER BY c.copy_key) FILTER (WHERE c.loan_id IS NOT NULL) AS loans
                         FROM {s}.collapsed_copies c
                        WHERE c.collapse_id = $1 AND c.tenant_id = $2 AND c.item_key = i.item_key
                          AND c.run_id = $3) AS n)
     SELECT item_key, listing_id, copies, loans, is_new OR copies > 0 FROM counted ORDER BY item_key",
    &[UUIDOID, UUIDOID, UUIDOID, TEXTOID, INT8OID],
);

/// An item with copies that are new.
struct Item {
    key: String,
    listing_id: Uuid,
    copies: i32,
    /// Of those that are out.
    loans: Vec<Uuid>,
}

/// Makes stock of all copies that this run took over.
pub fn make(
    engine: &Engine,
    known: &Registration,
    run_id: Uuid,
    cause: &Cause,
) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let args = [
            id(known.collapse_id),
            id(known.tenant_id),
            id(run_id),
            after.clone().into(),
            ITEMS.into(),
        ];
        let next = plans::run(engine, &NEXT, &args, |row| {
            let item = Item {
                key: row.need(1),
                listing_id: row.id(2),
                copies: row.need(3),
                loans: loans(row),
            };
            (item, row.need::<bool>(5))
        });
        let Some((last, _)) = next.last() else {
            return Ok(());
        };
        after = last.key.clone();
        let due: Vec<Item> = next
            .into_iter()
            .filter_map(|(item, is_due)| is_due.then_some(item))
            .collect();
        let mut memory = PgMemoryContexts::new("stockroom copies");
        // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
        unsafe { memory.switch_to(|_| make_some(engine, known, run_id, &due, cause)) }?;
    }
}

fn loans(row: &Row) -> Vec<Uuid> {
    let loans: Option<Vec<pgrx::Uuid>> = row.get(4);
    let loans = loans.unwrap_or_default().into_iter();
    loans.map(ids::from_pg).collect()
}

fn make_some(
    engine: &Engine,
    known: &Registration,
    run_id: Uuid,
    items: &[Item],
    cause: &Cause,
) -> Result<(), Error> {
    let claim = |loan: &Uuid| Claim {
        order_id: *loan,
        quantity: 1,
    };
    let incoming: Vec<Incoming> = items
        .iter()
        .map(|item| Incoming {
            listing_id: item.listing_id,
            tenant_id: known.tenant_id,
            key: &item.key,
            units: item.copies,
            claims: item.loans.iter().map(claim).collect(),
        })
        .collect();
    let made = import::make(engine, Link::default(), &incoming, cause);
    let (anew, there): (Vec<&Incoming>, Vec<&Incoming>) = incoming
        .iter()
        .partition(|item| made.contains_key(&item.listing_id));
    note_nothing(engine, known, run_id, &anew);
    match there.is_empty() {
        true => Ok(()),
        false => add_to_listings(engine, known, run_id, &there, cause),
    }
}

/// What a listing has before copies are added to it. Where their rows stay, what it had first goes on
/// being compared. A listing that was there is not the item's own.
static NOTE_BEFORE: Statement = Statement::fresh(
    "UPDATE {s}.collapsed_items i
        SET made_listing = i.made_listing AND i.run_id <> $3,
            total_before = g.quantity_total, available_before = g.quantity_available
       FROM {s}.stock_listings g
      WHERE i.collapse_id = $1 AND i.tenant_id = $2 AND i.item_key = ANY ($4)
        AND g.listing_id = i.listing_id AND g.tenant_id = $2 AND (i.run_id = $3 OR $5)",
    &[UUIDOID, UUIDOID, UUIDOID, TEXTARRAYOID, BOOLOID],
);
/// A listing that was deleted since the item was found, and is made anew.
static NOTE_NOTHING: Statement = Statement::fresh(
    "UPDATE {s}.collapsed_items SET made_listing = true, total_before = 0, available_before = 0
      WHERE collapse_id = $1 AND tenant_id = $2 AND item_key = ANY ($4) AND run_id <> $3",
    &[UUIDOID, UUIDOID, UUIDOID, TEXTARRAYOID],
);

fn keys_of(items: &[&Incoming]) -> Vec<String> {
    items.iter().map(|item| item.key.to_owned()).collect()
}

fn note_nothing(engine: &Engine, known: &Registration, run_id: Uuid, items: &[&Incoming]) {
    let args = [
        id(known.collapse_id),
        id(known.tenant_id),
        id(run_id),
        keys_of(items).into(),
    ];
    plans::run(engine, &NOTE_NOTHING, &args, |_| ());
}

/// The same for listings that were there before: each gets one lot more.
fn add_to_listings(
    engine: &Engine,
    known: &Registration,
    run_id: Uuid,
    items: &[&Incoming],
    cause: &Cause,
) -> Result<(), Error> {
    let listings: Vec<(Uuid, Uuid)> = items
        .iter()
        .map(|item| (item.tenant_id, item.listing_id))
        .collect();
    rollup::count(
        engine,
        &mirror::begin_write(engine, listings.iter().copied()),
    );
    levels::lock_all(engine, &listings);
    listings::lock_all(engine, &listings);
    let args = [
        id(known.collapse_id),
        id(known.tenant_id),
        id(run_id),
        keys_of(items).into(),
        known.removes.into(),
    ];
    plans::run(engine, &NOTE_BEFORE, &args, |_| ());

    let stocked: Vec<(Uuid, &Incoming)> = items
        .iter()
        .filter(|item| item.units > 0)
        .map(|item| (ids::new_key(), *item))
        .collect();
    let new: Vec<NewLot> = stocked
        .iter()
        .map(|(lot_id, item)| NewLot {
            lot_id: *lot_id,
            ..NewLot::plain(item.level(), item.units, MovementType::Import)
        })
        .collect();
    let nothing = Deltas::default();
    let changes = Changes {
        new: &new,
        ..Changes::of_goods(&[], &nothing, cause)
    };
    apply(engine, &changes, &listings)?;
    let claims: Vec<LotDelta> = stocked
        .iter()
        .map(|(lot_id, item)| LotDelta {
            tenant_id: item.tenant_id,
            listing_id: item.listing_id,
            lot_id: *lot_id,
            allocated: item
                .claims
                .iter()
                .map(|claim| i64::from(claim.quantity))
                .sum(),
            total: 0,
            movement: None,
        })
        .collect();
    let after = apply(engine, &Changes::of_claims(&claims, &nothing), &listings)?;
    import::insert_claims(engine, stocked.iter().copied());
    mirror::write(engine, &after);
    goods::came_free(engine, &after, || {
        new.iter().map(|lot| lot.lot_id).collect()
    });
    Ok(())
}

fn apply(
    engine: &Engine,
    changes: &Changes,
    listings: &[(Uuid, Uuid)],
) -> Result<Vec<ListingAfter>, Error> {
    let gone = Error::ListingNotFound {
        listing_id: listings[0].1,
    };
    lots::apply(engine, changes, Guard::Later).map_err(|refusal| refusal.into_error(gone))
}
