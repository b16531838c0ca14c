//! Rows of an attached table become listings with their stock: a few statements over many rows.
//! The counters of a new listing are its import, so they are inserted and not added up.

use super::ledger::{self, Cause, Line};
use super::registration::Registration;
use super::{aside, listings, Counts, ListingAfter};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, id_list, Arg, Statement};
use pgrx::pg_sys::{BOOLOID, INT2OID, INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use std::collections::{HashMap, HashSet};
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// A listing to be made for a row of the app, with its stock as one listed lot at Unspecified.
pub struct Incoming<'a> {
    pub listing_id: Uuid,
    pub tenant_id: Uuid,
    pub key: &'a str,
    pub counts: Counts,
}

/// In key order, so that two sessions that make the same listings can't wait for each other. A key that
/// was there before goes on with the lines of its ledger.
static LISTINGS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_listings
            (listing_id, tenant_id, attached_key, quantity_total, quantity_listed, quantity_allocated,
             attached_to, sync_deferred, quantity_scale, version, moved_at)
     SELECT n.listing_id, n.tenant_id, n.key, n.total, n.total, n.allocated, $6, $7, $8,
            coalesce(last.version, 0) + CASE WHEN n.total > 0 THEN 1 ELSE 0 END,
            CASE WHEN n.total > 0 THEN greatest(last.recorded_at, clock_timestamp()) ELSE last.recorded_at END
       FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[])
            AS n (listing_id, tenant_id, key, total, allocated)
       LEFT JOIN LATERAL (
              SELECT m.version, m.recorded_at FROM {s}.stock_movements m
               WHERE m.listing_id = n.listing_id AND m.tenant_id = n.tenant_id
               ORDER BY m.listing_id DESC, m.recorded_at DESC, m.version DESC LIMIT 1) AS last ON true
      ORDER BY n.listing_id
     ON CONFLICT (listing_id) DO NOTHING
     RETURNING listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
               attached_to, attached_key, sync_deferred, version, moved_at",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        UUIDOID,
        BOOLOID,
        INT2OID,
    ],
);
static LOTS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_lots (tenant_id, listing_id, lot_id, quantity_total, quantity_allocated)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[])",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
    ],
);
static CLAIMS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_allocations (tenant_id, listing_id, lot_id, allocation_id, order_id, quantity)
     SELECT n.tenant_id, n.listing_id, n.lot_id, n.allocation_id, $6, n.quantity
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[])
            AS n (tenant_id, listing_id, lot_id, allocation_id, quantity)",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        UUIDOID,
    ],
);
static LEVELS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_levels
            (tenant_id, listing_id, location_id, quantity_total, quantity_listed, quantity_allocated)
     SELECT n.tenant_id, n.listing_id, $5, n.total, n.total, n.allocated
       FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[])
            AS n (tenant_id, listing_id, total, allocated)",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        UUIDOID,
    ],
);

/// Makes the listings that do not exist yet, linked to their rows, with their lots and claims
/// (order: the attachment). Answers those that were made.
pub fn make(
    engine: &Engine,
    known: &Registration,
    rows: &[Incoming],
    cause: &Cause,
) -> HashMap<Uuid, ListingAfter> {
    let args = [
        id_list(rows.iter().map(|row| row.listing_id)),
        id_list(rows.iter().map(|row| row.tenant_id)),
        rows.iter()
            .map(|row| row.key.to_owned())
            .collect::<Vec<_>>()
            .into(),
        numbers(rows.iter().map(|row| row.counts.total)),
        numbers(rows.iter().map(|row| row.counts.allocated)),
        id(known.attachment_id),
        known.deferred.into(),
        known.quantity_scale.into(),
    ];
    aside::during(|| {
        let made = plans::run(engine, &LISTINGS, &args, listings::listing_after);
        let keys: HashSet<Uuid> = made.iter().map(|listing| listing.listing_id).collect();
        let stocked: Vec<(Uuid, &Incoming)> = rows
            .iter()
            .filter(|row| row.counts.total > 0 && keys.contains(&row.listing_id))
            .map(|row| (ids::new_key(), row))
            .collect();
        make_stock(engine, known, &stocked);
        let lines = stocked.iter().map(|(lot_id, row)| line(*lot_id, row));
        ledger::write(engine, lines.collect(), &made, cause);
        let made = made.into_iter();
        made.map(|listing| (listing.listing_id, listing)).collect()
    })
}

fn line(lot_id: Uuid, row: &Incoming) -> Line {
    Line {
        tenant_id: row.tenant_id,
        listing_id: row.listing_id,
        lot_id,
        location_id: ids::UNSPECIFIED,
        movement: MovementType::Import,
        before: 0,
        after: row.counts.total,
        unit_cost: None,
        note: None,
    }
}

fn make_stock(engine: &Engine, known: &Registration, rows: &[(Uuid, &Incoming)]) {
    if rows.is_empty() {
        return;
    }
    let tenants = |rows: &[(Uuid, &Incoming)]| id_list(rows.iter().map(|(_, row)| row.tenant_id));
    let listings = |rows: &[(Uuid, &Incoming)]| id_list(rows.iter().map(|(_, row)| row.listing_id));
    let lots = |rows: &[(Uuid, &Incoming)]| id_list(rows.iter().map(|(lot, _)| *lot));
    let totals = || numbers(rows.iter().map(|(_, row)| row.counts.total));
    let allocated =
        |rows: &[(Uuid, &Incoming)]| numbers(rows.iter().map(|(_, row)| row.counts.allocated));

    let args = [
        tenants(rows),
        listings(rows),
        lots(rows),
        totals(),
        allocated(rows),
    ];
    plans::run(engine, &LOTS, &args, |_| ());
    let claimed: Vec<(Uuid, &Incoming)> = rows
        .iter()
        .filter(|(_, row)| row.counts.allocated > 0)
        .copied()
        .collect();
    if !claimed.is_empty() {
        let args = [
            tenants(&claimed),
            listings(&claimed),
            lots(&claimed),
            id_list(claimed.iter().map(|_| ids::new_key())),
            allocated(&claimed),
            id(known.attachment_id),
        ];
        plans::run(engine, &CLAIMS, &args, |_| ());
    }
    let args = [
        tenants(rows),
        listings(rows),
        totals(),
        allocated(rows),
        id(ids::UNSPECIFIED),
    ];
    plans::run(engine, &LEVELS, &args, |_| ());
}

fn numbers(values: impl Iterator<Item = i32>) -> Arg {
    values.collect::<Vec<i32>>().into()
}
