//! Door 2 for stock_allocations: sums up what a client's own DML claims and frees, lot by lot.

use super::lots::{self, Changes, LotDelta};
use super::row::{self, NewRow};
use super::{aside, goods, mirror, on_loan, Guard};
use crate::direct::shape::{LOTS, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table};
use crate::engine::{as_engine, Engine};
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::prelude::*;
use std::ops::ControlFlow;
use uuid::Uuid;

static LOT_OF_CLAIM: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_lots WHERE lot_id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Fills in the listing of a new or moved claim from its lot; keeps key and tenant fixed.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_allocations_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_allocations_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if aside::standing_aside(trigger) {
        return Ok(trigger.new());
    }
    let given = trigger
        .new()
        .expect("a row trigger on INSERT or UPDATE has a new row");
    if trigger.event().fired_by_insert() && row::id(&given, "listing_id").is_some() {
        return Ok(Some(given));
    }
    let mut claim = NewRow::of(trigger);
    let old = trigger.old();
    if old.is_some() {
        claim.refuse_change("stock_allocations", &["allocation_id", "tenant_id"]);
        claim.touch();
    }
    // A past claim stays with the listing it happened at, until it is made active again.
    let revived = claim.field::<String>("status").as_deref() == Some("active")
        && old
            .as_ref()
            .is_some_and(|old| row::field::<String, _>(old, "status").as_deref() != Some("active"));
    let same_lot = old
        .as_ref()
        .filter(|old| !revived && row::id(old, "lot_id") == claim.id("lot_id"));
    if let Some(listing_id) =
        same_lot.and_then(|old| row::field::<pgrx::Uuid, _>(old, "listing_id"))
    {
        claim.set("listing_id", listing_id);
    } else if old.is_some() || claim.id("listing_id").is_none() {
        // NULL lot or tenant: the column's own NOT NULL refuses it.
        if let (Some(lot_id), Some(tenant_id)) = (claim.id("lot_id"), claim.id("tenant_id")) {
            claim.set("listing_id", listing_of_lot(trigger, lot_id, tenant_id));
        }
    }
    Ok(Some(claim.give_back()))
}

fn listing_of_lot(trigger: &PgTrigger, lot_id: Uuid, tenant_id: Uuid) -> pgrx::Uuid {
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let found = direct_listing_of_lot(&engine, lot_id, tenant_id).unwrap_or_else(|| {
        let key = [id(lot_id), id(tenant_id)];
        as_engine(&engine, || {
            plans::run_one(&engine, &LOT_OF_CLAIM, &key, |row| row.id(1))
        })
    });
    ids::to_pg(found.unwrap_or_else(|| Error::LotNotFound { lot_id }.raise()))
}

/// The same below SQL, for it is asked at every row of a bulk; None where only SQL can tell.
fn direct_listing_of_lot(engine: &Engine, lot_id: Uuid, tenant_id: Uuid) -> Option<Option<Uuid>> {
    const TENANT_ID: Column = LOTS.column("tenant_id");
    const LISTING_ID: Column = LOTS.column("listing_id");
    let table = Table::open(engine, &LOTS, Access::Read)?;
    let mut found = None;
    with_fresh_snapshot(|| {
        table.scan(PRIMARY, &[Key::Id(lot_id)], |lot| {
            if lot.id(TENANT_ID) == tenant_id {
                found = Some(lot.id(LISTING_ID));
            }
            ControlFlow::Break(())
        })
    })?;
    Some(found)
}

// A claim that is new, moved or inactive touches its lot even where the sum is zero: that is what
// keeps it from outliving a lot deleted at the same time.
static INSERTED: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, lot_id, sum(CASE WHEN status = 'active' THEN quantity ELSE 0 END)::bigint
       FROM new_rows GROUP BY tenant_id, listing_id, lot_id",
    &[],
);
// The listing is the lot's own: the same statement may have moved the lot.
static UPDATED: Statement = Statement::fresh(
    "WITH change AS (
       SELECT tenant_id, listing_id, lot_id, CASE WHEN status = 'active' THEN quantity ELSE 0 END AS units
         FROM new_rows
       UNION ALL
       SELECT tenant_id, listing_id, lot_id, CASE WHEN status = 'active' THEN -quantity ELSE 0 END
         FROM old_rows),
     moved AS (
       SELECT lot_id FROM (SELECT allocation_id, lot_id FROM new_rows
                           EXCEPT SELECT allocation_id, lot_id FROM old_rows) AS m)
     SELECT c.tenant_id, coalesce(l.listing_id, c.listing_id), c.lot_id, sum(c.units)::bigint
       FROM change c LEFT JOIN {s}.stock_lots l ON l.lot_id = c.lot_id
      GROUP BY 1, 2, 3
     HAVING sum(c.units) <> 0 OR c.lot_id IN (SELECT lot_id FROM moved)",
    &[],
);
/// A lot deleted in the same statement took its claims with it: nothing is left to be freed there.
static DELETED: Statement = Statement::fresh(
    "SELECT o.tenant_id, l.listing_id, o.lot_id, -sum(o.quantity)::bigint
       FROM old_rows o JOIN {s}.stock_lots l ON l.lot_id = o.lot_id
      WHERE o.status = 'active' GROUP BY 1, 2, 3",
    &[],
);
static NO_CLAIMS: Statement = Statement::fresh(
    "SELECT tenant_id, listing_id, lot_id, -quantity_allocated::bigint
       FROM {s}.stock_lots WHERE quantity_allocated <> 0",
    &[],
);

/// After each statement of a client: frees and claims, lot by lot.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_allocations_after() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_allocations_after<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if row::hit_nothing(trigger) || aside::standing_aside(trigger) {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        on_loan::refuse_claims(&engine, trigger);
        let statement = row::of_event(trigger, &INSERTED, &UPDATED, &DELETED, &NO_CLAIMS);
        let deltas = plans::run_in_trigger(&engine, trigger, statement, &[], lot_delta);
        if deltas.is_empty() {
            return;
        }
        let expired = mirror::begin_write(
            &engine,
            deltas
                .iter()
                .map(|delta| (delta.tenant_id, delta.listing_id)),
        );
        match lots::apply(
            &engine,
            &Changes::of_claims(&deltas, &expired),
            Guard::Later,
        ) {
            Ok(listings) => {
                mirror::write(&engine, &listings);
                goods::came_free(&engine, &listings, || lots::freed(&deltas));
            }
            Err(refusal) => refusal
                .into_error(Error::LotNotFound {
                    lot_id: deltas[0].lot_id,
                })
                .raise(),
        }
    });
    Ok(None)
}

fn lot_delta(row: &Row) -> LotDelta {
    LotDelta {
        tenant_id: row.id(1),
        listing_id: row.id(2),
        lot_id: row.id(3),
        allocated: row.need(4),
        total: 0,
        movement: None,
    }
}
