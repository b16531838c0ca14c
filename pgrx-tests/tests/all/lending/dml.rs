//! Plain SQL on loans and on their allocations.

use crate::api::shop::Shop;
use serde_json::json;
use uuid::Uuid;

#[test]
fn what_is_the_apps_may_be_corrected() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let loan = shop.lend(listing, "ann", 2);
    for set in [
        "borrower = 'Ann B.'",
        "contact_info = 'next door'",
        "contact_info = NULL",
        "due_at = '2099-01-01'",
        "due_at = NULL",
        "metadata = '{}'",
        // An ORM saves the whole row.
        "loan_id = loan_id, listing_id = listing_id, quantity = quantity, hold_id = hold_id, closed_at = closed_at",
    ] {
        let touched = "updated_at > $1 AS touched";
        let before = "SELECT max(updated_at)::text FROM stock_loans";
        let before: String = shop.value(before, &[]);
        let sql = format!("UPDATE stock_loans SET {set} RETURNING {touched}")
            .replace("$1", &format!("'{before}'"));
        assert_eq!(shop.text(&sql), "t", "{set}");
    }
    assert_eq!(shop.loan(loan), "open 2 0 0");
    shop.bring_back(loan, 2);
    // History may be noted on too.
    shop.run("UPDATE stock_loans SET metadata = '{\"paid\": true}'");
    shop.verify();
}

