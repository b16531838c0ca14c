//! A hold that has expired is free at once, swept or not: for everybody who reads.

use crate::api::shop::{connect, Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

/// Everything that readers are told of a listing, in words.
fn told(shop: &mut Shop, listing: Uuid) -> Vec<String> {
    let place = |place: Uuid| {
        format!(
            "SELECT get_available_stock('{listing}', '{place}'), get_reserved_stock('{listing}', '{place}')"
        )
    };
    let queries = [
        format!("SELECT get_available_stock('{listing}'), get_reserved_stock('{listing}'), get_total_stock('{listing}')"),
        format!("SELECT get_available_stock('{listing}', NULL), get_reserved_stock('{listing}', NULL)"),
        place(ORISON),
        place(LORVILLE),
        format!("SELECT available, reserved, held, allocated, total, available_to_promise
                   FROM get_stock(ARRAY['{listing}']::uuid[])"),
        format!("SELECT location_id = '{ORISON}', free, take, reason FROM explain_allocation('{listing}', 12)"),
        format!("SELECT take FROM explain_allocation('{listing}', 6, location_id => '{ORISON}')"),
    ];
    queries.iter().flat_map(|query| shop.texts(query)).collect()
}

/// Six units at Orison, four at Lorville, two of them allocated; holds anywhere and at both places, of
/// which those have expired that `expired` says.
fn shop_with_holds(expired: bool) -> (Shop, Uuid) {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 1, 0);
    shop.receive_at(listing, 6, ORISON);
    shop.receive_at(listing, 4, LORVILLE);
    shop.allocate(listing, 2);
    shop.hold(listing, 1);
    if expired {
        // In one call: the next one would sweep them.
        let line = |units: i32, place: Value| json!({"listing_id": listing, "quantity": units, "location_id": place});
        let lines = json!([
            line(1, Value::Null),
            line(2, json!(ORISON)),
            line(3, json!(LORVILLE))
        ]);
        let states = shop.texts(&format!(
            "SELECT state FROM hold_many('{lines}', ttl => '1 ms')"
        ));
        assert_eq!(states, ["active"; 3]);
        shop.run("SELECT pg_sleep(0.002)");
    }
    (shop, listing)
}

#[test]
fn every_reader_takes_an_expired_hold_as_free() {
    let (mut shop, listing) = shop_with_holds(true);
    let unswept = told(&mut shop, listing);
    assert_eq!(unswept[0], "7|3|10");
    assert_eq!(unswept[2..4], ["4|2", "4|0"]);
    assert_eq!(unswept[4], "7|3|1|2|10|6");
    // As if they had never been, or had been swept.
    let (mut other, same) = shop_with_holds(false);
    assert_eq!(unswept, told(&mut other, same));
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 3);
    assert_eq!(unswept, told(&mut shop, listing));
    shop.verify();
}

/// Before they expire they count: the readers look at the time, not only at the rows.
#[test]
fn a_hold_counts_until_its_time() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 4);
    assert_eq!(shop.numbers(listing), (5, 4, 9));
    for (expires_at, available, state) in [
        (
            "clock_timestamp() - interval '1 microsecond'",
            9,
            "expired 4",
        ),
        ("clock_timestamp() + interval '1 hour'", 5, "active 4"),
        ("'-infinity'", 9, "expired 4"),
        ("'infinity'", 5, "active 4"),
        ("'2001-01-01'", 9, "expired 4"),
        ("NULL", 5, "active 4"),
    ] {
        shop.run(&format!("UPDATE stock_holds SET expires_at = {expires_at}"));
        assert_eq!(
            shop.numbers(listing),
            (available, 9 - available, 9),
            "{expires_at}"
        );
        assert_eq!(shop.hold_state(hold), state);
        assert_eq!(shop.hold_status(hold), "active");
    }
    shop.verify();
}

#[test]
fn the_overview_shows_what_get_stock_tells() {
    let mut shop = Shop::open();
    let listings = [
        shop.limited(9, 2, 0),
        shop.stocked(9),
        shop.limited(5, 0, 9),
        shop.listing(),
    ];
    shop.run("UPDATE stock_listings SET quantity_scale = 1");
    shop.expired_hold(listings[0], 4);
    shop.hold(listings[0], 1);
    shop.hold(listings[1], 2);
    shop.hold(listings[2], 8);
    shop.expired_hold(listings[2], 6);
    let overview = "SELECT listing_id, available_units, reserved_units, total_units, available_to_promise_units,
                           available, reserved FROM stock_overview ORDER BY listing_id";
    let told = "SELECT listing_id, available, reserved, total, available_to_promise,
                       units_to_quantity(available, 1), units_to_quantity(reserved, 1)
                  FROM get_stock((SELECT array_agg(listing_id) FROM stock_listings)) ORDER BY listing_id";
    assert_eq!(shop.texts(overview), shop.texts(told));
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 2);
    assert_eq!(shop.texts(overview), shop.texts(told));
    shop.verify();
}

/// The transaction's own time stands still; a hold's does not.
#[test]
fn time_goes_on_within_a_transaction() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        shop.run(&format!("BEGIN ISOLATION LEVEL {isolation}"));
        let hold = shop.expired_hold(listing, 4);
        let sql = "SELECT expires_at > now() FROM stock_holds WHERE hold_id = $1";
        assert!(shop.value::<bool>(sql, &[&hold]));
        assert_eq!(shop.numbers(listing), (9, 0, 9), "{isolation}");
        assert_eq!(shop.hold_state(hold), "expired 4");
        assert_eq!(
            shop.error("SELECT confirm_hold($1, $1)", &[&hold]).name(),
            "hold_expired"
        );
        shop.run("ROLLBACK");
    }
}

/// A snapshot that is older than the sweep still shows the hold as active: free all the same.
#[test]
fn an_old_snapshot_is_told_the_same_before_and_after_the_sweep() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    shop.expired_hold(listing, 4);
    let mut other = connect(&shop.db);
    shop.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    other.batch_execute("SELECT expire_holds()").unwrap();
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    shop.run("COMMIT");
    assert_eq!(shop.numbers(listing), (9, 0, 9));
    shop.verify();
}

/// In a parallel worker the library is loaded anew, and reads holds there.
#[test]
fn a_parallel_worker_is_told_the_same() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    shop.expired_hold(listing, 4);
    shop.hold(listing, 1);
    shop.run("SET force_parallel_mode = on");
    assert_eq!(shop.numbers(listing), (8, 1, 9));
    let plan = shop.texts(&format!("EXPLAIN SELECT get_available_stock('{listing}')"));
    assert!(plan[0].contains("Gather"), "it is a worker: {plan:?}");
}
