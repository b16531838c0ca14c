//! Triggers of the app on the engine's tables. They fire inside the engine's own statements as well
//! as in direct DML, raise, write stock themselves, roll back, swallow rows: no count may be lost.
//!
//! Inside an API function the search_path is pinned, so an app's trigger function must qualify its
//! names or bring a SET search_path of its own.

use super::shop::{
    claim, shop, Sql, CLAIM_1, COAT, COAT_LOT, HAT, HAT_LOT, NEW_LOT, NOTHING, ORDER_1, ORDER_2,
    ORISON_LOT,
};
use stockroom_tests::Db;

/// The order of the gifts that a trigger adds.
const GIFTS: &str = "c0000000-0000-0000-0000-0000000000ff";

/// A trigger of the app. `when` is its event, `body` is PL/pgSQL.
fn trigger(name: &str, when: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public
             AS $$ BEGIN {body} END $$;
         CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()"
    )
}

fn allocate(listing: &str, order: &str, quantity: i32) -> String {
    format!("SELECT * FROM allocate_stock('{listing}', '{order}', {quantity})")
}

fn allocated(sql: &mut Sql, listing: &str) -> String {
    sql.row(&format!(
        "SELECT quantity_allocated FROM stock_listings WHERE listing_id = '{listing}'"
    ))
}

// ---- One that raises

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

// ---- One that writes stock of its own

/// With each claim on hats comes a coat.
fn with_a_coat(statement: &str) -> String {
    format!("IF NEW.listing_id = '{HAT}' THEN {statement}; END IF; RETURN NULL;")
}

#[test]
fn one_that_inserts_allocations_is_counted_inside_functions_and_dml() {
    let gift = with_a_coat(&claim(COAT_LOT, GIFTS, 2));
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "gift",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        &gift,
    ));
    // Two lots, so two rows, so two gifts.
    sql.run(&allocate(HAT, ORDER_1, 25));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("25".into(), "4".into())
    );
    sql.assert_verified();
    sql.run(&claim(ORISON_LOT, ORDER_2, 1));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("26".into(), "6".into())
    );
    sql.assert_verified();
    // A part that is fulfilled becomes a row of its own, and so a gift.
    sql.run(&format!(
        "SELECT fulfill_allocations('{ORDER_1}', quantity => 3)"
    ));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("23".into(), "8".into())
    );
    assert_eq!(sql.lot(COAT_LOT), "total 100, allocated 8");
    sql.assert_verified();
}

#[test]
fn one_that_claims_more_of_the_same_lot_is_counted() {
    // A spare of the same lot for each claim, in the same listing, level and lot rows that the
    // outer statement has just written.
    let body = format!(
        "IF NEW.order_id <> '{GIFTS}' THEN
             INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES (NEW.lot_id, '{GIFTS}', 1);
         END IF; RETURN NULL;"
    );
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "spare",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        &body,
    ));
    sql.run(&allocate(COAT, ORDER_1, 10));
    sql.run(&claim(COAT_LOT, ORDER_2, 20));
    assert_eq!(sql.lot(COAT_LOT), "total 100, allocated 32");
    sql.run(&format!("SELECT * FROM allocate_order('{ORDER_1}', '[{{\"listing_id\": \"{HAT}\", \"quantity\": 5}}, {{\"listing_id\": \"{COAT}\", \"quantity\": 1}}]')"));
    // Five hats and a spare; one more coat and its spare.
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("6".into(), "34".into())
    );
    sql.assert_verified();
}

#[test]
fn one_that_writes_lots_when_counters_change_is_counted() {
    // Fires inside the engine's own UPDATE of stock_lots: what falls below half is bought anew, once.
    let body = format!(
        "IF NEW.quantity_allocated * 2 > NEW.quantity_total AND NOT EXISTS (SELECT FROM stock_lots WHERE lot_id = '{NEW_LOT}') THEN
             INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id)
             VALUES ('{NEW_LOT}', NEW.listing_id, 50, NEW.location_id);
         END IF; RETURN NULL;"
    );
    for statement in [allocate(COAT, ORDER_1, 60), claim(COAT_LOT, ORDER_1, 60)] {
        let (_db, mut sql) = shop();
        sql.run(&trigger(
            "buy",
            "AFTER UPDATE ON stock_lots FOR EACH ROW",
            &body,
        ));
        sql.run(&statement);
        assert_eq!(
            sql.listing(COAT),
            "total 150, listed 150, allocated 60, available 90",
            "{statement}"
        );
        sql.assert_verified();
    }
}

