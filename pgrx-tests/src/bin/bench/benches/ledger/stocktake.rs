//! A place is counted: all of its lots in one call, and lot by lot.

use super::super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::targets::Target;
use anyhow::{ensure, Result};
use postgres::Client;

const ARMS: [&str; 3] = [
    "Stockroom, one call",
    "Stockroom, a call a lot",
    "Stockroom, a call a lot, in one transaction",
];
/// Before, and after: every lot differs from what was in the books.
const UNITS: u64 = 1_000;
const COUNTED: u64 = 998;
/// Where lots are that name no place.
const UNSPECIFIED: &str = "00000000-0000-8000-8000-000000000000";

pub struct Stocktake;

impl Benchmark for Stocktake {
    fn name(&self) -> &'static str {
        "stocktake"
    }

    fn what(&self) -> String {
        "a stocktake of 10,000 lots of 10,000 listings, each with a difference".into()
    }

    fn unit(&self) -> &'static str {
        "lots/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Into::into).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least(
                "a stocktake in one call, over ten thousand calls",
                0,
                1,
                15.0,
            ),
            Target::figure(
                "a stocktake in one call, over ten thousand calls in one transaction",
                0,
                2,
            ),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let lots = options.size(10_000, 500);
        let mut client = server.connect()?;
        let fill = Fill {
            claims: 1,
            ..Fill::plain(lots, UNITS)
        };
        Side::Stockroom.refill(&mut client, fill)?;
        server.settle()?;
        let lines = lines(&mut client)?;
        let counts = counts(&mut client)?;
        let measured = load::once(server, DATABASE, lots, |worker| match arm {
            0 => in_one_call(worker, &counts, lots),
            1 => lot_by_lot(worker),
            _ => {
                worker.batch_execute("BEGIN")?;
                lot_by_lot(worker)?;
                Ok(worker.batch_execute("COMMIT")?)
            }
        })?;
        Side::Stockroom.check(&mut client, lots, lots)?;
        let written = self::lines(&mut client)? - lines;
        let units: i64 = client
            .query_one(
                "SELECT sum(quantity_total)::bigint FROM stock.stock_listings",
                &[],
            )?
            .get(0);
        ensure!(
            (written, units as u64) == (lots, lots * COUNTED),
            "{written} lines were written, and {units} units are there"
        );
        Ok(measured)
    }
}

/// What somebody who has counted brings.
fn counts(client: &mut Client) -> Result<String> {
    let counts = format!(
        "SELECT jsonb_agg(jsonb_build_object('lot_id', lot_id, 'counted', {COUNTED}, 'expected', {UNITS}))::text
           FROM stock.stock_lots"
    );
    Ok(client.query_one(&counts, &[])?.get(0))
}

fn in_one_call(worker: &mut Client, counts: &str, lots: u64) -> Result<()> {
    let call = format!(
        "SELECT count(*) FROM stock.count_location('{UNSPECIFIED}', $1::text::jsonb) WHERE state = 'ok'"
    );
    let counted: i64 = worker.query_one(&call, &[&counts])?.get(0);
    ensure!(counted as u64 == lots, "{counted} lots were counted");
    Ok(())
}

fn lot_by_lot(worker: &mut Client) -> Result<()> {
    let call = format!("SELECT stock.count_stock($1, {COUNTED}, expected => {UNITS})");
    let call = worker.prepare(&call)?;
    for lot in worker.query("SELECT lot_id FROM stock.stock_lots", &[])? {
        let difference: i32 = worker
            .query_one(&call, &[&lot.get::<_, uuid::Uuid>(0)])?
            .get(0);
        ensure!(difference == COUNTED as i32 - UNITS as i32, "{difference}");
    }
    Ok(())
}

fn lines(client: &mut Client) -> Result<u64> {
    let sql = "SELECT count(*) FROM stock.stock_movements WHERE movement_type = 'count'";
    Ok(client.query_one(sql, &[])?.get::<_, i64>(0) as u64)
}
