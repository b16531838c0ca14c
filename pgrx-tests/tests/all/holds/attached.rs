//! Holds of attached tables' rows: the app's own column follows them.

use crate::attached::app::{attached, Sql, COAT, HAT, ORDER_1, ORDER_2};
use serde_json::json;
use stockroom_tests::Db;

/// Both ways of keeping the column; the first at once, the second at commit.
const BOTH: [&str; 2] = ["", ", sync => 'deferred'"];

/// Holds units of a row's listing, and returns the hold's key.
fn hold(sql: &mut Sql, listing: &str, units: i32, more: &str) -> String {
    sql.row(&format!(
        "SELECT hold_id FROM hold_stock('{listing}', {units}{more})"
    ))
}

/// The same for a millisecond, which has passed.
fn expired_hold(sql: &mut Sql, listing: &str, units: i32) -> String {
    let hold = hold(sql, listing, units, ", ttl => '1 ms'");
    sql.run("SELECT pg_sleep(0.002)");
    hold
}

/// The listings table attached with a total and a reserved column too.
fn with_all_columns(options: &str) -> (Db, Sql) {
    let (db, mut sql) = crate::attached::app::shop();
    sql.run(
        "ALTER TABLE listings ADD on_hand integer, ADD claimed integer;
         UPDATE listings SET on_hand = quantity_available, claimed = 0",
    );
    sql.attach(
        "listings",
        &format!(", total_column => 'on_hand', reserved_column => 'claimed'{options}"),
    );
    (db, sql)
}

#[track_caller]
fn row(sql: &mut Sql) -> String {
    sql.assert_verified();
    sql.row(&format!(
        "SELECT quantity_available, claimed, on_hand FROM listings WHERE id = '{HAT}'"
    ))
}

#[test]
fn the_columns_follow_a_hold_through_its_life() {
    for options in BOTH {
        let (_db, mut sql) = with_all_columns(options);
        let first = hold(&mut sql, HAT, 4, "");
        assert_eq!(row(&mut sql), "6|4|10");
        sql.run(&format!("SELECT extend_hold('{first}', '1 h')"));
        sql.run(&format!(
            "SELECT confirm_hold('{first}', '{ORDER_1}', 1, 'keep')"
        ));
        assert_eq!(row(&mut sql), "6|4|10", "what was held is allocated");
        sql.run(&format!("SELECT confirm_hold('{first}', '{ORDER_1}', 2)"));
        assert_eq!(row(&mut sql), "7|3|10", "one is given up");
        sql.run(&format!("SELECT fulfill_allocations('{ORDER_1}')"));
        assert_eq!(row(&mut sql), "7|0|7");
        let second = hold(&mut sql, HAT, 7, ", idempotency_key => 'k'");
        assert_eq!(row(&mut sql), "0|7|7");
        hold(&mut sql, HAT, 7, ", idempotency_key => 'k'");
        assert_eq!(row(&mut sql), "0|7|7");
        sql.run(&format!("SELECT release_hold('{second}')"));
        assert_eq!(row(&mut sql), "7|0|7");
        let lines = format!(
            r#"[{{"listing_id": "{HAT}", "quantity": 2}}, {{"listing_id": "{COAT}", "quantity": 5}}]"#
        );
        sql.run(&format!(
            "SELECT hold_order('{lines}', order_id => '{ORDER_2}')"
        ));
        assert_eq!(
            (row(&mut sql).as_str(), sql.shown(COAT).as_str()),
            ("5|2|7", "15")
        );
        sql.run(&format!("SELECT confirm_order('{ORDER_2}')"));
        assert_eq!(
            (row(&mut sql).as_str(), sql.shown(COAT).as_str()),
            ("5|2|7", "15")
        );
        sql.run(&format!(
            "SELECT hold_many('{lines}'); SELECT release_allocations('{ORDER_2}')"
        ));
        assert_eq!(
            (row(&mut sql).as_str(), sql.shown(COAT).as_str()),
            ("5|2|7", "15")
        );
        assert_eq!(sql.warnings(), [""; 0]);
    }
}

