//! An order of many lines held in one call, and in a call a line.

use super::{all_held, lines, Benchmark, UNITS};
use crate::baselines::{Fill, Side};
use crate::clients;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;
use uuid::Uuid;

const ARMS: [&str; 2] = ["Stockroom, hold_order", "Stockroom, hold_stock a line"];

pub struct Order;

impl Benchmark for Order {
    fn name(&self) -> &'static str {
        "hold-order"
    }

    fn what(&self) -> String {
        "an order of 100 lines over 100 listings, one client".into()
    }

    fn unit(&self) -> &'static str {
        "lines/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Into::into).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "a line of hold_order, 100 lines, over single calls";
        vec![Target::at_least(what, 0, 1, 8.0).stretch(15.0)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let count = options.size(100, 10);
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let fill = Fill::plain(count, UNITS).held();
        side.refill(&mut client, fill)?;
        server.settle()?;
        let (measured, done) = if arm == 0 {
            let lines = lines(&mut client, count, "n")?;
            let order = "SELECT * FROM stock.hold_order($1::text::jsonb)";
            clients::warm_and_run(server, options, 1, order, |worker, order| {
                all_held(&worker.query(order, &[&lines])?, count)?;
                Ok(count)
            })?
        } else {
            let listings: Vec<Uuid> = client
                .query_one(
                    "SELECT array_agg(listing_id) FROM stock.stock_listings",
                    &[],
                )?
                .get(0);
            let line = "SELECT * FROM stock.hold_stock($1, 1)";
            clients::warm_and_run(server, options, 1, line, |worker, line| {
                for listing in &listings {
                    all_held(&worker.query(line, &[listing])?, 1)?;
                }
                Ok(count)
            })?
        };
        let holds = fill.all_holds() + done;
        side.check_held(&mut client, fill.all_claims(), holds, holds)?;
        Ok(measured)
    }
}
