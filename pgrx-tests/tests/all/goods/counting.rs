//! count_stock: a stocktake of one lot.

use crate::api::shop::Shop;

#[test]
fn the_difference_is_answered_and_written() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    assert_eq!(
        shop.units(&format!("count_stock('{lot}', 8, 10, 'spring')")),
        -2
    );
    assert_eq!(shop.units(&format!("count_stock('{lot}', 11)")), 3);
    assert_eq!(shop.units(&format!("count_stock('{lot}', 11)")), 0);
    assert_eq!(shop.units(&format!("count_stock('{lot}', 0)")), -11);
    assert_eq!(
        shop.lines_from(listing, 2),
        ["count 10→8 spring", "count 8→11", "count 11→0"],
        "no difference, no line"
    );
    assert_eq!(shop.numbers(listing), (0, 0, 0));
    shop.prove();
}

#[test]
fn a_count_over_a_stale_reading_is_refused() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let order = shop.allocate(listing, 2);
    shop.rows("SELECT fulfill_allocations($1)", &[&order]);
    let call = format!("count_stock('{lot}', 10, expected => 10)");
    assert_eq!(
        shop.refused(&call, "actual"),
        ("stale_count".to_owned(), "8".to_owned())
    );
    // Even where it would change nothing.
    let call = format!("count_stock('{lot}', 8, expected => 10)");
    assert_eq!(shop.refused(&call, "actual").0, "stale_count");
    assert_eq!(
        shop.units(&format!("count_stock('{lot}', 9, expected => 8)")),
        1
    );
    shop.prove();
}