#[test]
fn the_columns_follow_direct_holds() {
    for options in BOTH {
        let (_db, mut sql) = with_all_columns(options);
        for (statement, shown) in [
            (
                "INSERT INTO stock_holds (listing_id, quantity) VALUES ('$1', 4)",
                "6|4|10",
            ),
            ("UPDATE stock_holds SET quantity = 9", "1|9|10"),
            ("UPDATE stock_holds SET status = 'waiting'", "1|9|10"),
            ("UPDATE stock_holds SET status = 'confirmed'", "10|0|10"),
            (
                "UPDATE stock_holds SET status = 'active', quantity = 2",
                "8|2|10",
            ),
            ("DELETE FROM stock_holds", "10|0|10"),
            (
                "INSERT INTO stock_holds (listing_id, quantity) VALUES ('$1', 4), ('$1', 1)",
                "5|5|10",
            ),
            ("TRUNCATE stock_holds", "10|0|10"),
        ] {
            sql.run(&statement.replace("$1", HAT));
            assert_eq!(row(&mut sql), shown, "{statement}{options}");
        }
    }
}

/// Nobody writes the column when a hold's time is over; each of these does.
#[test]
fn the_column_shows_what_expired_at_the_next_write_or_sweep() {
    for options in BOTH {
        for (write, shown) in [
            ("SELECT expire_holds()", "10|0|10"),
            (
                "SELECT allocate_stock('$1', gen_random_uuid(), 1)",
                "9|1|10",
            ),
            ("SELECT hold_stock('$1', 1)", "9|1|10"),
            ("SELECT receive_stock('$1', 1)", "11|0|11"),
            (
                "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('$1', 1)",
                "11|0|11",
            ),
            (
                "UPDATE stock_lots SET quantity_total = 11 WHERE listing_id = '$1'",
                "11|0|11",
            ),
            (
                "INSERT INTO stock_holds (listing_id, quantity) VALUES ('$1', 1)",
                "9|1|10",
            ),
            (
                "INSERT INTO stock_allocations (lot_id, order_id, quantity)
                 SELECT lot_id, lot_id, 1 FROM stock_lots WHERE listing_id = '$1'",
                "9|1|10",
            ),
            (
                "UPDATE listings SET quantity_available = quantity_available + 2 WHERE id = '$1'",
                "12|0|12",
            ),
            (
                "UPDATE listings SET quantity_available = quantity_available - 2 WHERE id = '$1'",
                "8|0|8",
            ),
        ] {
            let (_db, mut sql) = with_all_columns(options);
            expired_hold(&mut sql, HAT, 4);
            let told =
                "SELECT available, reserved FROM get_stock(ARRAY['$1']::uuid[])".replace("$1", HAT);
            assert_eq!(sql.row(&told), "10|0", "the functions know at once");
            assert_eq!(row(&mut sql), "6|4|10", "the column does not");
            sql.run(&write.replace("$1", HAT));
            assert_eq!(row(&mut sql), shown, "{write}{options}");
        }
    }
}

/// As does what ends another hold or claim of the listing.
#[test]
fn the_column_shows_what_expired_when_something_else_is_given_up() {
    for options in BOTH {
        for end in [
            "SELECT release_hold('$1')",
            "SELECT confirm_hold('$1', gen_random_uuid(), 1)",
            "SELECT release_order_holds(order_id) FROM stock_holds WHERE hold_id = '$1'",
            "DELETE FROM stock_holds WHERE hold_id = '$1'",
            "SELECT release_allocations('$2', quantity => 1)",
            "SELECT fulfill_allocations('$2', quantity => 1)",
        ] {
            let (_db, mut sql) = with_all_columns(options);
            let order = format!(", order_id => '{ORDER_2}'");
            let live = hold(&mut sql, HAT, 1, &order);
            sql.run(&format!("SELECT allocate_stock('{HAT}', '{ORDER_1}', 2)"));
            expired_hold(&mut sql, HAT, 4);
            assert_eq!(row(&mut sql), "3|7|10");
            sql.run(&end.replace("$1", &live).replace("$2", ORDER_1));
            let told =
                format!("SELECT available, reserved, total FROM get_stock(ARRAY['{HAT}']::uuid[])");
            let told = sql.row(&told);
            assert_eq!(row(&mut sql), told, "{end}{options}");
        }
    }
}

