//! Many connections book overlapping dates, in any order of days, and end, move, extend and sweep what they have:
//! no date is ever booked beyond what it has, and everything is as its callers were told.

mod booker;
mod ends;
mod tally;

use super::sound::{assert_sound, unsound};
use crate::durability::size;
use booker::Booker;
use postgres::Client;
use rand::rngs::SmallRng;
use rand::SeedableRng;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use stockroom_tests::{Cluster, Db};
use tally::Tally;

const CONNECTIONS: u64 = 32;
const RESOURCES: [&str; 3] = ["bus", "car", "van"];
const CAPACITY: i32 = 4;
/// Days from the first of March.
const DAYS: i32 = 30;
/// Holds of this time and less run out in the middle of everything.
const LONGEST_SHORT_TTL: Duration = Duration::from_millis(50);

fn attempts() -> usize {
    size(2_000, 20_000)
}

fn open() -> Db {
    let db = Db::on(Cluster::durable());
    db.execute("CREATE EXTENSION stockroom");
    // None is expected: but if one comes, it shall be seen at once.
    let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", db.name());
    db.execute(&quick);
    for resource in RESOURCES {
        db.execute(&format!(
            "SELECT create_resource('VEHICLE', 'x', id => '{resource}');
             SELECT open_capacity('{resource}', '2099-03-01', '2099-03-30', {CAPACITY})"
        ));
    }
    db
}

fn deadlocks(client: &mut Client) -> i64 {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    client.query_one(sql, &[]).unwrap().get(0)
}

fn play(isolation: &'static str) {
    let db = open();
    let bookers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let random = SmallRng::seed_from_u64(number);
            let booker = Booker::new(&db, random, isolation);
            let attempts = attempts() / CONNECTIONS as usize;
            thread::spawn(move || booker.run(attempts))
        })
        .collect();
    let mut watcher = db.client();
    let mut looks = 0;
    while !bookers.iter().all(JoinHandle::is_finished) {
        let wrong = unsound(&mut watcher);
        assert_eq!(wrong, Vec::<String>::new(), "look {looks}");
        looks += 1;
    }
    let mut tally = Tally::default();
    for booker in bookers {
        tally.add(booker.join().expect("a client met something unexpected"));
    }
    println!("{isolation}: {looks} looks\n{tally}");
    tally.assert_lively();
    assert_eq!(tally.problems(&mut watcher), Vec::<String>::new());
    assert_sound(&mut watcher, "when all have ended");
    sweep_to_the_end(&mut watcher);
    assert_sound(&mut watcher, "when all is swept");
    assert_eq!(deadlocks(&mut watcher), 0);
}

/// When the last short hold has expired and is swept, what is held is what still lives.
fn sweep_to_the_end(client: &mut Client) {
    thread::sleep(LONGEST_SHORT_TTL + Duration::from_millis(10));
    let sql = "SELECT expire_holds(7)";
    while client.query_one(sql, &[]).unwrap().get::<_, i32>(0) > 0 {}
    let dead = "SELECT count(*) FROM resource_hold WHERE status = 'ACTIVE' AND expires_at <= clock_timestamp()";
    assert_eq!(client.query_one(dead, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn bookings_of_overlapping_dates_never_deadlock_or_overbook() {
    play("READ COMMITTED");
}

#[test]
fn the_same_at_repeatable_read_with_retries() {
    play("REPEATABLE READ");
}

#[test]
fn the_same_at_serializable_with_retries() {
    play("SERIALIZABLE");
}
