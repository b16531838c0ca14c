//! What a year's dates have free, beside a plain read of their rows.

use super::{refill, Benchmark};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::{ensure, Result};

const RESOURCES: u64 = 100;
const DATES: u64 = 365;
const UNITS: u64 = 5;

/// Label and statement; both answer the same rows.
const ARMS: [(&str, &str); 2] = [
    (
        "Stockroom, check_availability",
        "SELECT * FROM stock.check_availability('r' || :n, '2030-01-01', '2030-12-31', 1)",
    ),
    (
        "a plain indexed range scan",
        "SELECT date, available_capacity AS available, max_capacity AS capacity, available_capacity >= 1 AS bookable,
                CASE WHEN available_capacity < 1 THEN 'insufficient_capacity' END AS reason
           FROM stock.resource_capacity
          WHERE resource_id = 'r' || :n AND date BETWEEN '2030-01-01' AND '2030-12-31' ORDER BY date",
    ),
];

pub struct Check;

impl Benchmark for Check {
    fn name(&self) -> &'static str {
        "booking-check"
    }

    fn what(&self) -> String {
        format!("check_availability over {DATES} dates, through a client, 1 client")
    }

    fn unit(&self) -> &'static str {
        "reads/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|(label, _)| label.into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        let latency = Measure::Latency { arm: 0, over: 1 };
        let what = "check_availability over 365 dates, latency over a plain range scan";
        vec![Target::at_most(what, latency, 1.3)]
    }

    fn prepare(&mut self, server: &Server, _options: &Options) -> Result<()> {
        let mut client = server.connect()?;
        refill(&mut client, RESOURCES, DATES, UNITS)?;
        client.batch_execute(
            "SELECT count(*) FROM generate_series(1, 100) n,
                    stock.hold_resource('r' || n, ARRAY[date '2030-01-01' + n, date '2030-06-01' + n], 1 + n % 5)",
        )?;
        client.batch_execute("VACUUM stock.resource_capacity")?;
        let mut rows = |statement: &str| -> Result<Vec<String>> {
            let statement = statement.replace(":n", "7");
            let rows = client.query(&format!("SELECT r::text FROM ({statement}) r"), &[])?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        let (ours, plain) = (rows(ARMS[0].1)?, rows(ARMS[1].1)?);
        ensure!(
            ours.len() as u64 == DATES && ours == plain,
            "both arms answer the same"
        );
        server.settle()
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let statement = ARMS[arm].1.replace('\n', " ");
        let script = format!("\\set n random(1, {RESOURCES})\n{statement};\n");
        let (measured, _) = load::warm_and_run(server, options, &Load::new(script, 1))?;
        Ok(measured)
    }
}
