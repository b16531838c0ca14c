//! What goes with a listing, a lot or a place, and what stays.

use crate::api::shop::{Shop, ORISON};
use serde_json::json;
use uuid::Uuid;

/// A listing with a hold in every state; the keys of those that are over.
fn with_all_states(shop: &mut Shop) -> (Uuid, Vec<Uuid>) {
    let listing = shop.limited(9, 0, 9);
    let over: Vec<Uuid> = ["confirmed", "released", "expired"]
        .iter()
        .map(|status| {
            let sql = "INSERT INTO stock_holds (listing_id, quantity, status) VALUES ($1, 2, $2) RETURNING hold_id";
            shop.value(sql, &[&listing, status])
        })
        .collect();
    let waiting = shop.hold(listing, 12);
    shop.rows("SELECT confirm_hold($1, gen_random_uuid())", &[&waiting]);
    shop.hold(listing, 1);
    shop.expired_hold(listing, 1);
    (listing, over)
}

#[test]
fn a_deleted_listing_takes_its_live_holds_and_leaves_the_others_as_history() {
    for delete in [
        "SELECT delete_listing('$1')",
        "DELETE FROM stock_listings WHERE listing_id = '$1'",
    ] {
        let mut shop = Shop::open();
        let kept = shop.stocked(5);
        let kept_hold = shop.hold(kept, 2);
        let (listing, over) = with_all_states(&mut shop);
        shop.run(&delete.replace("$1", &listing.to_string()));
        let left = shop.rows(
            "SELECT hold_id FROM stock_holds WHERE listing_id = $1 ORDER BY created_at",
            &[&listing],
        );
        let left: Vec<Uuid> = left.iter().map(|row| row.get(0)).collect();
        assert_eq!(left, over, "{delete}");
        assert_eq!(shop.hold_state(over[0]), "confirmed 2");
        assert_eq!(shop.hold_state(kept_hold), "active 2");
        assert_eq!(shop.numbers(kept), (3, 2, 5));
        // History is not brought back to life, but may be noted on and purged.
        let error = shop.error(
            "UPDATE stock_holds SET status = 'active' WHERE hold_id = $1",
            &[&over[1]],
        );
        assert_eq!(error.name(), "listing_not_found");
        shop.rows(
            "UPDATE stock_holds SET metadata = '{}' WHERE hold_id = $1",
            &[&over[1]],
        );
        assert_eq!(shop.value::<i32>("SELECT release_hold($1)", &[&over[1]]), 0);
        assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 0);
        shop.verify();
        assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 3);
        shop.verify();
    }
}

#[test]
fn truncated_listings_take_every_hold() {
    let mut shop = Shop::open();
    with_all_states(&mut shop);
    shop.run("TRUNCATE stock_listings CASCADE");
    assert_eq!(
        shop.value::<i64>("SELECT count(*) FROM stock_holds", &[]),
        0
    );
    shop.verify();
}

#[test]
fn truncated_holds_free_everything_that_was_held() {
    let mut shop = Shop::open();
    let (listing, _) = with_all_states(&mut shop);
    shop.run("TRUNCATE stock_holds");
    assert_eq!(shop.numbers(listing), (0, 9, 9));
    shop.verify();
    shop.receive_at(listing, 3, ORISON);
    shop.hold_at(listing, 2, ORISON);
    shop.run("TRUNCATE stock_holds, stock_lots, stock_allocations");
    assert_eq!(shop.numbers(listing), (0, 0, 0));
    shop.verify();
}

#[test]
fn a_place_that_only_past_holds_name_can_be_deleted() {
    let mut shop = Shop::open();
    let sql = "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id";
    let cellar: Uuid = shop.value(sql, &[]);
    let listing = shop.limited(0, 0, 5);
    let lot = shop.receive_at(listing, 3, cellar);
    let hold = shop.hold_at(listing, 2, cellar);
    let delete = "DELETE FROM locations WHERE location_id = $1";
    // Expired and not swept it is still in the place's counters.
    shop.rows(
        "UPDATE stock_holds SET expires_at = '2001-01-01' WHERE hold_id = $1",
        &[&hold],
    );
    shop.rows("DELETE FROM stock_lots WHERE lot_id = $1", &[&lot]);
    shop.rows("SELECT expire_holds()", &[]);
    shop.rows(delete, &[&cellar]);
    assert_eq!(shop.hold_state(hold), "expired 2");
    // What is over keeps its place's key as history.
    let place = "SELECT location_id FROM get_hold($1)";
    assert_eq!(shop.value::<Uuid>(place, &[&hold]), cellar);
    let error = shop.error(
        "SELECT hold_stock($1, 1, location_id => $2)",
        &[&listing, &cellar],
    );
    assert_eq!(error.name(), "location_not_found");
    shop.verify();
}

#[test]
fn a_live_hold_is_named_where_its_place_is_to_be_deleted() {
    let mut shop = Shop::open();
    let sql = "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id";
    let cellar: Uuid = shop.value(sql, &[]);
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 3, cellar);
    shop.hold_at(listing, 2, cellar);
    for (between, problem) in [
        ("", "holds lots"),
        // In one transaction: the goods go first, the hold stays.
        (
            "UPDATE stock_lots SET location_id = NULL WHERE lot_id = '$1'",
            "is named by holds",
        ),
    ] {
        shop.run(&format!(
            "BEGIN; {}",
            between.replace("$1", &lot.to_string())
        ));
        let error = shop.error("DELETE FROM locations WHERE location_id = $1", &[&cellar]);
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("55000", "location_in_use")
        );
        assert_eq!(error.field("problem"), json!(problem));
        shop.run("ROLLBACK");
    }
    shop.run(&format!(
        "BEGIN; UPDATE stock_lots SET location_id = NULL; UPDATE stock_holds SET location_id = NULL;
         DELETE FROM locations WHERE location_id = '{cellar}'; COMMIT"
    ));
    assert_eq!(shop.numbers(listing), (1, 2, 3));
    shop.verify();
}

/// Of a lot that is deleted, its claims go; holds are of the listing, which may have too little then.
#[test]
fn a_deleted_lot_takes_no_holds() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let hold = shop.hold(listing, 4);
    shop.rows(
        "DELETE FROM stock_lots WHERE listing_id = $1 AND location_id = $2",
        &[&listing, &ORISON],
    );
    assert_eq!(shop.numbers(listing), (0, 4, 4));
    let error = shop.error("DELETE FROM stock_lots WHERE listing_id = $1", &[&listing]);
    assert_eq!(error.name(), "stock_committed");
    assert_eq!(error.field("holds"), json!([hold]));
    shop.verify();
}
