//! The API: registering, receiving, reading, allocating.

use super::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn register_listing_keeps_what_it_is_given() {
    let mut shop = Shop::open();
    let (key, owner) = (Uuid::new_v4(), Uuid::new_v4());
    let sql =
        "SELECT register_listing('S-1', 'A name', $1, 'food', '4006381', 12.3456, '{\"a\": [1]}',
                                       $2, 'kg', 3, 4, 5, 6, 7)";
    let made: Uuid = shop.value(sql, &[&key, &owner]);
    assert_eq!(made, key);
    let row: Value = shop.value(
        "SELECT to_jsonb(g) - '{created_at, updated_at}'::text[] FROM stock_listings g",
        &[],
    );
    let expected = json!({
        "listing_id": key.to_string(), "tenant_id": Uuid::nil().to_string(), "sku": "S-1", "name": "A name",
        "category": "food", "barcode": "4006381", "unit_cost": 12.3456, "metadata": {"a": [1]},
        "owner_id": owner.to_string(), "unit": "kg", "quantity_scale": 3, "safety_stock": 4,
        "backorder_limit": 5, "reorder_threshold": 6, "reorder_quantity": 7,
        "attached_to": null, "attached_key": null, "sync_deferred": false,
        "quantity_total": 0, "quantity_listed": 0, "quantity_allocated": 0, "quantity_held": 0,
        "quantity_available": 0, "version": 0, "moved_at": null, "quantity_booked": 0,
    });
    assert_eq!(row, expected);

    // Left out, everything has a default, and keys are in the order of time.
    let first = shop.listing();
    let second = shop.listing();
    assert!(first < second);
    assert_eq!((first.get_version_num(), second.get_version_num()), (7, 7));
    let sql = "SELECT metadata FROM stock_listings WHERE listing_id = $1";
    assert_eq!(shop.value::<Value>(sql, &[&first]), json!({}));
    shop.verify();
}

/// jsonb keeps numbers exactly; a listing's metadata is the app's, and goes through untouched.
#[test]
fn metadata_comes_back_as_it_was_given() {
    let mut shop = Shop::open();
    for metadata in [
        r#"{"price": 0.1234567890123456789}"#,
        r#"{"serial": 123456789012345678901234567890}"#,
        r#"{"scale": 1.10}"#,
        r#"{"tiny": 1e-400}"#,
        r#"{"deep": {"text": "é\n\"", "list": [null, true, {}]}}"#,
        r#"[1, 2]"#,
        r#""text""#,
    ] {
        let sql = "SELECT register_listing(NULL, metadata => $1::text::jsonb)";
        let listing: Uuid = shop.value(sql, &[&metadata]);
        let sql = "SELECT metadata::text, ($2::text::jsonb)::text FROM stock_listings
                    WHERE listing_id = $1";
        let row = &shop.rows(sql, &[&listing, &metadata])[0];
        assert_eq!(row.get::<_, String>(0), row.get::<_, String>(1));
    }
    shop.verify();
}

#[test]
fn delete_listing_takes_everything_of_it_and_nothing_else() {
    let mut shop = Shop::open();
    let kept = shop.stocked(3);
    shop.allocate(kept, 1);
    let before = shop.everything();
    let listing = shop.stocked(5);
    shop.receive_at(listing, 4, ORISON);
    let order = shop.allocate(listing, 7);
    let fulfilled: i32 = shop.value("SELECT fulfill_allocations($1, $2, 2)", &[&order, &listing]);
    assert_eq!(fulfilled, 2);
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    // The ledger remembers what there was.
    let mut after = shop.everything();
    after
        .retain(|row| !row.starts_with("stock_movements: ") || !row.contains(&listing.to_string()));
    assert_eq!(after, before);
    let error = shop.error("SELECT delete_listing($1)", &[&listing]);
    assert_eq!(error.name(), "listing_not_found");
    shop.verify();
}

