//! Many holds in one call, beside the rows that they become.

use super::{all_held, check_bare, empty_bare, lines, Benchmark, UNITS};
use crate::baselines::{Fill, Side};
use crate::clients;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};
use uuid::Uuid;

const CLIENTS: u32 = 16;
const OURS: &str = "Stockroom";
const BARE: &str = "I, bare INSERT";

/// Who writes, and how many lines a call.
const ARMS: [(&str, Lines); 4] = [
    (OURS, Lines::Hundred),
    (BARE, Lines::Hundred),
    (OURS, Lines::Thousands),
    (BARE, Lines::Thousands),
];

#[derive(Clone, Copy)]
enum Lines {
    Hundred,
    Thousands,
}

impl Lines {
    fn label(self) -> &'static str {
        match self {
            Lines::Hundred => "100",
            Lines::Thousands => "8,000",
        }
    }

    fn count(self, options: &Options) -> u64 {
        match self {
            Lines::Hundred => options.size(100, 20),
            Lines::Thousands => options.size(8_000, 100),
        }
    }
}

pub struct Many;

impl Benchmark for Many {
    fn name(&self) -> &'static str {
        "hold-many"
    }

    fn what(&self) -> String {
        format!("hold_many of 100 and of 8,000 lines, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "lines/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(who, lines): (&str, Lines)| format!("{who}, {} lines a call", lines.label());
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what =
            |lines: Lines| format!("hold_many of {} lines, 16 clients, over I", lines.label());
        vec![
            Target::at_least(what(Lines::Hundred), 0, 1, 0.25).stretch(0.5),
            Target::at_least(what(Lines::Thousands), 2, 3, 0.25).stretch(0.5),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (who, lines) = ARMS[arm];
        let count = lines.count(options);
        if who == OURS {
            hold(server, options, count)
        } else {
            insert(server, options, count)
        }
    }
}

fn hold(server: &Server, options: &Options, count: u64) -> Result<Measured> {
    let side = Side::Stockroom;
    let mut client = server.connect()?;
    let fill = Fill::plain(1, UNITS).held();
    side.refill(&mut client, fill)?;
    server.settle()?;
    let lines = lines(&mut client, count, "1")?;
    let hold = "SELECT * FROM stock.hold_many($1::text::jsonb)";
    let (measured, done) =
        clients::warm_and_run(server, options, CLIENTS, hold, |worker, hold| {
            all_held(&worker.query(hold, &[&lines])?, count)?;
            Ok(count)
        })?;
    let holds = fill.all_holds() + done;
    side.check_held(&mut client, fill.all_claims(), holds, holds)?;
    Ok(measured)
}

fn insert(server: &Server, options: &Options, count: u64) -> Result<Measured> {
    let mut client = server.connect()?;
    empty_bare(&mut client)?;
    server.settle()?;
    let row = client.query_one(
        "SELECT array_agg(bench.listing_id(1)), array_agg(1) FROM generate_series(1, $1::bigint)",
        &[&(count as i64)],
    )?;
    let (listings, quantities): (Vec<Uuid>, Vec<i32>) = (row.get(0), row.get(1));
    // Arrays are what a client sends fastest: jsonb is a fifth slower with 100 rows, and no faster with 8,000.
    let insert = "INSERT INTO bare.stock_holds (listing_id, quantity, quantity_requested, expires_at)
                  SELECT l.listing_id, l.quantity, l.quantity, clock_timestamp() + interval '30 minutes'
                    FROM unnest($1::uuid[], $2::integer[]) AS l (listing_id, quantity)";
    let (measured, done) =
        clients::warm_and_run(server, options, CLIENTS, insert, |worker, insert| {
            let inserted = worker.execute(insert, &[&listings, &quantities])?;
            ensure!(inserted == count, "{inserted} rows were inserted");
            Ok(count)
        })?;
    check_bare(&mut client, done)?;
    Ok(measured)
}
