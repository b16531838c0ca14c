//! A private, throw-away PostgreSQL cluster.
//!
//! It listens on a unix socket in its own directory only, which nobody but its user and root can
//! enter, and never touches a cluster of the machine.

mod home;
mod process;
mod standby;

pub use process::output;

use anyhow::{bail, Context, Result};
use postgres::{Client, Config, NoTls};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const PORT: u16 = 5432;

/// The superuser of every cluster.
pub const SUPERUSER: &str = "postgres";

/// The settings of every cluster. Durability is as in production (`fsync` is on).
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "''"),
    ("max_connections", "200"),
    ("timezone", "'UTC'"),
    ("log_timezone", "'UTC'"),
    ("log_min_messages", "warning"),
    ("log_line_prefix", "'%m [%p] %d '"),
];

/// What a cluster is started with.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    settings: Vec<(String, String)>,
    in_memory: bool,
}

impl ClusterOptions {
    /// A line of `postgresql.conf`; a text value brings its own quotes.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Off is quicker, and loses data when the machine fails: for tests that look at neither. The files are
    /// then kept in memory, where there is room: file systems on disks take long to make many files.
    pub fn fsync(mut self, on: bool) -> Self {
        self.in_memory = !on;
        self.setting("fsync", if on { "on" } else { "off" })
    }

    /// Makes the cluster and starts it.
    pub fn start(self) -> Result<Cluster> {
        Cluster::remove_left_behind()?;
        let cluster = Cluster {
            home: home::create(self.in_memory)?,
            programs: server_programs()?,
        };
        cluster.initialise(&self.settings)?;
        cluster.start()?;
        Ok(cluster)
    }
}

/// A running (or stopped) server and its files; dropped, both are gone.
#[derive(Debug)]
pub struct Cluster {
    home: PathBuf,
    programs: PathBuf,
}

static SHARED: OnceLock<Cluster> = OnceLock::new();
static DURABLE: OnceLock<Cluster> = OnceLock::new();

extern "C" fn remove_shared() {
    for cluster in [&SHARED, &DURABLE] {
        if let Some(cluster) = cluster.get() {
            cluster.remove();
        }
    }
}

fn start_shared(options: ClusterOptions) -> Cluster {
    let cluster = options
        .start()
        .expect("the shared test cluster should start");
    static AT_EXIT: Once = Once::new();
    // SAFETY: the callback is a plain function, touches only statics, and does not unwind.
    AT_EXIT.call_once(|| unsafe {
        libc::atexit(remove_shared);
    });
    cluster
}

impl Cluster {
    pub fn options() -> ClusterOptions {
        ClusterOptions::default()
    }

