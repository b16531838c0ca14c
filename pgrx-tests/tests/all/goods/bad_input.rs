//! Arguments that cannot be, and that all functions of goods have in common.

use crate::api::shop::{Shop, ORISON};

#[test]
fn nulls_texts_and_moments_that_cannot_be() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 10, ORISON);
    let counts = format!(r#"'[{{"lot_id": "{lot}", "counted": 1}}]'"#);
    let calls = [
        format!("receive_stock('{listing}', 1"),
        format!("adjust_stock('{lot}', 1"),
        format!("count_stock('{lot}', 1"),
        format!("count_location('{ORISON}', {counts}"),
        format!("transfer_stock('{lot}', 1, '00000000-0000-8000-8000-000000000002'"),
        format!("split_lot('{lot}', 1"),
        format!("merge_lots('{lot}', '{lot}'"),
        format!("set_lot_condition('{lot}', 'damaged'"),
    ];
    let before = shop.everything();
    for call in calls {
        for (more, argument, problem) in [
            (
                "reason => repeat('x', 1001)",
                "reason",
                "must have at most 1000 characters",
            ),
            (
                "reference => repeat('x', 201)",
                "reference",
                "must have at most 200 characters",
            ),
            (
                "effective_at => 'infinity'",
                "effective_at",
                "must not be infinite",
            ),
            (
                "effective_at => '-infinity'",
                "effective_at",
                "must not be infinite",
            ),
            (
                "idempotency_key => ''",
                "idempotency_key",
                "must have 1 to 200 characters",
            ),
        ] {
            shop.assert_bad(&format!("{call}, {more})"), argument, problem);
        }
    }
    for (call, argument) in [
        ("adjust_stock(NULL, 1)".to_owned(), "lot_id"),
        ("count_stock(NULL, 1)".to_owned(), "lot_id"),
        (format!("count_location(NULL, {counts})"), "location_id"),
        (format!("count_location('{ORISON}', NULL)"), "counts"),
        ("transfer_stock(NULL, 1)".to_owned(), "lot_id"),
        ("split_lot(NULL, 1)".to_owned(), "lot_id"),
        (format!("merge_lots(NULL, '{lot}')"), "from_lot"),
        (format!("merge_lots('{lot}', NULL)"), "into_lot"),
        ("set_lot_condition(NULL, 'good')".to_owned(), "lot_id"),
        (format!("set_lot_condition('{lot}', NULL)"), "condition"),
    ] {
        shop.assert_bad(&call, argument, "must not be NULL");
    }
    let conditions = "must be one of good, quarantine, damaged, expired";
    for condition in ["", "Good", "broken"] {
        let call = format!("set_lot_condition('{lot}', '{condition}')");
        shop.assert_bad(&call, "condition", conditions);
    }
    for (units, problem) in [
        (0, "must be above zero, not 0"),
        (-5, "must be above zero, not -5"),
    ] {
        for call in [
            format!("receive_stock('{listing}', {units})"),
            format!("receive_stock('{listing}', {units}, into_lot => '{lot}')"),
            format!("transfer_stock('{lot}', {units}, '00000000-0000-8000-8000-000000000002')"),
            format!("split_lot('{lot}', {units})"),
            format!("set_lot_condition('{lot}', 'damaged', {units})"),
        ] {
            shop.assert_bad(&call, "quantity", problem);
        }
    }
    let call = format!("count_stock('{lot}', -1)");
    shop.assert_bad(&call, "counted", "must be 0 or more, not -1");
    assert_eq!(shop.everything(), before);
    shop.prove();
}
