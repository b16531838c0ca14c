//! return_stock and lose_stock: in parts, to the lots that units came from, and never more than is out.

use crate::api::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

fn released(units: i32) -> (i32, String) {
    (units, "released".to_owned())
}

fn active(units: i32) -> (i32, String) {
    (units, "active".to_owned())
}

#[test]
fn units_come_back_in_parts_to_the_lots_they_came_from() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [
        shop.receive_at(listing, 2, ORISON),
        shop.receive(listing, 4),
    ];
    let movements = shop.movements(listing);
    let loan = shop.lend(listing, "ann", 5);
    assert_eq!(shop.bring_back(loan, 1), 4);
    assert_eq!(shop.loan(loan), "open 4 1 0");
    assert_eq!(shop.allocations(loan), [released(1), active(2), active(2)]);
    assert_eq!(shop.bring_back(loan, 3), 1);
    assert_eq!(lots.map(|lot| shop.lot(lot)), [(2, 1), (4, 0)]);
    assert_eq!(shop.numbers(listing), (5, 1, 6));
    shop.verify();
    let rest: i32 = shop.value("SELECT return_stock($1)", &[&loan]);
    assert_eq!(rest, 0);
    assert_eq!(shop.loan(loan), "closed 0 5 0");
    assert_eq!(lots.map(|lot| shop.lot(lot)), [(2, 0), (4, 0)]);
    assert_eq!(shop.numbers(listing), (6, 0, 6));
    let closed = "SELECT closed_at >= borrowed_at AND closed_at = updated_at FROM stock_loans";
    assert!(shop.value::<bool>(closed, &[]));
    assert_eq!(shop.movements(listing), movements, "no unit has moved");
    shop.verify();
}

/// The lot may have changed meanwhile; it is the same lot.
#[test]
fn units_come_back_to_their_lot_whatever_it_is_by_then() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 4);
    let loan = shop.lend(listing, "ann", 3);
    shop.rows(
        "UPDATE stock_lots SET expires_on = '2001-01-01', location_id = $1",
        &[&ORISON],
    );
    shop.receive(listing, 9);
    assert_eq!(shop.bring_back(loan, 3), 0);
    assert_eq!(shop.lot(lot), (4, 0));
    shop.verify();
}

#[test]
fn what_is_lost_shrinks_its_lot_and_is_in_the_ledger() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 5);
    let loan = shop.lend(listing, "ann", 4);
    let lose = "SELECT lose_stock($1, $2, $3)";
    let out: i32 = shop.value(lose, &[&loan, &1, &"fell into the sea"]);
    assert_eq!(out, 3);
    assert_eq!(shop.lot(lot), (4, 3));
    assert_eq!(shop.numbers(listing), (1, 3, 4));
    assert_eq!(shop.loan(loan), "open 3 0 1");
    assert_eq!(shop.bring_back(loan, 1), 2);
    // Without a reason the session's own is taken; without a number, all that is out.
    shop.run("SET stockroom.reason = 'stocktake'");
    let out: i32 = shop.value(lose, &[&loan, &None::<i32>, &None::<&str>]);
    assert_eq!(out, 0);
    assert_eq!(shop.loan(loan), "closed 0 1 3");
    assert_eq!(shop.numbers(listing), (2, 0, 2));
    assert_eq!(
        shop.movements(listing),
        [
            "receive|5|NULL|NULL".to_owned(),
            format!("loss|-1|fell into the sea|{loan}"),
            format!("loss|-2|stocktake|{loan}"),
        ]
    );
    let ended = "SELECT quantity, status FROM stock_allocations ORDER BY 2, 1";
    assert_eq!(
        shop.texts(ended),
        ["1|fulfilled", "2|fulfilled", "1|released"]
    );
    shop.verify();
}

