//! One hot listing at full load for minutes: does it slow down, and what grows?

use super::hot::CLIENTS;
use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Length, Load, Measured};
use crate::options::Options;
use crate::report::figure;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{bail, Result};
use postgres::Client;
use std::fmt::Write as _;

/// What is looked at after the run.
#[derive(Default)]
pub struct Bloat {
    before: Vec<Size>,
    minutes: Vec<f64>,
}

struct Size {
    table: String,
    heap: i64,
    indexes: i64,
}

impl Benchmark for Bloat {
    fn name(&self) -> &'static str {
        "bloat"
    }

    fn what(&self) -> String {
        format!("one hot listing at full load for five minutes, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "claims/s"
    }

    fn arms(&self) -> Vec<String> {
        vec![
            "Stockroom, last minute".into(),
            "Stockroom, first minute".into(),
        ]
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::at_least(
            "five minutes of load: last minute over first",
            0,
            1,
            0.9,
        )]
    }

    fn rounds(&self, _options: &Options) -> usize {
        1
    }

    fn run(&mut self, _server: &Server, _options: &Options, _arm: usize) -> Result<Measured> {
        bail!("both arms are parts of one run")
    }

    fn round(
        &mut self,
        server: &Server,
        options: &Options,
        _order: &[usize],
    ) -> Result<Vec<(usize, Measured)>> {
        let minute = options.size(60, 1) as usize;
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let fill = Fill::plain(1, 1_000_000_000);
        side.refill(&mut client, fill)?;
        client.batch_execute("SELECT pg_stat_reset()")?;
        self.before = sizes(&mut client)?;
        server.settle()?;
        let load = Load::claims(side.schema(), 1, CLIENTS);
        let length = if options.quick {
            Length::Operations(1)
        } else {
            Length::Seconds(5)
        };
        let warm_up = load::run(server, &load, length)?;
        // Some seconds more: the first and the last one are not whole.
        let whole = load::run_by_second(server, &load, 5 * minute as u32 + 5)?;
        let all = fill.all_claims() + warm_up.operations + whole.operations;
        side.check(&mut client, all, all)?;

        let minutes: Vec<u64> = whole.each_second[1..]
            .chunks_exact(minute)
            .map(|seconds| seconds.iter().sum())
            .take(5)
            .collect();
        self.minutes = minutes.iter().map(|&m| m as f64 / minute as f64).collect();
        let part = |operations: u64| Measured {
            operations,
            seconds: minute as f64,
            // Written in the whole run: to each minute its share by its claims.
            wal: whole.wal.share(operations as f64 / whole.operations as f64),
            ..Measured::default()
        };
        Ok(vec![(0, part(minutes[4])), (1, part(minutes[0]))])
    }

    fn finish(&mut self, server: &Server, _options: &Options) -> Result<String> {
        let mut client = server.connect()?;
        let rates: Vec<String> = self.minutes.iter().map(|&rate| figure(rate)).collect();
        let mut notes = format!(
            "Claims a second, minute by minute: {}.\n\n",
            rates.join("; ")
        );
        notes += "| table | heap before, kB | after | indexes before, kB | after | updates | heap-only |\n\
                  |---|---:|---:|---:|---:|---:|---:|\n";
        for (before, after) in self.before.iter().zip(sizes(&mut client)?) {
            let row = client.query_one(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
                  WHERE schemaname = 'stock' AND relname = $1",
                &[&after.table],
            )?;
            let (updates, heap_only): (i64, i64) = (row.get(0), row.get(1));
            let share = if updates == 0 {
                "–".into()
            } else {
                format!("{:.1} %", 100.0 * heap_only as f64 / updates as f64)
            };
            writeln!(
                notes,
                "| {} | {} | {} | {} | {} | {} | {share} |",
                after.table,
                figure(before.heap as f64),
                figure(after.heap as f64),
                figure(before.indexes as f64),
                figure(after.indexes as f64),
                figure(updates as f64),
            )?;
        }
        Ok(notes)
    }
}

/// Sizes in kB of the tables that a claim writes.
fn sizes(client: &mut Client) -> Result<Vec<Size>> {
    let rows = client.query(
        "SELECT relname::text, pg_relation_size(oid) / 1024, pg_indexes_size(oid) / 1024
           FROM pg_class
          WHERE relnamespace = 'stock'::regnamespace
            AND relname IN ('stock_listings', 'stock_levels', 'stock_lots', 'stock_allocations')
          ORDER BY relname",
        &[],
    )?;
    let size = |row: &postgres::Row| Size {
        table: row.get(0),
        heap: row.get(1),
        indexes: row.get(2),
    };
    Ok(rows.iter().map(size).collect())
}
