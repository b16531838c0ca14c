//! Registrations of attached tables: what is kept of them, and what the table looks like now.

use super::{own_code, resolve};
use crate::engine::{as_owner, c_text, has_less_rights, quote, Engine};
use crate::error::Error;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{self, INT4OID, INT8OID, NUMERICOID, OIDOID, UUIDOID};
use pgrx::{AnyNumeric, IntoDatum};
use stockroom_core::quantity;
use uuid::Uuid;

/// What the app's own writes to its quantity column mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DirectWrites {
    Adjust,
    Reject,
    Ignore,
}

/// What a deleted row of the app means for its listing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OnDelete {
    Cascade,
    Restrict,
    Keep,
}

/// One row of attached_tables.
#[derive(Debug, Clone)]
pub struct Registration {
    pub attachment_id: Uuid,
    pub tenant_id: Uuid,
    pub table_oid: pg_sys::Oid,
    /// Schema and name as registered, quoted where needed: the table may have gone.
    pub name: String,
    pub key_attnum: i16,
    pub key_is_uuid: bool,
    pub available_attnum: i16,
    pub total_attnum: Option<i16>,
    pub reserved_attnum: Option<i16>,
    pub tenant_attnum: Option<i16>,
    pub quantity_scale: i16,
    pub direct_writes: DirectWrites,
    pub on_delete: OnDelete,
    pub zero_bad: bool,
    pub deferred: bool,
    pub key_namespace: Uuid,
    pub search_path: String,
}

/// The columns in the order in which `read` takes them.
macro_rules! registration_columns {
    () => {
        "SELECT attachment_id, tenant_id, table_oid, key_attnum, key_is_uuid, available_attnum, total_attnum,
                reserved_attnum, tenant_attnum, quantity_scale, direct_writes, on_delete, on_bad, sync,
                key_namespace, search_path, pg_catalog.format('%I.%I', table_schema, table_name)
           FROM {s}.attached_tables "
    };
}

/// For writers: what was attached while they waited counts.
static BY_ID: Statement = Statement::fresh(
    concat!(registration_columns!(), "WHERE attachment_id = $1"),
    &[UUIDOID],
);
static BY_MARK: Statement = Statement::stable(
    concat!(registration_columns!(), "WHERE attachment_id = $1"),
    &[UUIDOID],
);
/// For a table that lost its triggers. The oid alone may be another database's.
static BY_TABLE: Statement = Statement::stable(
    concat!(
        registration_columns!(),
        "WHERE table_oid = $1 AND (table_schema, table_name) =
               (SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)"
    ),
    &[OIDOID],
)
.of_whole_tables();
static OF_TENANT: Statement = Statement::stable(
    concat!(
        registration_columns!(),
        "WHERE tenant_id = $1 OR tenant_column IS NOT NULL ORDER BY attachment_id"
    ),
    &[UUIDOID],
);

fn read(row: &Row) -> Registration {
    Registration {
        attachment_id: row.id(1),
        tenant_id: row.id(2),
        table_oid: row.need(3),
        key_attnum: row.need(4),
        key_is_uuid: row.need(5),
        available_attnum: row.need(6),
        total_attnum: row.get(7),
        reserved_attnum: row.get(8),
        tenant_attnum: row.get(9),
        quantity_scale: row.need(10),
        direct_writes: match row.need::<String>(11).as_str() {
            "adjust" => DirectWrites::Adjust,
            "reject" => DirectWrites::Reject,
            _ => DirectWrites::Ignore,
        },
        on_delete: match row.need::<String>(12).as_str() {
            "cascade" => OnDelete::Cascade,
            "restrict" => OnDelete::Restrict,
            _ => OnDelete::Keep,
        },
        zero_bad: row.need::<String>(13) == "zero",
        deferred: row.need::<String>(14) == "deferred",
        key_namespace: row.id(15),
        search_path: row.need(16),
        name: row.need(17),
    }
}

impl Registration {
    /// For writers. A registration that came from another database finds its table here.
    pub fn by_id(engine: &Engine, attachment_id: Uuid) -> Option<Registration> {
        let by_id = || plans::run_one(engine, &BY_ID, &[id(attachment_id)], read);
        let known = by_id()?;
        if resolve::carries(engine, known.table_oid, attachment_id) || !resolve::resolve(engine) {
            return Some(known);
        }
        by_id()
    }

    pub fn by_table(engine: &Engine, table: pg_sys::Oid) -> Result<Registration, Error> {
        let known = match resolve::mark_of(engine, table) {
            Some(attachment_id) => plans::run_one(engine, &BY_MARK, &[id(attachment_id)], read),
            None => plans::run_one(engine, &BY_TABLE, &[table.into()], read),
        };
        known.ok_or_else(|| Error::TableNotAttached {
            table: table_name(table),
        })
    }

    /// Tables that may hold rows of the session's tenant.
    pub fn of_tenant(engine: &Engine) -> Vec<Registration> {
        plans::run(engine, &OF_TENANT, &[id(engine.tenant)], read)
    }

    /// The listing of a row, from its key as text.
    pub fn listing_of_key(&self, key: &str) -> Option<Uuid> {
        listing_of_key(self.key_is_uuid, self.key_namespace, key)
    }

