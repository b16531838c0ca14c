//! allocate_lots: the caller has chosen the lots.

use super::answer::{self, Short, Taken};
use super::queue::Places;
use super::{take, written};
use crate::arguments::{answer_when_short, required, required_id};
use crate::clock;
use crate::counters::{mirror, Refusal};
use crate::engine::Engine;
use crate::error::Error;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, id_list, Statement};
use crate::requests::Request;
use crate::subtransaction::{attempt, Outcome};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use stockroom_core::lines::{LotQuantity, Lots};
use stockroom_core::plan::Pick;

static CHOSEN: Statement = Statement::fresh(
    "SELECT l.lot_id, l.listing_id, l.location_id,
            CASE WHEN l.in_stock THEN l.quantity_total - l.quantity_allocated ELSE 0 END,
            g.quantity_available::bigint - g.safety_stock, l.expires_on
       FROM {s}.stock_lots l
       JOIN {s}.stock_listings g ON g.listing_id = l.listing_id AND g.tenant_id = l.tenant_id
      WHERE l.lot_id = ANY ($1) AND l.tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID],
);

/// One chosen lot as it is now.
struct Chosen {
    pick: Pick,
    /// Units that this lot can give.
    free: i32,
    /// Units that its listing may give in all.
    promise: i64,
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
        free: if clock::has_expired(row.get(6)) {
            0
        } else {
            row.need(4)
        },
        promise: row.need(5),
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

fn refuse_early(chosen: &[Chosen]) -> Option<Short> {
    let short = |lot: &Chosen, requested: i64, available: i64| Short {
        listing_id: lot.pick.listing_id,
        location_id: Some(lot.pick.location_id),
        requested,
        available: available.max(0),
    };
    chosen.iter().find_map(|lot| {
        let own = |other: &&Chosen| other.pick.listing_id == lot.pick.listing_id;
        let in_all: i64 = chosen
            .iter()
            .filter(own)
            .map(|other| i64::from(other.pick.quantity))
            .sum();
        if lot.free < lot.pick.quantity {
            Some(short(lot, lot.pick.quantity.into(), lot.free.into()))
        } else if lot.promise < in_all {
            Some(short(lot, in_all, lot.promise))
        } else {
            None
        }
    })
}

fn take_lots(engine: &Engine, order_id: uuid::Uuid, lots: &[LotQuantity]) -> Result<Taken, Error> {
    let chosen = read_chosen(engine, lots)?;
    if let Some(short) = refuse_early(&chosen) {
        return Ok(Taken::Short(short));
    }
    mirror::lock_of_listings(
        engine,
        chosen
            .iter()
            .map(|lot| (engine.tenant, lot.pick.listing_id)),
    );
    let picks: Vec<Pick> = chosen.iter().map(|lot| lot.pick.clone()).collect();
    let applied = attempt(|| match take::apply(engine, &picks) {
        Ok(after) => Outcome::Keep(after),
        Err(refusal) => Outcome::Undo(refusal),
    });
    match applied {
        Ok(after) => {
            let keys = written::insert(engine, order_id, &picks);
            mirror::write(engine, &after);
            Ok(Taken::Done(take::answer(&picks, &keys, &after)))
        }
        Err(Refusal::Error(error)) => Err(error),
        // The lots were chosen: there is nothing to plan anew, only to say what they have now.
        Err(Refusal::Lost) => {
            let now = read_chosen(engine, lots)?;
            Ok(Taken::Short(refuse_early(&now).unwrap_or_else(|| Short {
                listing_id: now[0].pick.listing_id,
                location_id: None,
                requested: now[0].pick.quantity.into(),
                available: now[0].free.into(),
            })))
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
    let arguments = || json!({"order_id": order_id, "lots": lots.canonical()});
    let request = Request::with_key("allocate_lots", idempotency_key.as_deref(), arguments);
    let answer = answer::once(
        &engine,
        request,
        answer_when_short(on_short.as_deref())?,
        || {
            let short = refuse_early(&read_chosen(&engine, lots.as_slice())?);
            Ok(short.map_or(Ok(Places::default()), Err))
        },
        || take_lots(&engine, order_id, lots.as_slice()),
    )?;
    Ok(TableIterator::new(answer.columns_with_listing()))
}
