//! The caller's search_path, empty or hostile, and temporary tables in front of it.

use crate::second_door::shop::{
    shop, stocking, Sql, CLAIM_1, CLAIM_2, COAT, COAT_LOT, HAT, HAT_LOT, NEW_LOT, ORDER_1, ORDER_2,
    ORISON,
};

/// Everything that a client might do, in one go, with every name qualified,
/// the operators too: what falls into a trap is then the engine's doing.
fn a_busy_day() -> String {
    format!(
        "INSERT INTO public.stock_lots (lot_id, listing_id, quantity_total) VALUES ('{NEW_LOT}', '{HAT}', 5);
         INSERT INTO public.stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4), ('{CLAIM_2}', '{NEW_LOT}', '{ORDER_2}', 2);
         UPDATE public.stock_lots SET quantity_total = 9, location_id = '{ORISON}' WHERE lot_id OPERATOR(pg_catalog.=) '{HAT_LOT}';
         UPDATE public.stock_allocations SET status = 'released' WHERE allocation_id OPERATOR(pg_catalog.=) '{CLAIM_2}';
         UPDATE public.stock_lots SET listing_id = '{COAT}', quantity_allocated = 77 WHERE lot_id OPERATOR(pg_catalog.=) '{NEW_LOT}';
         INSERT INTO public.locations (name) VALUES ('Attic');
         SELECT public.receive_stock('{HAT}', 3);
         SELECT * FROM public.allocate_stock('{HAT}', '{ORDER_2}', 7);
         SELECT public.fulfill_allocations('{ORDER_2}');
         SELECT public.release_allocations('{ORDER_1}', NULL, 1);
         DELETE FROM public.stock_allocations WHERE allocation_id OPERATOR(pg_catalog.=) '{CLAIM_2}';
         DELETE FROM public.stock_lots WHERE lot_id OPERATOR(pg_catalog.=) '{COAT_LOT}'"
    )
}

fn end_of_a_busy_day(sql: &mut Sql) -> [String; 2] {
    sql.run("RESET search_path");
    let numbers = [sql.listing(HAT), sql.listing(COAT)];
    sql.assert_verified();
    numbers
}

const BUSY_DAY: [&str; 2] = [
    "total 25, listed 25, allocated 3, available 22",
    "total 5, listed 5, allocated 0, available 5",
];

#[test]
fn a_busy_day_comes_out_the_same_with_an_empty_search_path() {
    let (_db, mut sql) = shop();
    sql.run(&a_busy_day());
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);

    let (_db, mut sql) = shop();
    sql.run("SET search_path = ''");
    sql.run(&a_busy_day());
    assert_eq!(sql.row("SHOW search_path"), "\"\"");
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}

/// Lookalikes of what the engine's statements call and read. Each of them raises: had one of them
/// been used, the statement would have failed.
const EVIL: &str = r#"
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped' USING ERRCODE = '58000'; END $$;
    CREATE FUNCTION evil.plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.trap()';
    CREATE OPERATOR evil.+ (FUNCTION = evil.plus, LEFTARG = int, RIGHTARG = int);
    CREATE OPERATOR evil.- (FUNCTION = evil.plus, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION evil.same(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = uuid, RIGHTARG = uuid);
    CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = text, RIGHTARG = text);
    CREATE FUNCTION evil.over(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.> (FUNCTION = evil.over, LEFTARG = int, RIGHTARG = int);
    CREATE OPERATOR evil.>= (FUNCTION = evil.over, LEFTARG = int, RIGHTARG = int);
    CREATE AGGREGATE evil.sum(int) (SFUNC = evil.plus, STYPE = int);
    CREATE AGGREGATE evil.sum(bigint) (SFUNC = pg_catalog.int8mi, STYPE = bigint, INITCOND = '-1000');
    CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::text::timestamptz';
    CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::text::timestamptz';
    CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.trap(); END $$;
    CREATE FUNCTION evil."coalesce"(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.trap()';
    CREATE FUNCTION evil.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT evil.trap()::text::uuid';
    CREATE FUNCTION evil.gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT evil.trap()::text::uuid';
    CREATE TABLE evil.new_rows (trap int);
    CREATE TABLE evil.old_rows (trap int);
    CREATE TABLE evil.stock_lots (trap int);
    CREATE TABLE evil.stock_listings (trap int);
    CREATE TABLE evil.stock_levels (trap int);
    CREATE TABLE evil.stock_allocations (trap int);
    CREATE TABLE evil.locations (trap int);
"#;

#[test]
fn a_busy_day_comes_out_the_same_with_a_hostile_search_path() {
    let (db, mut sql) = shop();
    sql.run(EVIL);
    // The trap is armed: with pg_catalog behind it, plain SQL falls in.
    sql.run("SET search_path = evil, pg_catalog, public");
    assert_eq!(sql.refuse("SELECT 1 + 1").sqlstate, "58000");
    sql.run("SET search_path = evil, pg_catalog, public");
    sql.run(&a_busy_day());
    assert_eq!(sql.row("SHOW search_path"), "evil, pg_catalog, public");
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);

    // The same where pg_catalog is only implied, in a new connection that has no plans yet.
    let mut sql = Sql::by_superuser(&db);
    sql.run("TRUNCATE stock_listings CASCADE");
    sql.run(&stocking());
    sql.run("DELETE FROM locations WHERE name = 'Attic'; SET search_path = evil, public");
    sql.run(&a_busy_day());
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}

#[test]
fn temporary_tables_of_the_same_names_are_not_taken_for_the_engines() {
    let (_db, mut sql) = shop();
    sql.run(
        "CREATE TEMP TABLE stock_lots (trap int); CREATE TEMP TABLE stock_listings (trap int);
         CREATE TEMP TABLE stock_levels (trap int); CREATE TEMP TABLE stock_allocations (trap int);
         CREATE TEMP TABLE new_rows (trap int); CREATE TEMP TABLE old_rows (trap int)",
    );
    sql.run(&a_busy_day());
    sql.run(
        "DROP TABLE pg_temp.stock_lots, pg_temp.stock_listings, pg_temp.stock_levels, pg_temp.stock_allocations,
                    pg_temp.new_rows, pg_temp.old_rows",
    );
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}