#[test]
fn one_that_calls_the_engines_functions_is_counted() {
    let (_db, mut sql) = shop();
    // A claim on hats takes a coat along; a released one gives it back.
    let take = with_a_coat(&format!("PERFORM allocate_stock('{COAT}', '{GIFTS}', 2)"));
    let give = with_a_coat(&format!(
        "PERFORM release_allocations('{GIFTS}', quantity => 2)"
    ));
    sql.run(&trigger(
        "take",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        &take,
    ));
    sql.run(&trigger(
        "give",
        "AFTER UPDATE OF status ON stock_allocations FOR EACH ROW",
        &give,
    ));
    sql.run(&allocate(HAT, ORDER_1, 25));
    sql.run(&claim(ORISON_LOT, ORDER_2, 1));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("26".into(), "6".into())
    );
    sql.assert_verified();
    sql.run(&format!("SELECT release_allocations('{ORDER_1}')"));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("1".into(), "2".into())
    );
    sql.run(&format!(
        "UPDATE stock_allocations SET status = 'fulfilled' WHERE order_id = '{ORDER_2}'"
    ));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("0".into(), "0".into())
    );
    sql.assert_verified();
}

#[test]
fn one_per_statement_that_writes_stock_is_counted() {
    let body = format!(
        "UPDATE stock_lots SET quantity_total = quantity_total + (SELECT count(*) FROM added) WHERE lot_id = '{COAT_LOT}'; RETURN NULL;"
    );
    let (_db, mut sql) = shop();
    sql.run(&trigger(
        "box",
        "AFTER INSERT ON stock_allocations REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        &body,
    ));
    sql.run(&allocate(HAT, ORDER_1, 25));
    sql.run(&claim(ORISON_LOT, ORDER_1, 1));
    assert_eq!(
        sql.listing(COAT),
        "total 103, listed 103, allocated 0, available 103"
    );
    assert_eq!(allocated(&mut sql, HAT), "26");
    sql.assert_verified();
}

#[test]
fn a_deferred_one_that_claims_at_commit_is_counted_and_judged() {
    let (_db, mut sql) = shop();
    let gift = with_a_coat(&format!(
        "PERFORM allocate_stock('{COAT}', '{GIFTS}', 2); {}",
        claim(COAT_LOT, GIFTS, 40)
    ));
    sql.run(&format!(
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN {gift} END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON stock_allocations DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION late()"
    ));
    sql.run(&allocate(HAT, ORDER_1, 15));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("15".into(), "84".into())
    );
    sql.assert_verified();
    // One more, and the coats no longer suffice.
    let before = sql.everything();
    let error = sql.refuse(&claim(ORISON_LOT, ORDER_2, 1));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("23514", "stock_committed")
    );
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
}

#[test]
fn one_that_changes_the_quantity_of_a_claim_does_not_lose_the_difference() {
    let double = "NEW.quantity := NEW.quantity * 2; RETURN NEW;";
    let (_db, mut sql) = shop();
    // By name it fires after the engine's own.
    sql.run(&trigger(
        "zz_pairs",
        "BEFORE INSERT ON stock_allocations FOR EACH ROW",
        double,
    ));
    sql.run(&claim(HAT_LOT, ORDER_1, 3));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 6");
    sql.assert_verified();
    // In a function: counted as written, or refused.
    let _ = sql.0.batch_execute(&allocate(COAT, ORDER_2, 3));
    sql.assert_verified();
}

// ---- One that rolls back a savepoint

