//! Registrations of collapsed tables: what is kept of how their copies became counts.

use super::table::CopyTable;
use crate::attach::keys;
use crate::counters::aside;
use crate::counters::registration::{listing_of_key, table_name};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{self, BOOLOID, OIDOID, TEXTOID, UUIDOID};
use uuid::Uuid;

/// The columns that a call names, as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    pub key: String,
    pub parent: String,
    pub available: String,
    pub borrower: Option<String>,
    pub due: Option<String>,
    pub contact: Option<String>,
    pub borrowed: Option<String>,
}

/// One row of collapsed_tables.
#[derive(Debug, Clone)]
pub struct Registration {
    pub collapse_id: Uuid,
    pub tenant_id: Uuid,
    pub names: Names,
    pub parent_is_copy: bool,
    /// Whether the copies' rows were removed.
    pub removes: bool,
    pub key_is_uuid: bool,
    pub key_namespace: Uuid,
    pub search_path: String,
    pub time_zone: String,
}

/// By its name; by its oid where no table has the registered name any more, so that it was renamed. In a
/// restored database the oid may be any other table's.
static FIND: Statement = Statement::fresh(
    "WITH named AS (
       SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)
     SELECT t.collapse_id, t.tenant_id, t.key_column, t.parent_column, t.available_column, t.borrower_column,
            t.due_column, t.contact_column, t.borrowed_column, t.parent_is_copy, t.children = 'remove',
            t.key_is_uuid, t.key_namespace, t.search_path, t.time_zone
       FROM {s}.collapsed_tables t,
            LATERAL (SELECT (t.table_schema, t.table_name) = (SELECT * FROM named) AS by_name) AS m
      WHERE m.by_name
         OR t.table_oid = $1
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace s ON s.oid = o.relnamespace
                             WHERE s.nspname = t.table_schema AND o.relname = t.table_name)
      ORDER BY m.by_name DESC, t.tenant_id = $2 DESC, t.collapse_id
      LIMIT 1",
    &[OIDOID, UUIDOID],
)
.of_whole_tables();

fn read(row: &Row) -> Registration {
    Registration {
        collapse_id: row.id(1),
        tenant_id: row.id(2),
        names: Names {
            key: row.need(3),
            parent: row.need(4),
            available: row.need(5),
            borrower: row.get(6),
            due: row.get(7),
            contact: row.get(8),
            borrowed: row.get(9),
        },
        parent_is_copy: row.need(10),
        removes: row.need(11),
        key_is_uuid: row.need(12),
        key_namespace: row.id(13),
        search_path: row.need(14),
        time_zone: row.need(15),
    }
}

static REGISTER: Statement = Statement::fresh(
    "INSERT INTO {s}.collapsed_tables
            (collapse_id, tenant_id, table_oid, table_schema, table_name, key_column, parent_column,
             available_column, borrower_column, due_column, contact_column, borrowed_column, parent_is_copy,
             children, key_is_uuid, key_namespace, search_path, time_zone)
     SELECT $1, $2, c.oid, n.nspname, c.relname, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = $3",
    &[
        UUIDOID, UUIDOID, OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
        BOOLOID, TEXTOID, BOOLOID, UUIDOID, TEXTOID, TEXTOID,
    ],
);

/// Each by its registration, which goes last.
static FORGET: [Statement; 3] = [
    Statement::fresh(
        "DELETE FROM {s}.collapsed_copies WHERE collapse_id = $1 AND tenant_id = $2",
        &[UUIDOID, UUIDOID],
    )
    .of_whole_tables(),
    Statement::fresh(
        "DELETE FROM {s}.collapsed_items WHERE collapse_id = $1 AND tenant_id = $2",
        &[UUIDOID, UUIDOID],
    ),
    Statement::fresh(
        "DELETE FROM {s}.collapsed_tables WHERE collapse_id = $1 AND tenant_id = $2",
        &[UUIDOID, UUIDOID],
    ),
];

impl Registration {
    /// One that is not yet registered.
    pub fn new(
        engine: &Engine,
        table: &CopyTable,
        names: Names,
        removes: bool,
        search_path: String,
        time_zone: String,
    ) -> Registration {
        Registration {
            collapse_id: ids::new_key(),
            tenant_id: engine.tenant,
            names,
            parent_is_copy: table.parent_is_copy,
            removes,
            key_is_uuid: table.key_is_uuid(),
            key_namespace: keys::namespace(engine, table.oid, false),
            search_path,
            time_zone,
        }
    }

    /// Any tenant's: another's stands in the way.
    pub fn of_any_tenant(engine: &Engine, table: pg_sys::Oid) -> Option<Registration> {
        let args = [table.into(), id(engine.tenant)];
        plans::run_one(engine, &FIND, &args, read)
    }

    /// The session's tenant's own.
    pub fn of(engine: &Engine, table: pg_sys::Oid) -> Result<Registration, Error> {
        Registration::of_any_tenant(engine, table)
            .filter(|known| known.tenant_id == engine.tenant)
            .ok_or_else(|| Error::TableNotCollapsed {
                table: table_name(table),
            })
    }

    pub fn register(&self, engine: &Engine, table: &CopyTable) {
        let names = self.names.clone();
        let args = [
            id(self.collapse_id),
            id(self.tenant_id),
            table.oid.into(),
            names.key.into(),
            names.parent.into(),
            names.available.into(),
            names.borrower.into(),
            names.due.into(),
            names.contact.into(),
            names.borrowed.into(),
            self.parent_is_copy.into(),
            if self.removes { "remove" } else { "keep" }.into(),
            self.key_is_uuid.into(),
            id(self.key_namespace),
            self.search_path.clone().into(),
            self.time_zone.clone().into(),
        ];
        aside::during(|| plans::write_all(engine, &REGISTER, &args, 1));
    }

    /// Removes the registration and all that was kept of the copies.
    pub fn forget(&self, engine: &Engine) {
        for statement in &FORGET {
            let args = [id(self.collapse_id), id(self.tenant_id)];
            aside::during(|| plans::run(engine, statement, &args, |_| ()));
        }
    }

    /// The listing of an item.
    pub fn listing_of(&self, item_key: &str) -> Uuid {
        listing_of_key(self.key_is_uuid, self.key_namespace, item_key)
            .expect("a uuid column holds uuids")
    }
}
