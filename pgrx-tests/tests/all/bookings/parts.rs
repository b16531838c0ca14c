//! verify_bookings sees what is missing or not at work: tables, indexes, triggers and constraints.

use super::shop::Desk;

const TABLES: [&str; 6] = [
    "resource",
    "resource_allocation",
    "resource_blackout",
    "resource_capacity",
    "resource_hold",
    "resource_type",
];

/// Names of what the tables have, `table.name`, by a query of the catalog with their oid as `rel`.
fn names(desk: &mut Desk, catalog: &str) -> Vec<(String, String)> {
    let tables = TABLES
        .map(|table| format!("'stock.{table}'::regclass"))
        .join(", ");
    let rows = desk.texts(&format!(
        "SELECT c.relname, n.name FROM ({catalog}) AS n (rel, name) JOIN pg_class c ON c.oid = n.rel
          WHERE n.rel IN ({tables}) ORDER BY 1, 2"
    ));
    let pair = |row: &String| {
        let (table, name) = row.split_once('|').expect("two columns");
        (table.to_owned(), name.to_owned())
    };
    let names: Vec<(String, String)> = rows.iter().map(pair).collect();
    assert!(TABLES
        .iter()
        .all(|table| names.iter().any(|(of, _)| of == table)));
    names
}

/// What is told while something is so, and that nothing is told before and after.
fn told_while(desk: &mut Desk, damage: &str, mend: &str) -> Vec<String> {
    assert_eq!(desk.problems(), [""; 0], "before {damage}");
    desk.run(damage);
    let told = desk.problems();
    desk.run(mend);
    assert_eq!(desk.problems(), [""; 0], "after {mend}");
    told
}

#[test]
fn each_trigger_that_is_gone_or_switched_off_is_told() {
    let mut desk = Desk::with("car", 3);
    let triggers = names(
        &mut desk,
        "SELECT tgrelid, tgname FROM pg_trigger WHERE NOT tgisinternal",
    );
    assert!(triggers.len() >= 26, "{triggers:?}");
    for (table, name) in triggers {
        let key = format!("{table}.{name}");
        for state in ["DISABLE TRIGGER", "ENABLE REPLICA TRIGGER"] {
            let told = told_while(
                &mut desk,
                &format!("ALTER TABLE {table} {state} {name}"),
                &format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"),
            );
            assert_eq!(told, [format!("trigger|{key}|switched off|NULL|NULL")]);
        }
        let rename =
            |from: &str, to: &str| format!("ALTER TRIGGER {from} ON {table} RENAME TO {to}");
        let told = told_while(&mut desk, &rename(&name, "other"), &rename("other", &name));
        let is_constraint = name == "stockroom_check";
        assert!(
            told.contains(&format!("trigger|{key}|missing|NULL|NULL")),
            "{told:?}"
        );
        assert_eq!(told.len(), 1, "{told:?} {is_constraint}");
    }
}

#[test]
fn each_index_that_is_gone_or_not_valid_is_told() {
    let mut desk = Desk::with("car", 3);
    let indexes = names(
        &mut desk,
        "SELECT indrelid, indexrelid::regclass::text FROM pg_index",
    );
    assert!(indexes.len() >= 18, "{indexes:?}");
    for (table, name) in indexes {
        let name = name.trim_start_matches("stock.");
        let valid = |is: bool| {
            format!(
                "UPDATE pg_index SET indisvalid = {is} WHERE indexrelid = 'stock.{name}'::regclass"
            )
        };
        let told = told_while(&mut desk, &valid(false), &valid(true));
        assert_eq!(told, [format!("index|{table}.{name}|not valid|NULL|NULL")]);
        let rename = |from: &str, to: &str| format!("ALTER INDEX {from} RENAME TO {to}");
        let told = told_while(&mut desk, &rename(name, "other"), &rename("other", name));
        // An index of a constraint takes its name along.
        let missing = format!("index|{table}.{name}|missing|NULL|NULL");
        let others: Vec<&String> = told.iter().filter(|problem| **problem != missing).collect();
        assert!(told.contains(&missing), "{told:?}");
        assert!(
            others
                .iter()
                .all(|problem| **problem == format!("constraint|{table}.{name}|missing|NULL|NULL")),
            "{told:?}"
        );
    }
}

#[test]
fn each_constraint_that_is_gone_is_told() {
    let mut desk = Desk::with("car", 3);
    let constraints = names(
        &mut desk,
        "SELECT conrelid, conname FROM pg_constraint WHERE contype IN ('c', 'p', 'u', 'f')",
    );
    assert!(constraints.len() >= 29, "{constraints:?}");
    for (table, name) in constraints {
        let rename =
            |from: &str, to: &str| format!("ALTER TABLE {table} RENAME CONSTRAINT {from} TO {to}");
        let told = told_while(&mut desk, &rename(&name, "other"), &rename("other", &name));
        assert!(
            told.contains(&format!("constraint|{table}.{name}|missing|NULL|NULL")),
            "{table}.{name}: {told:?}"
        );
    }
}

#[test]
fn what_was_dropped_or_not_checked_is_told() {
    let mut desk = Desk::with("car", 3);
    for (damage, told) in [
        ("DROP INDEX resource_hold_live_idx", "index|resource_hold.resource_hold_live_idx|missing"),
        (
            "DROP TRIGGER stockroom_insert ON resource_hold",
            "trigger|resource_hold.stockroom_insert|missing",
        ),
        (
            "ALTER TABLE resource_hold DROP CONSTRAINT resource_hold_quantity_check",
            "constraint|resource_hold.resource_hold_quantity_check|missing",
        ),
        (
            "ALTER TABLE resource_hold DROP CONSTRAINT resource_hold_quantity_check;
             ALTER TABLE resource_hold ADD CONSTRAINT resource_hold_quantity_check CHECK (quantity > 0) NOT VALID",
            "constraint|resource_hold.resource_hold_quantity_check|not valid",
        ),
    ] {
        desk.run(&format!("BEGIN; {damage}"));
        assert_eq!(desk.texts("SELECT kind, key, problem FROM verify_bookings()"), [told]);
        desk.run("ROLLBACK");
    }
    desk.prove_bookings();
}

#[test]
fn a_table_that_is_gone_is_told() {
    let mut desk = Desk::with("car", 3);
    for table in TABLES {
        desk.run(&format!("BEGIN; ALTER TABLE {table} RENAME TO other"));
        let told = desk.texts("SELECT kind, key, problem FROM verify_bookings()");
        assert!(told.contains(&format!("table|{table}|missing")), "{told:?}");
        assert!(
            told.iter().all(|problem| problem.contains(table)),
            "{told:?}"
        );
        desk.run("ROLLBACK");
    }
    desk.prove_bookings();
}