#[test]
fn what_is_out_belongs_to_the_engine() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(5), shop.stocked(5));
    shop.lend(listing, "ann", 2);
    let closed = shop.lend(listing, "bob", 1);
    shop.bring_back(closed, 1);
    let before = shop.everything();
    for set in [
        &format!("listing_id = '{other}'"),
        "quantity = quantity + 1",
        "quantity_returned = quantity_returned + 1",
        "quantity_lost = 1",
        "hold_id = gen_random_uuid()",
        "borrowed_at = borrowed_at - interval '1 day'",
        "closed_at = '2001-01-01'",
    ] {
        for borrower in ["ann", "bob"] {
            let sql = format!("UPDATE stock_loans SET {set} WHERE borrower = '{borrower}'");
            let error = shop.error(&sql, &[]);
            assert_eq!(error.name(), "engine_owned", "{sql}");
            let column = set.split(' ').next().unwrap();
            let what = format!("column {column} of stock_loans");
            assert_eq!(error.field("what"), json!(what));
        }
    }
    for column in ["loan_id", "tenant_id"] {
        let sql = format!("UPDATE stock_loans SET {column} = gen_random_uuid()");
        assert_eq!(shop.error(&sql, &[]).name(), "key_fixed");
    }
    for (sql, name) in [
        (
            format!("INSERT INTO stock_loans (listing_id, borrower, quantity) VALUES ('{listing}', 'x', 1)"),
            "engine_owned",
        ),
        ("INSERT INTO stock_loans SELECT gen_random_uuid(), tenant_id, listing_id, borrower, contact_info, quantity
            FROM stock_loans".to_owned(), "engine_owned"),
        ("DELETE FROM stock_loans".to_owned(), "engine_owned"),
        ("DELETE FROM stock_loans WHERE is_open".to_owned(), "engine_owned"),
        ("TRUNCATE stock_loans".to_owned(), "listing_on_loan"),
    ] {
        assert_eq!(shop.error(&sql, &[]).name(), name, "{sql}");
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// Loans of an older system, and those that nobody need remember.
#[test]
fn closed_loans_come_and_go() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let open = shop.lend(listing, "ann", 2);
    shop.run(&format!(
        "INSERT INTO stock_loans (listing_id, borrower, quantity, quantity_returned, quantity_lost, borrowed_at, closed_at)
         VALUES ('{listing}', 'bob', 3, 2, 1, '2001-01-01', '2001-02-01')"
    ));
    assert_eq!(
        shop.text("SELECT state, quantity_lost FROM loans_of('bob')"),
        "closed|1"
    );
    shop.verify();
    let sqlstate = |shop: &mut Shop, values: &str| {
        let sql = format!(
            "INSERT INTO stock_loans (listing_id, borrower, quantity, quantity_returned, closed_at, due_at)
             VALUES ('{listing}', {values})"
        );
        shop.error(&sql, &[]).sqlstate
    };
    for values in [
        "'x', 3, 3, NULL, NULL",
        "'x', 3, 4, now(), NULL",
        "'', 3, 3, now(), NULL",
        "'x', 0, 0, now(), NULL",
        "'x', 3, 3, now(), 'infinity'",
    ] {
        assert_eq!(sqlstate(&mut shop, values), "23514", "{values}");
    }
    let deleted =
        "WITH d AS (DELETE FROM stock_loans WHERE NOT is_open RETURNING 1) SELECT count(*) FROM d";
    assert_eq!(shop.text(deleted), "1");
    assert_eq!(shop.loan(open), "open 2 0 0");
    shop.bring_back(open, 2);
    shop.run("TRUNCATE stock_loans");
    shop.verify();
}

#[test]
fn the_allocations_of_an_open_loan_are_left_alone() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 9);
    let loan = shop.lend(listing, "ann", 3);
    shop.bring_back(loan, 1);
    let order = shop.allocate(listing, 2);
    let before = shop.everything();
    for sql in [
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{lot}', '{loan}', 1)"),
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{lot}', '{loan}', 1, 'released')"
        ),
        format!("UPDATE stock_allocations SET status = 'released' WHERE order_id = '{loan}'"),
        format!("UPDATE stock_allocations SET status = 'active' WHERE order_id = '{loan}'"),
        format!("UPDATE stock_allocations SET quantity = 1 WHERE order_id = '{loan}' AND status = 'active'"),
        format!("UPDATE stock_allocations SET order_id = '{order}' WHERE order_id = '{loan}'"),
        format!("UPDATE stock_allocations SET order_id = '{loan}' WHERE order_id = '{order}'"),
        "UPDATE stock_allocations SET hold_id = gen_random_uuid()".to_owned(),
        format!("DELETE FROM stock_allocations WHERE order_id = '{loan}' AND status = 'released'"),
        "DELETE FROM stock_allocations".to_owned(),
        "TRUNCATE stock_allocations".to_owned(),
        format!(
            "INSERT INTO stock_allocations SELECT * FROM stock_allocations WHERE order_id = '{loan}'
             ON CONFLICT (allocation_id) DO UPDATE SET status = 'fulfilled'"
        ),
        format!(
            "MERGE INTO stock_allocations a USING stock_loans n ON n.loan_id = a.order_id
              WHEN MATCHED AND n.loan_id = '{loan}' THEN DELETE"
        ),
    ] {
        let error = shop.error(&sql, &[]);
        assert_eq!(
            (error.name().as_str(), error.field("loan_id")),
            ("order_is_loan", json!(loan)),
            "{sql}"
        );
    }
    assert_eq!(shop.everything(), before);
    // Saved as they are, or another order's: nothing stands in the way.
    shop.run(
        "UPDATE stock_allocations SET order_id = order_id, status = status, quantity = quantity",
    );
    shop.run(&format!(
        "UPDATE stock_allocations SET status = 'released' WHERE order_id = '{order}';
         INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{lot}', '{order}', 1);
         DELETE FROM stock_allocations WHERE order_id = '{order}'"
    ));
    assert_eq!(shop.bring_back(loan, 2), 0);
    // Past, they are history.
    shop.run(&format!(
        "DELETE FROM stock_allocations WHERE order_id = '{loan}'"
    ));
    shop.verify();
}

/// What must hold of a lot holds of what is lent from it.
#[test]
fn a_lot_keeps_what_is_lent_from_it() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let loan: Uuid = shop.lend(listing, "ann", 3);
    for set in ["quantity_total = 2", "listed = false"] {
        let error = shop.error(&format!("UPDATE stock_lots SET {set}"), &[]);
        assert_eq!(error.name(), "stock_committed", "{set}");
        assert_eq!(error.field("orders"), json!([loan]));
    }
    shop.run("UPDATE stock_lots SET quantity_total = 3");
    assert_eq!(shop.numbers(listing), (0, 3, 3));
    shop.verify();
}