#[test]
fn one_that_rolls_back_some_of_what_it_did_loses_no_count() {
    let (_db, mut sql) = shop();
    // Each claim on hats tries coats five times; the odd tries are rolled back, after both doors
    // were used in them, and a try inside a try as well.
    let body = with_a_coat(&format!(
        "FOR try IN 1..5 LOOP
             BEGIN
                 PERFORM allocate_stock('{COAT}', '{GIFTS}', 1);
                 {insert};
                 BEGIN
                     PERFORM allocate_stock('{COAT}', '{GIFTS}', 10);
                     {insert};
                     RAISE 'inner';
                 EXCEPTION WHEN raise_exception THEN
                     PERFORM allocate_stock('{COAT}', '{GIFTS}', 2);
                 END;
                 IF try % 2 = 1 THEN RAISE 'outer'; END IF;
             EXCEPTION WHEN raise_exception THEN NULL;
             END;
         END LOOP",
        insert = claim(COAT_LOT, GIFTS, 1),
    ));
    sql.run(&trigger(
        "tries",
        "AFTER INSERT ON stock_allocations FOR EACH ROW",
        &body,
    ));
    sql.run(&allocate(HAT, ORDER_1, 3));
    // Tries 2 and 4 stay: 1 + 1 + 2 coats each.
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("3".into(), "8".into())
    );
    sql.assert_verified();
    sql.run(&claim(HAT_LOT, ORDER_2, 3));
    assert_eq!(
        (allocated(&mut sql, HAT), allocated(&mut sql, COAT)),
        ("6".into(), "16".into())
    );
    sql.assert_verified();
}

#[test]
fn blocks_that_roll_back_around_both_doors_lose_no_count() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "DO $$
         BEGIN
             FOR round IN 1..12 LOOP
                 BEGIN
                     PERFORM allocate_stock('{COAT}', '{ORDER_1}', 2);
                     BEGIN
                         {insert};
                         PERFORM release_allocations('{ORDER_1}', quantity => 1);
                         UPDATE stock_lots SET quantity_total = quantity_total + 1 WHERE lot_id = '{COAT_LOT}';
                         IF round % 2 = 0 THEN RAISE 'inner'; END IF;
                     EXCEPTION WHEN raise_exception THEN
                         PERFORM allocate_stock('{COAT}', '{NOTHING}', 100000);
                     END;
                     IF round % 3 = 0 THEN RAISE 'outer'; END IF;
                 EXCEPTION
                     WHEN check_violation THEN PERFORM fulfill_allocations('{ORDER_1}', quantity => 1);
                     WHEN raise_exception THEN NULL;
                 END;
             END LOOP;
         END $$",
        insert = claim(COAT_LOT, ORDER_1, 1),
    ));
    // Rounds 1, 5, 7 and 11 stay: two claims (2 + 1 − 1) and a new unit each. 3 and 9 are rolled
    // back. Each even one ends in the refusal of 100,000, which undoes all of it, and ships a unit.
    // Claimed after each round: 2, 1, 1, 0, 2, 1, 3, 2, 2, 1, 3, 2; units: 100 + 4 − 6.
    assert_eq!(
        sql.listing(COAT),
        "total 98, listed 98, allocated 2, available 96"
    );
    sql.assert_verified();
}

#[test]
fn a_procedure_that_rolls_back_and_commits_between_calls_loses_no_count() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "CREATE PROCEDURE day() LANGUAGE plpgsql AS $$
         BEGIN
             FOR round IN 1..6 LOOP
                 PERFORM allocate_stock('{COAT}', '{ORDER_1}', round);
                 {insert};
                 IF round % 2 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
             END LOOP;
         END $$",
        insert = claim(COAT_LOT, ORDER_2, 1),
    ));
    sql.run("CALL day()");
    // 1 + 3 + 5 by function, three by hand.
    assert_eq!(allocated(&mut sql, COAT), "12");
    sql.assert_verified();
}

// ---- One that swallows the row

/// A trigger that swallows every row, over a shop with four hats and four coats claimed. It fires
/// after the engine's own triggers, by name.
fn shop_that_swallows(event: &str, table: &str) -> (Db, Sql) {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4), (DEFAULT, '{COAT_LOT}', '{ORDER_2}', 4)"
    ));
    let when = format!("BEFORE {event} ON {table} FOR EACH ROW");
    sql.run(&trigger("zz_swallow", &when, "RETURN NULL;"));
    (db, sql)
}

/// Each statement either fails, or whatever it did is counted and has its parents. Each is rolled
/// back, so that the next one finds the shop as it was.
#[track_caller]
fn assert_no_count_is_lost(sql: &mut Sql, statements: &[String]) {
    let mut lost = Vec::new();
    for statement in statements {
        sql.run("BEGIN");
        let outcome = sql
            .0
            .batch_execute(&format!("{statement}; SET CONSTRAINTS ALL IMMEDIATE"));
        if outcome.is_ok() {
            let wrong = sql.rows(
                "SELECT kind, key, counter, stored, actual FROM verify_stock()
                 UNION ALL
                 SELECT 'lot without a listing', lot_id::text, NULL, NULL, NULL
                   FROM stock_lots l LEFT JOIN stock_listings g USING (listing_id) WHERE g.listing_id IS NULL",
            );
            if !wrong.is_empty() {
                lost.push(format!("{statement}\n    {}", wrong.join("\n    ")));
            }
        }
        sql.run("ROLLBACK");
    }
    assert!(
        lost.is_empty(),
        "it was not refused, and counts were lost:\n{}",
        lost.join("\n")
    );
    sql.assert_verified();
}

