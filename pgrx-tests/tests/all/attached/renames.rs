//! What the app does to its schema: renames are followed, drops detach, and no claim ever fails
//! because of a target that has gone. Each change is made in one session; another one, whose plans
//! are warm, and the session itself go on claiming.

use super::app::{allocate, attached, empty, listings, shop, Sql, COAT, HAT, ORDER_1, ORDER_2};
use stockroom_tests::Db;

/// A session that has claimed and read before.
fn warm_session(db: &Db) -> Sql {
    let mut sql = Sql::by_superuser(db);
    for _ in 0..7 {
        sql.run(&format!(
            "{}; SELECT release_allocations('{ORDER_2}'); SELECT get_available_stock('{HAT}'),
             get_available_stock_of('listings', '{HAT}')",
            allocate(HAT, ORDER_2, 1)
        ));
    }
    sql
}

/// The table's names as people read them in the registration.
fn registered(sql: &mut Sql) -> Vec<String> {
    sql.rows(
        "SELECT table_schema, table_name, key_column, available_column, total_column, reserved_column
           FROM stock.attached_tables",
    )
}

#[test]
fn renames_are_followed() {
    let columns = ", total_column => 'total', reserved_column => 'reserved'";
    for (change, table, available, names) in [
        ("ALTER TABLE listings RENAME TO goods", "public.goods", "quantity_available", "public|goods|id|quantity_available|total|reserved"),
        ("ALTER TABLE listings RENAME quantity_available TO \"Menge\"", "public.listings", "\"Menge\"", "public|listings|id|Menge|total|reserved"),
        ("ALTER TABLE listings RENAME id TO sku; ALTER TABLE listings RENAME total TO available", "public.listings", "quantity_available", "public|listings|sku|quantity_available|available|reserved"),
        ("ALTER TABLE listings RENAME reserved TO r", "public.listings", "quantity_available", "public|listings|id|quantity_available|total|r"),
        ("CREATE SCHEMA shop; ALTER TABLE listings SET SCHEMA shop", "shop.listings", "quantity_available", "shop|listings|id|quantity_available|total|reserved"),
        ("ALTER SCHEMA public RENAME TO p; CREATE SCHEMA public", "p.listings", "quantity_available", "p|listings|id|quantity_available|total|reserved"),
        // Two columns change places: the engine goes by their numbers.
        ("ALTER TABLE listings RENAME total TO t; ALTER TABLE listings RENAME quantity_available TO total;
          ALTER TABLE listings RENAME t TO quantity_available", "public.listings", "total", "public|listings|id|total|quantity_available|reserved"),
    ] {
        let (db, mut sql) = shop();
        sql.run("ALTER TABLE listings ADD total integer, ADD reserved integer; UPDATE listings SET total = quantity_available, reserved = 0");
        sql.attach("listings", columns);
        let mut other = warm_session(&db);
        sql.run(change);
        assert_eq!(registered(&mut sql), [names], "{change}");
        for (session, order, left) in [(&mut sql, ORDER_1, "7"), (&mut other, ORDER_2, "4")] {
            session.warnings();
            session.run(&allocate(HAT, order, 3));
            assert_eq!(session.warnings(), [""; 0], "{change}");
            let shown = format!("SELECT min({available}) FROM {table}");
            assert_eq!(session.row(&shown), left, "{change}");
        }
        // And the app's own writes.
        sql.run(&format!("UPDATE {table} SET {available} = {available} + 5"));
        assert_eq!(sql.stock(HAT), "9|6|15", "{change}");
        sql.assert_verified();
    }
}

#[test]
fn the_extensions_schema_is_renamed() {
    let (db, mut sql) = attached("");
    let mut other = warm_session(&db);
    sql.run("ALTER SCHEMA stock RENAME TO depot; SET search_path = public, depot");
    other.run("SET search_path = public, depot");
    for (session, order, left) in [(&mut sql, ORDER_1, "7"), (&mut other, ORDER_2, "4")] {
        session.run(&format!("SELECT allocate_stock('{HAT}', '{order}', 3)"));
        assert_eq!(session.shown(HAT), left);
        session.run(&format!(
            "UPDATE listings SET quantity_available = quantity_available + 1 WHERE id = '{COAT}'"
        ));
    }
    assert_eq!(sql.shown(COAT), "22");
    assert_eq!(sql.rows("SELECT FROM verify_stock()"), [""; 0]);
    sql.run("SELECT detach_table('listings')");
    assert_eq!(
        sql.row("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'listings'::regclass"),
        "0"
    );
}

#[test]
fn what_is_dropped_is_detached_with_a_warning_and_claims_go_on() {
    for (change, said) in [
        (
            "DROP TABLE listings",
            "attached table public.listings was dropped",
        ),
        (
            "ALTER TABLE listings SET SCHEMA shop; DROP SCHEMA shop CASCADE",
            "attached table shop.listings was dropped",
        ),
        (
            "ALTER TABLE listings DROP quantity_available CASCADE",
            "public.listings lost a column",
        ),
        (
            "ALTER TABLE listings DROP id CASCADE",
            "public.listings lost a column",
        ),
    ] {
        let (db, mut sql) = attached("");
        sql.run("CREATE SCHEMA shop");
        let mut other = warm_session(&db);
        sql.warnings();
        sql.run(change);
        let warnings = sql.warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains(said),
            "{change}: {warnings:?}"
        );
        assert_eq!(registered(&mut sql), [""; 0], "{change}");
        for (session, order) in [(&mut sql, ORDER_1), (&mut other, ORDER_2)] {
            session.run(&allocate(HAT, order, 3));
        }
        assert_eq!(sql.stock(HAT), "4|6|10");
        let left = "SELECT count(*) FROM pg_trigger WHERE tgfoid::regproc::text LIKE '%attached%'
                    AND tgrelid <> 'attached_tables'::regclass AND tgname IN ('stockroom_insert', 'stockroom_update', 'stockroom_delete', 'stockroom_truncate')";
        assert_eq!(sql.row(left), "0", "{change}");
        sql.assert_verified();
        // A table that is there still can be attached again by another column.
        if change.ends_with("quantity_available CASCADE") {
            sql.run("ALTER TABLE listings ADD quantity_available integer NOT NULL DEFAULT 0");
            sql.attach("listings", ", import => false");
            assert_eq!(sql.shown(HAT), "4");
            sql.assert_verified();
        }
    }
}

