//! allocate_lots: the caller has chosen the lots.

use super::answer::{self, Short, Taken};
use super::listing::{self, Listing};
use super::plan::listing_of;
use super::tries::{self, Claimed};
use super::written::{self, Row};
use crate::arguments::{answer_when_short, required, required_id};
use crate::clock;
use crate::counters::lots::{self, Changes};
use crate::counters::{mirror, on_loan, rollup, Deltas, Guard, Refusal};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, id_list, Statement};
use crate::queue::Places;
use crate::requests::Request;
use crate::subtransaction::attempt;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use stockroom_core::lines::{LotQuantity, Lots};
use stockroom_core::plan::{Limits, Pick};

static CHOSEN: Statement = Statement::fresh(
    "SELECT lot_id, listing_id, location_id,
            CASE WHEN in_stock THEN quantity_total - quantity_allocated ELSE 0 END, expires_on
       FROM {s}.stock_lots WHERE lot_id = ANY ($1) AND tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID],
);

/// One chosen lot as it is now.
struct Chosen {
    pick: Pick,
    /// Units that this lot can give.
    free: i32,
}

fn read_chosen(engine: &Engine, lots: &[LotQuantity]) -> Result<Vec<Chosen>, Error> {
    let args = [
        id_list(lots.iter().map(|lot| lot.lot_id)),
        id(engine.tenant),
    ];
    let mut chosen = plans::run(engine, &CHOSEN, &args, |row| Chosen {
        pick: Pick {
            lot_id: row.id(1),
            listing_id: row.id(2),
            location_id: row.id(3),
            quantity: 0,
        },
        free: if clock::has_expired(row.get(5)) {
            0
        } else {
            row.need(4)
        },
    });
    chosen.sort_by_key(|lot| lot.pick.lot_id);
    for wanted in lots {
        let found = chosen
            .iter_mut()
            .find(|lot| lot.pick.lot_id == wanted.lot_id);
        found
            .ok_or(Error::LotNotFound {
                lot_id: wanted.lot_id,
            })?
            .pick
            .quantity = wanted.quantity;
    }
    Ok(chosen)
}

fn listing_ids(chosen: &[Chosen]) -> Vec<uuid::Uuid> {
    ids::in_order(chosen.iter().map(|lot| lot.pick.listing_id))
}

/// Units of a listing in all of these lots.
fn units_of(chosen: &[Chosen], listing_id: uuid::Uuid) -> i64 {
    let own = chosen
        .iter()
        .filter(|lot| lot.pick.listing_id == listing_id);
    own.map(|lot| i64::from(lot.pick.quantity)).sum()
}

fn refuse_early(chosen: &[Chosen], listings: &[Listing], limits: &Limits) -> Option<Short> {
    let short = |lot: &Chosen, requested: i64, available: i64| Short {
        listing_id: lot.pick.listing_id,
        location_id: Some(lot.pick.location_id),
        requested,
        available: available.max(0),
    };
    chosen.iter().find_map(|lot| {
        let Pick {
            listing_id,
            location_id,
            quantity,
            ..
        } = lot.pick;
        let promise = listing_of(listings, listing_id).promise();
        let in_all = units_of(chosen, listing_id);
        let there = limits.left(listing_id, location_id).unwrap_or(i64::MAX);
        let at_location = chosen.iter().filter(|other| {
            (other.pick.listing_id, other.pick.location_id) == (listing_id, location_id)
        });
        let in_all_there: i64 = at_location.map(|lot| i64::from(lot.pick.quantity)).sum();
        if lot.free < quantity {
            Some(short(lot, quantity.into(), lot.free.into()))
        } else if promise < in_all {
            Some(short(lot, in_all, promise))
        } else if there < in_all_there {
            Some(short(lot, in_all_there, there))
        } else {
            None
        }
    })
}

