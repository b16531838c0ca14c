//! Where the ledger does not tell what is there (goods moved while its triggers were off), lines are added
//! that say so: corrections, as many as it takes.

use super::deltas::ListingDeltas;
use super::ledger::{self, Cause, Line};
use super::replay::replayed;
use super::{listings, Counts, Delta, Guard, ListingAfter};
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::UUIDOID;
use pgrx::AnyNumeric;
use std::collections::HashMap;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// A row for each lot and location of which the lines add up to something else than is there. A lot or a
/// listing whose lines add up, but do not follow one another, gets one over no units. For the listing as
/// a whole: what its lines add up to, its last line, and whether it is there.
static DIFFERENCES: Statement = Statement::stable(
    concat!(
        replayed!(),
        ", place AS (
           SELECT listing_id, lot_id, location_id, coalesce(l.quantity_total, 0) AS there,
                  coalesce(l.quantity_total, 0) - coalesce(a.units, 0) AS delta,
                  max(l.unit_cost) OVER of_lot AS unit_cost,
                  sum(coalesce(a.units, 0)) OVER of_lot AS lot_sum,
                  sum(coalesce(a.units, 0)) OVER of_listing AS total,
                  bool_or(coalesce(l.quantity_total, 0) <> coalesce(a.units, 0)) OVER of_lot AS lot_is_wrong
             FROM at_location a FULL JOIN lot l USING (listing_id, lot_id, location_id)
           WINDOW of_listing AS (PARTITION BY listing_id), of_lot AS (PARTITION BY listing_id, lot_id)),
         lot_end AS (
           SELECT listing_id, lot_id, bool_and(units_fit) AS fits, max(lot_after) FILTER (WHERE ends_lot) AS units
             FROM line GROUP BY listing_id, lot_id),
         listing_end AS (
           SELECT listing_id, bool_and(total_fits) AS fits, max(version) AS version, max(recorded_at) AS recorded_at,
                  max(listing_after) FILTER (WHERE ends_listing) AS total
             FROM replayed GROUP BY listing_id),
         judged AS (
           SELECT listing_id, lot_id, p.location_id, p.there, p.delta, p.unit_cost, p.lot_sum, p.total,
                  NOT p.lot_is_wrong AND NOT coalesce(e.fits AND e.units = p.lot_sum, true) AS lot_is_broken
             FROM place p FULL JOIN lot_end e USING (listing_id, lot_id)),
         correction AS (
           SELECT j.*,
                  bool_or(delta <> 0 OR lot_is_broken) OVER of_listing AS is_corrected,
                  row_number() OVER (PARTITION BY listing_id, lot_id ORDER BY there DESC, location_id) AS in_lot,
                  row_number() OVER (PARTITION BY listing_id ORDER BY there DESC, lot_id, location_id) AS in_listing
             FROM judged j WINDOW of_listing AS (PARTITION BY listing_id))
         SELECT listing_id, c.lot_id, c.location_id, c.delta::bigint, c.lot_sum::bigint, c.unit_cost, c.total::bigint,
                coalesce(e.version, 0), e.recorded_at, g.is_there IS NOT NULL
           FROM correction c
           FULL JOIN listing_end e USING (listing_id)
           FULL JOIN (SELECT listing_id, true AS is_there FROM {s}.stock_listings WHERE tenant_id = $1) AS g
                USING (listing_id)
          WHERE c.delta <> 0 OR c.lot_is_broken AND c.in_lot = 1
             OR NOT c.is_corrected AND NOT coalesce(e.fits AND e.total = c.total, true) AND c.in_listing = 1
          ORDER BY listing_id, c.delta > 0, c.lot_id, c.location_id"
    ),
    &[UUIDOID],
)
.of_whole_tables();

struct Difference {
    listing_id: Uuid,
    lot_id: Uuid,
    location_id: Uuid,
    delta: i64,
    /// What the lines of the lot add up to, all locations together.
    lot_sum: i64,
    unit_cost: Option<AnyNumeric>,
    /// What the lines of the listing add up to.
    total: i64,
    version: i64,
    recorded_at: Option<i64>,
    /// Whether the listing is there still.
    is_there: bool,
}

