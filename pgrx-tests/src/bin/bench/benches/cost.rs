//! What one claim costs: a single client, and what the server counts while it claims.

use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::report::figure;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;
use postgres::Client;
use std::fmt::Write as _;

const SIDES: [Side; 3] = [Side::Stockroom, Side::RowLock, Side::Conventional];

pub struct Cost;

impl Benchmark for Cost {
    fn name(&self) -> &'static str {
        "cost"
    }

    fn what(&self) -> String {
        "what one claim costs: one client, one listing of one lot".into()
    }

    fn unit(&self) -> &'static str {
        "claims/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::figure("one client, over R", 0, 1),
            Target::figure("one client, over C", 0, 2),
        ]
    }

    fn prepare(&mut self, server: &Server, _options: &Options) -> Result<()> {
        server.connect()?.batch_execute(
            "CREATE SCHEMA IF NOT EXISTS tools;
             CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA tools;
             CREATE EXTENSION IF NOT EXISTS pg_walinspect SCHEMA tools",
        )?;
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let side = SIDES[arm];
        let mut client = server.connect()?;
        let fill = Fill::plain(1, 1_000_000);
        side.refill(&mut client, fill)?;
        server.settle()?;
        let load = Load::claims(side.schema(), 1, 1);
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        let all = fill.all_claims() + done;
        side.check(&mut client, all, all)?;
        Ok(measured)
    }

    fn finish(&mut self, server: &Server, options: &Options) -> Result<String> {
        let calls = options.size(1_000, 100);
        let mut costs = String::from(
            "| a claim of one lot | statements inside | buffers touched | locks of tables and indexes |\n\
             |---|---:|---:|---:|\n",
        );
        let mut wal = String::from(
            "| WAL of a claim | kind of record | records | bytes |\n|---|---|---:|---:|\n",
        );
        for side in SIDES {
            let mut client = server.connect()?;
            side.refill(&mut client, Fill::plain(1, 1_000_000))?;
            server.settle()?;
            let claim = format!(
                "SELECT * FROM {}.allocate_stock(bench.listing_id(1), gen_random_uuid(), 1)",
                side.schema()
            );
            // Plans are made and caches filled, and every page has been written since the checkpoint.
            repeat(&mut client, &claim, calls)?;
            let (statements, buffers) = statements(&mut client, &claim, calls)?;
            let locks = locks(&mut client, &claim)?;
            writeln!(
                costs,
                "| {} | {} | {} | {} |",
                side.label(),
                figure(statements),
                figure(buffers),
                locks
            )?;
            wal += &wal_records(&mut client, side, &claim, calls)?;
        }
        Ok(format!("{costs}\n{wal}"))
    }
}

fn repeat(client: &mut Client, claim: &str, calls: u64) -> Result<()> {
    let claim = client.prepare(claim)?;
    for _ in 0..calls {
        client.query(&claim, &[])?;
    }
    Ok(())
}

/// Statements that a claim runs inside itself, and buffers that it touches.
fn statements(client: &mut Client, claim: &str, calls: u64) -> Result<(f64, f64)> {
    client.batch_execute(
        "SELECT tools.pg_stat_statements_reset(); SET pg_stat_statements.track = 'all'",
    )?;
    repeat(client, claim, calls)?;
    client.batch_execute("SET pg_stat_statements.track = 'none'")?;
    let row = client.query_one(
        "SELECT coalesce(sum(calls) FILTER (WHERE NOT toplevel), 0)::float8,
                coalesce(sum(shared_blks_hit + shared_blks_read)
                         FILTER (WHERE toplevel AND query LIKE '%allocate_stock%'), 0)::float8
           FROM tools.pg_stat_statements",
        &[],
    )?;
    let each = |at: usize| row.get::<_, f64>(at) / calls as f64;
    Ok((each(0), each(1)))
}

/// How many tables and indexes a claim has locked when it is done.
fn locks(client: &mut Client, claim: &str) -> Result<i64> {
    let mut transaction = client.transaction()?;
    transaction.query(claim, &[])?;
    let row = transaction.query_one(
        "SELECT count(DISTINCT relation) FROM pg_locks
          WHERE pid = pg_backend_pid() AND locktype = 'relation'
            AND relation <> ALL (ARRAY['pg_locks'::regclass])",
        &[],
    )?;
    transaction.rollback()?;
    Ok(row.get(0))
}

/// Records and bytes of one claim by kind of record, most first.
fn wal_records(client: &mut Client, side: Side, claim: &str, calls: u64) -> Result<String> {
    let here = "SELECT pg_current_wal_flush_lsn()::text";
    // What other sessions left unflushed is none of ours.
    client.batch_execute("SELECT pg_switch_wal()")?;
    let start: String = client.query_one(here, &[])?.get(0);
    repeat(client, claim, calls)?;
    let end: String = client.query_one(here, &[])?.get(0);
    let rows = client.query(
        "SELECT \"resource_manager/record_type\", count::float8 / $3, combined_size::float8 / $3
           FROM tools.pg_get_wal_stats($1::text::pg_lsn, $2::text::pg_lsn, true)
          WHERE count > $3 / 200 ORDER BY combined_size DESC",
        &[&start, &end, &(calls as f64)],
    )?;
    let mut text = String::new();
    for row in rows {
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            side.label(),
            row.get::<_, &str>(0),
            figure(row.get(1)),
            figure(row.get(2))
        )?;
    }
    Ok(text)
}
