//! What is lent is not deleted, by whatever way; what is back may go.

use crate::api::shop::Shop;
use crate::attached::app::{attached, HAT};
use serde_json::json;
use uuid::Uuid;

const EVERY_WAY: [&str; 9] = [
    "SELECT delete_listing('$1')",
    "DELETE FROM stock_listings WHERE listing_id = '$1'",
    "DELETE FROM stock_lots WHERE listing_id = '$1'",
    "WITH gone AS (DELETE FROM stock_lots RETURNING 1) DELETE FROM stock_listings",
    "TRUNCATE stock_listings",
    "TRUNCATE stock_lots",
    "TRUNCATE stock_lots, stock_listings, stock_allocations",
    "TRUNCATE stock_listings, stock_lots, stock_loans, stock_allocations",
    "UPDATE stock_lots SET listing_id = '$2' WHERE listing_id = '$1'",
];

#[test]
fn what_is_lent_stays_whoever_deletes_it() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(5), shop.stocked(5));
    let mut loans = [shop.lend(listing, "ann", 1), shop.lend(listing, "bob", 2)];
    loans.sort();
    shop.allocate(listing, 1);
    let before = shop.everything();
    for way in EVERY_WAY {
        let sql = way
            .replace("$1", &listing.to_string())
            .replace("$2", &other.to_string());
        let error = shop.error(&sql, &[]);
        assert_eq!(error.name(), "listing_on_loan", "{way}");
        assert_eq!(
            (error.field("listings"), error.field("loans")),
            (json!([listing]), json!(loans)),
            "{way}"
        );
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn what_is_back_may_go_and_its_loans_stay_as_history() {
    for way in EVERY_WAY {
        let mut shop = Shop::open();
        let (listing, other) = (shop.stocked(5), shop.listing());
        let loan = shop.lend(listing, "ann", 2);
        shop.rows("SELECT lose_stock($1, 1, 'x')", &[&loan]);
        shop.bring_back(loan, 1);
        shop.run(
            &way.replace("$1", &listing.to_string())
                .replace("$2", &other.to_string()),
        );
        let left = match way.contains("stock_loans") {
            true => 0,
            false => 1,
        };
        let count = "SELECT count(*) FROM stock_loans";
        assert_eq!(shop.value::<i64>(count, &[]), left, "{way}");
        shop.verify();
    }
}

/// A lot of which nothing is lent is none of a loan's business.
#[test]
fn another_lot_of_the_same_listing_may_go() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [shop.receive(listing, 2), shop.receive(listing, 2)];
    let loan = shop.lend(listing, "ann", 3);
    shop.bring_back(loan, 1);
    let delete = "DELETE FROM stock_lots WHERE lot_id = $1";
    shop.rows(delete, &[&lots[1]]);
    assert_eq!(shop.error(delete, &[&lots[0]]).name(), "listing_on_loan");
    assert_eq!(shop.bring_back(loan, 2), 0);
    shop.verify();
}

#[test]
fn at_most_twenty_loans_are_named() {
    let mut shop = Shop::open();
    let listing = shop.stocked(30);
    for _ in 0..25 {
        shop.lend(listing, "ann", 1);
    }
    let error = shop.error("SELECT delete_listing($1)", &[&listing]);
    assert_eq!(error.field("loans").as_array().map(Vec::len), Some(20));
    shop.verify();
}

/// A row of the app's own table, whatever it was attached with.
#[test]
fn a_lent_row_of_the_app_stays() {
    for on_delete in ["cascade", "restrict", "keep"] {
        let (_db, mut sql) = attached(&format!(", on_delete => '{on_delete}'"));
        let loan = sql.row(&format!("SELECT borrow_stock('{HAT}', 'ann', 2)"));
        for delete in [
            format!("DELETE FROM listings WHERE id = '{HAT}'"),
            "DELETE FROM listings".to_owned(),
            "TRUNCATE listings".to_owned(),
        ] {
            let error = sql.refuse(&delete);
            assert_eq!(error.name(), "listing_on_loan", "{on_delete}: {delete}");
            assert_eq!(error.field("loans"), json!([loan]));
        }
        sql.assert_verified();
        sql.run(&format!("SELECT return_stock('{loan}')"));
        sql.run(&format!("DELETE FROM listings WHERE id = '{HAT}'"));
        let gone = format!("SELECT count(*) FROM listings WHERE id = '{HAT}'");
        assert_eq!(sql.row(&gone), "0", "{on_delete}");
        sql.assert_verified();
    }
}

/// What orders claim goes with its listing as before.
#[test]
fn other_claims_still_go_along() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(5), shop.stocked(5));
    shop.lend(other, "ann", 2);
    let order: Uuid = shop.allocate(listing, 3);
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    assert_eq!(shop.allocations(order), []);
    shop.verify();
}
