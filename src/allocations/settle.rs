//! release_allocations and fulfill_allocations: how active claims end.

use crate::arguments::{positive_if_given, required_id};
use crate::clock;
use crate::commit;
use crate::counters::ledger::Cause;
use crate::counters::lots::{self, Changes, LotDelta};
use crate::counters::{aside, goods, mirror, on_loan, rollup, Deltas, Guard};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, maybe_id, Arg, Statement};
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{INT4ARRAYOID, TEXTOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::json;
use std::collections::BTreeMap;
use stockroom_core::claim::{split, AllocationStatus};
use stockroom_core::movement::MovementType;

static LISTINGS: Statement = Statement::fresh(
    "SELECT DISTINCT listing_id FROM {s}.stock_allocations
      WHERE order_id = $1 AND tenant_id = $2 AND status = 'active' AND ($3 IS NULL OR listing_id = $3)",
    &[UUIDOID, UUIDOID, UUIDOID],
);
/// Claims are locked before their lots, in key order.
static LOCK: Statement = Statement::fresh(
    "SELECT allocation_id, listing_id, lot_id, quantity, created_at FROM {s}.stock_allocations
      WHERE order_id = $1 AND tenant_id = $2 AND status = 'active' AND ($3 IS NULL OR listing_id = $3)
      ORDER BY allocation_id FOR NO KEY UPDATE",
    &[UUIDOID, UUIDOID, UUIDOID],
);
static END_WHOLE: Statement = Statement::fresh(
    "WITH done AS (
       UPDATE {s}.stock_allocations SET status = $1, updated_at = $4
        WHERE allocation_id = ANY ($2) AND tenant_id = $3 RETURNING status)
     SELECT count(*) FILTER (WHERE status = $1) = cardinality($2) FROM done",
    &[TEXTOID, UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID],
);
static LOWER: Statement = Statement::fresh(
    "UPDATE {s}.stock_allocations a SET quantity = a.quantity - n.part, updated_at = $4
       FROM unnest($1::uuid[], $2::int[]) AS n (allocation_id, part)
      WHERE a.allocation_id = n.allocation_id AND a.tenant_id = $3",
    &[UUIDARRAYOID, INT4ARRAYOID, UUIDOID, TIMESTAMPTZOID],
);
static INSERT_PART: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations
            (allocation_id, tenant_id, listing_id, lot_id, order_id, quantity, status, hold_id, created_at)
     SELECT n.part_id, a.tenant_id, a.listing_id, a.lot_id, a.order_id, n.part, $1, a.hold_id, a.created_at
       FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS n (part_id, allocation_id, part)
       JOIN {s}.stock_allocations a ON a.allocation_id = n.allocation_id AND a.tenant_id = $5",
    &[TEXTOID, UUIDARRAYOID, UUIDARRAYOID, INT4ARRAYOID, UUIDOID],
);

/// Which claims end, and how.
pub struct Settlement {
    pub order_id: uuid::Uuid,
    pub listing_id: Option<uuid::Uuid>,
    /// None for all.
    pub quantity: Option<i32>,
    pub end: End,
}

/// How claims end.
#[derive(Debug, Clone)]
pub enum End {
    /// Their units are free again.
    Released,
    /// Their units leave, and this is what the ledger calls it.
    Left(MovementType, Cause),
}

impl End {
    fn status(&self) -> AllocationStatus {
        match self {
            End::Released => AllocationStatus::Released,
            End::Left(..) => AllocationStatus::Fulfilled,
        }
    }
}

struct Claim {
    allocation_id: uuid::Uuid,
    listing_id: uuid::Uuid,
    lot_id: uuid::Uuid,
    quantity: i32,
    /// PostgreSQL's own microseconds.
    created_at: i64,
}

impl Settlement {
    fn of_order(&self, engine: &Engine) -> [Arg; 3] {
        [
            id(self.order_id),
            id(engine.tenant),
            maybe_id(self.listing_id),
        ]
    }