    /// The table as it is now; None once the table, its triggers or one of its columns has gone, or is
    /// of a type that cannot hold what is written into it.
    pub fn target(&self, engine: &Engine) -> Option<Target> {
        if !resolve::carries(engine, self.table_oid, self.attachment_id) {
            return None;
        }
        let column = |attnum| Column::find(self.table_oid, attnum);
        let quantity = |attnum| {
            column(attnum)
                .filter(|column| matches!(column.base_type, INT4OID | INT8OID | NUMERICOID))
        };
        let optional = |attnum: Option<i16>| match attnum {
            None => Some(None),
            Some(attnum) => quantity(attnum).map(Some),
        };
        let is_uuid = |column: &Column| column.base_type == UUIDOID;
        let tenant = match self.tenant_attnum {
            None => None,
            Some(attnum) => Some(column(attnum).filter(is_uuid)?),
        };
        Some(Target {
            attachment_id: self.attachment_id,
            table_oid: self.table_oid,
            name: qualified_name(self.table_oid)?,
            owner: table_owner(self.table_oid)?,
            search_path: self.search_path.clone(),
            scale: self.quantity_scale as u8,
            key: column(self.key_attnum).filter(|key| is_uuid(key) == self.key_is_uuid)?,
            available: quantity(self.available_attnum)?,
            total: optional(self.total_attnum)?,
            reserved: optional(self.reserved_attnum)?,
            tenant,
        })
    }
}

/// The listing of a row of the app, from its key as text: the key itself where it is a uuid, else a
/// uuid v5 (RFC 9562 §5.5) of a namespace and the key.
pub fn listing_of_key(key_is_uuid: bool, namespace: Uuid, key: &str) -> Option<Uuid> {
    match key_is_uuid {
        true => Uuid::try_parse(key).ok(),
        false => Some(Uuid::new_v5(&namespace, key.as_bytes())),
    }
}

/// An attached table as it is now: names that SQL text may use, types, owner.
pub struct Target {
    pub attachment_id: Uuid,
    pub table_oid: pg_sys::Oid,
    pub name: String,
    pub owner: pg_sys::Oid,
    pub search_path: String,
    pub scale: u8,
    pub key: Column,
    pub available: Column,
    pub total: Option<Column>,
    pub reserved: Option<Column>,
    pub tenant: Option<Column>,
}

impl Target {
    /// Runs a statement over the table as its owner. Restricted where the table carries code of an
    /// owner who has less rights than the session.
    pub fn as_owner<R>(&self, engine: &Engine, run: impl FnOnce() -> R) -> R {
        as_owner(
            self.owner,
            &self.search_path,
            self.is_restricted(engine),
            run,
        )
    }

    pub fn is_restricted(&self, engine: &Engine) -> bool {
        has_less_rights(self.owner) && own_code::is_carried_by(engine, self.table_oid)
    }

    /// Whether a trigger or constraint of the table may be put off to the commit.
    pub fn has_deferrable_triggers(&self) -> bool {
        // SAFETY: the relation's triggers are read between its opening and its closing; the table
        // exists, as its name was found.
        unsafe {
            let relation = pg_sys::RelationIdGetRelation(self.table_oid);
            if relation.is_null() {
                return false;
            }
            let triggers = (*relation).trigdesc;
            let found = !triggers.is_null()
                && (0..(*triggers).numtriggers as usize)
                    .any(|at| (*(*triggers).triggers.add(at)).tgdeferrable);
            pg_sys::RelationClose(relation);
            found
        }
    }
}

/// A column of an attached table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Quoted where needed.
    pub name: String,
    pub type_oid: pg_sys::Oid,
    /// Base type where the type is a domain.
    pub base_type: pg_sys::Oid,
}

impl Column {
    fn find(table: pg_sys::Oid, attnum: i16) -> Option<Column> {
        // SAFETY: catalog lookups that answer NULL or no type for what does not exist; a dropped column
        // still has a name, but no type.
        unsafe {
            let name = pg_sys::get_attname(table, attnum, true);
            if name.is_null() {
                return None;
            }
            let type_oid = pg_sys::get_atttype(table, attnum);
            if type_oid == pg_sys::InvalidOid {
                return None;
            }
            Some(Column {
                name: quote(&c_text(name)),
                type_oid,
                base_type: pg_sys::getBaseType(type_oid),
            })
        }
    }

    /// Units as a value of this column. Never negative: an app's CHECK would refuse it on the way
    /// through a bad state that the invariants judge only at commit.
    pub fn value_of(&self, units: i32, scale: u8) -> Option<pg_sys::Datum> {
        let units = units.max(0);
        match self.base_type {
            NUMERICOID => AnyNumeric::try_from(quantity::from_units(units, scale).as_str())
                .expect("units make a number")
                .into_datum(),
            INT8OID => i64::from(units).into_datum(),
            _ => units.into_datum(),
        }
    }
}

/// Schema and name, quoted where needed; None if there is no such table.
pub fn qualified_name(table: pg_sys::Oid) -> Option<String> {
    // SAFETY: catalog lookups that answer NULL for what does not exist.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(table));
        if name.is_null() || schema.is_null() {
            return None;
        }
        Some(format!(
            "{}.{}",
            quote(&c_text(schema)),
            quote(&c_text(name))
        ))
    }
}

/// For messages, where the table may have gone.
pub fn table_name(table: pg_sys::Oid) -> String {
    qualified_name(table).unwrap_or_else(|| format!("with oid {}", table.to_u32()))
}

/// Current owner of a table.
pub fn table_owner(table: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: the tuple is read between its lookup and its release.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as _,
            pg_sys::Datum::from(table),
        );
        if tuple.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner)
    }
}

/// A key given as text, as a value of the key column's type. Runs the type's input function, so it
/// must be called with the table owner's identity.
pub fn key_datum(column: &Column, key: &str) -> Option<pg_sys::Datum> {
    let text = std::ffi::CString::new(key).ok()?;
    // SAFETY: the type exists, and its input function gets a C string.
    unsafe {
        let (mut input, mut io_param) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeInputInfo(column.type_oid, &mut input, &mut io_param);
        Some(pg_sys::OidInputFunctionCall(
            input,
            text.as_ptr().cast_mut(),
            io_param,
            -1,
        ))
    }
}
