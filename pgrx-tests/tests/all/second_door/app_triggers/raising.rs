//! A trigger that raises: nothing is counted, and its error reaches whoever called.

use super::{allocate, allocated, trigger, GIFTS};
use crate::second_door::shop::{
    claim, shop, COAT, COAT_LOT, HAT, HAT_LOT, NOTHING, ORDER_1, ORDER_2, ORISON_LOT,
};

// ---- Caught, by the caller or by the trigger itself

const REFUSE_LARGE: &str = "IF NEW.quantity > 5 THEN RAISE 'too large for our van' USING ERRCODE = '23514'; END IF; RETURN NEW;";

/// An app's function that tries an order and goes on without it.
fn checkout() -> &'static str {
    "CREATE FUNCTION checkout(listing uuid, customer_order uuid, units int) RETURNS text
     LANGUAGE plpgsql AS $$
     BEGIN
         PERFORM allocate_stock(listing, customer_order, units);
         RETURN 'sold';
     EXCEPTION WHEN OTHERS THEN
         RETURN SQLERRM;
     END $$"
}

#[test]
fn one_that_raises_inside_a_function_is_caught_and_nothing_is_counted() {
    for when in [
        "BEFORE INSERT ON stock_allocations FOR EACH ROW",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
    ] {
        let (_db, mut sql) = shop();
        sql.run(checkout());
        sql.run(&trigger("van", when, REFUSE_LARGE));
        let before = sql.everything();
        let call = |units: i32| format!("SELECT checkout('{COAT}', '{ORDER_1}', {units})");
        assert_eq!(sql.row(&call(6)), "too large for our van");
        assert_eq!(sql.everything(), before);
        assert_eq!(sql.row(&call(5)), "sold");
        sql.assert_verified();

        // In one transaction: after the caught error both doors go on counting.
        sql.run("BEGIN");
        assert_eq!(sql.row(&call(9)), "too large for our van");
        sql.run(&claim(HAT_LOT, ORDER_2, 3));
        assert_eq!(sql.row(&call(2)), "sold");
        assert_eq!(sql.row(&call(7)), "too large for our van");
        sql.run(&format!(
            "UPDATE stock_lots SET quantity_total = 11 WHERE lot_id = '{HAT_LOT}'; COMMIT"
        ));
        assert_eq!(allocated(&mut sql, COAT), "7");
        assert_eq!(
            sql.listing(HAT),
            "total 31, listed 31, allocated 3, available 28"
        );
        sql.assert_verified();
    }
}

#[test]
fn one_that_raises_in_direct_dml_is_caught_and_nothing_is_counted() {
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "van",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        REFUSE_LARGE,
    ));
    sql.run(&format!(
        "DO $$ BEGIN
             FOR units IN 1..8 LOOP
                 BEGIN
                     INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{COAT_LOT}', '{ORDER_1}', units);
                 EXCEPTION WHEN check_violation THEN
                     UPDATE stock_lots SET quantity_total = quantity_total + 1 WHERE lot_id = '{COAT_LOT}';
                 END;
             END LOOP;
         END $$"
    ));
    // 1 to 5 are claimed; 6, 7 and 8 make a unit each instead.
    assert_eq!(
        sql.listing(COAT),
        "total 103, listed 103, allocated 15, available 88"
    );
    sql.assert_verified();
}

#[test]
fn one_that_catches_its_own_error_lets_the_statement_be_counted() {
    let (_db, mut sql) = shop();
    // It tries to lend a unit of a lot that is not there, and of one that is too small for it.
    let body = format!(
        "IF NEW.order_id = '{GIFTS}' THEN RETURN NULL; END IF;
         BEGIN
             INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{COAT_LOT}', '{GIFTS}', 1);
             INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{NOTHING}', '{GIFTS}', 1);
         EXCEPTION WHEN no_data_found THEN NULL;
         END;
         BEGIN
             PERFORM allocate_stock('{COAT}', '{GIFTS}', 1000);
         EXCEPTION WHEN check_violation THEN NULL;
         END;
         RETURN NULL;"
    );
    sql.run(&trigger(
        "gift",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        &body,
    ));
    sql.run(&allocate(HAT, ORDER_1, 3));
    sql.run(&claim(HAT_LOT, ORDER_2, 1));
    sql.run(&claim(ORISON_LOT, ORDER_2, 1));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("5".into(), "0".into())
    );
    sql.assert_verified();
}

// ---- With an error of its own

/// Statements inside which a trigger on claims raises: through functions and by direct DML.
fn statements_that_write_claims() -> [String; 5] {
    [
        claim(HAT_LOT, ORDER_1, 1),
        allocate(HAT, ORDER_1, 1),
        allocate(HAT, ORDER_1, 25),
        format!("SELECT * FROM allocate_lots('{ORDER_1}', '[{{\"lot_id\": \"{HAT_LOT}\", \"quantity\": 1}}]')"),
        format!("SELECT * FROM allocate_order('{ORDER_1}', '[{{\"listing_id\": \"{HAT}\", \"quantity\": 1}}]')"),
    ]
}

#[test]
fn an_error_with_a_code_of_the_apps_own_reaches_the_caller() {
    let (_db, mut sql) = shop();
    let raise = "RAISE 'credit limit of %', 'Ada' USING ERRCODE = 'SR001', DETAIL = 'she owes 5', HINT = 'ask her';";
    sql.run(&trigger(
        "credit",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        raise,
    ));
    let before = sql.everything();
    for statement in statements_that_write_claims() {
        let error = sql.refuse(&statement);
        assert_eq!(error.message, "credit limit of Ada", "{statement}");
        assert_eq!(error.detail.as_deref(), Some("she owes 5"));
        assert_eq!(error.hint.as_deref(), Some("ask her"));
        assert_eq!(error.sqlstate, "SR001", "{statement}");
    }
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
}

#[test]
fn an_app_catches_its_own_code_through_the_engines_functions() {
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "credit",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        "RAISE 'no credit' USING ERRCODE = 'SR001';",
    ));
    sql.run(&format!(
        "DO $$ BEGIN
             PERFORM allocate_stock('{HAT}', '{ORDER_1}', 1);
             RAISE 'not reached';
         EXCEPTION WHEN SQLSTATE 'SR001' THEN
             UPDATE stock_lots SET notes = 'caught' WHERE lot_id = '{HAT_LOT}';
         END $$"
    ));
    assert_eq!(
        sql.row(&format!(
            "SELECT notes FROM stock_lots WHERE lot_id = '{HAT_LOT}'"
        )),
        "caught"
    );
    assert_eq!(allocated(&mut sql, HAT), "0");
    sql.assert_verified();
}

#[test]
fn an_error_raised_when_counters_change_keeps_its_code_through_the_second_door() {
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "stocktake",
        "BEFORE UPDATE ON stock_lots FOR EACH ROW",
        "RAISE 'stocktaking' USING ERRCODE = 'SR002';",
    ));
    for statement in [
        claim(HAT_LOT, ORDER_1, 1),
        "UPDATE stock_lots SET notes = 'x'".to_owned(),
        allocate(HAT, ORDER_1, 1),
    ] {
        let error = sql.refuse(&statement);
        assert_eq!(
            (error.message.as_str(), error.sqlstate.as_str()),
            ("stocktaking", "SR002"),
            "{statement}"
        );
    }
    sql.assert_verified();
}
