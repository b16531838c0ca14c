//! Holds at one place, and that nobody else gets what they keep there.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::json;
use uuid::Uuid;

const STRATEGIES: [&str; 7] = [
    "fifo",
    "lifo",
    "fefo",
    "location_priority",
    "largest_first",
    "fewest_lots",
    "cheapest_first",
];

/// Six units at Orison in two lots, four at Lorville; five of those at Orison are held there.
fn shop_that_holds_at_orison() -> (Shop, Uuid, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 4, ORISON);
    shop.receive_at(listing, 4, LORVILLE);
    shop.receive_at(listing, 2, ORISON);
    let hold = shop.hold_at(listing, 5, ORISON);
    (shop, listing, hold)
}

#[test]
fn an_allocation_of_anywhere_leaves_what_a_place_holds() {
    let (mut shop, listing, hold) = shop_that_holds_at_orison();
    for strategy in STRATEGIES {
        for (units, expected) in [(5, vec!["Orison 1", "Lorville 4"]), (4, vec![])] {
            let order = Uuid::new_v4();
            let sql = "SELECT FROM allocate_stock($1, $2, $3, $4)";
            shop.rows(sql, &[&listing, &order, &units, &strategy]);
            let places = shop.claims_at(order);
            match expected.is_empty() {
                true => assert!(
                    !places.contains(&"Orison 2".into()),
                    "{strategy}: {places:?}"
                ),
                false => assert_eq!(places, expected, "{strategy}"),
            }
            shop.verify();
            shop.rows("SELECT release_allocations($1)", &[&order]);
        }
        let error = shop.error(
            "SELECT allocate_stock($1, $1, 6, $2)",
            &[&listing, &strategy],
        );
        assert_eq!(
            (error.name().as_str(), error.field("available")),
            ("insufficient_stock", json!(5))
        );
    }
    // And the hold gets what it was promised.
    shop.rows("SELECT allocate_stock($1, $1, 5)", &[&listing]);
    let order = Uuid::new_v4();
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    assert_eq!(shop.claims_at(order), ["Orison 5"]);
    assert_eq!(shop.numbers(listing), (0, 10, 10));
    shop.verify();
}

#[test]
fn an_allocation_at_the_place_is_given_what_is_not_held() {
    let (mut shop, listing, _) = shop_that_holds_at_orison();
    let allocate = |units: i32, partial: bool| {
        format!(
            "SELECT state, quantity, available FROM allocate_stock('{listing}', gen_random_uuid(), {units},
               location_id => '{ORISON}', partial => {partial}, on_short => 'answer')"
        )
    };
    assert_eq!(shop.text(&allocate(2, false)), "insufficient|0|1");
    assert_eq!(shop.text(&allocate(9, true)), "active|1|4");
    assert_eq!(shop.text(&allocate(1, true)), "insufficient|0|0");
    assert_eq!(shop.numbers(listing), (4, 6, 10));
    shop.verify();
}

#[test]
fn chosen_lots_are_refused_where_the_place_holds_them() {
    let (mut shop, listing, _) = shop_that_holds_at_orison();
    let lots = shop.rows(
        "SELECT lot_id FROM stock_lots WHERE location_id = $1 ORDER BY quantity_total",
        &[&ORISON],
    );
    let small: Uuid = lots[0].get(0);
    let sql = "SELECT allocate_lots($1, jsonb_build_array(jsonb_build_object('lot_id', $2::uuid, 'quantity', $3::int)))";
    let error = shop.error(sql, &[&listing, &small, &2]);
    assert_eq!(error.name(), "insufficient_stock");
    shop.rows(sql, &[&listing, &small, &1]);
    assert_eq!(shop.numbers(listing), (4, 6, 10));
    shop.verify();
}

