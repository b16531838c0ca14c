//! Triggers of the app on its attached table: they raise, write quantities, claim, roll back, swallow
//! rows. No count of the engine is lost, and a column that came out wrong is told.

use super::app::{allocate, attached, shop, Sql, COAT, HAT, ORDER_1, ORDER_2};

/// A trigger of the app on `listings`. `body` is PL/pgSQL.
fn trigger(name: &str, when: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
         CREATE TRIGGER {name} {when} ON listings FOR EACH ROW EXECUTE FUNCTION public.{name}()"
    )
}

fn gift(quantity: i32) -> String {
    format!("PERFORM stock.allocate_stock('{COAT}', '{ORDER_2}', {quantity});")
}

#[test]
fn one_that_raises_takes_the_claim_back() {
    for when in ["BEFORE UPDATE", "AFTER UPDATE"] {
        let (_db, mut sql) = attached("");
        sql.run(&trigger(
            "keep_five",
            when,
            "IF NEW.quantity_available < 5 THEN RAISE 'five stay here'; END IF; RETURN NEW;",
        ));
        let caught = format!(
            "DO $$ BEGIN PERFORM stock.allocate_stock('{HAT}', '{ORDER_1}', 6);
                         RAISE 'should have been refused' USING ERRCODE = 'P0004';
             EXCEPTION WHEN raise_exception THEN NULL; END $$"
        );
        sql.run(&caught);
        assert_eq!(sql.stock(HAT), "10|0|10");
        assert_eq!(sql.shown(HAT), "10");

        // In one transaction: after the caught error both doors count.
        sql.run("BEGIN");
        sql.run(&caught);
        sql.run(&allocate(HAT, ORDER_1, 2));
        sql.run(&caught.replace(", 6)", ", 4)"));
        sql.run(&format!(
            "UPDATE stock_lots SET quantity_total = 11 WHERE listing_id = '{HAT}';
             UPDATE listings SET quantity_available = 12 WHERE id = '{HAT}'; COMMIT"
        ));
        assert_eq!(sql.stock(HAT), "12|2|14");
        assert_eq!(sql.shown(HAT), "12");
        sql.assert_verified();
    }
}

/// It keeps a tenth back by writing the column again, once, after every change.
#[test]
fn an_after_trigger_that_writes_the_quantity_changes_the_stock() {
    let (_db, mut sql) = attached("");
    sql.run(&trigger(
        "break_one",
        "AFTER UPDATE",
        "IF pg_trigger_depth() = 1 OR OLD.title = NEW.title AND NEW.title <> 'done' THEN
             UPDATE listings SET quantity_available = quantity_available - 1, title = 'done' WHERE id = NEW.id;
         END IF; RETURN NULL;",
    ));
    sql.run(&allocate(HAT, ORDER_1, 3));
    // Three are claimed and one is broken.
    assert_eq!(sql.stock(HAT), "6|3|9");
    assert_eq!(sql.shown(HAT), "6");
    sql.assert_verified();
}

/// What it writes into NEW is no write of the app's that could be told from the engine's.
#[test]
fn a_before_trigger_that_changes_the_mirrors_write_is_told() {
    let (_db, mut sql) = attached("");
    sql.run(&trigger(
        "round_down",
        "BEFORE UPDATE",
        "NEW.quantity_available := NEW.quantity_available / 5 * 5; RETURN NEW;",
    ));
    sql.warnings();
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.stock(HAT), "7|3|10");
    assert_eq!(sql.shown(HAT), "5");
    let warnings = sql.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains(HAT) && warnings[0].contains("verify_stock()"),
        "{warnings:?}"
    );
    assert_eq!(
        sql.differences(),
        [format!(
            "row of public.listings {HAT} quantity_available: 5, not 7"
        )]
    );
    sql.run("DROP TRIGGER round_down ON listings");
    assert_eq!(sql.row("SELECT repair_stock()"), "1");
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();
}

/// The app's own write, changed by its own BEFORE trigger: what counts is what was stored.
#[test]
fn a_before_trigger_that_changes_the_apps_write_counts() {
    let (_db, mut sql) = attached("");
    sql.run(&trigger(
        "double",
        "BEFORE UPDATE",
        "IF OLD.title <> NEW.title THEN NEW.quantity_available := OLD.quantity_available * 2; END IF; RETURN NEW;",
    ));
    // The statement does not name the column.
    sql.run(&format!(
        "UPDATE listings SET title = 'two hats' WHERE id = '{HAT}'"
    ));
    assert_eq!(sql.stock(HAT), "20|0|20");
    assert_eq!(sql.shown(HAT), "20");
    sql.assert_verified();
}

