//! Decimal quantities: each function takes `amount` in the listing's own unit instead of smallest units.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use uuid::Uuid;

fn litres(shop: &mut Shop) -> Uuid {
    shop.key("register_listing('oil', unit => 'L', quantity_scale => 3)")
}

#[test]
fn every_function_takes_an_amount() {
    let mut shop = Shop::open();
    let oil = litres(&mut shop);
    let lot = shop.key(&format!("receive_stock('{oil}', amount => 12.345)"));
    shop.key(&format!(
        "receive_stock('{oil}', amount => 0.655, into_lot => '{lot}')"
    ));
    assert_eq!(
        shop.units(&format!(
            "adjust_stock('{lot}', amount => -1.5, reason => 'spilt')"
        )),
        11_500
    );
    assert_eq!(
        shop.units(&format!("count_stock('{lot}', amount => 10)")),
        -1_500
    );
    let there = shop.key(&format!(
        "transfer_stock('{lot}', to_location => '{ORISON}', amount => 2.25)"
    ));
    let part = shop.key(&format!("split_lot('{there}', amount => 0.25)"));
    shop.key(&format!(
        "set_lot_condition('{lot}', 'damaged', amount => 0.001)"
    ));
    assert_eq!(
        shop.texts("SELECT location, total, condition FROM stock_lots_overview ORDER BY 1, 2"),
        [
            "Orison|0.250|good",
            "Orison|2.000|good",
            "Unspecified|0.001|damaged",
            "Unspecified|7.749|good",
        ]
    );
    let counts = format!(
        r#"[{{"lot_id": "{part}", "amount": 0.3}}, {{"lot_id": "{there}", "amount": "2.125", "expected": 2000}}]"#
    );
    let rows = shop.texts(&format!(
        "SELECT counted, difference, state FROM count_location('{ORISON}', '{counts}')"
    ));
    assert_eq!(rows, ["300|50|ok", "2125|125|ok"]);
    shop.prove();
}

#[test]
fn an_amount_is_exact_or_refused() {
    let mut shop = Shop::open();
    let oil = litres(&mut shop);
    let lot = shop.key(&format!("receive_stock('{oil}', 5000)"));
    let too_fine = "0.0005 has more than 3 digits after the point";
    for call in [
        format!("receive_stock('{oil}', amount => 0.0005)"),
        format!("adjust_stock('{lot}', amount => 0.0005)"),
        format!("count_stock('{lot}', amount => 0.0005)"),
        format!("transfer_stock('{lot}', to_location => '{ORISON}', amount => 0.0005)"),
        format!("split_lot('{lot}', amount => 0.0005)"),
        format!("set_lot_condition('{lot}', 'damaged', amount => 0.0005)"),
    ] {
        shop.assert_bad(&call, "amount", too_fine);
        let zero = call.replace("0.0005", "0.0000000");
        let nothing = shop.client.query(&format!("SELECT {zero}"), &[]);
        let may_be_nothing = zero.starts_with("adjust") || zero.starts_with("count");
        assert_eq!(nothing.is_ok(), may_be_nothing, "{zero}");
    }
    let counts = |amount: &str| {
        format!(r#"count_location('{LORVILLE}', '[{{"sku": "oil", "amount": {amount}}}]')"#)
    };
    shop.run(&format!(
        "UPDATE stock_lots SET location_id = '{LORVILLE}', quantity_total = 5000"
    ));
    for (amount, problem) in [
        ("0.0005", format!(": {too_fine}")),
        ("-1", " must be 0 or more".to_owned()),
        ("\"much\"", ": \"much\" is not a quantity".to_owned()),
    ] {
        shop.assert_bad(
            &counts(amount),
            "counts",
            &format!("counts[0].amount{problem}"),
        );
    }
    for (call, argument) in [
        (format!("receive_stock('{oil}', amount => -1)"), "amount"),
        (format!("count_stock('{lot}', amount => -1)"), "amount"),
        (format!("count_stock('{lot}', -1)"), "counted"),
        (format!("split_lot('{lot}', 0)"), "quantity"),
    ] {
        assert_eq!(
            shop.refused(&call, "argument").1,
            format!("{argument:?}"),
            "{call}"
        );
    }
    shop.prove();
}

#[test]
fn exactly_one_of_the_two_is_given() {
    let mut shop = Shop::open();
    let oil = litres(&mut shop);
    let lot = shop.key(&format!("receive_stock('{oil}', 5000)"));
    for (call, argument) in [
        (
            format!("receive_stock('{oil}', 1, amount => 1)"),
            "quantity",
        ),
        (
            format!("adjust_stock('{lot}', 1, 'x', amount => 1)"),
            "delta",
        ),
        (format!("count_stock('{lot}', 1, amount => 1)"), "counted"),
        (
            format!("transfer_stock('{lot}', 1, '{ORISON}', amount => 1)"),
            "quantity",
        ),
        (format!("split_lot('{lot}', 1, amount => 1)"), "quantity"),
        (
            format!("set_lot_condition('{lot}', 'damaged', 1, amount => 1)"),
            "quantity",
        ),
    ] {
        let problem = format!("must not be given together with {argument}");
        shop.assert_bad(&call, "amount", &problem);
    }
    for (call, argument) in [
        (format!("receive_stock('{oil}')"), "quantity"),
        (format!("adjust_stock('{lot}')"), "delta"),
        (format!("count_stock('{lot}')"), "counted"),
        (format!("split_lot('{lot}')"), "quantity"),
    ] {
        shop.assert_bad(&call, argument, "must not be NULL");
    }
    shop.prove();
}
