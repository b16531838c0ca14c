//! The directory a cluster lives in: where it is, and what becomes of those that were left behind.
//!
//! A directory's name says which process made it (pid and start time), so that a later run can tell
//! the clusters of running tests from those of killed ones.

use super::process;
use anyhow::{Context, Result};
use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{chown, DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process as std_process;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "stockroom";

/// A unix socket's path has at most 107 bytes, of which `/.s.PGSQL.5432` takes 14.
const LONGEST_HOME: usize = 93;

/// Files that only live in memory.
const MEMORY: &str = "/dev/shm";

/// What a server may need there, in bytes.
const ROOM: u64 = 2 << 30;

/// Under `target/` where the server's user gets there (not so in a checkout under root's home),
/// else under `/var/tmp`; or in memory.
fn bases() -> [PathBuf; 3] {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("/"));
    [
        project.join("target/clusters"),
        PathBuf::from("/var/tmp"),
        PathBuf::from(MEMORY),
    ]
}

/// Bytes that may still be written in memory.
fn room_in_memory() -> u64 {
    let path = CString::new(MEMORY).expect("a path without NUL");
    // SAFETY: a plain structure of numbers, filled in by the call where it succeeds.
    unsafe {
        let mut facts: libc::statvfs = std::mem::zeroed();
        match libc::statvfs(path.as_ptr(), &mut facts) {
            0 => facts.f_bavail as u64 * facts.f_frsize as u64,
            _ => 0,
        }
    }
}

/// Makes a fresh directory that belongs to the server's user, in memory if wished and possible.
pub(crate) fn create(in_memory: bool) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let pid = std_process::id();
    let started = process::start_time(pid as i32).context("cannot read /proc/self/stat")?;
    let name = format!(
        "{PREFIX}-{pid}-{started}-{}",
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let [preferred, fallback, memory] = bases();
    if in_memory && room_in_memory() > ROOM {
        if let Ok(home) = try_create(&memory, &name) {
            return Ok(home);
        }
    }
    try_create(&preferred, &name).or_else(|_| try_create(&fallback, &name))
}

fn try_create(base: &Path, name: &str) -> Result<PathBuf> {
    let home = base.join(name);
    anyhow::ensure!(
        home.as_os_str().len() <= LONGEST_HOME,
        "path too long for a socket"
    );
    fs::create_dir_all(base)?;
    DirBuilder::new().mode(0o700).create(&home)?;
    let reachable = || -> Result<()> {
        let (uid, gid) = process::server_ids()?;
        if process::we_are_root() {
            chown(&home, Some(uid), Some(gid))?;
        }
        process::output(process::as_server_user("test").arg("-w").arg(&home))?;
        Ok(())
    };
    if let Err(error) = reachable() {
        fs::remove_dir(&home)?;
        return Err(error);
    }
    Ok(home)
}

/// Ends and removes the clusters whose makers no longer live.
pub(crate) fn sweep() -> Result<()> {
    let (server_uid, _) = process::server_ids()?;
    for base in bases() {
        let Ok(entries) = fs::read_dir(base) else {
            continue;
        };
        for entry in entries.flatten() {
            let ours = entry
                .metadata()
                .is_ok_and(|data| data.is_dir() && data.uid() == server_uid);
            let name = entry.file_name();
            if ours && name.to_str().is_some_and(was_left_behind) {
                eprintln!("removing a cluster left behind: {}", entry.path().display());
                // Another run may be removing it at this moment.
                let _ = end_server(&entry.path());
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
    Ok(())
}

fn was_left_behind(name: &str) -> bool {
    let mut parts = name.split('-');
    let (Some(PREFIX), Some(pid), Some(started), Some(_), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return false;
    };
    let (Ok(pid), Ok(started)) = (pid.parse::<i32>(), started.parse::<u64>()) else {
        return false;
    };
    process::start_time(pid) != Some(started)
}

fn end_server(home: &Path) -> Result<()> {
    if let Some(pid) = postmaster(home) {
        process::signal(pid, libc::SIGQUIT);
        process::wait_for_end(&[pid])?;
    }
    Ok(())
}

/// The pid of the server that runs in this directory. A pid file alone proves nothing: after a
/// crash its number may belong to somebody else.
pub(crate) fn postmaster(home: &Path) -> Option<i32> {
    let data = home.join("data");
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = file.lines().next()?.trim().parse().ok()?;
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let data = data.to_str()?.as_bytes();
    command_line
        .split(|&byte| byte == 0)
        .any(|argument| argument == data)
        .then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_dead_processes_are_left_behind() {
        let me = std_process::id();
        let started = process::start_time(me as i32).unwrap();
        assert!(!was_left_behind(&format!("stockroom-{me}-{started}-0")));
        assert!(was_left_behind(&format!(
            "stockroom-{me}-{}-0",
            started + 1
        )));
        assert!(!was_left_behind("stockroom-notes"));
        assert!(!was_left_behind("somebody-1-2-3"));
    }
}
