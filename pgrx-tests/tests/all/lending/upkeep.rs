//! verify_stock sees what is wrong with loans, and repair_stock mends what can be known.

use crate::api::shop::Shop;
use uuid::Uuid;

fn differences(shop: &mut Shop) -> Vec<String> {
    shop.texts("SELECT kind, key, counter, stored, actual FROM verify_stock() WHERE kind = 'loan'")
}

/// Changes rows behind the engine's back.
fn unseen(shop: &mut Shop, sql: &str) {
    shop.run(&format!(
        "SET session_replication_role = replica; {sql}; RESET session_replication_role"
    ));
}

/// Of nine units five are lent, of which one is back and one lost.
fn library() -> (Shop, Uuid, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 5);
    shop.bring_back(loan, 1);
    shop.rows("SELECT lose_stock($1, 1, 'x')", &[&loan]);
    shop.lend(listing, "bob", 1);
    shop.verify();
    (shop, listing, loan)
}

#[test]
fn what_a_loan_says_is_out_is_what_is_allocated_to_it() {
    for (damage, told, mended) in [
        (
            "UPDATE stock_allocations SET status = 'released' WHERE order_id = '$1' AND status = 'active'",
            "loan|$1|quantity_out|3|0",
            "closed 0 4 1",
        ),
        (
            "UPDATE stock_allocations SET quantity = 2 WHERE order_id = '$1' AND status = 'active'",
            "loan|$1|quantity_out|3|2",
            "open 2 2 1",
        ),
        (
            "UPDATE stock_loans SET quantity_returned = 0 WHERE loan_id = '$1'",
            "loan|$1|quantity_out|4|3",
            "open 3 1 1",
        ),
        (
            "UPDATE stock_allocations SET quantity = 4 WHERE order_id = '$1' AND status = 'active'",
            "loan|$1|quantity_out|3|4",
            "open 4 0 1",
        ),
        (
            "DELETE FROM stock_allocations WHERE order_id = '$1'",
            "loan|$1|quantity_out|3|0",
            "closed 0 4 1",
        ),
    ] {
        let (mut shop, _, loan) = library();
        let of_loan = |text: &str| text.replace("$1", &loan.to_string());
        unseen(&mut shop, &of_loan(damage));
        assert_eq!(differences(&mut shop), [of_loan(told)], "{damage}");
        assert!(shop.value::<i32>("SELECT repair_stock()", &[]) >= 1);
        assert_eq!(shop.loan(loan), mended, "{damage}");
        shop.verify();
        // It goes on from there.
        shop.run(
            "SELECT return_stock(loan_id) FROM stock_loans WHERE is_open;
             SELECT delete_listing(listing_id) FROM stock_listings",
        );
        shop.verify();
    }
}

/// More is claimed than was ever lent: people must say which of the two is wrong.
#[test]
fn what_cannot_be_known_is_left_and_told() {
    let (mut shop, _, loan) = library();
    unseen(
        &mut shop,
        &format!("UPDATE stock_allocations SET quantity = 5 WHERE order_id = '{loan}' AND status = 'active'"),
    );
    shop.rows("SELECT repair_stock()", &[]);
    let told = [format!("loan|{loan}|quantity_out|3|5")];
    assert_eq!(differences(&mut shop), told);
    // The way out: all of the loan comes back, and the rest is an order's.
    assert_eq!(shop.bring_back(loan, 3), 0);
    let freed: i32 = shop.value("SELECT release_allocations($1)", &[&loan]);
    assert_eq!(freed, 2);
    shop.verify();
}

#[test]
fn a_loan_without_its_listing_is_told() {
    let (mut shop, _, loan) = library();
    unseen(
        &mut shop,
        &format!("UPDATE stock_loans SET listing_id = loan_id WHERE loan_id = '{loan}'"),
    );
    assert_eq!(
        differences(&mut shop),
        [
            format!("loan|{loan}|no listing|5|NULL"),
            format!("loan|{loan}|quantity_out|3|0"),
        ]
    );
}
