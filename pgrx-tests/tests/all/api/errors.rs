//! What each error is to a program and to a person: SQLSTATE, the JSON of DETAIL with exactly its
//! keys, and the HINT. (Errors of attached tables are pinned where those are tested.)

use super::shop::{Shop, ORISON};
use serde_json::{json, Value};
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// Whether an error is this one, its message too.
#[track_caller]
pub fn assert_error(error: &ErrorInfo, sqlstate: &str, message: &str, detail: Value, hint: &str) {
    stockroom_tests::assert_error(error, sqlstate, detail, hint);
    assert_eq!(error.message, message);
}

#[test]
fn insufficient_stock() {
    let mut shop = Shop::open();
    let listing = shop.stocked(3);
    shop.receive_at(listing, 1, ORISON);
    let (order, key) = (Uuid::new_v4(), listing.to_string());
    let hint = "Ask for less, or pass on_short => 'answer' for an answer instead of an error; \
                allocate_stock takes what there is with partial => true.";
    let error = shop.error("SELECT allocate_stock($1, $2, 5)", &[&listing, &order]);
    assert_error(
        &error,
        "23514",
        &format!("not enough stock of listing {key}: 5 requested, 4 available"),
        json!({"error": "insufficient_stock", "listing_id": key, "location_id": null,
               "requested": 5, "available": 4}),
        hint,
    );
    let sql = "SELECT allocate_stock($1, $2, 2, location_id => $3)";
    let error = shop.error(sql, &[&listing, &order, &ORISON]);
    assert_error(
        &error,
        "23514",
        &format!("not enough stock of listing {key}: 2 requested, 1 available"),
        json!({"error": "insufficient_stock", "listing_id": key,
               "location_id": ORISON.to_string(), "requested": 2, "available": 1}),
        hint,
    );
    shop.verify();
}

#[test]
fn stale_count() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 5);
    let error = shop.error("SELECT count_stock($1, 4, expected => 6)", &[&lot]);
    assert_error(
        &error,
        "55000",
        &format!("lot {lot} has 5 units, not the 6 that were expected"),
        json!({"error": "stale_count", "lot_id": lot.to_string(), "expected": 6, "actual": 5}),
        "Goods have moved since it was read: read it again, and count again.",
    );
    shop.verify();
}

#[test]
fn stock_committed_of_a_lot() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 5);
    let mut orders = [shop.allocate(listing, 2), shop.allocate(listing, 2)];
    orders.sort();
    // Lowered too far, taken off the list, deleted: by how much it is too much.
    for (sql, over_by) in [
        (
            "UPDATE stock_lots SET quantity_total = 1 WHERE lot_id = $1",
            3,
        ),
        ("UPDATE stock_lots SET listed = false WHERE lot_id = $1", 4),
        ("DELETE FROM stock_lots WHERE lot_id = $1", 4),
    ] {
        let error = shop.error(sql, &[&lot]);
        assert_error(
            &error,
            "23514",
            &format!("stock of lot {lot} is committed: {over_by} too many units are claimed"),
            json!({"error": "stock_committed", "lot_id": lot.to_string(),
                   "listing_id": listing.to_string(), "over_by": over_by,
                   "orders": orders.map(|order| order.to_string())}),
            "Release or fulfil the allocations of these orders first, or change the lot by less.",
        );
    }
    shop.verify();
}

/// A level or a listing that is claimed beyond what it has, while each lot is covered: only damaged
/// counters get there without holds, and the check at commit still says so.
#[test]
fn stock_committed_of_a_listing() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive(listing, 5);
    let lot = shop.receive_at(listing, 5, ORISON);
    shop.allocate(listing, 5);
    shop.run(
        "SET session_replication_role = replica;
         UPDATE stock_listings SET quantity_listed = 7;
         RESET session_replication_role",
    );
    let error = shop.error(
        "UPDATE stock_lots SET quantity_total = 2 WHERE lot_id = $1",
        &[&lot],
    );
    assert_error(
        &error,
        "23514",
        &format!("stock of listing {listing} is committed: 1 too many units are claimed"),
        json!({"error": "stock_committed", "listing_id": listing.to_string(), "location_id": null,
               "over_by": 1, "holds": []}),
        "Release or fulfil claims on the listing first, or change its stock by less.",
    );
    shop.rows("SELECT repair_stock()", &[]);
    shop.verify();
}

