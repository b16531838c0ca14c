//! The rows of copies go as a DELETE of them all would take them: whoever has something to say of it says
//! it, and where nobody has, they go without one.

use super::library::{Library, COLUMNS};
use crate::attached::app::Sql;

const COLLAPSE: &str = "SELECT FROM collapse_children('items')";

#[test]
fn triggers_of_the_app_see_each_row() {
    for (event, level) in [
        ("AFTER DELETE", "FOR EACH ROW"),
        (
            "AFTER DELETE",
            "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT",
        ),
    ] {
        let mut library = Library::open();
        let seen = match level {
            "FOR EACH ROW" => "VALUES (OLD.id)",
            _ => "SELECT id FROM gone",
        };
        library.sql.run(&format!(
            "CREATE TABLE audit (id int);
             CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO audit {seen}; RETURN NULL; END $$;
             CREATE TRIGGER audit {event} ON items {level} EXECUTE FUNCTION audit()"
        ));
        library.collapse("");
        let rows = library.sql.rows("SELECT id FROM audit ORDER BY id");
        assert_eq!(rows, ["11", "12", "13", "21"], "{level}");
        library.verify();
    }
}

#[test]
fn rows_of_other_tables_that_refer_to_items_stay() {
    for action in ["NO ACTION", "CASCADE", "SET NULL", "RESTRICT"] {
        let mut library = Library::open();
        library.sql.run(&format!(
            "CREATE TABLE reviews (item int REFERENCES items ON DELETE {action});
             INSERT INTO reviews VALUES (1), (2), (NULL)"
        ));
        library.collapse("");
        let rows = library
            .sql
            .row("SELECT count(*), sum(item) FROM reviews, (SELECT count(*) FROM items) AS i (n) WHERE n = 3");
        assert_eq!(rows, "3|3", "{action}");
        library.sql.run("DELETE FROM reviews; DELETE FROM items");
    }
}

#[test]
fn a_rule_of_the_app_counts() {
    let mut library = Library::open();
    library
        .sql
        .run("CREATE RULE keep AS ON DELETE TO items WHERE OLD.id = 21 DO INSTEAD NOTHING");
    let before = library.state();
    let error = library
        .sql
        .refuse(&format!("SELECT FROM collapse_children({COLUMNS})"));
    assert_eq!(error.name(), "cannot_collapse");
    assert_eq!(library.state(), before);
}

/// The owner may have taken the right from themselves, and a superuser's functions do not give it back.
#[test]
fn a_right_that_the_owner_lacks_is_missed() {
    let mut library = Library::open();
    let owner = library.db.role("owner");
    library.sql.run(&format!(
        "ALTER TABLE items OWNER TO {owner}; REVOKE DELETE ON items FROM {owner}"
    ));
    let before = library.state();
    assert_eq!(library.sql.refuse(COLLAPSE).sqlstate, "42501");
    assert_eq!(library.state(), before);
}

#[test]
fn a_published_table_without_an_identity_is_refused_as_by_a_delete() {
    let mut library = Library::open();
    library.sql.run(
        "ALTER TABLE items REPLICA IDENTITY NOTHING;
         SET client_min_messages = error; CREATE PUBLICATION all_items FOR TABLE items",
    );
    let before = library.state();
    assert_eq!(library.sql.refuse(COLLAPSE).sqlstate, "55000");
    assert_eq!(library.sql.refuse("DELETE FROM items").sqlstate, "55000");
    assert_eq!(library.state(), before);
    library.sql.run("DROP PUBLICATION all_items");
    library.collapse("");
    library.verify();
}

/// The transaction's own snapshot, from before somebody came to refer to a copy, does not see it.
#[test]
fn a_reference_newer_than_the_snapshot_keeps_the_copy() {
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut library = Library::open();
        library
            .sql
            .run("CREATE TABLE reviews (item int REFERENCES items)");
        let before = library.state();
        library.sql.run(&format!(
            "BEGIN ISOLATION LEVEL {isolation}; SELECT FROM items"
        ));
        let mut other = Sql::by_superuser(&library.db);
        other.run("INSERT INTO reviews VALUES (12)");
        let error = library.sql.refuse(COLLAPSE);
        assert_eq!(error.name(), "bad_copies", "{isolation}");
        assert_eq!(library.state(), before, "{isolation}");
        other.run("DELETE FROM reviews");
        library
            .sql
            .run(&format!("BEGIN ISOLATION LEVEL {isolation}"));
        library.collapse("");
        library.sql.run("COMMIT");
        assert_eq!(library.items().len(), 3);
        library.verify();
    }
}

/// Whatever the names of operators mean in the owner's search path.
#[test]
fn references_are_compared_as_their_foreign_key_compares() {
    let mut library = Library::open();
    library.sql.run(
        "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
         ALTER TABLE items ADD code ext.citext UNIQUE;
         UPDATE items SET code = 'ABC' WHERE id = 12;
         CREATE TABLE visits (code ext.citext REFERENCES items (code));
         INSERT INTO visits VALUES ('abc')",
    );
    let before = library.state();
    let error = library.sql.refuse(COLLAPSE);
    assert_eq!(error.name(), "bad_copies");
    assert_eq!(library.state(), before);
}

/// Nobody else can come to refer to a copy meanwhile; but a trigger that the migration itself fires can.
#[test]
fn references_that_come_on_the_way_count() {
    for (action, left) in [("NO ACTION", None), ("CASCADE", Some("0"))] {
        let mut library = Library::open();
        library.sql.run(&format!(
            "CREATE TABLE loan_log (copy int REFERENCES items ON DELETE {action});
             CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO public.loan_log VALUES ((NEW.metadata ->> 'copy')::int); RETURN NULL; END $$;
             CREATE TRIGGER log AFTER INSERT ON stock_loans FOR EACH ROW EXECUTE FUNCTION log()"
        ));
        let before = library.state();
        match left {
            None => {
                assert_eq!(library.sql.refuse(COLLAPSE).sqlstate, "23503");
                assert_eq!(library.state(), before);
            }
            Some(left) => {
                library.collapse("");
                assert_eq!(library.sql.row("SELECT count(*) FROM loan_log"), left);
                library.verify();
            }
        }
    }
}
