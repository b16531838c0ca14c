//! Who restores: the marks of a dump, the setting, and the rights that both take.

use super::kept::warnings;
use crate::attached::app::{attached, Sql, COAT, HAT};
use stockroom_tests::Db;

const WARNING: &str = super::dump::WARNING;
const MARKS: [&str; 3] = [
    "SET row_security = off",
    "SET check_function_bodies = off",
    "SELECT pg_catalog.set_config('search_path', '', false)",
];
const RECEIVE: &str = "INSERT INTO stock.stock_lots (listing_id, quantity_total)
    VALUES ('a0000000-0000-0000-0000-000000000001', 5)";

/// An app's table that is attached, and a role that may write it and the engine's tables.
fn shop_and_clerk(attributes: &str) -> (Db, Sql, String) {
    let (db, mut sql) = attached("");
    let clerk = db.role("clerk");
    sql.run(&format!(
        "ALTER ROLE {clerk} {attributes};
         GRANT USAGE ON SCHEMA stock TO {clerk};
         GRANT EXECUTE ON FUNCTION current_tenant() TO {clerk};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stock, public TO {clerk}"
    ));
    (db, sql, clerk)
}

#[track_caller]
fn set_marks(sql: &mut Sql) {
    sql.run(&MARKS.join("; "));
}

/// Neither the marks nor the setting let a plain role's DML past the counters, whichever way it goes
/// about it.
#[test]
fn a_plain_role_is_counted_whatever_it_sets() {
    let (db, mut admin, clerk) = shop_and_clerk("");
    let mut sql = Sql::by(&db, &clerk);
    // While the library is not loaded, anybody may set anything of that name.
    sql.run("SET stockroom.restoring = on");
    set_marks(&mut sql);
    sql.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "15|0|15");
    assert_eq!(sql.row("SHOW stockroom.restoring"), "off");
    assert_eq!(sql.refuse("SET stockroom.restoring = on").sqlstate, "42501");
    sql.run(&format!(
        "UPDATE public.listings SET quantity_available = 21 WHERE id = '{COAT}';
         INSERT INTO public.listings VALUES (gen_random_uuid(), 'cap', 1);
         UPDATE stock.stock_listings SET quantity_total = 99, version = 7;
         UPDATE stock.stock_lots SET quantity_allocated = 1"
    ));
    assert_eq!(
        sql.refusal("DELETE FROM stock.stock_levels").1,
        "engine_owned"
    );
    let over = "INSERT INTO stock.stock_allocations (lot_id, order_id, quantity)
                SELECT lot_id, gen_random_uuid(), 1000 FROM stock.stock_lots";
    assert_eq!(sql.refusal(over).1, "stock_committed");
    assert_eq!(warnings(&mut sql), [""; 0]);
    admin.assert_verified();

    // Nor does the connection's own option.
    let mut options = db.config();
    options.user(&clerk).options("-c stockroom.restoring=on");
    let mut client = options.connect(postgres::NoTls).unwrap();
    client.batch_execute(RECEIVE).unwrap();
    assert_eq!(admin.stock(HAT), "20|0|20");
    admin.assert_verified();
}

/// A function of the superuser's that a plain role calls, and a superuser who has become one.
#[test]
fn what_counts_is_who_connected() {
    let (db, mut admin, clerk) = shop_and_clerk("");
    admin.run(&format!(
        "CREATE FUNCTION public.receive() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
         SET row_security = off SET check_function_bodies = off AS $$BEGIN {RECEIVE}; END$$"
    ));
    let mut sql = Sql::by(&db, &clerk);
    set_marks(&mut sql);
    sql.run("SELECT public.receive()");
    assert_eq!(admin.stock(HAT), "15|0|15");

    // pg_restore --role does so.
    let mut restorer = Sql::by_superuser(&db);
    restorer.run(&format!("SET ROLE {clerk}"));
    set_marks(&mut restorer);
    restorer.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "15|0|15");
    assert_eq!(restorer.warnings().len(), 1);
}

#[test]
fn all_three_marks_are_needed() {
    let (db, mut admin) = attached("");
    let mut expected = 10;
    for left_out in MARKS {
        let mut sql = Sql::by_superuser(&db);
        for mark in MARKS.into_iter().filter(|mark| *mark != left_out) {
            sql.run(mark);
        }
        sql.run(RECEIVE);
        expected += 5;
        assert_eq!(
            admin.stock(HAT),
            format!("{expected}|0|{expected}"),
            "without {}",
            left_out
        );
        // A person who wants no path writes it so; pg_dump does not.
        sql.run(&format!("{}; SET search_path = ''", MARKS[..2].join("; ")));
        sql.run(RECEIVE);
        expected += 5;
        assert_eq!(admin.stock(HAT), format!("{expected}|0|{expected}"));
    }
    admin.assert_verified();
}

