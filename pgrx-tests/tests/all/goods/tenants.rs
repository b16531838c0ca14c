//! Nothing of one tenant is seen or touched by the functions of another.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

const BERT: &str = "bbbbbbbb-0000-0000-0000-000000000000";

#[test]
fn another_tenants_lots_are_not_found() {
    let mut shop = Shop::open();
    let ours = shop.key("register_listing('hat')");
    let lot = shop.receive_at(ours, 10, ORISON);
    let place: Uuid = shop.value(
        "INSERT INTO locations (name) VALUES ('shelf') RETURNING location_id",
        &[],
    );
    shop.run(&format!("SET stockroom.tenant_id = '{BERT}'"));
    let theirs = shop.key("register_listing('hat')");
    let their_lot = shop.receive_at(theirs, 10, ORISON);
    let before = shop.everything();
    for (call, name) in [
        (
            format!("receive_stock('{theirs}', 1, into_lot => '{lot}')"),
            "lot_not_found",
        ),
        (format!("adjust_stock('{lot}', 1, 'x')"), "lot_not_found"),
        (format!("count_stock('{lot}', 1)"), "lot_not_found"),
        (
            format!("transfer_stock('{lot}', 1, '{ORISON}')"),
            "lot_not_found",
        ),
        (
            format!("transfer_stock('{their_lot}', 1, '{place}')"),
            "location_not_found",
        ),
        (
            format!("transfer_stock('{their_lot}', 1, NULL, '{lot}')"),
            "lot_not_found",
        ),
        (format!("split_lot('{lot}', 1)"), "lot_not_found"),
        (
            format!("merge_lots('{lot}', '{their_lot}')"),
            "lot_not_found",
        ),
        (
            format!("merge_lots('{their_lot}', '{lot}')"),
            "lot_not_found",
        ),
        (
            format!("set_lot_condition('{lot}', 'damaged')"),
            "lot_not_found",
        ),
        (
            format!(r#"count_location('{ORISON}', '[{{"lot_id": "{lot}", "counted": 1}}]')"#),
            "lot_not_found",
        ),
        (
            format!(r#"count_location('{ORISON}', '[{{"listing_id": "{ours}", "counted": 1}}]')"#),
            "bad_argument",
        ),
        (
            format!(r#"count_location('{place}', '[{{"sku": "hat", "counted": 1}}]')"#),
            "location_not_found",
        ),
    ] {
        assert_eq!(shop.refused(&call, "").0, name, "{call}");
    }
    assert_eq!(shop.everything(), before);
    // A sku and a place that both have are one's own.
    let call = r#"'[{"sku": "hat", "counted": 4}]', missing => 'zero'"#;
    let rows = shop.texts(&format!(
        "SELECT lot_id, counted FROM count_location('{ORISON}', {call})"
    ));
    assert_eq!(rows, [format!("{their_lot}|4")]);
    shop.verify();
    shop.run("RESET stockroom.tenant_id");
    assert_eq!(shop.numbers(ours), (10, 0, 10));
    shop.verify();
}

#[test]
fn each_tenants_lots_expire_for_itself() {
    let mut shop = Shop::open();
    let expired = |shop: &mut Shop| {
        let listing = shop.listing();
        shop.key(&format!(
            "receive_stock('{listing}', 1, expires_on => '2020-01-01')"
        ))
    };
    expired(&mut shop);
    shop.run(&format!("SET stockroom.tenant_id = '{BERT}'"));
    expired(&mut shop);
    assert_eq!(shop.units("expire_lots()"), 1);
    assert_eq!(shop.units("expire_lots()"), 0);
    let left = "SELECT tenant_id FROM stock_lots WHERE condition = 'good'";
    assert_eq!(shop.texts(left), [Uuid::nil().to_string()]);
    shop.verify();
}
