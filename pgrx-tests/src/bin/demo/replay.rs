//! The replay: several connections take the orders one after the other, each its next.

use crate::orders::Order;
use crate::report;
use anyhow::{ensure, Result};
use postgres::{Client, Statement};
use std::io::{stdout, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};
use stockroom_tests::Cluster;

/// What became of an order, as the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Sold,
    Cancelled,
    /// There was not enough of it; this much was available.
    Refused {
        available: i64,
    },
}

/// One call of a function, as the client measured it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub step: &'static str,
    pub units: i64,
    pub took: Duration,
}

pub struct Replay {
    /// Of each order, by its place; none where it failed.
    pub fates: Vec<Option<Fate>>,
    pub calls: Vec<Call>,
    /// Errors that should not have happened.
    pub errors: Vec<String>,
    pub took: Duration,
}

/// What one connection brings back: the fates of its orders, by their places.
#[derive(Default)]
struct Share {
    fates: Vec<(usize, Fate)>,
    calls: Vec<Call>,
    errors: Vec<String>,
}

pub fn run(cluster: &Cluster, orders: &[Order], connections: usize) -> Result<Replay> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Till::open(cluster.connect("postgres")?)?);
    }
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let start_line = Barrier::new(connections + 1);

    let (shares, took) = thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|till| {
                scope.spawn(|| {
                    start_line.wait();
                    serve(till, orders, &next, &finished)
                })
            })
            .collect();
        start_line.wait();
        let started = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            tell_progress(finished.load(Ordering::Relaxed), orders.len(), started);
        }
        let took = started.elapsed();
        end_progress();
        let shares: Vec<Share> = workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .expect("a connection's thread should not panic")
            })
            .collect();
        (shares, took)
    });

    let mut replay = Replay {
        fates: vec![None; orders.len()],
        calls: Vec::new(),
        errors: Vec::new(),
        took,
    };
    for share in shares {
        for (place, fate) in share.fates {
            replay.fates[place] = Some(fate);
        }
        replay.calls.extend(share.calls);
        replay.errors.extend(share.errors);
    }
    Ok(replay)
}

/// One connection's work: takes the next order until there is none.
fn serve(mut till: Till, orders: &[Order], next: &AtomicUsize, finished: &AtomicUsize) -> Share {
    let mut share = Share::default();
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = orders.get(place) else {
            return share;
        };
        match till.serve(order, &mut share.calls) {
            Ok(fate) => share.fates.push((place, fate)),
            Err(error) => share.errors.push(format!("order {}: {error:?}", order.id)),
        }
        finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection with its statements prepared; each call is a transaction of its own.
struct Till {
    client: Client,
    allocate: Statement,
    fulfill: Statement,
    release: Statement,
}

impl Till {
    fn open(mut client: Client) -> Result<Till> {
        Ok(Till {
            allocate: client.prepare(
                "SELECT state, coalesce(quantity, 0)::bigint, coalesce(available, 0)::bigint
                   FROM stock.allocate_stock($1::uuid, $2::uuid, $3::integer, on_short => 'answer')",
            )?,
            fulfill: client.prepare("SELECT stock.fulfill_allocations($1::uuid)::bigint")?,
            release: client.prepare("SELECT stock.release_allocations($1::uuid)::bigint")?,
            client,
        })
    }

    fn serve(&mut self, order: &Order, calls: &mut Vec<Call>) -> Result<Fate> {
        let started = Instant::now();
        let rows = self.client.query(
            &self.allocate,
            &[&order.listing, &order.id, &order.quantity],
        )?;
        let took = started.elapsed();
        let wanted = i64::from(order.quantity);
        ensure!(!rows.is_empty(), "allocate_stock answered nothing");
        if rows[0].get::<_, &str>(0) == "insufficient" {
            let available = rows[0].get(2);
            ensure!(available < wanted, "refused {wanted} of {available}");
            calls.push(Call {
                step: "allocate_stock, refused",
                units: wanted,
                took,
            });
            return Ok(Fate::Refused { available });
        }
        // One row a lot.
        let units = rows.iter().map(|row| row.get::<_, i64>(1)).sum();
        ensure!(units == wanted, "allocated {units} instead of {wanted}");
        calls.push(Call {
            step: "allocate_stock",
            units,
            took,
        });

        let (step, statement, fate) = if order.is_cancelled {
            ("release_allocations", &self.release, Fate::Cancelled)
        } else {
            ("fulfill_allocations", &self.fulfill, Fate::Sold)
        };
        let started = Instant::now();
        let units: i64 = self.client.query_one(statement, &[&order.id])?.get(0);
        let took = started.elapsed();
        ensure!(units == wanted, "{step} moved {units} instead of {wanted}");
        calls.push(Call { step, units, took });
        Ok(fate)
    }
}

/// On a terminal a line that renews itself; in a log a line now and then.
fn tell_progress(finished: usize, all: usize, started: Instant) {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    let on_terminal = stdout().is_terminal();
    let pause = Duration::from_millis(if on_terminal { 200 } else { 5000 });
    let elapsed = started.elapsed();
    let ticks = (elapsed.as_millis() / pause.as_millis()) as usize;
    if ticks <= TOLD.swap(ticks, Ordering::Relaxed) {
        return;
    }
    let rate = finished as f64 / elapsed.as_secs_f64();
    let line = format!(
        "    {:>6} of {} orders, {} a second",
        report::number(finished),
        report::number(all),
        report::number(rate as usize)
    );
    if on_terminal {
        print!("\r{line}  ");
        let _ = stdout().flush();
    } else {
        println!("{line}");
    }
}

fn end_progress() {
    if stdout().is_terminal() {
        print!("\r{:60}\r", "");
        let _ = stdout().flush();
    }
}
