//! `guess_stock_columns`: what an import would read, before anything is read.

use super::reading::{Part, Reading};
use crate::arguments::required;
use crate::engine::{as_engine, current_search_path, Engine};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::json;

/// Which column of an app's lots and allocations `import_stock` would read for what, and why. Where
/// none was found, `source_column` is NULL and `why` says what holds then. Reads the catalog alone;
/// whatever is wrong can be said by `mapping`.
///
/// Errors: bad_argument, cannot_import.
#[pg_extern(
    sql = "CREATE FUNCTION guess_stock_columns(lots regclass, allocations regclass DEFAULT NULL)
RETURNS TABLE (target text, source_column text, type text, why text) STABLE
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // one result column each
fn guess_stock_columns(
    lots: Option<pg_sys::Oid>,
    allocations: Option<pg_sys::Oid>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(target, String),
            name!(source_column, Option<String>),
            name!(r#type, Option<String>),
            name!(why, String),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let lots = required("lots", lots)?;
    let search_path = current_search_path();
    let reading = as_engine(&engine, || {
        Reading::of(&engine, lots, allocations, &json!({}), &search_path)
    })?;
    let choices = reading.parts().flat_map(Part::named_choices);
    let rows = choices.map(|(target, choice)| {
        let column = choice.column.as_ref();
        (
            target,
            column.map(|column| column.name.clone()),
            column.map(|column| column.type_name.clone()),
            choice.why.to_owned(),
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}
