//! Attaching a large table.

use super::Benchmark;
use crate::load::Measured;
use crate::options::Options;
use crate::report::figure;
use crate::server::{Server, LOAD};
use crate::statistics::Spread;
use crate::targets::{Measure, Target};
use crate::wal;
use anyhow::{ensure, Result};
use postgres::NoTls;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

const DATABASE: &str = "attach";
/// The key's type, and the key of row n.
const ARMS: [(&str, &str); 2] = [("bigint", "n"), ("uuid", "gen_random_uuid()")];

/// Keeps how long the commits took, and how often progress was told.
#[derive(Default)]
pub struct Attach {
    commits: Vec<f64>,
    notices: Vec<u64>,
}

impl Benchmark for Attach {
    fn name(&self) -> &'static str {
        "attach"
    }

    fn what(&self) -> String {
        "attach_table of 1,000,000 rows".into()
    }

    fn unit(&self) -> &'static str {
        "rows/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(key, _)| format!("Stockroom, {key} key");
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        let seconds = |(arm, (key, _)): (usize, &(&str, &str))| {
            let what = format!("attach 1,000,000 rows with a {key} key, commit included");
            Target::at_most(what, Measure::Seconds { arm }, 60.0)
        };
        ARMS.iter().enumerate().map(seconds).collect()
    }

    /// Each takes long and varies little.
    fn rounds(&self, options: &Options) -> usize {
        options.rounds.min(2)
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let rows = options.size(1_000_000, 2_000);
        let (key, value) = ARMS[arm];
        server.make_database(DATABASE)?;
        server.cluster.connect(DATABASE)?.batch_execute(&format!(
            "CREATE TABLE public.products (
                 product_id {key} PRIMARY KEY, name text NOT NULL, quantity_available integer NOT NULL);
             INSERT INTO public.products
             SELECT {value}, 'product ' || n, n % 100 FROM generate_series(1, {rows}) n"
        ))?;
        server
            .cluster
            .connect(DATABASE)?
            .batch_execute("VACUUM ANALYZE public.products")?;
        server.settle()?;

        let told = Arc::new(AtomicU64::new(0));
        let mut config = server.cluster.config();
        let counter = Arc::clone(&told);
        config.dbname(DATABASE).application_name(LOAD);
        config.notice_callback(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut watcher = server.cluster.connect(DATABASE)?;
        let mut worker = config.connect(NoTls)?;
        let ((seconds, committing), wal) = wal::during(server, &mut watcher, || {
            let started = Instant::now();
            let mut transaction = worker.transaction()?;
            let attach = "SELECT listings, units, mismatches FROM stock.attach_table('public.products', 'product_id')";
            let row = transaction.query_one(attach, &[])?;
            let (listings, units, mismatches): (i64, i64, i64) =
                (row.get(0), row.get(1), row.get(2));
            let expected = (1..=rows as i64).map(|n| n % 100).sum();
            ensure!(
                (listings, units, mismatches) == (rows as i64, expected, 0),
                "attached {listings} listings, {units} units, {mismatches} mismatches"
            );
            let commit = Instant::now();
            transaction.commit()?;
            let committing = commit.elapsed().as_secs_f64();
            let seconds = started.elapsed().as_secs_f64();
            worker.close()?;
            Ok((seconds, committing))
        })?;
        let wrong = watcher.query("SELECT FROM stock.verify_stock()", &[])?;
        ensure!(
            wrong.is_empty(),
            "verify_stock() found {} differences",
            wrong.len()
        );
        watcher.close()?;
        server
            .connect()?
            .batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
        self.commits.push(committing);
        self.notices.push(told.load(Ordering::Relaxed));
        Ok(Measured {
            operations: rows,
            seconds,
            wal,
            ..Measured::default()
        })
    }

    fn finish(&mut self, _server: &Server, _options: &Options) -> Result<String> {
        let commits = Spread::of(self.commits.iter().copied());
        Ok(format!(
            "Of this the commit took {} s (at most {} s). Progress was told by at least {} NOTICEs.",
            figure(commits.median),
            figure(commits.high),
            self.notices.iter().min().unwrap_or(&0)
        ))
    }
}
