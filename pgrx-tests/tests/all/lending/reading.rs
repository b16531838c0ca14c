//! get_loan, loans_of and overdue_loans.

use crate::api::shop::Shop;
use uuid::Uuid;

/// Five loans: Ann has one returned, one partly lost and one open, Bob one overdue, Cleo one due some day.
fn library(shop: &mut Shop) -> (Uuid, Uuid) {
    let book: Uuid = shop.value("SELECT register_listing('BOOK')", &[]);
    let film: Uuid = shop.value("SELECT register_listing('FILM')", &[]);
    shop.receive(book, 20);
    shop.receive(film, 20);
    shop.run(&format!(
        "SELECT return_stock(borrow_stock('{book}', 'ann', 1, now() - interval '3 days'));
         SELECT lose_stock(borrow_stock('{film}', 'ann', 3, '2001-01-01 12:00Z'), 1, 'x');
         SELECT borrow_stock('{book}', 'ann', 2, '2099-01-01 12:00Z');
         SELECT borrow_stock('{book}', 'bob', 4, '2000-01-01 12:00Z', 'bob@example.org');
         SELECT borrow_stock('{book}', 'cleo', 1)"
    ));
    (book, film)
}

#[test]
fn a_loan_says_all_about_itself() {
    let mut shop = Shop::open();
    let (book, _) = library(&mut shop);
    let sql = "SELECT loan_id FROM stock_loans WHERE borrower = 'bob'";
    let loan: Uuid = shop.value(sql, &[]);
    let row = format!(
        "SELECT loan_id, listing_id, sku, borrower, contact_info, state, quantity, quantity_out,
                quantity_returned, quantity_lost, due_at AT TIME ZONE 'UTC', borrowed_at > now() - interval '1 minute',
                closed_at, hold_id, metadata
           FROM get_loan('{loan}')"
    );
    assert_eq!(
        shop.text(&row),
        format!(
            "{loan}|{book}|BOOK|bob|bob@example.org|overdue|4|4|0|0|2000-01-01 12:00:00|t|NULL|NULL|NULL"
        )
    );
    shop.bring_back(loan, 4);
    assert_eq!(shop.loan(loan), "closed 0 4 0");
    let error = shop.error("SELECT get_loan($1)", &[&book]);
    assert_eq!(error.name(), "loan_not_found");
    shop.verify();
}

/// What the app keeps with a loan comes back as it was given.
#[test]
fn metadata_is_the_apps() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    for metadata in [r#"{"n": 1e400, "deep": [null, {"é": "\n"}]}"#, "[1.10]"] {
        let sql = "SELECT borrow_stock($1, 'ann', 1, metadata => $2::text::jsonb)";
        let loan: Uuid = shop.value(sql, &[&listing, &metadata]);
        let same = "SELECT metadata = $2::text::jsonb AND metadata::text = ($2::text::jsonb)::text FROM get_loan($1)";
        assert!(shop.value::<bool>(same, &[&loan, &metadata]), "{metadata}");
    }
}

#[test]
fn a_borrowers_history_is_told_newest_first() {
    let mut shop = Shop::open();
    library(&mut shop);
    let history = |more: &str| {
        format!(
            "SELECT sku, state, quantity, quantity_out, quantity_lost FROM loans_of('ann'{more})"
        )
    };
    assert_eq!(
        shop.texts(&history("")),
        ["BOOK|open|2|2|0", "FILM|overdue|3|2|1", "BOOK|closed|1|0|0"]
    );
    assert_eq!(
        shop.texts(&history(", only_open => true")),
        ["BOOK|open|2|2|0", "FILM|overdue|3|2|1"]
    );
    assert_eq!(shop.texts("SELECT * FROM loans_of('nobody')"), [""; 0]);
    // History outlives what was lent.
    shop.run(
        "SELECT return_stock(loan_id) FROM stock_loans WHERE is_open;
         SELECT delete_listing(listing_id) FROM stock_listings",
    );
    assert_eq!(
        shop.texts(&history("")),
        [
            "NULL|closed|2|0|0",
            "NULL|closed|3|0|1",
            "NULL|closed|1|0|0"
        ]
    );
    shop.verify();
}

#[test]
fn what_is_overdue_is_told_longest_first() {
    let mut shop = Shop::open();
    let (_, film) = library(&mut shop);
    let overdue = |arguments: &str| {
        format!(
            "SELECT sku, borrower, contact_info, quantity_out, due_at AT TIME ZONE 'UTC', overdue
               FROM overdue_loans({arguments})"
        )
    };
    let (bobs, anns) = (
        "BOOK|bob|bob@example.org|4|2000-01-01 12:00:00",
        "FILM|ann|NULL|2|2001-01-01 12:00:00",
    );
    assert_eq!(
        shop.texts(&overdue("'2001-01-02 14:30Z'")),
        [
            format!("{bobs}|367 days 02:30:00"),
            format!("{anns}|1 day 02:30:00")
        ]
    );
    // At the moment itself it is not late yet; and a day still to come may be asked for.
    assert_eq!(
        shop.texts(&overdue("'2001-01-01 12:00Z'")),
        [format!("{bobs}|366 days")]
    );
    let count = |arguments: &str| format!("SELECT count(*) FROM overdue_loans({arguments})");
    for (arguments, loans) in [
        ("", "2"),
        ("'1999-01-01'", "0"),
        ("'2100-01-01'", "3"),
        (&format!("listing_id => '{film}'"), "1"),
        ("listing_id => gen_random_uuid()", "0"),
    ] {
        assert_eq!(shop.text(&count(arguments)), loans, "{arguments}");
    }
    shop.verify();
}
