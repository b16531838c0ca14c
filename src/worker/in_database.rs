//! The worker in one database: it looks whether the extension is there, does what is due, and ends.

use super::process::{die, pin_settings, report, take_name, take_signals};
use super::LIBRARY;
use crate::engine::{as_engine, Engine, PINNED_PATH};
use crate::goods::expire as lots;
use crate::holds::expire as holds;
use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, DynamicBackgroundWorker,
    DynamicBackgroundWorkerLoadError,
};
use pgrx::pg_sys::BackendState::STATE_RUNNING;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::time::{Duration, Instant};

const EXTENSION: &CStr = c"stockroom";

/// A function of the extension, and what does the same for all tenants.
type Job = (&'static str, fn(&Engine) -> i32);

/// What is due, in this order: a hold that has expired no longer keeps a lot from it.
const JOBS: [Job; 2] = [
    ("expire_holds", |engine| holds::sweep(engine, None, BATCH)),
    ("expire_lots", |engine| {
        lots::sweep(engine, None, BATCH).unwrap_or_else(|error| error.raise())
    }),
];

/// Holds or lots that one transaction expires, as the functions do by default.
const BATCH: i32 = 1000;

/// No batch begins later: other databases wait for their turn, and DROP DATABASE waits five seconds
/// for the worker to leave. What is left is done in the next round.
const LONGEST_STAY: Duration = Duration::from_secs(2);

/// What a database or a role may have set otherwise, where it would change what the worker does.
const SETTINGS: &[(&CStr, &CStr)] = &[
    (c"search_path", PINNED_PATH),
    (c"role", c"none"),
    (c"default_transaction_isolation", c"read committed"),
    (c"default_transaction_read_only", c"off"),
    // Nobody is told of these commits, so none needs to wait for a standby.
    (c"synchronous_commit", c"local"),
    // Claims take milliseconds. Whoever keeps a row for longer must not hold up all databases.
    (c"lock_timeout", c"1s"),
];

/// Starts a worker in this database; an error where the server has no place for it.
pub fn start(
    database: pg_sys::Oid,
) -> Result<DynamicBackgroundWorker, DynamicBackgroundWorkerLoadError> {
    let name = format!("stockroom worker for database {}", database.to_u32());
    BackgroundWorkerBuilder::new(&name)
        .set_type("stockroom worker")
        .set_library(LIBRARY)
        .set_function("stockroom_worker_main")
        .set_argument(database.into_datum())
        .enable_spi_access()
        // SAFETY: a plain read of the backend's process id.
        .set_notify_pid(unsafe { pg_sys::MyProcPid })
        .load_dynamic()
}

/// A worker's process begins here.
#[pg_guard]
#[no_mangle]
pub extern "C-unwind" fn stockroom_worker_main(database: pg_sys::Datum) {
    take_signals(&[(pg_sys::SIGTERM, die)]);
    take_name();
    pin_settings(SETTINGS);
    // SAFETY: it is what `start` gave.
    let database = unsafe { pg_sys::Oid::from_datum(database, false) };
    BackgroundWorker::connect_worker_to_spi_by_oid(database, None);

    report(STATE_RUNNING, c"stockroom: expiring holds and lots");
    let arrived = Instant::now();
    for job in &JOBS {
        // Until nothing is left: a batch that is not full may have passed over what was locked.
        while do_batch(job) > 0 && arrived.elapsed() < LONGEST_STAY {
            pg_sys::check_for_interrupts!();
        }
    }
}

/// Does a batch of a job for all tenants, in a transaction of its own; answers how many rows that were.
/// Without the extension there are none.
fn do_batch((function, job): &Job) -> i32 {
    BackgroundWorker::transaction(|| {
        engine(function).map_or(0, |engine| {
            // With the rights that the function in SQL has.
            as_engine(&engine, || job(&engine))
        })
    })
}

/// The extension in this database, kept from being dropped until the end of the transaction: a DROP
/// EXTENSION in the midst of it would be a deadlock.
fn engine(function: &str) -> Option<Engine> {
    let look = || {
        // SAFETY: a catalog lookup.
        let found = unsafe { pg_sys::get_extension_oid(EXTENSION.as_ptr(), true) };
        (found != pg_sys::InvalidOid).then_some(found)
    };
    let extension = look()?;
    // SAFETY: a lock that the end of the transaction releases. Whoever is dropping the extension
    // is not waited for.
    let kept = unsafe {
        pg_sys::ConditionalLockDatabaseObject(
            pg_sys::ExtensionRelationId,
            extension,
            0,
            pg_sys::AccessShareLock as _,
        )
    };
    if !kept || look() != Some(extension) {
        return None;
    }
    function_of(extension, function).map(Engine::of_function)
}

/// The oid of a function: an extension of an older version may not have it.
fn function_of(extension: pg_sys::Oid, function: &str) -> Option<pg_sys::Oid> {
    let text =
        "SELECT max(p.oid) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.objid
                 WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                   AND d.refobjid = $1 AND d.deptype = 'e' AND p.proname = $2";
    // pgrx's shorter ways would take a transaction id in every round.
    Spi::connect(|client| {
        let found = client.select(text, None, &[extension.into(), function.into()])?;
        found.first().get_one()
    })
    .unwrap_or_else(|error| panic!("{function} could not be looked up: {error}"))
}
