//! Conditions: only good goods are sold, and the ledger says what became of the others.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

#[test]
fn goods_that_are_not_good_do_not_count_as_available() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let lot = shop.receive_at(listing, 10, ORISON);
    for (condition, line) in [
        (
            "quarantine",
            "condition 10→10 good → quarantine: look at it",
        ),
        (
            "damaged",
            "condition 10→10 quarantine → damaged: look at it",
        ),
        ("expired", "condition 10→10 damaged → expired: look at it"),
    ] {
        let call = format!("set_lot_condition('{lot}', '{condition}', reason => 'look at it')");
        assert_eq!(shop.key(&call), lot);
        assert_eq!(shop.numbers(listing), (5, 0, 15));
        assert_eq!(shop.lines(listing).last().unwrap(), line);
        let order = Uuid::new_v4();
        let error = shop.error(
            "SELECT allocate_stock($1, $2, 1, location_id => $3)",
            &[&listing, &order, &ORISON],
        );
        assert_eq!(error.field("available"), 0, "{condition}");
        let chosen = format!(r#"[{{"lot_id": "{lot}", "quantity": 1}}]"#);
        let error = shop.error(
            "SELECT allocate_lots($1, $2::text::jsonb)",
            &[&order, &chosen],
        );
        assert_eq!(error.name(), "insufficient_stock", "{condition}");
        let why =
            format!("SELECT reason FROM explain_allocation('{listing}', 1) WHERE lot_id = '{lot}'");
        assert_eq!(shop.text(&why), condition);
        shop.prove();
    }
    let lines = shop.lines(listing).len();
    shop.key(&format!("set_lot_condition('{lot}', 'expired')"));
    assert_eq!(shop.lines(listing).len(), lines, "it is expired already");
    shop.key(&format!("set_lot_condition('{lot}', 'good')"));
    assert_eq!(shop.numbers(listing), (15, 0, 15));
    shop.prove();
}

#[test]
fn a_part_is_split_off_first() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    shop.allocate(listing, 6);
    let part = shop.key(&format!("set_lot_condition('{lot}', 'damaged', 3, 'fell')"));
    assert_ne!(part, lot);
    assert_eq!((shop.lot(lot), shop.lot(part)), ((7, 6), (3, 0)));
    assert_eq!(shop.numbers(listing), (1, 6, 10));
    assert_eq!(
        shop.lines_from(listing, 2),
        [
            "transfer_out 10→7 fell",
            "transfer_in 0→3 fell",
            "condition 3→3 good → damaged: fell"
        ]
    );
    let call = format!("set_lot_condition('{lot}', 'damaged', 2)");
    assert_eq!(
        shop.refused(&call, "over_by"),
        ("stock_committed".to_owned(), "1".to_owned())
    );
    shop.prove();
    // And all of the part is the part itself.
    assert_eq!(
        shop.key(&format!("set_lot_condition('{part}', 'quarantine', 3)")),
        part
    );
    shop.prove();
}

#[test]
fn allocated_goods_stay_good_until_they_are_released() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let order = shop.allocate(listing, 1);
    let call = format!("set_lot_condition('{lot}', 'damaged')");
    let error = shop.error(&format!("SELECT {call}"), &[]);
    assert_eq!(error.name(), "stock_committed");
    assert_eq!(error.field("orders")[0], order.to_string());
    let update = format!("UPDATE stock_lots SET condition = 'damaged' WHERE lot_id = '{lot}'");
    let error = shop.error(&update, &[]);
    assert_eq!(
        (error.name().as_str(), error.field("over_by")),
        ("stock_committed", 1.into())
    );
    shop.rows("SELECT release_allocations($1)", &[&order]);
    shop.key(&call);
    assert_eq!(shop.numbers(listing), (0, 0, 10));
    shop.prove();
}

#[test]
fn goods_found_good_go_to_whoever_waits() {
    let mut shop = Shop::open();
    let listing = shop.limited(1, 0, 10);
    let lot = shop.receive(listing, 5);
    shop.key(&format!("set_lot_condition('{lot}', 'quarantine')"));
    let (hold, order) = (shop.hold(listing, 4), Uuid::new_v4());
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    assert_eq!(shop.hold_state(hold), "waiting 3");
    shop.key(&format!("set_lot_condition('{lot}', 'good', 2)"));
    assert_eq!(shop.hold_state(hold), "waiting 1");
    shop.run(&format!(
        "UPDATE stock_lots SET condition = 'good' WHERE lot_id = '{lot}'"
    ));
    assert_eq!(shop.hold_state(hold), "confirmed 1");
    shop.prove();
}

#[test]
fn a_clients_own_update_is_counted_and_written_too() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    let set = |columns: &str| format!("UPDATE stock_lots SET {columns} WHERE lot_id = '{lot}'");
    shop.run("SET stockroom.reason = 'inspection'");
    shop.run(&set("condition = 'damaged'"));
    assert_eq!(shop.numbers(listing), (0, 0, 10));
    shop.run("RESET stockroom.reason");
    // All that a statement can change at once.
    shop.run(&set("condition = 'quarantine', quantity_total = 4"));
    shop.run(&set(&format!(
        "condition = 'good', quantity_total = 6, location_id = '{ORISON}'"
    )));
    shop.run(&set("condition = 'expired', unit_cost = 2"));
    assert_eq!(
        shop.lines_from(listing, 2),
        [
            "condition 10→10 good → damaged: inspection",
            "condition 10→10 damaged → quarantine",
            "adjust 10→4",
            "condition 4→4 quarantine → good",
            "transfer_out 4→0",
            "transfer_in 0→4",
            "adjust 4→6",
            "condition 6→6 good → expired",
        ]
    );
    assert_eq!(shop.numbers(listing), (0, 0, 6));
    shop.prove();
    // New lots may be bad from the start.
    shop.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, condition) VALUES ('{listing}', 5, 'damaged')"
    ));
    assert_eq!(shop.numbers(listing), (0, 0, 11));
    let error = shop.error(&set("condition = 'stale'"), &[]);
    assert_eq!(error.sqlstate, "23514");
    let error = shop.error(&set("sellable = true"), &[]);
    assert_eq!(error.sqlstate, "428C9");
    shop.prove();
    shop.run("UPDATE stock_lots SET condition = 'good'");
    assert_eq!(shop.numbers(listing), (11, 0, 11));
    shop.prove();
}

#[test]
fn counters_that_were_wrong_are_repaired_by_conditions() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let lot = shop.receive(listing, 10);
    shop.run(&format!(
        "ALTER TABLE stock_lots DISABLE TRIGGER USER;
         UPDATE stock_lots SET condition = 'damaged' WHERE lot_id = '{lot}';
         ALTER TABLE stock_lots ENABLE TRIGGER USER"
    ));
    let wrong =
        shop.texts("SELECT counter, stored, actual FROM verify_stock() WHERE kind = 'listing'");
    assert_eq!(wrong, ["quantity_listed|15|5"]);
    assert_eq!(shop.units("repair_stock()"), 2);
    assert_eq!(shop.numbers(listing), (5, 0, 15));
    shop.prove();
}

#[test]
fn unlisted_goods_may_be_anything() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.key(&format!("receive_stock('{listing}', 5, listed => false)"));
    for condition in ["damaged", "good"] {
        shop.key(&format!("set_lot_condition('{lot}', '{condition}')"));
        assert_eq!(shop.numbers(listing), (0, 0, 5));
    }
    shop.run("UPDATE stock_lots SET listed = true, condition = 'quarantine'");
    assert_eq!(shop.numbers(listing), (0, 0, 5));
    shop.prove();
}
