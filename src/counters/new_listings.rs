//! New listings: rows of stock_listings as they are made for what was there before them.

use super::counts::{CountColumns, Counts};
use super::{aside, ListingAfter};
use crate::clock;
use crate::direct::shape::{LISTINGS, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, NewValues, Table};
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id_list, Statement};
use pgrx::pg_sys::{
    self, BOOLARRAYOID, INT2ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID,
    TIMESTAMPTZARRAYOID, UUIDARRAYOID,
};
use pgrx::{IntoDatum, JsonB};
use std::collections::HashSet;
use uuid::Uuid;

/// A listing that is about to be made, as it is then. It has no holds.
pub struct NewListing {
    pub tenant_id: Uuid,
    pub quantity_scale: i16,
    pub after: ListingAfter,
}

static INSERT: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_listings
            (listing_id, tenant_id, quantity_scale, attached_to, attached_key, sync_deferred,
             quantity_total, quantity_listed, quantity_allocated, version, moved_at)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::text[], $6::bool[],
                          $7::int[], $8::int[], $9::int[], $10::bigint[], $11::timestamptz[])
     ON CONFLICT (listing_id) DO NOTHING
     RETURNING listing_id",
    &[
        UUIDARRAYOID,
        UUIDARRAYOID,
        INT2ARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        BOOLARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT4ARRAYOID,
        INT8ARRAYOID,
        TIMESTAMPTZARRAYOID,
    ],
);

/// Writes those that are not there yet, and answers them. In key order, so that two sessions that make the
/// same listings can't wait for each other.
pub fn insert(engine: &Engine, mut listings: Vec<NewListing>) -> Vec<ListingAfter> {
    listings.sort_unstable_by_key(|listing| listing.after.listing_id);
    let is_new = insert_directly(engine, &listings)
        .unwrap_or_else(|| insert_by_statement(engine, &listings));
    let made = listings.into_iter().zip(is_new);
    made.filter_map(|(listing, is_new)| is_new.then_some(listing.after))
        .collect()
}

/// Which of them are new; None where only SQL can write them.
fn insert_directly(engine: &Engine, listings: &[NewListing]) -> Option<Vec<bool>> {
    // SAFETY: a plain read.
    if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
        // SQL tells a row that the snapshot does not see from one that is there.
        return None;
    }
    let table = Table::open(engine, &LISTINGS, Access::InsertOnTrial)?;
    let metadata = JsonB(serde_json::json!({})).into_datum();
    let values = |listing: &NewListing| values(listing, metadata);
    let rows: Vec<NewValues> = listings.iter().map(values).collect();
    Some(with_fresh_snapshot(|| {
        table.insert_all_unless_there(PRIMARY, &rows)
    }))
}

fn values(listing: &NewListing, metadata: Option<pg_sys::Datum>) -> NewValues {
    const fn column(name: &str) -> Column {
        LISTINGS.column(name)
    }
    const COUNTS: CountColumns = CountColumns::of(&LISTINGS);
    let after = &listing.after;
    let attached = after.attached.as_ref();
    // SAFETY: reads when this transaction began, as now() does.
    let began = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    let mut values = NewValues::default();
    values.set_id(const { column("listing_id") }, after.listing_id);
    values.set_id(const { column("tenant_id") }, listing.tenant_id);
    values.set_raw(const { column("metadata") }, metadata);
    values.set(const { column("quantity_scale") }, listing.quantity_scale);
    values.set(const { column("safety_stock") }, 0);
    values.set(const { column("backorder_limit") }, 0);
    values.set(const { column("created_at") }, began);
    values.set(const { column("updated_at") }, began);
    values.set(
        const { column("attached_to") },
        attached.map(|row| ids::to_pg(row.attachment_id)),
    );
    values.set(
        const { column("attached_key") },
        attached.map(|row| row.key.as_str()),
    );
    values.set(
        const { column("sync_deferred") },
        attached.is_some_and(|row| row.deferred),
    );
    COUNTS.write(after.counts, &mut values);
    values.set(const { column("quantity_available") }, after.available);
    values.set(const { column("version") }, after.version);
    values.set(const { column("moved_at") }, after.moved_at);
    values.set(const { column("quantity_booked") }, 0);
    values
}

fn insert_by_statement(engine: &Engine, listings: &[NewListing]) -> Vec<bool> {
    let keys = |of: fn(&NewListing) -> Uuid| id_list(listings.iter().map(of));
    let attached = || {
        listings
            .iter()
            .map(|listing| listing.after.attached.as_ref())
    };
    let scales = listings.iter().map(|listing| listing.quantity_scale);
    let tables = attached().map(|row| row.map(|row| ids::to_pg(row.attachment_id)));
    let rows = attached().map(|row| row.map(|row| row.key.clone()));
    let deferred = attached().map(|row| row.is_some_and(|row| row.deferred));
    let counts: Vec<Counts> = listings
        .iter()
        .map(|listing| listing.after.counts)
        .collect();
    let [total, listed, allocated, _] = Counts::columns(&counts);
    let versions = listings.iter().map(|listing| listing.after.version);
    let moved_at = listings.iter().map(|listing| listing.after.moved_at);
    let args = [
        keys(|listing| listing.after.listing_id),
        keys(|listing| listing.tenant_id),
        scales.collect::<Vec<_>>().into(),
        tables.collect::<Vec<_>>().into(),
        rows.collect::<Vec<_>>().into(),
        deferred.collect::<Vec<_>>().into(),
        total,
        listed,
        allocated,
        versions.collect::<Vec<_>>().into(),
        moved_at
            .map(|moment| moment.map(clock::moment))
            .collect::<Vec<_>>()
            .into(),
    ];
    let made = aside::during(|| plans::run(engine, &INSERT, &args, |row| row.id(1)));
    let made: HashSet<Uuid> = made.into_iter().collect();
    let is_new = |listing: &NewListing| made.contains(&listing.after.listing_id);
    listings.iter().map(is_new).collect()
}
