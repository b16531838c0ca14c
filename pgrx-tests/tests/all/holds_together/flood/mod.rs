//! Many connections hold, confirm, extend, release, sweep, allocate and write by hand at once, over a
//! few listings, at every isolation level. Nothing may be oversold in any snapshot, no unit may be lost,
//! and each hold must have had the one life that its callers were told.

mod buyer;
mod by_function;
mod by_hand;
mod ends;
mod store;
mod story;
mod tally;
mod watcher;

use crate::durability::size;
use buyer::{Buyer, Shared};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use store::Store;
use tally::Tally;
use watcher::Watcher;

/// How the clients of a flood work.
#[derive(Clone, Copy)]
pub struct Conditions {
    pub isolation: &'static str,
    /// Whether some write the tables themselves.
    pub by_hand: bool,
}

impl Conditions {
    /// Whether a call may be told to try again, with this SQLSTATE.
    pub fn retryable(&self, sqlstate: &str) -> bool {
        match sqlstate {
            "40001" => self.isolation != "READ COMMITTED",
            // Plain DML knows no lock order.
            "40P01" => self.by_hand,
            _ => false,
        }
    }
}

/// Lets all clients loose for a while, watches, and compares what they were told with the database.
fn flood(conditions: Conditions) {
    let store = Store::open();
    let shared = Arc::new(Shared::default());
    let buyers: Vec<_> = (0..size(16, 64))
        .map(|number| {
            let buyer = Buyer::new(number, &store, &shared, conditions);
            thread::spawn(move || buyer.run())
        })
        .collect();
    let mut watcher = Watcher::new(&store, conditions);
    let end = Instant::now() + Duration::from_secs(size(4, 60));
    let goes_on = || Instant::now() < end || shared.done() < size(2_000, 30_000);
    // A client that met something unexpected has ended: then there is nothing to wait for.
    while goes_on() && !buyers.iter().any(|buyer| buyer.is_finished()) {
        watcher.look();
    }
    shared.stop();
    let ended: Vec<_> = buyers.into_iter().map(JoinHandle::join).collect();
    let mut tally = Tally::default();
    for own in ended {
        tally.add(own.expect("a client met something unexpected"));
    }
    println!("{}: {} looks\n{tally}", conditions.isolation, watcher.looks);
    assert!(watcher.looks > 0);
    tally.assert_lively();
    store.assert_as_told(&tally);
}

#[test]
fn functions_alone_never_deadlock_or_oversell() {
    flood(Conditions {
        isolation: "READ COMMITTED",
        by_hand: false,
    });
}

#[test]
fn functions_and_plain_dml_mixed_oversell_nothing() {
    flood(Conditions {
        isolation: "READ COMMITTED",
        by_hand: true,
    });
}

#[test]
fn the_same_at_repeatable_read_with_retries() {
    flood(Conditions {
        isolation: "REPEATABLE READ",
        by_hand: true,
    });
}

#[test]
fn the_same_at_serializable_with_retries() {
    flood(Conditions {
        isolation: "SERIALIZABLE",
        by_hand: true,
    });
}
