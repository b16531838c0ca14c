//! Whose rights: the caller owns the table, its code runs as its owner, and tenants keep to themselves.

use super::library::{Library, COLUMNS, ROWS, TABLE};
use crate::attached::app::{empty, Sql};
use stockroom_tests::cluster::SUPERUSER;

#[test]
fn only_the_owner_collapses_and_expands() {
    let mut library = Library::open();
    let (owner, clerk) = (library.db.role("owner"), library.db.role("clerk"));
    library.sql.run(&format!(
        "ALTER TABLE items OWNER TO {owner}; GRANT USAGE ON SCHEMA stock TO {owner}, {clerk};
         GRANT EXECUTE ON FUNCTION collapse_children, expand_children TO {owner}, {clerk};
         GRANT ALL ON items TO {clerk}"
    ));
    let collapse = format!("SELECT FROM stock.collapse_children({COLUMNS})");
    let preview = format!("SELECT FROM stock.collapse_children({COLUMNS}, preview => true)");
    let expand = "SELECT FROM stock.expand_children('items')";
    let mut stranger = Sql::by(&library.db, &clerk);
    let refused = ("42501".to_owned(), "not_table_owner".to_owned());
    let before = library.state();
    assert_eq!(stranger.refusal(&preview), refused);
    assert_eq!(stranger.refusal(&collapse), refused);
    let mut own = Sql::by(&library.db, &owner);
    own.run(&preview);
    own.run(&collapse);
    assert_eq!(stranger.refusal(expand), refused);
    let look = "SELECT FROM stock.expand_children('items', preview => true)";
    assert_eq!(stranger.refusal(look), refused);
    own.run(expand);
    assert_eq!(library.items(), before.0);
    // A member of the owning role is as good as the owner.
    library.sql.run(&format!("GRANT {owner} TO {clerk}"));
    stranger.run(&collapse);
    library.verify();
}

/// Mallory's table carries code wherever it is written or read; a superuser migrates it.
#[test]
fn the_tables_code_runs_as_its_owner() {
    let (db, mut judge) = empty();
    let mallory = db.role("mallory");
    judge.run(&format!("CREATE SCHEMA mallory AUTHORIZATION {mallory}"));
    let mut owner = Sql::by(&db, &mallory);
    owner.run("SET search_path = mallory");
    owner.run(&format!(
        "CREATE TABLE log (place text, who text, worked boolean);
         CREATE FUNCTION attack(place text) RETURNS boolean LANGUAGE plpgsql AS $$
         DECLARE worked boolean := true;
         BEGIN
             BEGIN
                 EXECUTE 'ALTER ROLE {mallory} SUPERUSER';
             EXCEPTION WHEN OTHERS THEN worked := false;
             END;
             INSERT INTO mallory.log VALUES (place, current_user, worked);
             PERFORM set_config('search_path', 'mallory, pg_catalog', false);
             RETURN true;
         END $$;
         CREATE FUNCTION of_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM mallory.attack(TG_OP); RETURN coalesce(NEW, OLD); END $$;
         CREATE FUNCTION quiet(place text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
         BEGIN PERFORM mallory.attack(place); RETURN place; END $$"
    ));
    owner.run(TABLE);
    owner.run(ROWS);
    owner.run(
        "ALTER TABLE items ADD CHECK (mallory.attack('check')), ADD shelf text DEFAULT mallory.quiet('default'),
             ADD gen text GENERATED ALWAYS AS (mallory.quiet('generated') || title) STORED;
         CREATE INDEX ON items (mallory.quiet(title));
         CREATE TRIGGER a BEFORE DELETE OR INSERT ON items FOR EACH ROW EXECUTE FUNCTION of_trigger()",
    );
    for call in [
        "SELECT stock.collapse_children('mallory.items')",
        "SELECT stock.expand_children('mallory.items')",
    ] {
        owner.run("DELETE FROM mallory.log");
        let mut caller = Sql::by(&db, SUPERUSER);
        caller.run("SET search_path = pg_catalog, stock");
        caller.run(call);
        assert_eq!(caller.row("SHOW search_path"), "pg_catalog, stock");
        let tried = judge.row("SELECT count(*) > 0 FROM mallory.log");
        assert_eq!(tried, "t", "{call}");
        let wrong = format!("SELECT * FROM mallory.log WHERE worked OR who <> '{mallory}'");
        assert_eq!(judge.rows(&wrong), [""; 0], "{call}");
    }
    let places = "SELECT DISTINCT place FROM mallory.log ORDER BY 1";
    let tried = judge.rows(places);
    assert!(
        ["INSERT", "check", "generated"]
            .iter()
            .all(|place| tried.iter().any(|at| at == place)),
        "{tried:?}"
    );
    judge.assert_verified();
}

#[test]
fn tenants_keep_to_themselves() {
    const OTHER: &str = "SET stockroom.tenant_id = '77777777-7777-4777-8777-777777777777'";
    let mut library = Library::collapsed("");
    library.sql.run(OTHER);
    let before = library.state();
    let expand = library.sql.refusal("SELECT expand_children('items')");
    assert_eq!(
        expand,
        ("P0002".to_owned(), "table_not_collapsed".to_owned())
    );
    let collapse = library
        .sql
        .refuse(&format!("SELECT FROM collapse_children({COLUMNS})"));
    assert_eq!(collapse.field("problem"), "another tenant has collapsed it");
    assert_eq!(library.state(), before);
    // A table of their own: its stock is theirs.
    library.sql.run("CREATE SCHEMA other");
    library.sql.run(&TABLE.replace(" items", " other.items"));
    library.sql.run(&ROWS.replace(" items", " other.items"));
    library.sql.run("SELECT collapse_children('other.items')");
    library.verify();
    let theirs =
        "SELECT DISTINCT tenant_id FROM stock_listings UNION SELECT tenant_id FROM stock_loans
                  UNION SELECT tenant_id FROM collapsed_copies";
    assert_eq!(library.sql.rows(theirs).len(), 2);
    library.sql.run("SELECT expand_children('other.items')");
    library.sql.run("RESET stockroom.tenant_id");
    assert_eq!(library.stock("1"), "1|3");
    library.verify();
}
