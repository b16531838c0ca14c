//! `kill -9` of the whole server while clients hold, confirm, move and cancel: what was acknowledged is there
//! afterwards, and every counter is what the rows say.

mod clerk;

use super::sound::assert_sound;
use crate::durability::crash::losses;
use crate::durability::size;
use crate::durability::told::Told;
use clerk::{Clerk, RESOURCES};
use postgres::NoTls;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use stockroom_tests::{Cluster, Db};

/// A hold by its token, a booking by its order.
const STATES: &str = "
    SELECT idempotency_token::uuid, format('%s %s on %s', status, quantity, dates)
      FROM resource_hold WHERE idempotency_token IS NOT NULL
    UNION ALL
    SELECT order_id::uuid, format('booked %s on %s', quantity, dates) FROM resource_allocation";

const CLIENTS: usize = 8;

struct Office {
    db: Db,
    cluster: Cluster,
}

impl Office {
    fn open() -> Office {
        let cluster = Cluster::options()
            .setting("deadlock_timeout", "'20ms'")
            // The WAL writer shall not flush what a session ought to have flushed.
            .setting("wal_writer_delay", "'10s'")
            .start()
            .unwrap();
        let db = Db::on(&cluster);
        db.execute("CREATE EXTENSION stockroom");
        for resource in RESOURCES {
            db.execute(&format!(
                "SELECT create_resource('VEHICLE', 'x', id => '{resource}');
                 SELECT open_capacity('{resource}', '2099-03-01', '2099-03-09', 60)"
            ));
        }
        Office { db, cluster }
    }

    /// Lets all clients loose until the server has gone under them; what they were told.
    fn killed_after(&self, calls: usize, set_up: &'static str) -> Told {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let clerks: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = self.db.config().connect(NoTls).expect("should connect");
                client.batch_execute(set_up).expect("should set up");
                let clerk = Clerk::new(client, Arc::clone(&acknowledged));
                thread::spawn(move || clerk.run())
            })
            .collect();
        while acknowledged.load(Ordering::Relaxed) < calls {
            let at_work = clerks.iter().any(|clerk| !JoinHandle::is_finished(clerk));
            assert!(at_work, "all clients have ended");
            thread::sleep(Duration::from_millis(1));
        }
        self.cluster.kill().unwrap();
        let mut told = Told::default();
        for clerk in clerks {
            told.add(clerk.join().expect("a client met something unexpected"));
        }
        told
    }
}

fn rounds(name: &str, set_up: &'static str) -> usize {
    let office = Office::open();
    losses(name, size(2, 8), |told| {
        told.add(office.killed_after(size(1_000, 5_000), set_up));
        office.cluster.start().unwrap();
        let mut client = office.db.client();
        assert_sound(&mut client, name);
        let mut differences = told.differences(&mut client, STATES);
        differences.extend(told.unknown(&mut client, STATES));
        differences
    })
}

#[test]
fn bookings_that_were_acknowledged_survive_kill_9() {
    let lost = rounds(
        "early lock release",
        "SET stockroom.early_lock_release = on",
    );
    assert_eq!(lost, 0);
}

#[test]
fn without_waiting_for_the_flush_some_bookings_are_lost() {
    let lost = rounds("asynchronous commit", "SET synchronous_commit = off");
    assert!(lost > 0, "the test above proves nothing");
}
