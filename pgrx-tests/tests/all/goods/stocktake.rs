//! count_location: a stocktake of a whole place, all or nothing, and the dry run before it.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

/// The call, with more arguments or none.
fn count(counts: &Value, more: &str) -> String {
    format!("count_location('{ORISON}', '{counts}'{more})")
}

/// Its rows: expected, before, counted, difference, state.
#[track_caller]
fn rows(shop: &mut Shop, counts: &Value, more: &str) -> Vec<String> {
    shop.texts(&format!(
        "SELECT coalesce(expected::text, '-'), quantity_before, counted, difference, state FROM {}",
        count(counts, more)
    ))
}

#[test]
fn lots_are_named_by_key_listing_or_sku() {
    let mut shop = Shop::open();
    let hat = shop.key("register_listing('hat')");
    let [coat, cap] = [shop.listing(), shop.listing()];
    let lots = [hat, coat, cap].map(|listing| shop.receive_at(listing, 10, ORISON));
    shop.receive(hat, 100);
    let counts = json!([
        {"sku": "hat", "counted": 8, "expected": 10},
        {"listing_id": coat, "counted": 12},
        {"lot_id": lots[2], "counted": 10},
    ]);
    assert_eq!(
        rows(
            &mut shop,
            &counts,
            ", reason => 'spring', reference => 'S-1'"
        ),
        ["10|10|8|-2|ok", "-|10|12|2|ok", "-|10|10|0|ok"]
    );
    let keys = shop.texts(&format!(
        "SELECT lot_id, listing_id FROM {}",
        count(&counts_again(&counts), "")
    ));
    let expected: Vec<String> = [hat, coat, cap]
        .into_iter()
        .zip(lots)
        .map(|(listing, lot)| format!("{lot}|{listing}"))
        .collect();
    assert_eq!(keys, expected);
    assert_eq!(shop.lines_from(hat, 3), ["count 10→8 spring"]);
    assert_eq!(shop.lines_from(coat, 2), ["count 10→12 spring"]);
    assert_eq!(shop.lines_from(cap, 2), [""; 0]);
    assert_eq!(shop.numbers(hat), (108, 0, 108));
    shop.prove();
}

/// The same counts without what was expected: nothing differs the second time.
fn counts_again(counts: &Value) -> Value {
    let mut counts = counts.clone();
    for count in counts.as_array_mut().unwrap() {
        count.as_object_mut().unwrap().remove("expected");
    }
    counts
}

#[test]
fn a_dry_run_shows_what_would_be_and_changes_nothing() {
    let mut shop = Shop::open();
    let [hat, coat, held, allocated, double] = [(); 5].map(|()| shop.listing());
    for listing in [hat, coat, held, allocated, double, double] {
        shop.receive_at(listing, 10, ORISON);
    }
    shop.hold(held, 6);
    shop.allocate(allocated, 6);
    let elsewhere = shop.receive_at(coat, 5, LORVILLE);
    let counts = json!([
        {"listing_id": hat, "counted": 8, "expected": 10},
        {"listing_id": coat, "counted": 8, "expected": 9},
        {"listing_id": held, "counted": 3},
        {"listing_id": allocated, "counted": 3},
        {"listing_id": double, "counted": 3},
        {"lot_id": elsewhere, "counted": 3},
        {"sku": "nothing", "counted": 3},
    ]);
    let before = shop.everything();
    assert_eq!(
        rows(&mut shop, &counts, ", dry_run => true"),
        [
            "10|10|8|-2|ok",
            "9|10|8|-2|stale",
            "-|10|3|-7|committed",
            "-|10|3|-7|committed",
            "-|NULL|3|NULL|ambiguous",
            "-|NULL|3|NULL|not_found",
            "-|NULL|3|NULL|not_found",
        ]
    );
    assert_eq!(shop.everything(), before);
    // Each of them alone is the error that the dry run told.
    for (index, name) in [
        (1, "stale_count"),
        (2, "stock_committed"),
        (3, "stock_committed"),
        (4, "bad_argument"),
        (5, "lot_not_found"),
        (6, "bad_argument"),
    ] {
        let with_one_that_can_stand = json!([counts[0], counts[index]]);
        let call = count(&with_one_that_can_stand, "");
        assert_eq!(shop.refused(&call, "").0, name, "{index}");
    }
    assert_eq!(shop.everything(), before, "all or nothing");
    let call = count(&json!([counts[4]]), "");
    shop.assert_bad(
        &call,
        "counts",
        "counts[0] has several lots there: name the lot",
    );
    let call = count(&json!([counts[0], counts[6]]), "");
    shop.assert_bad(&call, "counts", "counts[1] has no lot there");
    // A dry run writes nothing, so it may be made where nothing can be written.
    shop.run("BEGIN READ ONLY");
    rows(&mut shop, &counts, ", dry_run => true");
    shop.run("ROLLBACK");
}

