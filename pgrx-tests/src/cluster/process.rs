//! Processes: which user runs the server, in which environment, and who is still alive.

use anyhow::{bail, Context, Result};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// PostgreSQL refuses to run as root, so root starts its servers as this user.
pub(crate) const SERVER_USER: &str = "postgres";

pub(crate) fn we_are_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// The user and group that own the server's files.
pub(crate) fn server_ids() -> Result<(u32, u32)> {
    if !we_are_root() {
        let me = fs::metadata("/proc/self")?;
        return Ok((me.uid(), me.gid()));
    }
    let id = |flag: &str| -> Result<u32> {
        let answer = output(Command::new("id").args([flag, SERVER_USER]))?;
        Ok(answer.trim().parse()?)
    };
    Ok((id("-u")?, id("-g")?))
}

/// A command that runs as the server's user.
pub(crate) fn as_server_user(program: impl AsRef<OsStr>) -> Command {
    let mut command = if we_are_root() {
        let mut runuser = Command::new("runuser");
        runuser.args(["-u", SERVER_USER, "--"]).arg(program);
        runuser
    } else {
        Command::new(program)
    };
    clean_environment(&mut command);
    // The server's user may not be allowed into the present directory.
    command.current_dir("/");
    command
}

/// Takes away what would change a server's or a client's behaviour from outside.
/// RUST_BACKTRACE would put a backtrace into the DETAIL of every error.
pub(crate) fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    for name in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
}

/// Runs a command to its end and returns what it printed; its failure is ours.
pub fn output(command: &mut Command) -> Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .with_context(|| format!("could not start {command:?}"))?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        bail!("{command:?} failed ({status})\n{stdout}{stderr}");
    }
    Ok(stdout)
}

/// When a living process started, in clock ticks since boot: with the pid it names one process for
/// ever. None for a dead one, also where nobody has collected its exit status yet.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    (state != "Z").then_some(started)
}

pub(crate) fn children_of(parent: i32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    fs::read_to_string(path)
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

pub(crate) fn signal(pid: i32, signal: i32) {
    assert!(pid > 1, "will not signal process {pid}");
    // SAFETY: kill(2) touches no memory of ours; pid is one single process.
    unsafe { libc::kill(pid, signal) };
}

/// Waits until the processes are gone.
pub(crate) fn wait_for_end(pids: &[i32]) -> Result<()> {
    let limit = Instant::now() + Duration::from_secs(30);
    while pids.iter().any(|&pid| start_time(pid).is_some()) {
        if Instant::now() > limit {
            bail!("processes {pids:?} did not end within 30 seconds");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
