//! Goods come in: a lot, its counters and its line, against the two rows alone.

use super::super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};

const ARMS: [&str; 2] = ["Stockroom", "I, two bare INSERTs"];
const LISTINGS: u64 = 1_000;
const CLIENTS: u32 = 16;

pub struct Receive;

impl Benchmark for Receive {
    fn name(&self) -> &'static str {
        "receive"
    }

    fn what(&self) -> String {
        format!("receive_stock, {LISTINGS} listings, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "receipts/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Into::into).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "receive_stock, over bare INSERTs of a lot and a line in one transaction";
        vec![Target::at_least(what, 0, 1, 0.6)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let mut client = server.connect()?;
        let fill = Fill {
            claims: 0,
            ..Fill::plain(LISTINGS, 1_000)
        };
        Side::Stockroom.refill(&mut client, fill)?;
        // As full as ours.
        client.batch_execute(
            "TRUNCATE bare.stock_lots, bare.stock_movements;
             INSERT INTO bare.stock_lots (listing_id, quantity_total, unit_cost)
             SELECT listing_id, quantity_total, 1.25 FROM stock.stock_lots;
             INSERT INTO bare.stock_movements SELECT * FROM stock.stock_movements",
        )?;
        client.batch_execute(
            "VACUUM ANALYZE bare.stock_lots, bare.stock_movements, stock.stock_movements",
        )?;
        server.settle()?;
        let counts = match arm {
            0 => "SELECT (SELECT count(*) FROM stock.stock_lots), (SELECT count(*) FROM stock.stock_movements)",
            _ => "SELECT (SELECT count(*) FROM bare.stock_lots), (SELECT count(*) FROM bare.stock_movements)",
        };
        let mut count = |sql: &str| -> Result<[i64; 2]> {
            let row = client.query_one(sql, &[])?;
            Ok([row.get(0), row.get(1)])
        };
        let before = count(counts)?;
        let receive = match arm {
            0 => "SELECT stock.receive_stock(bench.listing_id(:n), 5, unit_cost => 1.25);",
            // One round trip, and one statement: nobody writes the two rows in less.
            _ => {
                "WITH lot AS (
                   INSERT INTO bare.stock_lots (listing_id, quantity_total, unit_cost)
                   VALUES (bench.listing_id(:n), 5, 1.25) RETURNING lot_id, listing_id, location_id, unit_cost)
                 INSERT INTO bare.stock_movements
                        (movement_id, listing_id, version, lot_id, location_id, movement_type, delta, lot_before,
                         lot_after, listing_before, listing_after, unit_cost, actor, recorded_at, effective_at)
                 SELECT gen_random_uuid(), listing_id, 1, lot_id, location_id, 'receive', 5, 0, 5, 0, 5, unit_cost,
                        current_user, now(), now() FROM lot;"
            }
        };
        let script = format!(
            "\\set n random(1, {LISTINGS})\n{}\n",
            receive.replace('\n', " ")
        );
        let (measured, done) = load::warm_and_run(server, options, &Load::new(script, CLIENTS))?;
        let after = count(counts)?;
        ensure!(
            [0, 1].map(|at| (after[at] - before[at]) as u64) == [done, done],
            "{done} receipts made of {before:?} rows {after:?}"
        );
        if arm == 0 {
            Side::Stockroom.check(&mut client, 0, 0)?;
        }
        Ok(measured)
    }
}
