//! Keys: a call that was made is not made again, and is answered as it was.

use crate::api::shop::Shop;
use serde_json::json;
use uuid::Uuid;

#[test]
fn a_replay_of_a_loan_returns_the_first_one() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let call = |more: &str| {
        format!("SELECT borrow_stock('{listing}', 'ann', 3, idempotency_key => 'k'{more})")
    };
    let loan: Uuid = shop.value(&call(", due_at => now() + interval '14 days'"), &[]);
    let before = shop.everything();
    // When it is due is reckoned from now: the first answer stands.
    for more in [
        "",
        ", due_at => now() + interval '14 days'",
        ", contact_info => 'x'",
        ", metadata => '{}'",
        ", on_short => 'answer'",
    ] {
        assert_eq!(shop.value::<Uuid>(&call(more), &[]), loan, "{more}");
    }
    assert_eq!(shop.everything(), before);
    // Also when it is over, and its units are with somebody else.
    shop.bring_back(loan, 3);
    shop.lend(listing, "bob", 5);
    assert_eq!(shop.value::<Uuid>(&call(""), &[]), loan);
    shop.verify();
}

#[test]
fn another_loan_with_the_same_key_is_a_mismatch() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(9), shop.stocked(9));
    let call =
        |arguments: &str| format!("SELECT borrow_stock({arguments}, idempotency_key => 'k')");
    shop.texts(&call(&format!("'{listing}', 'ann', 3")));
    let hold = shop.hold(listing, 3);
    let before = shop.everything();
    for (arguments, field) in [
        (format!("'{other}', 'ann', 3"), "listing_id"),
        (format!("'{listing}', 'bob', 3"), "borrower"),
        (format!("'{listing}', 'ann', 2"), "quantity"),
        (
            format!("'{listing}', 'ann', 3, hold_id => '{hold}'"),
            "hold_id",
        ),
        (
            format!("'{listing}', 'ann', 3, location_id => '00000000-0000-8000-8000-000000000000'"),
            "location_id",
        ),
        (
            format!("'{listing}', 'ann', 3, strategy => 'lifo'"),
            "strategy",
        ),
    ] {
        let error = shop.error(&call(&arguments), &[]);
        assert_eq!(
            (error.name().as_str(), error.field("field")),
            ("idempotency_mismatch", json!(field)),
            "{arguments}"
        );
        assert_eq!(error.field("function"), "borrow_stock");
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// The hold is over then, or purged; the call was made all the same.
#[test]
fn a_replay_of_a_pick_up_returns_the_first_loan() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold = shop.hold(listing, 3);
    let call = format!(
        "SELECT borrow_stock(NULL, 'ann', NULL, hold_id => '{hold}', idempotency_key => 'k')"
    );
    let loan: Uuid = shop.value(&call, &[]);
    assert_eq!(shop.value::<Uuid>(&call, &[]), loan);
    shop.rows("SELECT purge_holds('0')", &[]);
    assert_eq!(shop.value::<Uuid>(&call, &[]), loan);
    assert_eq!(shop.loan(loan), "open 3 0 0");
    shop.verify();
}

#[test]
fn a_refused_loan_leaves_its_key_free() {
    let mut shop = Shop::open();
    let listing = shop.stocked(1);
    let call = |more: &str| {
        format!("SELECT borrow_stock('{listing}', 'ann', 2, idempotency_key => 'k'{more})")
    };
    assert_eq!(shop.error(&call(""), &[]).name(), "insufficient_stock");
    let quiet = call(", on_short => 'answer'");
    assert_eq!(shop.text(&quiet), "NULL");
    shop.receive(listing, 1);
    let loan: Uuid = shop.value(&quiet, &[]);
    assert_eq!(shop.loan(loan), "open 2 0 0");
    shop.verify();
}

#[test]
fn a_replay_of_a_return_or_a_loss_changes_nothing() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 5);
    let back = format!("SELECT return_stock('{loan}', 2, idempotency_key => 'k')");
    let lost = format!("SELECT lose_stock('{loan}', 1, 'x', idempotency_key => 'k')");
    let rest = format!("SELECT return_stock('{loan}', idempotency_key => 'rest')");
    assert_eq!(
        [&back, &lost, &rest].map(|call| shop.text(call)),
        ["3", "2", "0"]
    );
    let before = shop.everything();
    assert_eq!(
        [&back, &lost, &rest].map(|call| shop.text(call)),
        ["3", "2", "0"]
    );
    for (call, field) in [
        (back.replace("2,", "1,"), "quantity"),
        (back.replace("2,", "2, 'ann',"), "borrower"),
        (lost.replace("'x'", "'y'"), "reason"),
        (
            rest.replace(&loan.to_string(), &listing.to_string()),
            "loan_id",
        ),
    ] {
        let error = shop.error(&call, &[]);
        assert_eq!(
            (error.name().as_str(), error.field("field")),
            ("idempotency_mismatch", json!(field)),
            "{call}"
        );
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}
