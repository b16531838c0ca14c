//! Who may move in, and with whose rights the app's own code runs.

use super::old_shop::{assert_sound, contents, warehouse};
use crate::attached::app::{empty, Sql};

#[test]
fn only_the_owner_moves_tables_in() {
    let (db, mut sql) = warehouse();
    let (owner, clerk) = (db.role("owner"), db.role("clerk"));
    sql.run(&format!(
        "GRANT USAGE ON SCHEMA stock, wms TO {owner}, {clerk};
         GRANT EXECUTE ON FUNCTION import_stock, undo_import_stock, guess_stock_columns TO {owner}, {clerk};
         GRANT ALL ON ALL TABLES IN SCHEMA wms TO {clerk};
         ALTER TABLE wms.batches OWNER TO {owner}; ALTER TABLE wms.reservations OWNER TO {owner}"
    ));
    let before = contents(&mut sql);
    let import = "SELECT FROM stock.import_stock('wms.batches', 'wms.reservations', '{\"quantity_scale\": 3}')";
    let refused = ("42501".to_owned(), "not_table_owner".to_owned());
    assert_eq!(Sql::by(&db, &clerk).refusal(import), refused);
    // The places that its lots refer to are another's.
    assert_eq!(Sql::by(&db, &owner).refusal(import), refused);
    assert_eq!(contents(&mut sql), before);
    // Every table counts, a claim's too.
    sql.run(&format!(
        "ALTER TABLE wms.places OWNER TO {owner}; ALTER TABLE wms.reservations OWNER TO {clerk}"
    ));
    assert_eq!(Sql::by(&db, &owner).refusal(import), refused);
    sql.run(&format!("ALTER TABLE wms.reservations OWNER TO {owner}"));
    // With no right on any table of the engine.
    Sql::by(&db, &owner).run(import);
    assert_sound(&mut sql);
    let undo = "SELECT FROM stock.undo_import_stock('wms.batches')";
    assert_eq!(Sql::by(&db, &clerk).refusal(undo), refused);
    Sql::by(&db, &owner).run(undo);
    assert_sound(&mut sql);
}

/// A view computes what it shows: its owner's rights are enough for that.
#[test]
fn the_apps_code_runs_as_its_owner() {
    let (db, mut sql) = empty();
    let mallory = db.role("mallory");
    sql.run(&format!(
        "CREATE SCHEMA mallory AUTHORIZATION {mallory};
         CREATE TABLE secret (note text); INSERT INTO secret VALUES ('the combination');
         GRANT USAGE ON SCHEMA stock TO {mallory};
         GRANT EXECUTE ON FUNCTION import_stock, undo_import_stock TO {mallory}"
    ));
    Sql::by(&db, &mallory).run(
        "CREATE TABLE mallory.log (who text, attempt text, outcome text);
         CREATE FUNCTION mallory.attack(units integer) RETURNS integer LANGUAGE plpgsql AS $$
         DECLARE attempt text;
         BEGIN
             FOREACH attempt IN ARRAY ARRAY['SELECT note FROM public.secret', 'SELECT 1 FROM stock.stock_lots',
                 'CREATE TEMP TABLE stockroom_lots (i int)',
                 'CREATE TRIGGER t AFTER INSERT ON pg_temp.stockroom_read_lots EXECUTE FUNCTION mallory.nothing()',
                 'SELECT 1 FROM pg_temp.stockroom_read_lots'] LOOP
                 BEGIN
                     EXECUTE attempt;
                     INSERT INTO mallory.log VALUES (current_user, attempt, 'worked');
                 EXCEPTION WHEN OTHERS THEN
                     INSERT INTO mallory.log VALUES (current_user, attempt, SQLSTATE);
                 END;
             END LOOP;
             PERFORM set_config('search_path', 'mallory', false);
             RETURN units;
         END $$;
         CREATE FUNCTION mallory.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TABLE mallory.goods (id int PRIMARY KEY, sku text, qty int);
         INSERT INTO mallory.goods VALUES (1, 'hat', 3);
         CREATE VIEW mallory.lots AS SELECT id, sku, mallory.attack(qty) AS qty FROM mallory.goods",
    );
    let import = "SELECT FROM stock.import_stock('mallory.lots')";
    for role in [None, Some(mallory.as_str())] {
        let mut caller = match role {
            Some(role) => Sql::by(&db, role),
            None => Sql::by_superuser(&db),
        };
        let path = caller.row("SHOW search_path");
        caller.run(import);
        assert_eq!(caller.row("SHOW search_path"), path);
        let outcomes = sql.rows("SELECT DISTINCT who, outcome = 'worked' FROM mallory.log");
        assert_eq!(outcomes, [format!("{mallory}|f")]);
        assert_eq!(sql.row("SELECT count(*) FROM mallory.log"), "5");
        assert_eq!(
            sql.row("SELECT sum(quantity_total) FROM stock.stock_lots"),
            "3"
        );
        assert_sound(&mut sql);
        caller.run("SELECT FROM stock.undo_import_stock('mallory.lots')");
        sql.run("DELETE FROM mallory.log");
    }
}
