//! Door 2 for stock_movements and what proves its archived lines: closed. A correction is a counter-entry.

use super::{aside, row};
use crate::error::Error;
use pgrx::prelude::*;

/// The engine alone adds lines; nobody changes or takes any, superusers included.
#[pg_trigger(
    sql = "CREATE FUNCTION stock_movements_before() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn stock_movements_before<'a>(trigger: &'a PgTrigger<'a>) -> row::Answer<'a> {
    if !aside::standing_aside(trigger) {
        let table = trigger.table_name().expect("a trigger's table has a name");
        Error::LedgerAppendOnly { table }.raise();
    }
    Ok(None)
}