/// Rolled back, the drop has not been.
#[test]
fn a_drop_that_is_rolled_back_detaches_nothing() {
    let (_db, mut sql) = attached("");
    sql.run("BEGIN; DROP TABLE listings; ROLLBACK");
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();
}

/// The session has claimed, in the same transaction that drops the table.
#[test]
fn a_claim_after_the_drop_in_one_transaction() {
    for sync in ["", ", sync => 'deferred'"] {
        let (_db, mut sql) = attached(sync);
        sql.run(&format!(
            "BEGIN; {}; DROP TABLE listings; {}; COMMIT",
            allocate(HAT, ORDER_1, 3),
            allocate(HAT, ORDER_2, 3)
        ));
        assert_eq!(sql.stock(HAT), "4|6|10");
        sql.assert_verified();
    }
}

#[test]
fn a_column_that_cannot_be_changed_under_the_engine_is_not() {
    let (_db, mut sql) = attached("");
    for (change, sqlstate) in [
        // The trigger names it.
        (
            "ALTER TABLE listings ALTER quantity_available TYPE text",
            "0A000",
        ),
        (
            "ALTER TABLE listings ALTER quantity_available TYPE bigint",
            "0A000",
        ),
        ("ALTER TABLE listings ALTER id TYPE text", "0A000"),
        ("ALTER TABLE listings DROP quantity_available", "2BP01"),
    ] {
        assert_eq!(sql.refuse(change).sqlstate, sqlstate, "{change}");
    }
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    // Other columns are the app's.
    sql.run("ALTER TABLE listings DROP title, ADD price numeric; ALTER TABLE listings ALTER price TYPE float8");
    sql.run(&allocate(HAT, ORDER_1, 1));
    assert_eq!(sql.shown(HAT), "6");
    sql.assert_verified();
}

#[test]
fn the_new_owner_is_who_the_mirror_runs_as() {
    let (db, mut sql) = attached("");
    let (first, second) = (db.role("first"), db.role("second"));
    sql.run(
        "CREATE TABLE diary (who text); GRANT INSERT ON diary TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC;
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO diary VALUES (current_user); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION note()",
    );
    let mut other = warm_session(&db);
    sql.run("DELETE FROM diary");
    let mut expected = Vec::new();
    for owner in [&first, &second] {
        sql.run(&format!("ALTER TABLE listings OWNER TO {owner}"));
        sql.run(&allocate(HAT, ORDER_1, 1));
        other.run(&allocate(HAT, ORDER_1, 1));
        expected.extend([owner.clone(), owner.clone()]);
    }
    assert_eq!(sql.rows("SELECT who FROM diary"), expected);
    assert_eq!(sql.shown(HAT), "6");
    sql.assert_verified();
}

