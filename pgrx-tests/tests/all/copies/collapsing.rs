//! Copies become counts.

use super::library::{Library, COLUMNS, ROWS, TABLE};
use crate::attached::app::empty;
use stockroom_tests::Session;

#[test]
fn an_item_becomes_a_listing_and_a_copy_that_is_out_a_loan() {
    let mut library = Library::open();
    let answer = library.collapse("");
    assert_eq!(
        answer,
        [
            "items|||3|3|",
            "copies|||4|4|",
            "available|||2|2|",
            "lent|||2|2|",
            "removed|||4||",
            "remark|3||1||it has no copies: its listing is empty",
            "remark|1|13|1||it is out, and nobody is named: the loan's borrower is 'unknown'",
        ]
    );
    assert_eq!(library.stock("1"), "1|3");
    assert_eq!(library.stock("2"), "1|1");
    assert_eq!(library.stock("3"), "0|0");
    assert_eq!(
        library.loans(),
        ["12|Ann|ann@example.org|2030-01-02", "13|unknown||"]
    );
    assert_eq!(
        library.items(),
        ["(1,,Dune,t,,,)", "(2,,Emma,t,,,)", "(3,,Solo,t,,,)"]
    );
    let claims = "SELECT status, quantity, order_id IN (SELECT loan_id FROM stock_loans) FROM stock_allocations";
    assert_eq!(library.sql.rows(claims), ["active|1|t", "active|1|t"]);
    let lines = "SELECT movement_type, delta, version, listing_after, reason FROM stock_movements ORDER BY delta";
    assert_eq!(
        library.sql.rows(lines),
        [
            "import|1|1|1|copies of public.items",
            "import|3|1|3|copies of public.items"
        ]
    );
    library.verify();
}

#[test]
fn a_preview_says_the_same_and_changes_nothing() {
    let mut library = Library::open();
    let before = library.state();
    let preview = library.collapse(", preview => true");
    assert_eq!(library.state(), before);
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'items'::regclass AND mode <> 'AccessShareLock'";
    library.sql.run("BEGIN");
    library.collapse(", preview => true");
    assert_eq!(library.sql.row(locks), "0", "writers don't wait");
    library.sql.run("COMMIT");
    let found = |rows: &[String]| -> Vec<Vec<String>> {
        let parts = rows.iter().map(|row| row.split('|').map(str::to_owned));
        let totals = parts.map(|parts| parts.take(4).collect::<Vec<_>>());
        totals.filter(|parts| parts[0] != "removed").collect()
    };
    assert_eq!(found(&preview), found(&library.collapse("")));
    library.verify();
}

#[test]
fn run_twice_it_changes_nothing() {
    for children in ["remove", "keep"] {
        let options = format!(", children => '{children}'");
        let mut library = Library::collapsed(&options);
        let before = library.state();
        let answer = library.collapse(&options);
        assert_eq!(library.state(), before, "{children}");
        let mismatches = answer.iter().filter(|row| row.starts_with("mismatch"));
        assert_eq!(mismatches.count(), 0, "{answer:?}");
    }
}

#[test]
fn copies_that_are_added_later_are_taken_by_the_next_call() {
    for children in ["remove", "keep"] {
        let options = format!(", children => '{children}'");
        let mut library = Library::collapsed(&options);
        library.sql.run(
            "INSERT INTO items VALUES (4, NULL, 'Ulysses', true);
             INSERT INTO items VALUES (14, 1, 'Dune', true, NULL), (15, 1, 'Dune', false, 'Bob'),
                                      (31, 3, 'Solo', true, NULL), (41, 4, 'Ulysses', false, 'Cleo')",
        );
        let answer = library.collapse(&options);
        let left_out: Vec<_> = answer.iter().filter(|row| row.starts_with("m")).collect();
        assert!(left_out.is_empty(), "{left_out:?}");
        assert_eq!(library.stock("1"), "2|5");
        assert_eq!(library.stock("2"), "1|1");
        assert_eq!(library.stock("3"), "1|1");
        assert_eq!(library.stock("4"), "0|1");
        assert_eq!(library.loans().len(), 4);
        library.verify();
        let before = library.state();
        library.collapse(&options);
        assert_eq!(library.state(), before);
    }
}

#[test]
fn the_items_own_row_may_be_a_copy() {
    let mut library = Library::open();
    library
        .sql
        .run("UPDATE items SET is_available = false, borrower = 'Dan' WHERE id = 2");
    let answer = library.collapse(", parent_is_copy => true");
    assert_eq!(
        answer[..5],
        [
            "items|||3|3|",
            "copies|||7|7|",
            "available|||4|4|",
            "lent|||3|3|",
            "removed|||4||"
        ]
    );
    assert_eq!(library.stock("1"), "2|4");
    assert_eq!(library.stock("2"), "1|2");
    assert_eq!(library.stock("3"), "1|1");
    assert_eq!(library.items().len(), 3);
    let before = library.state();
    library.collapse(", parent_is_copy => true");
    assert_eq!(library.state(), before);
    library
        .sql
        .run("INSERT INTO items VALUES (22, 2, 'Emma', true)");
    library.collapse(", parent_is_copy => true");
    assert_eq!(library.stock("2"), "2|3");
    library.verify();
}

