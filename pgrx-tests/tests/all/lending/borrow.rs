//! borrow_stock: units are handed out, and stay what the library owns.

use crate::api::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn what_is_lent_is_still_there_and_not_to_be_had() {
    let mut shop = Shop::open();
    let listing: Uuid = shop.value("SELECT register_listing('BOOK')", &[]);
    let lots = [shop.receive(listing, 3), shop.receive(listing, 4)];
    let movements = shop.movements(listing);
    let loan: Uuid = shop.value(
        "SELECT borrow_stock($1, 'ann', 5, '2099-02-03 10:00Z', 'ann@example.org', metadata => '{\"desk\": 7}')",
        &[&listing],
    );
    // Available, reserved and total.
    assert_eq!(shop.numbers(listing), (2, 5, 7));
    assert_eq!(lots.map(|lot| shop.lot(lot)), [(3, 3), (4, 2)]);
    let active = |units| (units, "active".to_owned());
    assert_eq!(shop.allocations(loan), [active(2), active(3)]);
    assert_eq!(shop.movements(listing), movements, "no unit has moved");
    let row: Value = shop.value(
        "SELECT to_jsonb(n) - '{borrowed_at, updated_at}'::text[] FROM stock_loans n",
        &[],
    );
    let expected = json!({
        "loan_id": loan.to_string(), "tenant_id": Uuid::nil().to_string(), "listing_id": listing.to_string(),
        "borrower": "ann", "contact_info": "ann@example.org", "quantity": 5, "quantity_returned": 0,
        "quantity_lost": 0, "is_open": true, "due_at": row["due_at"], "hold_id": null,
        "metadata": {"desk": 7}, "closed_at": null,
    });
    assert_eq!(row, expected);
    let due = "SELECT due_at = '2099-02-03 10:00Z' AND borrowed_at <= clock_timestamp()
                      AND borrowed_at > now() - interval '1 minute' FROM stock_loans";
    assert!(shop.value::<bool>(due, &[]));
    shop.verify();
}

#[test]
fn lots_are_chosen_as_for_an_order() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    for (units, place) in [(5, ORISON), (9, LORVILLE), (5, UNSPECIFIED)] {
        shop.receive_at(listing, units, place);
    }
    for (more, place) in [
        ("", "Orison 2"),
        (", strategy => 'lifo'", "Unspecified 2"),
        (", strategy => 'largest_first'", "Lorville 2"),
        (
            ", location_id => '00000000-0000-8000-8000-000000000002'",
            "Lorville 2",
        ),
    ] {
        let sql = format!("SELECT borrow_stock($1, 'ann', 2{more})");
        let loan: Uuid = shop.value(&sql, &[&listing]);
        assert_eq!(shop.claims_at(loan), [place], "{more}");
        shop.bring_back(loan, 2);
    }
    shop.verify();
}

#[test]
fn what_is_not_there_is_not_lent() {
    let mut shop = Shop::open();
    let listing = shop.limited(9, 2, 5);
    shop.receive_at(listing, 1, ORISON);
    shop.hold(listing, 3);
    // 10 less 3 held less 2 of safety stock; and nobody lends a backorder.
    let before = shop.everything();
    for (more, requested, available) in [
        ("6", 6, 5),
        (
            "2, location_id => '00000000-0000-8000-8000-000000000001'",
            2,
            1,
        ),
        ("6, idempotency_key => 'k'", 6, 5),
    ] {
        let call = format!("borrow_stock('{listing}', 'ann', {more}");
        let error = shop.error(&format!("SELECT {call})"), &[]);
        assert_eq!(error.name(), "insufficient_stock", "{more}");
        assert_eq!(
            (error.field("requested"), error.field("available")),
            (json!(requested), json!(available))
        );
        let quiet = format!("SELECT {call}, on_short => 'answer') IS NULL");
        assert_eq!(shop.text(&quiet), "t");
    }
    assert_eq!(shop.everything(), before);
    shop.lend(listing, "ann", 5);
    shop.verify();
}

/// A refusal takes no transaction id.
#[test]
fn a_refusal_writes_nothing() {
    let mut shop = Shop::open();
    let listing = shop.stocked(1);
    let loan = shop.lend(listing, "ann", 1);
    let other = shop.stocked(1);
    let hold = shop.expired_hold(other, 1);
    for call in [
        format!("borrow_stock('{listing}', 'bob', 1, on_short => 'answer')"),
        format!(
            "borrow_stock('{listing}', 'bob', 1, on_short => 'answer', idempotency_key => 'k')"
        ),
    ] {
        shop.run("BEGIN");
        assert_eq!(shop.text(&format!("SELECT {call} IS NULL")), "t");
        let sql = "SELECT pg_current_xact_id_if_assigned() IS NULL";
        assert!(shop.value::<bool>(sql, &[]), "{call}");
        shop.run("COMMIT");
    }
    let before = shop.everything();
    for call in [
        format!("borrow_stock(NULL, 'bob', 1, hold_id => '{hold}', on_short => 'answer')"),
        format!("return_stock('{loan}', 2)"),
        format!("return_stock('{hold}')"),
    ] {
        shop.error(&format!("SELECT {call}"), &[]);
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// A lot past its date is not handed out, nor one that is not listed.
#[test]
fn only_good_lots_are_lent() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.rows(
        "SELECT receive_stock($1, 5, expires_on => '2001-01-01'), receive_stock($1, 5, listed => false)",
        &[&listing],
    );
    let error = shop.error("SELECT borrow_stock($1, 'ann', 1)", &[&listing]);
    assert_eq!(error.name(), "insufficient_stock");
    shop.verify();
}
