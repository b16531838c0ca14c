//! Decimal places of listings' units.

use crate::engine::Engine;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{Oid, UUIDARRAYOID, UUIDOID};
use std::collections::HashMap;
use uuid::Uuid;

const SCALES: &str = "SELECT listing_id, quantity_scale::int FROM {s}.stock_listings
      WHERE listing_id = ANY ($1) AND tenant_id = $2";
const TYPES: &[Oid] = &[UUIDARRAYOID, UUIDOID];
static SEEN: Statement = Statement::stable(SCALES, TYPES);
static NOW: Statement = Statement::fresh(SCALES, TYPES);

/// Of a listing as the calling query sees it; None where there is none.
pub fn seen(engine: &Engine, listing_id: Uuid) -> Option<u8> {
    find(engine, &SEEN, &[listing_id]).remove(&listing_id)
}

/// Of listings as they are now, with unknown ones left out.
pub fn now(engine: &Engine, listings: &[Uuid]) -> HashMap<Uuid, u8> {
    find(engine, &NOW, listings)
}

fn find(engine: &Engine, statement: &Statement, listings: &[Uuid]) -> HashMap<Uuid, u8> {
    let args = [id_list(listings.iter().copied()), id(engine.tenant)];
    let rows = plans::run(engine, statement, &args, |row| {
        let scale = u8::try_from(row.need::<i32>(2));
        (row.id(1), scale.expect("a CHECK keeps it from 0 to 9"))
    });
    rows.into_iter().collect()
}