#[test]
fn an_empty_lot_beside_a_full_one_is_not_meant() {
    let mut shop = Shop::open();
    let hat = shop.listing();
    let [old, new] = [5, 7].map(|units| shop.receive_at(hat, units, ORISON));
    shop.units(&format!("adjust_stock('{old}', -5, 'sold')"));
    let counts = json!([{"listing_id": hat, "counted": 6}]);
    assert_eq!(rows(&mut shop, &counts, ""), ["-|7|6|-1|ok"]);
    assert_eq!((shop.lot(old), shop.lot(new)), ((0, 0), (6, 0)));
    // The only lot may be empty.
    let coat = shop.listing();
    let lot = shop.receive_at(coat, 1, ORISON);
    shop.units(&format!("adjust_stock('{lot}', -1, 'sold')"));
    let counts = json!([{"listing_id": coat, "counted": 2}]);
    assert_eq!(rows(&mut shop, &counts, ""), ["-|0|2|2|ok"]);
    shop.prove();
}

#[test]
fn what_nobody_found_is_kept_or_counted_as_nothing() {
    let mut shop = Shop::open();
    let [hat, coat, cap] = [(); 3].map(|()| shop.listing());
    for listing in [hat, coat, cap] {
        shop.receive_at(listing, 10, ORISON);
        shop.receive(listing, 1);
    }
    shop.run("UPDATE stock_lots SET condition = 'damaged' WHERE listing_id = (SELECT listing_id FROM stock_listings LIMIT 1)");
    let counts = json!([{"listing_id": hat, "counted": 9}]);
    assert_eq!(
        rows(&mut shop, &counts, ", missing => 'keep', dry_run => true").len(),
        1
    );
    let zeroed = ["-|10|9|-1|ok", "-|10|0|-10|ok", "-|10|0|-10|ok"];
    assert_eq!(
        rows(&mut shop, &counts, ", missing => 'zero', dry_run => true"),
        zeroed
    );
    assert_eq!(rows(&mut shop, &counts, ", missing => 'zero'"), zeroed);
    let totals = [hat, coat, cap].map(|listing| shop.numbers(listing).2);
    assert_eq!(totals, [10, 1, 1]);
    assert_eq!(
        rows(&mut shop, &counts, ", missing => 'zero'"),
        ["-|9|9|0|ok"]
    );
    shop.prove();
    // What is claimed stands in the way of it.
    shop.receive_at(coat, 5, ORISON);
    let sql = "SELECT allocate_stock($1, gen_random_uuid(), 2, location_id => $2)";
    shop.rows(sql, &[&coat, &ORISON]);
    assert_eq!(
        rows(&mut shop, &counts, ", missing => 'zero', dry_run => true"),
        ["-|9|9|0|ok", "-|5|0|-5|committed"]
    );
    assert_eq!(
        shop.refused(&count(&counts, ", missing => 'zero'"), "over_by")
            .1,
        "2"
    );
    shop.prove();
}

