//! One hot product of an app whose order items refer to it by a foreign key. The app's transaction inserts
//! an item and claims; both orders are measured, since the key's check locks the product's row: before the
//! claim it makes this row everybody's, after the claim the row is the transaction's own already.

use super::hot::CLIENTS;
use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};

/// How the product's column is kept, and whether the item is inserted before the claim.
const ARMS: [(Keeping, bool); 6] = [
    (Keeping::Immediate, true),
    (Keeping::Deferred, true),
    (Keeping::Conventional, true),
    (Keeping::Immediate, false),
    (Keeping::Deferred, false),
    (Keeping::Conventional, false),
];
const UNITS: u64 = 100_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Keeping {
    Immediate,
    Deferred,
    Conventional,
}

pub struct HotAttached;

impl Benchmark for HotAttached {
    fn name(&self) -> &'static str {
        "hot-attached"
    }

    fn what(&self) -> String {
        format!(
            "an order item with a foreign key, and its claim, one hot product, {CLIENTS} clients"
        )
    }

    fn unit(&self) -> &'static str {
        "orders/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(keeping, item_first)| {
            let keeping = match keeping {
                Keeping::Immediate => "Stockroom, immediate",
                Keeping::Deferred => "Stockroom, deferred",
                Keeping::Conventional => "C, conventional",
            };
            let order = if item_first {
                "item first"
            } else {
                "claim first"
            };
            format!("{keeping}, {order}")
        };
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::figure("attached, immediate, item first, over C", 0, 2),
            Target::figure("attached, deferred, item first, over C", 1, 2),
            Target::at_least("attached, immediate, claim first, over C", 3, 5, 2.0),
            Target::at_least("attached, deferred, claim first, over C", 4, 5, 2.0),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (keeping, item_first) = ARMS[arm];
        let mut client = server.connect()?;
        client.batch_execute("DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop")?;
        let (side, products) = match keeping {
            Keeping::Conventional => (Side::Conventional, "conventional.stock_listings"),
            _ => (Side::Stockroom, "shop.products"),
        };
        let fill = Fill::plain(1, UNITS);
        match keeping {
            Keeping::Conventional => side.refill(&mut client, fill)?,
            Keeping::Immediate | Keeping::Deferred => {
                side.refill(&mut client, Fill::NONE)?;
                let sync = if keeping == Keeping::Deferred {
                    "deferred"
                } else {
                    "immediate"
                };
                // The same columns and room for updates as C's.
                client.batch_execute(&format!(
                    "CREATE TABLE shop.products (
                         listing_id uuid PRIMARY KEY, name text,
                         quantity_available integer NOT NULL CHECK (quantity_available >= 0),
                         updated_at timestamptz NOT NULL DEFAULT now()
                     ) WITH (fillfactor = 50);
                     INSERT INTO shop.products (listing_id, quantity_available)
                     VALUES (bench.listing_id(1), {UNITS});
                     SELECT stock.attach_table('shop.products', 'listing_id', sync => '{sync}');
                     SELECT bench.claim({})",
                    fill.claims
                ))?;
                side.vacuum(&mut client)?;
            }
        }
        client.batch_execute(&format!(
            "CREATE TABLE shop.order_items (
                 order_item_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), order_id uuid NOT NULL,
                 listing_id uuid NOT NULL REFERENCES {products}, quantity integer NOT NULL);
             CREATE INDEX ON shop.order_items (order_id)"
        ))?;
        server.settle()?;

        let load = Load::new(script(side.schema(), item_first), CLIENTS);
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        let all = fill.all_claims() + done;
        side.check(&mut client, all, all)?;
        let row = client.query_one(
            &format!("SELECT (SELECT count(*) FROM shop.order_items), quantity_available FROM {products}"),
            &[],
        )?;
        let (items, shown): (i64, i32) = (row.get(0), row.get(1));
        ensure!(
            (items as u64, shown as u64) == (done, UNITS - all),
            "{done} orders were answered: there are {items} items, and {shown} units are shown"
        );
        Ok(measured)
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        server
            .connect()?
            .batch_execute("DROP SCHEMA shop CASCADE")?;
        Side::Stockroom.refill(&mut server.connect()?, Fill::NONE)?;
        Ok(String::new())
    }
}

fn script(schema: &str, item_first: bool) -> String {
    let item = "INSERT INTO shop.order_items (order_id, listing_id, quantity)
                VALUES (bench.listing_id(:n), bench.listing_id(1), 1);\n"
        .replace('\n', " ");
    let claim = format!(
        "SELECT * FROM {schema}.allocate_stock(bench.listing_id(1), bench.listing_id(:n), 1);"
    );
    let [first, second] = if item_first {
        [item, claim]
    } else {
        [claim, item]
    };
    // Any number will do for an order's id.
    format!("\\set n random(1, 999999999999)\nBEGIN;\n{first}\n{second}\nCOMMIT;\n")
}
