//! Reading what is available, where much of it is claimed.

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::targets::Target;
use anyhow::{ensure, Result};
use postgres::Client;

const SIDES: [Side; 3] = [Side::Stockroom, Side::RowLock, Side::Conventional];
pub const UNITS: u64 = 1_000_000;

pub struct Read;

impl Benchmark for Read {
    fn name(&self) -> &'static str {
        "read"
    }

    fn what(&self) -> String {
        "get_available_stock, 1,000 active allocations, 10,000 calls in one statement".into()
    }

    fn unit(&self) -> &'static str {
        "reads/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "10,000 reads in one statement, over C";
        vec![
            Target::at_least(what, 0, 2, 10.0).stretch(40.0),
            Target::figure("10,000 reads in one statement, over R", 0, 1),
        ]
    }

    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        let mut client = server.connect()?;
        for side in SIDES {
            claimed(&mut client, side, options.size(1_000, 100))?;
        }
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let available = UNITS - options.size(1_000, 100);
        read_many(server, options, SIDES[arm], 1, available)
    }
}

/// One listing with one lot, of which so many single units are claimed.
pub fn claimed(client: &mut Client, side: Side, claims: u64) -> Result<()> {
    let fill = Fill {
        claims,
        ..Fill::plain(1, UNITS)
    };
    side.refill(client, fill)?;
    side.check(client, claims, claims)
}

/// Reads of one listing, 10,000 in a statement, each of which must answer what is available.
pub fn read_many(
    server: &Server,
    options: &Options,
    side: Side,
    listing: u64,
    available: u64,
) -> Result<Measured> {
    let calls = options.size(10_000, 1_000);
    let statement = format!(
        "SELECT sum({}.get_available_stock(bench.listing_id({listing})))::bigint
           FROM generate_series(1, {calls})",
        side.schema()
    );
    load::repeatedly(server, DATABASE, calls, options.seconds, |client| {
        let sum: i64 = client.query_one(&statement, &[])?.get(0);
        ensure!(
            sum as u64 == available * calls,
            "{}: {calls} reads of {available} came to {sum}",
            side.schema()
        );
        Ok(())
    })
}
