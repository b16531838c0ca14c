//! What an owner adds to stock_holds takes part in every hold's life, in a session that has held before
//! and in a new one; and where nothing was added, holds are written below SQL.

use super::seen::Watched;
use super::work::{self, one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify};
use postgres::Client;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

const HOLDS: [&str; 1] = ["stock_holds"];
const EVERYTHING: [&str; 5] = [
    "stock_listings",
    "stock_levels",
    "stock_lots",
    "stock_allocations",
    "stock_holds",
];

const APP: &str = "
    SET search_path = stock;
    CREATE SCHEMA app;
    CREATE TABLE app.seen (what text);
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO app.seen VALUES (TG_OP || ' ' || TG_LEVEL);
          RETURN NEW;
        END $$;
    CREATE FUNCTION app.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END'";

/// How it is made and undone, and whether holds go by statements while it is there.
const ADDITIONS: [(&str, &str, bool); 11] = [
    (
        "CREATE TRIGGER app BEFORE INSERT OR UPDATE ON stock_holds FOR EACH ROW EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON stock_holds",
        true,
    ),
    (
        "CREATE TRIGGER app AFTER INSERT OR UPDATE ON stock_holds EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON stock_holds",
        true,
    ),
    (
        "CREATE CONSTRAINT TRIGGER app AFTER INSERT OR UPDATE ON stock_holds DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON stock_holds",
        true,
    ),
    (
        "ALTER TABLE stock_holds ADD COLUMN app int GENERATED ALWAYS AS (app.twice(quantity)) STORED",
        "ALTER TABLE stock_holds DROP COLUMN app",
        true,
    ),
    (
        "ALTER TABLE stock_holds ADD COLUMN app uuid NOT NULL DEFAULT gen_random_uuid()",
        "ALTER TABLE stock_holds DROP COLUMN app",
        true,
    ),
    (
        "ALTER TABLE stock_holds ADD CONSTRAINT app CHECK (app.twice(quantity) < 2000)",
        "ALTER TABLE stock_holds DROP CONSTRAINT app",
        true,
    ),
    (
        "CREATE UNIQUE INDEX app ON stock_holds (customer) WHERE status = 'active'",
        "DROP INDEX app",
        false,
    ),
    (
        "CREATE INDEX app ON stock_holds (app.twice(quantity)) INCLUDE (tenant_id)",
        "DROP INDEX app",
        false,
    ),
    ("CREATE INDEX app ON stock_holds USING brin (created_at)", "DROP INDEX app", false),
    (
        "CREATE INDEX app ON stock_holds USING gin (metadata)",
        "DROP INDEX app",
        false,
    ),
    (
        "ALTER TABLE stock_holds SET (fillfactor = 50)",
        "ALTER TABLE stock_holds SET (fillfactor = 90)",
        false,
    ),
];

/// The whole life of holds: in the end what was there before is there again, but for two units that are
/// confirmed, and three that are held. Every number on the way is looked at.
#[track_caller]
fn live(client: &mut Client, listing: Uuid, told: &str) {
    let available = |client: &mut Client| {
        one::<i32>(client, &format!("SELECT get_available_stock('{listing}')"))
    };
    let before = available(client);
    let hold = |client: &mut Client, units: i32, more: &str| -> Uuid {
        one(
            client,
            &format!("SELECT hold_id FROM hold_stock('{listing}', {units}{more})"),
        )
    };
    let first = hold(client, 5, ", metadata => '{\"a\": 1}'");
    let again = hold(
        client,
        2,
        &format!(", idempotency_key => '{first}', customer => '{first}'"),
    );
    assert_eq!(
        again,
        hold(client, 2, &format!(", idempotency_key => '{first}'")),
        "{told}"
    );
    let dead = hold(client, 1, ", ttl => '1 ms'");
    client.batch_execute("SELECT pg_sleep(0.002)").unwrap();
    assert_eq!(available(client), before - 7, "{told}");
    let lines = format!(
        r#"[{{"listing_id": "{listing}", "quantity": 1}}, {{"listing_id": "{listing}", "quantity": 2}}]"#
    );
    for call in [
        format!("FROM hold_order('{lines}', order_id => '{first}')"),
        format!("FROM hold_many('{lines}')"),
        format!("extend_hold('{first}', '1 h')"),
        format!("FROM confirm_hold('{first}', '{again}', 2, 'keep')"),
        format!("release_hold('{first}')"),
        format!("release_order_holds('{first}')"),
        format!("release_hold('{again}')"),
        "expire_holds()".to_owned(),
    ] {
        client
            .batch_execute(&format!("SELECT {call}"))
            .unwrap_or_else(|error| panic!("{told}: {call}: {error:?}"));
    }
    let states = format!(
        "SELECT string_agg(status, ' ' ORDER BY place) FROM unnest(ARRAY['{first}', '{again}', '{dead}']::uuid[]) WITH ORDINALITY k (id, place)
           JOIN stock_holds ON hold_id = k.id"
    );
    assert_eq!(
        one::<String>(client, &states),
        "released released expired",
        "{told}"
    );
    assert_eq!(available(client), before - 2 - 3, "{told}");
    verify(client);
}

