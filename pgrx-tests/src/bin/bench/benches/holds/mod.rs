//! Holds: units taken for a while, by a cart or a checkout.

mod dead;
mod hot;
mod hot_16;
mod life;
mod many;
mod order;
mod sold_out;
mod uniform;
mod zipf;

pub use dead::Dead;
pub use hot::Hot;
pub use hot_16::Hot16;
pub use life::Life;
pub use many::Many;
pub use order::Order;
pub use sold_out::SoldOut;
pub use uniform::Uniform;
pub use zipf::Zipf;

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use anyhow::{ensure, Result};
use postgres::{Client, Row};

/// In each lot: enough for every hold, and a total that fits an integer.
const UNITS: u64 = 100_000_000;

/// Who holds.
#[derive(Clone, Copy)]
enum Holder {
    Side(Side),
    /// Ours, each hold with an idempotency key of its own.
    Keyed,
    /// I, a bare INSERT.
    Bare,
}

impl Holder {
    fn label(self) -> String {
        match self {
            Holder::Side(side) => side.label().into(),
            Holder::Keyed => "Stockroom, with keys".into(),
            Holder::Bare => "I, bare INSERT".into(),
        }
    }

    /// Holds one unit of the listing `:n`.
    fn statement(self) -> String {
        let listing = "bench.listing_id(:n)";
        match self {
            Holder::Side(side) => {
                format!("SELECT * FROM {}.hold_stock({listing}, 1)", side.schema())
            }
            Holder::Keyed => format!(
                "SELECT * FROM stock.hold_stock({listing}, 1, idempotency_key => gen_random_uuid()::text)"
            ),
            Holder::Bare => format!(
                "INSERT INTO bare.stock_holds (listing_id, quantity, quantity_requested, expires_at)
                 VALUES ({listing}, 1, 1, clock_timestamp() + interval '30 minutes')"
            )
            .replace('\n', " "),
        }
    }

    fn refill(self, client: &mut Client, fill: Fill) -> Result<()> {
        match self {
            Holder::Side(side) => side.refill(client, fill),
            Holder::Keyed => Side::Stockroom.refill(client, fill),
            Holder::Bare => empty_bare(client),
        }
    }

    /// Fails unless there are so many holds of one unit more than at the start, and every number adds up.
    fn check(self, client: &mut Client, fill: Fill, done: u64) -> Result<()> {
        let side = match self {
            Holder::Side(side) => side,
            Holder::Keyed => Side::Stockroom,
            Holder::Bare => return check_bare(client, done),
        };
        let holds = fill.all_holds() + done;
        side.check_held(client, fill.all_claims(), holds, holds)
    }
}

/// Holds of one unit each on one of so many listings of one lot each, which `chosen`, an expression of
/// pgbench's, numbers.
fn run(
    server: &Server,
    options: &Options,
    holder: Holder,
    listings: u64,
    chosen: &str,
    clients: u32,
) -> Result<Measured> {
    let mut client = server.connect()?;
    let fill = Fill::plain(listings, UNITS).held();
    holder.refill(&mut client, fill)?;
    server.settle()?;
    let load = Load::new(
        format!("\\set n {chosen}\n{};\n", holder.statement()),
        clients,
    );
    let (measured, done) = load::warm_and_run(server, options, &load)?;
    holder.check(&mut client, fill, done)?;
    Ok(measured)
}

/// Nothing is in I's table.
fn empty_bare(client: &mut Client) -> Result<()> {
    client.batch_execute("TRUNCATE bare.stock_holds")?;
    client.batch_execute("VACUUM ANALYZE bare.stock_holds")?;
    Ok(())
}

/// Fails unless I's table has so many rows.
fn check_bare(client: &mut Client, rows: u64) -> Result<()> {
    let found: i64 = client
        .query_one("SELECT count(*) FROM bare.stock_holds", &[])?
        .get(0);
    ensure!(
        found as u64 == rows,
        "{rows} rows were inserted, {found} are there"
    );
    Ok(())
}

/// So many lines, each for a unit of the listing that an expression of `n` numbers. Made once: each call
/// sends them and has them parsed.
fn lines(client: &mut Client, count: u64, listing: &str) -> Result<String> {
    let row = client.query_one(
        &format!(
            "SELECT jsonb_agg(jsonb_build_object('listing_id', bench.listing_id({listing}), 'quantity', 1))::text
               FROM generate_series(1, $1::bigint) n"
        ),
        &[&(count as i64)],
    )?;
    Ok(row.get(0))
}

/// Fails unless each of so many lines was answered with a hold.
fn all_held(answer: &[Row], lines: u64) -> Result<()> {
    let held = |row: &&Row| row.get::<_, &str>("state") == "active";
    let found = answer.iter().filter(held).count();
    ensure!(
        (answer.len() as u64, found as u64) == (lines, lines),
        "{lines} lines were asked for, {} answered, {found} held",
        answer.len()
    );
    Ok(())
}
