//! The launcher: sleeps between rounds, and in a round has a worker in one database after the other.

use super::process::{
    report, take_name, take_signals, SignalHandlerForConfigReload, SignalHandlerForShutdownRequest,
};
use super::{databases, in_database, LIBRARY};
use crate::settings;
use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BackgroundWorkerStatus, DynamicBackgroundWorker,
};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::BackendState::{STATE_IDLE, STATE_RUNNING};
use pgrx::prelude::*;
use std::ffi::c_long;
use std::time::{Duration, Instant};

/// After whatever end, so that one that fails at once does not fill the log.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// Asks the server for the launcher; only while it loads its libraries. On a standby the launcher
/// starts with the promotion.
pub fn register() {
    BackgroundWorkerBuilder::new("stockroom launcher")
        .set_library(LIBRARY)
        .set_function("stockroom_launcher_main")
        .enable_spi_access()
        .set_restart_time(Some(RESTART_AFTER))
        .load();
}

/// The launcher's process begins here.
#[pg_guard]
#[no_mangle]
pub extern "C-unwind" fn stockroom_launcher_main(_argument: pg_sys::Datum) {
    take_signals(&[
        (pg_sys::SIGTERM, SignalHandlerForShutdownRequest),
        (pg_sys::SIGHUP, SignalHandlerForConfigReload),
    ]);
    take_name();
    BackgroundWorker::connect_worker_to_spi(None, None);
    let mut slots = Slots::default();
    let mut last_round: Option<Instant> = None;
    loop {
        let Some(interval) = settings::worker_interval() else {
            report(
                STATE_IDLE,
                c"stockroom: off, as stockroom.worker_interval is 0",
            );
            wait(None);
            continue;
        };
        let pause = last_round.map_or(Duration::ZERO, |end| interval.saturating_sub(end.elapsed()));
        if pause.is_zero() {
            report(STATE_RUNNING, c"stockroom: a round over the databases");
            round(&mut slots);
            last_round = Some(Instant::now());
        } else {
            report(STATE_IDLE, c"stockroom: waiting for the next round");
            wait(Some(pause));
        }
    }
}

/// A worker in each database, one after the other: one place among `max_worker_processes` will do.
fn round(slots: &mut Slots) {
    // What PostgreSQL keeps of each worker until the end of the round.
    let mut memory = PgMemoryContexts::new("stockroom launcher's round");
    let mut database = pg_sys::InvalidOid;
    while let Some(next) = databases::next_after(database) {
        database = next;
        // SAFETY: the context lives longer than what is made in it.
        let Some(worker) = (unsafe { memory.switch_to(|_| slots.start_worker(database)) }) else {
            return;
        };
        while !has_ended(&worker) {
            wait(None);
        }
        if settings::worker_interval().is_none() {
            return;
        }
    }
}

fn has_ended(worker: &DynamicBackgroundWorker) -> bool {
    matches!(worker.pid(), Err(BackgroundWorkerStatus::Stopped))
}

/// The server's places for workers, which others take too.
#[derive(Default)]
struct Slots {
    /// Said once, until there is one again.
    none_was_free: bool,
}

impl Slots {
    fn start_worker(&mut self, database: pg_sys::Oid) -> Option<DynamicBackgroundWorker> {
        let worker = in_database::start(database).ok();
        if worker.is_none() && !self.none_was_free {
            ErrorReport::new(
                PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                "stockroom: no worker could be started, as max_worker_processes are running already",
                "stockroom",
            )
            .set_hint("It is tried again in every round; raise max_worker_processes if this goes on.")
            .report(PgLogLevel::LOG);
        }
        self.none_was_free = worker.is_none();
        worker
    }
}

/// Sleeps until a signal or the end of a worker wakes it, or the time is over; then does what was
/// asked for meanwhile.
fn wait(longest: Option<Duration>) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_EXIT_ON_PM_DEATH;
    let (events, milliseconds) = match longest {
        Some(longest) => (events | pg_sys::WL_TIMEOUT, longest.as_millis() as c_long),
        None => (events, -1),
    };
    // SAFETY: the latch is this process's own; the flags are written by its signal handlers.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as i32,
            milliseconds,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
        // DROP DATABASE waits until every process has passed here.
        pg_sys::check_for_interrupts!();
        if pg_sys::ShutdownRequestPending != 0 {
            // With 0 the server would not start it again.
            pg_sys::proc_exit(1);
        }
        if pg_sys::ConfigReloadPending != 0 {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
}