#[test]
fn what_an_owner_adds_takes_part() {
    let db = Db::with_extension_in("stock");
    let listing = work::stocked(&db);
    db.execute(APP);
    let mut old = connect(&db);
    let mut watched = Watched::open(&db);
    let call = format!("hold_stock('{listing}', 1)");
    live(&mut old, listing, "nothing");
    for (add, drop, closes) in ADDITIONS {
        old.batch_execute(&format!("{add}; TRUNCATE app.seen"))
            .unwrap();
        live(&mut old, listing, add);
        live(&mut connect(&db), listing, add);
        let expected: &[&str] = if closes { &HOLDS } else { &[] };
        assert_eq!(watched.written_by(&call, &HOLDS), expected, "{add}");
        let seen: i64 = one(&mut old, "SELECT count(*) FROM app.seen");
        // Each of a round's six or more changes, twice.
        assert_eq!(seen >= 12, add.contains("app.note"), "{add}: {seen}");
        old.batch_execute(drop).unwrap();
        assert_eq!(watched.written_by(&call, &HOLDS), [""; 0], "{drop}");
    }
    let twice = "ALTER TABLE stock_holds ADD COLUMN app int GENERATED ALWAYS AS (app.twice(quantity)) STORED";
    old.batch_execute(twice).unwrap();
    live(&mut old, listing, twice);
    let wrong = "SELECT count(*) FROM stock_holds WHERE app IS DISTINCT FROM 2 * quantity";
    assert_eq!(one::<i64>(&mut old, wrong), 0);
}

/// Fails when the way below SQL is closed where nothing was added: all else would go on, slower.
#[test]
fn holds_of_a_fresh_extension_run_no_statement() {
    let db = Db::with_extension_in("stock");
    let listing = work::stocked(&db);
    let mut watched = Watched::open(&db);
    let hold: Uuid = one(
        &mut watched.client,
        &format!("SELECT hold_id FROM hold_stock('{listing}', 5, order_id => '{listing}')"),
    );
    let calls = [
        format!("hold_stock('{listing}', 1)"),
        format!(
            "hold_stock('{listing}', 1, idempotency_key => 'k', customer => 'c', metadata => '[]')"
        ),
        format!(
            "hold_stock('{listing}', 1, location_id => '00000000-0000-8000-8000-000000000000')"
        ),
        format!(r#"hold_order('[{{"listing_id": "{listing}", "quantity": 1}}]')"#),
        format!(r#"hold_many('[{{"listing_id": "{listing}", "quantity": 1}}]')"#),
        format!("confirm_hold('{hold}', '{listing}')"),
        format!("confirm_order('{listing}')"),
        format!("extend_hold('{hold}', '1 h')"),
        format!("release_hold('{hold}')"),
    ];
    for call in &calls {
        assert_eq!(watched.written_by(call, &EVERYTHING), [""; 0], "{call}");
    }
    // And the sign itself: statements are seen where they run.
    db.execute(&format!("SET search_path = stock; {STATEMENTS_ONLY}"));
    let mut watched = Watched::open(&db);
    for call in &calls {
        assert!(
            watched
                .written_by(call, &EVERYTHING)
                .contains(&"stock_holds"),
            "{call}"
        );
    }
}

/// A trigger that swallows or changes what is written is told of, and nothing is half done.
#[test]
fn a_hold_that_a_trigger_swallows_or_changes_is_refused() {
    let db = Db::with_extension_in("stock");
    let listing = work::stocked(&db);
    db.execute(
        "SET search_path = stock; CREATE SCHEMA app;
         CREATE FUNCTION app.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE FUNCTION app.change() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.quantity := NEW.quantity + 1; RETURN NEW; END';
         CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.status := OLD.status; RETURN NEW; END'",
    );
    let mut client = connect(&db);
    let hold: Uuid = one(
        &mut client,
        &format!("SELECT hold_id FROM hold_stock('{listing}', 5, order_id => '{listing}')"),
    );
    let making = [
        format!("hold_stock('{listing}', 1)"),
        format!("hold_stock('{listing}', 1, idempotency_key => 'k')"),
        format!(r#"hold_order('[{{"listing_id": "{listing}", "quantity": 1}}]')"#),
        format!(r#"hold_many('[{{"listing_id": "{listing}", "quantity": 1}}]')"#),
    ];
    let ending = [
        format!("release_hold('{hold}')"),
        format!("release_order_holds('{listing}')"),
        format!("confirm_hold('{hold}', '{listing}')"),
        format!("confirm_order('{listing}')"),
    ];
    let before = crate::api::shop::everything(&mut client);
    for (event, function, calls) in [
        ("INSERT", "swallow", making.as_slice()),
        ("INSERT", "change", making.as_slice()),
        ("UPDATE", "swallow", ending.as_slice()),
        ("UPDATE", "keep", ending.as_slice()),
    ] {
        let trigger = format!(
            "CREATE TRIGGER zz_app BEFORE {event} ON stock_holds FOR EACH ROW EXECUTE FUNCTION app.{function}()"
        );
        client.batch_execute(&trigger).unwrap();
        for call in calls {
            let made = client.query(&format!("SELECT {call}"), &[]);
            assert!(made.is_err(), "{function}: {call} goes through");
            let error = expect_error(made);
            assert_eq!(
                (error.sqlstate.as_str(), error.name().as_str()),
                ("55000", "write_interfered"),
                "{function}: {call}"
            );
            verify(&mut client);
        }
        client
            .batch_execute("DROP TRIGGER zz_app ON stock_holds")
            .unwrap();
    }
    assert_eq!(crate::api::shop::everything(&mut client), before);
}
