//! confirm_hold: a hold becomes allocations.

use crate::api::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use serde_json::{json, Value};
use uuid::Uuid;

fn confirm(hold: Uuid, order: Uuid, more: &str) -> String {
    format!("confirm_hold('{hold}', '{order}'{more})")
}

#[test]
fn a_hold_becomes_allocations_of_the_order() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [
        shop.receive_at(listing, 2, ORISON),
        shop.receive(listing, 9),
    ];
    let hold = shop.hold(listing, 5);
    let order = Uuid::new_v4();
    let sql = format!(
        "SELECT to_jsonb(a) - 'allocation_id', a.allocation_id FROM {} a",
        confirm(hold, order, "")
    );
    let rows = shop.rows(&sql, &[]);
    let answer: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        answer,
        [
            json!({"lot_id": lots[0].to_string(), "location_id": ORISON.to_string(), "quantity": 2,
                   "state": "active", "available": 6, "replayed": false}),
            json!({"lot_id": lots[1].to_string(), "location_id": UNSPECIFIED.to_string(), "quantity": 3,
                   "state": "active", "available": 6, "replayed": false}),
        ]
    );
    let keys: Vec<Uuid> = rows.iter().map(|row| row.get(1)).collect();
    let kept = "SELECT quantity, status, hold_id FROM stock_allocations
                 WHERE allocation_id = ANY ($1) AND order_id = $2 ORDER BY quantity";
    let kept = shop.rows(kept, &[&keys, &order]);
    let kept: Vec<(i32, &str, Uuid)> = kept
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    assert_eq!(kept, [(2, "active", hold), (3, "active", hold)]);
    // What was held is allocated: nothing else has changed.
    assert_eq!(shop.numbers(listing), (6, 5, 11));
    let numbers = format!("SELECT held, allocated FROM get_stock(ARRAY['{listing}']::uuid[])");
    assert_eq!(shop.text(&numbers), "0|5");
    let ended = format!(
        "SELECT status, quantity, quantity_requested, order_id, confirmed_at >= created_at, updated_at >= confirmed_at
           FROM stock_holds WHERE hold_id = '{hold}'"
    );
    assert_eq!(shop.text(&ended), format!("confirmed|5|5|{order}|t|t"));
    shop.verify();
}

#[test]
fn the_order_may_be_the_holds_own() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let (cart, order) = (Uuid::new_v4(), Uuid::new_v4());
    let mut of_cart = || -> Uuid {
        let sql = "SELECT hold_id FROM hold_stock($1, 2, order_id => $2)";
        shop.value(sql, &[&listing, &cart])
    };
    let (first, second) = (of_cart(), of_cart());
    shop.texts(&format!("SELECT FROM confirm_hold('{first}')"));
    shop.texts(&format!("SELECT FROM {}", confirm(second, order, "")));
    assert_eq!(shop.allocations(cart), [(2, "active".into())]);
    // Another one that is given wins, and the hold says so then.
    assert_eq!(shop.allocations(order), [(2, "active".into())]);
    let sql = "SELECT order_id FROM stock_holds WHERE hold_id = $1";
    assert_eq!(shop.value::<Uuid>(sql, &[&second]), order);
    shop.verify();
}

#[test]
fn a_part_is_confirmed_and_the_rest_is_free() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    let order = Uuid::new_v4();
    let answer = format!(
        "SELECT quantity, state, available FROM {}",
        confirm(hold, order, ", quantity => 2")
    );
    assert_eq!(shop.text(&answer), "2|active|7");
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    assert_eq!(shop.numbers(listing), (7, 2, 9));
    let asked = format!("SELECT quantity_requested FROM get_hold('{hold}')");
    assert_eq!(shop.text(&asked), "5");
    let error = shop.error(&format!("SELECT {}", confirm(hold, order, "")), &[]);
    assert_eq!(error.name(), "hold_not_active");
    shop.verify();
}

#[test]
fn a_part_is_confirmed_and_the_rest_stays_held() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    let order = Uuid::new_v4();
    let until = format!("SELECT expires_at FROM get_hold('{hold}')");
    let until_before = shop.text(&until);
    let part = |units: i32| confirm(hold, order, &format!(", {units}, 'keep'"));
    let answer = |units: i32| format!("SELECT quantity, state, available FROM {}", part(units));
    assert_eq!(shop.text(&answer(1)), "1|active|4");
    assert_eq!(shop.hold_state(hold), "active 4");
    assert_eq!(shop.text(&until), until_before);
    assert_eq!(shop.numbers(listing), (4, 5, 9));
    // More than is left is not there to be confirmed.
    let error = shop.error(&format!("SELECT {}", part(5)), &[]);
    assert_eq!(
        (error.name().as_str(), error.field("argument")),
        ("bad_argument", json!("quantity"))
    );
    assert_eq!(shop.text(&answer(3)), "3|active|4");
    assert_eq!(shop.hold_state(hold), "active 1");
    // With the last unit nothing is left to keep.
    assert_eq!(shop.text(&answer(1)), "1|active|4");
    assert_eq!(shop.hold_state(hold), "confirmed 1");
    assert_eq!(shop.numbers(listing), (4, 5, 9));
    assert_eq!(
        shop.value::<i64>("SELECT sum(quantity) FROM stock_allocations", &[]),
        5
    );
    shop.verify();
}

