//! The harness itself: servers start and recover, waiting is seen, orders are all run.

use postgres::Client;
use std::collections::BTreeSet;
use stockroom_tests::{expect_error, interleave, script, Cluster, Db, Progress, Script, Session};
use uuid::Uuid;

#[test]
fn a_cluster_runs_with_the_promised_settings() {
    for (cluster, fsync) in [(Cluster::shared(), "off"), (Cluster::durable(), "on")] {
        let mut client = cluster.connect("postgres").unwrap();
        let row = client.query_one("SHOW fsync", &[]).unwrap();
        assert_eq!(row.get::<_, String>(0), fsync);
    }
    let db = Db::new();
    let mut client = db.client();
    for (setting, value) in [
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("TimeZone", "UTC"),
        ("lc_collate", "C.UTF-8"),
        ("server_encoding", "UTF8"),
    ] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{setting}");
    }
}

#[test]
fn databases_and_roles_go_with_their_db() {
    let mut admin = Cluster::shared().connect("postgres").unwrap();
    let mut count = |name: &str| -> i64 {
        let sql = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)
                        + (SELECT count(*) FROM pg_roles WHERE rolname = $1)";
        admin.query_one(sql, &[&name]).unwrap().get(0)
    };
    let db = Db::new();
    let (name, role) = (db.name().to_owned(), db.role("visitor"));
    let _still_connected = db.client_as(&role);
    assert_eq!((count(&name), count(&role)), (1, 1));
    drop(db);
    assert_eq!((count(&name), count(&role)), (0, 0));
}

#[test]
fn a_server_comes_back_after_stop_crash_and_kill() {
    let cluster = Cluster::options()
        .fsync(false)
        .setting("max_connections", "20")
        .start()
        .unwrap();
    let home = cluster.home().to_owned();
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("CREATE TABLE kept (n int)").unwrap();
    let end_it: [fn(&Cluster) -> anyhow::Result<()>; 3] =
        [Cluster::stop, Cluster::crash, Cluster::kill];
    for (n, end) in (1..).zip(end_it) {
        let mut client = cluster.connect("postgres").unwrap();
        client
            .execute("INSERT INTO kept VALUES ($1)", &[&n])
            .unwrap();
        end(&cluster).unwrap();
        assert!(cluster.postmaster().is_none());
        cluster.start().unwrap();
        let mut client = cluster.connect("postgres").unwrap();
        let row = client.query_one("SELECT count(*)::int FROM kept", &[]);
        assert_eq!(row.unwrap().get::<_, i32>(0), n);
    }
    let psql = cluster
        .program("psql")
        .args(["-XAtc", "SHOW max_connections"])
        .output();
    assert_eq!(String::from_utf8_lossy(&psql.unwrap().stdout), "20\n");
    drop(cluster);
    assert!(!home.exists());
}

#[test]
fn an_error_is_taken_apart() {
    let db = Db::new();
    let mut client = db.client();
    let raise = r#"DO $$ BEGIN RAISE 'too little' USING ERRCODE = '23514',
        DETAIL = '{"error": "insufficient_stock", "available": 3}', HINT = 'ask for less'; END $$"#;
    let error = expect_error(client.batch_execute(raise));
    assert_eq!(error.sqlstate, "23514");
    assert_eq!(error.message, "too little");
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(error.field("available"), 3);
    assert_eq!(error.hint.as_deref(), Some("ask for less"));

    let plain = expect_error(client.batch_execute("SELECT 1 / 0"));
    assert_eq!((plain.sqlstate.as_str(), plain.detail), ("22012", None));
}

#[test]
fn notices_are_kept() {
    let db = Db::new();
    let (mut client, notices) = db.client_with_notices();
    client
        .batch_execute("DO $$ BEGIN RAISE WARNING 'look out'; END $$")
        .unwrap();
    let expected = ("WARNING".to_owned(), "look out".to_owned());
    assert_eq!(*notices.lock().unwrap(), [expected]);
}

#[test]
fn a_session_that_waits_is_seen_to_wait() {
    let db = Db::new();
    db.execute("CREATE TABLE box (n int); INSERT INTO box VALUES (1)");
    let (mut first, mut second) = (Session::open(&db), Session::open(&db));
    first.run("BEGIN; UPDATE box SET n = n + 1").unwrap();
    second.start("UPDATE box SET n = n * 10 RETURNING n");
    assert_eq!(second.settle(), Progress::Blocked);
    assert!(second.is_blocked());
    first.run("COMMIT").unwrap();
    assert_eq!(second.settle(), Progress::Finished);
    assert_eq!(second.finish().unwrap().value(), "20");

    // Slow is not blocked.
    second.start("SELECT pg_sleep(0.05), 'awake'");
    assert!(!second.is_blocked());
    assert_eq!(
        second.finish().unwrap().rows[0][1].as_deref(),
        Some("awake")
    );

    // Dropped while it waits, a session lets go.
    first.run("BEGIN; UPDATE box SET n = 0").unwrap();
    second.start("UPDATE box SET n = 1");
    assert!(second.is_blocked());
    drop(second);
    first.run("COMMIT").unwrap();
}

