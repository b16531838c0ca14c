//! count_location: a stocktake of a whole place.

use super::change::begin;
use super::given::Given;
use super::set::{set, Target};
use super::stocktake::{self, Item};
use crate::arguments::{bad, required, required_id};
use crate::counters::ledger::Cause;
use crate::counters::lot_rows;
use crate::counters::places;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::requests::{self, Request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::{json, Value};
use stockroom_core::lines::Counts;
use stockroom_core::movement::MovementType;

/// Sets lots of a place to what was counted, all of them or none, and returns a row a lot: what was
/// expected, what it had, what was counted, the difference and its state.
///
/// `counts`: `[{"lot_id" or "listing_id" or "sku", "counted" or "amount", "expected"?}]`; a listing or sku
/// names the only lot that it has there (or the only one that is not empty). `counted` and `expected` are in
/// smallest units, `amount` in the listing's own unit. `missing` is 'keep', or 'zero': lots of the place
/// that are not named are counted 0. A dry run writes nothing, and tells each state (ok, stale, committed,
/// not_found, ambiguous) instead of raising the error; its idempotency_key is not used up. `reason` NULL is
/// the session's, `effective_at` NULL is now. With an `idempotency_key` a replay returns the first answer.
/// Errors: bad_argument, location_not_found, lot_not_found, stale_count, stock_committed,
/// quantity_out_of_range, idempotency_mismatch.
#[pg_extern(security_definer)]
fn count_location(
    location_id: Option<Uuid>,
    counts: Option<Jsonb>,
    dry_run: default!(Option<bool>, "false"),
    missing: default!(Option<String>, "'keep'"),
    reason: default!(Option<String>, "NULL"),
    reference: default!(Option<String>, "NULL"),
    effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    idempotency_key: default!(Option<String>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(lot_id, Option<Uuid>),
            name!(listing_id, Option<Uuid>),
            name!(expected, Option<i32>),
            name!(quantity_before, Option<i32>),
            name!(counted, Option<i32>),
            name!(difference, Option<i32>),
            name!(state, String),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let counts = required("counts", counts)?.parse("counts")?;
    let count = LocationCount {
        location_id: required_id("location_id", location_id)?,
        counts: Counts::parse(&counts).or_else(|problem| bad("counts", &problem.to_string()))?,
        missing: match missing.as_deref() {
            Some("keep") => false,
            Some("zero") => true,
            _ => Err(Error::BadArgument {
                argument: "missing",
                problem: "must be 'keep' or 'zero'".to_owned(),
            })?,
        },
    };
    let given = Given::check(reason, reference, effective_at)?;
    let rows = match required("dry_run", dry_run)? {
        true => columns_of(&count.preview(&engine)?),
        false => {
            let key = idempotency_key.as_deref();
            let arguments = || given.among(count.arguments());
            let request = Request::with_key("count_location", key, arguments);
            let mut rows = None;
            let (answer, _) = requests::once(&engine, request, || {
                let items = count.run(&engine, &given.cause())?;
                rows = Some(columns_of(&items));
                Ok(key.map_or(Value::Null, |_| kept(&items)))
            })?;
            rows.unwrap_or_else(|| columns_of_kept(&answer))
        }
    };
    Ok(TableIterator::new(rows))
}

struct LocationCount {
    location_id: uuid::Uuid,
    counts: Counts,
    /// Whether lots that are not named are counted 0.
    missing: bool,
}

impl LocationCount {
    fn arguments(&self) -> Value {
        json!({
            "location_id": self.location_id, "counts": self.counts.canonical(),
            "missing": if self.missing { "zero" } else { "keep" },
        })
    }

    fn named(&self, engine: &Engine) -> Result<Vec<Item>, Error> {
        stocktake::name_lots(engine, self.location_id, &self.counts, self.missing)
    }

    fn preview(&self, engine: &Engine) -> Result<Vec<Item>, Error> {
        places::require_by_read(engine, self.location_id)?;
        let mut items = self.named(engine)?;
        let lots = lot_rows::read(engine, &lot_ids(&items));
        stocktake::judge(engine, self.location_id, &self.counts, &mut items, lots)?;
        stocktake::judge_holds(engine, &mut items);
        Ok(items)
    }

    fn run(&self, engine: &Engine, cause: &Cause) -> Result<Vec<Item>, Error> {
        places::require(engine, engine.tenant, self.location_id)?;
        let mut items = self.named(engine)?;
        let begun = begin(engine, &lot_ids(&items))?;
        let lots = begun.lots;
        stocktake::judge(engine, self.location_id, &self.counts, &mut items, lots)?;
        if let Some(problem) = items.iter().find_map(|item| item.problem(engine)) {
            return Err(problem);
        }
        let targets: Vec<Target> = items
            .iter()
            .filter_map(|item| {
                Some(Target {
                    lot: item.lot.as_ref()?,
                    units: item.counted?.into(),
                })
            })
            .collect();
        let count = MovementType::Count;
        set(engine, &targets, &begun.expired, count, cause)?;
        Ok(items)
    }
}

fn lot_ids(items: &[Item]) -> Vec<uuid::Uuid> {
    items.iter().filter_map(|item| item.lot_id).collect()
}

type Columns = (
    Option<Uuid>,
    Option<Uuid>,
    Option<i32>,
    Option<i32>,
    Option<i32>,
    Option<i32>,
    String,
);

fn units_before(item: &Item) -> Option<i32> {
    item.lot.as_ref().map(|lot| lot.total)
}

fn columns_of(items: &[Item]) -> Vec<Columns> {
    let columns = |item: &Item| {
        (
            item.lot_id.map(ids::to_pg),
            item.listing_id.map(ids::to_pg),
            item.expected,
            units_before(item),
            item.counted,
            item.difference(),
            item.state.name().to_owned(),
        )
    };
    items.iter().map(columns).collect()
}

/// The rows as they are kept for a replay.
fn kept(items: &[Item]) -> Value {
    let row = |item: &Item| {
        json!([
            item.lot_id,
            item.listing_id,
            item.expected,
            units_before(item),
            item.counted,
            item.difference(),
            item.state.name()
        ])
    };
    items.iter().map(row).collect()
}

fn columns_of_kept(rows: &Value) -> Vec<Columns> {
    let columns = |row: &Value| {
        let key = |at: usize| row[at].as_str().and_then(|text| text.parse().ok());
        let key = |at| key(at).map(ids::to_pg);
        let units = |at: usize| row[at].as_i64().map(|units| units as i32);
        (
            key(0),
            key(1),
            units(2),
            units(3),
            units(4),
            units(5),
            row[6].as_str().unwrap_or_default().to_owned(),
        )
    };
    rows.as_array().into_iter().flatten().map(columns).collect()
}
