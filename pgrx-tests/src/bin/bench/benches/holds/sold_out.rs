//! A listing that is sold out, and everybody still asks: what does a refusal cost?

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::clients;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{bail, ensure, Result};
use postgres::error::SqlState;
use postgres::{Client, Statement};
use std::thread;
use std::time::Duration;

const CLIENTS: u32 = 16;
const UNITS: u64 = 100;

#[derive(Clone, Copy, PartialEq)]
enum Asks {
    /// And gets an error.
    ForError,
    /// And gets a row that says so.
    ForAnswer,
    /// `SELECT 1`.
    Nothing,
}

const ARMS: [Asks; 3] = [Asks::ForError, Asks::ForAnswer, Asks::Nothing];

impl Asks {
    fn label(self) -> &'static str {
        match self {
            Asks::ForError => "Stockroom, on_short error",
            Asks::ForAnswer => "Stockroom, on_short answer",
            Asks::Nothing => "SELECT 1",
        }
    }

    fn statement(self) -> &'static str {
        match self {
            Asks::ForError => "SELECT * FROM stock.hold_stock(bench.listing_id(1), 1)",
            Asks::ForAnswer => {
                "SELECT * FROM stock.hold_stock(bench.listing_id(1), 1, on_short => 'answer')"
            }
            Asks::Nothing => "SELECT 1",
        }
    }

    /// Asks once; any other answer than the refusal is a failure.
    fn ask(self, client: &mut Client, statement: &Statement) -> Result<u64> {
        let answer = client.query_one(statement, &[]);
        match (self, answer) {
            (Asks::ForError, Err(error)) if is_refusal(&error) => {}
            (_, Err(error)) => return Err(error.into()),
            (Asks::ForError, Ok(_)) => bail!("something was held that isn't there"),
            (Asks::ForAnswer, Ok(row)) => {
                let (state, available): (&str, i32) = (row.get("state"), row.get("available"));
                ensure!(
                    (state, available) == ("insufficient", 0),
                    "{state}, {available} available"
                );
            }
            (Asks::Nothing, Ok(_)) => {}
        }
        Ok(1)
    }
}

fn is_refusal(error: &postgres::Error) -> bool {
    let names_it = |detail: &str| detail.contains("insufficient_stock");
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::CHECK_VIOLATION && error.detail().is_some_and(names_it)
    })
}

pub struct SoldOut;

impl Benchmark for SoldOut {
    fn name(&self) -> &'static str {
        "hold-sold-out"
    }

    fn what(&self) -> String {
        format!("hold_stock of a listing that is sold out, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "calls/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|asks| asks.label().into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("refused by an error, 16 clients, over SELECT 1", 0, 2, 0.25),
            Target::at_least("refused by an answer, 16 clients, over SELECT 1", 1, 2, 0.5),
        ]
    }

    /// Autovacuum rests, so that what is written is the calls' own.
    fn prepare(&mut self, server: &Server, _options: &Options) -> Result<()> {
        let mut client = server.connect()?;
        client.batch_execute("ALTER SYSTEM SET autovacuum = off")?;
        client.batch_execute("SELECT pg_reload_conf()")?;
        let running = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'";
        while client.query_one(running, &[])?.get::<_, i64>(0) > 0 {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let asks = ARMS[arm];
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let fill = Fill::plain(1, UNITS).held();
        side.refill(&mut client, fill)?;
        let rest = UNITS - fill.all_claims() - fill.all_holds();
        client.execute(
            "SELECT * FROM stock.hold_stock(bench.listing_id(1), $1)",
            &[&(rest as i32)],
        )?;
        side.vacuum(&mut client)?;
        server.settle()?;
        let before = next_transaction(&mut client)?;
        let (measured, calls) =
            clients::warm_and_run(server, options, CLIENTS, asks.statement(), |worker, ask| {
                asks.ask(worker, ask)
            })?;
        let used = next_transaction(&mut client)? - before;
        // The server itself notes which transactions run, once after other work.
        ensure!(
            used == 0 && measured.wal.records <= 3,
            "{calls} refused calls used {used} transaction ids and wrote {} WAL records",
            measured.wal.records
        );
        let held = fill.all_holds();
        side.check_held(&mut client, fill.all_claims(), held + 1, held + rest)?;
        Ok(measured)
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        let mut client = server.connect()?;
        client.batch_execute("ALTER SYSTEM RESET autovacuum")?;
        client.batch_execute("SELECT pg_reload_conf()")?;
        Ok(
            "No transaction id was used in any run, and no WAL written but by the server itself."
                .into(),
        )
    }
}

/// The id that the next transaction which writes will get.
fn next_transaction(client: &mut Client) -> Result<i64> {
    let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    Ok(client.query_one(next, &[])?.get(0))
}
