//! Lines that direct DML leaves.

use crate::second_door::shop::*;

/// The lines of all listings that were written after the shop was stocked.
fn lines(sql: &mut Sql) -> Vec<String> {
    sql.rows(
        "SELECT sku, m.version, movement_type, delta, format('%s>%s', lot_before, lot_after),
                format('%s>%s', listing_before, listing_after), p.name
           FROM stock_movements m JOIN stock_listings USING (listing_id) JOIN locations p USING (location_id)
          WHERE m.version > CASE sku WHEN 'hat' THEN 2 ELSE 1 END
          ORDER BY sku DESC, m.version",
    )
}

/// What a statement writes into the ledger, in a shop of its own.
#[track_caller]
fn assert_lines(statement: &str, expected: &[&str]) {
    let (_db, mut sql) = shop();
    sql.run(statement);
    assert_eq!(lines(&mut sql), expected, "{statement}");
    sql.assert_verified();
}

#[test]
fn new_lots_are_received() {
    let (_db, mut sql) = shop();
    let stocked = sql.rows(
        "SELECT sku, version, movement_type, delta, lot_before, lot_after, listing_before, listing_after,
                lot_id, actor, reason, reference, effective_at = recorded_at, recorded_at = moved_at
           FROM stock_movements JOIN stock_listings USING (listing_id, version)",
    );
    assert_eq!(stocked.len(), 2);
    assert!(stocked.contains(&format!(
        "coat|1|receive|100|0|100|0|100|{COAT_LOT}|postgres|NULL|NULL|t|t"
    )));
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, listed, unit_cost)
         VALUES ('{HAT}', 0, true, 1), ('{HAT}', 5, false, 2.5)"
    ));
    assert_eq!(
        lines(&mut sql),
        ["hat|3|receive|5|0>5|30>35|Unspecified"],
        "an empty lot brings nothing, an unlisted one does"
    );
    assert_eq!(
        sql.row("SELECT unit_cost FROM stock_movements WHERE delta = 5"),
        "2.5000"
    );
}

#[test]
fn another_quantity_is_an_adjustment() {
    assert_lines(
        "UPDATE stock_lots SET quantity_total = CASE quantity_total WHEN 10 THEN 4 WHEN 20 THEN 26 ELSE 100 END",
        &[
            "hat|3|adjust|-6|10>4|30>24|Unspecified",
            "hat|4|adjust|6|20>26|24>30|Orison",
        ],
    );
    assert_lines(
        "UPDATE stock_lots SET notes = 'looked at', listed = true",
        &[],
    );
}

#[test]
fn goods_that_move_go_and_come() {
    let to_lorville =
        format!("UPDATE stock_lots SET location_id = '{LORVILLE}' WHERE lot_id = '{HAT_LOT}'");
    assert_lines(
        &to_lorville,
        &[
            "hat|3|transfer_out|-10|10>0|30>20|Unspecified",
            "hat|4|transfer_in|10|0>10|20>30|Lorville",
        ],
    );
    // What goes, goes before, and what comes, comes after.
    assert_lines(
        &to_lorville.replace("SET", "SET quantity_total = 7,"),
        &[
            "hat|3|adjust|-3|10>7|30>27|Unspecified",
            "hat|4|transfer_out|-7|7>0|27>20|Unspecified",
            "hat|5|transfer_in|7|0>7|20>27|Lorville",
        ],
    );
    assert_lines(
        &to_lorville.replace("SET", "SET quantity_total = 12,"),
        &[
            "hat|3|transfer_out|-10|10>0|30>20|Unspecified",
            "hat|4|transfer_in|10|0>10|20>30|Lorville",
            "hat|5|adjust|2|10>12|30>32|Lorville",
        ],
    );
    assert_lines(
        &to_lorville.replace("SET", "SET quantity_total = 0,"),
        &["hat|3|adjust|-10|10>0|30>20|Unspecified"],
    );
}

#[test]
fn goods_that_change_their_listing_go_and_come() {
    assert_lines(
        &format!("UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"),
        &[
            "hat|3|transfer_out|-10|10>0|30>20|Unspecified",
            "coat|2|transfer_in|10|0>10|100>110|Unspecified",
        ],
    );
}

