//! Whatever an owner adds to the tables of bookings takes part from then on, in sessions that have booked before too:
//! triggers, rules, columns, indexes and constraints.

use super::shop::Desk;
use crate::api::shop::connect;
use postgres::Client;
use stockroom_tests::{expect_error, text, texts};

const SET_UP: &str = "
    CREATE EXTENSION amcheck SCHEMA public;
    CREATE SCHEMA app;
    CREATE TABLE app.seen (what text);
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.seen VALUES (TG_OP);
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END $$;
    CREATE FUNCTION app.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END'";

/// Holds two, books one of them, moves and cancels that, and gives the other up. In the end all is as it was.
const ROUND: &str = "
    SELECT hold_resource('car', '{2090-01-01}', 1, NULL, 'first');
    SELECT hold_resource('car', '{2090-01-01}', 2, NULL, 'second');
    SELECT confirm_resource_hold(id, 'o', '1') FROM resource_hold WHERE idempotency_token = 'first';
    SELECT move_resource_allocation(id, '{2090-01-02}') FROM resource_allocation;
    SELECT release_resource_hold(id) FROM resource_hold WHERE idempotency_token = 'second';
    SELECT cancel_resource_allocation(id) FROM resource_allocation";

/// What a row trigger sees of a round.
const SEEN: [(&str, &str); 3] = [
    ("resource_hold", "INSERT 2, UPDATE 2"),
    ("resource_allocation", "DELETE 1, INSERT 1, UPDATE 1"),
    ("resource_capacity", "UPDATE 6"),
];

/// A desk, a session that has booked already, and one that has not.
fn open() -> (Desk, [Client; 2]) {
    let mut desk = Desk::with("car", 9);
    desk.run(SET_UP);
    desk.run(&format!("{ROUND}; DELETE FROM resource_hold"));
    let mut old = connect(&desk.db);
    old.batch_execute(&format!("{ROUND}; DELETE FROM resource_hold"))
        .unwrap();
    let new = connect(&desk.db);
    (desk, [old, new])
}

/// The proof after a round: the numbers, and every index by its table.
fn prove(desk: &mut Desk) {
    assert_eq!(desk.left("car"), "9 9 9 9 9 9 9");
    desk.prove_bookings();
    for (table, _) in SEEN {
        desk.run(&format!(
            "SELECT public.bt_index_parent_check(indexrelid, true) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
               JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree' WHERE indrelid = '{table}'::regclass"
        ));
    }
}

#[test]
fn row_triggers_see_every_row() {
    let (mut desk, mut sessions) = open();
    for (table, seen) in SEEN {
        for trigger in [
            "CREATE TRIGGER app BEFORE INSERT OR UPDATE OR DELETE ON $t FOR EACH ROW",
            "CREATE TRIGGER app AFTER INSERT OR UPDATE OR DELETE ON $t FOR EACH ROW",
            "CREATE CONSTRAINT TRIGGER app AFTER INSERT OR UPDATE OR DELETE ON $t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
        ] {
            let trigger = trigger.replace("$t", table);
            desk.run(&format!("{trigger} EXECUTE FUNCTION app.note()"));
            for session in &mut sessions {
                session.batch_execute(ROUND).unwrap();
                let told = "SELECT string_agg(what || ' ' || n, ', ' ORDER BY what) FROM (SELECT what, count(*) AS n FROM app.seen GROUP BY 1) s";
                assert_eq!(text(session, told), seen, "{trigger}");
                prove(&mut desk);
                desk.run("DELETE FROM resource_hold");
                desk.run("TRUNCATE app.seen");
            }
            desk.run(&format!("DROP TRIGGER app ON {table}"));
        }
    }
}

/// A rule only where PostgreSQL itself lets the engine's statements go on: ON CONFLICT knows none.
#[test]
fn statement_triggers_and_rules_take_part() {
    let (mut desk, mut sessions) = open();
    let trigger = "CREATE TRIGGER app AFTER UPDATE ON $t EXECUTE FUNCTION app.note()";
    let rule = "CREATE RULE app AS ON UPDATE TO $t DO ALSO INSERT INTO app.seen VALUES ('UPDATE')";
    for (table, kind, addition) in [
        ("resource_hold", "TRIGGER", trigger),
        ("resource_allocation", "TRIGGER", trigger),
        ("resource_capacity", "TRIGGER", trigger),
        ("resource_capacity", "RULE", rule),
    ] {
        desk.run(&addition.replace("$t", table));
        for session in &mut sessions {
            session.batch_execute(ROUND).unwrap();
            let seen = texts(session, "SELECT DISTINCT what FROM app.seen");
            assert_eq!(seen, ["UPDATE"], "{kind} on {table}");
            prove(&mut desk);
            desk.run("DELETE FROM resource_hold; TRUNCATE app.seen");
        }
        desk.run(&format!("DROP {kind} app ON {table}"));
    }
}