/// Keys that are uuids are the listings' own; a listing that was registered before is used, with all it
/// says, and who waits for its goods gets them.
#[test]
fn a_listing_that_was_registered_before_is_used() {
    let (db, mut sql) = empty();
    let dune = "d0000000-0000-0000-0000-000000000001";
    let order = "c0000000-0000-0000-0000-000000000001";
    sql.run(&format!(
        "CREATE TABLE items (id uuid PRIMARY KEY, parent_item_id uuid REFERENCES items, is_available boolean);
         INSERT INTO items VALUES ('{dune}');
         INSERT INTO items SELECT gen_random_uuid(), '{dune}', n < 4 FROM generate_series(1, 4) n;
         SELECT register_listing('DUNE', 'Dune', '{dune}', backorder_limit => 5);
         SELECT confirm_hold(hold_id, '{order}') FROM hold_stock('{dune}', 2, ttl => NULL)"
    ));
    let answer = sql.rows("SELECT kind, found, counted FROM collapse_children('items')");
    assert_eq!(answer[..2], ["items|1|1", "copies|4|4"]);
    assert_eq!(sql.stock(dune), "1|3|4");
    let got = format!("SELECT status, quantity FROM stock_allocations WHERE order_id = '{order}'");
    assert_eq!(sql.row(&got), "active|2");
    let sku = format!("SELECT sku, name FROM stock_listings WHERE listing_id = '{dune}'");
    assert_eq!(sql.row(&sku), "DUNE|Dune");
    sql.assert_verified();
    drop(sql);
    drop(db);
}

#[test]
fn when_a_copy_was_handed_out_is_known_where_a_column_says_so() {
    let mut library = Library::open();
    library.sql.run(
        "ALTER TABLE items ADD since timestamp; UPDATE items SET since = '2029-12-01 10:00' WHERE id = 12",
    );
    library.collapse(", borrowed_column => 'since'");
    let since =
        "SELECT borrowed_at = '2029-12-01 10:00', updated_at > '2024-01-01' FROM stock_loans
                  ORDER BY metadata ->> 'copy'";
    assert_eq!(library.sql.rows(since), ["t|t", "f|t"]);
}

/// Its snapshot is taken after the lock.
#[test]
fn what_is_not_committed_yet_is_waited_for() {
    let mut library = Library::open();
    let mut clerk = Session::open(&library.db);
    let lend = "BEGIN; UPDATE items SET is_available = false, borrower = 'Eve' WHERE id = 21";
    clerk.run(lend).unwrap();
    let mut migration = Session::open(&library.db);
    migration.start(&format!("SELECT FROM stock.collapse_children({COLUMNS})"));
    assert!(migration.is_blocked());
    clerk.run("COMMIT").unwrap();
    migration.finish().unwrap();
    assert_eq!(library.stock("2"), "0|1");
    library.verify();
}

#[test]
fn who_comes_while_it_runs_waits_and_finds_the_rows_gone() {
    let mut library = Library::open();
    let (mut clerk, mut migration) = (Session::open(&library.db), Session::open(&library.db));
    let collapse = format!("BEGIN; SELECT FROM stock.collapse_children({COLUMNS})");
    migration.run(&collapse).unwrap();
    clerk.start("UPDATE items SET is_available = false WHERE id = 11");
    assert!(clerk.is_blocked());
    migration.run("COMMIT").unwrap();
    assert_eq!(clerk.finish().unwrap().affected, 0);
    library.verify();
}

/// Where a trigger sees each row that is deleted, PostgreSQL looks for copies of each.
#[test]
fn a_missing_index_is_remarked() {
    let mut library = Library::open();
    library.sql.run("DROP INDEX items_parent_item_id_idx");
    let answer = library.collapse(", preview => true");
    assert!(!answer.last().unwrap().contains("no index"), "{answer:?}");
    library.sql.run(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER see AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION see()",
    );
    let answer = library.collapse(", preview => true");
    let remark = "remark|||||column parent_item_id has a foreign key and no index: \
                  with each row that is removed the whole table is read";
    assert_eq!(answer.last().map(String::as_str), Some(remark));
}

#[test]
fn quoted_names_and_other_schemas_are_no_matter() {
    let (_db, mut sql) = empty();
    let odd = TABLE
        .replace(" items", " \"My Things\".\"It\"\"ems\"")
        .replace("is_available", "\"Is There\"")
        .replace("parent_item_id", "\"of 'what\"");
    sql.run("CREATE SCHEMA \"My Things\"");
    sql.run(&odd);
    sql.run(&ROWS.replace(" items", "\"My Things\".\"It\"\"ems\""));
    let answer = sql.rows(
        "SELECT kind, found, counted FROM collapse_children('\"My Things\".\"It\"\"ems\"', 'id', 'of ''what', 'Is There')",
    );
    assert_eq!(answer[1], "copies|4|4");
    sql.run("SELECT expand_children('\"My Things\".\"It\"\"ems\"')");
    let back = "SELECT count(*) FROM \"My Things\".\"It\"\"ems\"";
    assert_eq!(sql.row(back), "7");
    sql.assert_verified();
}