#[test]
fn one_that_swallows_the_write_is_told_and_repaired() {
    let (_db, mut sql) = attached("");
    let swallow = "IF NEW.title = 'hat' THEN RETURN NULL; END IF; RETURN NEW;";
    sql.run(&trigger("swallow", "BEFORE UPDATE", swallow));
    sql.warnings();
    sql.run(&allocate(HAT, ORDER_1, 3));
    let warnings = sql.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains(HAT) && warnings[0].contains("public.listings"),
        "{warnings:?}"
    );
    sql.run(&allocate(COAT, ORDER_1, 3));
    assert_eq!(sql.warnings(), [""; 0]);

    // The claim stands; exactly this row is shown.
    assert_eq!(sql.stock(HAT), "7|3|10");
    let difference = format!("row of public.listings {HAT} quantity_available: 10, not 7");
    assert_eq!(sql.differences(), std::slice::from_ref(&difference));
    // While the trigger is there nothing can be done.
    sql.run("SELECT repair_stock()");
    assert_eq!(sql.warnings().len(), 1);
    assert_eq!(sql.differences(), [difference]);
    sql.run("DROP TRIGGER swallow ON listings");
    assert_eq!(sql.row("SELECT repair_stock()"), "1");
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();
}

#[test]
fn one_that_claims_inside_our_write_counts() {
    let (_db, mut sql) = attached("");
    let body = format!(
        "IF NEW.id = '{HAT}' AND NEW.quantity_available < OLD.quantity_available THEN {} END IF; RETURN NULL;",
        gift(1)
    );
    sql.run(&trigger("gift", "AFTER UPDATE", &body));
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(
        (sql.stock(HAT), sql.stock(COAT)),
        ("7|3|10".into(), "19|1|20".into())
    );
    assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("7".into(), "19".into()));
    // The app's own sale counts and gives as well.
    sql.run(&format!(
        "UPDATE listings SET quantity_available = quantity_available - 2 WHERE id = '{HAT}'"
    ));
    assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("5".into(), "18".into()));
    sql.assert_verified();
}

/// It claims of the very listing whose row is being written.
#[test]
fn one_that_claims_the_same_listing_counts() {
    let (_db, mut sql) = attached("");
    let body = format!(
        "IF NEW.quantity_available = 7 THEN PERFORM stock.allocate_stock('{HAT}', '{ORDER_2}', 1); END IF; RETURN NULL;"
    );
    sql.run(&trigger("one_more", "AFTER UPDATE", &body));
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.stock(HAT), "6|4|10");
    assert_eq!(sql.shown(HAT), "6");
    sql.assert_verified();
}

#[test]
fn one_that_rolls_back_its_own_claim_loses_nothing_else() {
    let (_db, mut sql) = attached("");
    let body = format!(
        "BEGIN {} RAISE 'not today'; EXCEPTION WHEN raise_exception THEN NULL; END; RETURN NULL;",
        gift(2)
    );
    sql.run(&trigger(
        "change_of_mind",
        "AFTER UPDATE",
        &format!("IF NEW.id = '{HAT}' THEN {body} END IF; RETURN NULL;"),
    ));
    sql.run(&format!(
        "BEGIN; {}; UPDATE stock_lots SET quantity_total = 30 WHERE listing_id = '{COAT}'; COMMIT",
        allocate(HAT, ORDER_1, 3)
    ));
    assert_eq!(
        (sql.stock(HAT), sql.stock(COAT)),
        ("7|3|10".into(), "30|0|30".into())
    );
    assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("7".into(), "30".into()));
    sql.assert_verified();
}

