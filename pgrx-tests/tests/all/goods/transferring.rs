//! transfer_stock and split_lot: whole lots move as they are, parts become lots of their own.

use crate::api::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn all_of_a_lot_moves_with_its_allocations() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let order = shop.allocate(listing, 4);
    for (quantity, place, name) in [("NULL", ORISON, "Orison"), ("10", LORVILLE, "Lorville")] {
        let moved = shop.key(&format!("transfer_stock('{lot}', {quantity}, '{place}')"));
        assert_eq!(moved, lot);
        assert_eq!(shop.lots(listing), [format!("{name} 4/10 good")]);
        assert_eq!(shop.claims_at(order), [format!("{name} 4")]);
        shop.prove();
    }
    assert_eq!(shop.numbers(listing), (6, 4, 10));
    assert_eq!(
        shop.lines(listing),
        [
            "receive 0→10",
            "transfer_out 10→0",
            "transfer_in 0→10",
            "transfer_out 10→0",
            "transfer_in 0→10",
        ]
    );
    // The order is fulfilled from where it lies now.
    shop.rows("SELECT fulfill_allocations($1)", &[&order]);
    assert_eq!(shop.lots(listing), ["Lorville 0/6 good"]);
    shop.prove();
}

/// What two lots must have in common, and the quantity.
fn likeness(shop: &mut Shop, lot: Uuid) -> Value {
    let sql = "SELECT to_jsonb(l) - '{lot_id, location_id, quantity_total, quantity_allocated, updated_at}'::text[]
                 FROM stock_lots l WHERE lot_id = $1";
    shop.value(sql, &[&lot])
}

#[test]
fn a_part_becomes_a_lot_that_is_like_the_old_one() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let owner = Uuid::new_v4();
    let lot = shop.key(&format!(
        "receive_stock('{listing}', 10, '{ORISON}', '{owner}', 'B1', '2100-01-01', 2.5, 'fragile', false)"
    ));
    shop.run("SELECT pg_sleep(0.01)");
    let there = shop.key(&format!(
        "transfer_stock('{lot}', 4, '{LORVILLE}', reason => 'shelf', reference => 'T-1')"
    ));
    let here = shop.key(&format!("split_lot('{lot}', 1)"));
    for new in [there, here] {
        assert_ne!(new, lot);
        assert_eq!(likeness(&mut shop, new), likeness(&mut shop, lot));
    }
    assert_eq!(
        shop.lots(listing),
        ["Orison 0/1 good", "Orison 0/5 good", "Lorville 0/4 good"]
    );
    assert_eq!(
        shop.lines_from(listing, 2),
        [
            "transfer_out 10→6 shelf",
            "transfer_in 0→4 shelf",
            "transfer_out 6→5",
            "transfer_in 0→1",
        ]
    );
    let costs = shop.texts("SELECT DISTINCT unit_cost FROM stock_movements");
    assert_eq!(costs, ["2.5000"], "each line has the cost of its lot");
    shop.prove();
}

#[test]
fn only_free_units_leave_a_lot_in_parts() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    shop.allocate(listing, 6);
    shop.key(&format!("transfer_stock('{lot}', 2, '{ORISON}')"));
    shop.key(&format!("split_lot('{lot}', 2)"));
    assert_eq!(
        shop.lots(listing),
        [
            "Unspecified 0/2 good",
            "Unspecified 6/6 good",
            "Orison 0/2 good"
        ]
    );
    for call in [
        format!("transfer_stock('{lot}', 1, '{ORISON}')"),
        format!("split_lot('{lot}', 1)"),
    ] {
        assert_eq!(
            shop.refused(&call, "over_by"),
            ("stock_committed".to_owned(), "1".to_owned())
        );
    }
    for call in [
        format!("transfer_stock('{lot}', 7, '{ORISON}')"),
        format!("split_lot('{lot}', 7)"),
    ] {
        let refused = ("insufficient_stock".to_owned(), "6".to_owned());
        assert_eq!(shop.refused(&call, "available"), refused);
    }
    shop.prove();
}

#[test]
fn a_transfer_goes_into_a_lot_that_lies_there() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let from = shop.receive(listing, 10);
    let into = shop.receive_at(listing, 5, ORISON);
    let order = shop.allocate(listing, 2);
    for place in [format!("'{ORISON}'"), "NULL".to_owned()] {
        let to = shop.key(&format!("transfer_stock('{from}', 3, {place}, '{into}')"));
        assert_eq!(to, into);
    }
    assert_eq!((shop.lot(from), shop.lot(into)), ((4, 2), (11, 0)));
    // All of it: what is allocated goes along.
    shop.key(&format!("transfer_stock('{from}', NULL, NULL, '{into}')"));
    assert_eq!((shop.lot(from), shop.lot(into)), ((0, 0), (15, 2)));
    assert_eq!(shop.claims_at(order), ["Orison 2"]);
    assert_eq!(
        shop.lines_from(listing, 7),
        ["transfer_out 4→0", "transfer_in 11→15"]
    );
    shop.prove();
}

#[test]
fn what_a_transfer_cannot_be() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let there = shop.receive_at(listing, 10, ORISON);
    let here = "is where the lot lies";
    for call in [
        format!("transfer_stock('{lot}', 1, '{UNSPECIFIED}')"),
        format!("transfer_stock('{lot}', NULL, '{UNSPECIFIED}', '{there}')"),
    ] {
        shop.assert_bad(&call, "to_location", here);
    }
    let call = format!("transfer_stock('{lot}', 1, '{LORVILLE}', '{there}')");
    shop.assert_bad(&call, "into_lot", "does not lie at to_location");
    let call = format!("transfer_stock('{lot}', 1, NULL, '{lot}')");
    shop.assert_bad(&call, "into_lot", "is the same lot");
    let call = format!("transfer_stock('{lot}', 1)");
    shop.assert_bad(&call, "to_location", "must not be NULL");
    let call = format!("split_lot('{lot}', 10)");
    shop.assert_bad(&call, "quantity", "must leave something in the lot");
    let nowhere = Uuid::new_v4();
    let call = format!("transfer_stock('{lot}', 1, '{nowhere}')");
    assert_eq!(
        shop.refused(&call, "location_id"),
        (
            "location_not_found".to_owned(),
            json!(nowhere.to_string()).to_string()
        )
    );
    shop.prove();
}

#[test]
fn an_empty_lot_moves_without_a_line() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 1);
    shop.units(&format!("adjust_stock('{lot}', -1, 'x')"));
    shop.key(&format!(
        "transfer_stock('{lot}', to_location => '{ORISON}')"
    ));
    assert_eq!(shop.lots(listing), ["Orison 0/0 good"]);
    assert_eq!(shop.lines(listing).len(), 2);
    shop.prove();
}
