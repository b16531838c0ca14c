//! expire_lots: goods past their date are no longer good.

use crate::arguments::positive;
use crate::clock;
use crate::counters::ledger::Cause;
use crate::counters::lot_rows::{self, LotRow};
use crate::counters::moves::{self, Move};
use crate::counters::room::{self, room_of_level, room_of_listing};
use crate::counters::{levels, listings, mirror, Deltas};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, maybe_id, Statement};
use crate::settings;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{DATEOID, INT4OID, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use std::collections::BTreeMap;
use stockroom_core::condition::Condition;
use uuid::Uuid;

/// Lots past their date that no order and no hold needs: neither their listing nor their place goes short
/// without them.
static FIND: Statement = Statement::fresh(
    concat!(
        "SELECT l.lot_id, l.tenant_id, l.listing_id
           FROM {s}.stock_lots l
           JOIN {s}.stock_listings g ON g.listing_id = l.listing_id AND g.tenant_id = l.tenant_id
           JOIN {s}.stock_levels v ON v.listing_id = l.listing_id AND v.location_id = l.location_id
                                  AND v.tenant_id = l.tenant_id
          WHERE l.expires_on < $2 AND l.condition = 'good' AND ($3 IS NULL OR l.tenant_id = $3)
            AND l.quantity_allocated = 0
            AND (NOT l.listed OR l.quantity_total <= least(",
        room_of_listing!(),
        ", ",
        room_of_level!(),
        "))
          LIMIT $4"
    ),
    &[TIMESTAMPTZOID, DATEOID, UUIDOID, INT4OID],
);

/// Sets good lots past their date to expired, up to `batch`, of one tenant or of all, and answers how many.
/// What orders or holds need stays as it is.
pub fn sweep(engine: &Engine, tenant: Option<Uuid>, batch: i32) -> Result<i32, Error> {
    let args = [
        clock::now().into(),
        today().into(),
        maybe_id(tenant),
        batch.into(),
    ];
    let found = plans::run(engine, &FIND, &args, |row| {
        (row.id(1), row.id(2), row.id(3))
    });
    if found.is_empty() {
        return Ok(0);
    }
    let of: BTreeMap<Uuid, Uuid> = found
        .iter()
        .map(|(_, tenant_id, listing_id)| (*listing_id, *tenant_id))
        .collect();
    let of: Vec<(Uuid, Uuid)> = of
        .into_iter()
        .map(|(listing_id, tenant_id)| (tenant_id, listing_id))
        .collect();
    let ids: Vec<Uuid> = found.iter().map(|(lot_id, ..)| *lot_id).collect();
    mirror::lock_of_listings(engine, of.iter().copied());
    // Who has one of them locked is about to change it.
    let mut lots = lot_rows::lock_free(engine, tenant, &ids);
    levels::lock_all(engine, &of);
    listings::lock_all(engine, &of);
    let listing_ids: Vec<Uuid> = of.iter().map(|(_, listing_id)| *listing_id).collect();
    let mut room = room::now(engine, tenant, &listing_ids);
    lots.retain(|lot| is_due(lot) && spare(&mut room, lot));
    let moves: Vec<Move> = lots
        .iter()
        .map(|lot| Move {
            lot,
            location_id: lot.location_id,
            condition: Condition::Expired,
        })
        .collect();
    let reason = settings::reason().unwrap_or_else(|| "past its expires_on".to_owned());
    let cause = Cause::because(Some(reason));
    let after = moves::apply(engine, &moves, &Deltas::default(), &cause)?;
    mirror::write(engine, &after);
    Ok(moves.len() as i32)
}

fn today() -> Date {
    Date::saturating_from_raw(clock::today())
}

fn is_due(lot: &LotRow) -> bool {
    let expires_on = lot.details.expires_on.map(|date| date.to_pg_epoch_days());
    lot.condition() == Condition::Good && lot.allocated == 0 && clock::has_expired(expires_on)
}

/// Takes a lot out of what may leave, if all of it may.
fn spare(room: &mut room::Room, lot: &LotRow) -> bool {
    if !lot.listed {
        return true;
    }
    let (listing_id, location_id, units) = (lot.listing_id, lot.location_id, i64::from(lot.total));
    room.take(listing_id, location_id, units);
    let is_short = room.is_short(listing_id, location_id);
    if is_short {
        room.take(listing_id, location_id, -units);
    }
    !is_short
}

static LEFT: Statement = Statement::fresh(
    "SELECT count(*) FROM {s}.stock_lots
      WHERE expires_on < $1 AND condition = 'good' AND tenant_id = $2",
    &[DATEOID, UUIDOID],
);

/// Sets up to `batch` good lots past their `expires_on` (by the date in UTC) to expired, and returns how
/// many: 0 when there is nothing left. They no longer count as available then; the ledger says why.
///
/// Lots that active allocations or live holds need stay as they are, and a NOTICE says how many. Claims
/// never pick a lot past its date, expired so or not. Errors: bad_argument.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn expire_lots(
    batch: default!(Option<i32>, "1000"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let batch = positive("batch", batch)?;
    let expired = sweep(&engine, Some(engine.tenant), batch)?;
    if expired < batch {
        let args = [today().into(), id(engine.tenant)];
        let left = plans::run_one(&engine, &LEFT, &args, |row| row.need::<i64>(1));
        if let Some(left) = left.filter(|left| *left > 0) {
            notice!("stockroom: lots past their date that are left, as orders or holds need them: {left}");
        }
    }
    Ok(expired)
}