#[test]
fn not_found() {
    let mut shop = Shop::open();
    let nobody = Uuid::new_v4();
    let lines = json!([{"listing_id": nobody.to_string(), "quantity": 1}]);
    for (sql, params) in [
        (
            "SELECT allocate_stock($1, $1, 1)",
            &[&nobody as &(dyn postgres::types::ToSql + Sync)][..],
        ),
        ("SELECT allocate_order($1, $2)", &[&nobody, &lines]),
        ("SELECT receive_stock($1, 1)", &[&nobody]),
        ("SELECT delete_listing($1)", &[&nobody]),
        ("SELECT explain_allocation($1, 1)", &[&nobody]),
        ("SELECT to_units($1, 1)", &[&nobody]),
        ("SELECT to_quantity($1, 1)", &[&nobody]),
        (
            "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, 1)",
            &[&nobody],
        ),
        (
            "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, 0)",
            &[&nobody],
        ),
    ] {
        let error = shop.error(sql, params);
        assert_error(
            &error,
            "P0002",
            &format!("listing {nobody} does not exist"),
            json!({"error": "listing_not_found", "listing_id": nobody.to_string()}),
            "Make it with register_listing, or attach the table that holds it; it may also belong to \
             another tenant.",
        );
    }

    let lots = json!([{"lot_id": nobody.to_string(), "quantity": 1}]);
    for (sql, params) in [
        (
            "SELECT allocate_lots($1, $2)",
            &[&nobody as &(dyn postgres::types::ToSql + Sync), &lots][..],
        ),
        (
            "INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ($1, $1, 1)",
            &[&nobody],
        ),
    ] {
        let error = shop.error(sql, params);
        assert_error(
            &error,
            "P0002",
            &format!("lot {nobody} does not exist"),
            json!({"error": "lot_not_found", "lot_id": nobody.to_string()}),
            "Check the lot's id, its listing and its tenant: all three must match.",
        );
    }

    let listing = shop.listing();
    let error = shop.error("SELECT receive_stock($1, 1, $2)", &[&listing, &nobody]);
    assert_error(
        &error,
        "P0002",
        &format!("location {nobody} does not exist"),
        json!({"error": "location_not_found", "location_id": nobody.to_string()}),
        "Add it to locations, or leave it out for Unspecified.",
    );
    shop.verify();
}

#[test]
fn bad_argument() {
    let mut shop = Shop::open();
    let error = shop.error(
        "SELECT release_allocations($1, quantity => -3)",
        &[&Uuid::new_v4()],
    );
    assert_error(
        &error,
        "22023",
        "bad argument quantity: must be above zero, not -3",
        json!({"error": "bad_argument", "argument": "quantity",
               "problem": "must be above zero, not -3"}),
        "See the function's description with \\df+.",
    );
}

#[test]
fn quantity_out_of_range() {
    let mut shop = Shop::open();
    let listing = shop.stocked(i32::MAX);
    let hint = "A lot and a listing hold at most 2147483647 smallest units; choose a coarser unit.";
    for sql in [
        "SELECT receive_stock($1, 2)",
        "SELECT receive_stock($1, 2, '00000000-0000-8000-8000-000000000001')",
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, 2)",
        "UPDATE stock_lots SET quantity_total = quantity_total - 1 + 1 WHERE listing_id = $1
         RETURNING receive_stock($1, 2)",
    ] {
        let error = shop.error(sql, &[&listing]);
        assert_error(
            &error,
            "22003",
            &format!(
                "quantity_total of listing {listing} would be 2147483649, outside 0 to 2147483647"
            ),
            json!({"error": "quantity_out_of_range",
                   "what": format!("quantity_total of listing {listing}"), "value": 2_147_483_649_i64}),
            hint,
        );
    }
    shop.verify();
}

#[test]
fn listing_exists() {
    let mut shop = Shop::open();
    let first: Uuid = shop.value("SELECT register_listing('A', barcode => '1')", &[]);
    let second: Uuid = shop.value("SELECT register_listing('B', barcode => '2')", &[]);
    let same_key = format!("SELECT register_listing('C', listing_id => '{first}')");
    for (sql, field, value, whose) in [
        ("SELECT register_listing('A')", "sku", "A".to_owned(), first),
        (
            "SELECT register_listing(NULL, barcode => '2')",
            "barcode",
            "2".to_owned(),
            second,
        ),
        (same_key.as_str(), "listing_id", first.to_string(), first),
        // Taken twice over: the sku is named, and its listing.
        (
            "SELECT register_listing('A', barcode => '2')",
            "sku",
            "A".to_owned(),
            first,
        ),
    ] {
        let error = shop.error(sql, &[]);
        assert_error(
            &error,
            "23505",
            &format!("a listing with this {field} exists already: {value}"),
            json!({"error": "listing_exists", "field": field, "value": value,
                   "listing_id": whose.to_string()}),
            "Use the listing named in DETAIL, or choose another value.",
        );
    }
    // A key that another tenant uses: that it is taken is all that is told.
    shop.run("SET stockroom.tenant_id = 'aaaaaaaa-0000-0000-0000-000000000000'");
    let error = shop.error(&same_key, &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.field("field")),
        ("23505", json!("listing_id"))
    );
    assert_eq!(error.field("listing_id"), Value::Null);
}

