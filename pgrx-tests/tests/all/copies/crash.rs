//! Killed in the middle: all is as before.

use super::library::{Library, COLUMNS, ROWS, TABLE};
use crate::attached::app::Sql;
use std::thread;
use std::time::Duration;
use stockroom_tests::{Cluster, Db, Session};

/// Holds up whoever inserts or deletes a copy, in the middle of the migration.
const GATE: &str = "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(7); RETURN coalesce(NEW, OLD); END $$;
    CREATE TRIGGER gate BEFORE DELETE OR INSERT ON items FOR EACH ROW EXECUTE FUNCTION gate()";

#[test]
fn a_crash_in_the_middle_leaves_the_old_state() {
    let cluster = Cluster::options().start().unwrap();
    let mut db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    db.execute(&format!("{TABLE}; {ROWS}; {GATE}"));
    let collapse = format!("SELECT FROM stock.collapse_children({COLUMNS})");
    let expand = "SELECT FROM stock.expand_children('items')";
    for call in [collapse.as_str(), expand] {
        let sql = Sql::by_superuser(&db);
        let mut library = Library { sql, db };
        let before = library.state();
        let gate = "BEGIN; SELECT pg_advisory_xact_lock(7)";
        library.sql.run(gate);
        let mut migration = Session::open(&library.db);
        migration.start(call);
        assert!(migration.is_blocked(), "{call}");
        cluster.kill().unwrap();
        assert!(migration.finish().is_err());
        drop(migration);
        cluster.start().unwrap();
        library.sql = Sql::by_superuser(&library.db);
        assert_eq!(library.state(), before, "{call}");
        library.verify();

        // A session that is ended by itself leaves as much.
        library.sql.run(gate);
        let mut migration = Session::open(&library.db);
        migration.start(call);
        assert!(migration.is_blocked(), "{call}");
        let pid = migration.backend_pid();
        library
            .sql
            .run(&format!("SELECT pg_terminate_backend({pid})"));
        assert!(migration.finish().is_err());
        library.sql.run("COMMIT");
        while library.sql.row(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
        )) != "0"
        {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(library.state(), before, "{call}");
        library.sql.run(call);
        assert_ne!(library.state(), before, "{call}");
        library.verify();
        db = library.db;
    }
}
