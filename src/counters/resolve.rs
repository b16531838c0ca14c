//! Which table a registration speaks of.
//!
//! A registration keeps its table's oid. In a database that was restored from a dump the table has
//! another one, and the old one may be any other table's. What tells is the table's own triggers: they
//! come with it, and name the attachment. So an oid counts only where the table carries them.

use crate::engine::{c_text, quote, Engine};
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, TEXTOID};
use uuid::Uuid;

const TRIGGER_FUNCTIONS: [&str; 3] = [
    "attached_rows_inserted",
    "attached_row_updated",
    "attached_rows_deleted",
];

/// The attachment that the engine's triggers on a table name; None where it carries none, or is gone.
pub fn mark_of(engine: &Engine, table: pg_sys::Oid) -> Option<Uuid> {
    // Copies: a look at a catalog may rebuild the relation's entry in the cache, and free its triggers.
    // SAFETY: the relation's triggers are read between its opening and its closing, and nothing
    // in between panics; a missing relation is NULL. A trigger's arguments are C strings.
    let marks: Vec<(pg_sys::Oid, Uuid)> = unsafe {
        let relation = pg_sys::RelationIdGetRelation(table);
        if relation.is_null() {
            return None;
        }
        let triggers = (*relation).trigdesc;
        let count = match triggers.is_null() {
            true => 0,
            false => (*triggers).numtriggers as usize,
        };
        let marks = (0..count)
            .filter_map(|at| {
                let trigger = &*(*triggers).triggers.add(at);
                let argument = (trigger.tgnargs == 1).then(|| c_text(*trigger.tgargs))?;
                Some((trigger.tgfoid, Uuid::try_parse(&argument).ok()?))
            })
            .collect();
        pg_sys::RelationClose(relation);
        marks
    };
    marks
        .into_iter()
        .find_map(|(function, mark)| is_ours(engine, function).then_some(mark))
}

/// Whether a table carries this attachment's triggers.
pub fn carries(engine: &Engine, table: pg_sys::Oid, attachment_id: Uuid) -> bool {
    mark_of(engine, table) == Some(attachment_id)
}

fn is_ours(engine: &Engine, function: pg_sys::Oid) -> bool {
    // SAFETY: catalog lookups that answer NULL for what does not exist.
    unsafe {
        let name = pg_sys::get_func_name(function);
        let schema = pg_sys::get_namespace_name(pg_sys::get_func_namespace(function));
        !name.is_null()
            && !schema.is_null()
            && TRIGGER_FUNCTIONS.contains(&c_text(name).as_str())
            && quote(&c_text(schema)) == *engine.schema
    }
}

/// Tables of the app with the attachment that their triggers name; $1 is the schema of the extension.
/// `tgargs` has a NUL behind each argument, which `escape` writes as \000.
macro_rules! marks {
    () => {
        "SELECT DISTINCT t.tgrelid AS table_oid,
                pg_catalog.left(pg_catalog.encode(t.tgargs, 'escape'), -4) AS attachment
           FROM pg_catalog.pg_trigger t
           JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
           JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          WHERE pg_catalog.quote_ident(n.nspname) = $1
            AND p.proname IN ('attached_rows_inserted', 'attached_row_updated', 'attached_rows_deleted')"
    };
}

/// Where several tables carry one attachment's triggers (somebody copied them), the name decides.
/// A column that is not there is number 0, which no column has: the target is gone then.
static RESOLVE: Statement = Statement::fresh(
    concat!(
        "WITH mark AS (", marks!(), "),
         astray AS (
           SELECT a.attachment_id, a.table_schema, a.table_name
             FROM {s}.attached_tables a
            WHERE (a.table_oid, a.attachment_id::text) NOT IN (SELECT table_oid, attachment FROM mark)),
         found AS (
           SELECT DISTINCT ON (s.attachment_id) s.attachment_id, c.oid, n.nspname, c.relname
             FROM astray s
             JOIN mark m ON m.attachment = s.attachment_id::text
             JOIN pg_catalog.pg_class c ON c.oid = m.table_oid
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            ORDER BY s.attachment_id, (n.nspname, c.relname) = (s.table_schema, s.table_name) DESC),
         col AS (
           SELECT f.oid, t.attname, t.attnum FROM found f
             JOIN pg_catalog.pg_attribute t ON t.attrelid = f.oid AND t.attnum > 0 AND NOT t.attisdropped)
         UPDATE {s}.attached_tables a
            SET table_oid = f.oid, table_schema = f.nspname, table_name = f.relname,
                key_attnum = coalesce((SELECT attnum FROM col WHERE oid = f.oid AND attname = a.key_column), 0),
                available_attnum = coalesce((SELECT attnum FROM col WHERE oid = f.oid AND attname = a.available_column), 0),
                total_attnum = CASE WHEN a.total_column IS NOT NULL THEN
                    coalesce((SELECT attnum FROM col WHERE oid = f.oid AND attname = a.total_column), 0) END,
                reserved_attnum = CASE WHEN a.reserved_column IS NOT NULL THEN
                    coalesce((SELECT attnum FROM col WHERE oid = f.oid AND attname = a.reserved_column), 0) END,
                tenant_attnum = CASE WHEN a.tenant_column IS NOT NULL THEN
                    coalesce((SELECT attnum FROM col WHERE oid = f.oid AND attname = a.tenant_column), 0) END
           FROM found f WHERE a.attachment_id = f.attachment_id"
    ),
    &[TEXTOID],
)
.of_whole_tables();

/// Finds the tables of registrations that came from another database, and their columns by name.
/// Answers whether there were any.
pub fn resolve(engine: &Engine) -> bool {
    plans::write(engine, &RESOLVE, &[engine.schema.to_string().into()]) > 0
}

/// Registrations that a table of this name left behind: nothing carries their triggers. Made by a
/// restore of the engine's tables without the app's, or of the app's without its triggers.
static LEFT_BEHIND: Statement = Statement::fresh(
    concat!(
        "WITH mark AS (",
        marks!(),
        ")
         SELECT a.attachment_id FROM {s}.attached_tables a
          WHERE pg_catalog.format('%I.%I', a.table_schema, a.table_name) = $2
            AND a.attachment_id::text NOT IN (SELECT attachment FROM mark)"
    ),
    &[TEXTOID, TEXTOID],
)
.of_whole_tables();

/// The attachments of these registrations; `table` is qualified and quoted.
pub fn left_behind(engine: &Engine, table: &str) -> Vec<Uuid> {
    let args = [engine.schema.to_string().into(), table.to_owned().into()];
    plans::run(engine, &LEFT_BEHIND, &args, |row| row.id(1))
}

/// Only where the table carries the attachment's triggers: another's names would lead astray for good.
static FOLLOW_NAMES: Statement = Statement::fresh(
    concat!(
        "WITH mark AS (",
        marks!(),
        ")
     UPDATE {s}.attached_tables a
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
                                OR t.attnum = a.tenant_attnum AND t.attname <> a.tenant_column)))
        AND (a.table_oid, a.attachment_id::text) IN (SELECT table_oid, attachment FROM mark)"
    ),
    &[TEXTOID],
)
.of_whole_tables();

/// The names kept in registrations follow renames.
pub fn follow_names(engine: &Engine) {
    let args = [engine.schema.to_string().into()];
    plans::run(engine, &FOLLOW_NAMES, &args, |_| ());
}
