//! A hold's life between its making and its confirmation: read, extended, released, swept, purged.

use crate::api::shop::{connect, Shop, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn get_hold_tells_all_there_is_to_know_of_it() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 9, ORISON);
    let order = Uuid::new_v4();
    let sql =
        "SELECT hold_id FROM hold_stock($1, 5, NULL, 'k', $2, 'c-9', $3, '{\"a\": [1, null]}')";
    let hold: Uuid = shop.value(sql, &[&listing, &ORISON, &order]);
    let read = "SELECT to_jsonb(h) - '{created_at, confirmed_at}'::text[] FROM get_hold($1) h";
    let mut expected = json!({
        "hold_id": hold.to_string(), "state": "active", "quantity": 5, "expires_at": null, "available": 4,
        "replayed": false, "listing_id": listing.to_string(), "location_id": ORISON.to_string(),
        "order_id": order.to_string(), "customer": "c-9", "metadata": {"a": [1, null]}, "quantity_requested": 5,
    });
    assert_eq!(shop.value::<Value>(read, &[&hold]), expected);
    shop.rows("SELECT confirm_hold($1, quantity => 2)", &[&hold]);
    expected["state"] = json!("confirmed");
    expected["quantity"] = json!(2);
    expected["available"] = json!(7);
    assert_eq!(shop.value::<Value>(read, &[&hold]), expected);
    let times = "SELECT h.created_at = s.created_at AND h.confirmed_at = s.confirmed_at
                   FROM get_hold($1) h JOIN stock_holds s USING (hold_id)";
    assert!(shop.value::<bool>(times, &[&hold]));
    let error = shop.error("SELECT * FROM get_hold($1)", &[&Uuid::new_v4()]);
    assert_eq!(error.name(), "hold_not_found");
    shop.verify();
}

/// It reads as the query sees: at REPEATABLE READ what was there when it began.
#[test]
fn get_hold_sees_what_its_query_sees() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    let mut other = connect(&shop.db);
    shop.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(shop.hold_state(hold), "active 5");
    other
        .batch_execute(&format!("SELECT release_hold('{hold}')"))
        .unwrap();
    assert_eq!(shop.hold_state(hold), "active 5");
    shop.run("COMMIT");
    assert_eq!(shop.hold_state(hold), "released 5");
}

#[test]
fn extending_adds_to_the_time_that_is_left() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    let sql = "WITH before AS (SELECT expires_at FROM stock_holds WHERE hold_id = $1)
               SELECT extend_hold($1, '10 minutes') = expires_at + interval '10 minutes' FROM before";
    for _ in 0..2 {
        assert!(shop.value::<bool>(sql, &[&hold]));
    }
    let kept = "SELECT expires_at - created_at BETWEEN interval '49 min' AND interval '50 min',
                       updated_at > created_at, status, quantity FROM stock_holds";
    assert_eq!(shop.text(kept), "t|t|active|5");
    assert_eq!(shop.numbers(listing), (4, 5, 9));
    shop.verify();
}

#[test]
fn a_hold_that_never_expires_stays_so_when_it_is_extended() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    for (expires_at, until) in [("NULL", "NULL"), ("'infinity'", "infinity")] {
        let hold: Uuid = shop.value(
            &format!(
                "INSERT INTO stock_holds (listing_id, quantity, expires_at)
                 VALUES ('{listing}', 2, {expires_at}) RETURNING hold_id"
            ),
            &[],
        );
        let extend = format!("SELECT extend_hold('{hold}', '1 hour')");
        assert_eq!(shop.text(&extend), until);
        assert_eq!(shop.hold_state(hold), "active 2");
    }
    shop.verify();
}

#[test]
fn only_a_live_hold_is_extended() {
    let mut shop = Shop::open();
    let listing = shop.limited(9, 0, 5);
    let (released, confirmed, waiting) = (
        shop.hold(listing, 1),
        shop.hold(listing, 1),
        shop.hold(listing, 9),
    );
    let expired = shop.expired_hold(listing, 1);
    shop.rows("SELECT release_hold($1)", &[&released]);
    for hold in [confirmed, waiting] {
        shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    }
    let before = shop.everything();
    for (hold, name, state) in [
        (released, "hold_not_active", json!("released")),
        (confirmed, "hold_not_active", json!("confirmed")),
        (waiting, "hold_not_active", json!("waiting")),
        (expired, "hold_expired", Value::Null),
        (Uuid::new_v4(), "hold_not_found", Value::Null),
    ] {
        let error = shop.error("SELECT extend_hold($1, '1 hour')", &[&hold]);
        assert_eq!((error.name().as_str(), error.field("state")), (name, state));
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn releasing_frees_the_units_once() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 9, ORISON);
    let (hold, located) = (shop.hold(listing, 5), shop.hold_at(listing, 3, ORISON));
    let release = "SELECT release_hold($1)";
    assert_eq!(shop.value::<i32>(release, &[&hold]), 5);
    assert_eq!(shop.hold_state(hold), "released 5");
    assert_eq!(shop.numbers(listing), (6, 3, 9));
    assert_eq!(shop.value::<i32>(release, &[&located]), 3);
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    let before = shop.everything();
    assert_eq!(shop.value::<i32>(release, &[&hold]), 0);
    assert_eq!(shop.everything(), before);
    let error = shop.error(release, &[&Uuid::new_v4()]);
    assert_eq!(error.name(), "hold_not_found");
    shop.verify();
}

