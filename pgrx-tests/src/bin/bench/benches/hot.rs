//! One listing that everybody wants.

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const SIDES: [Side; 3] = [Side::Stockroom, Side::RowLock, Side::Conventional];
pub const CLIENTS: u32 = 64;

pub struct Hot;

impl Benchmark for Hot {
    fn name(&self) -> &'static str {
        "hot"
    }

    fn what(&self) -> String {
        format!("allocate_stock, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "claims/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("one hot listing, 64 clients, over R", 0, 1, 3.0).stretch(5.0),
            Target::at_least("one hot listing, 64 clients, over C", 0, 2, 10.0),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        claims(server, options, SIDES[arm], 1, CLIENTS)
    }
}

/// Claims of one unit each on any of so many listings of one lot each.
pub fn claims(
    server: &Server,
    options: &Options,
    side: Side,
    listings: u64,
    clients: u32,
) -> Result<Measured> {
    let mut client = server.connect()?;
    // Enough for every claim, and a total that fits an integer.
    let fill = Fill::plain(listings, 100_000_000);
    side.refill(&mut client, fill)?;
    server.settle()?;
    let load = Load::claims(side.schema(), listings, clients);
    let (measured, done) = load::warm_and_run(server, options, &load)?;
    let all = fill.all_claims() + done;
    side.check(&mut client, all, all)?;
    Ok(measured)
}
