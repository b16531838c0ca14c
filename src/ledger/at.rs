//! stock_at: what was there at any moment.

use super::archived;
use crate::arguments::{required, required_id};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, maybe_id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::Uuid as PgUuid;
use uuid::Uuid;

/// One probe of the index, however many lines there are.
static LAST_LINE: Statement = Statement::stable(
    "SELECT listing_after FROM {s}.stock_movements
      WHERE listing_id = $1 AND tenant_id IS NOT DISTINCT FROM $2 AND recorded_at <= $3
      ORDER BY listing_id DESC, recorded_at DESC, version DESC LIMIT 1",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID],
);
/// From now back, so that a question about last week reads a week.
static AT_LOCATION: Statement = Statement::stable(
    "SELECT coalesce((SELECT v.quantity_total FROM {s}.stock_levels v
                       WHERE v.listing_id = $1 AND v.location_id = $4 AND v.tenant_id = $2), 0)
            - coalesce((SELECT sum(m.delta) FROM {s}.stock_movements m
                         WHERE m.listing_id = $1 AND m.tenant_id IS NOT DISTINCT FROM $2 AND m.recorded_at > $3
                           AND m.location_id = $4), 0)",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID, UUIDOID],
);
/// Lines that had happened then and were written later, less those that were written and had not happened.
static DATED_BACK: Statement = Statement::stable(
    "SELECT coalesce(sum(CASE WHEN effective_at <= $3 THEN delta ELSE -delta END), 0)
       FROM {s}.stock_movements
      WHERE listing_id = $1 AND tenant_id IS NOT DISTINCT FROM $2 AND effective_at <> recorded_at
        AND (effective_at <= $3) <> (recorded_at <= $3) AND ($4 IS NULL OR location_id = $4)",
    &[UUIDOID, UUIDOID, TIMESTAMPTZOID, UUIDOID],
);

/// A question about one listing.
struct Question<'a> {
    engine: &'a Engine,
    listing_id: Uuid,
    at: TimestampWithTimeZone,
    location_id: Option<Uuid>,
}

/// Units of all lots of a listing, listed or not, at a moment; at one location, where that is given.
///
/// `by` says which time counts: 'recorded', when lines were written, or 'effective', when things happened.
/// 0 before the first line. Without a location it is one probe of an index, with one it reads the lines
/// since then; 'effective' also reads the lines of the listing that were dated back. Errors:
/// listing_not_found (one that was deleted still has its lines), ledger_archived, bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn stock_at(
    listing_id: Option<PgUuid>,
    at: Option<TimestampWithTimeZone>,
    location_id: default!(Option<PgUuid>, "NULL"),
    by: default!(Option<String>, "'recorded'"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<i32, ErrorReport> {
    let question = Question {
        engine: &Engine::of_call(fcinfo),
        listing_id: required_id("listing_id", listing_id)?,
        at: required("at", at)?,
        location_id: location_id.map(ids::from_pg),
    };
    Ok(match by.as_deref() {
        Some("recorded") => question.recorded()?,
        Some("effective") => question.effective()?,
        _ => {
            let problem = "must be 'recorded' or 'effective'".to_owned();
            let argument = "by";
            return Err(Error::BadArgument { argument, problem }.into());
        }
    })
}

impl Question<'_> {
    fn recorded(&self) -> Result<i32, Error> {
        if self.location_id.is_some() {
            self.require_since(|lines| lines.last_recorded_at)?;
            return self.units(&AT_LOCATION);
        }
        let args = [id(self.listing_id), id(self.engine.tenant), self.at.into()];
        let last = plans::run_one(self.engine, &LAST_LINE, &args, |row| row.need(1));
        last.map_or_else(|| self.before_the_first_line(), Ok)
    }

    fn effective(&self) -> Result<i32, Error> {
        self.require_since(|lines| lines.last_recorded_at.max(lines.last_effective_at))?;
        Ok(self.recorded()?.saturating_add(self.units(&DATED_BACK)?))
    }

    fn before_the_first_line(&self) -> Result<i32, Error> {
        let known = archived::known(self.engine, self.listing_id);
        known.require_since(self.listing_id, self.at.into_inner(), |lines| {
            lines.last_recorded_at
        })?;
        Ok(known.archived.map_or(0, |lines| lines.total_after))
    }

    fn require_since(&self, end: fn(&archived::Archived) -> i64) -> Result<(), Error> {
        let known = archived::known(self.engine, self.listing_id);
        known.require_since(self.listing_id, self.at.into_inner(), end)
    }

    fn units(&self, statement: &Statement) -> Result<i32, Error> {
        let args = [
            id(self.listing_id),
            id(self.engine.tenant),
            self.at.into(),
            maybe_id(self.location_id),
        ];
        let units: i64 = plans::run_one(self.engine, statement, &args, |row| row.need(1))
            .expect("a sum answers one row");
        i32::try_from(units).map_err(|_| Error::QuantityOutOfRange {
            what: "stock at that moment".to_owned(),
            value: units,
        })
    }
}
