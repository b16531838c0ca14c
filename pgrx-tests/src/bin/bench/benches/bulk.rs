//! Many claims by one plain INSERT … SELECT, as an import or a nightly job writes them.

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::targets::Target;
use anyhow::{ensure, Result};

const ARMS: [&str; 4] = [
    "Stockroom",
    "Stockroom, listing_id left out",
    "Without triggers",
    "C, conventional",
];
const LISTINGS: u64 = 1_000;

pub struct Bulk;

impl Benchmark for Bulk {
    fn name(&self) -> &'static str {
        "bulk"
    }

    fn what(&self) -> String {
        format!("100,000 allocations by one INSERT … SELECT, on {LISTINGS} listings")
    }

    fn unit(&self) -> &'static str {
        "rows/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Into::into).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("bulk INSERT, over the same without triggers", 0, 2, 0.5).stretch(0.8),
            Target::at_least(
                "bulk INSERT without listing_id, over the same without triggers",
                1,
                2,
                0.5,
            )
            .stretch(0.8),
            Target::at_least("bulk INSERT, over C", 0, 3, 20.0),
        ]
    }

    fn prepare(&mut self, server: &Server, _options: &Options) -> Result<()> {
        server.connect()?.batch_execute(
            "DROP TABLE IF EXISTS bench.untriggered;
             CREATE TABLE bench.untriggered (LIKE stock.stock_allocations INCLUDING ALL) WITH (fillfactor = 85)",
        )?;
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let rows = options.size(100_000, 2_000);
        let mut client = server.connect()?;
        let side = match arm {
            3 => Side::Conventional,
            _ => Side::Stockroom,
        };
        let fill = Fill::plain(LISTINGS, 1_000_000);
        side.refill(&mut client, fill)?;
        let (table, columns, values) = match arm {
            0 => ("stock.stock_allocations", "listing_id, ", "l.listing_id, "),
            1 => ("stock.stock_allocations", "", ""),
            2 => ("bench.untriggered", "listing_id, ", "l.listing_id, "),
            _ => ("conventional.stock_allocations", "", ""),
        };
        // What is inserted lies ready, in no order of listings: choosing it is not what is measured.
        client.batch_execute(&format!(
            "DROP TABLE IF EXISTS bench.wanted;
             CREATE TABLE bench.wanted AS
             SELECT l.lot_id, l.listing_id, gen_random_uuid() AS order_id, 1 + n % 3 AS quantity
               FROM generate_series(1, {rows}) n
               JOIN {}.stock_lots l ON l.listing_id = bench.listing_id(1 + n * 7919 % {LISTINGS})
              ORDER BY n;
             TRUNCATE bench.untriggered;
             INSERT INTO bench.untriggered SELECT * FROM stock.stock_allocations",
            side.schema()
        ))?;
        client.batch_execute("VACUUM ANALYZE bench.wanted, bench.untriggered")?;
        server.settle()?;
        let insert = format!(
            "INSERT INTO {table} (lot_id, {columns}order_id, quantity)
             SELECT l.lot_id, {values}l.order_id, l.quantity FROM bench.wanted l"
        );
        let measured = load::once(server, DATABASE, rows, |worker| {
            let inserted = worker.execute(&insert, &[])?;
            ensure!(inserted == rows, "{inserted} rows were inserted");
            Ok(())
        })?;
        if arm != 2 {
            let units: i64 = client
                .query_one("SELECT sum(quantity)::bigint FROM bench.wanted", &[])?
                .get(0);
            let before = fill.all_claims();
            side.check(&mut client, before + rows, before + units as u64)?;
        }
        Ok(measured)
    }
}
