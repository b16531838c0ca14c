//! A read costs the same however much of the listing is claimed.

use super::{read, Benchmark};
use crate::baselines::{Fill, Side};
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

pub struct ReadFlat;

impl ReadFlat {
    /// Claims on the listings 1 and 2.
    fn claims(options: &Options) -> [u64; 2] {
        [options.size(100_000, 1_000), 10]
    }
}

impl Benchmark for ReadFlat {
    fn name(&self) -> &'static str {
        "read-flat"
    }

    fn what(&self) -> String {
        "get_available_stock, 10,000 calls in one statement, many claims or few".into()
    }

    fn unit(&self) -> &'static str {
        "reads/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |claims| format!("Stockroom, {claims} allocations");
        ["100,000", "10"].map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "read with 100,000 active allocations over 10";
        vec![Target::at_least(what, 0, 1, 0.8)]
    }

    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let claims = ReadFlat::claims(options);
        let fill = Fill {
            claims: 0,
            ..Fill::plain(2, read::UNITS)
        };
        side.refill(&mut client, fill)?;
        for (listing, claims) in [(1, claims[0]), (2, claims[1])] {
            client.batch_execute(&format!(
                "SELECT bench.claim({claims}, bench.listing_id({listing}))"
            ))?;
        }
        side.vacuum(&mut client)?;
        let all = claims[0] + claims[1];
        side.check(&mut client, all, all)
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let available = read::UNITS - ReadFlat::claims(options)[arm];
        read::read_many(server, options, Side::Stockroom, arm as u64 + 1, available)
    }
}
