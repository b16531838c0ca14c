//! Holds of resources past their time end. They count as free at once ([`super::dead`]); here their rows and
//! the counters follow, when a claim needs the dates, or somebody sweeps.

use super::deltas::DateDeltas;
use super::rows;
use crate::calendar;
use crate::clock;
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, maybe_id, Arg, Row, Statement};
use pgrx::pg_sys::{
    DATEARRAYOID, INT4OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// Locks dead holds as CTE `dead`, and ends those; $1 is the time.
macro_rules! end_dead {
    ($which:literal) => {
        concat!(
            "WITH dead AS (
               SELECT id, tenant_id FROM {s}.resource_hold
                WHERE status = 'ACTIVE' AND expires_at <= $1 AND ",
            $which,
            ")
             UPDATE {s}.resource_hold h SET status = 'EXPIRED', updated_at = $1
               FROM dead d WHERE h.id = d.id AND h.tenant_id = d.tenant_id
             RETURNING h.tenant_id, h.resource_id, h.dates, h.quantity, h.status = 'EXPIRED'"
        )
    };
}

/// Rows of one statement.
const BATCH: i32 = 200;

/// Oldest first. Who holds one of them locked is about to end it himself.
static EXPIRE: Statement = Statement::fresh(
    end_dead!(
        "resource_id = $2 AND tenant_id = $3 AND dates && $4
         ORDER BY expires_at LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED"
    ),
    &[TIMESTAMPTZOID, TEXTOID, UUIDOID, DATEARRAYOID, INT4OID],
);

/// Ends dead holds of a resource that have one of these dates, oldest first, until `enough` is free. The counters are
/// the caller's to change by what this answers, with whatever else he changes in them: so they are locked in one go,
/// and in order.
#[must_use]
pub fn expire(
    engine: &Engine,
    tenant_id: Uuid,
    resource_id: &Rc<str>,
    dates: &[Day],
    enough: impl Fn(&DateDeltas) -> bool,
) -> DateDeltas {
    let mut freed = DateDeltas::default();
    while !enough(&freed) {
        let args = [
            clock::now().into(),
            (&**resource_id).into(),
            id(tenant_id),
            calendar::dates(dates.iter().copied()),
            BATCH.into(),
        ];
        if run_expiry(engine, &EXPIRE, &args, &mut freed) == 0 {
            break;
        }
    }
    freed
}

fn run_expiry(engine: &Engine, statement: &Statement, args: &[Arg], freed: &mut DateDeltas) -> i32 {
    let is_whole = aside::during(|| {
        plans::run(engine, statement, args, |row: &Row| {
            let resource_id: Rc<str> = row.need::<String>(2).into();
            let dates = calendar::days(row.need(3));
            let quantity: i32 = row.need(4);
            freed.add(row.id(1), &resource_id, &dates, -i64::from(quantity));
            row.need::<bool>(5)
        })
    });
    if is_whole.contains(&false) {
        Error::WriteInterfered.raise();
    }
    is_whole.len() as i32
}

static EXPIRE_OF: Statement = Statement::fresh(
    end_dead!("resource_id = $2 AND tenant_id = $3 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"),
    &[TIMESTAMPTZOID, TEXTOID, UUIDOID],
);

/// Ends all dead holds of a resource that nobody has locked. The counters are the caller's to change, as with
/// [`expire`].
#[must_use]
pub fn expire_of(engine: &Engine, tenant_id: Uuid, resource_id: &Rc<str>) -> DateDeltas {
    let mut freed = DateDeltas::default();
    let args = [clock::now().into(), (&**resource_id).into(), id(tenant_id)];
    run_expiry(engine, &EXPIRE_OF, &args, &mut freed);
    freed
}

/// Nobody else's claim is in the way then: he has ended them, or given them back.
static EXPIRE_ALL: Statement = Statement::fresh(
    end_dead!("resource_id = ANY ($2) ORDER BY id FOR NO KEY UPDATE"),
    &[TIMESTAMPTZOID, TEXTARRAYOID],
);

/// Ends all holds of these resources that are dead at a moment, in lock order, waiting for those that somebody has
/// locked. The counters are the caller's to change, as with [`expire`].
#[must_use]
pub fn expire_all(engine: &Engine, resources: &[Rc<str>], now: i64) -> DateDeltas {
    let resources: Vec<&str> = resources.iter().map(|id| &**id).collect();
    let mut freed = DateDeltas::default();
    let args = [clock::moment(now).into(), resources.into()];
    run_expiry(engine, &EXPIRE_ALL, &args, &mut freed);
    freed
}

/// The index of live holds is read from end to end: as much as is held at all.
static FIND: Statement = Statement::fresh(
    "SELECT id FROM {s}.resource_hold
      WHERE status = 'ACTIVE' AND expires_at <= $1 AND ($2 IS NULL OR tenant_id = $2) LIMIT $3",
    &[TIMESTAMPTZOID, UUIDOID, INT4OID],
);
static EXPIRE_FOUND: Statement = Statement::fresh(
    end_dead!("id = ANY ($2) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"),
    &[TIMESTAMPTZOID, UUIDARRAYOID],
);

/// Ends up to `batch` holds that have expired, of one tenant or of all, and answers how many.
pub fn sweep(engine: &Engine, tenant: Option<Uuid>, batch: i32) -> i32 {
    let args = [clock::now().into(), maybe_id(tenant), batch.into()];
    let found = plans::run(engine, &FIND, &args, |row| row.id(1));
    if found.is_empty() {
        return 0;
    }
    let mut freed = DateDeltas::default();
    let args = [clock::now().into(), id_list(found)];
    let count = run_expiry(engine, &EXPIRE_FOUND, &args, &mut freed);
    rows::count(engine, &freed);
    count
}