#[test]
fn gains_make_up_for_losses_of_the_same_listing() {
    let mut shop = Shop::open();
    let hat = shop.listing();
    let lots = [(); 2].map(|()| shop.receive_at(hat, 10, ORISON));
    shop.hold(hat, 20);
    let counts = |first: i32, second: i32| json!([{"lot_id": lots[0], "counted": first}, {"lot_id": lots[1], "counted": second}]);
    assert_eq!(
        rows(&mut shop, &counts(8, 11), ", dry_run => true"),
        ["-|10|8|-2|committed", "-|10|11|1|ok"]
    );
    assert_eq!(shop.refused(&count(&counts(8, 11), ""), "over_by").1, "1");
    assert_eq!(
        rows(&mut shop, &counts(8, 12), ", dry_run => true"),
        ["-|10|8|-2|ok", "-|10|12|2|ok"]
    );
    rows(&mut shop, &counts(8, 12), "");
    assert_eq!(shop.numbers(hat), (0, 20, 20));
    shop.prove();
}

#[test]
fn ten_thousand_lots_are_counted_in_one_call() {
    let mut shop = Shop::open();
    shop.run(&format!(
        "INSERT INTO stock_listings (sku) SELECT 'sku ' || n FROM generate_series(1, 10000) n;
         INSERT INTO stock_lots (listing_id, quantity_total, location_id)
         SELECT listing_id, 10, '{ORISON}' FROM stock_listings"
    ));
    let sql = "SELECT count(*) FILTER (WHERE difference = -1), count(*) FILTER (WHERE difference = 0)
                 FROM count_location($1, (SELECT jsonb_agg(jsonb_build_object(
                        'sku', sku, 'expected', 10,
                        'counted', CASE WHEN right(sku, 1) = '7' THEN 10 ELSE 9 END)) FROM stock_listings))";
    let row = &shop.rows(sql, &[&ORISON])[0];
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (9000, 1000));
    assert_eq!(
        shop.text("SELECT sum(quantity_available) FROM stock_listings"),
        "91000"
    );
    assert_eq!(
        shop.text("SELECT count(*) FROM stock_movements WHERE movement_type = 'count'"),
        "9000"
    );
    shop.prove();
}

#[test]
fn what_a_stocktake_cannot_be() {
    let mut shop = Shop::open();
    let hat = shop.key("register_listing('hat')");
    let lot = shop.receive_at(hat, 10, ORISON);
    for (counts, problem) in [
        (json!({}), "counts must be a JSON array, not an object"),
        (json!([]), "counts is empty"),
        (json!([{"sku": "hat"}]), "counts[0] must have exactly one of counted, amount"),
        (json!([{"counted": 1}]), "counts[0] must have exactly one of lot_id, listing_id, sku"),
        (
            json!([{"sku": "hat", "counted": -1}]),
            "counts[0].counted must be between 0 and 2147483647, not -1",
        ),
        (
            json!([{"sku": "hat", "counted": 1, "units": 1}]),
            "counts[0] has an unknown key \"units\"; known are lot_id, listing_id, sku, counted, amount, expected",
        ),
        (
            json!([{"sku": "hat", "counted": 1}, {"lot_id": lot, "counted": 1}]),
            "counts[1] counts again what counts[0] counts",
        ),
    ] {
        for dry_run in ["", ", dry_run => true"] {
            shop.assert_bad(&count(&counts, dry_run), "counts", problem);
        }
    }
    let counts = json!([{"sku": "hat", "counted": 1}]);
    for (more, argument, problem) in [
        (", missing => 'drop'", "missing", "must be 'keep' or 'zero'"),
        (", missing => NULL", "missing", "must be 'keep' or 'zero'"),
        (", dry_run => NULL", "dry_run", "must not be NULL"),
    ] {
        shop.assert_bad(&count(&counts, more), argument, problem);
    }
    for dry_run in ["", ", dry_run => true"] {
        let nowhere = Uuid::new_v4();
        let call = format!("count_location('{nowhere}', '{counts}'{dry_run})");
        assert_eq!(shop.refused(&call, "").0, "location_not_found");
    }
    shop.prove();
}
