//! `detach_table`, the way back; and what is left to do when a table or a column has gone.

use super::ownership::lock_owned;
use crate::counters::registration::{qualified_name, Registration};
use crate::counters::{aside, resolve, unlink};
use crate::engine::{as_engine, quote, Engine};
use crate::error::Error;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{OIDOID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use uuid::Uuid;

/// Detaches a table: takes the triggers and the registration away. The columns keep their present
/// values, the listings and their stock stay. The caller must own the table.
///
/// Errors: not_table_owner, table_not_attached, bad_argument.
#[pg_extern(sql = "CREATE FUNCTION detach_table(\"table\" regclass) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';")]
fn detach_table(
    table: Option<pg_sys::Oid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<(), ErrorReport> {
    let engine = Engine::of_call(fcinfo);
    let table = super::checks::needed("table", table)?;
    // What DROP TRIGGER takes; taken at once, so that two sessions can't upgrade against each other.
    lock_owned(c"detach_table()", table, pg_sys::AccessExclusiveLock as i32)?;
    as_engine(&engine, || -> Result<(), Error> {
        let known = plans::with_latest_snapshot(|| Registration::by_table(&engine, table))?;
        if known.deferred {
            write_pending(&engine);
        }
        forget(&engine, known.attachment_id);
        drop_triggers(&engine, table);
        Ok(())
    })?;
    Ok(())
}

/// Columns that wait for the commit are written now: afterwards nobody knows their rows.
fn write_pending(engine: &Engine) {
    for when in ["IMMEDIATE", "DEFERRED"] {
        let text = format!(
            "SET CONSTRAINTS {}.stockroom_deferred_sync {when}",
            engine.schema
        );
        plans::run_made(engine, text, &[], &[], |_| ());
    }
}

static FORGET: Statement = Statement::fresh(
    "DELETE FROM {s}.attached_tables WHERE attachment_id = $1",
    &[UUIDOID],
);

/// Removes a registration and the listings' links.
pub fn forget(engine: &Engine, attachment_id: Uuid) {
    unlink::unlink_all(engine, attachment_id);
    aside::during(|| plans::run(engine, &FORGET, &[id(attachment_id)], |_| ()));
}

/// Before a table is attached: a restore of parts leaves triggers whose registration is missing, or
/// a registration whose table was. The rows find their listings again by their keys. `name` is the
/// table's, qualified and quoted.
pub fn clear_left_behind(engine: &Engine, table: pg_sys::Oid, name: &str) {
    if resolve::mark_of(engine, table).is_some() {
        drop_triggers(engine, table);
    }
    for attachment_id in resolve::left_behind(engine, name) {
        forget(engine, attachment_id);
    }
}

/// Found by their functions: the owner may have renamed them.
static TRIGGERS: Statement = Statement::fresh(
    "SELECT t.tgname::text
       FROM pg_catalog.pg_trigger t
       JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE t.tgrelid = $1 AND pg_catalog.quote_ident(n.nspname) = $2
        AND p.proname IN ('attached_rows_inserted', 'attached_row_updated', 'attached_rows_deleted')",
    &[OIDOID, TEXTOID],
);

/// Drops the engine's triggers on a table, if there is one still.
pub fn drop_triggers(engine: &Engine, table: pg_sys::Oid) {
    let Some(name) = qualified_name(table) else {
        return;
    };
    let args = [table.into(), engine.schema.to_string().into()];
    for trigger in plans::run(engine, &TRIGGERS, &args, |row| row.need::<String>(1)) {
        let text = format!("DROP TRIGGER {} ON {name}", quote(&trigger));
        plans::run_made(engine, text, &[], &[], |_| ());
    }
}