#[test]
fn another_cost_is_a_line_of_its_own() {
    assert_lines(
        "UPDATE stock_lots SET unit_cost = 3 WHERE quantity_total < 100",
        &[
            "hat|3|condition|0|10>10|30>30|Unspecified",
            "hat|4|condition|0|20>20|30>30|Orison",
        ],
    );
}

#[test]
fn deleted_lots_are_taken_off() {
    assert_lines(
        &format!("DELETE FROM stock_lots WHERE listing_id = '{HAT}'"),
        &[
            "hat|3|adjust|-10|10>0|30>20|Unspecified",
            "hat|4|adjust|-20|20>0|20>0|Orison",
        ],
    );
    for statement in [
        "TRUNCATE stock_lots",
        "TRUNCATE stock_lots, stock_allocations",
        "TRUNCATE stock_allocations, stock_lots",
    ] {
        assert_lines(
            statement,
            &[
                "hat|3|adjust|-10|10>0|30>20|Unspecified",
                "hat|4|adjust|-20|20>0|20>0|Orison",
                "coat|2|adjust|-100|100>0|100>0|Unspecified",
            ],
        );
    }
}

#[test]
fn merge_and_copy_write_lines_too() {
    assert_lines(
        &format!(
            "MERGE INTO stock_lots l
             USING (VALUES ('{HAT_LOT}'::uuid, 8), ('{ORISON_LOT}', 0), ('{NEW_LOT}', 3)) AS n (lot_id, units)
                ON l.lot_id = n.lot_id
              WHEN MATCHED AND n.units = 0 THEN DELETE
              WHEN MATCHED THEN UPDATE SET quantity_total = n.units
              WHEN NOT MATCHED THEN INSERT (lot_id, listing_id, quantity_total) VALUES (n.lot_id, '{HAT}', n.units)"
        ),
        &[
            "hat|3|adjust|-20|20>0|30>10|Orison",
            "hat|4|adjust|-2|10>8|10>8|Unspecified",
            "hat|5|receive|3|0>3|8>11|Unspecified",
        ],
    );
}

#[test]
fn claims_move_nothing() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run("UPDATE stock_allocations SET status = 'released'");
    sql.run(&format!("SELECT hold_stock('{HAT}', 3)"));
    assert_eq!(lines(&mut sql), [""; 0]);
    sql.assert_verified();
}

/// A statement that fails leaves no line, and what it would have used is used by the next.
#[test]
fn what_is_rolled_back_leaves_no_gap() {
    let (_db, mut sql) = shop();
    sql.run("BEGIN; UPDATE stock_lots SET quantity_total = 1; ROLLBACK");
    sql.run(&format!(
        "BEGIN;
         UPDATE stock_lots SET quantity_total = 9 WHERE lot_id = '{HAT_LOT}';
         SAVEPOINT s; UPDATE stock_lots SET quantity_total = 8 WHERE lot_id = '{HAT_LOT}'; ROLLBACK TO s;
         UPDATE stock_lots SET quantity_total = 7 WHERE lot_id = '{HAT_LOT}';
         COMMIT"
    ));
    assert_eq!(
        lines(&mut sql),
        [
            "hat|3|adjust|-1|10>9|30>29|Unspecified",
            "hat|4|adjust|-2|9>7|29>27|Unspecified"
        ]
    );
}

#[test]
fn the_session_says_who_and_why() {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "SET stockroom.actor = 'ann@example.org'; SET stockroom.reason = 'broken glass';
         UPDATE stock_lots SET quantity_total = 9 WHERE lot_id = '{HAT_LOT}';
         SET stockroom.actor = ''; RESET stockroom.reason;
         UPDATE stock_lots SET quantity_total = 8 WHERE lot_id = '{HAT_LOT}'"
    ));
    // A role that may write lots is named by its session, whoever it has become.
    let role = db.role("clerk");
    sql.run(&format!("GRANT SELECT, UPDATE ON stock_lots TO {role}"));
    let mut clerk = Sql(db.client_as(&role));
    clerk.run("UPDATE stock_lots SET quantity_total = 7 WHERE quantity_total = 8");
    let rows = sql
        .rows("SELECT delta, actor, reason FROM stock_movements WHERE delta = -1 ORDER BY version");
    assert_eq!(
        rows,
        [
            "-1|ann@example.org|broken glass".to_owned(),
            "-1|postgres|NULL".to_owned(),
            format!("-1|{role}|NULL")
        ]
    );
}
