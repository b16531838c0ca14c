//! An app that goes on with columns for the counts: attach_table after collapse_children.

use super::library::Library;

const ATTACH: &str = "ALTER TABLE items ADD total_count int, ADD available_count int;
    SELECT FROM attach_table('items', 'id', 'available_count', total_column => 'total_count', import => false)";

fn shown(library: &mut Library) -> Vec<String> {
    library
        .sql
        .rows("SELECT title, available_count, total_count FROM items ORDER BY id")
}

#[test]
fn the_columns_show_the_counts_from_then_on() {
    let mut library = Library::collapsed("");
    library.sql.run(ATTACH);
    assert_eq!(shown(&mut library), ["Dune|1|3", "Emma|1|1", "Solo|0|0"]);
    let loan = library.borrow("2", "Fay", 1);
    assert_eq!(shown(&mut library)[1], "Emma|0|1");
    library.give_back(&loan);
    let lost = library.loan_of("12");
    library.lose(&lost);
    assert_eq!(shown(&mut library), ["Dune|1|2", "Emma|1|1", "Solo|0|0"]);
    library.verify();
}

/// Numbers that the app had put there itself are taken as they are: they are the same.
#[test]
fn numbers_that_are_right_already_change_nothing() {
    let mut library = Library::open();
    library.sql.run(
        "ALTER TABLE items ADD total_count int NOT NULL DEFAULT 0, ADD available_count int NOT NULL DEFAULT 0;
         UPDATE items p SET total_count = (SELECT count(*) FROM items c WHERE c.parent_item_id = p.id),
                            available_count = (SELECT count(*) FROM items c WHERE c.parent_item_id = p.id AND c.is_available)",
    );
    library.collapse("");
    let answer = library.sql.row(
        "SELECT listings, units, mismatches
           FROM attach_table('items', 'id', 'available_count', total_column => 'total_count')",
    );
    assert_eq!(answer, "3|0|0");
    assert_eq!(shown(&mut library), ["Dune|1|3", "Emma|1|1", "Solo|0|0"]);
    library.verify();
}

#[test]
fn detached_the_table_can_be_expanded() {
    let mut library = Library::collapsed("");
    library.sql.run(ATTACH);
    let error = library.sql.refuse("SELECT expand_children('items')");
    assert_eq!(error.field("problem"), "it is attached");
    library.sql.run("SELECT detach_table('items')");
    library.expand("");
    let copies =
        "SELECT id, is_available, borrower FROM items WHERE parent_item_id IS NOT NULL ORDER BY 1";
    assert_eq!(
        library.sql.rows(copies),
        ["11|t|NULL", "12|f|Ann", "13|f|NULL", "21|t|NULL"]
    );
    library.verify();
}
