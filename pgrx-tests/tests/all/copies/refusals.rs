//! What can't be collapsed or expanded: each refusal names the rows, and changes nothing.

use super::library::{Library, COLUMNS};
use serde_json::{json, Value};

impl Library {
    /// Runs statements that bring a problem, and collapses: it must be refused with it, a preview must show
    /// it, and nothing may change.
    #[track_caller]
    fn refuse(&mut self, statements: &str, options: &str) -> Value {
        self.sql.run(statements);
        let before = self.state();
        let call = format!("SELECT FROM collapse_children({COLUMNS} {options})");
        let error = self.sql.refuse(&call);
        assert_eq!(error.name(), "bad_copies", "{error:?}");
        assert_eq!(self.state(), before);
        let preview = self.collapse(&format!("{options}, preview => true"));
        assert_eq!(self.state(), before);
        let problems = error.field("problems");
        for problem in problems.as_array().unwrap() {
            let what = problem["problem"].as_str().unwrap();
            let shown = |row: &&String| row.starts_with("problem|") && row.ends_with(what);
            assert!(preview.iter().any(|row| shown(&row)), "{what}: {preview:?}");
        }
        self.verify();
        problems
    }
}

#[test]
fn rows_that_are_no_copies_of_items() {
    let problems = Library::open().refuse(
        "ALTER TABLE items DROP CONSTRAINT items_parent_item_id_fkey;
         INSERT INTO items VALUES (14, 99, 'orphan', true), (15, 11, 'copy of a copy', true),
                                  (16, 16, 'its own', true), (17, 2, 'neither nor', NULL)",
        "",
    );
    assert_eq!(
        problems,
        json!([
            {"problem": "its item does not exist", "rows": 1, "keys": ["14"]},
            {"problem": "its item is a copy itself", "rows": 2, "keys": ["15", "16"]},
            {"problem": "whether it is there is NULL", "rows": 1, "keys": ["17"]},
        ])
    );
}

#[test]
fn an_item_that_is_a_copy_says_whether_it_is_there() {
    let mut library = Library::open();
    library
        .sql
        .run("UPDATE items SET is_available = NULL WHERE id = 2");
    let problems = library.refuse("", ", parent_is_copy => true");
    let of_item = json!([{"problem": "whether it is there is NULL", "rows": 1, "keys": ["2"]}]);
    assert_eq!(problems, of_item);
    // Otherwise it is nobody's business.
    library.collapse("");
}

#[test]
fn what_a_loan_does_not_take() {
    let problems = Library::open().refuse(
        "UPDATE items SET borrower = repeat('x', 201), contact = repeat('y', 1001) WHERE id IN (11, 12)",
        "",
    );
    // 11 is there: no loan is made of it.
    assert_eq!(
        problems,
        json!([
            {"problem": "its borrower has more than 200 characters", "rows": 1, "keys": ["12"]},
            {"problem": "its contact has more than 1000 characters", "rows": 1, "keys": ["12"]},
        ])
    );
}

#[test]
fn more_than_twenty_rows_are_counted_and_not_all_named() {
    let problems = Library::open().refuse(
        "INSERT INTO items SELECT n, 3, 'Solo', NULL FROM generate_series(1001, 1100) n",
        "",
    );
    assert_eq!(problems[0]["rows"], 100);
    assert_eq!(problems[0]["keys"].as_array().unwrap().len(), 20);
}

/// They would go along, or be in the way; so would rows of the same table.
#[test]
fn copies_that_other_rows_refer_to() {
    let tables = "CREATE TABLE visits (item_id int REFERENCES items ON DELETE CASCADE, note text);
         INSERT INTO visits VALUES (1, 'of the item'), (12, 'of a copy'), (NULL, 'of nothing');
         ALTER TABLE items ADD replaces int REFERENCES items; UPDATE items SET replaces = 21 WHERE id = 3";
    let mut library = Library::open();
    let problems = library.refuse(tables, "");
    let mut named: Vec<String> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| format!("{} {}", problem["problem"], problem["keys"]))
        .collect();
    named.sort();
    assert_eq!(
        named,
        [
            "\"rows of public.items refer to it\" [\"21\"]",
            "\"rows of public.visits refer to it\" [\"12\"]"
        ]
    );
    // Rows that stay are in nobody's way.
    library.collapse(", children => 'keep'");
    library.verify();
}