#[test]
fn receive_stock_makes_a_lot_as_it_was_told() {
    let mut shop = Shop::open();
    let (listing, owner) = (shop.listing(), Uuid::new_v4());
    let sql =
        "SELECT receive_stock($1, 7, $2, $3, 'batch 9', '2100-01-31', 1.25, 'fragile', false)";
    let lot: Uuid = shop.value(sql, &[&listing, &ORISON, &owner]);
    assert_eq!(lot.get_version_num(), 7);
    let row: Value = shop.value(
        "SELECT to_jsonb(l) - '{created_at, updated_at}'::text[] FROM stock_lots l",
        &[],
    );
    let expected = json!({
        "lot_id": lot.to_string(), "tenant_id": Uuid::nil().to_string(), "listing_id": listing.to_string(), "quantity_total": 7,
        "quantity_allocated": 0, "location_id": ORISON.to_string(), "owner_id": owner.to_string(), "listed": false, "in_stock": false,
        "condition": "good", "sellable": false,
        "notes": "fragile", "lot_code": "batch 9", "expires_on": "2100-01-31", "unit_cost": 1.25,
    });
    assert_eq!(row, expected);
    assert_eq!(
        shop.numbers(listing),
        (0, 0, 7),
        "an unlisted lot is owned, not for sale"
    );

    // The rest of the defaults: Unspecified, listed, the listing's own cost.
    let sql = "SELECT register_listing(NULL, unit_cost => 2.5)";
    let costly: Uuid = shop.value(sql, &[]);
    let lot = shop.receive(costly, 3);
    let sql = "SELECT location_id, listed, unit_cost::text FROM stock_lots WHERE lot_id = $1";
    let row = &shop.rows(sql, &[&lot])[0];
    assert_eq!(row.get::<_, Uuid>(0), UNSPECIFIED);
    assert!(row.get::<_, bool>(1));
    assert_eq!(row.get::<_, String>(2), "2.5000");
    assert_eq!(shop.numbers(costly), (3, 0, 3));
    shop.verify();
}

#[test]
fn readers_count_listing_and_location() {
    let mut shop = Shop::open();
    let listing: Uuid = shop.value("SELECT register_listing(NULL, safety_stock => 2)", &[]);
    shop.receive_at(listing, 10, ORISON);
    shop.receive_at(listing, 4, LORVILLE);
    let sql = "SELECT receive_stock($1, 5, $2, listed => false)";
    shop.rows(sql, &[&listing, &ORISON]);
    shop.allocate(listing, 3);
    assert_eq!(shop.numbers(listing), (11, 3, 19));

    let sql =
        "SELECT get_available_stock($1, $2), get_reserved_stock($1, $2), get_total_stock($1, $2)";
    let mut at = |location: Option<Uuid>| -> (i32, i32, i32) {
        let row = &shop.rows(sql, &[&listing, &location])[0];
        (row.get(0), row.get(1), row.get(2))
    };
    assert_eq!(at(Some(ORISON)), (7, 3, 15));
    assert_eq!(at(Some(LORVILLE)), (4, 0, 4));
    assert_eq!(at(Some(UNSPECIFIED)), (0, 0, 0), "nothing was ever there");
    assert_eq!(at(Some(Uuid::new_v4())), (0, 0, 0), "no such place");
    assert_eq!(at(None), (11, 3, 19), "NULL means everywhere");

    let nobody = Uuid::new_v4();
    assert_eq!(
        shop.numbers(nobody),
        (0, 0, 0),
        "unknown is 0, as a sum of nothing"
    );
    // get_stock: one row an id, in the order given, also twice; NULLs are left out.
    let ids = vec![Some(nobody), Some(listing), None, Some(listing)];
    let sql = "SELECT listing_id, available, reserved, held, allocated, total, available_to_promise
                 FROM get_stock($1)";
    let rows = shop.rows(sql, &[&ids]);
    let rows: Vec<(Uuid, [i32; 6])> = rows
        .iter()
        .map(|row| (row.get(0), [1, 2, 3, 4, 5, 6].map(|column| row.get(column))))
        .collect();
    let numbers = [11, 3, 0, 3, 19, 9];
    assert_eq!(
        rows,
        [(nobody, [0; 6]), (listing, numbers), (listing, numbers)]
    );
    shop.verify();
}

/// In a parallel worker the library is loaded anew: the numbers must be the same there.
#[test]
fn readers_give_the_same_numbers_in_a_parallel_worker() {
    let mut shop = Shop::open();
    let listing = shop.stocked(8);
    shop.allocate(listing, 3);
    shop.run("SET force_parallel_mode = on");
    assert_eq!(shop.numbers(listing), (5, 3, 8));
    let plan = shop.rows("EXPLAIN SELECT get_available_stock($1)", &[&listing]);
    assert!(
        plan[0].get::<_, String>(0).contains("Gather"),
        "it is a worker"
    );
    shop.verify();
}

