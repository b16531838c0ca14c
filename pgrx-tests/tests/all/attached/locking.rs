//! The app's row is locked first, whoever comes first: an app that edits its row and then claims,
//! claims, and deletes never wait for each other in a circle. Every order of the steps is run.

use super::app::{allocate, empty};
use postgres::Client;
use stockroom_tests::{interleave, script, Db, Run, Script, Summary};
use uuid::Uuid;

const LEVELS: [&str; 2] = ["READ COMMITTED", "REPEATABLE READ"];

/// Two fresh rows of the attached table, of 5 each, and two orders.
struct Rows {
    a: String,
    b: String,
    order: String,
    other_order: String,
}

fn database(options: &str) -> Db {
    let (db, mut sql) = empty();
    sql.run("CREATE TABLE listings (id uuid PRIMARY KEY, title text, quantity_available int)");
    sql.attach("listings", options);
    db
}

fn fresh(client: &mut Client) -> Rows {
    let new = || Uuid::new_v4().to_string();
    let (mut keys, order, other_order) = ([new(), new()], new(), new());
    keys.sort();
    let [a, b] = keys;
    let insert = format!("INSERT INTO listings VALUES ('{a}', 'a', 5), ('{b}', 'b', 5)");
    client.batch_execute(&insert).expect("should insert");
    Rows {
        a,
        b,
        order,
        other_order,
    }
}

fn transaction(name: &str, level: &str, statements: &[String]) -> Script {
    let mut steps = statements.to_vec();
    steps[0] = format!("BEGIN ISOLATION LEVEL {level}; {}", steps[0]);
    steps.push("COMMIT".into());
    script(name, steps)
}

/// Only these errors may come; the proof is right after each order, and every row shows its stock.
#[track_caller]
fn check(client: &mut Client, run: &Run, level: &str, allowed: &[&str]) {
    for (session, error) in run.errors() {
        let retry = level == "REPEATABLE READ" && error.sqlstate == "40001";
        // A transaction that has failed says so at each further step.
        let allowed =
            retry || allowed.contains(&error.sqlstate.as_str()) || error.sqlstate == "25P02";
        assert!(allowed, "{level}, {session}: {error:?}");
    }
    let wrong = client.query("SELECT * FROM stock.verify_stock()", &[]);
    assert_eq!(wrong.expect("should verify").len(), 0);
    let wrong = client.query("SELECT problem FROM stock.verify_ledger()", &[]);
    assert_eq!(wrong.expect("should verify").len(), 0);
}

fn available(client: &mut Client, id: &str) -> i32 {
    let sql = format!("SELECT quantity_available FROM listings WHERE id = '{id}'");
    client.query_one(&sql, &[]).expect("should be there").get(0)
}

fn committed(run: &Run, session: &str) -> bool {
    run.error(session).is_none()
}

#[track_caller]
fn assert_raced(summary: Summary) {
    assert!(summary.run > 1 && summary.waits > 0, "{summary:?}");
}

#[test]
fn the_apps_edit_and_claim_against_a_claim() {
    for level in LEVELS {
        let db = database("");
        let summary = interleave(
            &db,
            |client| {
                let rows = fresh(client);
                let edit = format!("UPDATE listings SET title = 'new' WHERE id = '{}'", rows.a);
                let scripts = vec![
                    transaction("app", level, &[edit, allocate(&rows.a, &rows.order, 2)]),
                    transaction("claim", level, &[allocate(&rows.a, &rows.other_order, 1)]),
                ];
                (rows, scripts)
            },
            |client, rows, run| {
                check(client, run, level, &[]);
                let taken =
                    2 * i32::from(committed(run, "app")) + i32::from(committed(run, "claim"));
                assert_eq!(available(client, &rows.a), 5 - taken);
            },
        );
        assert_raced(summary);
    }
}

/// Five are there, three are claimed; the app takes one of the rest, or sells what the other took.
#[test]
fn the_apps_own_number_against_fulfilling() {
    for level in LEVELS {
        let db = database("");
        let summary = interleave(
            &db,
            |client| {
                let rows = fresh(client);
                client
                    .batch_execute(&allocate(&rows.a, &rows.order, 3))
                    .expect("should claim");
                let take = format!("UPDATE listings SET quantity_available = quantity_available - 1 WHERE id = '{}'", rows.a);
                let fulfil = format!("SELECT stock.fulfill_allocations('{}')", rows.order);
                let scripts = vec![
                    transaction("app", level, &[take]),
                    transaction(
                        "fulfil",
                        level,
                        &[fulfil, allocate(&rows.a, &rows.other_order, 1)],
                    ),
                ];
                (rows, scripts)
            },
            |client, rows, run| {
                check(client, run, level, &[]);
                let taken = i32::from(committed(run, "app")) + i32::from(committed(run, "fulfil"));
                assert_eq!(available(client, &rows.a), 2 - taken);
            },
        );
        assert_raced(summary);
    }
}

