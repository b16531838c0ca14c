//! Clients of our own, for loads that pgbench can't make: it ends at the first error, and sends no large
//! argument. All arms of a comparison have the same. Compiled with optimisations they cost what pgbench does.

use crate::load::{self, Length, Measured};
use crate::options::Options;
use crate::server::{Server, DATABASE};
use crate::statistics::Latencies;
use crate::wal;
use anyhow::Result;
use postgres::{Client, Statement};
use std::thread;
use std::time::{Duration, Instant};

/// One call of a statement that the session has prepared; answers how many operations that was.
pub trait Call: Fn(&mut Client, &Statement) -> Result<u64> + Sync {}
impl<F: Fn(&mut Client, &Statement) -> Result<u64> + Sync> Call for F {}

/// A short warm-up that is not measured, then the run: so many clients, a thread each, call again and
/// again. The sum of what both did comes second.
pub fn warm_and_run(
    server: &Server,
    options: &Options,
    clients: u32,
    statement: &str,
    call: impl Call,
) -> Result<(Measured, u64)> {
    load::warmed(options, clients, |length| {
        run(server, clients, statement, &call, length)
    })
}

/// What one client did.
struct Done {
    operations: u64,
    /// Of each call, in microseconds.
    latencies: Vec<u32>,
    ended: Instant,
}

fn run(
    server: &Server,
    clients: u32,
    statement: &str,
    call: &impl Call,
    length: Length,
) -> Result<Measured> {
    let mut watcher = server.connect()?;
    let mut sessions = Vec::new();
    for _ in 0..clients {
        let mut client = server.connect_as_load(DATABASE)?;
        let statement = client.prepare(statement)?;
        sessions.push((client, statement));
    }
    let ((all, started), wal) = wal::during(server, &mut watcher, || {
        let started = Instant::now();
        let all = thread::scope(|scope| {
            let start = |(mut client, statement): (Client, Statement)| {
                scope.spawn(move || -> Result<Done> {
                    let done = repeat(&mut client, &statement, call, length, started)?;
                    client.close()?;
                    Ok(done)
                })
            };
            let threads: Vec<_> = sessions.into_iter().map(start).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a client should not panic"))
                .collect::<Result<Vec<Done>>>()
        })?;
        Ok((all, started))
    })?;
    let ended = all.iter().map(|done| done.ended).max().unwrap_or(started);
    Ok(Measured {
        operations: all.iter().map(|done| done.operations).sum(),
        seconds: (ended - started).as_secs_f64(),
        latencies: Latencies::of(all.into_iter().flat_map(|done| done.latencies).collect()),
        wal,
        ..Measured::default()
    })
}

fn repeat(
    client: &mut Client,
    statement: &Statement,
    call: &impl Call,
    length: Length,
    started: Instant,
) -> Result<Done> {
    let mut done = Done {
        operations: 0,
        latencies: Vec::new(),
        ended: started,
    };
    let goes_on = |done: &Done| match length {
        Length::Seconds(seconds) => done.ended - started < Duration::from_secs(seconds.into()),
        Length::Operations(each) => done.latencies.len() < each as usize,
    };
    while goes_on(&done) {
        let called = Instant::now();
        done.operations += call(client, statement)?;
        done.ended = Instant::now();
        done.latencies
            .push((done.ended - called).as_micros() as u32);
    }
    Ok(done)
}
