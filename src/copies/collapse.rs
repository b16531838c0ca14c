//! `collapse_children`: one row per copy becomes counts.

use super::registration::{Names, Registration};
use super::report::Report;
use super::run::Collapse;
use super::table::{not_collapsed, CopyTable};
use crate::attach::checks::{self, needed, word};
use crate::attach::ownership::{check_owner, lock_owned};
use crate::counters::registration::Registration as Attachment;
use crate::engine::{as_engine, c_text, Engine};
use crate::error::Error;
use crate::plans;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Turns a table in which each copy of an item is a row of its own (`parent_column` names its item,
/// a row of the same table; `available_column` is a boolean) into counts: each item becomes a listing
/// whose total are its copies and whose available are those that are there. A copy that is out becomes
/// an open loan of one unit, with what `borrower_column`, `due_column`, `contact_column` and
/// `borrowed_column` say, as far as they are named.
///
/// With `parent_is_copy` an item's own row is a copy too. `children` says what becomes of the copies'
/// rows: 'remove', they are kept for `expand_children` and deleted, or 'keep', they stay as they are and
/// nothing keeps them right. With `preview` nothing changes. Called again it takes what is new.
///
/// Answers totals (`items`, `copies`, `available`, `lent`, `removed`: found by the rows, counted by the
/// stock), `problem` rows (in a preview), `remark` rows, and `mismatch` rows: each number of an item in
/// which rows and stock differ. The caller must own the table.
///
/// Errors: not_table_owner, cannot_collapse, bad_argument, bad_copies, copies_differ.
#[pg_extern(
    sql = "CREATE FUNCTION collapse_children(tbl regclass, key_column text DEFAULT 'id',
    parent_column text DEFAULT 'parent_item_id', available_column text DEFAULT 'is_available',
    borrower_column text DEFAULT NULL, due_column text DEFAULT NULL, contact_column text DEFAULT NULL,
    borrowed_column text DEFAULT NULL, parent_is_copy boolean DEFAULT false, children text DEFAULT 'remove',
    preview boolean DEFAULT false)
RETURNS TABLE (kind text, item text, copy text, found bigint, counted bigint, note text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // one SQL argument each
fn collapse_children(
    tbl: Option<pg_sys::Oid>,
    key_column: Option<String>,
    parent_column: Option<String>,
    available_column: Option<String>,
    borrower_column: Option<String>,
    due_column: Option<String>,
    contact_column: Option<String>,
    borrowed_column: Option<String>,
    parent_is_copy: Option<bool>,
    children: Option<String>,
    preview: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(item, Option<String>),
            name!(copy, Option<String>),
            name!(found, Option<i64>),
            name!(counted, Option<i64>),
            name!(note, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    // SAFETY: PostgreSQL calls every function with a filled-in fcinfo.
    let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
    let oid = needed("tbl", tbl)?;
    let names = Names {
        key: needed("key_column", key_column)?,
        parent: needed("parent_column", parent_column)?,
        available: needed("available_column", available_column)?,
        borrower: borrower_column,
        due: due_column,
        contact: contact_column,
        borrowed: borrowed_column,
    };
    let parent_is_copy = needed("parent_is_copy", parent_is_copy)?;
    let removes = word("children", children, &["remove", "keep"])? == "remove";
    let preview = needed("preview", preview)?;

    let (search_path, time_zone) = (setting(c"search_path"), setting(c"TimeZone"));
    begin(&engine, c"collapse_children()", oid, function, preview)?;
    let report = as_engine(&engine, || -> Result<Report, Error> {
        plans::with_latest_snapshot(|| {
            refuse_attached(&engine, oid)?;
            let before = known_before(&engine, oid, &names, parent_is_copy, removes)?;
            let (path, zone) = match &before {
                Some(known) => (&known.search_path, &known.time_zone),
                None => (&search_path, &time_zone),
            };
            let table = CopyTable::check(&engine, oid, &names, parent_is_copy, path, zone)?;
            let is_first = before.is_none();
            let known = before.unwrap_or_else(|| {
                Registration::new(
                    &engine,
                    &table,
                    names.clone(),
                    removes,
                    search_path.clone(),
                    time_zone.clone(),
                )
            });
            let collapse = Collapse {
                engine: &engine,
                table,
                known,
                is_first,
            };
            match preview {
                true => collapse.preview(),
                false => collapse.run(),
            }
        })
    })?;
    Ok(TableIterator::new(report.rows()))
}

/// A setting's value as the session has it.
fn setting(name: &CStr) -> String {
    // SAFETY: it is a setting of every server; its value is a C string.
    unsafe { c_text(pg_sys::GetConfigOption(name.as_ptr(), false, false)) }
}

/// An ordinary table of the caller's own, locked unless it is only looked at: nobody else may write it, or
/// refer to its rows, until the end.
pub fn begin(
    engine: &Engine,
    name: &CStr,
    oid: pg_sys::Oid,
    function: pg_sys::Oid,
    preview: bool,
) -> Result<(), Error> {
    check_owner(oid).map_err(not_collapsed)?;
    let check_kind = || {
        as_engine(engine, || {
            let table = checks::of(engine, oid);
            table.check_kind(function).map_err(not_collapsed)
        })
    };
    check_kind()?;
    if !preview {
        lock_owned(name, oid, pg_sys::ExclusiveLock as i32)?;
        check_kind()?;
    }
    Ok(())
}

/// The rows of an attached table are listings already.
pub fn refuse_attached(engine: &Engine, oid: pg_sys::Oid) -> Result<(), Error> {
    match Attachment::by_table(engine, oid) {
        Err(_) => Ok(()),
        Ok(attachment) => Err(Error::CannotCollapse {
            problem: "it is attached".to_owned(),
            hint: format!(
                "Detach it first: SELECT detach_table('{}'). Attached again, its rows find their listings.",
                attachment.name
            ),
            table: attachment.name,
        }),
    }
}

/// How it was collapsed before, if it was: the same way.
fn known_before(
    engine: &Engine,
    oid: pg_sys::Oid,
    names: &Names,
    parent_is_copy: bool,
    removes: bool,
) -> Result<Option<Registration>, Error> {
    let Some(known) = Registration::of_any_tenant(engine, oid) else {
        return Ok(None);
    };
    let refuse = |problem: &str, hint: &str| Error::CannotCollapse {
        table: checks::of(engine, oid).name,
        problem: problem.to_owned(),
        hint: hint.to_owned(),
    };
    if known.tenant_id != engine.tenant {
        return Err(refuse(
            "another tenant has collapsed it",
            "The copies of a table are one tenant's.",
        ));
    }
    if (&known.names, known.parent_is_copy, known.removes) != (names, parent_is_copy, removes) {
        return Err(refuse(
            "it was collapsed with other arguments",
            "Give the same as the first time (they are in collapsed_tables), or expand it first.",
        ));
    }
    Ok(Some(known))
}
