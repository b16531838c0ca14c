//! Bookings by date: holds of resources, and what is free.

mod check;
mod dates;
mod find;
mod hot;

pub use check::Check;
pub use dates::Dates;
pub use find::Find;
pub use hot::Hot;

use super::Benchmark;
use anyhow::{ensure, Result};
use postgres::Client;

/// On each date: enough for every hold.
const UNITS: u64 = 1_000_000_000;

/// Who holds.
#[derive(Clone, Copy)]
enum Holder {
    Stockroom,
    /// R, which locks the rows of the dates.
    RowLock,
    /// A, with an advisory lock on the resource until the transaction ends.
    AdvisoryLock,
    /// I, a bare INSERT.
    Bare,
}

impl Holder {
    fn label(self) -> &'static str {
        match self {
            Holder::Stockroom => "Stockroom",
            Holder::RowLock => "R, row lock",
            Holder::AdvisoryLock => "A, advisory lock",
            Holder::Bare => "I, bare INSERT",
        }
    }

    fn schema(self) -> &'static str {
        match self {
            Holder::Stockroom => "stock",
            Holder::RowLock => "row_lock",
            Holder::AdvisoryLock => "advisory_lock",
            Holder::Bare => "bare",
        }
    }

    /// Holds one unit on some dates, given as SQL.
    fn statement(self, resource: &str, dates: &str) -> String {
        match self {
            Holder::Bare => format!(
                "INSERT INTO bare.resource_hold (resource_id, dates, quantity, expires_at)
                 VALUES ({resource}, {dates}, 1, clock_timestamp() + interval '30 minutes') RETURNING id, expires_at;\n"
            ),
            _ => format!(
                "SELECT hold_id, expires_at FROM {}.hold_resource({resource}, {dates}, 1);\n",
                self.schema()
            ),
        }
    }

    /// Fails unless there are so many holds of one unit and of so many dates, and every date counts its own.
    fn check(self, client: &mut Client, holds: u64, dates: u64) -> Result<()> {
        let schema = self.schema();
        let found = client.query_one(
            &format!("SELECT count(*), coalesce(sum(cardinality(dates)), 0)::bigint FROM {schema}.resource_hold"),
            &[],
        )?;
        let (rows, on_dates): (i64, i64) = (found.get(0), found.get(1));
        ensure!(
            (rows as u64, on_dates as u64) == (holds, holds * dates),
            "{schema}: {holds} holds were answered, {rows} are there, of {on_dates} dates"
        );
        if matches!(self, Holder::Bare) {
            return Ok(());
        }
        let wrong = client.query(
            &format!(
                "SELECT FROM {schema}.resource_capacity c
                   LEFT JOIN (SELECT h.resource_id, d.date, sum(h.quantity) AS units
                                FROM {schema}.resource_hold h, unnest(h.dates) AS d (date) GROUP BY 1, 2) h
                     USING (resource_id, date)
                  WHERE c.available_capacity <> c.max_capacity - coalesce(h.units, 0)"
            ),
            &[],
        )?;
        ensure!(
            wrong.is_empty(),
            "{schema}: {} dates are wrong",
            wrong.len()
        );
        Ok(())
    }
}

/// Starts anew with so many resources, open for so many dates, vacuumed and with statistics.
fn refill(client: &mut Client, resources: u64, dates: u64, units: u64) -> Result<()> {
    client.batch_execute(&format!(
        "SELECT bench.open_dates({resources}, {dates}, {units})"
    ))?;
    client.batch_execute(
        "VACUUM ANALYZE stock.resource, stock.resource_capacity, stock.resource_hold, row_lock.resource_capacity,
                        row_lock.resource_hold, advisory_lock.resource_capacity, advisory_lock.resource_hold,
                        bare.resource_hold",
    )?;
    Ok(())
}