    /// The one cluster that the tests of this process share, started at the first call and removed
    /// when the process ends. It never crashes, and leaves out the flushes. A test that stops its server,
    /// or wants settings, makes its own.
    pub fn shared() -> &'static Cluster {
        SHARED.get_or_init(|| start_shared(Cluster::options().fsync(false)))
    }

    /// The same with flushes, for tests of many clients at once: a commit takes as long as in production.
    pub fn durable() -> &'static Cluster {
        DURABLE.get_or_init(|| start_shared(Cluster::options()))
    }

    /// Ends and removes the clusters of runs that were killed; every start does this first.
    pub fn remove_left_behind() -> Result<()> {
        home::sweep()
    }

    /// How clients reach it, as the superuser, in the database `postgres`.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.home)
            .port(PORT)
            .user(SUPERUSER)
            .dbname("postgres")
            .application_name("stockroom-tests");
        config
    }

    /// A connection as superuser to one of its databases.
    pub fn connect(&self, database: &str) -> Result<Client> {
        let client = self.config().dbname(database).connect(NoTls);
        client.with_context(|| format!("cannot connect to database {database}"))
    }

    pub fn start(&self) -> Result<()> {
        let mut pg_ctl = self.pg_ctl("start");
        pg_ctl.arg("-l").arg(self.log_file()).args(["-t", "60"]);
        process::output(&mut pg_ctl).with_context(|| format!("server log:\n{}", self.log()))?;
        Ok(())
    }

    /// A clean shutdown: clients are disconnected, everything is written.
    pub fn stop(&self) -> Result<()> {
        process::output(self.pg_ctl("stop").args(["-m", "fast"]))?;
        Ok(())
    }

    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// The server's own immediate shutdown; the next start recovers from the write-ahead log.
    pub fn crash(&self) -> Result<()> {
        process::output(self.pg_ctl("stop").args(["-m", "immediate"]))?;
        Ok(())
    }

    /// `kill -9` of every process of the server, as the kernel's OOM killer would, without giving
    /// any of them a chance to write.
    pub fn kill(&self) -> Result<()> {
        let Some(postmaster) = self.postmaster() else {
            bail!("the server is not running");
        };
        // Stopped first, it can neither start new processes nor tell the others to end.
        process::signal(postmaster, libc::SIGSTOP);
        let children = process::children_of(postmaster);
        for &child in &children {
            process::signal(child, libc::SIGKILL);
        }
        process::signal(postmaster, libc::SIGKILL);
        process::wait_for_end(&[&[postmaster], children.as_slice()].concat())?;
        // In a container nobody may collect the exit status: then the pid stays taken, and by its
        // lock files the next start would believe that the server still runs.
        fs::remove_file(self.data().join("postmaster.pid"))?;
        fs::remove_file(self.home.join(format!(".s.PGSQL.{PORT}.lock")))?;
        Ok(())
    }

    /// `kill -9` of one process of the server. It then ends all others, recovers from the write-ahead
    /// log and goes on.
    pub fn kill_process(&self, pid: i32) -> Result<()> {
        let is_ours = self
            .postmaster()
            .is_some_and(|postmaster| process::children_of(postmaster).contains(&pid));
        if !is_ours {
            bail!("the server has no process {pid}");
        }
        process::signal(pid, libc::SIGKILL);
        Ok(())
    }

    /// Waits until the server takes connections again.
    pub fn wait_until_ready(&self) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.connect("postgres") {
            if Instant::now() > limit {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The pid of the server's first process, while it runs.
    pub fn postmaster(&self) -> Option<i32> {
        home::postmaster(&self.home)
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// One of PostgreSQL's client programs (`psql`, `pg_dump`, `pgbench`), set up for this cluster.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        process::clean_environment(&mut command);
        command
            .env("PGHOST", &self.home)
            .env("PGPORT", PORT.to_string())
            .env("PGUSER", SUPERUSER);
        command
    }

    /// Where it lives: the socket, `data/` and the log.
    pub fn home(&self) -> &Path {
        &self.home
    }

    fn initialise(&self, extra_settings: &[(String, String)]) -> Result<()> {
        let mut initdb = process::as_server_user(self.programs.join("initdb"));
        initdb
            .arg("-D")
            .arg(self.data())
            .args(["--username", SUPERUSER, "--auth", "trust"])
            .args(["--encoding", "UTF8", "--locale", "C.UTF-8"])
            // A cluster lost in a power cut is no loss.
            .arg("--no-sync");
        process::output(&mut initdb)?;

        let path = self.data().join("postgresql.conf");
        let mut conf = fs::read_to_string(&path)?;
        writeln!(
            conf,
            "\nunix_socket_directories = '{}'\nport = {PORT}",
            self.home.display()
        )?;
        for (name, value) in SETTINGS {
            writeln!(conf, "{name} = {value}")?;
        }
        for (name, value) in extra_settings {
            writeln!(conf, "{name} = {value}")?;
        }
        fs::write(path, conf)?;
        Ok(())
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut pg_ctl = process::as_server_user(self.programs.join("pg_ctl"));
        pg_ctl
            .args([action, "--wait", "--silent", "-D"])
            .arg(self.data());
        pg_ctl
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.home.join("server.log")
    }

    fn remove(&self) {
        if self.postmaster().is_some() {
            // Nothing is worth writing any more, so don't wait for a checkpoint.
            if let Err(error) = self.crash() {
                eprintln!("could not stop a test cluster: {error:#}");
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.home) {
            eprintln!("could not remove {}: {error}", self.home.display());
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The directory of `initdb` and its like, of the PostgreSQL that `PG_CONFIG` (or the first
/// `pg_config` on the path) speaks for.
fn server_programs() -> Result<PathBuf> {
    let pg_config = env::var("PG_CONFIG").unwrap_or_else(|_| "pg_config".into());
    let answer = process::output(Command::new(&pg_config).arg("--bindir"))
        .context("is PostgreSQL installed? `make setup` does it")?;
    Ok(PathBuf::from(answer.trim()))
}
