//! The same work in a database with ten million lots and in one with ten thousand.
//!
//! Both have ten lots a listing, and one listing more with very many lots. What is claimed and read are
//! as many listings in both. In the large one they are scattered over all of it, and have pages of
//! their own; or they are neighbours, and share pages as those of the small one do: there a difference
//! is the size's alone. One arm claims from all listings of the large one, for comparison.

use super::Benchmark;
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::report::figure;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};
use std::fmt::Write as _;
use std::time::Instant;

const CLIENTS: u32 = 16;
const LOTS: u64 = 10;
const UNITS: u64 = 10_000;
/// Databases.
const SMALL: &str = "scale_small";
const LARGE: &str = "scale_large";

#[derive(Clone, Copy)]
enum Work {
    Claim,
    ClaimOfNeighbours,
    ClaimAnywhere,
    ClaimOfManyLots,
    Read,
    ReadOfNeighbours,
    ReadOfManyLots,
}

const ARMS: [(&str, &str, Work); 10] = [
    ("10,000,000 lots, claims", LARGE, Work::Claim),
    ("10,000 lots, claims", SMALL, Work::Claim),
    ("10,000,000 lots, reads", LARGE, Work::Read),
    ("10,000 lots, reads", SMALL, Work::Read),
    ("claims of 1,000,000 listings", LARGE, Work::ClaimAnywhere),
    (
        "claims, listing of 100,000 lots",
        LARGE,
        Work::ClaimOfManyLots,
    ),
    ("claims, listing of 10 lots", SMALL, Work::ClaimOfManyLots),
    (
        "reads, listing of 100,000 lots",
        LARGE,
        Work::ReadOfManyLots,
    ),
    (
        "10,000,000 lots, claims of neighbours",
        LARGE,
        Work::ClaimOfNeighbours,
    ),
    (
        "10,000,000 lots, reads of neighbours",
        LARGE,
        Work::ReadOfNeighbours,
    ),
];

#[derive(Default)]
pub struct Scale {
    notes: String,
}

/// How many listings of ten lots a database has, and how many lots its last one.
fn shape(database: &str, options: &Options) -> (u64, u64) {
    if database == LARGE {
        (options.size(1_000_000, 500), options.size(100_000, 200))
    } else {
        (options.size(1_000, 50), LOTS)
    }
}

impl Benchmark for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn what(&self) -> String {
        format!("10,000,000 lots and 10,000: claims ({CLIENTS} clients) and reads (one)")
    }

    fn unit(&self) -> &'static str {
        "calls/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.iter()
            .map(|(name, _, _)| format!("Stockroom, {name}"))
            .collect()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::figure("claims with 10,000,000 lots over 10,000", 0, 1),
            Target::figure("reads with 10,000,000 lots over 10,000", 2, 3),
            Target::figure("the same, claims of neighbours", 8, 1),
            Target::figure("the same, reads of neighbours", 9, 3),
            Target::figure("claims of all 1,000,000 listings over 1,000 of them", 4, 0),
            Target::figure("claims of a listing of 100,000 lots over one of 10", 5, 6),
            Target::figure("reads of a listing of 100,000 lots over those of 10", 7, 3),
        ]
    }

    /// It has many arms, and vacuums ten million lots before each.
    fn rounds(&self, options: &Options) -> usize {
        options.rounds.min(3)
    }

    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        for database in [SMALL, LARGE] {
            server.make_database(database)?;
            let (seconds, lots) = fill(server, options, database)?;
            let text = format!(
                "{} lots were inserted (plain INSERT … SELECT, 500,000 rows a statement) at {} a second.",
                figure(lots as f64),
                figure(lots as f64 / seconds)
            );
            println!("    {text}");
            if database == LARGE {
                writeln!(self.notes, "{text}")?;
            }
        }
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (_, database, work) = ARMS[arm];
        let (listings, _) = shape(database, options);
        let (active, _) = shape(SMALL, options);
        let scattered = format!("1 + (:n - 1) * {}", listings / active);
        let nth = format!("(1 + n * 7919 % {active})");
        let of_many_lots = listings + 1;
        match work {
            Work::Claim => claim(server, options, database, active, &scattered),
            Work::ClaimOfNeighbours => claim(server, options, database, active, ":n"),
            Work::ClaimAnywhere => claim(server, options, database, listings, ":n"),
            Work::ClaimOfManyLots => claim(server, options, database, 1, &of_many_lots.to_string()),
            Work::Read => read(server, options, database, &scattered.replace(":n", &nth)),
            Work::ReadOfNeighbours => read(server, options, database, &nth),
            Work::ReadOfManyLots => read(server, options, database, &of_many_lots.to_string()),
        }
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        for database in [SMALL, LARGE] {
            let mut client = server.cluster.connect(database)?;
            let started = Instant::now();
            let wrong = client.query("SELECT FROM stock.verify_stock()", &[])?;
            ensure!(
                wrong.is_empty(),
                "verify_stock() found {} differences",
                wrong.len()
            );
            let row = client.query_one("SELECT pg_database_size(current_database())", &[])?;
            let size: i64 = row.get(0);
            if database == LARGE {
                writeln!(
                    self.notes,
                    "The database had {} MB. verify_stock() took {} s and found nothing.",
                    figure(size as f64 / 1e6),
                    figure(started.elapsed().as_secs_f64())
                )?;
            }
            drop(client);
            server
                .connect()?
                .batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)"))?;
        }
        Ok(std::mem::take(&mut self.notes))
    }
}