#[test]
fn more_than_is_out_twice_and_what_was_never_lent_are_refused() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 3);
    shop.bring_back(loan, 1);
    let before = shop.everything();
    for call in ["return_stock($1, 3)", "lose_stock($1, 3, 'x')"] {
        let error = shop.error(&format!("SELECT {call}"), &[&loan]);
        assert_eq!(error.name(), "more_than_lent", "{call}");
        assert_eq!(
            (error.field("requested"), error.field("out")),
            (json!(3), json!(2))
        );
    }
    let order = shop.allocate(listing, 2);
    for nobody in [Uuid::new_v4(), order] {
        for call in ["return_stock($1)", "lose_stock($1, 1, 'x')"] {
            let error = shop.error(&format!("SELECT {call}"), &[&nobody]);
            assert_eq!(error.name(), "loan_not_found", "{call}");
        }
    }
    shop.rows("SELECT release_allocations($1)", &[&order]);
    assert_eq!(shop.numbers(listing), (7, 2, 9));
    assert!(
        before.len() < shop.everything().len(),
        "only the order's row came"
    );
    assert_eq!(shop.bring_back(loan, 2), 0);
    let before = shop.everything();
    for call in [
        "return_stock($1)",
        "return_stock($1, 1)",
        "lose_stock($1, 1, 'x')",
        "lose_stock($1, NULL, 'x')",
        "extend_loan($1, '2099-01-01')",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&loan]);
        assert_eq!(error.name(), "loan_closed", "{call}");
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn anothers_loan_is_refused_where_the_borrower_is_named() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 3);
    let before = shop.everything();
    for call in [
        "return_stock($1, 1, borrower => 'bob')",
        "return_stock($1, 1, borrower => 'Ann')",
        "extend_loan($1, '2099-01-01', borrower => 'bob')",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&loan]);
        assert_eq!(error.name(), "not_the_borrower", "{call}");
    }
    assert_eq!(shop.everything(), before);
    let sql = "SELECT return_stock($1, 1, borrower => 'ann')";
    assert_eq!(shop.value::<i32>(sql, &[&loan]), 2);
    // Whether it is open is not told to a stranger.
    shop.bring_back(loan, 2);
    let error = shop.error("SELECT return_stock($1, borrower => 'bob')", &[&loan]);
    assert_eq!(error.name(), "not_the_borrower");
    shop.verify();
}

#[test]
fn a_loan_is_due_at_another_time() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 3);
    // Later, earlier, or in the past: whoever lends says when.
    for due in ["2099-01-01 12:00Z", "2098-01-01Z", "2001-01-01Z"] {
        let sql = format!("SELECT extend_loan('{loan}', '{due}') = '{due}'");
        assert_eq!(shop.text(&sql), "t");
        let kept = format!("SELECT due_at = '{due}' FROM get_loan('{loan}')");
        assert_eq!(shop.text(&kept), "t");
    }
    assert_eq!(shop.loan(loan), "overdue 3 0 0");
    shop.verify();
}

/// A hold that waits for goods gets what comes back.
#[test]
fn what_comes_back_goes_to_who_waits_for_it() {
    let mut shop = Shop::open();
    let listing = shop.limited(3, 0, 5);
    let loan = shop.lend(listing, "ann", 3);
    let (hold, order) = (shop.hold(listing, 2), Uuid::new_v4());
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    assert_eq!(shop.hold_state(hold), "waiting 2");
    shop.bring_back(loan, 1);
    assert_eq!(shop.hold_state(hold), "waiting 1");
    shop.bring_back(loan, 2);
    assert_eq!(shop.hold_state(hold), "confirmed 1");
    assert_eq!(shop.numbers(listing), (1, 2, 3));
    shop.verify();
}

/// Goods that are lost leave nobody's claim uncovered.
#[test]
fn what_is_lost_was_nobody_elses() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let loan = shop.lend(listing, "ann", 3);
    let hold = shop.hold(listing, 2);
    shop.rows("SELECT lose_stock($1, 3, 'x')", &[&loan]);
    assert_eq!(shop.numbers(listing), (0, 2, 2));
    shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    shop.verify();
}
