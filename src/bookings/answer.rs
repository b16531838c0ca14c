//! What a holding function answers.

use super::judge::Unfit;
use super::row::HoldRow;
use super::written::{Common, NewHold};
use crate::calendar;
use crate::clock;
use crate::ids;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::Uuid as PgUuid;
use serde::{Deserialize, Serialize};
use stockroom_core::calendar::Day;
use stockroom_core::hold::HoldStatus;
use uuid::Uuid;

/// One row of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    pub hold_id: Option<Uuid>,
    pub resource_id: String,
    /// A hold's own state, or `insufficient`, or `blacked_out`.
    pub state: String,
    /// The hold's dates; in a refusal those that stand in the way. PostgreSQL's days.
    pub dates: Vec<i32>,
    /// Units held; 0 for a refusal.
    pub quantity: i32,
    /// PostgreSQL's own microseconds; None for never.
    pub expires_at: Option<i64>,
    pub replayed: bool,
    /// Units left on all of the dates after it; in a refusal, what could be had. None in a replay.
    pub available: Option<i32>,
}

/// Columns of hold_resource.
pub type Columns = (
    Option<PgUuid>,
    String,
    Vec<Date>,
    i32,
    Option<TimestampWithTimeZone>,
    bool,
    Option<i32>,
);

/// Columns of hold_package.
pub type PackageColumns = (
    Option<PgUuid>,
    Option<PgUuid>,
    String,
    String,
    Vec<Date>,
    i32,
    Option<TimestampWithTimeZone>,
    bool,
    Option<i32>,
);

fn numbers(dates: &[Day]) -> Vec<i32> {
    dates.iter().map(|day| day.0).collect()
}

impl Held {
    pub fn placed(hold: &NewHold, common: &Common, left: i32) -> Held {
        Held {
            hold_id: Some(hold.hold_id),
            resource_id: hold.resource_id.to_string(),
            state: HoldStatus::Active.upper_name().to_owned(),
            dates: numbers(&hold.dates),
            quantity: hold.quantity,
            expires_at: common.expires_at,
            replayed: false,
            available: Some(left),
        }
    }

    pub fn refused(unfit: &Unfit) -> Held {
        let (state, resource_id, dates, available) = match unfit {
            Unfit::Short {
                resource_id,
                dates,
                available,
                ..
            } => ("insufficient", resource_id, dates, *available as i32),
            Unfit::Closed {
                resource_id, dates, ..
            } => ("blacked_out", resource_id, dates, 0),
        };
        Held {
            hold_id: None,
            resource_id: resource_id.to_string(),
            state: state.to_owned(),
            dates: numbers(dates),
            quantity: 0,
            expires_at: None,
            replayed: false,
            available: Some(available),
        }
    }

    /// A hold that was made before, as it is now.
    pub fn replayed(row: &HoldRow) -> Held {
        Held {
            hold_id: Some(row.hold_id),
            resource_id: row.resource_id.to_string(),
            state: row.state().to_owned(),
            dates: numbers(&row.dates),
            quantity: row.life.quantity,
            expires_at: row.life.expires_at,
            replayed: true,
            available: None,
        }
    }

    pub fn columns(self) -> Columns {
        let dates = self.dates.into_iter().map(|day| calendar::to_pg(Day(day)));
        (
            self.hold_id.map(ids::to_pg),
            self.state,
            dates.collect(),
            self.quantity,
            self.expires_at.map(clock::moment),
            self.replayed,
            self.available,
        )
    }

    pub fn package_columns(self, package_id: Option<Uuid>) -> PackageColumns {
        let resource_id = self.resource_id.clone();
        let (hold, state, dates, quantity, expires_at, replayed, available) = self.columns();
        (
            package_id.map(ids::to_pg),
            hold,
            resource_id,
            state,
            dates,
            quantity,
            expires_at,
            replayed,
            available,
        )
    }
}
