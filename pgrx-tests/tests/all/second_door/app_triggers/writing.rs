//! A trigger that writes stock itself, and what is then rolled back of it.

use super::{allocate, allocated, trigger, with_a_coat, GIFTS};
use crate::second_door::shop::{
    claim, shop, COAT, COAT_LOT, HAT, HAT_LOT, NEW_LOT, NOTHING, ORDER_1, ORDER_2, ORISON_LOT,
};

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
    // In a function it is refused.
    let error = sql.refuse(&allocate(COAT, ORDER_2, 3));
    assert_eq!(error.name(), "write_interfered");
    sql.assert_verified();
}

// ---- Rolled back: by a trigger, and around both doors by a block or a procedure

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
