//! The launcher as an administrator meets it: it is seen, it ends when told, and it comes back.

use super::server::{options, processes, wait_until, Process, Server};

#[test]
fn the_launcher_is_seen_and_is_in_no_database() {
    let server = Server::start();
    server.wait_until_launcher_says("waiting for the next round");
    let launcher = server.launcher();
    let expected = Process {
        pid: launcher.pid,
        database: None,
        name: "stockroom launcher".into(),
        state: launcher.state.clone(),
        doing: launcher.doing.clone(),
    };
    assert_eq!(server.processes("stockroom launcher"), [expected]);
    // One launcher, however long it runs.
    server.wait_for_round_in("postgres");
    assert_eq!(server.launcher().pid, launcher.pid);
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn a_launcher_that_was_terminated_or_killed_comes_back() {
    let server = Server::start();
    let comes_back_after = |end: &dyn Fn(i32)| {
        let first = server.launcher().pid;
        end(first);
        server.cluster.wait_until_ready().unwrap();
        let another = wait_until("another launcher", || {
            let mut client = server.cluster.connect("postgres").ok()?;
            let launcher = processes(&mut client, "stockroom launcher").pop()?;
            (launcher.pid != first).then_some(launcher)
        });
        assert_eq!(another.database, None);
        server.wait_for_round_in("postgres");
    };
    comes_back_after(&|pid| {
        let sql = "SELECT pg_terminate_backend($1)";
        server.client().execute(sql, &[&pid]).unwrap();
    });
    comes_back_after(&|pid| {
        let sql = "SELECT pg_cancel_backend($1)";
        server.client().execute(sql, &[&pid]).unwrap();
    });
    // Takes all sessions with it, as with any process of the server.
    comes_back_after(&|pid| server.cluster.kill_process(pid).unwrap());
}

#[test]
fn the_server_stops_and_starts_with_it() {
    let server = Server::with(options().setting("stockroom.worker_interval", "'0'"));
    // With nothing to wake it, and asleep for long.
    for (interval, doing) in [("0", "off"), ("1h", "waiting for the next round")] {
        server.set_interval(interval);
        server.wait_until_launcher_says(doing);
        server.cluster.restart().unwrap();
        server.wait_until_launcher_says(doing);
    }
    assert_eq!(server.errors(), Vec::<String>::new());
}

#[test]
fn that_all_places_for_workers_are_taken_is_said_once() {
    // One for the launcher, one for PostgreSQL's own of logical replication.
    let server = Server::with(options().setting("max_worker_processes", "2"));
    let mut client = server.client();
    let mut seen_rounds = Vec::new();
    wait_until("several rounds", || {
        let sql = "SELECT query_start::text FROM pg_stat_activity
                    WHERE backend_type = 'stockroom launcher' AND query LIKE '%waiting%'";
        let begun = client.query_opt(sql, &[]).unwrap();
        let begun: Option<String> = begun.map(|row| row.get(0));
        seen_rounds.extend(begun.filter(|begun| !seen_rounds.contains(begun)));
        (seen_rounds.len() > 3).then_some(())
    });
    let said = "no worker could be started, as max_worker_processes are running already";
    assert_eq!(server.cluster.log().matches(said).count(), 1);
    assert_eq!(server.rounds_in("postgres"), 0);

    server.run("ALTER SYSTEM SET max_worker_processes = 3");
    server.cluster.restart().unwrap();
    server.wait_for_round_in("postgres");
}