#[test]
fn references_that_the_owner_may_not_see() {
    let mut library = Library::open();
    let owner = library.db.role("owner");
    library.sql.run(&format!(
        "CREATE TABLE visits (item_id int REFERENCES items); ALTER TABLE items OWNER TO {owner}"
    ));
    let error = library
        .sql
        .refuse(&format!("SELECT FROM collapse_children({COLUMNS})"));
    assert_eq!(
        error.field("problems"),
        json!([{"problem": "the table's owner may not see which rows of public.visits refer to copies",
                "rows": 1, "keys": []}])
    );
    library.sql.run(&format!(
        "GRANT SELECT ON visits TO {owner}; GRANT USAGE ON SCHEMA public TO {owner}"
    ));
    library.collapse("");
}

#[test]
fn listings_that_are_in_the_way() {
    let mut library = Library::open();
    library.collapse("");
    let keys = ["1", "2", "3"].map(|item| library.listing(item));
    library.expand("");
    let problems = library.refuse(
        &format!(
            "SELECT register_listing('A', listing_id => '{0}'); SELECT receive_stock('{0}', 1);
             SELECT register_listing('B', listing_id => '{1}', quantity_scale => 2);
             SET stockroom.tenant_id = '77777777-7777-4777-8777-777777777777';
             SELECT register_listing('C', listing_id => '{2}');
             RESET stockroom.tenant_id",
            keys[0], keys[1], keys[2]
        ),
        "",
    );
    assert_eq!(
        problems,
        json!([
            {"problem": "another tenant has a listing of its key", "rows": 1, "keys": ["3"]},
            {"problem": "its listing counts in decimals", "rows": 1, "keys": ["2"]},
            {"problem": "its listing has stock already", "rows": 1, "keys": ["1"]},
        ])
    );
}

/// Restored from a backup, say: they would be counted twice.
#[test]
fn rows_that_were_removed_and_are_there_again() {
    let mut library = Library::collapsed("");
    let problems = library.refuse("INSERT INTO items VALUES (21, 2, 'Emma', true)", "");
    let again = json!([{"problem": "it was collapsed before, and is there again", "rows": 1, "keys": ["21"]}]);
    assert_eq!(problems, again);
}

#[test]
fn tables_and_columns_that_cannot_be() {
    let mut library = Library::open();
    library.sql.run(
        "ALTER TABLE items ADD code text, ADD \"when\" time;
         CREATE VIEW shown AS SELECT * FROM items;
         CREATE TABLE parted (id int, parent_item_id int, is_available boolean) PARTITION BY LIST (id);
         CREATE TABLE keyless (id int, parent_item_id int, is_available boolean);
         CREATE TABLE attached (id int PRIMARY KEY, parent_item_id int, is_available boolean,
                                quantity_available int NOT NULL);
         SELECT FROM attach_table('attached', 'id')",
    );
    let before = library.state();
    for (arguments, problem) in [
        ("'shown'", "it is a view"),
        ("'parted'", "it is partitioned"),
        ("'stock_lots'", "it belongs to stockroom itself"),
        ("'pg_class'", "it is a system catalog"),
        ("'keyless'", "key column id may be NULL"),
        ("'attached'", "it is attached"),
        ("'items', 'nothing'", "it has no column nothing"),
        (
            "'items', parent_column => 'code'",
            "column code is of type text, and the key of type integer",
        ),
        (
            "'items', available_column => 'title'",
            "column title is of type text",
        ),
        (
            "'items', due_column => '\"when\"'",
            "it has no column \"\"\"when\"\"\"",
        ),
        (
            "'items', due_column => 'when'",
            "column \"when\" is of type time without time zone",
        ),
        (
            "'items', borrower_column => 'title', contact_column => 'title'",
            "column title is named twice",
        ),
    ] {
        let error = library
            .sql
            .refuse(&format!("SELECT FROM collapse_children({arguments})"));
        assert_eq!(error.name(), "cannot_collapse", "{arguments}: {error:?}");
        assert_eq!(error.field("problem"), problem, "{arguments}");
    }
    for arguments in [
        "NULL",
        "'items', key_column => NULL",
        "'items', parent_column => NULL",
        "'items', available_column => NULL",
        "'items', parent_is_copy => NULL",
        "'items', children => NULL",
        "'items', children => 'eat'",
        "'items', preview => NULL",
    ] {
        let call = format!("SELECT FROM collapse_children({arguments})");
        let refused = ("22023".to_owned(), "bad_argument".to_owned());
        assert_eq!(library.sql.refusal(&call), refused, "{arguments}");
    }
    assert_eq!(library.state(), before);
}

