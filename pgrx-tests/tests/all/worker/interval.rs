//! `stockroom.worker_interval`, changed while the server runs.

use super::server::{options, Server};
use std::thread::sleep;
use std::time::Duration;
use stockroom_tests::expect_error;

#[test]
fn zero_stops_the_rounds_and_another_value_brings_them_back() {
    let server = Server::start();
    server.wait_for_round_in("postgres");
    server.set_interval("0");
    server.wait_until_launcher_says("off, as stockroom.worker_interval is 0");
    let rounds = server.rounds_in("postgres");
    // Time for more than one, if there were any.
    sleep(Duration::from_secs(3));
    assert_eq!(server.rounds_in("postgres"), rounds);
    server.set_interval("1s");
    server.wait_for_round_in("postgres");
}

#[test]
fn a_launcher_that_sleeps_for_an_hour_heeds_a_shorter_interval_at_once() {
    let server = Server::with(options().setting("stockroom.worker_interval", "'1h'"));
    server.wait_until_launcher_says("waiting for the next round");
    // The one at the start; the next would come when no test waits any more.
    assert_eq!(server.rounds_in("postgres"), 1);
    let launcher = server.launcher().pid;
    server.set_interval("1s");
    server.wait_for_round_in("postgres");
    assert_eq!(server.launcher().pid, launcher);
}

#[test]
fn the_setting_is_the_servers_and_no_sessions() {
    let server = Server::start();
    let mut client = server.client();
    let row = client.query_one("SHOW stockroom.worker_interval", &[]);
    assert_eq!(row.unwrap().get::<_, &str>(0), "1s");
    for (sql, sqlstate) in [
        ("SET stockroom.worker_interval = 5", "55P02"),
        (
            "ALTER DATABASE postgres SET stockroom.worker_interval = 5",
            "55P02",
        ),
        ("ALTER SYSTEM SET stockroom.worker_interval = -1", "22023"),
        ("ALTER SYSTEM SET stockroom.worker_interval = '2d'", "22023"),
        (
            "ALTER SYSTEM SET stockroom.worker_interval = 'often'",
            "22023",
        ),
    ] {
        let error = expect_error(client.batch_execute(sql));
        assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
    }
}
