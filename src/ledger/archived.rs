//! What is known of lines that were archived.

use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use uuid::Uuid;

/// A listing and what was archived of it.
pub struct Known {
    /// There is such a listing, or there was.
    pub exists: bool,
    /// None where nothing was archived.
    pub archived: Option<Archived>,
}

/// Where the archived lines of a listing end; moments in PostgreSQL's own microseconds.
pub struct Archived {
    pub last_recorded_at: i64,
    /// The latest time at which any of them happened.
    pub last_effective_at: i64,
    pub total_after: i32,
}

static KNOWN: Statement = Statement::stable(
    "SELECT EXISTS (SELECT FROM {s}.stock_listings WHERE listing_id = $1 AND tenant_id = $2)
         OR EXISTS (SELECT FROM {s}.stock_movements WHERE listing_id = $1 AND tenant_id IS NOT DISTINCT FROM $2),
            r.last_recorded_at, r.total_after,
            (SELECT max(e.last_effective_at) FROM {s}.stock_archived_runs e
              WHERE e.listing_id = $1 AND e.tenant_id = $2)
       FROM (SELECT) AS one
       LEFT JOIN (SELECT last_recorded_at, total_after FROM {s}.stock_archived_runs
                   WHERE listing_id = $1 AND tenant_id = $2
                   ORDER BY tenant_id DESC, listing_id DESC, last_version DESC LIMIT 1) AS r ON true",
    &[UUIDOID, UUIDOID],
);

pub fn known(engine: &Engine, listing_id: Uuid) -> Known {
    let args = [id(listing_id), id(engine.tenant)];
    let known = plans::run_one(engine, &KNOWN, &args, |row| Known {
        exists: row.need(1),
        archived: row.get(2).map(|last_recorded_at| Archived {
            last_recorded_at,
            total_after: row.need(3),
            last_effective_at: row.need(4),
        }),
    });
    known.expect("the statement answers one row")
}

impl Known {
    /// An error where there is no such listing.
    pub fn require(&self, listing_id: Uuid) -> Result<(), Error> {
        match self.exists {
            true => Ok(()),
            false => Err(Error::ListingNotFound { listing_id }),
        }
    }

    /// The same, and an error where lines that end after this moment were archived.
    pub fn require_since(
        &self,
        listing_id: Uuid,
        moment: i64,
        end: fn(&Archived) -> i64,
    ) -> Result<(), Error> {
        let archived = self.archived.as_ref();
        match archived.is_some_and(|lines| moment < end(lines)) {
            true => Err(Error::LedgerArchived {
                listing_id: Some(listing_id),
            }),
            false => self.require(listing_id),
        }
    }
}

static AFTER: Statement = Statement::stable(
    "SELECT listing_id FROM {s}.stock_archived_runs WHERE tenant_id = $1 AND last_recorded_at > $2
      ORDER BY listing_id LIMIT 1",
    &[UUIDOID, TIMESTAMPTZOID],
)
.of_whole_tables();

/// A listing of which lines after this moment were archived.
pub fn any_after(engine: &Engine, moment: TimestampWithTimeZone) -> Option<Uuid> {
    let args = [id(engine.tenant), moment.into()];
    plans::run_one(engine, &AFTER, &args, |row| row.id(1))
}

static EVENTS_AFTER: Statement = Statement::stable(
    "SELECT EXISTS (SELECT FROM {s}.stock_archived_runs WHERE tenant_id = $1 AND last_movement_id > $2)",
    &[UUIDOID, UUIDOID],
);

/// Whether a line with a higher key was archived.
pub fn events_after(engine: &Engine, movement_id: Uuid) -> bool {
    let args = [id(engine.tenant), id(movement_id)];
    plans::run_one(engine, &EVENTS_AFTER, &args, |row| row.need(1)).expect("EXISTS answers one row")
}