#[test]
fn all_of_it_by_its_number_is_all_of_it() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    for remainder in ["release", "keep"] {
        let hold = shop.hold(listing, 3);
        let more = format!(", quantity => 3, remainder => '{remainder}'");
        shop.texts(&format!(
            "SELECT FROM {}",
            confirm(hold, Uuid::new_v4(), &more)
        ));
        assert_eq!(shop.hold_state(hold), "confirmed 3");
    }
    assert_eq!(shop.numbers(listing), (3, 6, 9));
    shop.verify();
}

/// By argument, else the owner's, else first in first out.
#[test]
fn lots_are_chosen_by_strategy() {
    let mut shop = Shop::open();
    let owner = Uuid::new_v4();
    let listing: Uuid = shop.value("SELECT register_listing(NULL, owner_id => $1)", &[&owner]);
    for (units, place) in [(5, ORISON), (9, LORVILLE), (5, UNSPECIFIED)] {
        shop.receive_at(listing, units, place);
    }
    let mut places_of = |more: &str| {
        let (hold, order) = (shop.hold(listing, 2), Uuid::new_v4());
        shop.texts(&format!("SELECT FROM {}", confirm(hold, order, more)));
        let places = shop.claims_at(order);
        shop.rows("SELECT release_allocations($1)", &[&order]);
        places
    };
    assert_eq!(places_of(""), ["Orison 2"]);
    assert_eq!(places_of(", strategy => 'lifo'"), ["Unspecified 2"]);
    assert_eq!(places_of(", strategy => 'largest_first'"), ["Lorville 2"]);
    let sql =
        "INSERT INTO allocation_strategies (contractor_id, strategy_type) VALUES ($1, 'lifo')";
    shop.rows(sql, &[&owner]);
    let mut places_of = |more: &str| {
        let (hold, order) = (shop.hold(listing, 2), Uuid::new_v4());
        shop.texts(&format!("SELECT FROM {}", confirm(hold, order, more)));
        shop.claims_at(order)
    };
    assert_eq!(places_of(""), ["Unspecified 2"]);
    assert_eq!(places_of(", strategy => 'fifo'"), ["Orison 2"]);
    shop.verify();
}

/// Safety stock keeps units from new holds, not from those that were made before.
#[test]
fn what_was_promised_is_kept_whatever_the_limits_are_by_then() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold = shop.hold(listing, 5);
    shop.run("UPDATE stock_listings SET safety_stock = 100");
    let order = Uuid::new_v4();
    shop.texts(&format!("SELECT FROM {}", confirm(hold, order, "")));
    assert_eq!(shop.allocations(order), [(5, "active".into())]);
    shop.verify();
}

/// Shipped and returned like any other claim of the order.
#[test]
fn what_was_confirmed_is_fulfilled_or_released_by_the_order() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    let order = Uuid::new_v4();
    shop.texts(&format!("SELECT FROM {}", confirm(hold, order, "")));
    let fulfil = "SELECT fulfill_allocations($1, quantity => 3)";
    assert_eq!(shop.value::<i32>(fulfil, &[&order]), 3);
    assert_eq!(
        shop.value::<i32>("SELECT release_allocations($1)", &[&order]),
        2
    );
    assert_eq!(shop.numbers(listing), (6, 0, 6));
    assert_eq!(shop.hold_state(hold), "confirmed 5");
    let of_hold = "SELECT count(*) FROM stock_allocations WHERE hold_id = $1";
    assert_eq!(
        shop.value::<i64>(of_hold, &[&hold]),
        2,
        "both parts know it"
    );
    shop.verify();
}

#[test]
fn what_is_over_or_was_never_is_not_confirmed() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let order = Uuid::new_v4();
    let (released, confirmed) = (shop.hold(listing, 1), shop.hold(listing, 1));
    shop.rows("SELECT release_hold($1)", &[&released]);
    shop.texts(&format!("SELECT FROM {}", confirm(confirmed, order, "")));
    let (expired, swept) = (shop.expired_hold(listing, 1), shop.expired_hold(listing, 1));
    shop.rows(
        "UPDATE stock_holds SET status = 'expired' WHERE hold_id = $1",
        &[&swept],
    );
    let before = shop.everything();
    for (hold, name, state) in [
        (released, "hold_not_active", json!("released")),
        (confirmed, "hold_not_active", json!("confirmed")),
        (expired, "hold_expired", Value::Null),
        (swept, "hold_expired", Value::Null),
        (Uuid::new_v4(), "hold_not_found", Value::Null),
    ] {
        for more in [
            "",
            ", quantity => 1",
            ", 7, 'keep'",
            ", idempotency_key => 'k'",
        ] {
            let error = shop.error(&format!("SELECT {}", confirm(hold, order, more)), &[]);
            assert_eq!(
                (error.name().as_str(), error.field("state")),
                (name, state.clone()),
                "{more}"
            );
            assert_eq!(error.field("hold_id"), hold.to_string());
        }
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}