#[test]
fn a_table_is_collapsed_in_one_way() {
    let mut library = Library::collapsed("");
    let before = library.state();
    for arguments in [
        "'items'",
        "'items', borrower_column => 'borrower', due_column => 'due_at'",
        "'items', borrower_column => 'borrower', due_column => 'due_at', contact_column => 'contact', parent_is_copy => true",
        "'items', borrower_column => 'borrower', due_column => 'due_at', contact_column => 'contact', children => 'keep'",
    ] {
        let error = library
            .sql
            .refuse(&format!("SELECT FROM collapse_children({arguments})"));
        assert_eq!(error.field("problem"), "it was collapsed with other arguments");
    }
    assert_eq!(library.state(), before);
}

/// The app's own triggers may keep rows, or touch more of them: then nothing is done at all.
#[test]
fn triggers_that_interfere() {
    for (event, body) in [
        (
            "BEFORE DELETE",
            "IF OLD.id = 12 THEN RETURN NULL; END IF; RETURN OLD;",
        ),
        (
            "AFTER DELETE",
            "DELETE FROM items WHERE id = 3; RETURN NULL;",
        ),
        (
            "AFTER DELETE",
            "INSERT INTO items SELECT OLD.* ; RETURN NULL;",
        ),
    ] {
        let mut library = Library::open();
        library.sql.run(&format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
             CREATE TRIGGER meddle {event} ON items FOR EACH ROW
             WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION meddle()"
        ));
        let before = library.state();
        let error = library
            .sql
            .refuse(&format!("SELECT FROM collapse_children({COLUMNS})"));
        assert_eq!(error.name(), "cannot_collapse", "{event} {body}");
        assert_eq!(library.state(), before, "{event} {body}");
    }
}

#[test]
fn triggers_that_interfere_on_the_way_back() {
    for body in [
        "IF NEW.id = 12 THEN RETURN NULL; END IF; RETURN NEW;",
        "NEW.is_available = true; RETURN NEW;",
        "IF NEW.parent_item_id = 2 THEN RETURN NULL; END IF; RETURN NEW;",
    ] {
        let mut library = Library::collapsed("");
        library.sql.run(&format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
             CREATE TRIGGER meddle BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION meddle()"
        ));
        let before = library.state();
        let error = library.sql.refuse("SELECT expand_children('items')");
        assert_eq!(error.name(), "copies_differ", "{body}");
        assert_eq!(library.state(), before, "{body}");
    }
}

#[test]
fn what_stands_in_the_way_back() {
    for (statements, problem) in [
        (
            "SELECT allocate_stock(listing_id, gen_random_uuid(), 1) FROM collapsed_items WHERE item_key = '1'",
            "orders or holds have claims on it besides its loans",
        ),
        (
            "SELECT hold_stock(listing_id, 1) FROM collapsed_items WHERE item_key = '1'",
            "orders or holds have claims on it besides its loans",
        ),
        (
            "INSERT INTO items VALUES (99, 1, 'new', true)",
            "it was added since: collapse the table once more first",
        ),
    ] {
        let mut library = Library::collapsed("");
        library.sql.run(statements);
        let before = library.state();
        let preview = library.expand(", preview => true");
        let told = |row: &String| row.starts_with("problem|") && row.ends_with(problem);
        assert!(preview.iter().any(told), "{preview:?}");
        let error = library.sql.refuse("SELECT expand_children('items')");
        assert_eq!(error.name(), "bad_copies");
        assert_eq!(error.field("problems")[0]["problem"], problem);
        assert_eq!(library.state(), before);
    }
}

#[test]
fn holds_that_have_expired_stand_in_nobodys_way() {
    let mut library = Library::open();
    let before = library.items();
    library.collapse("");
    library.sql.run(
        "INSERT INTO stock_holds (listing_id, quantity, expires_at)
         SELECT listing_id, 1, '2001-01-01' FROM collapsed_items WHERE item_key = '1'",
    );
    library.expand("");
    assert_eq!(library.items(), before);
    library.verify();
}

#[test]
fn a_table_whose_columns_have_changed() {
    for (change, problem) in [
        (
            "ALTER TABLE items DROP is_available",
            "it has no column is_available",
        ),
        (
            "ALTER TABLE items RENAME due_at TO until",
            "it has no column due_at",
        ),
        (
            "ALTER TABLE items DROP CONSTRAINT items_parent_item_id_fkey, ALTER id TYPE bigint",
            "column parent_item_id is of type integer, and the key of type bigint",
        ),
    ] {
        let mut library = Library::collapsed("");
        library.sql.run(change);
        let error = library.sql.refuse("SELECT expand_children('items')");
        assert_eq!(error.name(), "cannot_collapse");
        assert_eq!(error.field("problem"), problem);
    }
}
