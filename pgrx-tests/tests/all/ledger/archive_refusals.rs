//! Into which tables nothing is archived, and who may not.

use crate::api::shop::Shop;
use stockroom_tests::{expect_error, ErrorInfo};

/// A listing with two lines, of which one can be archived.
fn shop() -> Shop {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    shop.change(lot, 1);
    shop
}

#[track_caller]
fn refused(shop: &mut Shop, table: &str) -> ErrorInfo {
    let before = shop.everything();
    let error = shop.error(
        &format!("SELECT archive_movements('infinity', '{table}')"),
        &[],
    );
    assert_eq!(shop.everything(), before);
    shop.verify();
    error
}

#[test]
fn tables_that_would_not_keep_the_lines_are_refused() {
    let mut shop = shop();
    shop.run(
        "CREATE TABLE public.short (LIKE stock_movements); ALTER TABLE public.short DROP reason, DROP actor;
         CREATE TABLE public.other (LIKE stock_movements); ALTER TABLE public.other ALTER delta TYPE bigint;
         CREATE TABLE public.coarse (LIKE stock_movements); ALTER TABLE public.coarse ALTER unit_cost TYPE numeric(16, 2);
         CREATE UNLOGGED TABLE public.quick (LIKE stock_movements);
         CREATE TEMPORARY TABLE here (LIKE stock_movements);
         CREATE VIEW public.seen AS SELECT * FROM stock_movements;
         CREATE MATERIALIZED VIEW public.made AS SELECT * FROM stock_movements;
         CREATE TABLE public.parts (LIKE stock_movements) PARTITION BY RANGE (recorded_at);
         CREATE UNLOGGED TABLE public.part PARTITION OF public.parts DEFAULT",
    );
    let ordinary = "it is no ordinary table, or a partition of it is none";
    let lost = "what it keeps does not outlive a crash";
    for (table, problem) in [
        ("public.short", "it lacks reason text, actor text"),
        ("public.other", "it lacks delta integer"),
        ("public.coarse", "it lacks unit_cost numeric(16,4)"),
        ("public.quick", lost),
        ("here", lost),
        ("public.seen", ordinary),
        ("public.made", ordinary),
        ("public.parts", lost),
        ("stock_movements", "it belongs to stockroom itself"),
        ("stock_lots", "it belongs to stockroom itself"),
        ("pg_catalog.pg_class", "it lacks movement_id uuid"),
    ] {
        let error = refused(&mut shop, table);
        assert_eq!(
            (error.name().as_str(), error.sqlstate.as_str()),
            ("cannot_archive", "42809"),
            "{table}"
        );
        let said = error.field("problem");
        assert!(
            said.as_str().unwrap().starts_with(problem),
            "{table}: {said}"
        );
    }
    let error = shop.error(
        "SELECT archive_movements('infinity', 4294967295::oid::regclass)",
        &[],
    );
    assert_eq!(error.field("problem"), "there is no such table");
    let error = shop.error("SELECT * FROM verify_archive('public.short')", &[]);
    assert_eq!(error.name(), "cannot_archive");
}

#[test]
fn a_table_that_changes_or_swallows_lines_is_refused() {
    let mut shop = shop();
    for body in [
        "NEW.actor = 'somebody'; RETURN NEW;",
        "NEW.recorded_at = NEW.recorded_at + interval '1 us'; RETURN NEW;",
        "RETURN NULL;",
    ] {
        shop.run(&format!(
            "CREATE TABLE public.old (LIKE stock_movements);
             CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
             CREATE TRIGGER meddle BEFORE INSERT ON public.old FOR EACH ROW EXECUTE FUNCTION public.meddle()"
        ));
        let error = refused(&mut shop, "public.old");
        assert_eq!(error.name(), "cannot_archive", "{body}");
        assert_eq!(
            error.field("problem"),
            "it does not keep what is put into it"
        );
        shop.run("DROP TABLE public.old; DROP FUNCTION public.meddle()");
    }
    // What it refuses by itself is said as it says it.
    shop.run("CREATE TABLE public.old (LIKE stock_movements, CHECK (delta > 100))");
    assert_eq!(refused(&mut shop, "public.old").sqlstate, "23514");
    shop.run("DROP TABLE public.old; CREATE TABLE public.old (LIKE stock_movements, more integer NOT NULL)");
    assert_eq!(refused(&mut shop, "public.old").sqlstate, "23502");
}

