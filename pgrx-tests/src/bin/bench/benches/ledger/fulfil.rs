//! What the ledger's line costs when goods leave: the same library, built without the INSERT.

use super::super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::targets::Target;
use anyhow::{ensure, Result};
use postgres::Client;

const ARMS: [(&str, &str); 2] = [
    ("Stockroom", DATABASE),
    ("Stockroom without the line", WITHOUT_LEDGER),
];
/// A database whose functions are in the other library.
const WITHOUT_LEDGER: &str = "without_ledger";
const LIBRARY: &str = "stockroom_without_ledger";
const LISTINGS: u64 = 1_000;
const CLIENTS: u32 = 16;

pub struct Fulfil;

impl Benchmark for Fulfil {
    fn name(&self) -> &'static str {
        "fulfil"
    }

    fn what(&self) -> String {
        format!(
            "fulfill_allocations of an order of one unit, {LISTINGS} listings, {CLIENTS} clients"
        )
    }

    fn unit(&self) -> &'static str {
        "orders/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|(label, _)| label.into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "fulfill_allocations with the ledger, over the same without its INSERT";
        vec![Target::at_least(what, 0, 1, 0.75)]
    }

    fn prepare(&mut self, server: &Server, options: &Options) -> Result<()> {
        server.make_database(WITHOUT_LEDGER)?;
        let mut client = server.cluster.connect(WITHOUT_LEDGER)?;
        let is_there = client.query_one("SELECT (pg_catalog.pg_stat_file(setting || '/' || $1 || '.so', true)).size IS NOT NULL FROM pg_catalog.pg_config WHERE name = 'PKGLIBDIR'", &[&LIBRARY])?;
        // Building it takes minutes; a quick run, which measures nothing, goes through with ours.
        if is_there.get(0) {
            client.execute(
                "UPDATE pg_proc SET probin = '$libdir/' || $1 WHERE probin = '$libdir/stockroom'",
                &[&LIBRARY],
            )?;
        }
        ensure!(
            is_there.get::<_, bool>(0) || options.quick,
            "{LIBRARY}.so is not installed: make bench does it"
        );
        for (_, database) in ARMS {
            server.cluster.connect(database)?.batch_execute(
                "CREATE SEQUENCE IF NOT EXISTS bench.orders;
                 CREATE OR REPLACE FUNCTION bench.order_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
                 $$ SELECT ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid $$",
            )?;
        }
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (_, database) = ARMS[arm];
        let mut client = server.cluster.connect(database)?;
        // More than the quickest run takes.
        let orders = options.size(120_000, 2_000);
        let fill = Fill {
            claims: 0,
            ..Fill::plain(LISTINGS, 1_000_000)
        };
        Side::Stockroom.refill(&mut client, fill)?;
        client.batch_execute(&format!(
            "ALTER SEQUENCE bench.orders RESTART;
             INSERT INTO stock.stock_allocations (lot_id, listing_id, order_id, quantity)
             SELECT l.lot_id, l.listing_id, bench.order_id(n), 1
               FROM generate_series(1, {orders}) n
               JOIN stock.stock_lots l ON l.listing_id = bench.listing_id(1 + n * 7919 % {LISTINGS})
              ORDER BY n"
        ))?;
        Side::Stockroom.vacuum(&mut client)?;
        client.batch_execute("CHECKPOINT")?;
        let lines = count_lines(&mut client)?;
        let load = Load::new(
            "SELECT stock.fulfill_allocations(bench.order_id(nextval('bench.orders')));\n",
            CLIENTS,
        )
        .in_database(database);
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        Side::Stockroom.check(&mut client, orders - done, orders - done)?;
        let written = count_lines(&mut client)? - lines;
        let is_ours = client.query_one(
            "SELECT count(*) = 0 FROM pg_proc WHERE probin = '$libdir/' || $1",
            &[&LIBRARY],
        )?;
        let expected = if is_ours.get(0) { done } else { 0 };
        ensure!(
            written == expected,
            "{done} orders left, and {written} lines were written"
        );
        Ok(measured)
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        server
            .connect()?
            .batch_execute(&format!("DROP DATABASE {WITHOUT_LEDGER} WITH (FORCE)"))?;
        Ok(String::new())
    }
}

fn count_lines(client: &mut Client) -> Result<u64> {
    let sql = "SELECT count(*) FROM stock.stock_movements WHERE movement_type = 'fulfill'";
    Ok(client.query_one(sql, &[])?.get::<_, i64>(0) as u64)
}
