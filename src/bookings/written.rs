//! The rows that new holds of resources are.

use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::direct::shape::{RESOURCE_HOLDS, RESOURCE_HOLDS_TOKEN};
use crate::direct::{with_fresh_snapshot, Access, NewValues, Table};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, maybe_id, raw, Statement};
use crate::tries::KeyTaken;
use pgrx::pg_sys::{DATEARRAYOID, INT4OID, JSONBOID, TEXTOID, TIMESTAMPTZOID, UUIDOID};
use std::rc::Rc;
use stockroom_core::calendar::Day;
use stockroom_core::hold::HoldStatus;
use uuid::Uuid;

/// A hold that is about to be made.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Nil until it is known that the hold fits.
    pub hold_id: Uuid,
    pub resource_id: Rc<str>,
    /// Ascending, each once.
    pub dates: Vec<Day>,
    pub quantity: i32,
}

/// What holds that are made together have in common.
#[derive(Clone)]
pub struct Common {
    /// PostgreSQL's own microseconds; None for never.
    pub expires_at: Option<i64>,
    pub customer_email: Option<String>,
    pub idempotency_token: Option<String>,
    pub package_id: Option<Uuid>,
    pub metadata: Option<Jsonb>,
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.resource_hold
            (id, tenant_id, resource_id, dates, quantity, customer_email, idempotency_token, status, expires_at,
             package_id, metadata, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'ACTIVE', $8, $9, $10, $11, $11)
     ON CONFLICT DO NOTHING
     RETURNING quantity = $5 AND status = 'ACTIVE' AND tenant_id = $2 AND resource_id = $3 AND dates = $4",
    &[
        UUIDOID, UUIDOID, TEXTOID, DATEARRAYOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, UUIDOID,
        JSONBOID, TIMESTAMPTZOID,
    ],
);
static TAKE_BACK: Statement = Statement::fresh(
    "DELETE FROM {s}.resource_hold WHERE id = $1 AND tenant_id = $2",
    &[UUIDOID, UUIDOID],
);

/// Writes these holds. Where a token is taken, some may be written all the same: the caller rolls back.
pub fn insert(engine: &Engine, common: &Common, holds: &[NewHold]) -> Result<(), KeyTaken> {
    insert_directly(engine, common, holds, Access::Insert).unwrap_or_else(|| {
        holds
            .iter()
            .try_for_each(|hold| insert_by_statement(engine, common, hold))
    })
}

/// The same for one that may have to be taken back; None where somebody would be told of it.
pub fn insert_on_trial(
    engine: &Engine,
    common: &Common,
    hold: &NewHold,
) -> Option<Result<(), KeyTaken>> {
    let holds = std::slice::from_ref(hold);
    insert_directly(engine, common, holds, Access::InsertOnTrial)
}

/// Deletes a row that was written on trial.
pub fn take_back(engine: &Engine, hold: &NewHold) {
    let args = [id(hold.hold_id), id(engine.tenant)];
    aside::during(|| plans::write_all(engine, &TAKE_BACK, &args, 1));
}

/// None where only SQL can write them.
fn insert_directly(
    engine: &Engine,
    common: &Common,
    holds: &[NewHold],
    access: Access,
) -> Option<Result<(), KeyTaken>> {
    let table = Table::open(engine, &RESOURCE_HOLDS, access)?;
    let now = clock::microseconds();
    let values: Vec<NewValues> = holds
        .iter()
        .map(|hold| values(engine, common, hold, now))
        .collect();
    with_fresh_snapshot(|| {
        Some(match common.idempotency_token {
            None => {
                table.insert_all(&values);
                Ok(())
            }
            Some(_) => {
                let written = table.insert_all_unless_there(RESOURCE_HOLDS_TOKEN, &values);
                match written.contains(&false) {
                    true => Err(KeyTaken),
                    false => Ok(()),
                }
            }
        })
    })
}

fn values(engine: &Engine, common: &Common, hold: &NewHold, now: i64) -> NewValues {
    let mut values = NewValues::default();
    let column = |name| RESOURCE_HOLDS.column(name);
    values.set_id(column("id"), hold.hold_id);
    values.set_id(column("tenant_id"), engine.tenant);
    values.set(column("resource_id"), &*hold.resource_id);
    values.set(column("dates"), calendar::list(&hold.dates));
    values.set(column("quantity"), hold.quantity);
    values.set(column("customer_email"), common.customer_email.as_deref());
    values.set(
        column("idempotency_token"),
        common.idempotency_token.as_deref(),
    );
    values.set(column("status"), HoldStatus::Active.upper_name());
    values.set(column("expires_at"), common.expires_at);
    values.set(column("package_id"), common.package_id.map(ids::to_pg));
    values.set_raw(column("metadata"), common.metadata.map(Jsonb::datum));
    values.set(column("created_at"), now);
    values.set(column("updated_at"), now);
    values
}

fn insert_by_statement(engine: &Engine, common: &Common, hold: &NewHold) -> Result<(), KeyTaken> {
    let args = [
        id(hold.hold_id),
        id(engine.tenant),
        (&*hold.resource_id).into(),
        calendar::dates(hold.dates.iter().copied()),
        hold.quantity.into(),
        common.customer_email.clone().into(),
        common.idempotency_token.clone().into(),
        common.expires_at.map(clock::moment).into(),
        maybe_id(common.package_id),
        raw(common.metadata.map(Jsonb::datum)),
        clock::now().into(),
    ];
    let written = aside::during(|| plans::run(engine, &INSERT, &args, |row| row.need::<bool>(1)));
    match written[..] {
        [true] => Ok(()),
        [] if common.idempotency_token.is_some() => Err(KeyTaken),
        // A trigger of the app has swallowed or changed it.
        _ => Error::WriteInterfered.raise(),
    }
}
