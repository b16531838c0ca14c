//! What must hold at commit for direct DML beside holds; on the way an app may pass through anything.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// The refusal that names a listing, or one of its places, and the holds that stand in the way.
#[track_caller]
fn assert_committed(
    error: &ErrorInfo,
    listing: Uuid,
    place: Option<Uuid>,
    over_by: i32,
    holds: &[Uuid],
) {
    assert_eq!(error.sqlstate, "23514", "{error:?}");
    let place = place.map_or(Value::Null, |place| json!(place));
    assert_eq!(
        error.detail_json,
        Some(
            json!({"error": "stock_committed", "listing_id": listing, "location_id": place,
                    "over_by": over_by, "holds": holds})
        )
    );
    assert_eq!(
        error.message,
        format!("stock of listing {listing} is committed: {over_by} too many units are claimed")
    );
    assert!(error.hint.is_some());
}

/// Runs statements in a transaction: they succeed, and COMMIT is refused without a trace.
#[track_caller]
fn refused_at_commit(shop: &mut Shop, statements: &str) -> ErrorInfo {
    let before = shop.everything();
    shop.run(&format!("BEGIN; {statements}"));
    let error = shop.error("COMMIT", &[]);
    assert_eq!(shop.everything(), before);
    shop.verify();
    error
}

fn insert(listing: Uuid, hold: Uuid, units: i32, place: Option<Uuid>) -> String {
    let place = place.map_or("NULL".to_owned(), |place| format!("'{place}'"));
    format!(
        "INSERT INTO stock_holds (hold_id, listing_id, quantity, location_id)
         VALUES ('{hold}', '{listing}', {units}, {place})"
    )
}

#[test]
fn a_hold_beyond_what_there_is_is_refused_at_commit() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let (hold, other) = (Uuid::new_v4(), Uuid::new_v4());
    let error = refused_at_commit(&mut shop, &insert(listing, hold, 11, None));
    assert_committed(&error, listing, None, 1, &[hold]);
    // Newest first.
    let both = format!(
        "{}; {}",
        insert(listing, hold, 6, None),
        insert(listing, other, 6, None)
    );
    let error = refused_at_commit(&mut shop, &both);
    assert_committed(&error, listing, None, 2, &[other, hold]);
    // A place's floor is its own.
    let error = refused_at_commit(&mut shop, &insert(listing, hold, 5, Some(LORVILLE)));
    assert_committed(&error, listing, Some(LORVILLE), 1, &[hold]);
    shop.run(&insert(listing, hold, 4, Some(LORVILLE)));
    shop.run(&insert(listing, other, 6, None));
    for statement in [
        "UPDATE stock_holds SET quantity = quantity + 1 WHERE location_id IS NULL",
        "UPDATE stock_holds SET status = 'waiting', quantity = 7 WHERE location_id IS NULL",
    ] {
        let error = refused_at_commit(&mut shop, statement);
        assert_eq!(
            (error.name().as_str(), error.field("over_by")),
            ("stock_committed", json!(1))
        );
    }
    shop.verify();
}

#[test]
fn stock_that_holds_need_cannot_be_taken_away() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let hold = shop.hold(listing, 8);
    let lots = "UPDATE stock_lots SET";
    for (statement, over_by) in [
        (
            format!("{lots} quantity_total = 3 WHERE location_id = '{ORISON}'"),
            1,
        ),
        (
            format!("{lots} listed = false WHERE location_id = '{LORVILLE}'"),
            2,
        ),
        (
            format!("DELETE FROM stock_lots WHERE location_id = '{ORISON}'"),
            4,
        ),
        (
            format!(
                "INSERT INTO stock_allocations (lot_id, order_id, quantity)
                     SELECT lot_id, lot_id, 4 FROM stock_lots WHERE location_id = '{LORVILLE}'"
            ),
            2,
        ),
        ("TRUNCATE stock_lots".into(), 8),
    ] {
        let error = refused_at_commit(&mut shop, &statement);
        assert_committed(&error, listing, None, over_by, &[hold]);
    }
    // As far as they go, and from one place to another.
    shop.run(&format!(
        "{lots} quantity_total = 4 WHERE location_id = '{ORISON}';
         {lots} location_id = '{ORISON}' WHERE location_id = '{LORVILLE}'"
    ));
    assert_eq!(shop.numbers(listing), (0, 8, 8));
    shop.verify();
}

#[test]
fn stock_that_a_place_holds_cannot_be_moved_away() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let hold = shop.hold_at(listing, 3, LORVILLE);
    for (statement, over_by) in [
        (
            "UPDATE stock_lots SET location_id = '$O' WHERE location_id = '$L'",
            3,
        ),
        (
            "UPDATE stock_lots SET quantity_total = 1 WHERE location_id = '$L'",
            2,
        ),
        (
            "UPDATE stock_lots SET listed = false WHERE location_id = '$L'",
            3,
        ),
        ("UPDATE stock_holds SET quantity = 5", 1),
        (
            "INSERT INTO stock_allocations (lot_id, order_id, quantity)
             SELECT lot_id, lot_id, 2 FROM stock_lots WHERE location_id = '$L'",
            1,
        ),
    ] {
        let statement = statement
            .replace("$O", &ORISON.to_string())
            .replace("$L", &LORVILLE.to_string());
        let error = refused_at_commit(&mut shop, &statement);
        assert_committed(&error, listing, Some(LORVILLE), over_by, &[hold]);
    }
    // With the hold it may go.
    shop.run(&format!(
        "BEGIN; UPDATE stock_lots SET location_id = '{ORISON}' WHERE location_id = '{LORVILLE}';
         UPDATE stock_holds SET location_id = '{ORISON}'; COMMIT"
    ));
    shop.verify();
}

