//! What an owner adds to the tables refuses claims, with the same words as it refuses statements: in a
//! session that has claimed before, and in a new one. Taken away, claims go on below SQL.

use super::seen::Watched;
use super::work::{self, one};
use crate::api::shop::{connect, everything, verify};
use postgres::Client;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

/// Something that refuses a claim of so many units.
struct Case {
    make: String,
    undo: String,
    units: i32,
    sqlstate: &'static str,
}

fn case(make: String, undo: &str, units: i32, sqlstate: &'static str) -> Case {
    Case {
        make,
        undo: undo.to_owned(),
        units,
        sqlstate,
    }
}

/// On each table. Seven units of one listing are claimed, two of the other: five more make seven of
/// both, six more make eight.
fn cases(table: &str) -> Vec<Case> {
    let is_claim = table == "stock_allocations";
    let (number, seven, eight) = match is_claim {
        true => ("quantity", 7, 8),
        false => ("quantity_allocated", 5, 6),
    };
    let constraint = |text: &str, units, sqlstate| {
        let make = format!("ALTER TABLE {table} ADD CONSTRAINT app {text}");
        let undo = format!("ALTER TABLE {table} DROP CONSTRAINT app");
        case(make.replace("NUMBER", number), &undo, units, sqlstate)
    };
    let unique = |text: &str| {
        let make = format!("CREATE UNIQUE INDEX app ON {table} {text}");
        case(
            make.replace("NUMBER", number),
            "DROP INDEX app",
            seven,
            "23505",
        )
    };
    let trigger = |text: &str| {
        let make = format!(
            "CREATE {text} ON {table} FOR EACH ROW WHEN (NEW.{number} = 8) EXECUTE FUNCTION app.refuse()"
        );
        case(
            make,
            &format!("DROP TRIGGER app ON {table}"),
            eight,
            "22012",
        )
    };
    let deferred_trigger = format!(
        "CREATE CONSTRAINT TRIGGER app AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.{number} = 8) EXECUTE FUNCTION app.refuse()"
    );
    let partition = format!(
        "CREATE TABLE app.whole (LIKE {table} INCLUDING GENERATED) PARTITION BY RANGE ({number});
         ALTER TABLE app.whole ATTACH PARTITION {table} FOR VALUES FROM (-1000) TO (8)"
    );
    let mut cases = vec![
        constraint("CHECK (NUMBER < 8)", eight, "23514"),
        constraint("CHECK (NUMBER <> 8) NOT VALID", eight, "23514"),
        constraint("CHECK (app.small(NUMBER))", eight, "23514"),
        constraint("UNIQUE (NUMBER)", seven, "23505"),
        constraint("UNIQUE (NUMBER) DEFERRABLE", seven, "23505"),
        constraint(
            "UNIQUE (NUMBER) DEFERRABLE INITIALLY DEFERRED",
            seven,
            "23505",
        ),
        constraint("EXCLUDE (NUMBER WITH =)", seven, "23P01"),
        constraint(
            "FOREIGN KEY (NUMBER) REFERENCES app.allowed",
            eight,
            "23503",
        ),
        constraint(
            "FOREIGN KEY (NUMBER) REFERENCES app.allowed DEFERRABLE INITIALLY DEFERRED",
            eight,
            "23503",
        ),
        unique("(NUMBER)"),
        unique("((NUMBER * 10))"),
        unique("(NUMBER) WHERE NUMBER > 6"),
        trigger("TRIGGER app BEFORE INSERT OR UPDATE"),
        trigger("TRIGGER app AFTER INSERT OR UPDATE"),
        case(
            deferred_trigger,
            &format!("DROP TRIGGER app ON {table}"),
            eight,
            "22012",
        ),
        case(
            partition,
            &format!("ALTER TABLE app.whole DETACH PARTITION {table}; DROP TABLE app.whole"),
            eight,
            "23514",
        ),
    ];
    let on_claims = |make: &str, undo: &str, units, sqlstate| {
        let text = |what: &str| format!("ALTER TABLE stock_allocations {what}");
        case(text(make), &text(undo), units, sqlstate)
    };
    if is_claim {
        cases.extend([
            constraint(
                "FOREIGN KEY (order_id) REFERENCES app.orders NOT VALID",
                1,
                "23503",
            ),
            constraint(
                "FOREIGN KEY (order_id) REFERENCES app.orders DEFERRABLE INITIALLY DEFERRED NOT VALID",
                1,
                "23503",
            ),
            on_claims(
                "ADD COLUMN app text NOT NULL DEFAULT 'old'; ALTER TABLE stock_allocations ALTER COLUMN app DROP DEFAULT",
                "DROP COLUMN app",
                1,
                "23502",
            ),
            on_claims(
                "ALTER COLUMN quantity TYPE app.small_number",
                "ALTER COLUMN quantity TYPE int",
                8,
                "23514",
            ),
            on_claims(
                "ALTER COLUMN quantity ADD GENERATED ALWAYS AS IDENTITY",
                "ALTER COLUMN quantity DROP IDENTITY",
                1,
                "428C9",
            ),
            on_claims(
                "ALTER COLUMN status SET DEFAULT 'sold'",
                "ALTER COLUMN status SET DEFAULT 'active'",
                1,
                "23514",
            ),
            on_claims(
                "ADD CONSTRAINT app CHECK (hold_id IS NOT NULL) NOT VALID",
                "DROP CONSTRAINT app",
                1,
                "23514",
            ),
        ]);
    } else {
        cases.extend([
            case(
                format!(
                    "ALTER TABLE {table} ADD CONSTRAINT app UNIQUE ({number});
                     CREATE TABLE app.refers (number int REFERENCES {table} ({number}));
                     INSERT INTO app.refers VALUES (2)"
                ),
                &format!("DROP TABLE app.refers; ALTER TABLE {table} DROP CONSTRAINT app"),
                1,
                "23503",
            ),
            case(
                format!("CREATE PUBLICATION app FOR TABLE {table}; ALTER TABLE {table} REPLICA IDENTITY NOTHING"),
                &format!("ALTER TABLE {table} REPLICA IDENTITY DEFAULT; DROP PUBLICATION app"),
                1,
                "55000",
            ),
        ]);
    }
    cases
}

