//! Loans of attached tables' rows: the app's own columns follow them.

use crate::attached::app::{shop, HAT};

#[test]
fn the_columns_follow_a_loan_through_its_life() {
    for options in ["", ", sync => 'deferred'"] {
        let (_db, mut sql) = shop();
        sql.run(
            "ALTER TABLE listings ADD total_count integer;
             UPDATE listings SET total_count = quantity_available",
        );
        sql.attach(
            "listings",
            &format!(", total_column => 'total_count'{options}"),
        );
        let shown =
            format!("SELECT quantity_available, total_count FROM listings WHERE id = '{HAT}'");
        let loan = sql.row(&format!("SELECT borrow_stock('{HAT}', 'ann', 4)"));
        assert_eq!(sql.row(&shown), "6|10");
        sql.run(&format!("SELECT return_stock('{loan}', 1)"));
        assert_eq!(sql.row(&shown), "7|10");
        sql.run(&format!("SELECT lose_stock('{loan}', 2, 'x')"));
        assert_eq!(sql.row(&shown), "7|8");
        sql.assert_verified();
        let hold = sql.row(&format!(
            "SELECT hold_id FROM hold_stock('{HAT}', 3, customer => 'bob')"
        ));
        assert_eq!(sql.row(&shown), "4|8");
        let picked_up = sql.row(&format!(
            "SELECT borrow_stock(NULL, NULL, 2, hold_id => '{hold}')"
        ));
        assert_eq!(sql.row(&shown), "5|8");
        for loan in [loan, picked_up] {
            sql.run(&format!("SELECT return_stock('{loan}')"));
        }
        assert_eq!(sql.row(&shown), "8|8");
        sql.assert_verified();
    }
}

/// An app that has not been ported goes on counting by itself: what it takes is not what is lent.
#[test]
fn the_apps_own_writes_leave_what_is_lent() {
    let (_db, mut sql) = crate::attached::app::attached("");
    let loan = sql.row(&format!("SELECT borrow_stock('{HAT}', 'ann', 4)"));
    let set = |units: &str| {
        format!("UPDATE listings SET quantity_available = {units} WHERE id = '{HAT}'")
    };
    sql.run(&set("quantity_available - 6"));
    let error = sql.refuse(&set("-1"));
    assert!(!error.name().is_empty(), "{error:?}");
    sql.run(&format!("SELECT return_stock('{loan}')"));
    assert_eq!(sql.shown(HAT), "4");
    sql.assert_verified();
}