#[test]
fn a_backorder_limit_is_how_far_direct_holds_may_go() {
    let mut shop = Shop::open();
    let listing = shop.limited(5, 3, 4);
    let hold = Uuid::new_v4();
    // Safety stock is a rule for functions.
    let error = refused_at_commit(&mut shop, &insert(listing, hold, 10, None));
    assert_committed(&error, listing, None, 1, &[hold]);
    shop.run(&insert(listing, hold, 9, None));
    assert_eq!(shop.numbers(listing), (-4, 9, 5));
    let error = refused_at_commit(&mut shop, "UPDATE stock_listings SET backorder_limit = 2");
    assert_committed(&error, listing, None, 2, &[hold]);
    let error = refused_at_commit(&mut shop, "UPDATE stock_lots SET quantity_total = 4");
    assert_committed(&error, listing, None, 1, &[hold]);
    shop.run("BEGIN; UPDATE stock_listings SET backorder_limit = 0; UPDATE stock_holds SET quantity = 5; COMMIT");
    shop.verify();
}

#[test]
fn bad_states_inside_a_transaction_are_fine() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let hold = Uuid::new_v4();
    shop.run(&format!(
        "BEGIN; {}",
        insert(listing, hold, 50, Some(ORISON))
    ));
    assert_eq!(shop.numbers(listing), (-40, 50, 10));
    shop.run("UPDATE stock_holds SET quantity = 6; COMMIT");
    for after in [
        "DELETE FROM stock_holds WHERE quantity = 70",
        "UPDATE stock_holds SET status = 'released' WHERE quantity = 70",
        "UPDATE stock_holds SET expires_at = '2001-01-01' WHERE quantity = 70",
        "TRUNCATE stock_holds",
        "DELETE FROM stock_listings",
    ] {
        let over = insert(listing, Uuid::new_v4(), 70, None);
        shop.run(&format!("BEGIN; {over}; {after}"));
        shop.run(if after.contains("listings") {
            "ROLLBACK"
        } else {
            "COMMIT"
        });
        shop.verify();
    }
    // Checked at once where the app wishes so.
    shop.run("BEGIN; SET CONSTRAINTS ALL IMMEDIATE");
    let error = shop.error(&insert(listing, hold, 11, None), &[]);
    assert_eq!(error.name(), "stock_committed");
    shop.run("ROLLBACK");
    shop.verify();
}

/// What has expired is ended at commit, as far as it is in the way.
#[test]
fn an_expired_hold_is_no_obstacle() {
    let mut shop = Shop::open();
    for (statement, place) in [
        (
            "UPDATE stock_lots SET quantity_total = 1 WHERE listing_id = '$1'",
            None,
        ),
        (
            "UPDATE stock_lots SET listed = false WHERE listing_id = '$1'",
            Some(ORISON),
        ),
        (
            "DELETE FROM stock_lots WHERE listing_id = '$1'",
            Some(LORVILLE),
        ),
        (
            "INSERT INTO stock_allocations (lot_id, order_id, quantity)
             SELECT lot_id, lot_id, quantity_total FROM stock_lots WHERE listing_id = '$1'",
            Some(ORISON),
        ),
        (
            "INSERT INTO stock_holds (listing_id, quantity) VALUES ('$1', 10)",
            None,
        ),
        (
            "INSERT INTO stock_holds (listing_id, quantity, location_id) VALUES ('$1', 6, '$O')",
            Some(ORISON),
        ),
        (
            "UPDATE stock_listings SET backorder_limit = 0 WHERE listing_id = '$1'",
            None,
        ),
    ] {
        let listing = shop.two_places();
        if statement.contains("backorder") {
            shop.rows(
                "UPDATE stock_listings SET backorder_limit = 9 WHERE listing_id = $1",
                &[&listing],
            );
            shop.hold(listing, 9);
        }
        match place {
            Some(place) => shop.expired_hold_at(listing, 4, place),
            None => shop.expired_hold(listing, 4),
        };
        shop.run(
            &statement
                .replace("$1", &listing.to_string())
                .replace("$O", &ORISON.to_string()),
        );
        shop.verify();
    }
    // Together with one that lives, the live one is what is named.
    let listing = shop.two_places();
    let live = shop.hold(listing, 6);
    shop.expired_hold(listing, 4);
    let take = format!("UPDATE stock_lots SET quantity_total = 2 WHERE listing_id = '{listing}'");
    let error = refused_at_commit(&mut shop, &take);
    assert_committed(&error, listing, None, 2, &[live]);
}

#[test]
fn at_most_twenty_holds_are_named() {
    let mut shop = Shop::open();
    let listing = shop.stocked(25);
    for _ in 0..25 {
        shop.hold(listing, 1);
    }
    let error = refused_at_commit(&mut shop, "UPDATE stock_lots SET quantity_total = 0");
    assert_eq!(error.field("over_by"), 25);
    let newest = "SELECT hold_id FROM stock_holds ORDER BY created_at DESC LIMIT 20";
    let newest = shop.rows(newest, &[]);
    let newest: Vec<Uuid> = newest.iter().map(|row| row.get(0)).collect();
    assert_eq!(error.field("holds"), json!(newest));
}
