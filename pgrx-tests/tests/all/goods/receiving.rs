//! receive_stock: as a new lot or into one that is there, and what the ledger says of it.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

#[test]
fn a_delivery_says_why_when_and_to_what_it_belongs() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.run("SET stockroom.reason = 'the session says so'; SET stockroom.actor = 'anne'");
    shop.key(&format!(
        "receive_stock('{listing}', 5, reason => 'late', reference => 'DN-7', effective_at => '2020-02-03 04:05Z')"
    ));
    shop.key(&format!("receive_stock('{listing}', 2)"));
    let lines = shop.texts(
        "SELECT movement_type, delta, reason, reference, actor, effective_at = '2020-02-03 04:05Z',
                effective_at = recorded_at
           FROM stock_movements ORDER BY version",
    );
    assert_eq!(
        lines,
        [
            "receive|5|late|DN-7|anne|t|f",
            "receive|2|the session says so|NULL|anne|f|t"
        ]
    );
    shop.prove();
}

#[test]
fn a_delivery_goes_into_a_lot_that_is_there() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.key(&format!(
        "receive_stock('{listing}', 5, '{ORISON}', lot_code => 'B1', expires_on => '2100-01-01', unit_cost => 2)"
    ));
    let again = shop.key(&format!(
        "receive_stock('{listing}', 3, into_lot => '{lot}')"
    ));
    assert_eq!(again, lot);
    // What is said of the lot is as it is.
    shop.key(&format!(
        "receive_stock('{listing}', 1, '{ORISON}', lot_code => 'B1', expires_on => '2100-01-01', unit_cost => 2.0,
                       into_lot => '{lot}')"
    ));
    assert_eq!(shop.lots(listing), ["Orison 0/9 good"]);
    assert_eq!(
        shop.lines(listing),
        ["receive 0→5", "receive 5→8", "receive 8→9"]
    );
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    for (more, argument) in [
        (", '00000000-0000-8000-8000-000000000002'", "location_id"),
        (", lot_code => 'B2'", "lot_code"),
        (", expires_on => '2100-01-02'", "expires_on"),
        (", unit_cost => 3", "unit_cost"),
        (", notes => 'torn'", "notes"),
        (", owner_id => gen_random_uuid()", "owner_id"),
        (", listed => false", "listed"),
    ] {
        let call = format!("receive_stock('{listing}', 1{more}, into_lot => '{lot}')");
        let problem = "is not what into_lot has: leave it out";
        shop.assert_bad(&call, argument, problem);
    }
    let other = shop.listing();
    let call = format!("receive_stock('{other}', 1, into_lot => '{lot}')");
    let problem = "is not what into_lot has: leave it out";
    shop.assert_bad(&call, "listing_id", problem);
    let nothing = Uuid::new_v4();
    let call = format!("receive_stock('{listing}', 1, into_lot => '{nothing}')");
    assert_eq!(shop.refused(&call, "lot_id").0, "lot_not_found");
    shop.prove();
}

#[test]
fn what_comes_into_a_lot_goes_to_whoever_waits() {
    let mut shop = Shop::open();
    let listing = shop.limited(1, 0, 10);
    let lot = shop.text("SELECT lot_id FROM stock_lots");
    let (hold, order) = (shop.hold(listing, 4), Uuid::new_v4());
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    assert_eq!(shop.hold_state(hold), "waiting 3");
    shop.key(&format!(
        "receive_stock('{listing}', 2, into_lot => '{lot}')"
    ));
    assert_eq!(shop.hold_state(hold), "waiting 1");
    shop.units(&format!("adjust_stock('{lot}', 5, 'found')"));
    assert_eq!(shop.hold_state(hold), "confirmed 1");
    assert_eq!(shop.lots(listing), ["Unspecified 4/8 good"]);
    shop.prove();
}
