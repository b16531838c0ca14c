//! pgbench: the load, and what it measured.

use crate::options::Options;
use crate::server::{Server, DATABASE, LOAD};
use crate::statistics::Latencies;
use crate::wal::{self, Wal};
use anyhow::{ensure, Context, Result};
use postgres::Client;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
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
            database: DATABASE,
            script: script.into(),
            clients,
            protocol: "prepared",
            settings: Vec::new(),
            sampled: 1.0,
        }
    }

    pub fn in_database(mut self, database: &'static str) -> Load {
        self.database = database;
        self
    }

    pub fn protocol(mut self, protocol: &'static str) -> Load {
        self.protocol = protocol;
        self
    }

    pub fn sampled(mut self, share: f64) -> Load {
        self.sampled = share;
        self
    }

    pub fn setting(mut self, setting: &str) -> Load {
        self.settings.push(setting.into());
        self
    }

    /// As on a disk over a network: a flush takes a millisecond longer. `commit_delay` stands for it: PostgreSQL waits so
    /// long before each.
    pub fn with_slower_flush(self) -> Load {
        self.setting("commit_delay=1000")
            .setting("commit_siblings=0")
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
    /// Operations that ended in each second of the run, where that was asked for.
    pub each_second: Vec<u64>,
}

impl Measured {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }
}

/// How much of a load is run.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    Seconds(u32),
    /// So many by each client: done at last on the busiest machine.
    Operations(u32),
}

/// A short warm-up that is not measured, then the run. The sum of what both did comes second.
pub fn warm_and_run(server: &Server, options: &Options, load: &Load) -> Result<(Measured, u64)> {
    warmed(options, load.clients, |length| run(server, load, length))
}

/// The same for any load of so many clients: `run` runs that much of it.
pub fn warmed(
    options: &Options,
    clients: u32,
    run: impl Fn(Length) -> Result<Measured>,
) -> Result<(Measured, u64)> {
    if options.quick {
        let measured = run(Length::Operations((300 / clients).max(1)))?;
        let done = measured.operations;
        return Ok((measured, done));
    }
    let warm_up = run(Length::Seconds((options.seconds / 5).max(1)))?;
    let measured = run(Length::Seconds(options.seconds))?;
    let done = warm_up.operations + measured.operations;
    Ok((measured, done))
}

/// Runs so much of the load. A client that meets an error fails it all.
pub fn run(server: &Server, load: &Load, length: Length) -> Result<Measured> {
    let sampling = ["--sampling-rate".into(), load.sampled.to_string()];
    let logging = if load.sampled < 1.0 {
        &sampling[..]
    } else {
        &[]
    };
    let (mut measured, directory) = run_logging(server, load, length, logging)?;
    // Client, number of its transaction, latency in microseconds, …
    let latencies = read_logs(&directory, |fields| fields.get(2)?.parse().ok())?;
    measured.latencies = Latencies::of(latencies);
    Ok(measured)
}

/// The same for so many seconds, with the operations of each second instead of latencies, for long runs.
pub fn run_by_second(server: &Server, load: &Load, seconds: u32) -> Result<Measured> {
    let logging = ["--aggregate-interval".into(), "1".into()];
    let length = Length::Seconds(seconds);
    let (mut measured, directory) = run_logging(server, load, length, &logging)?;
    // Start of the second, number of transactions, …; each thread has a log.
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (second, operations) in read_logs(&directory, |fields| {
        Some((
            fields.first()?.parse().ok()?,
            fields.get(1)?.parse::<u64>().ok()?,
        ))
    })? {
        *counts.entry(second).or_default() += operations;
    }
    // A second in which nothing ended may have no line.
    let first = *counts.keys().next().context("pgbench logged no second")?;
    measured.each_second = (first..first + u64::from(seconds))
        .map(|second| counts.get(&second).copied().unwrap_or(0))
        .collect();
    Ok(measured)
}

/// Runs pgbench, and answers where its logs are.
fn run_logging(
    server: &Server,
    load: &Load,
    length: Length,
    logging: &[String],
) -> Result<(Measured, PathBuf)> {
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
        .env("PGAPPNAME", LOAD)
        .args(["--no-vacuum", "--file", "script.sql", "--log"])
        .args(["--protocol", load.protocol])
        .args(match length {
            Length::Seconds(seconds) => ["--time".to_owned(), seconds.to_string()],
            Length::Operations(each) => ["--transactions".to_owned(), each.to_string()],
        })
        .args(["--client", &load.clients.to_string()])
        .args(["--jobs", &load.clients.min(2).to_string()]);
    pgbench.args(logging).arg(load.database);
    let (answer, wal) = wal::during(server, &mut client, || cluster::output(&mut pgbench))?;
    let operations = number_after(&answer, "number of transactions actually processed: ")?;
    let rate = number_after(&answer, "tps = ")?;
    let failed = number_after(&answer, "number of failed transactions: ")?;
    ensure!(
        operations > 0.0 && failed == 0.0,
        "not all worked:\n{answer}"
    );
    let measured = Measured {
        operations: operations as u64,
        // Without the time that connecting took.
        seconds: operations / rate,
        wal,
        ..Measured::default()
    };
    Ok((measured, directory))
}

/// The number that follows these words in pgbench's report.
fn number_after(answer: &str, words: &str) -> Result<f64> {
    let number = answer
        .lines()
        .find_map(|line| line.strip_prefix(words))
        .and_then(|rest| rest.split([' ', '/']).next()?.parse().ok());
    number.with_context(|| format!("pgbench did not say {words:?}:\n{answer}"))
}

/// What the lines of pgbench's logs (a file a thread) say.
fn read_logs<T>(directory: &Path, parse: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>> {
    let mut found = Vec::new();
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
            let fields: Vec<&str> = line.split(' ').collect();
            found.push(parse(&fields).with_context(|| format!("not a line of a log: {line}"))?);
        }
    }
    Ok(found)
}

/// Work of so many operations, done once by one session that has the library loaded.
pub fn once(
    server: &Server,
    database: &str,
    operations: u64,
    work: impl FnOnce(&mut Client) -> Result<()>,
) -> Result<Measured> {
    one_session(server, database, |worker| {
        worker.batch_execute("LOAD 'stockroom'")?;
        let started = Instant::now();
        work(worker)?;
        Ok((operations, started.elapsed()))
    })
}

/// Work of so many operations, done once to warm the session up, then again and again for this long.
pub fn repeatedly(
    server: &Server,
    database: &str,
    operations: u64,
    seconds: u32,
    mut work: impl FnMut(&mut Client) -> Result<()>,
) -> Result<Measured> {
    one_session(server, database, |worker| {
        work(worker)?;
        let started = Instant::now();
        let mut done = 0;
        while started.elapsed() < Duration::from_secs(seconds.into()) {
            work(worker)?;
            done += operations;
        }
        Ok((done, started.elapsed()))
    })
}

/// Measures what one session does; it answers how many operations, and how long they took.
fn one_session(
    server: &Server,
    database: &str,
    work: impl FnOnce(&mut Client) -> Result<(u64, Duration)>,
) -> Result<Measured> {
    let mut watcher = server.cluster.connect(database)?;
    let mut worker = server.connect_as_load(database)?;
    let ((operations, took), wal) = wal::during(server, &mut watcher, || {
        let done = work(&mut worker)?;
        // Its statistics are complete when it has gone.
        worker.close()?;
        Ok(done)
    })?;
    Ok(Measured {
        operations,
        seconds: took.as_secs_f64(),
        wal,
        ..Measured::default()
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