/// What the app takes off by itself is taken from what nobody holds.
#[test]
fn an_apps_decrease_stops_at_what_is_held() {
    for options in BOTH {
        let (_db, mut sql) = attached(options);
        hold(&mut sql, HAT, 4, "");
        let take = |units: i32| {
            format!("UPDATE listings SET quantity_available = quantity_available - {units} WHERE id = '{HAT}'")
        };
        // It sees what is left.
        let error = sql.refusal(&take(7));
        assert_eq!(error, ("22023".into(), "bad_quantity".into()));
        sql.run(&take(6));
        assert_eq!(
            (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
            ("0", "0|4|4")
        );
        sql.assert_verified();
    }
    // Before the commit a column that is written there does not show the hold yet: the hold is named.
    let (_db, mut sql) = attached(BOTH[1]);
    let seven = format!("UPDATE listings SET quantity_available = 3 WHERE id = '{HAT}'");
    sql.run("BEGIN");
    let held = hold(&mut sql, HAT, 4, "");
    let error = sql.refuse(&seven);
    assert_eq!(
        (error.name().as_str(), error.field("over_by")),
        ("stock_committed", json!(1))
    );
    assert_eq!(error.field("holds"), json!([held]));
    assert_eq!(
        (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
        ("10", "10|0|10")
    );
    sql.assert_verified();
}

/// Beside a hold at one place, an app's decrease takes from another.
#[test]
fn an_apps_decrease_leaves_what_a_place_holds() {
    for options in BOTH {
        let (_db, mut sql) = attached(options);
        let orison = crate::api::shop::ORISON;
        sql.run(&format!("SELECT receive_stock('{HAT}', 5, '{orison}')"));
        let unspecified = crate::api::shop::UNSPECIFIED;
        hold(
            &mut sql,
            HAT,
            8,
            &format!(", location_id => '{unspecified}'"),
        );
        sql.run(&format!(
            "UPDATE listings SET quantity_available = quantity_available - 6 WHERE id = '{HAT}'"
        ));
        assert_eq!(sql.lots(HAT), ["Unspecified: 8", "Orison: 1"]);
        assert_eq!(
            (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
            ("1", "1|8|9")
        );
        sql.assert_verified();
    }
}

/// Never negative for the app, whatever is owed.
#[test]
fn backorders_show_as_nothing_left_and_an_increase_fills_them() {
    for options in BOTH {
        let (_db, mut sql) = attached(options);
        sql.run("UPDATE stock_listings SET backorder_limit = 10");
        let owed = hold(&mut sql, HAT, 14, "");
        assert_eq!(
            (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
            ("0", "-4|14|10")
        );
        sql.run(&format!("SELECT confirm_hold('{owed}', '{ORDER_1}')"));
        let state = format!("SELECT state, quantity FROM get_hold('{owed}')");
        assert_eq!(sql.row(&state), "waiting|4");
        sql.assert_verified();
        // The app counts from what it sees.
        sql.run(&format!(
            "UPDATE listings SET quantity_available = quantity_available + 3 WHERE id = '{HAT}'"
        ));
        assert_eq!(sql.row(&state), "waiting|1");
        assert_eq!(
            (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
            ("0", "-1|14|13")
        );
        sql.run(&format!("SELECT receive_stock('{HAT}', 3)"));
        assert_eq!(sql.row(&state), "confirmed|1");
        assert_eq!(
            (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
            ("2", "2|14|16")
        );
        sql.assert_verified();
        assert_eq!(sql.warnings(), [""; 0]);
    }
}

#[test]
fn a_row_with_live_holds_is_kept_where_deleting_is_restricted() {
    let (_db, mut sql) = attached(", on_delete => 'restrict'");
    let live = hold(&mut sql, HAT, 1, "");
    expired_hold(&mut sql, COAT, 1);
    let delete = |id: &str| format!("DELETE FROM listings WHERE id = '{id}'");
    assert_eq!(
        sql.refusal(&delete(HAT)),
        ("23514".into(), "stock_committed".into())
    );
    sql.run(&delete(COAT));
    sql.run(&format!("SELECT release_hold('{live}'); {}", delete(HAT)));
    sql.assert_verified();
    // Cascading, it takes its holds with it.
    let (_db, mut sql) = attached("");
    hold(&mut sql, HAT, 1, "");
    sql.run(&delete(HAT));
    assert_eq!(sql.row("SELECT count(*) FROM stock_holds"), "0");
    sql.assert_verified();
}

/// A table that is detached with live holds: the column stays as it is, the holds go on.
#[test]
fn detached_the_holds_go_on() {
    let (_db, mut sql) = attached("");
    let live = hold(&mut sql, HAT, 4, "");
    sql.run("SELECT detach_table('listings')");
    sql.run(&format!("SELECT release_hold('{live}')"));
    assert_eq!(
        (sql.shown(HAT).as_str(), sql.stock(HAT).as_str()),
        ("6", "10|0|10")
    );
    sql.assert_verified();
}