/// The owner takes its own rights away, or disables our triggers: what can't be written is told.
#[test]
fn a_table_whose_triggers_were_off_is_shown_and_repaired() {
    let (_db, mut sql) = attached("");
    sql.run(&format!(
        "ALTER TABLE listings DISABLE TRIGGER USER; UPDATE listings SET quantity_available = 3 WHERE id = '{HAT}';
         ALTER TABLE listings ENABLE TRIGGER USER"
    ));
    assert_eq!(
        sql.differences(),
        [format!(
            "row of public.listings {HAT} quantity_available: 3, not 10"
        )]
    );
    assert_eq!(sql.row("SELECT repair_stock()"), "1");
    sql.assert_verified();
}

#[test]
fn drop_extension_needs_cascade_and_leaves_the_apps_table() {
    let (db, mut sql) = attached("");
    let mut other = warm_session(&db);
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.refuse("DROP EXTENSION stockroom").sqlstate, "2BP01");
    sql.run("DROP EXTENSION stockroom CASCADE");
    assert_eq!(sql.shown(HAT), "7");
    for session in [&mut sql, &mut other] {
        session.run("UPDATE listings SET quantity_available = quantity_available - 1");
        session.run("INSERT INTO listings VALUES (gen_random_uuid(), 'new', 4); DELETE FROM listings WHERE title = 'new'");
    }
    assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("5".into(), "18".into()));
    assert_eq!(
        sql.row("SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'stockroom%'"),
        "0"
    );

    // Made anew elsewhere, on the same connections.
    sql.run("CREATE SCHEMA depot; CREATE EXTENSION stockroom SCHEMA depot; SET search_path = public, depot");
    assert_eq!(
        sql.row("SELECT listings, units FROM attach_table('listings', 'id')"),
        "2|23"
    );
    other.run("SET search_path = public, depot");
    for (session, left) in [(&mut sql, "4"), (&mut other, "3")] {
        session.run(&format!("SELECT allocate_stock('{HAT}', '{ORDER_1}', 1)"));
        assert_eq!(session.shown(HAT), left);
    }
    assert_eq!(sql.rows("SELECT FROM verify_stock()"), [""; 0]);
}

#[test]
fn detached_first_the_extension_goes_without_cascade() {
    let (_db, mut sql) = attached("");
    sql.run("SELECT detach_table('listings'); DROP EXTENSION stockroom");
    sql.run("UPDATE listings SET quantity_available = quantity_available - 1");
    assert_eq!(sql.shown(HAT), "9");
}

/// In an extension's own script no event trigger of ours may stumble.
#[test]
fn other_ddl_goes_on_beside_an_attached_table() {
    let (mut sql, _db) = {
        let (db, mut sql) = empty();
        sql.run(&listings());
        sql.attach("listings", "");
        (sql, db)
    };
    sql.run(
        "CREATE EXTENSION pgcrypto; CREATE TABLE t (i int); ALTER TABLE t ADD j int; ALTER TABLE t RENAME TO u; DROP TABLE u;
         DROP EXTENSION pgcrypto; CREATE VIEW v AS SELECT * FROM listings; DROP VIEW v",
    );
    sql.run("CREATE TEMP TABLE t (i int); ALTER TABLE t ADD j int; DROP TABLE t");
    sql.run(&allocate(HAT, ORDER_1, 1));
    assert_eq!(sql.shown(HAT), "9");
    sql.assert_verified();
}

/// An owner without rights to its own table stops what is done with this table, and tells why.
#[test]
fn an_owner_that_took_its_own_rights_away_is_named() {
    let (db, mut sql) = attached("");
    let owner = db.role("owner");
    sql.run(&format!(
        "ALTER TABLE listings OWNER TO {owner}; REVOKE ALL ON listings FROM {owner}"
    ));
    let error = sql.refuse(&allocate(HAT, ORDER_1, 1));
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("42501", "permission denied for table listings")
    );
    sql.run(&format!("GRANT ALL ON listings TO {owner}"));
    sql.run(&allocate(HAT, ORDER_1, 1));
    assert_eq!(sql.shown(HAT), "9");
    sql.assert_verified();
}