/// Every function that writes claims, in one lot and in several, whole and in part.
fn claims_by_function() -> Vec<String> {
    vec![
        allocate(HAT, ORDER_1, 1),
        allocate(HAT, ORDER_1, 20),
        format!("SELECT * FROM allocate_stock('{HAT}', '{ORDER_1}', 2, on_short => 'answer', idempotency_key => 'k')"),
        format!("SELECT * FROM allocate_lots('{ORDER_1}', '[{{\"lot_id\": \"{HAT_LOT}\", \"quantity\": 1}}]')"),
        format!("SELECT fulfill_allocations('{ORDER_2}', quantity => 1)"),
        format!("SELECT release_allocations('{ORDER_2}', quantity => 1)"),
        format!("SELECT fulfill_allocations('{ORDER_1}')"),
        format!("SELECT release_allocations('{ORDER_2}')"),
    ]
}

/// The same by direct DML.
fn claims_by_hand() -> Vec<String> {
    vec![
        claim(HAT_LOT, ORDER_1, 1),
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity)
             VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{ORISON_LOT}', '{ORDER_1}', 1), ('{COAT_LOT}', '{ORDER_1}', 1)"
        ),
        "UPDATE stock_allocations SET quantity = quantity + 1".to_owned(),
        "UPDATE stock_allocations SET status = 'released'".to_owned(),
        format!("DELETE FROM stock_allocations WHERE order_id = '{ORDER_2}'"),
    ]
}

fn lots_by_hand() -> Vec<String> {
    vec![
        format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 5)"),
        "UPDATE stock_lots SET quantity_total = quantity_total + 1".to_owned(),
        format!("UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"),
        format!("DELETE FROM stock_lots WHERE lot_id = '{ORISON_LOT}'"),
    ]
}

#[test]
fn one_that_swallows_new_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("INSERT", "stock_allocations");
    assert_no_count_is_lost(&mut sql, &[claims_by_function(), claims_by_hand()].concat());
}

#[test]
fn one_that_swallows_changes_of_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("UPDATE", "stock_allocations");
    assert_no_count_is_lost(
        &mut sql,
        &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
    );
}

#[test]
fn one_that_swallows_new_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("INSERT", "stock_lots");
    let receive = format!("SELECT receive_stock('{HAT}', 5)");
    assert_no_count_is_lost(&mut sql, &[vec![receive], lots_by_hand()].concat());
}

#[test]
fn one_that_swallows_changes_of_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("UPDATE", "stock_lots");
    assert_no_count_is_lost(
        &mut sql,
        &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
    );
}

#[test]
fn one_that_swallows_deletions_of_claims_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("DELETE", "stock_allocations");
    sql.run("UPDATE stock_allocations SET status = 'released'");
    let deletions = [
        "DELETE FROM stock_allocations".to_owned(),
        format!("DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}'"),
        format!("SELECT delete_listing('{COAT}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{HAT}'"),
    ];
    assert_no_count_is_lost(&mut sql, &deletions);
}

#[test]
fn one_that_swallows_deletions_of_lots_loses_no_count() {
    let (_db, mut sql) = shop_that_swallows("DELETE", "stock_lots");
    let deletions = [
        format!("DELETE FROM stock_lots WHERE lot_id = '{ORISON_LOT}'"),
        format!("SELECT delete_listing('{COAT}')"),
        format!("DELETE FROM stock_listings WHERE listing_id = '{HAT}'"),
    ];
    assert_no_count_is_lost(&mut sql, &deletions);
}

#[test]
fn one_that_swallows_changes_of_levels_or_listings_loses_no_count() {
    for table in ["stock_levels", "stock_listings"] {
        let (_db, mut sql) = shop_that_swallows("UPDATE", table);
        assert_no_count_is_lost(
            &mut sql,
            &[claims_by_function(), claims_by_hand(), lots_by_hand()].concat(),
        );
    }
}

// ---- One with an error of its own

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
