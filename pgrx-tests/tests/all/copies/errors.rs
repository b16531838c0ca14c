//! What each error of the migration is to a program and to a person: SQLSTATE, the JSON of DETAIL with
//! exactly its keys, and the HINT.

use super::library::{Library, COLUMNS};
use serde_json::json;
use stockroom_tests::assert_error;

const TABLE: &str = "public.items";

#[test]
fn cannot_collapse() {
    let mut library = Library::open();
    assert_error(
        &library
            .sql
            .refuse("SELECT collapse_children('items', available_column => 'title')"),
        "42809",
        json!({"error": "cannot_collapse", "table": TABLE, "problem": "column title is of type text"}),
        "Whether a copy is there is a boolean: add a column GENERATED ALWAYS AS one, and name it.",
    );
}

#[test]
fn bad_copies() {
    let mut library = Library::open();
    library
        .sql
        .run("UPDATE items SET is_available = NULL WHERE id = 12");
    assert_error(
        &library
            .sql
            .refuse(&format!("SELECT collapse_children({COLUMNS})")),
        "22023",
        json!({"error": "bad_copies", "table": TABLE,
               "problems": [{"problem": "whether it is there is NULL", "rows": 1, "keys": ["12"]}]}),
        "Call it with preview => true, which changes nothing and shows more of them; correct them first.",
    );
}

#[test]
fn copies_differ() {
    let mut library = Library::collapsed("");
    library.sql.run(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.id = 12 THEN RETURN NULL; END IF; RETURN NEW; END $$;
         CREATE TRIGGER swallow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION swallow()",
    );
    assert_error(
        &library.sql.refuse("SELECT expand_children('items')"),
        "55000",
        json!({"error": "copies_differ", "table": TABLE, "items": 1, "keys": ["1"]}),
        "Look for triggers and rules of the table that swallow or change rows that are inserted or deleted.",
    );
}

#[test]
fn table_not_collapsed() {
    let mut library = Library::open();
    assert_error(
        &library.sql.refuse("SELECT expand_children('items')"),
        "P0002",
        json!({"error": "table_not_collapsed", "table": TABLE}),
        "Its copies are rows of their own; collapse_children makes them counts. It may also be another tenant's.",
    );
}