#[test]
fn columns_have_their_values() {
    let (mut desk, mut sessions) = open();
    for (column, holds) in [
        ("int DEFAULT 5", "count(*) = 2 AND bool_and(app = 5)"),
        (
            "uuid NOT NULL DEFAULT gen_random_uuid()",
            "count(DISTINCT app) = 2",
        ),
        (
            "int GENERATED ALWAYS AS (app.twice(quantity)) STORED",
            "count(*) = 2 AND bool_and(app = 2 * quantity)",
        ),
        (
            "int GENERATED ALWAYS AS IDENTITY",
            "count(DISTINCT app) = 2",
        ),
    ] {
        for table in ["resource_hold", "resource_allocation"] {
            desk.run(&format!("ALTER TABLE {table} ADD COLUMN app {column}"));
        }
        for session in &mut sessions {
            session.batch_execute(ROUND).unwrap();
            let kept = text(session, &format!("SELECT {holds} FROM resource_hold"));
            assert_eq!(kept, "t", "{column}");
            prove(&mut desk);
            desk.run("DELETE FROM resource_hold");
        }
        for table in ["resource_hold", "resource_allocation"] {
            desk.run(&format!("ALTER TABLE {table} DROP COLUMN app"));
        }
    }
    desk.run("ALTER TABLE resource_capacity ADD COLUMN app int GENERATED ALWAYS AS (app.twice(available_capacity)) STORED");
    for session in &mut sessions {
        session
            .batch_execute("SELECT hold_resource('car', '{2090-01-03}', 2)")
            .unwrap();
        let same = "SELECT bool_and(app = 2 * available_capacity) FROM resource_capacity";
        assert_eq!(text(session, same), "t");
    }
    desk.prove_bookings();
}

#[test]
fn indexes_lose_nothing() {
    let (mut desk, mut sessions) = open();
    for (table, column) in [
        ("resource_hold", "quantity"),
        ("resource_allocation", "quantity"),
        ("resource_capacity", "available_capacity"),
    ] {
        for index in [
            "($c)",
            "USING hash ($c)",
            "USING brin ($c)",
            "(app.twice($c)) INCLUDE (tenant_id)",
            "(resource_id) WHERE app.twice($c) > 3",
        ] {
            let index = index.replace("$c", column);
            desk.run(&format!("CREATE INDEX app ON {table} {index}"));
            for session in &mut sessions {
                session.batch_execute(ROUND).unwrap();
                session
                    .batch_execute("SELECT hold_resource('car', '{2090-01-04}', 7, NULL, 'third')")
                    .unwrap();
                let found = format!("SELECT count(*) FROM {table} WHERE app.twice({column}) > 3 AND {column} IN (2, 7)");
                let by_table = text(
                    session,
                    &format!("SET enable_indexscan = off; SET enable_bitmapscan = off; {found}"),
                );
                let by_index = text(session, &format!("SET enable_indexscan = on; SET enable_bitmapscan = on; SET enable_seqscan = off; {found}"));
                assert_eq!(by_index, by_table, "{table} {index}");
                session
                    .batch_execute("SELECT release_resource_hold(id) FROM resource_hold WHERE idempotency_token = 'third'; RESET ALL; SET search_path = stock")
                    .unwrap();
                prove(&mut desk);
                desk.run("DELETE FROM resource_hold");
            }
            desk.run("DROP INDEX app");
        }
    }
}

/// What the app forbids is refused, and nothing is left half done.
#[test]
fn constraints_are_kept() {
    let (mut desk, mut sessions) = open();
    for (make, call, undo) in [
        (
            "ALTER TABLE resource_hold ADD CONSTRAINT app CHECK (quantity < 5)",
            "SELECT hold_resource('car', '{2090-01-01}', 5)",
            "ALTER TABLE resource_hold DROP CONSTRAINT app",
        ),
        (
            "ALTER TABLE resource_hold ADD CONSTRAINT app CHECK (app.twice(quantity) < 9)",
            "SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 5)",
            "ALTER TABLE resource_hold DROP CONSTRAINT app",
        ),
        (
            "ALTER TABLE resource_capacity ADD CONSTRAINT app CHECK (available_capacity <> 4)",
            "SELECT hold_resource('car', '{2090-01-01}', 5)",
            "ALTER TABLE resource_capacity DROP CONSTRAINT app",
        ),
        (
            "ALTER TABLE resource_hold ALTER customer_email SET NOT NULL",
            "SELECT hold_resource('car', '{2090-01-01}', 1)",
            "ALTER TABLE resource_hold ALTER customer_email DROP NOT NULL",
        ),
    ] {
        desk.run(make);
        for session in &mut sessions {
            let error = expect_error(session.batch_execute(call));
            assert!(
                ["23514", "23502"].contains(&error.sqlstate.as_str()),
                "{make}: {error:?}"
            );
            assert_eq!(desk.text("SELECT count(*) FROM resource_hold"), "0");
            prove(&mut desk);
            let other =
                "SELECT hold_resource('car', '{2090-01-01}', 2, 'a@b'); DELETE FROM resource_hold";
            session.batch_execute(other).unwrap();
        }
        desk.run(undo);
    }
    // One hold for each customer, say.
    desk.run("CREATE UNIQUE INDEX app ON resource_hold (customer_email)");
    for session in &mut sessions {
        let call =
            |rest: &str| format!("SELECT hold_resource('car', '{{2090-01-01}}', 1, 'a@b'{rest})");
        session.batch_execute(&call("")).unwrap();
        for rest in ["", ", 'k'"] {
            let error = expect_error(session.batch_execute(&call(rest)));
            assert!(
                error.sqlstate == "23505" || error.name() == "write_interfered",
                "{error:?}"
            );
        }
        assert_eq!(desk.left("car"), "8 9 9 9 9 9 9");
        session.batch_execute("DELETE FROM resource_hold").unwrap();
        prove(&mut desk);
    }
}
