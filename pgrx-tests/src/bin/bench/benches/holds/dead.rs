//! Holds that have expired and that nobody has swept yet: what do they cost who reads?

use super::{Benchmark, UNITS};
use crate::baselines::{Fill, Side};
use crate::clients;
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::targets::{Measure, Target};
use anyhow::{ensure, Context, Result};
use postgres::Client;

const ARMS: [&str; 3] = [
    "Stockroom, 10 expired holds a listing",
    "Stockroom, the same swept",
    "Stockroom, all on one listing",
];
const SWEPT: usize = 1;
const ON_ONE_LISTING: usize = 2;

pub struct Dead;

impl Benchmark for Dead {
    fn name(&self) -> &'static str {
        "hold-dead"
    }

    fn what(&self) -> String {
        "get_available_stock with 100,000 expired holds, on 10,000 listings and on one".into()
    }

    fn unit(&self) -> &'static str {
        "reads/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Into::into).into()
    }

    fn targets(&self) -> Vec<Target> {
        let latency = Measure::Latency {
            arm: 0,
            over: SWEPT,
        };
        let seconds = Measure::Seconds {
            arm: ON_ONE_LISTING,
        };
        vec![
            Target::at_most("a read with 10 expired holds, over swept", latency, 2.0),
            Target::at_most("a read with 100,000 expired holds", seconds, 0.030),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let expired = options.size(100_000, 1_000);
        let (listings, each) = if arm == ON_ONE_LISTING {
            (1, expired)
        } else {
            (expired / 10, 10)
        };
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let fill = Fill::plain(listings, UNITS);
        side.refill(&mut client, fill)?;
        client.batch_execute(&format!(
            "SELECT bench.hold({each}, now() - interval '1 hour')"
        ))?;
        let unswept = if arm == SWEPT {
            sweep(&mut client, expired)?;
            0
        } else {
            expired
        };
        side.vacuum(&mut client)?;
        server.settle()?;
        let available = UNITS - fill.claims;
        let measured = if arm == ON_ONE_LISTING {
            read_one(server, options, available)?
        } else {
            read_all(server, options, listings, available)?
        };
        side.check_held(&mut client, fill.all_claims(), unswept, unswept)?;
        Ok(measured)
    }
}

/// Expires all of them, as the sweeper does.
fn sweep(client: &mut Client, expired: u64) -> Result<()> {
    let mut swept = 0;
    loop {
        let batch: i32 = client.query_one("SELECT stock.expire_holds()", &[])?.get(0);
        swept += batch as u64;
        if batch == 0 {
            break;
        }
    }
    ensure!(
        swept == expired,
        "{swept} of {expired} expired holds were swept"
    );
    Ok(())
}

/// Reads of all listings in one statement.
fn read_all(server: &Server, options: &Options, listings: u64, available: u64) -> Result<Measured> {
    let read =
        "SELECT sum(stock.get_available_stock(listing_id))::bigint FROM stock.stock_listings";
    load::repeatedly(server, DATABASE, listings, options.seconds, |worker| {
        let sum: i64 = worker.query_one(read, &[])?.get(0);
        ensure!(
            sum as u64 == available * listings,
            "{listings} reads of {available} came to {sum}"
        );
        Ok(())
    })
}

/// One read, the median of as many as there is time for.
fn read_one(server: &Server, options: &Options, available: u64) -> Result<Measured> {
    let read = "SELECT stock.get_available_stock(bench.listing_id(1))";
    let (measured, _) = clients::warm_and_run(server, options, 1, read, |worker, read| {
        let found: i32 = worker.query_one(read, &[])?.get(0);
        ensure!(
            found as u64 == available,
            "{found} of {available} available"
        );
        Ok(1)
    })?;
    let milliseconds = measured.latencies.p50.context("nothing was read")?;
    Ok(Measured {
        operations: 1,
        seconds: milliseconds / 1000.0,
        wal: measured.wal.share(1.0 / measured.operations as f64),
        ..measured
    })
}