const APP: &str = "
    SET search_path = stock;
    CREATE SCHEMA app;
    CREATE TABLE app.orders (order_id uuid PRIMARY KEY);
    CREATE TABLE app.allowed (number int PRIMARY KEY);
    INSERT INTO app.allowed SELECT * FROM generate_series(0, 7);
    CREATE DOMAIN app.small_number AS int CHECK (VALUE < 8);
    CREATE FUNCTION app.small(int) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN $1 < 8;
    CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RAISE division_by_zero; END'";

fn claim(client: &mut Client, listing: Uuid, units: i32) -> Result<(), postgres::Error> {
    client.batch_execute(&format!(
        "SELECT allocate_stock('{listing}', gen_random_uuid(), {units})"
    ))
}

/// Goes through the cases of one table.
fn all_refuse(table: &'static str) {
    let db = Db::with_extension_in("stock");
    db.execute(APP);
    let mut owner = connect(&db);
    let (seven, two) = (work::stocked(&db), work::stocked(&db));
    let mut before = Watched::open(&db);
    claim(&mut before.client, seven, 7).unwrap();
    claim(&mut before.client, two, 2).unwrap();
    for case in cases(table) {
        let what = &case.make;
        assert_eq!(before.by_statement(two), [""; 0], "before {what}");
        if let Err(error) = owner.batch_execute(what) {
            panic!("should succeed: {what}\n{error:?}");
        }
        let rows = everything(&mut owner);
        let mut after = Watched::open(&db);
        for session in [&mut before, &mut after] {
            let error = expect_error(claim(&mut session.client, two, case.units));
            assert_eq!(error.sqlstate, case.sqlstate, "{what}: {error:?}");
            assert_eq!(everything(&mut owner), rows, "{what}");
        }
        owner.batch_execute(&case.undo).unwrap();
        for session in [&mut before, &mut after] {
            assert_eq!(session.by_statement(two), [""; 0], "after {what}");
            let sql = "BEGIN";
            session.client.batch_execute(sql).unwrap();
            claim(&mut session.client, two, case.units).unwrap();
            verify(&mut session.client);
            session.client.batch_execute("ROLLBACK").unwrap();
        }
    }
    assert_eq!(
        one::<i32>(&mut owner, &format!("SELECT get_reserved_stock('{two}')")),
        2
    );
    verify(&mut owner);
}

#[test]
fn on_listings() {
    all_refuse("stock_listings");
}

#[test]
fn on_levels() {
    all_refuse("stock_levels");
}

#[test]
fn on_lots() {
    all_refuse("stock_lots");
}

#[test]
fn on_allocations() {
    all_refuse("stock_allocations");
}