/// Refuses what a read can refuse, with holds that have expired as free.
fn refuse_by_read(engine: &Engine, lots: &[LotQuantity]) -> Result<Option<Short>, Error> {
    let chosen = read_chosen(engine, lots)?;
    let listings = listing::known(engine, &listing_ids(&chosen), &Deltas::default())?;
    let mut limits = listing::limits(engine, &listings, &Deltas::default());
    for listing in &listings {
        for (location_id, units) in &listing.dead.at {
            limits.add(listing.listing_id, *location_id, *units);
        }
    }
    Ok(refuse_early(&chosen, &listings, &limits))
}

fn take_lots(
    engine: &Engine,
    order_id: uuid::Uuid,
    chosen_lots: &[LotQuantity],
) -> Result<Taken, Error> {
    if let Some(short) = refuse_by_read(engine, chosen_lots)? {
        return Ok(Taken::Short(short));
    }
    let chosen = read_chosen(engine, chosen_lots)?;
    let ids = listing_ids(&chosen);
    let mut pending = mirror::begin_write(engine, ids.iter().map(|id| (engine.tenant, *id)));
    let mut listings = listing::known(engine, &ids, &pending)?;
    for listing in &mut listings {
        let units = units_of(&chosen, listing.listing_id);
        listing.make_room(engine, units, listing.promise(), &mut pending);
    }
    let rows: Vec<Row> = chosen
        .into_iter()
        .map(|lot| Row {
            pick: lot.pick,
            hold_id: None,
        })
        .collect();
    let applied = attempt(|| {
        let deltas = tries::lot_deltas(engine, &rows);
        lots::apply(engine, &Changes::of_claims(&deltas, &pending), Guard::Claim)
    });
    match applied {
        Ok(after) => {
            let keys = written::insert(engine, order_id, &rows);
            mirror::write(engine, &after);
            let claimed = Claimed::of(rows, keys, after, &listings);
            Ok(Taken::Done(claimed.answer()))
        }
        Err(Refusal::Error(error)) => Err(error),
        // The lots were chosen: there is nothing to plan anew, only to say what they have now.
        Err(Refusal::Lost | Refusal::Promised) => {
            rollup::count(engine, &pending);
            let now = read_chosen(engine, chosen_lots)?;
            Ok(Taken::Short(
                refuse_by_read(engine, chosen_lots)?.unwrap_or_else(|| Short {
                    listing_id: now[0].pick.listing_id,
                    location_id: None,
                    requested: now[0].pick.quantity.into(),
                    available: now[0].free.into(),
                }),
            ))
        }
    }
}

/// Allocates units of lots that the caller chose, all or nothing.
///
/// `lots`: `[{"lot_id", "quantity"}]`; equal lots are merged; an unknown key is an error. Lots that
/// are not listed or have expired give nothing. `on_short` and `idempotency_key` as in
/// allocate_stock. Returns a row a lot. Errors: insufficient_stock, lot_not_found, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn allocate_lots(
    order_id: Option<Uuid>,
    lots: Option<Jsonb>,
    on_short: default!(Option<String>, "'error'"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(allocation_id, Option<Uuid>),
            name!(lot_id, Option<Uuid>),
            name!(location_id, Option<Uuid>),
            name!(quantity, i32),
            name!(state, String),
            name!(available, i32),
            name!(replayed, bool),
            name!(listing_id, Uuid),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let order_id = required_id("order_id", order_id)?;
    let lots = Lots::parse(&required("lots", lots)?.parse("lots")?).map_err(|problem| {
        Error::BadArgument {
            argument: "lots",
            problem: problem.to_string(),
        }
    })?;
    on_loan::refuse_order(&engine, order_id)?;
    let arguments = || json!({"order_id": order_id, "lots": lots.canonical()});
    let request = Request::with_key("allocate_lots", idempotency_key.as_deref(), arguments);
    let answer = answer::once(
        &engine,
        request,
        answer_when_short(on_short.as_deref())?,
        || {
            let short = refuse_by_read(&engine, lots.as_slice())?;
            Ok(short.map_or(Ok(Places::default()), Err))
        },
        || take_lots(&engine, order_id, lots.as_slice()),
    )?;
    Ok(TableIterator::new(answer.columns_with_listing()))
}
