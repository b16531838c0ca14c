//! Rows of holds, which change as their time goes on.

use super::stored::{self, Stopped, Stored};
use super::Refusal;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use pgrx::prelude::*;
use std::collections::HashMap;
use stockroom_core::hold::Hold;
use uuid::Uuid;

/// A hold's row. Its key is tenant and hold.
pub trait LiveRow: Stored<Key = (Uuid, Uuid)> + Clone {
    fn hold_id(&self) -> Uuid;
    /// Status, quantity and expiry.
    fn life(&self) -> &Hold;
}

/// Locks these holds of the session's tenant, given in key order, and changes each to what `change` makes of it.
/// It may be called again for a row that somebody else has changed meanwhile, or at a later time.
pub fn change<T: LiveRow>(
    engine: &Engine,
    holds: &[Uuid],
    mut change: impl FnMut(&T, i64) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut before: HashMap<Uuid, T> = HashMap::new();
    let mut changed = write(engine, holds, |row: &T| {
        before.insert(row.hold_id(), row.clone());
        change(row, clock::microseconds())
    })?;
    // It was judged before the row was waited for, and its time may have run out since. Now it is locked.
    for row in &mut changed {
        let now = change(&before[&row.hold_id()], clock::microseconds())?;
        if now.life() != row.life() {
            let rewritten = write(engine, &[row.hold_id()], |_: &T| Ok(now.clone()))?;
            *row = rewritten.into_iter().next().expect("it is locked");
        }
    }
    Ok(changed)
}

fn write<T: LiveRow>(
    engine: &Engine,
    holds: &[Uuid],
    mut change: impl FnMut(&T) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let keys: Vec<(Uuid, Uuid)> = holds.iter().map(|hold| (engine.tenant, *hold)).collect();
    let changed = stored::change(engine, &keys, |_, row: T| {
        change(&row).map_err(Refusal::Error)
    });
    changed.map_err(|stopped| match stopped {
        Stopped::Missing((_, key)) => Error::HoldNotFound { by: "hold_id", key },
        Stopped::Refused(refusal) => refusal.into_error(Error::WriteInterfered),
    })
}

/// The key is taken by a hold that this transaction's snapshot doesn't show, or by one that has gone
/// again, or a trigger of the app swallowed the row.
pub fn key_not_found(tries: usize) -> Result<(), Error> {
    // SAFETY: a plain read.
    if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
        ereport!(
            ERROR,
            PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            "could not serialize access due to concurrent update"
        );
    }
    match tries {
        0..3 => Ok(()),
        _ => Err(Error::WriteInterfered),
    }
}