    /// Ends the claims and answers how many units that were.
    fn settle(&self, engine: &Engine) -> Result<i32, Error> {
        let order = self.of_order(engine);
        let listings = plans::run(engine, &LISTINGS, &order, |row| row.id(1));
        let expired = match listings.is_empty() {
            true => Deltas::default(),
            false => {
                on_loan::refuse_order(engine, self.order_id)?;
                mirror::begin_write(
                    engine,
                    listings.into_iter().map(|listing| (engine.tenant, listing)),
                )
            }
        };
        self.settle_begun(engine, &expired)
    }

    /// The same where the write of their listings has begun already ([`mirror::begin_write`]).
    pub fn settle_begun(&self, engine: &Engine, expired: &Deltas) -> Result<i32, Error> {
        let order = self.of_order(engine);
        let mut claims = plans::run(engine, &LOCK, &order, |row| Claim {
            allocation_id: row.id(1),
            listing_id: row.id(2),
            lot_id: row.id(3),
            quantity: row.need(4),
            created_at: row.need(5),
        });
        // A client's own claims have random keys: their age counts, not their key.
        claims.sort_by_key(|claim| (claim.created_at, claim.allocation_id));
        if self.end.status() == AllocationStatus::Released {
            // Newest first: what is kept is what the strategy preferred.
            claims.reverse();
        }
        let active: Vec<_> = claims
            .iter()
            .map(|claim| (claim.allocation_id, claim.quantity))
            .collect();
        let parts =
            split(&active, self.quantity).map_err(|too_much| Error::AllocationNotActive {
                order_id: self.order_id,
                requested: self.quantity.unwrap_or(0).into(),
                active: too_much.active,
            })?;
        if parts.is_empty() {
            rollup::count(engine, expired);
            // It may have been ended by a call that is not on disk yet.
            commit::vouch_for_what_was_seen();
            return Ok(0);
        }
        let units: i64 = parts.iter().map(|part| i64::from(part.quantity)).sum();
        let units = i32::try_from(units).map_err(|_| Error::QuantityOutOfRange {
            what: format!("units of order {}", self.order_id),
            value: units,
        })?;

        let left = match &self.end {
            End::Released => None,
            End::Left(movement, cause) => Some((*movement, cause)),
        };
        // The parts come in the order of the claims.
        let mut deltas: BTreeMap<uuid::Uuid, LotDelta> = BTreeMap::new();
        for (part, claim) in parts.iter().zip(&claims) {
            let delta = deltas.entry(claim.lot_id).or_insert(LotDelta {
                tenant_id: engine.tenant,
                listing_id: claim.listing_id,
                lot_id: claim.lot_id,
                allocated: 0,
                total: 0,
                movement: left.map(|(movement, _)| movement),
            });
            delta.allocated -= i64::from(part.quantity);
            if left.is_some() {
                delta.total -= i64::from(part.quantity);
            }
        }
        let deltas: Vec<LotDelta> = deltas.into_values().collect();
        let changes = Changes {
            cause: left.map(|(_, cause)| cause),
            ..Changes::of_claims(&deltas, expired)
        };
        let after = lots::apply(engine, &changes, Guard::Later).map_err(|refusal| {
            refusal.into_error(Error::LotNotFound {
                lot_id: deltas[0].lot_id,
            })
        })?;
        self.write(engine, &parts);
        mirror::write(engine, &after);
        goods::came_free(engine, &after, || lots::freed(&deltas));
        Ok(units)
    }

