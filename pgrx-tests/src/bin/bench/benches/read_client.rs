//! One read through a client, beside the least that a client can ask.

use super::{read, Benchmark};
use crate::baselines::Side;
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::Result;

const NOTHING: &str = "SELECT 1";
const OURS: &str = "Stockroom";
const THEIRS: &str = "C, conventional";

/// What is asked, and by which protocol of pgbench: simple is its default.
const ARMS: [(&str, &str); 5] = [
    (OURS, "prepared"),
    (NOTHING, "prepared"),
    (THEIRS, "prepared"),
    (OURS, "simple"),
    (NOTHING, "simple"),
];

pub struct ReadClient;

impl Benchmark for ReadClient {
    fn name(&self) -> &'static str {
        "read-client"
    }

    fn what(&self) -> String {
        "get_available_stock through a client, 1,000 active allocations, 1 client".into()
    }

    fn unit(&self) -> &'static str {
        "reads/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(what, protocol)| format!("{what}, {protocol}");
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        let latency = |what, arm, over| Target::at_most(what, Measure::Latency { arm, over }, 1.2);
        vec![
            latency("latency of a read, prepared, over SELECT 1", 0, 1),
            latency("latency of a read, not prepared, over SELECT 1", 3, 4),
        ]
    }

    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        let mut client = server.connect()?;
        for side in [Side::Stockroom, Side::Conventional] {
            read::claimed(&mut client, side, options.size(1_000, 100))?;
        }
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (what, protocol) = ARMS[arm];
        let read = |schema: &str| {
            format!("SELECT {schema}.get_available_stock('00000000-0000-4000-8000-000000000001')")
        };
        let statement = match what {
            OURS => read("stock"),
            THEIRS => read("conventional"),
            nothing => nothing.to_owned(),
        };
        let load = Load::new(format!("{statement};\n"), 1)
            .protocol(protocol)
            // Noting each would cost a good part of so short a call.
            .sampled(0.05);
        let (measured, _) = load::warm_and_run(server, options, &load)?;
        Ok(measured)
    }
}
