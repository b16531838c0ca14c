//! The whole life of a hold: taken, confirmed, and the goods leave.

use super::hot::CLIENTS;
use super::{Benchmark, UNITS};
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};

const SIDES: [Side; 2] = [Side::Stockroom, Side::RowLock];

pub struct Life;

impl Benchmark for Life {
    fn name(&self) -> &'static str {
        "hold-life"
    }

    fn what(&self) -> String {
        format!("hold, confirm, fulfil: three transactions, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "lives/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "hold, confirm, fulfil, one hot listing, 64 clients, over R";
        vec![Target::at_least(what, 0, 1, 2.5).stretch(4.0)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let side = SIDES[arm];
        let schema = side.schema();
        let mut client = server.connect()?;
        // Enough rows that the plans R keeps use the indexes. Made where there are ten, they would scan
        // tables that grow.
        let fill = Fill {
            claims: 1_000,
            holds: 1_000,
            ..Fill::plain(1, UNITS)
        };
        side.refill(&mut client, fill)?;
        server.settle()?;
        // The hold's key serves as the order's.
        let load = Load::new(
            format!(
                "SELECT hold_id FROM {schema}.hold_stock(bench.listing_id(1), 1) \\gset\n\
                 SELECT * FROM {schema}.confirm_hold(:hold_id, :hold_id);\n\
                 SELECT {schema}.fulfill_allocations(:hold_id);\n"
            ),
            CLIENTS,
        );
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        let holds = fill.all_holds();
        side.check_held(&mut client, fill.all_claims(), holds, holds)?;
        let row = client.query_one(
            &format!(
                "SELECT (SELECT count(*) FROM {schema}.stock_holds WHERE status = 'confirmed'),
                        (SELECT count(*) FROM {schema}.stock_allocations WHERE status = 'fulfilled'),
                        (SELECT sum(quantity_total)::bigint FROM {schema}.stock_lots)"
            ),
            &[],
        )?;
        let (confirmed, fulfilled, left): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        ensure!(
            [confirmed, fulfilled, left].map(|found| found as u64) == [done, done, UNITS - done],
            "{schema}: {done} holds went to their end: {confirmed} are confirmed, {fulfilled} \
             allocations fulfilled, {left} units left"
        );
        Ok(measured)
    }
}
