//! A streaming standby of a cluster: made from a base backup, promoted when the test says so.

use super::{home, process, Cluster, ClusterOptions, SUPERUSER};
use anyhow::{bail, Result};
use std::fmt::Write as _;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

impl Cluster {
    /// A standby that streams from this running server; a cluster of its own, with its own
    /// directory and socket. It has this server's settings, then those of `options`.
    ///
    /// For a synchronous one give it a name, `.setting("cluster_name", "'second'")`, and let the
    /// primary ask for that in `synchronous_standby_names`: a walreceiver goes by its cluster's name.
    pub fn standby(&self, options: ClusterOptions) -> Result<Cluster> {
        let standby = Cluster {
            home: home::create(false)?,
            programs: self.programs.clone(),
        };
        let mut backup = process::as_server_user(self.programs.join("pg_basebackup"));
        backup
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--wal-method=stream",
            ])
            .arg("--no-sync")
            .arg("--host")
            .arg(&self.home)
            .args(["--username", SUPERUSER, "--pgdata"])
            .arg(standby.data());
        process::output(&mut backup)?;

        let path = standby.data().join("postgresql.conf");
        let mut conf = fs::read_to_string(&path)?;
        let sockets = standby.home.display();
        writeln!(conf, "\nunix_socket_directories = '{sockets}'")?;
        for (name, value) in &options.settings {
            writeln!(conf, "{name} = {value}")?;
        }
        fs::write(path, conf)?;
        standby.start()?;
        Ok(standby)
    }

    /// Waits until this standby has replayed all that the primary has written so far.
    pub fn catch_up_with(&self, primary: &Cluster) -> Result<()> {
        // Whatever came before the switch is flushed by it, and so is sent.
        let mut client = primary.connect("postgres")?;
        let written = client.query_one("SELECT pg_switch_wal()::text", &[])?;
        let written: String = written.get(0);
        let mut client = self.connect("postgres")?;
        let replayed = "SELECT coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)";
        let limit = Instant::now() + Duration::from_secs(30);
        while !client.query_one(replayed, &[&written])?.get::<_, bool>(0) {
            if Instant::now() > limit {
                bail!("the standby did not catch up within 30 seconds");
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Makes this standby a primary, and waits until it is one.
    pub fn promote(&self) -> Result<()> {
        process::output(&mut self.pg_ctl("promote"))?;
        Ok(())
    }
}
