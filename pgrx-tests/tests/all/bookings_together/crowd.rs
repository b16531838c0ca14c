//! A hundred at once for what ten can have.

use super::sound::assert_sound;
use postgres::Client;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use stockroom_tests::{Cluster, Db, ErrorInfo};
use uuid::Uuid;

const DAY: &str = "2099-03-02";
const CROWD: usize = 100;

/// A server with room for so many, and a resource with ten units on a few days.
struct Office {
    client: Client,
    db: Db,
    _cluster: Cluster,
}

impl Office {
    fn open() -> Office {
        let cluster = Cluster::options()
            .fsync(false)
            .setting("max_connections", "130")
            .start()
            .unwrap();
        let db = Db::on(&cluster);
        db.execute("CREATE EXTENSION stockroom");
        db.execute(
            "SELECT create_resource('VEHICLE', 'x', id => id),
                    open_capacity(id, '2099-03-01', '2099-03-05', 10)
               FROM unnest(ARRAY['car', 'van']) AS id",
        );
        Office {
            client: db.client(),
            db,
            _cluster: cluster,
        }
    }

    fn text(&mut self, sql: &str) -> String {
        stockroom_tests::text(&mut self.client, sql)
    }

    /// Waits until no other session is in this state.
    fn wait_for_none(&mut self, state: &str) {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND backend_type = 'client backend'
                AND pid <> pg_backend_pid() AND {state}"
        );
        while self.text(&count) != "0" {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What sessions have counted is there when they have gone.
    fn deadlocks(&mut self) -> i64 {
        self.wait_for_none("true");
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        self.client.query_one(sql, &[]).unwrap().get(0)
    }

    /// Nothing is wrong, nobody met a deadlock, and the sessions that are still there have no lock left.
    fn assert_calm(&mut self, sessions: Vec<Client>, deadlocks: i64) {
        // Who was refused is told so a moment before his transaction has ended.
        self.wait_for_none("state <> 'idle'");
        let locks = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                      WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        AND a.backend_type = 'client backend' AND l.pid <> pg_backend_pid()";
        assert_eq!(self.text(locks), "0");
        drop(sessions);
        assert_sound(&mut self.client, "after the crowd");
        assert_eq!(self.deadlocks(), deadlocks);
    }
}

/// What each came to, and the sessions.
type Came = (Vec<Result<Option<Uuid>, String>>, Vec<Client>);

/// Runs a statement in each of so many sessions, all at the same moment.
fn at_once(db: &Db, sql: impl Fn(usize) -> String) -> Came {
    let start = Barrier::new(CROWD);
    thread::scope(|scope| {
        let running: Vec<_> = (0..CROWD)
            .map(|session| {
                let (start, sql) = (&start, sql(session));
                scope.spawn(move || {
                    let mut client = db.client();
                    start.wait();
                    let row = client.query_one(&sql, &[]);
                    let told = row.map(|row| row.get(0)).map_err(|error| {
                        let error = ErrorInfo::from(&error);
                        format!("{} {}", error.sqlstate, error.name())
                    });
                    (told, client)
                })
            })
            .collect();
        let ends = running.into_iter().map(|session| session.join().unwrap());
        ends.unzip()
    })
}

/// How often each end was told; `got` where it was a key.
fn counts(came: &[Result<Option<Uuid>, String>]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for end in came {
        let end = match end {
            Ok(Some(_)) => "got",
            Ok(None) => "answered no",
            Err(error) => error,
        };
        *counts.entry(end).or_default() += 1;
    }
    counts
}

const REFUSED: &str = "23514 insufficient_capacity";
const BY_HAND: &str =
    "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2099-03-02}', 1) RETURNING id";

fn assert_ten_of_a_hundred(office: &mut Office, call: &str, refused: &str) {
    let deadlocks = office.deadlocks();
    let (came, sessions) = at_once(&office.db, |_| call.to_owned());
    let expected = BTreeMap::from([("got", 10), (refused, CROWD - 10)]);
    assert_eq!(counts(&came), expected, "{call}");
    office.assert_calm(sessions, deadlocks);
    let free = format!("SELECT available_capacity FROM resource_capacity WHERE resource_id = 'car' AND date = '{DAY}'");
    assert_eq!(office.text(&free), "0");
    let active = format!(
        "SELECT count(*) FROM resource_hold WHERE status = 'ACTIVE' AND '{DAY}' = ANY (dates)"
    );
    assert_eq!(office.text(&active), "10");
    office
        .client
        .batch_execute("DELETE FROM resource_hold")
        .unwrap();
}

#[test]
fn of_a_hundred_ten_get_a_unit() {
    let mut office = Office::open();
    for days in ["{2099-03-02}", "{2099-03-04, 2099-03-02, 2099-03-01}"] {
        let by_error = format!("SELECT hold_id FROM hold_resource('car', '{days}', 1)");
        assert_ten_of_a_hundred(&mut office, &by_error, REFUSED);
        let by_answer =
            format!("SELECT hold_id FROM hold_resource('car', '{days}', 1, on_short => 'answer')");
        assert_ten_of_a_hundred(&mut office, &by_answer, "answered no");
    }
    let of_a_range =
        "SELECT hold_id FROM hold_resource_range('car', '[2099-03-01, 2099-03-03]', 1, idempotency_token => gen_random_uuid()::text)";
    assert_ten_of_a_hundred(&mut office, of_a_range, REFUSED);
    assert_ten_of_a_hundred(&mut office, BY_HAND, REFUSED);
}

/// All ten units are in holds that have expired and are not swept.
#[test]
fn of_a_hundred_ten_get_what_has_expired() {
    let mut office = Office::open();
    let by_error = format!("SELECT hold_id FROM hold_resource('car', '{{{DAY}}}', 1)");
    let by_answer =
        format!("SELECT hold_id FROM hold_resource('car', '{{{DAY}}}', 1, on_short => 'answer')");
    for (days, each, call, refused) in [
        ("{2099-03-02}", 1, &*by_error, REFUSED),
        ("{2099-03-02}", 5, &by_answer, "answered no"),
        (
            "{2099-03-01, 2099-03-02, 2099-03-05}",
            1,
            &by_error,
            REFUSED,
        ),
        ("{2099-03-02, 2099-03-03}", 10, &by_answer, "answered no"),
        ("{2099-03-02}", 1, BY_HAND, REFUSED),
        ("{2099-03-01, 2099-03-02, 2099-03-05}", 1, BY_HAND, REFUSED),
    ] {
        let holds = format!(
            "SELECT hold_resource('car', '{days}', {each}) FROM generate_series(1, 10 / {each})"
        );
        office.client.batch_execute(&holds).unwrap();
        office
            .client
            .batch_execute("UPDATE resource_hold SET expires_at = clock_timestamp()")
            .unwrap();
        assert_ten_of_a_hundred(&mut office, call, refused);
    }
}

#[test]
fn of_a_hundred_ten_get_a_package() {
    let mut office = Office::open();
    let deadlocks = office.deadlocks();
    let (came, sessions) = at_once(&office.db, |session| {
        // Half of them name the resources the other way round.
        let lines = match session % 2 {
            0 => r#"[{"resource_id": "car"}, {"resource_id": "van"}]"#,
            _ => r#"[{"resource_id": "van"}, {"resource_id": "car"}]"#,
        };
        format!("SELECT package_id FROM hold_package('{lines}', '{{2099-03-03, {DAY}}}') LIMIT 1")
    });
    let expected = BTreeMap::from([("got", 10), (REFUSED, CROWD - 10)]);
    assert_eq!(counts(&came), expected);
    office.assert_calm(sessions, deadlocks);
    let held =
        "SELECT resource_id || ' ' || count(*) FROM resource_hold GROUP BY resource_id ORDER BY 1";
    assert_eq!(
        stockroom_tests::texts(&mut office.client, held),
        ["car 10", "van 10"]
    );
}

/// Whoever books and whoever buys: ten units of a listing are behind two resources.
#[test]
fn of_a_hundred_ten_get_a_unit_that_is_sold_and_booked() {
    let mut office = Office::open();
    let listing: Uuid = office
        .client
        .query_one("SELECT register_listing(NULL)", &[])
        .unwrap()
        .get(0);
    let stocking = format!(
        "SELECT receive_stock('{listing}', 10), change_resource('car', listing_id => '{listing}'),
                change_resource('van', listing_id => '{listing}')"
    );
    office.client.batch_execute(&stocking).unwrap();
    let deadlocks = office.deadlocks();
    let (came, sessions) = at_once(&office.db, |session| match session % 4 {
        0 => format!("SELECT hold_id FROM hold_resource('car', '{{{DAY}}}', 1)"),
        1 => format!("SELECT hold_id FROM hold_resource('van', '{{2099-03-03, {DAY}}}', 1)"),
        2 => format!("SELECT hold_id FROM hold_stock('{listing}', 1)"),
        _ => format!("SELECT allocation_id FROM allocate_stock('{listing}', gen_random_uuid(), 1)"),
    });
    let counts = counts(&came);
    let refused = |name| counts.get(name).copied().unwrap_or(0);
    let all_refused = refused(REFUSED) + refused("23514 insufficient_stock");
    assert_eq!((counts["got"], all_refused), (10, CROWD - 10), "{counts:?}");
    office.assert_calm(sessions, deadlocks);
}

/// The same token from everybody is one hold.
#[test]
fn a_hundred_with_one_token_are_told_of_one_hold() {
    let mut office = Office::open();
    for (token, days) in [("t1", "{2099-03-02}"), ("t2", "{2099-03-02, 2099-03-04}")] {
        let deadlocks = office.deadlocks();
        let call = format!("SELECT hold_id FROM hold_resource('car', '{days}', 10, idempotency_token => '{token}')");
        let (came, sessions) = at_once(&office.db, |_| call.clone());
        let hold = came[0].clone().unwrap();
        assert!(
            came.iter().all(|end| *end == Ok(hold)),
            "{:?}",
            counts(&came)
        );
        office.assert_calm(sessions, deadlocks);
        office
            .client
            .batch_execute("DELETE FROM resource_hold")
            .unwrap();
    }
}
