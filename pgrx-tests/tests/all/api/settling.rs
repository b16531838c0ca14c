//! How claims end: release_allocations and fulfill_allocations, whole, by listing and in part.

use super::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

fn row(units: i32, status: &str) -> (i32, String) {
    (units, status.to_owned())
}

#[test]
fn release_frees_the_whole_order() {
    let mut shop = Shop::open();
    let (first, second) = (shop.stocked(5), shop.stocked(4));
    let order = shop.allocate(first, 3);
    let other = shop.allocate(first, 1);
    shop.rows("SELECT allocate_stock($1, $2, 2)", &[&second, &order]);
    let released: i32 = shop.value("SELECT release_allocations($1)", &[&order]);
    assert_eq!(released, 5);
    assert_eq!(
        shop.allocations(order),
        [row(2, "released"), row(3, "released")]
    );
    assert_eq!(
        shop.allocations(other),
        [row(1, "active")],
        "not the others'"
    );
    assert_eq!(shop.numbers(first), (4, 1, 5));
    assert_eq!(shop.numbers(second), (4, 0, 4));
    // Nothing active: nothing to do, and no error.
    for function in ["release_allocations", "fulfill_allocations"] {
        for order in [order, Uuid::new_v4()] {
            let units: i32 = shop.value(&format!("SELECT {function}($1)"), &[&order]);
            assert_eq!(units, 0);
        }
    }
    shop.verify();
}

#[test]
fn fulfil_lowers_exactly_the_lots_that_were_claimed() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [
        shop.receive_at(listing, 2, ORISON),
        shop.receive(listing, 9),
    ];
    let untouched = shop.receive(listing, 4);
    let order = shop.allocate(listing, 6);
    let fulfilled: i32 = shop.value("SELECT fulfill_allocations($1)", &[&order]);
    assert_eq!(fulfilled, 6);
    assert_eq!(
        shop.allocations(order),
        [row(2, "fulfilled"), row(4, "fulfilled")]
    );
    // A lot that reaches 0 stays.
    assert_eq!(shop.lot(lots[0]), (0, 0));
    assert_eq!(shop.lot(lots[1]), (5, 0));
    assert_eq!(shop.lot(untouched), (4, 0));
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    let at = "SELECT get_total_stock($1, $2)";
    assert_eq!(shop.value::<i32>(at, &[&listing, &ORISON]), 0);
    shop.verify();
}

#[test]
fn a_listing_limits_what_ends() {
    let mut shop = Shop::open();
    let (first, second) = (shop.stocked(5), shop.stocked(5));
    for (function, status) in [
        ("release_allocations", "released"),
        ("fulfill_allocations", "fulfilled"),
    ] {
        let order = shop.allocate(first, 1);
        shop.rows("SELECT allocate_stock($1, $2, 2)", &[&second, &order]);
        let sql = format!("SELECT {function}($1, $2)");
        assert_eq!(shop.value::<i32>(&sql, &[&order, &second]), 2);
        assert_eq!(shop.allocations(order), [row(1, "active"), row(2, status)]);
        assert_eq!(shop.value::<i32>(&sql, &[&order, &Uuid::new_v4()]), 0);
        shop.verify();
    }
    assert_eq!(shop.numbers(second), (3, 0, 3));
}

/// Ended in part, the row keeps the rest and stays active; the part is a new row, which remembers
/// when the claim was made.
#[test]
fn a_part_becomes_a_row_of_its_own() {
    let mut shop = Shop::open();
    for (function, status, total) in [
        ("release_allocations", "released", 10),
        ("fulfill_allocations", "fulfilled", 7),
    ] {
        let listing = shop.listing();
        let lot = shop.receive(listing, 10);
        let order = shop.allocate(listing, 8);
        let sql = "SELECT allocation_id FROM stock_allocations WHERE order_id = $1";
        let key: Uuid = shop.value(sql, &[&order]);
        let sql = format!("SELECT {function}($1, quantity => 3)");
        assert_eq!(shop.value::<i32>(&sql, &[&order]), 3);
        let sql = "SELECT allocation_id = $2, quantity, status, lot_id,
                          created_at = min(created_at) OVER (), allocation_id::text
                     FROM stock_allocations WHERE order_id = $1 ORDER BY allocation_id = $2 DESC";
        let rows = shop.rows(sql, &[&order, &key]);
        let rows: Vec<(bool, i32, String, Uuid, bool)> = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
            .collect();
        let expected = [
            (true, 5, "active".to_owned(), lot, true),
            (false, 3, status.to_owned(), lot, true),
        ];
        assert_eq!(rows, expected);
        assert_eq!(shop.lot(lot), (total, 5));
        assert_eq!(shop.numbers(listing), (total - 5, 5, total));
        // The rest goes as one.
        let sql = format!("SELECT {function}($1)");
        assert_eq!(shop.value::<i32>(&sql, &[&order]), 5);
        assert_eq!(shop.allocations(order), [row(3, status), row(5, status)]);
        shop.verify();
    }
}

