//! adjust_stock: a number is set right, where nobody has a claim on it.

use crate::api::shop::Shop;
use uuid::Uuid;

#[test]
fn units_are_added_and_taken() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    assert_eq!(
        shop.units(&format!("adjust_stock('{lot}', -3, 'broken')")),
        7
    );
    assert_eq!(
        shop.units(&format!(
            "adjust_stock('{lot}', 5, 'found', expected => 7, reference => 'T-1')"
        )),
        12
    );
    assert_eq!(
        shop.units(&format!("adjust_stock('{lot}', 0, 'nothing')")),
        12
    );
    assert_eq!(shop.numbers(listing), (12, 0, 12));
    assert_eq!(
        shop.lines_from(listing, 2),
        ["adjust 10→7 broken", "adjust 7→12 found"]
    );
    assert_eq!(
        shop.texts("SELECT reference FROM stock_movements WHERE version = 3"),
        ["T-1"]
    );
    assert_eq!(shop.units(&format!("adjust_stock('{lot}', -12, 'all')")), 0);
    shop.prove();
}

#[test]
fn a_stale_reading_is_refused() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let before = shop.everything();
    let error = shop.error("SELECT adjust_stock($1, 1, 'x', expected => 9)", &[&lot]);
    assert_eq!(error.name(), "stale_count");
    assert_eq!(
        (error.field("expected"), error.field("actual")),
        (9.into(), 10.into())
    );
    assert_eq!(shop.everything(), before, "an error leaves no trace");
}

#[test]
fn more_than_there_is_or_beyond_an_integer() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let call = format!("adjust_stock('{lot}', -11, 'x')");
    assert_eq!(
        shop.refused(&call, "available"),
        ("insufficient_stock".to_owned(), "10".to_owned())
    );
    let call = format!("adjust_stock('{lot}', 2147483638, 'x')");
    assert_eq!(shop.refused(&call, "what").0, "quantity_out_of_range");
    let call = format!("adjust_stock('{}', 1, 'x')", Uuid::new_v4());
    assert_eq!(shop.refused(&call, "lot_id").0, "lot_not_found");
    shop.prove();
}