/// The engine's own statements run with a pinned search_path; the app's code was written for another.
#[test]
fn unqualified_names_mean_what_they_meant_at_attach() {
    let (db, mut sql) = shop();
    sql.run("CREATE SCHEMA app; ALTER TABLE listings SET SCHEMA app; CREATE TABLE app.diary (line text);
             SET search_path = app, stock");
    sql.run(
        "CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO diary SELECT title || ': ' || NEW.quantity_available FROM listings WHERE id = NEW.id;
               RETURN NULL; END $$;
         CREATE TRIGGER note AFTER UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION app.note()",
    );
    sql.attach("listings", "");
    // Another session, with another path.
    let mut other = Sql::by_superuser(&db);
    other.run(&allocate(HAT, ORDER_1, 3));
    other.run("INSERT INTO stock.stock_lots (listing_id, quantity_total) SELECT listing_id, 1 FROM stock.stock_listings WHERE quantity_total = 10");
    assert_eq!(sql.rows("SELECT line FROM diary"), ["hat: 7", "hat: 8"]);
    assert_eq!(other.row("SHOW search_path"), "public, stock");
    sql.assert_verified();
}

/// An app may put its own checks off to the commit, or not: a claim changes nothing in that.
#[test]
fn a_claim_leaves_the_apps_constraints_as_they_are() {
    for (mode, refused_at) in [("INITIALLY IMMEDIATE", 1), ("INITIALLY DEFERRED", 2)] {
        let (db, mut sql) = shop();
        let (owner, clerk) = (db.role("owner"), db.role("clerk"));
        sql.run(&format!(
            "ALTER TABLE listings OWNER TO {owner};
             GRANT USAGE ON SCHEMA stock TO {clerk}; GRANT EXECUTE ON FUNCTION allocate_stock TO {clerk};
             GRANT SELECT, UPDATE ON listings TO {clerk};
             CREATE FUNCTION no_blank() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF NEW.title = '' THEN RAISE 'no title'; END IF; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER no_blank AFTER UPDATE ON listings DEFERRABLE {mode}
                 FOR EACH ROW EXECUTE FUNCTION no_blank()"
        ));
        sql.attach("listings", "");
        let mut client = Sql::by(&db, &clerk);
        client.run("BEGIN");
        client.run(&allocate(HAT, ORDER_1, 3));
        let blank = client.client.batch_execute(&format!(
            "UPDATE public.listings SET title = '' WHERE id = '{COAT}'"
        ));
        let commit = client.client.batch_execute("COMMIT");
        let (blank_failed, commit_failed) = (blank.is_err(), commit.is_err());
        assert_eq!(
            (blank_failed, commit_failed),
            (refused_at == 1, refused_at == 2),
            "{mode}"
        );
        sql.assert_verified();
    }
}

/// As Django makes them: every foreign key waits for the commit.
#[test]
fn deferred_foreign_keys_do_not_stand_in_the_way() {
    let (db, mut sql) = shop();
    let (owner, clerk) = (db.role("owner"), db.role("clerk"));
    sql.run(&format!(
        "CREATE TABLE shelves (id int PRIMARY KEY); INSERT INTO shelves VALUES (1);
         ALTER TABLE listings ADD shelf int REFERENCES shelves DEFERRABLE INITIALLY DEFERRED;
         CREATE TABLE pictures (listing uuid REFERENCES listings DEFERRABLE INITIALLY DEFERRED);
         ALTER TABLE listings OWNER TO {owner}; ALTER TABLE shelves OWNER TO {owner};
         GRANT USAGE ON SCHEMA stock TO {clerk}; GRANT EXECUTE ON FUNCTION allocate_stock TO {clerk};
         GRANT SELECT, INSERT, UPDATE ON listings, pictures TO {clerk}"
    ));
    sql.attach("listings", "");
    let mut client = Sql::by(&db, &clerk);
    let cap = super::app::CAP;
    client.run(&format!(
        "BEGIN; INSERT INTO public.pictures VALUES ('{cap}');
         INSERT INTO public.listings VALUES ('{cap}', 'cap', 5, 1)"
    ));
    client.run(&allocate(cap, ORDER_1, 2));
    client.run(&format!(
        "UPDATE public.listings SET shelf = 1 WHERE id = '{HAT}'"
    ));
    client.run(&allocate(HAT, ORDER_1, 1));
    client.run("COMMIT");
    assert_eq!(sql.stock(cap), "3|2|5");
    assert_eq!(sql.shown(cap), "3");
    sql.assert_verified();
}

/// The same where the app connects as the owner.
#[test]
fn deferred_foreign_keys_do_not_stand_in_the_owners_way() {
    let (db, mut sql) = shop();
    let owner = db.role("owner");
    sql.run(&format!(
        "CREATE TABLE shelves (id int PRIMARY KEY); INSERT INTO shelves VALUES (1);
         ALTER TABLE listings ADD shelf int REFERENCES shelves DEFERRABLE INITIALLY DEFERRED;
         CREATE TABLE pictures (listing uuid REFERENCES listings DEFERRABLE INITIALLY DEFERRED);
         ALTER TABLE listings OWNER TO {owner}; ALTER TABLE shelves OWNER TO {owner};
         GRANT USAGE ON SCHEMA stock TO {owner}; GRANT EXECUTE ON FUNCTION allocate_stock TO {owner};
         ALTER TABLE pictures OWNER TO {owner}"
    ));
    sql.attach("listings", "");
    let mut client = Sql::by(&db, &owner);
    let cap = super::app::CAP;
    client.run(&format!(
        "BEGIN; INSERT INTO public.pictures VALUES ('{cap}');
         INSERT INTO public.listings VALUES ('{cap}', 'cap', 5, 1)"
    ));
    client.run(&allocate(cap, ORDER_1, 2));
    client.run(&format!(
        "UPDATE public.listings SET shelf = 1 WHERE id = '{HAT}'"
    ));
    client.run(&allocate(HAT, ORDER_1, 1));
    client.run("COMMIT");
    assert_eq!(sql.stock(cap), "3|2|5");
    assert_eq!(sql.shown(cap), "3");
    sql.assert_verified();
}
