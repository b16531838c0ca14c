//! Event triggers: registrations follow renames, and go with their table or column.

use super::detach;
use crate::counters::registration::table_name;
use crate::engine::{as_engine, Engine};
use crate::error::warn;
use crate::plans::{self, Statement};
use pgrx::prelude::*;
use uuid::Uuid;

/// The engine, if this is an event trigger's call and the extension stands. While an extension's
/// script runs, or this one's tables have gone in the same command, there is nothing to follow.
fn engine_of_event(fcinfo: pg_sys::FunctionCallInfo) -> Option<Engine> {
    // SAFETY: PostgreSQL calls every function with a filled-in fcinfo; the tag is read from a node.
    unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
            ereport!(
                PgLogLevel::ERROR,
                PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
                "this function is called by event triggers alone"
            );
        }
        if pg_sys::creating_extension {
            return None;
        }
        let function = (*(*fcinfo).flinfo).fn_oid;
        let schema = pg_sys::get_func_namespace(function);
        let table = pg_sys::get_relname_relid(c"attached_tables".as_ptr(), schema);
        if schema == pg_sys::InvalidOid || table == pg_sys::InvalidOid {
            return None;
        }
        Some(Engine::of_function(function))
    }
}

static FOLLOW_NAMES: Statement = Statement::fresh(
    "UPDATE {s}.attached_tables a
        SET table_schema = n.nspname, table_name = c.relname, key_column = k.attname,
            available_column = q.attname,
            total_column = (SELECT t.attname FROM pg_catalog.pg_attribute t
                             WHERE t.attrelid = c.oid AND t.attnum = a.total_attnum),
            reserved_column = (SELECT t.attname FROM pg_catalog.pg_attribute t
                                WHERE t.attrelid = c.oid AND t.attnum = a.reserved_attnum),
            tenant_column = (SELECT t.attname FROM pg_catalog.pg_attribute t
                              WHERE t.attrelid = c.oid AND t.attnum = a.tenant_attnum)
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid
       JOIN pg_catalog.pg_attribute q ON q.attrelid = c.oid
      WHERE c.oid = a.table_oid AND k.attnum = a.key_attnum AND q.attnum = a.available_attnum
        AND (a.table_schema <> n.nspname OR a.table_name <> c.relname OR a.key_column <> k.attname
             OR a.available_column <> q.attname
             OR EXISTS (SELECT FROM pg_catalog.pg_attribute t
                         WHERE t.attrelid = c.oid AND NOT t.attisdropped
                           AND (t.attnum = a.total_attnum AND t.attname <> a.total_column
                                OR t.attnum = a.reserved_attnum AND t.attname <> a.reserved_column
                                OR t.attnum = a.tenant_attnum AND t.attname <> a.tenant_column)))",
    &[],
);

/// After ALTER TABLE and ALTER SCHEMA: the names kept in registrations follow. Nothing depends on
/// them but people who read the table: the engine finds its columns by number.
#[pg_extern(
    sql = "CREATE FUNCTION attached_tables_altered() RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_tables_altered(fcinfo: pg_sys::FunctionCallInfo) {
    if let Some(engine) = engine_of_event(fcinfo) {
        as_engine(&engine, || plans::run(&engine, &FOLLOW_NAMES, &[], |_| ()));
    }
}

static GONE: Statement = Statement::fresh(
    "SELECT a.attachment_id, a.table_oid, a.table_schema || '.' || a.table_name,
            pg_catalog.bool_or(d.objsubid = 0)
       FROM pg_catalog.pg_event_trigger_dropped_objects() d
       JOIN {s}.attached_tables a ON a.table_oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND (d.objsubid = 0 OR d.objsubid IN (a.key_attnum, a.available_attnum, a.total_attnum,
                                              a.reserved_attnum, a.tenant_attnum))
      GROUP BY a.attachment_id",
    &[],
);

/// After any DROP: a table that has gone, or lost a column that its registration names, is no longer
/// attached. Its listings and their stock stay.
#[pg_extern(
    sql = "CREATE FUNCTION attached_tables_dropped() RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_tables_dropped(fcinfo: pg_sys::FunctionCallInfo) {
    let Some(engine) = engine_of_event(fcinfo) else {
        return;
    };
    as_engine(&engine, || {
        let gone = plans::run(&engine, &GONE, &[], |row| {
            let (attachment_id, table): (Uuid, pg_sys::Oid) = (row.id(1), row.need(2));
            (
                attachment_id,
                table,
                row.need::<String>(3),
                row.need::<bool>(4),
            )
        });
        for (attachment_id, table, name, whole) in gone {
            detach::forget(&engine, attachment_id);
            if whole {
                warn(format!("stockroom: attached table {name} was dropped; its listings and their stock stay"));
            } else {
                detach::drop_triggers(&engine, table);
                warn(format!(
                    "stockroom: {} lost a column that it was attached by and is detached; its listings and their stock stay",
                    table_name(table)
                ));
            }
        }
    });
}
