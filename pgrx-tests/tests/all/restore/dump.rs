//! pg_dump, psql and pg_restore, as an administrator uses them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use stockroom_tests::{Cluster, Db};

/// Part of the WARNING of a session that restores.
pub const WARNING: &str = "stockroom: this session restores a dump";

/// How many sessions of a database said so: the server's log knows, pg_restore tells only when asked
/// for more (`--verbose`).
pub fn warned(db: &Db) -> usize {
    let log = Cluster::shared().log();
    let said = format!("] {} WARNING:  {WARNING}", db.name());
    log.lines().filter(|line| line.contains(&said)).count()
}

/// Dumps a database of the shared cluster; the file (or directory) goes with the cluster.
pub fn dump(db: &Db, options: &[&str]) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = Cluster::shared().home().join(format!("dump-{number}"));
    let mut pg_dump = Cluster::shared().program("pg_dump");
    pg_dump
        .args(options)
        .arg("--file")
        .arg(&path)
        .arg(db.name());
    assert_eq!(succeed(pg_dump), "", "pg_dump should have nothing to say");
    path
}

/// Restores with psql into a database, stopping at the first error; answers what it said.
pub fn psql(db: &Db, file: &Path, options: &[&str]) -> String {
    succeed(psql_command(db, file, options))
}

/// The same with a setting of the session: `stockroom.restoring=on`.
pub fn psql_with(db: &Db, file: &Path, setting: &str) -> String {
    let mut psql = psql_command(db, file, &[]);
    psql.env("PGOPTIONS", format!("-c {setting}"));
    succeed(psql)
}

/// The same for a restore that must fail.
pub fn psql_fails(db: &Db, file: &Path, options: &[&str]) -> String {
    fail(psql_command(db, file, options))
}

fn psql_command(db: &Db, file: &Path, options: &[&str]) -> Command {
    let mut psql = Cluster::shared().program("psql");
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
        .args(options)
        .args(["--output", "/dev/null", "--file"])
        .arg(file)
        .args(["--dbname", db.name()]);
    psql
}

/// Restores with pg_restore into a database; answers what it said.
pub fn pg_restore(db: &Db, file: &Path, options: &[&str]) -> String {
    let mut pg_restore = Cluster::shared().program("pg_restore");
    pg_restore
        .arg("--exit-on-error")
        .args(options)
        .args(["--dbname", db.name()])
        .arg(file);
    succeed(pg_restore)
}

fn succeed(mut command: Command) -> String {
    let output = command.output().expect("should start");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn fail(mut command: Command) -> String {
    let output = command.output().expect("should start");
    assert!(!output.status.success(), "should fail: {command:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