/// Fills a database through the second door; answers how long the lots took, and how many there are.
fn fill(server: &Server, options: &Options, database: &str) -> Result<(f64, u64)> {
    let (listings, many) = shape(database, options);
    let mut client = server.cluster.connect(database)?;
    client.execute(
        "INSERT INTO stock.stock_listings (listing_id)
         SELECT bench.listing_id(n) FROM generate_series(1, $1::bigint) n",
        &[&(listings as i64 + 1)],
    )?;
    let started = Instant::now();
    let lots = |client: &mut postgres::Client, from: u64, to: u64, each: u64| {
        client.execute(
            "INSERT INTO stock.stock_lots (listing_id, quantity_total)
             SELECT bench.listing_id(n), $4::integer
               FROM generate_series($1::bigint, $2::bigint) n, generate_series(1, $3::bigint)",
            &[
                &(from as i64),
                &(to as i64),
                &(each as i64),
                &(UNITS as i32),
            ],
        )
    };
    let batch = 500_000 / LOTS;
    for from in (1..=listings).step_by(batch as usize) {
        lots(&mut client, from, listings.min(from + batch - 1), LOTS)?;
        println!("    {database}: {} of {listings} listings", from - 1);
    }
    lots(&mut client, listings + 1, listings + 1, many)?;
    let seconds = started.elapsed().as_secs_f64();
    client.batch_execute("VACUUM ANALYZE")?;
    Ok((seconds, listings * LOTS + many))
}

/// Claims of single units of the listings that an expression of `:n` names, which is 1 to `listings`.
fn claim(
    server: &Server,
    options: &Options,
    database: &'static str,
    listings: u64,
    listing: &str,
) -> Result<Measured> {
    let mut client = server.cluster.connect(database)?;
    // What the run before claimed is given back.
    client.batch_execute("DELETE FROM stock.stock_allocations")?;
    client.batch_execute(
        "VACUUM stock.stock_allocations, stock.stock_lots, stock.stock_levels, stock.stock_listings",
    )?;
    server.settle()?;
    let script = format!(
        "\\set n random(1, {listings})\n\
         SELECT * FROM stock.allocate_stock(bench.listing_id({listing}), gen_random_uuid(), 1);\n"
    );
    let load = Load::new(script, CLIENTS).in_database(database);
    let (measured, done) = load::warm_and_run(server, options, &load)?;
    let row = client.query_one(
        "SELECT (SELECT count(*) FROM stock.stock_allocations),
                (SELECT sum(quantity_allocated)::bigint FROM stock.stock_listings)",
        &[],
    )?;
    let (claims, counted): (i64, i64) = (row.get(0), row.get(1));
    ensure!(
        (claims as u64, counted as u64) == (done, done),
        "{done} claims were answered, {claims} are there, {counted} are counted"
    );
    Ok(measured)
}

/// Reads in one statement, of the listings that an expression of `n` names.
fn read(server: &Server, options: &Options, database: &str, listing: &str) -> Result<Measured> {
    let calls = options.size(10_000, 1_000);
    let numbers = format!("FROM generate_series(1, {calls}) n");
    let mut client = server.cluster.connect(database)?;
    let expected: i64 = client
        .query_one(
            &format!(
                "SELECT sum(g.quantity_available)::bigint
                   FROM (SELECT bench.listing_id({listing}) AS listing_id {numbers}) w
                   JOIN stock.stock_listings g USING (listing_id)"
            ),
            &[],
        )?
        .get(0);
    let read = format!(
        "SELECT sum(stock.get_available_stock(bench.listing_id({listing})))::bigint {numbers}"
    );
    load::repeatedly(server, database, calls, options.seconds, |worker| {
        let sum: i64 = worker.query_one(&read, &[])?.get(0);
        ensure!(
            sum == expected,
            "{calls} reads came to {sum}, not {expected}"
        );
        Ok(())
    })
}
