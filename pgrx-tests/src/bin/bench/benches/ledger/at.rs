//! What was there at a moment, after few lines and after very many.

use super::super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::{ensure, Result};

/// Of its own: other benchmarks leave lines behind.
const DATABASE: &str = "stock_at";
/// Label and listing.
const ARMS: [(&str, u64); 2] = [
    ("Stockroom, a listing with 1,000,000 lines", 1),
    ("Stockroom, a listing with 100 lines", 2),
];
/// Moments that one statement asks for.
const MOMENTS: u64 = 1_000;
const FEW: u64 = 100;
/// Lots of the listing with many lines: as many lines have one moment.
const LOTS: u64 = 100;

pub struct At;

impl Benchmark for At {
    fn name(&self) -> &'static str {
        "stock-at"
    }

    fn what(&self) -> String {
        "stock_at at moments of a listing's whole history, in one statement".into()
    }

    fn unit(&self) -> &'static str {
        "answers/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|(label, _)| label.into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        let latency = Measure::Latency { arm: 0, over: 1 };
        let what = "stock_at after 1,000,000 lines, over after 100";
        vec![Target::at_most(what, latency, 3.0)]
    }

    /// Makes both listings, and notes moments with what was there then.
    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        server.make_database(DATABASE)?;
        let mut client = server.cluster.connect(DATABASE)?;
        let fill = Fill {
            claims: 0,
            ..Fill::plain(2, 1)
        };
        Side::Stockroom.refill(&mut client, fill)?;
        let (many, lots) = (options.size(1_000_000, 1_000), options.size(LOTS, 10));
        client.batch_execute(&format!(
            "INSERT INTO stock.stock_lots (listing_id, quantity_total)
             SELECT bench.listing_id(1), 1 FROM generate_series(2, {lots});
             CREATE PROCEDURE bench.write(listing uuid, lines bigint, lots bigint) LANGUAGE plpgsql AS $$
             BEGIN
               FOR n IN 2..lines / lots LOOP
                 UPDATE stock.stock_lots SET quantity_total = quantity_total + 1 WHERE listing_id = listing;
                 COMMIT;
               END LOOP;
             END $$;
             SET synchronous_commit = off"
        ))?;
        for (listing, lines, lots) in [(1_i64, many, lots), (2, FEW, 1)] {
            client.batch_execute(&format!(
                "CALL bench.write(bench.listing_id({listing}), {lines}, {lots})"
            ))?;
            let written = client.query_one(
                "SELECT count(*) FROM stock.stock_movements WHERE listing_id = bench.listing_id($1)",
                &[&listing],
            )?;
            ensure!(
                written.get::<_, i64>(0) as u64 == lines,
                "{lines} lines should be there"
            );
        }
        client.batch_execute(&format!(
            "RESET synchronous_commit;
             CREATE TABLE bench.moments AS
             SELECT n AS listing, m.recorded_at AS moment
               FROM (SELECT (1 + n % 2)::bigint AS n, random() AS place FROM generate_series(1, 2 * {MOMENTS}) n) AS wanted,
                    LATERAL (SELECT 1 + floor(place * CASE n WHEN 1 THEN {many} ELSE {FEW} END)::bigint AS version) AS v
               JOIN stock.stock_movements m ON m.version = v.version
              WHERE m.listing_id = bench.listing_id(n)
              ORDER BY random()"
        ))?;
        Side::Stockroom.vacuum(&mut client)?;
        client.batch_execute("VACUUM ANALYZE stock.stock_movements, bench.moments")?;
        server.settle()
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let listing = ARMS[arm].1 as i64;
        // Summed up from the lines themselves, once.
        let expected: i64 = server
            .cluster
            .connect(DATABASE)?
            .query_one(
                "WITH lines AS (
                   SELECT recorded_at AS moment, sum(sum(delta)) OVER (ORDER BY recorded_at) AS units
                     FROM stock.stock_movements WHERE listing_id = bench.listing_id($1) GROUP BY 1)
                 SELECT sum(units)::bigint FROM bench.moments JOIN lines USING (moment) WHERE listing = $1",
                &[&listing],
            )?
            .get(0);
        let read = "SELECT sum(stock.stock_at(bench.listing_id($1), moment))::bigint
                      FROM bench.moments WHERE listing = $1";
        load::repeatedly(server, DATABASE, MOMENTS, options.seconds, |worker| {
            let found: i64 = worker.query_one(read, &[&listing])?.get(0);
            ensure!(
                found == expected,
                "{MOMENTS} answers came to {found}, not {expected}"
            );
            Ok(())
        })
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        server
            .connect()?
            .batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
        Ok(String::new())
    }
}