#[test]
fn lines_with_a_gap_are_not_archived() {
    let mut shop = shop();
    shop.run("CREATE TABLE public.old (LIKE stock_movements)");
    shop.run("UPDATE stock_lots SET quantity_total = 3; UPDATE stock_lots SET quantity_total = 4");
    shop.tamper("DELETE FROM stock_movements WHERE version = 2");
    let error = shop.error("SELECT archive_movements('infinity', 'public.old')", &[]);
    assert_eq!(error.name(), "cannot_archive");
    assert!(error
        .field("problem")
        .as_str()
        .unwrap()
        .ends_with("do not follow one another"));
    assert_eq!(shop.text("SELECT count(*) FROM stock_movements"), "3");
}

/// EXECUTE on the function, and INSERT on the table: nothing else, and neither alone.
#[test]
fn one_who_may_write_the_table_may_archive_into_it() {
    let mut shop = shop();
    let (clerk, owner) = (shop.db.role("clerk"), shop.db.role("owner"));
    shop.run(&format!(
        "CREATE TABLE public.old (LIKE stock_movements); ALTER TABLE public.old OWNER TO {owner};
         GRANT USAGE ON SCHEMA stock TO {clerk}"
    ));
    let mut client = shop.db.client_as(&clerk);
    let archive = "SELECT stock.archive_movements('infinity', 'public.old')";
    let verify = "SELECT * FROM stock.verify_archive('public.old')";
    for call in [archive, verify] {
        let error = expect_error(client.query(call, &[]));
        assert!(
            error.message.contains("permission denied for function"),
            "{error:?}"
        );
    }
    shop.run(&format!(
        "GRANT EXECUTE ON FUNCTION archive_movements, verify_archive TO {clerk}"
    ));
    for call in [archive, verify] {
        let error = expect_error(client.query(call, &[]));
        assert_eq!(error.sqlstate, "42501");
        assert!(
            error.message.contains("permission denied for table"),
            "{error:?}"
        );
    }
    shop.run(&format!("GRANT INSERT ON public.old TO {clerk}"));
    assert_eq!(client.query_one(archive, &[]).unwrap().get::<_, i32>(0), 1);
    assert_eq!(expect_error(client.query(verify, &[])).sqlstate, "42501");
    shop.run(&format!("GRANT SELECT ON public.old TO {clerk}"));
    assert!(client.query(verify, &[]).unwrap().is_empty());
    // It needs none of the engine's tables, and gets none.
    let read = client.query("SELECT FROM stock.stock_movements", &[]);
    assert_eq!(expect_error(read).sqlstate, "42501");
    shop.verify();
}

/// Code of a table's owner runs as its owner, whoever archives; and it can't leave anything for later.
#[test]
fn the_tables_own_code_gets_nobody_elses_rights() {
    let mut shop = shop();
    let owner = shop.db.role("owner");
    shop.run(&format!(
        "CREATE TABLE public.said (who text); GRANT ALL ON public.said TO {owner};
         CREATE TABLE public.old (LIKE stock_movements); ALTER TABLE public.old OWNER TO {owner};
         GRANT CREATE ON SCHEMA public TO {owner}; GRANT USAGE ON SCHEMA stock TO {owner}"
    ));
    let mut client = shop.db.client_as(&owner);
    client
        .batch_execute(
            "CREATE FUNCTION public.say() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO public.said VALUES (current_user); RETURN NULL; END $$;
             CREATE TRIGGER say AFTER INSERT ON public.old FOR EACH STATEMENT EXECUTE FUNCTION public.say()",
        )
        .unwrap();
    shop.run("SELECT archive_movements('infinity', 'public.old')");
    assert_eq!(shop.text("SELECT who FROM public.said"), owner);
    // A digest of the owner's own making proves nothing: names are the catalog's.
    client
        .batch_execute(
            "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea';
             UPDATE public.old SET actor = 'x'; ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog",
        )
        .unwrap();
    let proof = "SELECT count(*) FROM verify_archive('public.old')";
    assert_eq!(shop.text(proof), "1");
    // And it is no way to the owner of the engine.
    client.batch_execute("TRUNCATE public.said").unwrap();
    let deferred =
        "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.old DEFERRABLE INITIALLY DEFERRED
                      FOR EACH ROW EXECUTE FUNCTION public.say()";
    client.batch_execute(deferred).unwrap();
    shop.run("UPDATE stock_lots SET quantity_total = 50");
    let error = shop.error("SELECT archive_movements('infinity', 'public.old')", &[]);
    assert_eq!(error.sqlstate, "42501", "{error:?}");
    shop.verify();
}