    fn write(&self, engine: &Engine, parts: &[stockroom_core::claim::Part]) {
        let status = self.end.status().name();
        let whole: Vec<_> = parts
            .iter()
            .filter(|part| part.whole)
            .map(|part| part.allocation_id)
            .collect();
        let split: Vec<_> = parts.iter().filter(|part| !part.whole).collect();
        aside::during(|| {
            if !whole.is_empty() {
                let args = [
                    status.into(),
                    id_list(whole),
                    id(engine.tenant),
                    clock::now().into(),
                ];
                plans::run_whole(engine, &END_WHOLE, &args);
            }
            if !split.is_empty() {
                let ids = || id_list(split.iter().map(|part| part.allocation_id));
                let quantities = || split.iter().map(|part| part.quantity).collect::<Vec<i32>>();
                let args = [
                    ids(),
                    quantities().into(),
                    id(engine.tenant),
                    clock::now().into(),
                ];
                plans::write_all(engine, &LOWER, &args, split.len());
                let keys = id_list(split.iter().map(|_| ids::new_key()));
                let args = [
                    status.into(),
                    keys,
                    ids(),
                    quantities().into(),
                    id(engine.tenant),
                ];
                plans::write_all(engine, &INSERT_PART, &args, split.len());
            }
        });
    }

    /// Checks the arguments of a call and settles, once a key.
    fn call(
        fcinfo: pg_sys::FunctionCallInfo,
        function: &'static str,
        end: impl FnOnce(uuid::Uuid) -> End,
        order_id: Option<Uuid>,
        listing_id: Option<Uuid>,
        quantity: Option<i32>,
        key: Option<&str>,
    ) -> Result<i32, Error> {
        let engine = Engine::of_call(fcinfo);
        let order_id = required_id("order_id", order_id)?;
        let settlement = Settlement {
            order_id,
            listing_id: listing_id.map(ids::from_pg),
            quantity: positive_if_given("quantity", quantity)?,
            end: end(order_id),
        };
        settlement.once(&engine, function, key)
    }

    fn once(
        &self,
        engine: &Engine,
        function: &'static str,
        key: Option<&str>,
    ) -> Result<i32, Error> {
        let arguments = || {
            json!({
                "order_id": self.order_id, "listing_id": self.listing_id, "quantity": self.quantity,
            })
        };
        let request = Request::with_key(function, key, arguments);
        let (answer, _) = requests::once(engine, request, || Ok(json!(self.settle(engine)?)))?;
        Ok(answer.as_i64().unwrap_or(0) as i32)
    }
}

/// Frees active allocations of an order, and returns how many units that were.
///
/// `listing_id` limits it to one listing; `quantity` to so many units, newest claims first, splitting
/// the last. Nothing active is 0; a quantity above what is active is allocation_not_active, an open loan
/// order_is_loan. A replay with the same `idempotency_key` changes nothing and returns the first answer.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn release_allocations(
    order_id: Option<Uuid>,
    listing_id: default!(Option<Uuid>, "NULL"),
    quantity: default!(Option<i32>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let key = idempotency_key.as_deref();
    let released = |_| End::Released;
    Ok(Settlement::call(
        fcinfo,
        "release_allocations",
        released,
        order_id,
        listing_id,
        quantity,
        key,
    )?)
}

/// Goods of an order leave: ends its active allocations and lowers their lots. Returns the units.
///
/// `listing_id` limits it to one listing; `quantity` to so many units, oldest claims first, splitting
/// the last. Nothing active is 0; a quantity above what is active is allocation_not_active, an open loan
/// order_is_loan. A replay with the same `idempotency_key` changes nothing and returns the first answer.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn fulfill_allocations(
    order_id: Option<Uuid>,
    listing_id: default!(Option<Uuid>, "NULL"),
    quantity: default!(Option<i32>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let key = idempotency_key.as_deref();
    let left = |order_id: uuid::Uuid| {
        let cause = Cause {
            reference: Some(order_id.to_string()),
            ..Cause::of_session()
        };
        End::Left(MovementType::Fulfill, cause)
    };
    Ok(Settlement::call(
        fcinfo,
        "fulfill_allocations",
        left,
        order_id,
        listing_id,
        quantity,
        key,
    )?)
}