#[test]
fn explanations_and_orders_know_what_a_place_holds() {
    let (mut shop, listing, _) = shop_that_holds_at_orison();
    for strategy in STRATEGIES {
        let took = format!(
            "SELECT sum(take) FILTER (WHERE location_id = '{ORISON}'), sum(take) FILTER (WHERE location_id = '{LORVILLE}')
               FROM explain_allocation('{listing}', 10, '{strategy}')"
        );
        assert_eq!(shop.text(&took), "1|4", "{strategy}");
    }
    let order = Uuid::new_v4();
    let lines = json!([{"listing_id": listing, "quantity": 1, "location_id": ORISON},
                       {"listing_id": listing, "quantity": 4}]);
    shop.rows("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(shop.claims_at(order), ["Orison 1", "Lorville 4"]);
    shop.verify();
}

/// Held from anywhere, it takes what no place keeps, whatever its strategy would rather have.
#[test]
fn a_hold_of_anywhere_is_confirmed_around_what_a_place_holds() {
    for strategy in STRATEGIES {
        let (mut shop, listing, at_orison) = shop_that_holds_at_orison();
        let anywhere = shop.hold(listing, 5);
        let orders = [Uuid::new_v4(), Uuid::new_v4()];
        let confirm = "SELECT confirm_hold($1, $2, strategy => $3)";
        shop.rows(confirm, &[&anywhere, &orders[0], &strategy]);
        assert_eq!(
            shop.claims_at(orders[0]),
            ["Orison 1", "Lorville 4"],
            "{strategy}"
        );
        shop.rows(confirm, &[&at_orison, &orders[1], &strategy]);
        assert_eq!(shop.claims_at(orders[1]), ["Orison 5"], "{strategy}");
        shop.verify();
    }
}

/// Both of one order, in one call: the place's own goes there.
#[test]
fn an_order_of_both_is_confirmed_whole() {
    for strategy in STRATEGIES {
        let (mut shop, listing, at_orison) = shop_that_holds_at_orison();
        let anywhere = shop.hold(listing, 5);
        let order = Uuid::new_v4();
        shop.rows("UPDATE stock_holds SET order_id = $1", &[&order]);
        shop.rows("SELECT confirm_order($1, $2)", &[&order, &strategy]);
        let of_hold = "SELECT string_agg(DISTINCT p.name, ' '), sum(a.quantity)::int
                         FROM stock_allocations a JOIN stock_lots USING (lot_id) JOIN locations p USING (location_id)
                        WHERE hold_id = $1";
        let row = &shop.rows(of_hold, &[&at_orison])[0];
        assert_eq!(
            (row.get::<_, &str>(0), row.get::<_, i32>(1)),
            ("Orison", 5),
            "{strategy}"
        );
        let row = &shop.rows(of_hold, &[&anywhere])[0];
        assert_eq!(row.get::<_, i32>(1), 5, "{strategy}");
        shop.verify();
    }
}

#[test]
fn confirmed_in_parts_a_place_gives_each_part() {
    let (mut shop, listing, hold) = shop_that_holds_at_orison();
    let order = Uuid::new_v4();
    let confirm = "SELECT confirm_hold($1, $2, $3, 'keep')";
    for (units, left) in [(2, "active 3"), (1, "active 2"), (2, "confirmed 2")] {
        shop.rows(confirm, &[&hold, &order, &units]);
        assert_eq!(shop.hold_state(hold), left);
        let kept = format!(
            "SELECT get_available_stock('{listing}', '{ORISON}'), get_reserved_stock('{listing}', '{ORISON}')"
        );
        assert_eq!(shop.text(&kept), "1|5");
        shop.verify();
    }
    assert_eq!(shop.claims_at(order), ["Orison 5"]);
}

/// Released in part, the place has the rest for others.
#[test]
fn what_a_place_no_longer_holds_is_free_there() {
    let (mut shop, listing, hold) = shop_that_holds_at_orison();
    shop.rows("SELECT confirm_hold($1, $1, 2)", &[&hold]);
    let order = Uuid::new_v4();
    let sql = "SELECT allocate_stock($1, $2, 4, location_id => $3)";
    shop.rows(sql, &[&listing, &order, &ORISON]);
    assert_eq!(shop.claims_at(order), ["Orison 4"]);
    assert_eq!(shop.numbers(listing), (4, 6, 10));
    shop.verify();
}

/// A waiting hold of a place takes only what comes there; goods elsewhere go to the next who waits.
#[test]
fn what_waits_for_a_place_is_filled_there() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 20);
    let order = Uuid::new_v4();
    shop.receive_at(listing, 3, ORISON);
    let at_orison = shop.hold_at(listing, 3, ORISON);
    shop.run(&format!(
        "UPDATE stock_lots SET expires_on = '2001-01-01' WHERE listing_id = '{listing}'"
    ));
    shop.rows("SELECT confirm_hold($1, $2)", &[&at_orison, &order]);
    assert_eq!(shop.hold_state(at_orison), "waiting 3");
    let anywhere = shop.hold(listing, 2);
    shop.rows("SELECT confirm_hold($1, $2)", &[&anywhere, &order]);
    shop.receive_at(listing, 5, LORVILLE);
    assert_eq!(shop.hold_state(at_orison), "waiting 3");
    assert_eq!(shop.hold_state(anywhere), "confirmed 2");
    shop.receive_at(listing, 4, ORISON);
    assert_eq!(shop.hold_state(at_orison), "confirmed 3");
    assert_eq!(shop.claims_at(order), ["Orison 3", "Lorville 2"]);
    shop.verify();
}

/// Goods that are moved to the place come there too.
#[test]
fn a_lot_that_is_moved_to_the_place_fills_what_waits_there() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 20);
    let order = Uuid::new_v4();
    shop.receive_at(listing, 2, ORISON);
    let hold = shop.hold_at(listing, 2, ORISON);
    shop.run("UPDATE stock_lots SET expires_on = '2001-01-01'");
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    let lot = shop.receive_at(listing, 5, LORVILLE);
    assert_eq!(shop.hold_state(hold), "waiting 2");
    shop.rows(
        "UPDATE stock_lots SET location_id = $2 WHERE lot_id = $1",
        &[&lot, &ORISON],
    );
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    assert_eq!(shop.lot(lot), (5, 2));
    shop.verify();
}
