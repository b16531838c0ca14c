//! How far the feed of events is complete.

use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{self, UUIDOID};
use stockroom_core::movement;
use uuid::Uuid;

static FEED: Statement = Statement::stable(
    "SELECT generation, system_identifier, first_transaction,
            pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       FROM {s}.stock_feeds WHERE tenant_id = $1",
    &[UUIDOID],
);

struct Feed {
    generation: i32,
    system_identifier: i64,
    first_transaction: i64,
    /// The oldest transaction that the calling query saw running.
    oldest_running: i64,
}

/// The key before which no line can come any more: those of transactions that were running when the calling
/// query began lie behind it. None where all lines are there: they were another server's. A standby's
/// snapshot knows what is running on its primary.
pub fn end(engine: &Engine) -> Option<Uuid> {
    let feed = plans::run_one(engine, &FEED, &[id(engine.tenant)], |row| Feed {
        generation: row.need(1),
        system_identifier: row.need(2),
        first_transaction: row.need(3),
        oldest_running: row.need(4),
    })?;
    // SAFETY: a plain read of what the control file says.
    let server = unsafe { pg_sys::GetSystemIdentifier() } as i64;
    if feed.system_identifier != server {
        return None;
    }
    // One that is older than the generation may yet write into the one before: it was prepared before
    // the server was promoted.
    let generation = match feed.oldest_running < feed.first_transaction {
        true => 1,
        false => feed.generation as u16,
    };
    Some(movement::first_key(generation, feed.oldest_running as u64))
}
