//! Single sessions cancelled, terminated and killed in the middle of their work: nothing half done.

use super::load::{Load, Shop, WhenGone};
use super::size;
use super::told::Told;
use postgres::Client;

/// A session of the load that runs a statement now.
const BUSY: &str = "SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
      AND query NOT IN ('', 'ROLLBACK') ORDER BY random() LIMIT 1";

fn busy(client: &mut Client) -> Option<i32> {
    let row = client.query_opt(BUSY, &[]).unwrap();
    row.map(|row| row.get(0))
}

/// Does this to busy sessions until it met enough of them in the middle of a call; many have just ended
/// theirs.
fn interrupt(function: &str) -> Told {
    let shop = Shop::open();
    let mut client = shop.db.client();
    let load = Load::start(&shop, "", WhenGone::Reconnect);
    let sql = format!("SELECT {function}($1)");
    let enough = size(30, 400);
    let (mut times, mut next) = (0, 0);
    while load.interrupted() < enough {
        if let Some(pid) = busy(&mut client) {
            // A session that has ended meanwhile is only warned of.
            client.query_one(&sql, &[&pid]).unwrap();
            times += 1;
            assert!(times < 200 * enough, "hardly any call is met");
            next = load.acknowledged() + 5;
        }
        load.wait_for(next);
    }
    let told = load.finish();
    println!(
        "{function}: {times} times; {} acknowledged, {} cancelled, {} unanswered, {} deadlocks",
        told.acknowledged, told.cancelled, told.unanswered_calls, told.refused
    );
    assert_eq!(shop.differences(&told), Vec::<String>::new());
    shop.verify();
    told
}

#[test]
fn cancelled_calls_leave_nothing() {
    let told = interrupt("pg_cancel_backend");
    assert_eq!(told.unanswered_calls, 0);
}

#[test]
fn terminated_sessions_leave_nothing_half_done() {
    let told = interrupt("pg_terminate_backend");
    assert_eq!(told.cancelled, 0);
}

/// The server ends all sessions and recovers by itself.
#[test]
fn a_killed_session_takes_nothing_that_was_acknowledged_with_it() {
    let shop = Shop::open();
    let mut told = Told::default();
    for round in 1..=size(2, 10) {
        let mut client = shop.db.client();
        let load = Load::start(&shop, "", WhenGone::Stop);
        load.wait_for(size(500, 10_000));
        let pid = loop {
            if let Some(pid) = busy(&mut client) {
                break pid;
            }
        };
        shop.cluster.kill_process(pid).unwrap();
        told.add(load.wait());
        shop.cluster.wait_until_ready().unwrap();
        println!(
            "a session killed, round {round}: {} acknowledged so far, {} unanswered",
            told.acknowledged, told.unanswered_calls
        );
        assert_eq!(shop.differences(&told), Vec::<String>::new());
        shop.verify();
    }
}
