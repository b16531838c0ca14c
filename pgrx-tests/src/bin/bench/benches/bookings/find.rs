//! Which of very many resources are free for a week.

use super::{refill, Benchmark};
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::{ensure, Result};

const DATABASE: &str = "booking_find";
const DATES: u64 = 60;
const UNITS: u64 = 2;

pub struct Find;

impl Find {
    fn resources(options: &Options) -> u64 {
        options.size(10_000, 100)
    }
}

impl Benchmark for Find {
    fn name(&self) -> &'static str {
        "booking-find"
    }

    fn what(&self) -> String {
        "find_available over 10,000 resources, 7 dates, warm".into()
    }

    fn unit(&self) -> &'static str {
        "calls/s"
    }

    fn arms(&self) -> Vec<String> {
        vec!["Stockroom".into()]
    }

    fn targets(&self) -> Vec<Target> {
        let what = "find_available over 10,000 resources, 7 dates";
        vec![Target::at_most(what, Measure::Seconds { arm: 0 }, 0.1)]
    }

    /// A tenth of the resources is full in the week that is asked for, and a tenth blacked out.
    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        server.make_database(DATABASE)?;
        let mut client = server.cluster.connect(DATABASE)?;
        let resources = Find::resources(options);
        refill(&mut client, resources, DATES, UNITS)?;
        client.batch_execute(&format!(
            "SELECT count(*) FROM generate_series(1, {resources} / 10) n,
                    stock.hold_resource('r' || n * 10, ARRAY[date '2030-01-12'], 2);
             INSERT INTO stock.resource_blackout (resource_id, start_date, end_date)
             SELECT 'r' || n * 10 + 1, '2030-01-13', '2030-01-20' FROM generate_series(0, {resources} / 10 - 1) n"
        ))?;
        client.batch_execute(
            "VACUUM ANALYZE stock.resource_capacity, stock.resource_hold, stock.resource, stock.resource_blackout",
        )?;
        server.settle()
    }

    fn run(&mut self, server: &Server, options: &Options, _arm: usize) -> Result<Measured> {
        let free = Find::resources(options) / 10 * 8;
        let find = "SELECT count(*) FROM stock.find_available('VEHICLE',
                        ARRAY(SELECT date '2030-01-10' + n FROM generate_series(0, 6) n))";
        let calls = load::repeatedly(server, DATABASE, 1, options.seconds, |worker| {
            let found: i64 = worker.query_one(find, &[])?.get(0);
            ensure!(found as u64 == free, "{found} are free, not {free}");
            Ok(())
        })?;
        // One call.
        Ok(Measured {
            seconds: calls.seconds / calls.operations as f64,
            operations: 1,
            ..calls
        })
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        server
            .connect()?
            .batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
        Ok(String::new())
    }
}
