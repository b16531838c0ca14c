//! What is remembered of an import.

use super::keys::Keys;
use super::reading::Reading;
use crate::counters::registration::table_name;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{self, JSONBOID, OIDOID, TEXTOID, UUIDOID};
use serde_json::Value;
use uuid::Uuid;

pub struct Registered {
    pub import_id: Uuid,
    pub mapping: Value,
    pub key_namespaces: Value,
    /// If it is there still.
    pub allocations: Option<pg_sys::Oid>,
}

/// By its names; else by its oid, once its names are no other table's. In a restored database the
/// oid may be any table's.
macro_rules! registered {
    () => {
        "SELECT i.import_id, i.mapping::text, i.key_namespaces::text, a.oid
           FROM {s}.stock_imports i
           JOIN pg_catalog.pg_class c ON c.oid = $2
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_catalog.pg_namespace an ON an.nspname = i.allocations_schema
           LEFT JOIN pg_catalog.pg_class a ON a.relnamespace = an.oid AND a.relname = i.allocations_table
          WHERE i.tenant_id = $1
            AND ((i.lots_schema, i.lots_table) = (n.nspname, c.relname)
              OR i.lots_oid = c.oid AND pg_catalog.to_regclass(
                     pg_catalog.format('%I.%I', i.lots_schema, i.lots_table)) IS NULL)"
    };
}

static FIND: Statement = Statement::stable(registered!(), &[UUIDOID, OIDOID]).of_whole_tables();
static LOCK: Statement = Statement::fresh(
    concat!(registered!(), " FOR UPDATE OF i"),
    &[UUIDOID, OIDOID],
)
.of_whole_tables();

/// Two first imports of one table wait for each other here.
static REGISTER: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_imports AS i
            (import_id, tenant_id, lots_oid, lots_schema, lots_table, allocations_schema, allocations_table,
             mapping, key_namespaces, imported_by, imported_at)
     SELECT $1, $2, c.oid, n.nspname, c.relname, an.nspname, a.relname, $5, $6, session_user,
            clock_timestamp()
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_class a ON a.oid = $4
       LEFT JOIN pg_catalog.pg_namespace an ON an.oid = a.relnamespace
      WHERE c.oid = $3
     ON CONFLICT (import_id) DO UPDATE
        SET lots_oid = excluded.lots_oid, lots_schema = excluded.lots_schema, lots_table = excluded.lots_table,
            allocations_schema = coalesce(excluded.allocations_schema, i.allocations_schema),
            allocations_table = coalesce(excluded.allocations_table, i.allocations_table),
            mapping = excluded.mapping, key_namespaces = excluded.key_namespaces
      WHERE (i.lots_oid, i.lots_schema, i.lots_table, i.mapping, i.key_namespaces)
            IS DISTINCT FROM (excluded.lots_oid, excluded.lots_schema, excluded.lots_table, excluded.mapping,
                              excluded.key_namespaces)
         OR (excluded.allocations_schema, excluded.allocations_table)
            IS DISTINCT FROM (i.allocations_schema, i.allocations_table)",
    &[UUIDOID, UUIDOID, OIDOID, OIDOID, JSONBOID, JSONBOID],
);

static TARGET: Statement = Statement::stable(
    "SELECT target_id FROM {s}.stock_import_rows
      WHERE import_id = $1 AND tenant_id = $2 AND kind = $3 AND source_key = $4",
    &[UUIDOID, UUIDOID, TEXTOID, TEXTOID],
);

fn read(row: &Row) -> Registered {
    let value = |number| {
        let text: String = row.need(number);
        serde_json::from_str(&text).expect("the engine wrote it")
    };
    Registered {
        import_id: row.id(1),
        mapping: value(2),
        key_namespaces: value(3),
        allocations: row.get(4),
    }
}

impl Registered {
    pub fn find(engine: &Engine, lots: pg_sys::Oid) -> Option<Registered> {
        plans::run_one(engine, &FIND, &[id(engine.tenant), lots.into()], read)
    }

    /// The same, locked: one import of a table at a time.
    pub fn lock(engine: &Engine, lots: pg_sys::Oid) -> Option<Registered> {
        plans::run_one(engine, &LOCK, &[id(engine.tenant), lots.into()], read)
    }

    pub fn need(engine: &Engine, lots: pg_sys::Oid) -> Result<Registered, Error> {
        Registered::find(engine, lots).ok_or_else(|| Error::TableNotImported {
            table: table_name(lots),
        })
    }

    /// What a row became.
    pub fn target(&self, engine: &Engine, kind: &str, key: &str) -> Option<Uuid> {
        let args = [
            id(self.import_id),
            id(engine.tenant),
            kind.into(),
            key.into(),
        ];
        plans::run_one(engine, &TARGET, &args, |row| row.id(1))
    }
}

/// Remembers how it was read this time; answers the registration's key.
pub fn register(
    engine: &Engine,
    reading: &Reading,
    keys: &Keys,
    registered: Option<&Registered>,
) -> Uuid {
    let import_id = registered.map_or_else(ids::new_key, |known| known.import_id);
    let json = |value: &Value| Jsonb::of_text(&value.to_string());
    let allocations = reading.allocations.as_ref().map(|part| part.source.oid);
    let args = [
        id(import_id),
        id(engine.tenant),
        reading.lots.source.oid.into(),
        allocations.into(),
        json(&reading.as_mapping()).into(),
        json(&keys.as_json()).into(),
    ];
    plans::run(engine, &REGISTER, &args, |_| ());
    import_id
}