#[test]
fn a_claim_answers_with_its_rows() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [
        shop.receive_at(listing, 2, ORISON),
        shop.receive(listing, 9),
    ];
    let order = Uuid::new_v4();
    let sql = "SELECT allocation_id, lot_id, location_id, quantity, state, available, replayed
                 FROM allocate_stock($1, $2, 5)";
    let rows = shop.rows(sql, &[&listing, &order]);
    let answer: Vec<(Uuid, Uuid, i32, String, i32, bool)> = rows
        .iter()
        .map(|row| {
            (
                row.get(1),
                row.get(2),
                row.get(3),
                row.get(4),
                row.get(5),
                row.get(6),
            )
        })
        .collect();
    let active = || "active".to_owned();
    assert_eq!(
        answer,
        [
            (lots[0], ORISON, 2, active(), 6, false),
            (lots[1], UNSPECIFIED, 3, active(), 6, false)
        ]
    );
    for (row, lot) in rows.iter().zip(lots) {
        let key: Uuid = row.get(0);
        assert_eq!(key.get_version_num(), 7);
        let sql = "SELECT lot_id, listing_id, order_id, hold_id FROM stock_allocations
                    WHERE allocation_id = $1 AND status = 'active'";
        let stored = &shop.rows(sql, &[&key])[0];
        assert_eq!(stored.get::<_, Uuid>(0), lot);
        assert_eq!(stored.get::<_, Uuid>(1), listing);
        assert_eq!(stored.get::<_, Uuid>(2), order);
        assert_eq!(stored.get::<_, Option<Uuid>>(3), None);
    }
    assert_eq!(shop.numbers(listing), (6, 5, 11));
    assert_eq!((shop.lot(lots[0]), shop.lot(lots[1])), ((2, 2), (9, 3)));
    shop.verify();
}

#[test]
fn all_or_nothing_unless_partial() {
    let mut shop = Shop::open();
    let listing = shop.stocked(2);
    shop.receive_at(listing, 3, ORISON);
    let order = Uuid::new_v4();
    let before = shop.everything();
    let error = shop.error("SELECT allocate_stock($1, $2, 6)", &[&listing, &order]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(6), json!(5))
    );
    assert_eq!(shop.everything(), before);

    let sql = "SELECT quantity, available FROM allocate_stock($1, $2, 6, partial => true)";
    let rows = shop.rows(sql, &[&listing, &order]);
    let taken: Vec<(i32, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(taken, [(2, 0), (3, 0)]);
    // Nothing at all is not "what there is".
    let error = shop.error(sql, &[&listing, &order]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(error.field("available"), 0);
    shop.verify();
}

#[test]
fn on_short_answer_says_what_could_be_had() {
    let mut shop = Shop::open();
    let listing = shop.stocked(3);
    shop.receive_at(listing, 1, ORISON);
    let order = Uuid::new_v4();
    let before = shop.everything();
    let ask = |shop: &mut Shop, units: i32, location: Option<Uuid>| {
        let sql = "SELECT to_jsonb(a) FROM allocate_stock($1, $2, $3, location_id => $4,
                                                          on_short => 'answer') a";
        let rows = shop.rows(sql, &[&listing, &order, &units, &location]);
        assert_eq!(rows.len(), 1);
        rows[0].get::<_, Value>(0)
    };
    let refusal = |location: Option<Uuid>, available: i32| {
        json!({"allocation_id": null, "lot_id": null, "location_id": location.map(|id| id.to_string()), "quantity": 0,
               "state": "insufficient", "available": available, "replayed": false})
    };
    assert_eq!(ask(&mut shop, 5, None), refusal(None, 4));
    assert_eq!(ask(&mut shop, 2, Some(ORISON)), refusal(Some(ORISON), 1));
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn safety_stock_is_never_sold() {
    let mut shop = Shop::open();
    let listing: Uuid = shop.value("SELECT register_listing(NULL, safety_stock => 4)", &[]);
    let lots = [shop.receive(listing, 5), shop.receive(listing, 5)];
    let order = Uuid::new_v4();
    let error = shop.error("SELECT allocate_stock($1, $2, 7)", &[&listing, &order]);
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(7), json!(6))
    );
    let chosen = json!([{"lot_id": lots[0].to_string(), "quantity": 5}, {"lot_id": lots[1].to_string(), "quantity": 2}]);
    let error = shop.error("SELECT allocate_lots($1, $2)", &[&order, &chosen]);
    assert_eq!(error.field("available"), 6);
    let lines = json!([{"listing_id": listing.to_string(), "quantity": 7}]);
    let error = shop.error("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(error.field("available"), 6);

    let sql = "SELECT sum(quantity) FROM allocate_stock($1, $2, 9, partial => true)";
    assert_eq!(shop.value::<i64>(sql, &[&listing, &order]), 6);
    assert_eq!(shop.numbers(listing), (4, 6, 10));
    let row = &shop.rows(
        "SELECT available_to_promise FROM get_stock(ARRAY[$1::uuid])",
        &[&listing],
    )[0];
    assert_eq!(row.get::<_, i32>(0), 0);
    let error = shop.error("SELECT allocate_stock($1, $2, 1)", &[&listing, &order]);
    assert_eq!(error.field("available"), 0);
    shop.verify();
}

#[test]
fn the_version_is_the_packages() {
    let mut shop = Shop::open();
    let version: String = shop.value("SELECT stockroom_version()", &[]);
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let installed: String = shop.value(
        "SELECT extversion FROM pg_extension WHERE extname = 'stockroom'",
        &[],
    );
    assert_eq!(installed, version);
}
