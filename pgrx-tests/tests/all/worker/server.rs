//! A server with the worker, and what one sees of it from outside.

use postgres::Client;
use std::thread::sleep;
use std::time::{Duration, Instant};
use stockroom_tests::{Cluster, ClusterOptions, Db};

/// What is not there after this time does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The options of a server with the worker, whose rounds are a second apart.
pub fn options() -> ClusterOptions {
    Cluster::options()
        .fsync(false)
        .setting("shared_preload_libraries", "'stockroom'")
        .setting("stockroom.worker_interval", "'1s'")
        .setting("log_min_messages", "debug1")
        // Its workers take transaction ids too.
        .setting("autovacuum", "off")
}

pub struct Server {
    pub cluster: Cluster,
}

/// A process of the worker, as `pg_stat_activity` shows it.
#[derive(Debug, PartialEq)]
pub struct Process {
    pub pid: i32,
    pub database: Option<String>,
    pub name: String,
    pub state: String,
    pub doing: String,
}

impl Server {
    pub fn start() -> Server {
        Server::with(options())
    }

    pub fn with(options: ClusterOptions) -> Server {
        Server {
            cluster: options.start().unwrap(),
        }
    }

    /// A new database with the extension in the schema `stock`.
    pub fn shop(&self) -> Db {
        let db = Db::on(&self.cluster);
        db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
        db
    }

    /// A connection to a database that no test looks at. Its statements fail where they would hang:
    /// DROP DATABASE waits for every process of the server.
    pub fn client(&self) -> Client {
        let mut client = self.cluster.connect("postgres").unwrap();
        let patience = format!("SET statement_timeout = {}", PATIENCE.as_millis());
        client.batch_execute(&patience).unwrap();
        client
    }

    pub fn run(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap();
    }

    /// Changes the setting, as an administrator does.
    pub fn set_interval(&self, value: &str) {
        let mut client = self.client();
        let set = format!("ALTER SYSTEM SET stockroom.worker_interval = '{value}'");
        client.batch_execute(&set).unwrap();
        client.batch_execute("SELECT pg_reload_conf()").unwrap();
    }

    /// The processes of a type that run now.
    pub fn processes(&self, backend_type: &str) -> Vec<Process> {
        processes(&mut self.client(), backend_type)
    }

    /// Waits for the launcher.
    pub fn launcher(&self) -> Process {
        let mut client = self.client();
        wait_until("the launcher runs", || {
            processes(&mut client, "stockroom launcher").pop()
        })
    }

    /// Waits until the launcher says that it does this.
    pub fn wait_until_launcher_says(&self, doing: &str) {
        let mut client = self.client();
        wait_until(doing, || {
            let launcher = processes(&mut client, "stockroom launcher").pop();
            launcher.filter(|launcher| launcher.doing.contains(doing))
        });
    }

    /// A worker that waits for a lock now.
    pub fn waiting_worker(&self) -> Option<Process> {
        let mut client = self.client();
        let waiting = "SELECT pid FROM pg_locks WHERE NOT granted";
        let waiting = client.query(waiting, &[]).unwrap();
        let waiting: Vec<i32> = waiting.iter().map(|row| row.get(0)).collect();
        let mut workers = processes(&mut client, "stockroom worker").into_iter();
        workers.find(|worker| waiting.contains(&worker.pid))
    }

    /// How often a worker was started in this database.
    pub fn rounds_in(&self, database: &str) -> usize {
        let line = self.starting_in(database);
        self.cluster.log().matches(&line).count()
    }

    /// Waits until a worker that was started after now has done its work: when the next one starts.
    pub fn wait_for_round_in(&self, database: &str) {
        let line = self.starting_in(database);
        let rounds = || self.cluster.log().matches(&line).count();
        let before = rounds();
        wait_until("the worker makes its rounds", || {
            (rounds() > before + 1).then_some(())
        });
    }

    /// What the server logs, at the level of these tests, when it starts a worker there.
    fn starting_in(&self, database: &str) -> String {
        let sql = "SELECT oid FROM pg_database WHERE datname = $1";
        let oid: u32 = self.client().query_one(sql, &[&database]).unwrap().get(0);
        format!("starting background worker process \"stockroom worker for database {oid}\"")
    }

    /// What the log says of failures.
    pub fn errors(&self) -> Vec<String> {
        let log = self.cluster.log();
        let is_failure = |line: &&str| {
            ["ERROR:", "FATAL:", "PANIC:"]
                .iter()
                .any(|severity| line.contains(severity))
        };
        log.lines().filter(is_failure).map(str::to_owned).collect()
    }
}

pub fn processes(client: &mut Client, backend_type: &str) -> Vec<Process> {
    let sql =
        "SELECT pid, datname::text, application_name, coalesce(state, ''), coalesce(query, '')
                 FROM pg_stat_activity WHERE backend_type = $1";
    let rows = client.query(sql, &[&backend_type]).unwrap();
    rows.iter()
        .map(|row| Process {
            pid: row.get(0),
            database: row.get(1),
            name: row.get(2),
            state: row.get(3),
            doing: row.get(4),
        })
        .collect()
}

/// Asks again and again until there is an answer.
#[track_caller]
pub fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < limit, "did not come: {what}");
        sleep(Duration::from_millis(10));
    }
}
