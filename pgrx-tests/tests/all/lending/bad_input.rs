//! Arguments that cannot be: each is named, and nothing is written.

use crate::api::shop::Shop;
use serde_json::json;

/// Arguments as written, and which of them is bad: $1 is a listing, $2 a loan.
const CALLS: [(&str, &str); 33] = [
    ("borrow_stock(NULL, 'ann', 1)", "listing_id"),
    ("borrow_stock('$1', NULL, 1)", "borrower"),
    ("borrow_stock('$1', '', 1)", "borrower"),
    ("borrow_stock('$1', repeat('a', 201), 1)", "borrower"),
    ("borrow_stock('$1', 'ann', NULL)", "quantity"),
    ("borrow_stock('$1', 'ann', 0)", "quantity"),
    ("borrow_stock('$1', 'ann', -1)", "quantity"),
    ("borrow_stock('$1', 'ann', -2147483648)", "quantity"),
    ("borrow_stock('$1', 'ann', 1, 'infinity')", "due_at"),
    ("borrow_stock('$1', 'ann', 1, '-infinity')", "due_at"),
    (
        "borrow_stock('$1', 'ann', 1, contact_info => repeat('a', 1001))",
        "contact_info",
    ),
    (
        "borrow_stock('$1', 'ann', 1, strategy => 'best')",
        "strategy",
    ),
    ("borrow_stock('$1', 'ann', 1, on_short => NULL)", "on_short"),
    (
        "borrow_stock('$1', 'ann', 1, on_short => 'wait')",
        "on_short",
    ),
    (
        "borrow_stock('$1', 'ann', 1, idempotency_key => '')",
        "idempotency_key",
    ),
    (
        "borrow_stock('$1', 'ann', 1, idempotency_key => repeat('k', 201))",
        "idempotency_key",
    ),
    ("return_stock(NULL)", "loan_id"),
    ("return_stock('$2', 0)", "quantity"),
    ("return_stock('$2', -1)", "quantity"),
    ("return_stock('$2', 1, '')", "borrower"),
    (
        "return_stock('$2', 1, idempotency_key => '')",
        "idempotency_key",
    ),
    ("lose_stock(NULL, 1, 'x')", "loan_id"),
    ("lose_stock('$2', 0, 'x')", "quantity"),
    ("lose_stock('$2', -1, 'x')", "quantity"),
    ("lose_stock('$2', 1, repeat('x', 1001))", "reason"),
    ("extend_loan(NULL, now())", "loan_id"),
    ("extend_loan('$2', NULL)", "due_at"),
    ("extend_loan('$2', 'infinity')", "due_at"),
    ("extend_loan('$2', now(), '')", "borrower"),
    ("loans_of(NULL)", "borrower"),
    ("loans_of('ann', NULL)", "only_open"),
    ("overdue_loans(NULL)", "as_of"),
    ("overdue_loans('infinity')", "as_of"),
];

#[test]
fn what_cannot_be_is_named() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let loan = shop.lend(listing, "ann", 2);
    let before = shop.everything();
    for (call, argument) in CALLS {
        let call = call
            .replace("$1", &listing.to_string())
            .replace("$2", &loan.to_string());
        let error = shop.error(&format!("SELECT * FROM {call}"), &[]);
        assert_eq!(
            (
                error.sqlstate.as_str(),
                error.name().as_str(),
                error.field("argument")
            ),
            ("22023", "bad_argument", json!(argument)),
            "{call}"
        );
    }
    assert_eq!(shop.everything(), before);
    // At the edge of what can be.
    shop.rows(
        "SELECT borrow_stock($1, repeat('é', 200), 1, '294276-12-31Z', repeat('é', 1000),
                             idempotency_key => repeat('é', 200))",
        &[&listing],
    );
    shop.verify();
}

/// All that a listing can have.
#[test]
fn the_largest_loan_there_can_be() {
    let mut shop = Shop::open();
    let listing = shop.stocked(i32::MAX);
    let loan = shop.lend(listing, "ann", i32::MAX);
    assert_eq!(shop.numbers(listing), (0, i32::MAX, i32::MAX));
    assert_eq!(shop.bring_back(loan, 1), i32::MAX - 1);
    let lost = "SELECT lose_stock($1, 2147483645, NULL)";
    assert_eq!(shop.value::<i32>(lost, &[&loan]), 1);
    let error = shop.error("SELECT return_stock($1, 2147483647)", &[&loan]);
    assert_eq!(error.name(), "more_than_lent");
    assert_eq!(shop.bring_back(loan, 1), 0);
    assert_eq!(shop.numbers(listing), (2, 0, 2));
    shop.verify();
}