#[test]
fn orders_of_two_rows_in_opposite_order() {
    for level in LEVELS {
        let db = database("");
        let order = |order: &str, first: &str, second: &str| {
            format!(
                r#"SELECT FROM stock.allocate_order('{order}', '[{{"listing_id": "{first}", "quantity": 3}}, {{"listing_id": "{second}", "quantity": 3}}]')"#
            )
        };
        let summary = interleave(
            &db,
            |client| {
                let rows = fresh(client);
                let scripts = vec![
                    transaction("one", level, &[order(&rows.order, &rows.a, &rows.b)]),
                    transaction("two", level, &[order(&rows.other_order, &rows.b, &rows.a)]),
                ];
                (rows, scripts)
            },
            |client, rows, run| {
                check(client, run, level, &["23514"]);
                // There are enough for one of them.
                assert!(committed(run, "one") != committed(run, "two"), "{run}");
                assert_eq!(
                    (available(client, &rows.a), available(client, &rows.b)),
                    (2, 2)
                );
            },
        );
        assert_raced(summary);
    }
}

#[test]
fn a_row_is_deleted_while_it_is_claimed() {
    for (level, on_delete) in [
        (LEVELS[0], "cascade"),
        (LEVELS[1], "cascade"),
        (LEVELS[0], "restrict"),
        (LEVELS[1], "restrict"),
        (LEVELS[0], "keep"),
    ] {
        let db = database(&format!(", on_delete => '{on_delete}'"));
        let summary = interleave(
            &db,
            |client| {
                let rows = fresh(client);
                let delete = format!("DELETE FROM listings WHERE id = '{}'", rows.a);
                let scripts = vec![
                    transaction("delete", level, &[delete]),
                    transaction("claim", level, &[allocate(&rows.a, &rows.order, 2)]),
                ];
                (rows, scripts)
            },
            |client, rows, run| {
                // The claim finds nothing; or the delete finds the claim.
                check(client, run, level, &["P0002", "23514"]);
                let sql = format!("SELECT count(*) FROM listings WHERE id = '{}'", rows.a);
                let there: i64 = client.query_one(&sql, &[]).expect("should count").get(0);
                assert_eq!(there == 0, committed(run, "delete"), "{run}");
                let sql = format!(
                    "SELECT count(*) FROM stock.stock_allocations WHERE order_id = '{}'",
                    rows.order
                );
                let claims: i64 = client.query_one(&sql, &[]).expect("should count").get(0);
                match on_delete {
                    "restrict" => {
                        assert!(
                            !(committed(run, "delete") && committed(run, "claim")),
                            "{run}"
                        );
                        assert_eq!(claims == 1, committed(run, "claim"));
                    }
                    "keep" => assert_eq!(claims == 1, committed(run, "claim")),
                    _ => assert_eq!(
                        claims == 1,
                        committed(run, "claim") && !committed(run, "delete")
                    ),
                }
            },
        );
        assert_raced(summary);
    }
}

/// Under deferred sync the row is written last, by the one who has the listing.
#[test]
fn deferred_claims_of_one_listing() {
    for level in LEVELS {
        let db = database(", sync => 'deferred'");
        let summary = interleave(
            &db,
            |client| {
                let rows = fresh(client);
                let scripts = vec![
                    transaction("one", level, &[allocate(&rows.a, &rows.order, 2)]),
                    transaction("two", level, &[allocate(&rows.a, &rows.other_order, 1)]),
                ];
                (rows, scripts)
            },
            |client, rows, run| {
                check(client, run, level, &[]);
                let taken = 2 * i32::from(committed(run, "one")) + i32::from(committed(run, "two"));
                assert_eq!(available(client, &rows.a), 5 - taken);
            },
        );
        assert_raced(summary);
    }
}

/// What the page about attached tables warns of: under deferred sync the app's row is locked last.
#[test]
fn deferred_sync_meets_an_app_that_edits_its_row_first() {
    let db = database(", sync => 'deferred'");
    let mut circles = 0;
    interleave(
        &db,
        |client| {
            let rows = fresh(client);
            let edit = format!("UPDATE listings SET title = 'new' WHERE id = '{}'", rows.a);
            let scripts = vec![
                transaction("app", LEVELS[0], &[edit, allocate(&rows.a, &rows.order, 2)]),
                transaction(
                    "claim",
                    LEVELS[0],
                    &[allocate(&rows.a, &rows.other_order, 1)],
                ),
            ];
            (rows, scripts)
        },
        |client, rows, run| {
            check(client, run, LEVELS[0], &["40P01"]);
            let taken = 2 * i32::from(committed(run, "app")) + i32::from(committed(run, "claim"));
            assert_eq!(available(client, &rows.a), 5 - taken);
            circles += usize::from(!run.errors().is_empty());
        },
    );
    assert!(circles > 0);
}

/// The app's own edit of another row, then a claim, crossed: that circle is the app's, as it would be
/// without us; the server finds it and nothing is lost.
#[test]
fn two_apps_that_cross_their_own_rows() {
    let db = database("");
    let mut circles = 0;
    interleave(
        &db,
        |client| {
            let rows = fresh(client);
            let edit = |id: &str| format!("UPDATE listings SET title = 'new' WHERE id = '{id}'");
            let scripts = vec![
                transaction(
                    "one",
                    LEVELS[0],
                    &[edit(&rows.a), allocate(&rows.b, &rows.order, 2)],
                ),
                transaction(
                    "two",
                    LEVELS[0],
                    &[edit(&rows.b), allocate(&rows.a, &rows.other_order, 2)],
                ),
            ];
            (rows, scripts)
        },
        |client, _, run| {
            check(client, run, LEVELS[0], &["40P01"]);
            circles += usize::from(!run.errors().is_empty());
        },
    );
    assert!(circles > 0);
}
