//! pgbench: the load, and what it measured.

use crate::server::Server;
use crate::statistics::Latencies;
use crate::wal::{self, Wal};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::Path;
use std::time::Instant;
use stockroom_tests::cluster;

/// What the clients do, and how.
#[derive(Clone, Debug)]
pub struct Load {
    pub database: &'static str,
    /// A pgbench script: one run of it is one operation.
    pub script: String,
    pub clients: u32,
    pub protocol: &'static str,
    /// Settings of the clients' sessions: `name=value`.
    pub settings: Vec<String>,
    /// How many of the latencies are noted, 0 to 1: noting costs some, too.
    pub sampled: f64,
}

impl Load {
    pub fn new(script: impl Into<String>, clients: u32) -> Load {
        Load {
            database: crate::server::DATABASE,
            script: script.into(),
            clients,
            protocol: "prepared",
            settings: Vec::new(),
            sampled: 1.0,
        }
    }

    pub fn setting(mut self, setting: &str) -> Load {
        self.settings.push(setting.into());
        self
    }

    /// One client claims one unit after the other, of listings 1 to `listings`.
    pub fn claims(schema: &str, listings: u64, clients: u32) -> Load {
        Load::new(
            format!(
                "\\set n random(1, {listings})\n\
                 SELECT * FROM {schema}.allocate_stock(bench.listing_id(:n), gen_random_uuid(), 1);\n"
            ),
            clients,
        )
    }
}

/// One run of one arm.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub operations: u64,
    pub seconds: f64,
    pub latencies: Latencies,
    pub wal: Wal,
}

impl Measured {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }
}

/// A short warm-up that is not measured, then the run. The sum of what both did comes second.
pub fn warm_and_run(server: &Server, load: &Load, seconds: u32) -> Result<(Measured, u64)> {
    let warm_up = run(server, load, (seconds / 5).max(1))?;
    let measured = run(server, load, seconds)?;
    let done = warm_up.operations + measured.operations;
    Ok((measured, done))
}

/// Runs the load for this long. A client that meets an error fails it all.
pub fn run(server: &Server, load: &Load, seconds: u32) -> Result<Measured> {
    let mut client = server.cluster.connect(load.database)?;
    let directory = server.cluster.home().join("load");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir(&directory)?;
    fs::write(directory.join("script.sql"), &load.script)?;

    let settings: Vec<String> = load.settings.iter().map(|s| format!("-c {s}")).collect();
    let mut pgbench = server.cluster.program("pgbench");
    pgbench
        .current_dir(&directory)
        .env("PGOPTIONS", settings.join(" "))
        .env("PGAPPNAME", "pgbench")
        .args(["--no-vacuum", "--file", "script.sql", "--log"])
        .args(["--protocol", load.protocol])
        .args(["--time", &seconds.to_string()])
        .args(["--client", &load.clients.to_string()])
        .args(["--jobs", &load.clients.min(2).to_string()]);
    if load.sampled < 1.0 {
        pgbench.args(["--sampling-rate", &load.sampled.to_string()]);
    }
    pgbench.arg(load.database);
    let (answer, wal) = wal::during(server, &mut client, || cluster::output(&mut pgbench))?;
    let operations = number_after(&answer, "number of transactions actually processed: ")?;
    let rate = number_after(&answer, "tps = ")?;
    let failed = number_after(&answer, "number of failed transactions: ")?;
    ensure!(
        operations > 0.0 && failed == 0.0,
        "not all worked:\n{answer}"
    );
    Ok(Measured {
        operations: operations as u64,
        // Without the time that connecting took.
        seconds: operations / rate,
        latencies: Latencies::of(read_logs(&directory)?),
        wal,
    })
}

/// The number that follows these words in pgbench's report.
fn number_after(answer: &str, words: &str) -> Result<f64> {
    let number = answer
        .lines()
        .find_map(|line| line.strip_prefix(words))
        .and_then(|rest| rest.split([' ', '/']).next()?.parse().ok());
    number.with_context(|| format!("pgbench did not say {words:?}:\n{answer}"))
}

/// Latencies in microseconds: the third column of pgbench's logs, a file a thread.
fn read_logs(directory: &Path) -> Result<Vec<u32>> {
    let mut latencies = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with("pgbench_log")
        {
            continue;
        }
        for line in fs::read_to_string(entry.path())?.lines() {
            let latency = line.split(' ').nth(2).and_then(|field| field.parse().ok());
            latencies.push(latency.with_context(|| format!("not a line of a log: {line}"))?);
        }
    }
    Ok(latencies)
}

/// One statement, or a few, run once: `operations` is what they did.
pub fn once(
    server: &Server,
    database: &str,
    operations: u64,
    work: impl FnOnce(&mut postgres::Client) -> Result<()>,
) -> Result<Measured> {
    let mut client = server.cluster.connect(database)?;
    let mut worker = server.cluster.connect(database)?;
    let (seconds, wal) = wal::during(server, &mut client, || {
        let started = Instant::now();
        work(&mut worker)?;
        let seconds = started.elapsed().as_secs_f64();
        // Its statistics are complete when it has gone.
        worker.close()?;
        Ok(seconds)
    })?;
    Ok(Measured {
        operations,
        seconds,
        latencies: Latencies::default(),
        wal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_report_are_found() {
        let answer = "number of transactions actually processed: 4711\n\
                      number of failed transactions: 0 (0.000%)\n\
                      tps = 1523.25 (without initial connection time)\n";
        let processed = number_after(answer, "number of transactions actually processed: ");
        assert_eq!(processed.unwrap(), 4711.0);
        assert_eq!(number_after(answer, "tps = ").unwrap(), 1523.25);
        assert!(number_after(answer, "latency average = ").is_err());
    }
}
