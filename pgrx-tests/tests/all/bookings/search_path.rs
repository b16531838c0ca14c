//! The caller's search path means nothing to what the engine runs; and the extension may be in any schema.

use super::shop::Desk;
use postgres::Client;
use stockroom_tests::Db;

/// Operators and functions that a statement of the engine would find here first.
const TRAPS: &str = "
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.texts(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.uuids(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.dates(date, date) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.integers(integer, integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.unnest(date[]) RETURNS SETOF date LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.unnest(uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.cardinality(date[]) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.length(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.current_tenant() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE OPERATOR trap.= (FUNCTION = trap.texts, LEFTARG = text, RIGHTARG = text);
    CREATE OPERATOR trap.= (FUNCTION = trap.uuids, LEFTARG = uuid, RIGHTARG = uuid);
    CREATE OPERATOR trap.= (FUNCTION = trap.dates, LEFTARG = date, RIGHTARG = date);
    CREATE OPERATOR trap.>= (FUNCTION = trap.dates, LEFTARG = date, RIGHTARG = date);
    CREATE OPERATOR trap.<= (FUNCTION = trap.dates, LEFTARG = date, RIGHTARG = date);
    CREATE OPERATOR trap.- (FUNCTION = trap.integers, LEFTARG = integer, RIGHTARG = integer)";

const CALLS: [&str; 35] = [
    "SELECT stock.create_resource('TOUR', 'x')",
    "SELECT stock.change_resource('car', name => 'x', is_active => false, timezone => 'Asia/Tokyo')",
    "SELECT stock.retire_resource('kayak', true)",
    "SELECT stock.resource_today('car')",
    "SELECT stock.open_capacity('car', '2090-02-01', '2090-02-09', 3, '{1,2}', '{\"2090-02-04\": 1}')",
    "SELECT stock.set_capacity('car', '2090-01-01', '2090-01-07', 5)",
    "SELECT stock.check_availability('car', '2090-01-01', '2090-01-09')",
    "SELECT stock.check_availability('kayak', '2090-01-01', '2090-01-09')",
    "SELECT stock.find_available('VEHICLE', '{2090-01-01,2090-01-03}')",
    "SELECT stock.hold_resource('car', '{2090-01-01}', 1)",
    "SELECT stock.hold_resource('car', '{2090-01-01,2090-01-02}', 1, 'a@b', 'k', NULL, 'error', '{}')",
    "SELECT stock.hold_resource('car', '{2090-01-03}', 3)",
    "SELECT stock.hold_resource('car', '{2090-01-04}', 9, on_short => 'answer')",
    "SELECT stock.hold_resource('car', '{2090-01-07}', 1, on_short => 'answer')",
    "SELECT stock.hold_resource('kayak', '{2090-01-01,2090-01-03}', 2)",
    "SELECT stock.hold_resource('kayak', '{2090-01-01,2090-01-03}', 9, on_short => 'answer')",
    "SELECT stock.hold_resource_range('car', '[2090-01-01,2090-01-02]', 1)",
    "SELECT stock.hold_package('[{\"resource_id\": \"car\"}, {\"resource_id\": \"kayak\"}]', '{2090-01-01}', NULL, 'k')",
    "SELECT stock.get_resource_hold('HOLD')",
    "SELECT stock.extend_resource_hold('HOLD', '1 h')",
    "SELECT stock.confirm_resource_hold('HOLD', 'o', '9')",
    "SELECT stock.confirm_resource_hold('HOLD', 'o', '9', 'k')",
    "SELECT stock.release_resource_hold('HOLD')",
    "SELECT stock.cancel_resource_allocation('BOOKING')",
    "SELECT stock.move_resource_allocation('BOOKING', '{2090-01-03,2090-01-04}', 2, 'answer', 'k')",
    "SELECT stock.add_blackout('car', '2090-01-01', '2090-01-05', 'x', true)",
    "SELECT stock.expire_holds()",
    "SELECT stock.purge_resource_holds('0')",
    "SELECT stock.repair_bookings()",
    "SELECT FROM stock.verify_bookings()",
    "SELECT stock.seed_bookings()",
    "INSERT INTO stock.resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-03}', 3); SET CONSTRAINTS ALL IMMEDIATE",
    "INSERT INTO stock.resource_blackout (resource_id, start_date, end_date) VALUES ('car', '2090-01-01', '2090-01-02')",
    "DELETE FROM stock.resource_allocation; DELETE FROM stock.resource_hold; DELETE FROM stock.resource",
    "TRUNCATE stock.resource_allocation, stock.resource_hold; TRUNCATE stock.resource_blackout; TRUNCATE stock.resource",
];

/// Makes every call, each in a transaction that is taken back.
#[track_caller]
fn call_all(client: &mut Client, db: &Db, path: &str) {
    let one = |client: &mut Client, sql: &str| -> String {
        client.query_one(sql, &[]).expect(sql).get(0)
    };
    client
        .batch_execute("SET search_path = pg_catalog")
        .unwrap();
    let hold =
        "SELECT id::text FROM stock.resource_hold WHERE status = 'ACTIVE' AND expires_at > now()";
    let hold = one(client, hold);
    let booking = one(client, "SELECT id::text FROM stock.resource_allocation");
    for call in CALLS {
        let call = call.replace("HOLD", &hold).replace("BOOKING", &booking);
        // A session that has nothing prepared yet, and one that has.
        for client in [&mut *client, &mut db.client()] {
            let run = client.batch_execute(&format!("SET search_path = {path}; BEGIN; {call}"));
            run.unwrap_or_else(|error| panic!("{path}: {call}: {error:?}"));
            assert_eq!(one(client, "SHOW search_path"), path, "{call}");
            client.batch_execute("ROLLBACK").unwrap();
        }
    }
}

#[test]
fn of_the_caller_means_nothing_to_the_engines_statements() {
    for by_statements in [false, true] {
        let mut desk = Desk::with("car", 3);
        let listing = desk.stocked(5);
        desk.backed("kayak", listing, 9);
        desk.book_days("car", "2", 1, "1");
        desk.hold_days("car", "2 4", 1);
        desk.expired_days("car", "3", 2);
        desk.expired_days("kayak", "3", 5);
        desk.run("SELECT add_blackout('car', '2090-01-07', '2090-01-07')");
        desk.run(TRAPS);
        if by_statements {
            desk.run(
                "ALTER INDEX resource_pkey RENAME TO a; ALTER INDEX resource_hold_pkey RENAME TO b;
                 ALTER INDEX resource_capacity_pkey RENAME TO c; ALTER INDEX stock_listings_pkey RENAME TO d",
            );
        }
        let mut client = desk.db.client();
        for path in ["trap, pg_catalog", "pg_temp, trap, stock, pg_catalog"] {
            call_all(&mut client, &desk.db, path);
        }
    }
}

#[test]
fn the_extension_may_be_in_any_schema() {
    for schema in ["public", r#""Miet; DROP TABLE x""#, "\"Märkte \u{1F4E6}\""] {
        let db = match schema {
            "public" => Db::with_extension(),
            odd => Db::with_extension_in(odd),
        };
        let mut client = db.client();
        let mut call = |sql: &str| {
            let sql = sql.replace("{s}", schema);
            client
                .batch_execute(&sql)
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        };
        call("SELECT {s}.create_resource('VEHICLE', 'Car', id => 'car')");
        call("SELECT {s}.open_capacity('car', '2090-01-01', '2090-01-07', 3)");
        call("SELECT {s}.hold_resource('car', '{2090-01-01}', 1, idempotency_token => 'k')");
        call("SELECT {s}.confirm_resource_hold(id, 'o', '1') FROM {s}.resource_hold");
        call("INSERT INTO {s}.resource_hold (resource_id, dates, quantity, expires_at) VALUES ('car', '{2090-01-01}', 2, '2001-01-01')");
        call("SELECT {s}.hold_resource('car', '{2090-01-01}', 2)");
        call("SELECT {s}.add_blackout('car', '2090-01-01', '2090-01-01')");
        // Renamed under the session, it goes on.
        call("ALTER SCHEMA {s} RENAME TO later");
        let mut call = |sql: &str| {
            client
                .batch_execute(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        };
        call("SELECT later.hold_resource('car', '{2090-01-02}', 1)");
        call("DELETE FROM later.resource_allocation");
        let wrong = client
            .query("SELECT FROM later.verify_bookings()", &[])
            .unwrap();
        assert!(wrong.is_empty(), "{schema}");
    }
}
