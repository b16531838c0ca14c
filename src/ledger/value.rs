//! stock_value: what the stock is worth, by lots or by moving average.

use super::archived;
use super::average::{self, entries};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, maybe_id, Row, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{Oid, TIMESTAMPTZOID, UUIDOID};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid as PgUuid};
use stockroom_core::average::as_money;
use uuid::Uuid;

/// A listing, its units, their value, and how many are of unknown cost.
type Value = (PgUuid, i32, AnyNumeric, i32);

// Each text is there twice: over all listings, and over the one that is $3, which is another plan.

const ARGUMENTS: [Oid; 3] = [UUIDOID, TIMESTAMPTZOID, UUIDOID];

/// `$units` makes the table `units` of what is in lots.
macro_rules! sum_of {
    ($($units:expr),*) => {
        concat!(
            $($units,)*
            " SELECT u.listing_id, sum(u.units)::int, coalesce(sum(u.units * coalesce(u.unit_cost, g.unit_cost)), 0.0000),
                     coalesce(sum(u.units) FILTER (WHERE coalesce(u.unit_cost, g.unit_cost) IS NULL), 0)::int
                FROM units u LEFT JOIN {s}.stock_listings g ON g.listing_id = u.listing_id AND g.tenant_id = $1
               GROUP BY u.listing_id HAVING sum(u.units) <> 0 ORDER BY u.listing_id"
        )
    };
}
macro_rules! lots_now {
    ($of:literal) => {
        sum_of!(
            "WITH units AS (
               SELECT m.listing_id, m.quantity_total AS units, m.unit_cost
                 FROM {s}.stock_lots m WHERE m.tenant_id = $1 AND m.quantity_total > 0",
            $of,
            ")"
        )
    };
}
macro_rules! lots_then {
    ($of:literal) => {
        sum_of!(
            "WITH last AS (
               SELECT DISTINCT ON (m.listing_id, m.lot_id) m.listing_id, m.lot_id, m.lot_after, m.unit_cost
                 FROM {s}.stock_movements m WHERE m.tenant_id = $1 AND m.recorded_at <= $2",
            $of,
            "   ORDER BY m.listing_id, m.lot_id, m.version DESC),
             units AS (
               SELECT listing_id, lot_after AS units, unit_cost FROM last
               UNION ALL
               SELECT m.listing_id, m.quantity, m.unit_cost FROM {s}.stock_archived_lots m
                WHERE m.tenant_id = $1 AND NOT EXISTS (
                        SELECT FROM last l WHERE l.listing_id = m.listing_id AND l.lot_id = m.lot_id)",
            $of,
            ")"
        )
    };
}

static LOTS_NOW: Statement = Statement::stable(lots_now!(""), &ARGUMENTS).of_whole_tables();
static LOTS_NOW_OF_ONE: Statement =
    Statement::stable(lots_now!(" AND m.listing_id = $3"), &ARGUMENTS);
static LOTS_THEN: Statement = Statement::stable(lots_then!(""), &ARGUMENTS).of_whole_tables();
static LOTS_THEN_OF_ONE: Statement =
    Statement::stable(lots_then!(" AND m.listing_id = $3"), &ARGUMENTS);
static ENTRIES: Statement = Statement::stable(
    entries!(" AND m.recorded_at <= coalesce($2, 'infinity')", ""),
    &ARGUMENTS,
);
static ENTRIES_OF_ONE: Statement = Statement::stable(
    entries!(
        " AND m.recorded_at <= coalesce($2, 'infinity') AND m.listing_id = $3",
        " AND m.listing_id = $3"
    ),
    &ARGUMENTS,
);

/// What the stock of the session's tenant is worth: a row for each listing with units, or for the one
/// named; now, or as it was recorded at `as_of`.
///
/// `method` 'fifo': units are worth what their lot cost, by its last line. 'average': each receipt comes in
/// at its lot's cost, whatever leaves takes the average of all that is there; transfers within the listing
/// change nothing. Lots without a cost have the listing's present `unit_cost`; where it has none, their
/// units are counted in `uncosted` and not in `value`. The value has four decimal places; only 'average'
/// rounds. Errors: listing_not_found, ledger_archived, bad_argument.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn stock_value(
    as_of: default!(Option<TimestampWithTimeZone>, "NULL"),
    method: default!(Option<String>, "'fifo'"),
    listing_id: default!(Option<PgUuid>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(listing_id, PgUuid),
            name!(quantity, i32),
            name!(value, AnyNumeric),
            name!(uncosted, i32),
        ),
    >,
    ErrorReport,
> {
    let question = Question {
        engine: &Engine::of_call(fcinfo),
        as_of,
        listing_id: listing_id.map(ids::from_pg),
    };
    question.check()?;
    let mut values = match method.as_deref() {
        Some("fifo") => question.by_lots(),
        Some("average") => question.by_average(),
        _ => {
            let problem = "must be 'fifo' or 'average'".to_owned();
            let argument = "method";
            return Err(Error::BadArgument { argument, problem }.into());
        }
    };
    if let (Some(listing_id), true) = (listing_id, values.is_empty()) {
        values.push((listing_id, 0, money(0), 0));
    }
    Ok(TableIterator::new(values))
}

fn money(value: i128) -> AnyNumeric {
    AnyNumeric::try_from(as_money(value).as_str()).expect("it is a number")
}

struct Question<'a> {
    engine: &'a Engine,
    /// None for now.
    as_of: Option<TimestampWithTimeZone>,
    /// None for all.
    listing_id: Option<Uuid>,
}

impl Question<'_> {
    /// An error where there is no such listing, or where lines that this needs were archived.
    fn check(&self) -> Result<(), Error> {
        let Some(listing_id) = self.listing_id else {
            let gone = self
                .as_of
                .and_then(|as_of| archived::any_after(self.engine, as_of));
            return gone.map_or(Ok(()), |listing_id| {
                Err(Error::LedgerArchived {
                    listing_id: Some(listing_id),
                })
            });
        };
        let known = archived::known(self.engine, listing_id);
        match self.as_of {
            Some(as_of) => known.require_since(listing_id, as_of.into_inner(), |lines| {
                lines.last_recorded_at
            }),
            None => known.require(listing_id),
        }
    }

    fn arguments(&self) -> [plans::Arg; 3] {
        [
            id(self.engine.tenant),
            self.as_of.into(),
            maybe_id(self.listing_id),
        ]
    }

    fn by_lots(&self) -> Vec<Value> {
        let statement = match (self.as_of, self.listing_id) {
            (None, None) => &LOTS_NOW,
            (None, Some(_)) => &LOTS_NOW_OF_ONE,
            (Some(_), None) => &LOTS_THEN,
            (Some(_), Some(_)) => &LOTS_THEN_OF_ONE,
        };
        let read = |row: &Row| (row.need(1), row.need(2), row.need(3), row.need(4));
        plans::run(self.engine, statement, &self.arguments(), read)
    }

    fn by_average(&self) -> Vec<Value> {
        let statement = match self.listing_id {
            None => &ENTRIES,
            Some(_) => &ENTRIES_OF_ONE,
        };
        let mut values = Vec::new();
        average::replay(self.engine, statement, &self.arguments(), true, |valued| {
            if valued.total == 0 {
                return;
            }
            values.push((
                ids::to_pg(valued.listing_id),
                valued.total,
                money(valued.average.value()),
                valued.average.uncosted() as i32,
            ));
        });
        values
    }
}
