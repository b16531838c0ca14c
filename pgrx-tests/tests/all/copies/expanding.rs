//! Counts become rows again.

use super::library::Library;

/// Totals of an answer, and what is no total.
fn parts(answer: Vec<String>) -> (Vec<String>, Vec<String>) {
    answer
        .into_iter()
        .partition(|row| row.split('|').nth(3) != Some(""))
}

#[test]
fn untouched_the_rows_are_as_they_were() {
    let mut library = Library::open();
    let before = library.state();
    library.collapse("");
    let (totals, guesses) = parts(library.expand(""));
    assert_eq!(
        totals,
        [
            "items|||3|3|",
            "copies|||4|4|",
            "available|||2|2|",
            "lent|||2|2|"
        ]
    );
    assert_eq!(guesses, [""; 0]);
    assert_eq!(library.items(), before.0);
    // All that stays of it is the ledger: what came has left.
    let left = library.sql.rows(
        "SELECT 'listing' FROM stock_listings UNION ALL SELECT 'lot' FROM stock_lots
         UNION ALL SELECT 'claim' FROM stock_allocations UNION ALL SELECT 'loan' FROM stock_loans
         UNION ALL SELECT 'level' FROM stock_levels UNION ALL SELECT 'table' FROM collapsed_tables
         UNION ALL SELECT 'item' FROM collapsed_items UNION ALL SELECT 'copy' FROM collapsed_copies",
    );
    assert_eq!(left, [""; 0]);
    let lines = "SELECT sum(delta), count(*), max(version), min(reason) FROM stock_movements";
    assert_eq!(library.sql.row(lines), "0|4|2|copies of public.items");
    library.verify();
}

#[test]
fn a_preview_says_the_same_and_changes_nothing() {
    let mut library = Library::collapsed("");
    library.borrow("2", "Fay", 1);
    let before = library.state();
    let preview = library.expand(", preview => true");
    assert_eq!(library.state(), before);
    assert_eq!(preview, library.expand(""));
    assert!(preview.iter().any(|row| row.starts_with("out|2|21|")));
    library.verify();
}

#[test]
fn a_copy_that_came_back_is_there_and_its_loan_stays_as_history() {
    let mut library = Library::collapsed("");
    let loan = library.loan_of("12");
    library.give_back(&loan);
    let (_, guesses) = parts(library.expand(""));
    assert_eq!(guesses, [""; 0]);
    assert_eq!(library.items()[4], "(12,1,Dune,t,,,)");
    let history = "SELECT borrower, quantity_returned, is_open FROM stock_loans";
    assert_eq!(library.sql.rows(history), ["Ann|1|f"]);
    library.verify();
}

#[test]
fn what_was_changed_of_a_loan_is_in_its_row() {
    let mut library = Library::collapsed("");
    let loan = library.loan_of("12");
    library.sql.run(&format!(
        "UPDATE stock_loans SET due_at = '2030-02-03', contact_info = NULL WHERE loan_id = '{loan}'"
    ));
    let (_, guesses) = parts(library.expand(""));
    assert_eq!(guesses, [""; 0]);
    assert_eq!(library.items()[4], "(12,1,Dune,f,Ann,2030-02-03,)");
    library.verify();
}

#[test]
fn a_listing_of_the_apps_own_is_emptied_and_stays() {
    let mut library = Library::open();
    library.collapse("");
    let listing = library.listing("2");
    library.expand("");
    library.sql.run(&format!(
        "SELECT register_listing('EMMA', 'Emma', '{listing}')"
    ));
    library.collapse("");
    assert_eq!(library.stock("2"), "1|1");
    library.expand("");
    let left = "SELECT sku, quantity_total FROM stock_listings";
    assert_eq!(library.sql.rows(left), ["EMMA|0"]);
    library.verify();
    // And once more: it is filled again.
    library.collapse("");
    assert_eq!(library.stock("2"), "1|1");
    library.verify();
}

#[test]
fn with_items_that_are_copies_their_own_rows_say_where_they_are() {
    let mut library = Library::open();
    library
        .sql
        .run("UPDATE items SET is_available = false, borrower = 'Dan' WHERE id = 2");
    let before = library.items();
    library.collapse(", parent_is_copy => true");
    // What the app writes there meanwhile is nobody's number.
    library
        .sql
        .run("UPDATE items SET is_available = true, borrower = NULL, title = 'EMMA' WHERE id = 2");
    library.expand("");
    let mut after = library.items();
    assert_eq!(after[1], "(2,,EMMA,f,Dan,,)");
    after[1] = before[1].clone();
    assert_eq!(after, before);
    library.verify();
}

#[test]
fn a_column_that_was_added_since_gets_its_default() {
    let mut library = Library::collapsed("");
    library.sql.run(
        "CREATE SEQUENCE shelf_marks START 7; ALTER TABLE items ADD shelf text NOT NULL DEFAULT 'new',
             ADD mark bigint NOT NULL DEFAULT nextval('shelf_marks')",
    );
    library.expand("");
    let rows = "SELECT id, shelf, mark > 6 FROM items WHERE parent_item_id = 1 ORDER BY id";
    assert_eq!(library.sql.rows(rows), ["11|new|t", "12|new|t", "13|new|t"]);
}

#[test]
fn a_column_that_is_gone_is_told() {
    let mut library = Library::open();
    library.sql.run("ALTER TABLE items ADD note text");
    library.collapse("");
    library.sql.run("ALTER TABLE items DROP note");
    let (_, guesses) = parts(library.expand(""));
    assert_eq!(
        guesses,
        ["dropped|||||the table has no column note any more"]
    );
}

#[test]
fn a_renamed_table_is_found() {
    let mut library = Library::open();
    let before = library.items();
    library.collapse("");
    library.sql.run("ALTER TABLE items RENAME TO things");
    library.sql.run("SELECT expand_children('things')");
    library.sql.run("ALTER TABLE things RENAME TO items");
    assert_eq!(library.items(), before);
}
