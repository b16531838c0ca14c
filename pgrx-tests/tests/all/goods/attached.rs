//! Goods of attached tables' rows: the app's own columns follow them, at once or at commit.

use crate::attached::app::{shop, Sql, HAT, ORDER_1};
use stockroom_tests::Db;

const BOTH: [&str; 2] = ["", ", sync => 'deferred'"];

/// The listings table attached with a total and a reserved column too.
fn attached(options: &str) -> (Db, Sql) {
    let (db, mut sql) = shop();
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
fn the_columns_follow_whatever_goods_do() {
    for options in BOTH {
        let (_db, mut sql) = attached(options);
        let lot = sql.row(&format!(
            "SELECT lot_id FROM stock_lots WHERE listing_id = '{HAT}'"
        ));
        let orison = "'00000000-0000-8000-8000-000000000001'";
        for (call, expected) in [
            (format!("adjust_stock('{lot}', -1, 'x')"), "9|0|9"),
            (format!("count_stock('{lot}', 12)"), "12|0|12"),
            (
                format!("receive_stock('{HAT}', 3, into_lot => '{lot}')"),
                "15|0|15",
            ),
            (
                format!("allocate_stock('{HAT}', '{ORDER_1}', 4)"),
                "11|4|15",
            ),
            (
                format!("transfer_stock('{lot}', NULL, {orison})"),
                "11|4|15",
            ),
            (format!("split_lot('{lot}', 5)"), "11|4|15"),
            (
                format!("set_lot_condition('{lot}', 'damaged', 2)"),
                "9|4|15",
            ),
            (
                format!(
                    r#"count_location({orison}, '[{{"lot_id": "{lot}", "counted": 6}}]', missing => 'zero')"#
                ),
                "2|4|6",
            ),
            (
                format!("receive_stock('{HAT}', 2, expires_on => '2020-01-01')"),
                "4|4|8",
            ),
            ("expire_lots()".to_owned(), "2|4|8"),
        ] {
            sql.run(&format!("SELECT {call}"));
            assert_eq!(row(&mut sql), expected, "{call} {options}");
        }
        sql.run("UPDATE stock_lots SET condition = 'good' WHERE condition = 'expired'");
        assert_eq!(row(&mut sql), "4|4|8");
    }
}

#[test]
fn holds_that_have_expired_leave_the_column_with_the_next_change() {
    for options in BOTH {
        let (_db, mut sql) = attached(options);
        let lot = sql.row(&format!(
            "SELECT lot_id FROM stock_lots WHERE listing_id = '{HAT}'"
        ));
        sql.run(&format!(
            "SELECT hold_stock('{HAT}', 8, ttl => '1 ms'), pg_sleep(0.002)"
        ));
        assert_eq!(
            sql.row(&format!(
                "SELECT quantity_available FROM listings WHERE id = '{HAT}'"
            )),
            "2"
        );
        sql.run(&format!("SELECT adjust_stock('{lot}', -9, 'x')"));
        assert_eq!(row(&mut sql), "1|0|1");
        sql.run(&format!("SELECT set_lot_condition('{lot}', 'good')"));
        assert_eq!(row(&mut sql), "1|0|1");
    }
}
