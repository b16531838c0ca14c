//! Every pair of calls, and triples of them, over the same few dates of the same few resources.

use super::worker::{Way, Worker, RESOURCES, UNEXPECTED};
use crate::bookings_together::sound::assert_sound;
use crate::durability::size;
use postgres::Client;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use stockroom_tests::{Cluster, Db};
use uuid::Uuid;

/// Three resources; and a listing with a little stock, which is behind the first of them.
struct Office {
    db: Db,
    client: Client,
    listing: Uuid,
    told: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Office {
    fn open(backed: usize) -> Office {
        let db = Db::on(Cluster::durable());
        db.execute("CREATE EXTENSION stockroom");
        let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", db.name());
        db.execute(&quick);
        let mut client = db.client();
        let row = client.query_one("SELECT register_listing(NULL)", &[]);
        let listing: Uuid = row.unwrap().get(0);
        db.execute(&format!("SELECT receive_stock('{listing}', 12)"));
        for resource in RESOURCES {
            db.execute(&format!(
                "SELECT create_resource('VEHICLE', 'x', id => '{resource}');
                 SELECT open_capacity('{resource}', '2099-03-01', '2099-03-08', 6)"
            ));
        }
        for resource in &RESOURCES[..backed] {
            db.execute(&format!(
                "SELECT change_resource('{resource}', listing_id => '{listing}')"
            ));
        }
        Office {
            db,
            client,
            listing,
            told: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Lets sessions of each of these ways loose at once.
    fn meet(&mut self, ways: &[Way], sessions: usize, attempts: usize) {
        let (db, listing, count) = (&self.db, self.listing, ways.len() * sessions);
        let start = Barrier::new(count);
        let ends: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = (0..count)
                .map(|number| {
                    let (start, way) = (&start, ways[number % ways.len()]);
                    let mut worker = Worker::new(db, listing, number as u64);
                    scope.spawn(move || {
                        start.wait();
                        (0..attempts).for_each(|_| worker.act(way));
                        worker.end()
                    })
                })
                .collect();
            let ends = running.into_iter().map(|worker| worker.join().unwrap());
            ends.collect()
        });
        for (what, times) in ends.into_iter().flatten() {
            if what.starts_with(UNEXPECTED) {
                self.wrong.push(format!("{ways:?}: {times} times {what}"));
            }
            *self.told.entry(what).or_default() += times;
        }
        assert_sound(&mut self.client, &format!("{ways:?}"));
    }

    #[track_caller]
    fn assert_calm(mut self) {
        println!("{:?}", self.told);
        assert_eq!(self.wrong, Vec::<String>::new());
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        let row = self.client.query_one(deadlocks, &[]);
        assert_eq!(row.unwrap().get::<_, i64>(0), 0);
    }
}

fn no_pair_deadlocks(backed: usize) {
    let mut office = Office::open(backed);
    for (place, one) in Way::ALL.iter().enumerate() {
        for other in &Way::ALL[place..] {
            office.meet(&[*one, *other], 2, size(8, 120));
        }
    }
    office.assert_calm();
}

#[test]
fn no_pair_of_calls_deadlocks() {
    no_pair_deadlocks(0);
}

#[test]
fn no_pair_of_calls_deadlocks_where_stock_is_behind() {
    no_pair_deadlocks(2);
}

/// In the short run each way meets some others, in the long one all triples come.
#[test]
fn no_three_calls_deadlock() {
    let (mut office, all) = (Office::open(1), Way::ALL);
    for one in 0..all.len() {
        for other in one + 1..all.len() {
            for third in other + 1..all.len() {
                if size((one + 2 * other + third) % 12 == 0, true) {
                    office.meet(&[all[one], all[other], all[third]], 2, size(10, 40));
                }
            }
        }
    }
    office.assert_calm();
}

#[test]
fn all_calls_at_once_do_not_deadlock() {
    for backed in [0, 2] {
        let mut office = Office::open(backed);
        office.meet(&Way::ALL, 2, size(50, 1_500));
        office.assert_calm();
    }
}
