//! Keys of the app become uuids: a uuid is used as it is, any other key becomes the same uuid each
//! time. What refers to an attached table, or to one that is attached later, finds its listings.

use super::reading::Reading;
use super::registered::Registered;
use super::source::{Source, SourceColumn};
use crate::attach::keys::namespace_of;
use crate::counters::registration::Registration;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// For each kind of key its namespace; None where it is a uuid itself.
pub struct Keys(BTreeMap<String, Option<Uuid>>);

impl Keys {
    /// As they were at the first import; the others as the tables are now.
    pub fn of(engine: &Engine, reading: &Reading, registered: Option<&Registered>) -> Keys {
        let known = registered.map(|known| Keys::read(&known.key_namespaces));
        let mut keys = known.unwrap_or(Keys(BTreeMap::new()));
        let (lots, allocations) = (&reading.lots, reading.allocations.as_ref());
        let of_lots = |target| lots.column(target).map(|column| (&lots.source, column));
        let of_allocations = |target| {
            let part = allocations?;
            part.column(target).map(|column| (&part.source, column))
        };
        let columns = [
            (
                "listing",
                reading
                    .listing_column()
                    .map(|column| (&lots.source, column)),
            ),
            ("lot", of_lots("lot_id")),
            ("location", of_lots("location")),
            ("owner", of_lots("owner_id")),
            ("allocation", of_allocations("allocation_id")),
            ("order", of_allocations("order_id")),
        ];
        for (kind, column) in columns {
            if let Some((source, column)) = column {
                let namespace = || namespace(engine, kind, source, column);
                keys.0.entry(kind.to_owned()).or_insert_with(namespace);
            }
        }
        keys
    }

    fn read(namespaces: &Value) -> Keys {
        let namespace = |text: &Value| text.as_str().and_then(|text| Uuid::try_parse(text).ok());
        let kinds = namespaces.as_object().into_iter().flatten();
        Keys(
            kinds
                .map(|(kind, text)| (kind.clone(), namespace(text)))
                .collect(),
        )
    }

    pub fn as_json(&self) -> Value {
        let text = |namespace: &Option<Uuid>| json!(namespace);
        let kinds = self
            .0
            .iter()
            .map(|(kind, namespace)| (kind.clone(), text(namespace)));
        Value::Object(kinds.collect::<Map<String, Value>>())
    }

    /// What a key becomes; None where it is no uuid, though its column was one of uuids.
    pub fn id(&self, kind: &str, key: &str) -> Option<Uuid> {
        match self.0.get(kind)? {
            None => Uuid::try_parse(key).ok(),
            Some(namespace) => Some(Uuid::new_v5(namespace, key.as_bytes())),
        }
    }
}

fn namespace(engine: &Engine, kind: &str, source: &Source, column: &SourceColumn) -> Option<Uuid> {
    if column.is_uuid {
        return None;
    }
    let Some(table) = column.references else {
        let of_table = namespace_of(engine.tenant, source.oid);
        return Some(match column.is_key {
            true => of_table,
            false => Uuid::new_v5(&of_table, kind.as_bytes()),
        });
    };
    Some(match Registration::by_table(engine, table) {
        Ok(attached) => attached.key_namespace,
        Err(_) => namespace_of(engine.tenant, table),
    })
}

/// What a key of an imported table became: `kind` is listing, lot, allocation, location, order or
/// owner, `key` the app's own as PostgreSQL writes it. NULL for a row that was not imported; an order
/// or owner need not have been there.
///
/// Errors: table_not_imported, bad_argument.
#[pg_extern(
    sql = "CREATE FUNCTION imported_id(lots regclass, kind text, key text) RETURNS uuid
STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn imported_id(
    lots: pg_sys::Oid,
    kind: String,
    key: String,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<pgrx::Uuid>, ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let known = Registered::need(&engine, lots)?;
    let found = match kind.as_str() {
        "order" | "owner" => Keys::read(&known.key_namespaces).id(&kind, &key),
        "listing" | "lot" | "allocation" | "location" => known.target(&engine, &kind, &key),
        _ => {
            let problem = "must be listing, lot, allocation, location, order or owner".to_owned();
            return Err(Error::BadArgument {
                argument: "kind",
                problem,
            }
            .into());
        }
    };
    Ok(found.map(ids::to_pg))
}
