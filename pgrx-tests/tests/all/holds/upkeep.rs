//! verify_stock sees what is wrong with the counters of holds, and repair_stock puts it right.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use uuid::Uuid;

fn differences(shop: &mut Shop) -> Vec<String> {
    shop.texts("SELECT kind, key, counter, stored, actual FROM verify_stock()")
}

/// Changes rows behind the engine's back.
fn unseen(shop: &mut Shop, sql: &str) {
    shop.run(&format!(
        "SET session_replication_role = replica; {sql}; RESET session_replication_role"
    ));
}

fn shop_with_holds() -> (Shop, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    shop.hold(listing, 2);
    shop.hold_at(listing, 3, ORISON);
    (shop, listing)
}

#[test]
fn each_wrong_counter_is_told_and_repaired() {
    for (damage, told) in [
        (
            "UPDATE stock_listings SET quantity_held = 0",
            vec!["listing|$1|quantity_held|0|5"],
        ),
        (
            "UPDATE stock_levels SET quantity_held = 4 WHERE location_id = '$O'",
            vec!["level|$1 at $O|quantity_held|4|3"],
        ),
        (
            "UPDATE stock_levels SET quantity_held = 1 WHERE location_id = '$L'",
            vec!["level|$1 at $L|quantity_held|1|0"],
        ),
        (
            "UPDATE stock_holds SET quantity = 4 WHERE location_id IS NOT NULL",
            vec![
                "level|$1 at $O|quantity_held|3|4",
                "listing|$1|quantity_held|5|6",
            ],
        ),
        (
            "UPDATE stock_holds SET status = 'released' WHERE location_id IS NULL",
            vec!["listing|$1|quantity_held|5|3"],
        ),
        (
            "UPDATE stock_holds SET status = 'waiting' WHERE location_id IS NULL",
            vec![],
        ),
        (
            "DELETE FROM stock_holds",
            vec![
                "level|$1 at $O|quantity_held|3|0",
                "listing|$1|quantity_held|5|0",
            ],
        ),
        (
            "INSERT INTO stock_holds (listing_id, quantity, quantity_requested, location_id)
             VALUES ('$1', 1, 1, '$L')",
            vec![
                "level|$1 at $L|quantity_held|0|1",
                "listing|$1|quantity_held|5|6",
            ],
        ),
        (
            "DELETE FROM stock_levels WHERE location_id = '$O'",
            vec![
                "level|$1 at $O|quantity_allocated|NULL|0",
                "level|$1 at $O|quantity_held|NULL|3",
                "level|$1 at $O|quantity_listed|NULL|6",
                "level|$1 at $O|quantity_total|NULL|6",
            ],
        ),
    ] {
        let (mut shop, listing) = shop_with_holds();
        let fill_in = |text: &str| {
            text.replace("$1", &listing.to_string())
                .replace("$O", &ORISON.to_string())
                .replace("$L", &LORVILLE.to_string())
        };
        unseen(&mut shop, &fill_in(damage));
        let told: Vec<String> = told.into_iter().map(fill_in).collect();
        assert_eq!(differences(&mut shop), told, "{damage}");
        let repaired: i32 = shop.value("SELECT repair_stock()", &[]);
        assert_eq!(repaired > 0, !told.is_empty(), "{damage}: {repaired}");
        shop.verify();
        assert_eq!(
            shop.value::<i32>("SELECT repair_stock()", &[]),
            0,
            "{damage}"
        );
    }
}

/// A repair counts what has expired until it is swept, as the counters do.
#[test]
fn a_repair_ends_no_holds() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.expired_hold(listing, 4);
    unseen(&mut shop, "UPDATE stock_listings SET quantity_held = 7");
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 1);
    assert_eq!(shop.hold_status(hold), "active");
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    shop.verify();
}

/// What no function and no DML can do: a live hold of a listing that is gone is told, and stops nobody.
#[test]
fn a_hold_without_a_listing_is_told_and_stops_no_sweep() {
    let mut shop = Shop::open();
    let (listing, gone) = (shop.stocked(9), Uuid::new_v4());
    let expired = shop.expired_hold(listing, 4);
    unseen(
        &mut shop,
        &format!(
            "INSERT INTO stock_holds (hold_id, listing_id, quantity, quantity_requested, expires_at)
             VALUES ('{gone}', '{gone}', 2, 2, '2001-01-01')"
        ),
    );
    assert_eq!(
        differences(&mut shop),
        [format!("hold|{gone}|no listing|2|NULL")]
    );
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    assert_eq!(shop.hold_status(expired), "expired");
    shop.run(&format!("DELETE FROM stock_holds WHERE hold_id = '{gone}'"));
    shop.verify();
}
