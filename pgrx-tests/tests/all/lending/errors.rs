//! What each error of a loan is to a program and to a person: SQLSTATE, message, the JSON of DETAIL with
//! exactly its keys, and the HINT.

use crate::api::errors::assert_error;
use crate::api::shop::Shop;
use serde_json::json;
use uuid::Uuid;

fn one_loan() -> (Shop, Uuid, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let loan = shop.lend(listing, "ann", 2);
    (shop, listing, loan)
}

#[test]
fn loan_not_found() {
    let mut shop = Shop::open();
    let nobody = Uuid::new_v4();
    for call in [
        "return_stock($1)",
        "lose_stock($1, 1, 'x')",
        "extend_loan($1, now())",
        "get_loan($1)",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&nobody]);
        assert_error(
            &error,
            "P0002",
            &format!("loan {nobody} does not exist"),
            json!({"error": "loan_not_found", "loan_id": nobody.to_string()}),
            "Make it with borrow_stock; loans_of lists a borrower's. It may also belong to another tenant.",
        );
    }
}

#[test]
fn loan_closed() {
    let (mut shop, _, loan) = one_loan();
    shop.bring_back(loan, 2);
    let error = shop.error("SELECT return_stock($1)", &[&loan]);
    assert_error(
        &error,
        "55000",
        &format!("loan {loan} is closed: nothing of it is out"),
        json!({"error": "loan_closed", "loan_id": loan.to_string()}),
        "Its units came back or were written off before; get_loan shows when.",
    );
}

#[test]
fn more_than_lent() {
    let (mut shop, _, loan) = one_loan();
    let error = shop.error("SELECT return_stock($1, 3)", &[&loan]);
    assert_error(
        &error,
        "55000",
        &format!("loan {loan} has 2 units out, 3 were asked for"),
        json!({"error": "more_than_lent", "loan_id": loan.to_string(), "requested": 3, "out": 2}),
        "Leave the quantity out for all that is out.",
    );
}

#[test]
fn not_the_borrower() {
    let (mut shop, _, loan) = one_loan();
    let error = shop.error("SELECT return_stock($1, borrower => 'bob')", &[&loan]);
    assert_error(
        &error,
        "42501",
        &format!("loan {loan} is not bob's"),
        json!({"error": "not_the_borrower", "loan_id": loan.to_string(), "borrower": "bob"}),
        "loans_of lists a borrower's loans; leave the borrower out where anybody may bring it back.",
    );
}

#[test]
fn order_is_loan() {
    let (mut shop, _, loan) = one_loan();
    for sql in [
        "SELECT release_allocations($1)",
        "DELETE FROM stock_allocations WHERE order_id = $1",
    ] {
        let error = shop.error(sql, &[&loan]);
        assert_error(
            &error,
            "55000",
            &format!("order {loan} is an open loan: its allocations are what is out"),
            json!({"error": "order_is_loan", "loan_id": loan.to_string()}),
            "return_stock takes units back, lose_stock writes them off; claim more for another order or loan.",
        );
    }
}

#[test]
fn listing_on_loan() {
    let (mut shop, listing, loan) = one_loan();
    for sql in [
        "SELECT delete_listing($1)",
        "DELETE FROM stock_lots WHERE listing_id = $1",
    ] {
        let error = shop.error(sql, &[&listing]);
        assert_error(
            &error,
            "55000",
            "what is lent cannot be deleted, nor become another listing's",
            json!({"error": "listing_on_loan", "listings": [listing.to_string()], "loans": [loan.to_string()]}),
            "End these loans first: return_stock takes units back, lose_stock writes them off.",
        );
    }
}

#[test]
fn engine_owned() {
    let (mut shop, _, _) = one_loan();
    for (sql, what) in [
        ("DELETE FROM stock_loans", "an open loan"),
        (
            "UPDATE stock_loans SET quantity = 9",
            "column quantity of stock_loans",
        ),
    ] {
        let error = shop.error(sql, &[]);
        assert_error(
            &error,
            "42501",
            &format!("{what} belongs to the engine"),
            json!({"error": "engine_owned", "what": what}),
            "Change lots and allocations, or call the functions; the engine keeps the rest.",
        );
    }
}