/// The order has three claims of 2, made one after the other. Fulfilled in part, the oldest go
/// first; released in part, the newest.
#[test]
fn parts_are_taken_from_the_right_end() {
    let mut shop = Shop::open();
    for (function, status, expected) in [
        ("fulfill_allocations", "fulfilled", [0, 1, 2]),
        ("release_allocations", "released", [2, 1, 0]),
    ] {
        let listing = shop.listing();
        let lots: Vec<Uuid> = (0..3).map(|_| shop.receive(listing, 2)).collect();
        let order = Uuid::new_v4();
        for _ in 0..3 {
            shop.rows("SELECT allocate_stock($1, $2, 2)", &[&listing, &order]);
        }
        let sql = format!("SELECT {function}($1, $2, 3)");
        assert_eq!(shop.value::<i32>(&sql, &[&order, &listing]), 3);
        let sql = "SELECT coalesce(sum(quantity) FILTER (WHERE status = $2), 0)::int
                     FROM stock_allocations WHERE lot_id = $1";
        let ended = expected.map(|n| shop.value::<i32>(sql, &[&lots[n], &status]));
        assert_eq!(ended, [2, 1, 0], "{function}");
        shop.verify();
    }
}

/// A client's own rows carry random keys; which claim is the older is what created_at says.
#[test]
fn the_oldest_of_a_clients_own_claims_goes_first() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [shop.receive(listing, 2), shop.receive(listing, 2)];
    let order = Uuid::new_v4();
    let sql =
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity, created_at)
               VALUES ($1, $2, $3, 2, now() - $4::int * interval '1 hour')";
    let keys = [Uuid::from_u128(2), Uuid::from_u128(1)];
    shop.rows(sql, &[&keys[0], &lots[0], &order, &2]);
    shop.rows(sql, &[&keys[1], &lots[1], &order, &1]);
    let fulfilled: i32 = shop.value("SELECT fulfill_allocations($1, quantity => 2)", &[&order]);
    assert_eq!(fulfilled, 2);
    assert_eq!((shop.lot(lots[0]), shop.lot(lots[1])), ((0, 0), (2, 2)));
    shop.verify();
}

#[test]
fn more_than_is_active_is_refused() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let order = shop.allocate(listing, 4);
    let before = shop.everything();
    for function in ["release_allocations", "fulfill_allocations"] {
        let error = shop.error(&format!("SELECT {function}($1, quantity => 5)"), &[&order]);
        assert_eq!(error.name(), "allocation_not_active");
        assert_eq!(
            (error.field("requested"), error.field("active")),
            (json!(5), json!(4))
        );
        let sql = format!("SELECT {function}($1, $2, 1)");
        let error = shop.error(&sql, &[&order, &Uuid::new_v4()]);
        assert_eq!(
            (error.field("requested"), error.field("active")),
            (json!(1), json!(0))
        );
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// Two full listings in one order are more units than an integer holds. Each can be ended alone.
#[test]
fn an_order_of_more_units_than_an_integer_can_be_ended_by_listing() {
    let mut shop = Shop::open();
    let listings = [shop.stocked(i32::MAX), shop.stocked(i32::MAX)];
    let order = Uuid::new_v4();
    for listing in listings {
        let sql = "SELECT allocate_stock($1, $2, 2147483647)";
        shop.rows(sql, &[&listing, &order]);
    }
    let error = shop.error("SELECT release_allocations($1)", &[&order]);
    assert_eq!(error.name(), "quantity_out_of_range");
    assert_eq!(error.field("value"), 4_294_967_294_i64);
    let sql = "SELECT release_allocations($1, $2)";
    assert_eq!(shop.value::<i32>(sql, &[&order, &listings[0]]), i32::MAX);
    let sql = "SELECT fulfill_allocations($1, $2)";
    assert_eq!(shop.value::<i32>(sql, &[&order, &listings[1]]), i32::MAX);
    assert_eq!(shop.numbers(listings[0]), (i32::MAX, 0, i32::MAX));
    assert_eq!(shop.numbers(listings[1]), (0, 0, 0));
    shop.verify();
}
