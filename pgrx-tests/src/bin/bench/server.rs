//! The private server, set up as one for production would be, and the facts about the machine.

use crate::baselines;
use crate::options::Options;
use anyhow::{Context, Result};
use postgres::{Client, NoTls};
use std::fs;
use std::process::Command;
use std::time::Duration;
use stockroom_tests::{cluster, Cluster};

/// How connections that are measured call themselves.
pub const LOAD: &str = "load";

/// The database of all benchmarks that don't make one of their own.
pub const DATABASE: &str = "bench";

/// What a production server of this size is given; everything else is PostgreSQL's default, `fsync`,
/// `full_page_writes` and autovacuum included.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "1GB"),
    ("effective_cache_size", "4GB"),
    ("work_mem", "32MB"),
    ("maintenance_work_mem", "512MB"),
    ("max_wal_size", "16GB"),
    ("min_wal_size", "2GB"),
    ("checkpoint_timeout", "30min"),
    ("checkpoint_completion_target", "0.9"),
    ("random_page_cost", "1.1"),
    ("track_io_timing", "off"),
    ("shared_preload_libraries", "'pg_stat_statements'"),
    // Counted only where a benchmark turns it on: counting costs.
    ("pg_stat_statements.track", "none"),
];

pub struct Server {
    pub cluster: Cluster,
    pub facts: Facts,
}

impl Server {
    /// Starts it, with one database that has every schema of the comparison.
    pub fn start(options: &Options) -> Result<Server> {
        // A quick run measures nothing, and need not wait for the disk.
        let mut cluster_options = Cluster::options().fsync(!options.quick);
        for (name, value) in SETTINGS {
            cluster_options = cluster_options.setting(name, value);
        }
        let cluster = cluster_options.start()?;
        let facts = Facts::gather(&cluster, options)?;
        let server = Server { cluster, facts };
        server.make_database(DATABASE)?;
        Ok(server)
    }

    /// A database with ours and the baselines.
    pub fn make_database(&self, name: &str) -> Result<()> {
        self.cluster
            .connect("postgres")?
            .batch_execute(&format!("CREATE DATABASE {name}"))?;
        let mut client = self.cluster.connect(name)?;
        baselines::create(&mut client)
    }

    pub fn connect(&self) -> Result<Client> {
        self.cluster.connect(DATABASE)
    }

    /// A connection that is measured.
    pub fn connect_as_load(&self, database: &str) -> Result<Client> {
        let mut config = self.cluster.config();
        config.dbname(database).application_name(LOAD);
        Ok(config.connect(NoTls)?)
    }

    /// Nothing of what came before is left to be done: what is dirty is written, and the next
    /// checkpoint is far.
    pub fn settle(&self) -> Result<()> {
        self.connect()?.batch_execute("CHECKPOINT")?;
        Ok(())
    }

    /// Waits until the backends that were measured have ended: only then their statistics are complete.
    pub fn wait_for_load(&self, client: &mut Client) -> Result<()> {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        while client.query_one(running, &[&LOAD])?.get::<_, i64>(0) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// What one must know to judge the figures.
#[derive(Debug, Clone)]
pub struct Facts {
    pub cpu: String,
    pub memory: String,
    pub kernel: String,
    pub postgres: String,
    /// Flushes a second, by the method that the server uses.
    pub flushes: String,
    pub settings: String,
}

impl Facts {
    fn gather(cluster: &Cluster, options: &Options) -> Result<Facts> {
        let mut client = cluster.connect("postgres")?;
        let mut show = |sql: &str| -> Result<String> { Ok(client.query_one(sql, &[])?.get(0)) };
        let method = show("SHOW wal_sync_method")?;
        Ok(Facts {
            cpu: cpu(),
            memory: memory(),
            kernel: cluster::output(Command::new("uname").arg("-sr"))?
                .trim()
                .into(),
            postgres: show("SELECT version()")?,
            flushes: flushes(cluster, &method, options)?,
            settings: SETTINGS
                .iter()
                .map(|(name, value)| format!("{name} = {value}"))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    pub fn lines(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("CPU", &self.cpu),
            ("Memory", &self.memory),
            ("Kernel", &self.kernel),
            ("PostgreSQL", &self.postgres),
            ("Flush (pg_test_fsync)", &self.flushes),
            ("Settings", &self.settings),
        ]
    }

    pub fn print(&self) {
        for (name, value) in self.lines() {
            println!("    {name}: {value}");
        }
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = info
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    match models.first() {
        Some(model) => format!("{} × {model}", models.len()),
        None => {
            let cores = std::thread::available_parallelism().map_or(0, usize::from);
            format!("{cores} × unknown ({})", std::env::consts::ARCH)
        }
    }
}

fn memory() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = info
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or("unknown".into(), |kb| format!("{} GB", kb / 1_000_000))
}

/// How many flushes a second the disk of the server's files gives, one write each.
fn flushes(cluster: &Cluster, method: &str, options: &Options) -> Result<String> {
    let file = cluster.home().join("pg_test_fsync");
    let mut program = cluster.program("pg_test_fsync");
    program.arg("-f").arg(&file);
    // A second for each of its dozen tests.
    program.args(["-s", "1"]);
    if options.quick {
        return Ok("not measured in a quick run".into());
    }
    let answer = cluster::output(&mut program)?;
    parse_flushes(&answer, method)
        .with_context(|| format!("pg_test_fsync said nothing of {method}:\n{answer}"))
}

/// The line of this method under "one 8kB write": `fdatasync  1234.567 ops/sec  810 usecs/op`.
fn parse_flushes(answer: &str, method: &str) -> Option<String> {
    let line = answer
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(method) && line.contains("ops/sec"))?;
    let rate: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{rate:.0} a second with {method}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_method_in_use_is_found() {
        let answer = "Compare file sync methods using one 8kB write:\n\
             \x20       open_datasync                      2095.912 ops/sec     477 usecs/op\n\
             \x20       fdatasync                          1958.204 ops/sec     511 usecs/op\n\
             Compare file sync methods using two 8kB writes:\n\
             \x20       fdatasync                          1500.000 ops/sec     666 usecs/op\n";
        let found = parse_flushes(answer, "fdatasync");
        assert_eq!(found.as_deref(), Some("1958 a second with fdatasync"));
        assert_eq!(parse_flushes(answer, "fsync_writethrough"), None);
    }
}
