//! merge_lots: two lots that are alike become one, and nothing that was known of either is lost.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

#[test]
fn units_and_allocations_go_over_and_the_empty_lot_stays() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let (from, into) = (shop.receive(listing, 10), shop.receive(listing, 5));
    // All of the first, and a part of the second.
    let order = shop.allocate(listing, 12);
    let past = shop.allocate(listing, 1);
    shop.rows("SELECT release_allocations($1)", &[&past]);
    assert_eq!(
        shop.units(&format!("merge_lots('{from}', '{into}', 'tidy')")),
        15
    );
    assert_eq!((shop.lot(from), shop.lot(into)), ((0, 0), (15, 12)));
    assert_eq!(shop.numbers(listing), (3, 12, 15));
    assert_eq!(
        shop.lines_from(listing, 3),
        ["transfer_out 10→0 tidy", "transfer_in 5→15 tidy"]
    );
    shop.prove();
    // What follows finds them where they are.
    shop.rows("SELECT release_allocations($1, quantity => 3)", &[&order]);
    shop.rows("SELECT fulfill_allocations($1)", &[&order]);
    assert_eq!(shop.lot(into), (6, 0));
    shop.prove();
}

#[test]
fn an_empty_lot_may_be_merged_and_leaves_no_line() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let (from, into) = (shop.receive(listing, 1), shop.receive(listing, 5));
    shop.units(&format!("adjust_stock('{from}', -1, 'x')"));
    assert_eq!(shop.units(&format!("merge_lots('{from}', '{into}')")), 5);
    assert_eq!(shop.lines(listing).len(), 3);
    shop.prove();
}

#[test]
fn lots_that_differ_stay_apart() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 5);
    for (set, problem) in [
        ("expires_on = '2100-01-01'", "has another expires_on"),
        ("unit_cost = 1", "has another unit_cost"),
        ("lot_code = 'B1'", "has another lot_code"),
        ("owner_id = gen_random_uuid()", "has another owner"),
        ("listed = false", "has another listed"),
        ("condition = 'damaged'", "has another condition"),
        (
            "location_id = '00000000-0000-8000-8000-000000000001'",
            "lies in another place: use transfer_stock",
        ),
    ] {
        let other = shop.receive(listing, 5);
        shop.run(&format!(
            "UPDATE stock_lots SET {set} WHERE lot_id = '{other}'"
        ));
        for (from, into) in [(lot, other), (other, lot)] {
            shop.assert_bad(
                &format!("merge_lots('{from}', '{into}')"),
                "into_lot",
                problem,
            );
        }
    }
    let of_another = shop.listing();
    let other = shop.receive(of_another, 5);
    shop.assert_bad(
        &format!("merge_lots('{lot}', '{other}')"),
        "into_lot",
        "has another listing",
    );
    shop.assert_bad(
        &format!("merge_lots('{lot}', '{lot}')"),
        "into_lot",
        "is the same lot",
    );
    // The same holds where goods are brought there.
    let there = shop.key(&format!(
        "receive_stock('{listing}', 5, '{ORISON}', unit_cost => 7)"
    ));
    let call = format!("transfer_stock('{lot}', 1, '{ORISON}', '{there}')");
    shop.assert_bad(&call, "into_lot", "has another unit_cost");
    for call in [
        format!("merge_lots('{}', '{lot}')", Uuid::new_v4()),
        format!("merge_lots('{lot}', '{}')", Uuid::new_v4()),
    ] {
        assert_eq!(shop.refused(&call, "lot_id").0, "lot_not_found");
    }
    shop.prove();
}

#[test]
fn a_lot_holds_no_more_than_an_integer() {
    let mut shop = Shop::open();
    // Two lots of one listing cannot be beyond it together, but the sum on the way could be.
    let listing = shop.listing();
    let (from, into) = (
        shop.receive(listing, 1_000_000_000),
        shop.receive(listing, 1_147_483_647),
    );
    assert_eq!(
        shop.units(&format!("merge_lots('{from}', '{into}')")),
        i32::MAX
    );
    shop.prove();
}
