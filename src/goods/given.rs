//! Why goods move, as the caller says it.

use crate::arguments::{at_most, bad};
use crate::counters::ledger::Cause;
use crate::error::Error;
use crate::settings;
use pgrx::prelude::*;
use serde_json::{json, Value};

/// The arguments `reason`, `reference` and `effective_at`.
pub struct Given {
    reason: Option<String>,
    reference: Option<String>,
    /// PostgreSQL's own microseconds.
    effective_at: Option<i64>,
}

impl Given {
    pub fn check(
        reason: Option<String>,
        reference: Option<String>,
        effective_at: Option<TimestampWithTimeZone>,
    ) -> Result<Given, Error> {
        if effective_at.is_some_and(|moment| !moment.is_finite()) {
            return bad("effective_at", "must not be infinite");
        }
        Ok(Given {
            reason: at_most("reason", reason, 1000)?,
            reference: at_most("reference", reference, 200)?,
            effective_at: effective_at.map(TimestampWithTimeZone::into_inner),
        })
    }

    /// For the ledger; without a reason, the session's.
    pub fn cause(&self) -> Cause {
        Cause {
            reason: self.reason.clone().or_else(settings::reason),
            reference: self.reference.clone(),
            effective_at: self.effective_at,
        }
    }

    /// A call's arguments with these, for comparing a replay.
    pub fn among(&self, mut arguments: Value) -> Value {
        arguments["reason"] = json!(self.reason);
        arguments["reference"] = json!(self.reference);
        arguments["effective_at"] = json!(self.effective_at);
        arguments
    }
}