fn read(row: &Row) -> Difference {
    Difference {
        listing_id: row.id(1),
        lot_id: row.id(2),
        location_id: row.id(3),
        delta: row.need(4),
        lot_sum: row.need(5),
        unit_cost: row.get(6),
        total: row.need(7),
        version: row.need(8),
        recorded_at: row.get(9),
        is_there: row.need(10),
    }
}

/// Adds the lines that are missing, and answers how many. Counters are right, and nobody else writes.
pub fn write(engine: &Engine) -> i32 {
    let mut written = 0;
    let mut kept: Vec<Difference> = Vec::new();
    plans::with_latest_snapshot(|| {
        plans::scan(engine, &DIFFERENCES, &[id(engine.tenant)], read, |rows| {
            kept.extend(rows);
            // The last listing may go on in the next batch.
            let last = kept.last().map(|row| row.listing_id);
            let whole = kept.partition_point(|row| Some(row.listing_id) != last);
            written += correct(engine, kept.drain(..whole).collect());
        });
        written += correct(engine, std::mem::take(&mut kept));
    });
    written
}

/// Lines of listings that are here as a whole.
fn correct(engine: &Engine, rows: Vec<Difference>) -> i32 {
    let mut units: HashMap<(Uuid, Uuid), i64> = HashMap::new();
    let lines: Vec<Line> = rows
        .iter()
        .map(|row| {
            let lot = units.entry((row.listing_id, row.lot_id));
            let lot = lot.or_insert(row.lot_sum);
            let before = *lot;
            *lot += row.delta;
            line(engine, row, before, *lot)
        })
        .collect();
    let written = lines.len() as i32;
    let cause = Cause::because(Some("repair_stock".to_owned()));
    ledger::write(engine, lines, &listings_after(engine, &rows), &cause);
    written
}

fn line(engine: &Engine, row: &Difference, before: i64, after: i64) -> Line {
    Line {
        tenant_id: engine.tenant,
        listing_id: row.listing_id,
        lot_id: row.lot_id,
        location_id: row.location_id,
        movement: MovementType::Correction,
        before: in_range(before),
        after: in_range(after),
        unit_cost: row.unit_cost.clone(),
        note: None,
    }
}

/// Lines that somebody has tampered with may add up to anything.
fn in_range(value: i64) -> i32 {
    i32::try_from(value).unwrap_or_else(|_| {
        let what = "the sum of a lot's lines".to_owned();
        Error::QuantityOutOfRange { what, value }.raise()
    })
}

/// The listings with the numbers of these lines; one that is gone ends with what is left of it.
fn listings_after(engine: &Engine, rows: &[Difference]) -> Vec<ListingAfter> {
    let mut deltas = ListingDeltas::new();
    for row in rows.iter().filter(|row| row.is_there) {
        let listing = deltas.entry(row.listing_id);
        let (_, delta) = listing.or_insert((engine.tenant, Delta::default()));
        delta.add(Delta::of_movement());
    }
    let applied = listings::apply(engine, &deltas, Guard::Later);
    let mut after = applied.unwrap_or_else(|refusal| {
        let listing_id = rows[0].listing_id;
        refusal
            .into_error(Error::ListingNotFound { listing_id })
            .raise()
    });
    after.extend(
        rows.chunk_by(|one, next| one.listing_id == next.listing_id)
            .filter(|rows| !rows[0].is_there)
            .map(gone),
    );
    after
}

fn gone(rows: &[Difference]) -> ListingAfter {
    let left: i64 = rows.iter().map(|row| row.delta).sum();
    ListingAfter {
        listing_id: rows[0].listing_id,
        counts: Counts {
            total: in_range(rows[0].total + left),
            ..Counts::default()
        },
        available: 0,
        attached: None,
        version: rows[0].version + rows.len() as i64,
        moved_at: rows[0].recorded_at.max(Some(clock::microseconds())),
    }
}
