//! An app's own triggers on the ledger: they see every line, and can't make one disappear.

use crate::second_door::shop::*;

fn watched() -> (stockroom_tests::Db, Sql) {
    let (db, mut sql) = shop();
    sql.run(
        "CREATE TABLE seen (version bigint, what text);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO public.seen VALUES (NEW.version, NEW.movement_type || ' ' || NEW.delta || ' ' || coalesce(NEW.unit_cost, 0));
             RETURN NULL;
         END $$;
         CREATE TRIGGER see AFTER INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION see()",
    );
    (db, sql)
}

#[test]
fn an_apps_trigger_sees_every_line_and_the_lines_are_the_same() {
    let (_db, mut sql) = watched();
    sql.run(&format!(
        "SET stockroom.reason = 'moving house';
         SELECT receive_stock('{HAT}', 5, unit_cost => 1.25);
         SELECT allocate_stock('{HAT}', '{ORDER_1}', 12);
         SELECT fulfill_allocations('{ORDER_1}');
         UPDATE stock_lots SET location_id = '{LORVILLE}' WHERE lot_id = '{ORISON_LOT}'"
    ));
    assert_eq!(
        sql.rows("SELECT version, what FROM seen ORDER BY version"),
        [
            "3|receive 5 1.2500",
            "4|fulfill -10 0",
            "5|fulfill -2 0",
            "6|transfer_out -18 0",
            "7|transfer_in 18 0"
        ]
    );
    let rows = sql.rows(
        "SELECT version, delta, lot_after, listing_after, reason, reference, effective_at = recorded_at
           FROM stock_movements WHERE version > 2 AND lot_id <> 'b0000000-0000-0000-0000-000000000003' ORDER BY version",
    );
    assert_eq!(
        rows,
        [
            "3|5|5|35|moving house|NULL|t".to_owned(),
            format!("4|-10|0|25|moving house|{ORDER_1}|t"),
            format!("5|-2|18|23|moving house|{ORDER_1}|t"),
            "6|-18|0|5|moving house|NULL|t".to_owned(),
            "7|18|18|23|moving house|NULL|t".to_owned(),
        ]
    );
    sql.assert_verified();
}

#[test]
fn a_trigger_that_swallows_a_line_fails_the_call() {
    let (_db, mut sql) = shop();
    sql.run(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER swallow BEFORE INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION swallow()",
    );
    let before = sql.everything();
    for statement in [
        format!("SELECT receive_stock('{HAT}', 5)"),
        "UPDATE stock_lots SET quantity_total = 1".to_owned(),
        format!("SELECT delete_listing('{HAT}')"),
    ] {
        assert_eq!(
            sql.refuse(&statement).name(),
            "write_interfered",
            "{statement}"
        );
    }
    assert_eq!(sql.everything(), before);
}
