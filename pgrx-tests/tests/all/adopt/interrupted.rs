//! An import that is broken off leaves everything as it was.

use super::old_shop::{assert_sound, contents};
use crate::attached::app::{empty, Sql};
use stockroom_tests::{Cluster, Db, Session};

/// Lots of which one, in the middle, waits for a lock or breaks; claims likewise.
fn brittle(db: &Db) {
    let mut sql = Sql::by_superuser(db);
    sql.run(
        "CREATE TABLE goods (id int PRIMARY KEY, sku text, qty int);
         INSERT INTO goods SELECT n, 'sku ' || n % 100, 10 FROM generate_series(1, 25000) AS n;
         CREATE TABLE claims (id int PRIMARY KEY, lot_id int, order_id uuid, qty int);
         INSERT INTO claims SELECT n, n, gen_random_uuid(), 3 FROM generate_series(1, 25000) AS n;
         CREATE FUNCTION brittle(id int, qty int) RETURNS int LANGUAGE plpgsql AS $$
         BEGIN
             IF id = 20000 THEN PERFORM pg_advisory_xact_lock(1); PERFORM 1 / current_setting('app.divisor')::int; END IF;
             RETURN qty;
         END $$;
         CREATE VIEW brittle_claims AS SELECT id, lot_id, order_id, brittle(id, qty) AS qty FROM claims",
    );
}

const IMPORT: &str = "SELECT * FROM stock.import_stock('goods', 'brittle_claims')";

#[test]
fn an_error_in_the_middle_leaves_nothing() {
    let (db, mut sql) = empty();
    brittle(&db);
    let before = contents(&mut sql);
    sql.run("SET app.divisor = 0");
    assert_eq!(sql.refuse(IMPORT).sqlstate, "22012");
    assert_eq!(contents(&mut sql), before);
    // In a transaction that goes on, too; and then it works.
    sql.run("BEGIN; SAVEPOINT s");
    assert_eq!(
        stockroom_tests::expect_error(sql.client.batch_execute(IMPORT)).sqlstate,
        "22012"
    );
    sql.run("ROLLBACK TO s; SET app.divisor = 1");
    sql.run(IMPORT);
    sql.run("COMMIT");
    assert_eq!(
        sql.row("SELECT sum(quantity_total), sum(quantity_allocated) FROM stock.stock_lots"),
        "250000|75000"
    );
    assert_sound(&mut sql);
    sql.run("SELECT FROM stock.undo_import_stock('goods')");
    assert_eq!(sql.row("SELECT count(*) FROM stock.stock_lots"), "0");
    assert_sound(&mut sql);
}

/// The server dies while it is under way.
#[test]
fn a_crash_in_the_middle_leaves_nothing() {
    let cluster = Cluster::options().start().unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    brittle(&db);
    let before = contents(&mut Sql::by_superuser(&db));
    {
        let mut holder = Session::open(&db);
        holder
            .run("BEGIN; SELECT pg_advisory_xact_lock(1)")
            .unwrap();
        let mut mover = Session::open(&db);
        mover.run("SET app.divisor = 1").unwrap();
        mover.start(IMPORT);
        assert!(mover.is_blocked());
        cluster.crash().unwrap();
    }
    cluster.start().unwrap();
    let mut sql = Sql::by_superuser(&db);
    assert_eq!(contents(&mut sql), before);
    assert_sound(&mut sql);
    sql.run(&format!("SET app.divisor = 1; {IMPORT}"));
    assert_eq!(
        sql.row("SELECT sum(quantity_total) FROM stock.stock_lots"),
        "250000"
    );
    assert_sound(&mut sql);
}