#[test]
fn idempotency_mismatch() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let sql = "SELECT receive_stock($1, $2, idempotency_key => 'key 1')";
    shop.rows(sql, &[&listing, &1]);
    let error = shop.error(sql, &[&listing, &2]);
    assert_error(
        &error,
        "23505",
        "idempotency key \"key 1\" was used for another call of receive_stock: quantity differs",
        json!({"error": "idempotency_mismatch", "function": "receive_stock",
               "idempotency_key": "key 1", "field": "quantity"}),
        "Use a new key for a new request; repeat a request with exactly its first arguments.",
    );
    shop.verify();
}

#[test]
fn allocation_not_active() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let order = shop.allocate(listing, 2);
    let error = shop.error("SELECT fulfill_allocations($1, quantity => 3)", &[&order]);
    assert_error(
        &error,
        "55000",
        &format!("order {order} has 2 active units, 3 were asked for"),
        json!({"error": "allocation_not_active", "order_id": order.to_string(), "requested": 3,
               "active": 2}),
        "Leave the quantity out to take all that is active.",
    );
    shop.verify();
}

#[test]
fn engine_owned() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let insert = format!(
        "INSERT INTO stock_levels (tenant_id, listing_id, location_id)
         VALUES (current_tenant(), '{listing}', '{ORISON}')"
    );
    for sql in [
        insert.as_str(),
        "DELETE FROM stock_levels",
        "TRUNCATE stock_levels",
    ] {
        let error = shop.error(sql, &[]);
        assert_error(
            &error,
            "42501",
            "a row of stock_levels belongs to the engine",
            json!({"error": "engine_owned", "what": "a row of stock_levels"}),
            "Change lots and allocations, or call the functions; the engine keeps the rest.",
        );
    }
    shop.verify();
}

#[test]
fn key_fixed() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.allocate(listing, 1);
    shop.run("INSERT INTO locations (name) VALUES ('Cellar')");
    for (table, column) in [
        ("stock_listings", "listing_id"),
        ("stock_listings", "tenant_id"),
        ("stock_lots", "lot_id"),
        ("stock_lots", "tenant_id"),
        ("stock_allocations", "allocation_id"),
        ("stock_allocations", "tenant_id"),
        ("stock_levels", "tenant_id"),
        ("stock_levels", "listing_id"),
        ("stock_levels", "location_id"),
        ("locations", "location_id"),
        ("locations", "tenant_id"),
    ] {
        let only_ours = if table == "locations" {
            "WHERE NOT is_preset"
        } else {
            ""
        };
        let sql = format!("UPDATE {table} SET {column} = gen_random_uuid() {only_ours}");
        let error = shop.error(&sql, &[]);
        assert_error(
            &error,
            "55000",
            &format!("column {column} of {table} cannot change"),
            json!({"error": "key_fixed", "table": table, "column": column}),
            "Insert a new row and delete the old one.",
        );
    }
    shop.verify();
}

#[test]
fn preset_fixed() {
    let mut shop = Shop::open();
    let error = shop.error("DELETE FROM locations WHERE name = 'Grim HEX'", &[]);
    assert_error(
        &error,
        "42501",
        "preset location Grim HEX cannot be added, changed or deleted",
        json!({"error": "preset_fixed", "name": "Grim HEX"}),
        "Add a location of your own; stockroom.hide_preset_locations hides the presets from lists.",
    );
}

#[test]
fn location_in_use() {
    let mut shop = Shop::open();
    let sql = "INSERT INTO locations (name) VALUES ('Hall') RETURNING location_id";
    let hall: Uuid = shop.value(sql, &[]);
    shop.rows(
        "INSERT INTO locations (name, parent_id) VALUES ('Rack', $1)",
        &[&hall],
    );
    let error = shop.error("DELETE FROM locations WHERE location_id = $1", &[&hall]);
    assert_error(
        &error,
        "55000",
        &format!("location {hall} contains other locations"),
        json!({"error": "location_in_use", "location_id": hall.to_string(),
               "problem": "contains other locations"}),
        "Move what lies in it first.",
    );
}
