//! `children => 'keep'`: the copies' rows stay, and nothing keeps them right.

use super::library::Library;

const KEEP: &str = ", children => 'keep'";

#[test]
fn the_rows_stay_as_they_are() {
    let mut library = Library::open();
    let before = library.items();
    let answer = library.collapse(KEEP);
    assert!(!answer.iter().any(|row| row.starts_with("removed")));
    assert_eq!(library.items(), before);
    assert_eq!(library.stock("1"), "1|3");
    library.verify();
}

#[test]
fn every_number_in_which_rows_and_stock_differ_by_now_is_told() {
    let mut library = Library::collapsed(KEEP);
    library.borrow("2", "Fay", 1);
    library
        .sql
        .run("DELETE FROM items WHERE id = 13; UPDATE items SET is_available = true WHERE id = 12");
    let state = library.state();
    for options in [KEEP.to_owned(), format!("{KEEP}, preview => true")] {
        let mut answer = library.collapse(&options);
        answer.retain(|row| row.starts_with("mismatch"));
        answer.sort();
        assert_eq!(
            answer,
            [
                "mismatch|1||2|1|available",
                "mismatch|1||2|3|copies",
                "mismatch|2||1|0|available"
            ]
        );
    }
    assert_eq!(library.state(), state);
    library.verify();
}

/// The rows get what the stock knows; those whose copies have left stay, and can't be had.
#[test]
fn on_the_way_back_the_rows_are_put_right() {
    let mut library = Library::collapsed(KEEP);
    library.borrow("2", "Fay", 1);
    let loan = library.loan_of("12");
    library.give_back(&loan);
    let lost = library.loan_of("13");
    library.lose(&lost);
    library
        .sql
        .run("UPDATE items SET title = 'Dune (1965)' WHERE id = 11");
    let mut answer = library.expand("");
    answer.retain(|row| row.contains("|1|1") || row.starts_with(['o', 'l']));
    assert_eq!(
        answer,
        [
            "lent|||1|1|",
            "left|1|13|||the loan that it was out with ended in its loss",
            "out|2|21|||a loan was made since: which copy is out was not kept",
        ]
    );
    assert_eq!(
        library.items()[3..],
        [
            "(11,1,\"Dune (1965)\",t,,,)",
            "(12,1,Dune,t,,,)",
            "(13,1,Dune,f,,,)",
            "(21,2,Emma,f,Fay,2031-05-06,Fay@example.org)"
        ]
    );
    library.verify();
}

#[test]
fn a_row_that_was_deleted_since_comes_back_if_its_copy_is_there() {
    let mut library = Library::open();
    let before = library.items();
    library.collapse(KEEP);
    library.sql.run("DELETE FROM items WHERE id = 12");
    library.expand("");
    assert_eq!(library.items(), before);
    library.verify();
}
