//! How much may leave listings and levels before a claim on them goes short. Holds that have expired are
//! free, swept or not.

use super::capacity::booked;
use crate::clock;
use crate::engine::Engine;
use crate::plans::{self, id_list, maybe_id, Statement};
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use std::collections::HashMap;
use uuid::Uuid;

/// Of the listing `g`; $1 is the time.
macro_rules! room_of_listing {
    () => {
        "(g.quantity_available::bigint - CASE WHEN g.quantity_booked > 0 THEN g.quantity_booked ELSE -g.backorder_limit END
          + CASE WHEN g.quantity_held = 0 THEN 0 ELSE
                 (SELECT coalesce(sum(h.quantity), 0) FROM {s}.stock_holds h
                   WHERE h.listing_id = g.listing_id AND h.tenant_id = g.tenant_id
                     AND h.status = 'active' AND h.expires_at <= $1) END)::bigint"
    };
}
pub(crate) use room_of_listing;

/// Of the level `v`; $1 is the time.
macro_rules! room_of_level {
    () => {
        "(v.quantity_listed::bigint - v.quantity_allocated - v.quantity_held
          + CASE WHEN v.quantity_held = 0 THEN 0 ELSE
                 (SELECT coalesce(sum(h.quantity), 0) FROM {s}.stock_holds h
                   WHERE h.listing_id = v.listing_id AND h.tenant_id = v.tenant_id
                     AND h.location_id = v.location_id
                     AND h.status = 'active' AND h.expires_at <= $1) END)::bigint"
    };
}
pub(crate) use room_of_level;

static ROOM: Statement = Statement::fresh(
    concat!(
        "SELECT g.listing_id, NULL::uuid, ",
        room_of_listing!(),
        ", g.quantity_booked, g.tenant_id FROM {s}.stock_listings g
           WHERE g.listing_id = ANY ($2) AND ($3 IS NULL OR g.tenant_id = $3)
         UNION ALL
         SELECT v.listing_id, v.location_id, ",
        room_of_level!(),
        ", 0, v.tenant_id FROM {s}.stock_levels v
           WHERE v.listing_id = ANY ($2) AND ($3 IS NULL OR v.tenant_id = $3)"
    ),
    &[TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID],
);

/// Units by listing (no location) and level.
pub struct Room(HashMap<(Uuid, Option<Uuid>), i64>);

/// Of these listings and all their levels as they are now, of one tenant or of all.
pub fn now(engine: &Engine, tenant: Option<Uuid>, listings: &[Uuid]) -> Room {
    let args = [
        clock::now().into(),
        id_list(listings.iter().copied()),
        maybe_id(tenant),
    ];
    let rows = plans::run(engine, &ROOM, &args, |row| {
        let key = (row.id(1), row.maybe_id(2));
        (key, row.need::<i64>(3), row.need::<i32>(4), row.id(5))
    });
    let units = |(key, units, stored, tenant_id): ((Uuid, Option<Uuid>), i64, i32, Uuid)| {
        // What is booked may be less by now than its row says.
        let over = match stored {
            0 => 0,
            stored => (i64::from(stored) - booked::peak(engine, tenant_id, key.0)).max(0),
        };
        (key, units + over)
    };
    Room(rows.into_iter().map(units).collect())
}

impl Room {
    /// So many units leave (or come, where they are less than none).
    pub fn take(&mut self, listing_id: Uuid, location_id: Uuid, units: i64) {
        for place in [None, Some(location_id)] {
            *self.0.entry((listing_id, place)).or_default() -= units;
        }
    }

    /// Whether claims go short, of the listing or at the location.
    pub fn is_short(&self, listing_id: Uuid, location_id: Uuid) -> bool {
        let left = |place| self.0.get(&(listing_id, place)).copied().unwrap_or(0);
        left(None) < 0 || left(Some(location_id)) < 0
    }
}