#[test]
fn releasing_what_is_free_already_is_said_and_changes_nothing() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let (released, swept) = (shop.hold(listing, 1), shop.expired_hold(listing, 1));
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    let expired = shop.expired_hold(listing, 1);
    shop.rows("SELECT release_hold($1)", &[&released]);
    let before = shop.everything();
    let (mut client, notices) = shop.db.client_with_notices();
    for (hold, state) in [
        (released, "released"),
        (expired, "expired"),
        (swept, "expired"),
    ] {
        let row = client.query_one("SELECT stock.release_hold($1)", &[&hold]);
        assert_eq!(row.unwrap().get::<_, i32>(0), 0);
        let said = std::mem::take(&mut *notices.lock().unwrap());
        assert_eq!(
            said,
            [("NOTICE".into(), format!("hold {hold} is {state} already"))]
        );
    }
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn what_is_confirmed_is_not_released_as_a_hold() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 5);
    shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    let error = shop.error("SELECT release_hold($1)", &[&hold]);
    assert_eq!(
        (error.name().as_str(), error.field("state")),
        ("hold_not_active", json!("confirmed"))
    );
    assert_eq!(shop.numbers(listing), (4, 5, 9));
    shop.verify();
}

#[test]
fn sweeping_ends_so_many_expired_holds_and_no_others() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.stocked(9), shop.stocked(9));
    shop.hold(hats, 1);
    let expired: Vec<Uuid> = [hats, hats, coats, coats, coats]
        .map(|listing| shop.expired_hold(listing, 1))
        .into();
    let states = |shop: &mut Shop| {
        shop.text("SELECT string_agg(status, ' ' ORDER BY status) FROM stock_holds")
    };
    for (swept, active) in [(2, 4), (2, 2), (1, 1), (0, 1)] {
        assert_eq!(shop.value::<i32>("SELECT expire_holds(2)", &[]), swept);
        let states = states(&mut shop);
        assert_eq!(states.matches("active").count(), active);
        shop.verify();
    }
    for hold in expired {
        assert_eq!(shop.hold_status(hold), "expired");
    }
    assert_eq!(shop.numbers(hats), (8, 1, 9));
    assert_eq!(shop.numbers(coats), (9, 0, 9));
}

#[test]
fn purging_deletes_what_has_been_over_for_long_enough() {
    let mut shop = Shop::open();
    let listing = shop.limited(9, 0, 5);
    let (released, confirmed, waiting) = (
        shop.hold(listing, 1),
        shop.hold(listing, 1),
        shop.hold(listing, 10),
    );
    let (swept, active) = (shop.expired_hold(listing, 1), shop.hold(listing, 1));
    shop.rows("SELECT release_hold($1)", &[&released]);
    for hold in [confirmed, waiting] {
        shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&hold]);
    }
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    let expired = shop.expired_hold(listing, 1);
    let numbers = shop.numbers(listing);
    assert_eq!(
        shop.value::<i32>("SELECT purge_holds()", &[]),
        0,
        "a month is not over"
    );
    assert_eq!(shop.value::<i32>("SELECT purge_holds('1 hour')", &[]), 0);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0', 2)", &[]), 2);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0', 2)", &[]), 1);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 0);
    let left = shop.rows("SELECT hold_id FROM stock_holds ORDER BY created_at", &[]);
    let left: Vec<Uuid> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        left,
        [waiting, active, expired],
        "what is not over, or not swept"
    );
    for gone in [released, confirmed, swept] {
        let error = shop.error("SELECT get_hold($1)", &[&gone]);
        assert_eq!(error.name(), "hold_not_found");
    }
    assert_eq!(shop.numbers(listing), numbers);
    shop.verify();
}
