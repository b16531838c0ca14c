//! How much memory a server process has for itself.

use anyhow::{Context, Result};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Memory of the process that is its own, in kB: not shared buffers, not its program.
pub fn own_memory(pid: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let words = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .context("no RssAnon in the process's status")?;
    let kilobytes = words
        .split_whitespace()
        .next()
        .context("RssAnon is empty")?;
    Ok(kilobytes.parse()?)
}

/// Does something, and says the most memory in kB that the process had for itself meanwhile, looked at a
/// hundred times a second.
pub fn peak_memory<T>(pid: i32, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| -> Result<u64> {
            let mut peak = own_memory(pid)?;
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
                // At the end of the work the process may be gone.
                peak = peak.max(own_memory(pid).unwrap_or(0));
            }
            Ok(peak)
        });
        let result = work();
        over.store(true, Ordering::Relaxed);
        let peak = watcher.join().expect("watching memory does not panic");
        Ok((result?, peak?))
    })
}
