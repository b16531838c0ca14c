//! What keeps registrations true: they follow renames, find their table again after a restore, and go
//! with their table or column.

use super::detach;
use crate::counters::registration::table_name;
use crate::counters::row::Answer;
use crate::counters::{aside, resolve, unlink};
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

/// After ALTER TABLE, ALTER SCHEMA and CREATE TRIGGER: the names kept in registrations follow, and
/// what was restored finds its table. Otherwise nothing depends on the names but people who read the
/// table: the engine finds its columns by number.
#[pg_extern(
    sql = "CREATE FUNCTION attached_tables_altered() RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_tables_altered(fcinfo: pg_sys::FunctionCallInfo) {
    if let Some(engine) = engine_of_event(fcinfo) {
        as_engine(&engine, || {
            resolve::resolve(&engine);
            resolve::follow_names(&engine);
        });
    }
}

/// By oid and name: its triggers, which would tell for sure, have gone too.
static GONE: Statement = Statement::fresh(
    "SELECT a.attachment_id, a.table_oid, a.table_schema || '.' || a.table_name,
            pg_catalog.bool_or(d.objsubid = 0)
       FROM pg_catalog.pg_event_trigger_dropped_objects() d
       JOIN {s}.attached_tables a ON a.table_oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.address_names[1:2] = ARRAY[a.table_schema, a.table_name]
        AND (d.objsubid = 0 OR d.objsubid IN (a.key_attnum, a.available_attnum, a.total_attnum,
                                              a.reserved_attnum, a.tenant_attnum))
      GROUP BY a.attachment_id",
    &[],
)
.of_whole_tables();

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

static FORGOTTEN: Statement = Statement::fresh("SELECT attachment_id FROM old_rows", &[]);

/// After somebody else's INSERT into attached_tables, which is a restore: its rows find their tables,
/// where those are there already. After a DELETE, the way to be rid of a registration whose table will
/// never come: its listings are linked to nothing.
#[pg_trigger(
    sql = "CREATE FUNCTION attached_tables_changed() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_tables_changed<'a>(trigger: &'a PgTrigger<'a>) -> Answer<'a> {
    if aside::engine_is_writing() {
        return Ok(None);
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    as_engine(&engine, || {
        if trigger.event().fired_by_insert() {
            resolve::resolve(&engine);
            return;
        }
        for attachment_id in
            plans::run_in_trigger(&engine, trigger, &FORGOTTEN, &[], |row| row.id(1))
        {
            unlink::unlink_all(&engine, attachment_id);
        }
    });
    Ok(None)
}