/// Two fresh boxes, and scripts of two sessions that add to both of them.
fn two_boxes(
    client: &mut Client,
    level: &str,
    orders: [[usize; 2]; 2],
) -> ([Uuid; 2], Vec<Script>) {
    let boxes = [Uuid::new_v4(), Uuid::new_v4()];
    for id in boxes {
        client
            .execute("INSERT INTO box VALUES ($1, 0)", &[&id])
            .unwrap();
    }
    let add = |which: usize| format!("UPDATE box SET n = n + 1 WHERE id = '{}'", boxes[which]);
    let scripts = ["a", "b"].into_iter().zip(orders).map(|(name, order)| {
        let begin = format!("BEGIN ISOLATION LEVEL {level}; {}", add(order[0]));
        script(name, [begin, add(order[1]), "COMMIT".to_owned()])
    });
    (boxes, scripts.collect())
}

fn sums(client: &mut Client, boxes: &[Uuid; 2]) -> Vec<i32> {
    let sql = "SELECT n FROM box WHERE id = ANY($1) ORDER BY array_position($1, id)";
    let rows = client.query(sql, &[&&boxes[..]]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn every_order_is_run_and_the_waiting_ones_wait() {
    let db = Db::new();
    db.execute("CREATE TABLE box (id uuid PRIMARY KEY, n int)");
    let mut seen = BTreeSet::new();
    let summary = interleave(
        &db,
        |client| two_boxes(client, "READ COMMITTED", [[0, 1], [0, 1]]),
        |client, boxes, run| {
            assert!(run.errors().is_empty(), "{run}");
            assert_eq!(sums(client, boxes), [2, 2]);
            seen.insert(run.to_string());
        },
    );
    // Both want the first box first: the second comer waits until the other commits, and it can
    // start to wait before each of the other's last two steps; or there is no overlap at all.
    assert_eq!(summary.orders, 20);
    let expected = [
        "a1 a2 a3 b1 b2 b3",
        "a1 a2 b1(waited) a3 b2 b3",
        "a1 b1(waited) a2 a3 b2 b3",
        "b1 a1(waited) b2 b3 a2 a3",
        "b1 b2 a1(waited) b3 a2 a3",
        "b1 b2 b3 a1 a2 a3",
    ];
    assert_eq!(seen, expected.map(String::from).into());
    assert_eq!((summary.run, summary.impossible, summary.waits), (6, 14, 4));
}

#[test]
fn a_deadlock_is_an_outcome_not_a_hang() {
    let db = Db::new();
    db.execute("CREATE TABLE box (id uuid PRIMARY KEY, n int)");
    let mut deadlocks = 0;
    let summary = interleave(
        &db,
        |client| two_boxes(client, "READ COMMITTED", [[0, 1], [1, 0]]),
        |client, boxes, run| {
            let failed: Vec<_> = ["a", "b"]
                .into_iter()
                .filter_map(|s| run.error(s))
                .collect();
            assert!(failed.len() < 2, "{run}");
            deadlocks += failed.iter().filter(|e| e.sqlstate == "40P01").count();
            let successes = 2 - failed.len() as i32;
            assert_eq!(sums(client, boxes), [successes, successes], "{run}");
        },
    );
    assert_eq!(summary.orders, 20);
    assert!(deadlocks > 0 && deadlocks < summary.run);
}

#[test]
fn repeatable_read_shows_its_conflict() {
    let db = Db::new();
    db.execute("CREATE TABLE box (id uuid PRIMARY KEY, n int)");
    let mut conflicts = 0;
    interleave(
        &db,
        |client| two_boxes(client, "REPEATABLE READ", [[0, 1], [0, 1]]),
        |client, boxes, run| {
            let failed = ["a", "b"].into_iter().filter_map(|s| run.error(s));
            let states: Vec<_> = failed.map(|error| error.sqlstate.clone()).collect();
            assert!(states.iter().all(|state| state == "40001"), "{run}");
            conflicts += states.len();
            let successes = 2 - states.len() as i32;
            assert_eq!(sums(client, boxes), [successes, successes], "{run}");
        },
    );
    assert_eq!(conflicts, 4, "each waiting transaction fails");
}

#[test]
fn a_standby_follows_and_can_be_promoted() {
    let primary = Cluster::options().fsync(false).start().unwrap();
    let mut client = primary.connect("postgres").unwrap();
    client.batch_execute("CREATE TABLE kept (n int)").unwrap();
    let options = Cluster::options().setting("cluster_name", "'second'");
    let standby = primary.standby(options).unwrap();
    client.batch_execute("INSERT INTO kept VALUES (1)").unwrap();
    standby.catch_up_with(&primary).unwrap();

    let mut second = standby.connect("postgres").unwrap();
    let count = "SELECT count(*) FROM kept";
    assert_eq!(second.query_one(count, &[]).unwrap().get::<_, i64>(0), 1);
    let write = "INSERT INTO kept VALUES (2)";
    assert_eq!(expect_error(second.batch_execute(write)).sqlstate, "25006");
    // A primary that waits for synchronous standbys knows it by this name.
    let name = "SELECT application_name FROM pg_stat_replication";
    assert_eq!(
        client.query_one(name, &[]).unwrap().get::<_, String>(0),
        "second"
    );
    standby.promote().unwrap();
    second.batch_execute(write).unwrap();
    assert_eq!(client.query_one(count, &[]).unwrap().get::<_, i64>(0), 1);
}
