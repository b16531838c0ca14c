//! What counts don't know, and rows said: each guess is a row of the answer.

use super::library::Library;

/// What is a guess, or is lost: all but totals.
fn guesses(library: &mut Library) -> Vec<String> {
    let mut answer = library.expand("");
    answer.retain(|row| row.split('|').nth(3) == Some(""));
    library.verify();
    answer
}

#[test]
fn which_copy_went_out_since() {
    let mut library = Library::collapsed("");
    library.borrow("1", "Fay", 1);
    assert_eq!(
        guesses(&mut library),
        ["out|1|11|||a loan was made since: which copy is out was not kept"]
    );
    assert_eq!(
        library.items()[3],
        "(11,1,Dune,f,Fay,2031-05-06,Fay@example.org)"
    );
}

#[test]
fn a_loan_of_several_units_is_several_rows() {
    let mut library = Library::open();
    library
        .sql
        .run("INSERT INTO items SELECT n, 2, 'Emma', true FROM generate_series(22, 25) n");
    library.collapse("");
    library.borrow("2", "Fay", 3);
    assert_eq!(guesses(&mut library).len(), 3);
    let out =
        "SELECT id, borrower FROM items WHERE parent_item_id = 2 AND NOT is_available ORDER BY 1";
    assert_eq!(library.sql.rows(out), ["23|Fay", "24|Fay", "25|Fay"]);
}

#[test]
fn which_copy_has_left() {
    let mut library = Library::collapsed("");
    let lost = library.loan_of("12");
    library.lose(&lost);
    let listing = library.listing("2");
    library.sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 0 WHERE listing_id = '{listing}'"
    ));
    assert_eq!(
        guesses(&mut library),
        [
            "left|1|12|||the loan that it was out with ended in its loss",
            "left|2|21|||a copy has left since: which one was not kept"
        ]
    );
    let rows = "SELECT id FROM items WHERE parent_item_id IS NOT NULL ORDER BY 1";
    assert_eq!(library.sql.rows(rows), ["11", "13"]);
}

#[test]
fn a_copy_that_came_gets_a_row_like_its_sisters() {
    let mut library = Library::open();
    library.sql.run(
        "CREATE SEQUENCE ids START 100; ALTER TABLE items ALTER id SET DEFAULT nextval('ids'), ADD barcode text UNIQUE,
             ADD shelf text; UPDATE items SET barcode = 'B' || id, shelf = 'S' || parent_item_id",
    );
    library.collapse("");
    for item in ["1", "3"] {
        let listing = library.listing(item);
        library
            .sql
            .run(&format!("SELECT receive_stock('{listing}', 1)"));
    }
    assert_eq!(
        guesses(&mut library),
        [
            "came|1||||a copy came since: its row is made after another of the item's",
            "came|3||||a copy came since: its row is made after another of the item's"
        ]
    );
    let rows = "SELECT parent_item_id, title, is_available, borrower, barcode, shelf FROM items WHERE id >= 100
                 ORDER BY 1";
    assert_eq!(
        library.sql.rows(rows),
        ["1|Dune|t|NULL|NULL|S1", "3|Solo|t|NULL|NULL|NULL"]
    );
}

#[test]
fn without_a_way_to_make_keys_nothing_can_come() {
    let mut library = Library::collapsed("");
    let listing = library.listing("1");
    library
        .sql
        .run(&format!("SELECT receive_stock('{listing}', 1)"));
    let before = library.state();
    let (_, name) = library.sql.refusal("SELECT expand_children('items')");
    assert_eq!(name, "bad_copies");
    assert_eq!(library.state(), before);
}

#[test]
fn which_copy_is_there_and_not_to_be_had() {
    let mut library = Library::open();
    library
        .sql
        .run("INSERT INTO items VALUES (22, 2, 'Emma', true)");
    library.collapse("");
    let listing = library.listing("2");
    library.sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 1 WHERE listing_id = '{listing}';
         INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ('{listing}', 1, false)"
    ));
    assert_eq!(
        guesses(&mut library),
        ["aside|2|22|||it is there, and not to be had: which copy was not kept"]
    );
    assert_eq!(library.items()[7], "(22,2,Emma,f,,,)");
}

#[test]
fn what_no_column_takes() {
    let mut library = Library::open();
    library
        .sql
        .run("UPDATE items SET borrower = NULL, due_at = NULL, contact = NULL");
    library.sql.run("SELECT collapse_children('items')");
    library.borrow("2", "Fay", 1);
    assert_eq!(
        guesses(&mut library),
        [
            "out|2|21|||a loan was made since: which copy is out was not kept",
            "dropped|2|21|||no column takes its borrower: Fay",
            "dropped|2|21|||no column takes its due date: 2031-05-06 00:00:00+00",
            "dropped|2|21|||no column takes its contact: Fay@example.org"
        ]
    );
}

/// Its stock stays: there is no row that could say it.
#[test]
fn copies_of_an_item_that_is_gone_stay_gone() {
    let mut library = Library::collapsed("");
    let listing = library.listing("1");
    library.sql.run("DELETE FROM items WHERE id = 1");
    assert_eq!(
        guesses(&mut library),
        ["gone|1||||the item's own row is gone: 3 copies don't come back, 3 units stay in stock"]
    );
    assert_eq!(library.sql.stock(&listing), "1|2|3");
    assert_eq!(library.items().len(), 3);
}

#[test]
fn a_listing_that_was_deleted_has_no_copies_left() {
    let mut library = Library::collapsed("");
    let listing = library.listing("2");
    library
        .sql
        .run(&format!("SELECT delete_listing('{listing}')"));
    assert_eq!(
        guesses(&mut library),
        ["left|2|21|||a copy has left since: which one was not kept"]
    );
    // What is collapsed anew after that counts from nothing.
    library
        .sql
        .run("INSERT INTO items VALUES (21, 2, 'Emma', true)");
    library.collapse("");
    assert_eq!(library.stock("2"), "1|1");
    let listing = library.listing("2");
    library
        .sql
        .run(&format!("SELECT delete_listing('{listing}')"));
    library
        .sql
        .run("INSERT INTO items VALUES (22, 2, 'Emma', true)");
    library.collapse("");
    assert_eq!(library.stock("2"), "1|1");
    library.verify();
}

/// The item's own row stays, whatever has left.
#[test]
fn an_item_whose_copies_have_all_left_can_not_be_had() {
    let mut library = Library::collapsed(", parent_is_copy => true");
    let listing = library.listing("3");
    library.sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 0 WHERE listing_id = '{listing}'"
    ));
    assert_eq!(
        guesses(&mut library),
        ["left|3|3|||a copy has left since: which one was not kept"]
    );
    assert_eq!(library.items()[2], "(3,,Solo,f,,,)");
}
