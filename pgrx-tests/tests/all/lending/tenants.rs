//! Tenants in one database: nothing of another's loans is seen, ended or stands in the way.

use crate::api::shop::Shop;
use uuid::Uuid;

const ANNE: Uuid = Uuid::from_u128(0xaaaaaaaa_0000_0000_0000_000000000000);
const BERT: Uuid = Uuid::from_u128(0xbbbbbbbb_0000_0000_0000_000000000000);

fn become_tenant(shop: &mut Shop, tenant: Uuid) {
    shop.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
}

#[test]
fn another_tenants_loans_are_invisible_to_every_function() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let listing = shop.stocked(9);
    let sql = "SELECT borrow_stock($1, 'x', 3, '2001-01-01', idempotency_key => 'k')";
    let loan: Uuid = shop.value(sql, &[&listing]);
    let hold = shop.hold(listing, 1);
    become_tenant(&mut shop, BERT);
    let before = shop.everything();
    for call in [
        "return_stock($1)",
        "return_stock($1, 1, 'x')",
        "lose_stock($1, 1, 'x')",
        "extend_loan($1, '2099-01-01')",
        "get_loan($1)",
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[&loan]);
        assert_eq!(error.name(), "loan_not_found", "{call}");
    }
    for (call, name) in [
        ("borrow_stock($1, 'x', 1)", "listing_not_found"),
        (
            "borrow_stock($1, 'x', 3, idempotency_key => 'k')",
            "listing_not_found",
        ),
        (
            "borrow_stock(NULL, 'x', 1, hold_id => $1)",
            "hold_not_found",
        ),
    ] {
        let key = if call.contains("hold_id") {
            hold
        } else {
            listing
        };
        let error = shop.error(&format!("SELECT {call}"), &[&key]);
        assert_eq!(error.name(), name, "{call}");
    }
    for table in ["loans_of('x')", "overdue_loans()", "verify_stock()"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(shop.text(&count), "0", "{table}");
    }
    assert_eq!(shop.everything(), before);
}

/// That a key is a loan elsewhere is not told: here it is an order like any other.
#[test]
fn another_tenants_loan_is_an_order_like_any_other() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let theirs = shop.stocked(9);
    let loan = shop.lend(theirs, "x", 3);
    become_tenant(&mut shop, BERT);
    let listing = shop.listing();
    let lot = shop.receive(listing, 9);
    shop.rows("SELECT allocate_stock($1, $2, 2)", &[&listing, &loan]);
    shop.rows(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ($1, $2, 3)",
        &[&lot, &loan],
    );
    shop.rows(
        "UPDATE stock_allocations SET quantity = 4 WHERE lot_id = $1 AND quantity = 3",
        &[&lot],
    );
    let released: i32 = shop.value("SELECT release_allocations($1)", &[&loan]);
    assert_eq!(released, 6);
    shop.rows("DELETE FROM stock_allocations WHERE lot_id = $1", &[&lot]);
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    shop.verify();
    become_tenant(&mut shop, ANNE);
    assert_eq!(shop.loan(loan), "open 3 0 0");
    assert_eq!(shop.numbers(theirs), (6, 3, 9));
    shop.verify();
}
