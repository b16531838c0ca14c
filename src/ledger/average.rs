//! Lines read for the moving average, with what archived lines carry over.

use crate::engine::Engine;
use crate::plans::{self, Arg, Row, Statement};
use stockroom_core::average::{from_full, Average, Line};
use stockroom_core::movement::{self, MovementType};
use uuid::Uuid;

/// The entries of listings of the tenant $1, in their order: what archived lines carry over, first the
/// units of known cost together, then the others by lot; then lines. `$lines` says which lines `m`, `$of`
/// of which listings the rest is.
macro_rules! entries {
    ($lines:literal, $of:literal) => {
        concat!(
            "WITH run AS (
               SELECT DISTINCT ON (m.listing_id) m.listing_id, m.total_after, m.average_value
                 FROM {s}.stock_archived_runs m WHERE m.tenant_id = $1",
            $of,
            " ORDER BY m.listing_id, m.last_version DESC),
             uncosted AS (
               SELECT m.listing_id, m.lot_id, m.quantity
                 FROM {s}.stock_archived_lots m WHERE m.tenant_id = $1 AND m.unit_cost IS NULL",
            $of,
            "),
             entry (part, version, listing_id, total, lot_id, movement_type, units, lot_before, unit_cost,
                    movement_id, recorded_at, value) AS (
               SELECT 0, 0::bigint, r.listing_id, r.total_after, NULL::uuid, NULL::text,
                      r.total_after - coalesce(
                        (SELECT sum(u.quantity) FROM uncosted u WHERE u.listing_id = r.listing_id), 0)::int,
                      0, NULL::numeric, NULL::uuid, NULL::timestamptz, r.average_value
                 FROM run r
               UNION ALL
               SELECT 1, 0, u.listing_id, r.total_after, u.lot_id, NULL, u.quantity, 0, NULL, NULL, NULL, NULL
                 FROM uncosted u JOIN run r ON r.listing_id = u.listing_id
               UNION ALL
               SELECT 2, m.version, m.listing_id, m.listing_after, m.lot_id, m.movement_type, m.delta, m.lot_before,
                      m.unit_cost, m.movement_id, m.recorded_at, NULL
                 FROM {s}.stock_movements m WHERE m.tenant_id = $1",
            $lines,
            ")
             SELECT e.listing_id, e.total, e.lot_id, e.movement_type, e.units, e.lot_before,
                    (e.unit_cost * 10000)::bigint, e.movement_id, e.recorded_at, e.value::text,
                    (g.unit_cost * 10000)::bigint
               FROM entry e
               LEFT JOIN {s}.stock_listings g ON g.listing_id = e.listing_id AND g.tenant_id = $1
              ORDER BY e.listing_id, e.part, e.version"
        )
    };
}

pub(super) use entries;

struct Entry {
    listing_id: Uuid,
    total: i32,
    what: What,
    /// What the listing's units cost where their lot says nothing.
    usual_cost: Option<i64>,
}

enum What {
    Carried { units: i32, value: i128 },
    CarriedUncosted { lot_id: Uuid, units: i32 },
    Line(Line),
}

fn read(row: &Row) -> Entry {
    Entry {
        listing_id: row.id(1),
        total: row.need(2),
        what: what(row),
        usual_cost: row.get(11),
    }
}

fn what(row: &Row) -> What {
    let units = row.need(5);
    let Some(lot_id) = row.maybe_id(3) else {
        let value = from_full(&row.need::<String>(10));
        return What::Carried {
            units,
            value: value.expect("the engine wrote it with all its places"),
        };
    };
    let Some(movement) = row.get::<String>(4) else {
        return What::CarriedUncosted { lot_id, units };
    };
    What::Line(Line {
        lot_id,
        movement: MovementType::parse(&movement).expect("the column's CHECK lists the types"),
        delta: units,
        lot_before: row.need(6),
        unit_cost: row.get(7),
        statement: (movement::transaction_of(row.id(8)), row.need(9)),
    })
}

/// A listing's units and their value after the last entry.
pub struct Valued {
    pub listing_id: Uuid,
    pub total: i32,
    pub average: Average,
}

/// Replays the entries of a statement made by `entries`, and answers what each listing comes to. Where a
/// lot has no cost, `by_usual_cost` takes its listing's present one.
pub fn replay(
    engine: &Engine,
    statement: &Statement,
    args: &[Arg],
    by_usual_cost: bool,
    mut each: impl FnMut(Valued),
) {
    let mut now: Option<Valued> = None;
    plans::scan(engine, statement, args, read, |entries| {
        for entry in entries {
            if now.as_ref().map(|valued| valued.listing_id) != Some(entry.listing_id) {
                now.take().into_iter().for_each(&mut each);
            }
            let valued = now.get_or_insert_with(|| Valued {
                listing_id: entry.listing_id,
                total: 0,
                average: Average::new(entry.usual_cost.filter(|_| by_usual_cost)),
            });
            valued.total = entry.total;
            match entry.what {
                What::Carried { units, value } => valued.average.carry_over(units.into(), value),
                What::CarriedUncosted { lot_id, units } => {
                    valued.average.carry_over_uncosted(lot_id, units.into());
                }
                What::Line(line) => valued.average.add(&line),
            }
        }
    });
    now.into_iter().for_each(each);
}
