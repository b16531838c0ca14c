//! What of a resource's booked dates is free again: holds past their time that are still counted.

use crate::calendar;
use crate::clock;
use crate::direct::shape::{EntryColumn, RESOURCE_HOLDS, RESOURCE_HOLDS_LIVE};
use crate::direct::{with_fresh_snapshot, Access, Key, Table};
use crate::engine::Engine;
use crate::plans::{self, Statement};
use pgrx::datum::Date;
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZOID};
use std::collections::BTreeMap;
use stockroom_core::calendar::Day;

/// Units by date, in holds that have expired and are still counted.
#[derive(Debug, Clone, Default)]
pub struct DeadDates(BTreeMap<Day, i64>);

impl DeadDates {
    fn add(&mut self, dates: Vec<Date>, quantity: i32) {
        for date in dates {
            *self.0.entry(calendar::from_pg(date)).or_default() += i64::from(quantity);
        }
    }

    /// Units of a date.
    pub fn on(&self, date: Day) -> i64 {
        match self.0.is_empty() {
            true => 0,
            false => self.0.get(&date).copied().unwrap_or(0),
        }
    }
}

const OF_RESOURCE: &str = "SELECT dates, quantity FROM {s}.resource_hold
      WHERE resource_id = $1 AND status = 'ACTIVE' AND expires_at <= $2";
static SEEN: Statement = Statement::stable(OF_RESOURCE, &[TEXTOID, TIMESTAMPTZOID]);
static NOW: Statement = Statement::fresh(OF_RESOURCE, &[TEXTOID, TIMESTAMPTZOID]);

/// Of a resource, as the calling query sees them, by the clock of this moment. A resource's holds are its
/// tenant's.
pub fn seen(engine: &Engine, resource_id: &str) -> DeadDates {
    direct(engine, resource_id).unwrap_or_else(|| by(engine, &SEEN, resource_id))
}

/// As they are now.
pub fn now(engine: &Engine, resource_id: &str) -> DeadDates {
    with_fresh_snapshot(|| direct(engine, resource_id))
        .unwrap_or_else(|| by(engine, &NOW, resource_id))
}

fn by(engine: &Engine, statement: &Statement, resource_id: &str) -> DeadDates {
    let mut dead = DeadDates::default();
    let args = [resource_id.into(), clock::now().into()];
    plans::run(engine, statement, &args, |row| {
        dead.add(row.need(1), row.need(2));
    });
    dead
}

/// With the active snapshot, below SQL; None where only SQL can tell.
fn direct(engine: &Engine, resource_id: &str) -> Option<DeadDates> {
    const QUANTITY: EntryColumn = RESOURCE_HOLDS.included(RESOURCE_HOLDS_LIVE, "quantity");
    const DATES: EntryColumn = RESOURCE_HOLDS.included(RESOURCE_HOLDS_LIVE, "dates");
    let table = Table::open(engine, &RESOURCE_HOLDS, Access::Read)?;
    let mut dead = DeadDates::default();
    let keys = [Key::Text(resource_id), Key::UpTo(clock::microseconds())];
    table.scan_entries(RESOURCE_HOLDS_LIVE, &keys, |hold| {
        let dates = hold.get(DATES).expect("a hold has dates");
        dead.add(dates, hold.get(QUANTITY).expect("a hold has a quantity"));
    })?;
    Some(dead)
}
