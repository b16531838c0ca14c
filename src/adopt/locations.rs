//! The app's places become locations: one that is there already by key or by name, else a new one.

use super::keys::Keys;
use super::reading::Reading;
use super::staged;
use crate::counters::places;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, id_list, Statement};
use pgrx::pg_sys::{TEXTARRAYOID, TEXTOID, UUIDARRAYOID, UUIDOID};
use std::collections::HashMap;
use uuid::Uuid;

/// How many there are, and how many of them were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places {
    pub found: i64,
    pub made: i64,
}

/// By what it became before, by its own key, by its name: one at the top before those within others.
static FIND: Statement = Statement::fresh(
    "SELECT location_id FROM (
       SELECT l.location_id, 1 AS rank
         FROM {s}.stock_import_rows r JOIN {s}.locations l ON l.location_id = r.target_id
        WHERE r.import_id = $5 AND r.kind = 'location' AND r.source_key = $4
          AND (l.tenant_id = $1 OR l.is_preset)
       UNION ALL
       SELECT location_id, 2 FROM {s}.locations
        WHERE location_id = $2 AND (tenant_id = $1 OR is_preset)
       UNION ALL
       SELECT location_id, CASE WHEN parent_id IS NULL THEN 3 ELSE 4 END FROM {s}.locations
        WHERE name = $3 AND (tenant_id = $1 OR is_preset)) AS found
      ORDER BY rank, location_id LIMIT 1",
    &[UUIDOID, UUIDOID, TEXTOID, TEXTOID, UUIDOID],
);
static MAKE: Statement = Statement::fresh(
    "INSERT INTO {s}.locations (location_id, tenant_id, name)
     SELECT CASE WHEN EXISTS (SELECT FROM {s}.locations WHERE location_id = $2) THEN $4 ELSE $2 END, $1, $3
     ON CONFLICT (tenant_id, parent_id, name) DO UPDATE SET name = excluded.name
     RETURNING location_id",
    &[UUIDOID, UUIDOID, TEXTOID, UUIDOID],
);
static REMEMBER: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_import_rows (import_id, tenant_id, kind, source_key, target_id, status)
     VALUES ($1, $2, 'location', $3, $4, $5) ON CONFLICT DO NOTHING",
    &[UUIDOID, UUIDOID, TEXTOID, UUIDOID, TEXTOID],
);

/// Makes `stockroom_places`: the location of each place that the lots name. Locations are few beside lots.
pub fn resolve(
    engine: &Engine,
    reading: &Reading,
    keys: &Keys,
    import_id: Uuid,
) -> Result<Places, Error> {
    let names = names(reading);
    let text = "SELECT DISTINCT location_key FROM pg_temp.stockroom_read_lots ORDER BY 1";
    let used: Vec<String> = plans::run_once(text, |row| row.need(1));
    let mut places = Places::default();
    let mut found = Vec::with_capacity(used.len());
    for key in &used {
        if key.is_empty() {
            found.push(ids::UNSPECIFIED);
            continue;
        }
        let name = names.get(key).unwrap_or(key);
        let (location_id, made) = location(engine, keys, import_id, key, name);
        places::require(engine, engine.tenant, location_id)?;
        let status = if made { "made" } else { "there" };
        let args = [
            id(import_id),
            id(engine.tenant),
            key.as_str().into(),
            id(location_id),
            status.into(),
        ];
        plans::run(engine, &REMEMBER, &args, |_| ());
        places.found += 1;
        places.made += i64::from(made);
        found.push(location_id);
    }
    staged::make(
        "stockroom_places",
        "SELECT ''::text AS key, NULL::uuid AS location_id WHERE false",
    );
    let text = "INSERT INTO pg_temp.stockroom_places SELECT * FROM unnest($1::text[], $2::uuid[])";
    let args = [used.into(), id_list(found)];
    plans::run_made(
        engine,
        text.to_owned(),
        &[TEXTARRAYOID, UUIDARRAYOID],
        &args,
        |_| (),
    );
    Ok(places)
}

/// Names of the app's places by their keys, where they have a table of their own.
fn names(reading: &Reading) -> HashMap<String, String> {
    let mut names = HashMap::new();
    if let Some(part) = &reading.locations {
        let expressions = [part.text("location_id"), part.text("name")];
        let read = |row: &plans::Row| (row.need::<String>(1), row.need::<String>(2));
        part.source.scan(&expressions, None, read, |rows| {
            let named = rows
                .into_iter()
                .map(|(key, name)| (key, name.trim().to_owned()));
            names.extend(named.filter(|(_, name)| !name.is_empty()));
        });
    }
    names
}

/// The location of a place, and whether it had to be made.
fn location(engine: &Engine, keys: &Keys, import_id: Uuid, key: &str, name: &str) -> (Uuid, bool) {
    let own = keys.id("location", key).unwrap_or_else(ids::new_key);
    let name: String = name.chars().take(200).collect();
    let args = [
        id(engine.tenant),
        id(own),
        name.as_str().into(),
        key.into(),
        id(import_id),
    ];
    if let Some(found) = plans::run_one(engine, &FIND, &args, |row| row.id(1)) {
        return (found, false);
    }
    let args = [
        id(engine.tenant),
        id(own),
        name.as_str().into(),
        id(ids::new_key()),
    ];
    let made = plans::run_one(engine, &MAKE, &args, |row| row.id(1));
    (made.expect("an upsert answers its row"), true)
}