/// All three: rows are taken as they are, with one WARNING.
#[test]
fn the_marks_of_a_dump_are_a_restore() {
    let (db, mut admin) = attached("");
    let mut sql = Sql::by_superuser(&db);
    set_marks(&mut sql);
    sql.warnings();
    sql.run(RECEIVE);
    sql.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "10|0|10");
    let warnings = sql.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains(WARNING),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("verify_stock()"));
    assert!(!admin.differences().is_empty(), "as verify_stock() shows");
    assert_eq!(admin.row("SELECT repair_stock() > 0"), "t");
    assert_eq!(admin.stock(HAT), "20|0|20");
    admin.assert_verified();
    // The session is an ordinary one again.
    sql.run("RESET ALL");
    sql.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "25|0|25");
    admin.assert_verified();
}

/// A role that may read past row security can make a dump, and so restore it.
#[test]
fn a_role_with_bypassrls_restores() {
    let (db, mut admin, clerk) = shop_and_clerk("BYPASSRLS");
    let mut sql = Sql::by(&db, &clerk);
    set_marks(&mut sql);
    sql.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "10|0|10");
    assert_eq!(sql.warnings().len(), 1);
}

/// Who owns an attached table could as well switch its triggers off; that is no key to the engine's
/// tables.
#[test]
fn an_owner_restores_only_what_it_owns() {
    let (db, mut admin, clerk) = shop_and_clerk("");
    admin.run(&format!("ALTER TABLE listings OWNER TO {clerk}"));
    let mut sql = Sql::by(&db, &clerk);
    set_marks(&mut sql);
    sql.run(RECEIVE);
    assert_eq!(admin.stock(HAT), "15|0|15");
    sql.run(&format!(
        "UPDATE public.listings SET quantity_available = 3 WHERE id = '{HAT}'"
    ));
    assert_eq!(admin.stock(HAT), "15|0|15");
    assert_eq!(
        admin.differences(),
        [format!(
            "row of public.listings {HAT} quantity_available: 3, not 15"
        )]
    );
}

/// With the setting every trigger stands aside: nothing is changed on the way in, nothing is counted,
/// nothing is refused, at once or at commit.
#[test]
fn with_the_setting_no_trigger_does_anything() {
    let (db, mut admin) = attached("");
    let mut sql = Sql::by_superuser(&db);
    sql.run("SET stockroom.restoring = on");
    sql.run(&format!(
        "INSERT INTO stock_listings (listing_id, quantity_total, quantity_allocated, version, attached_key, sync_deferred)
         VALUES ('{HAT}', 1, 2, 3, 'key', true)
         ON CONFLICT (listing_id) DO UPDATE SET quantity_total = 1, quantity_allocated = 20, version = 3,
                sync_deferred = true, updated_at = '2001-01-01'"
    ));
    assert_eq!(
        sql.row(&format!(
            "SELECT quantity_total, quantity_allocated, quantity_available, version, updated_at
               FROM stock_listings WHERE listing_id = '{HAT}'"
        )),
        "1|20|-10|3|2001-01-01 00:00:00+00"
    );
    sql.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, quantity_allocated, location_id)
         VALUES ('{HAT}', gen_random_uuid(), 1, 2, gen_random_uuid());
         UPDATE stock_lots SET listed = false, updated_at = '2001-01-01' WHERE lot_id = '{HAT}';
         INSERT INTO stock_allocations (listing_id, lot_id, order_id, quantity)
         VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 7);
         UPDATE stock_allocations SET quantity = 8, updated_at = '2001-01-01';
         UPDATE stock_levels SET quantity_allocated = 50"
    ));
    assert_eq!(
        sql.row(&format!(
            "SELECT quantity_total, quantity_allocated, updated_at FROM stock_lots WHERE lot_id = '{HAT}'"
        )),
        "1|2|2001-01-01 00:00:00+00"
    );
    assert_eq!(
        sql.row("SELECT quantity, updated_at FROM stock_allocations"),
        "8|2001-01-01 00:00:00+00"
    );
    assert_eq!(
        sql.rows("SELECT DISTINCT quantity_allocated FROM stock_levels"),
        ["50"]
    );
    sql.run(
        "UPDATE locations SET name = 'Elsewhere' WHERE name = 'Orison';
         DELETE FROM locations WHERE name = 'Elsewhere';
         INSERT INTO locations (name, parent_id) VALUES ('Cellar', gen_random_uuid());
         DELETE FROM stock_levels; DELETE FROM stock_lots; TRUNCATE stock_allocations, stock_lots, stock_levels;
         UPDATE listings SET quantity_available = 1000;
         DELETE FROM listings; TRUNCATE listings",
    );
    assert_eq!(
        sql.row("SELECT count(*), max(version) FROM stock_listings"),
        "2|3"
    );
    sql.run("TRUNCATE stock_listings, locations");
    assert_eq!(sql.warnings().len(), 1);
    let tables = "(SELECT FROM stock_lots UNION ALL SELECT FROM stock_levels UNION ALL SELECT FROM stock_listings)";
    assert_eq!(
        admin.row(&format!("SELECT count(*) FROM {tables} AS t")),
        "0"
    );
}
