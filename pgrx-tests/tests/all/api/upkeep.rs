//! Numbers for people, and what puts numbers right again: conversions, overviews, verify and repair.

use super::shop::{Shop, LORVILLE, ORISON};
use uuid::Uuid;

#[test]
fn quantities_convert_exactly_or_not_at_all() {
    let mut shop = Shop::open();
    let sql = "SELECT quantity_to_units($1::text::numeric, $2)";
    for (quantity, scale, units) in [
        ("12.345", 3, 12_345),
        ("12.3450000", 3, 12_345),
        ("-1.5", 1, -15),
        ("0", 9, 0),
        ("2147483647", 0, i32::MAX),
        ("-2.147483648", 9, i32::MIN),
    ] {
        assert_eq!(shop.value::<i32>(sql, &[&quantity, &scale]), units);
        let back = "SELECT units_to_quantity($1, $2) = $3::text::numeric";
        assert!(shop.value::<bool>(back, &[&units, &scale, &quantity]));
    }
    for (quantity, scale, argument, problem) in [
        (
            "0.0001",
            3,
            "quantity",
            "0.0001 has more than 3 digits after the point",
        ),
        (
            "2147483648",
            0,
            "quantity",
            "2147483648 is out of range for a quantity",
        ),
        ("NaN", 0, "quantity", "\"NaN\" is not a quantity"),
        ("Infinity", 0, "quantity", "\"Infinity\" is not a quantity"),
        ("1", 10, "quantity_scale", "must be 0 to 9"),
        ("1", -1, "quantity_scale", "must be 0 to 9"),
    ] {
        let error = shop.error(sql, &[&quantity, &scale]);
        assert_eq!(error.name(), "bad_argument");
        assert_eq!(error.field("argument"), argument);
        assert_eq!(error.field("problem"), problem);
    }
    let text: String = shop.value("SELECT units_to_quantity(12000, 3)::text", &[]);
    assert_eq!(text, "12.000", "the scale is seen");
}

#[test]
fn a_listings_own_scale_converts() {
    let mut shop = Shop::open();
    let litres: Uuid = shop.value(
        "SELECT register_listing(NULL, unit => 'L', quantity_scale => 3)",
        &[],
    );
    let sql = "SELECT to_units($1, 12.345), to_quantity($1, 500)::text";
    let row = &shop.rows(sql, &[&litres])[0];
    assert_eq!(
        (row.get::<_, i32>(0), row.get::<_, String>(1)),
        (12_345, "0.500".into())
    );
    let error = shop.error("SELECT to_units($1, 0.0005)", &[&litres]);
    assert_eq!(error.name(), "bad_argument");
    for sql in ["SELECT to_units($1, 1)", "SELECT to_quantity($1, 1)"] {
        assert_eq!(
            shop.error(sql, &[&Uuid::new_v4()]).name(),
            "listing_not_found"
        );
    }
}

#[test]
fn overviews_show_units_and_quantities() {
    let mut shop = Shop::open();
    let sql = "SELECT register_listing('OIL', 'Oil', unit => 'L', quantity_scale => 3, safety_stock => 100)";
    let oil: Uuid = shop.value(sql, &[]);
    let sql = "SELECT receive_stock($1, 12345, $2, expires_on => '2100-01-01')";
    let lot: Uuid = shop.value(sql, &[&oil, &ORISON]);
    shop.allocate(oil, 345);
    let sql = "SELECT format('%s %s %s %s %s|%s %s %s %s|%s %s %s', tenant_id, sku, name, unit, quantity_scale,
                             available_units, reserved_units, total_units, available_to_promise_units,
                             available, reserved, total)
                 FROM stock_overview WHERE listing_id = $1";
    let text: String = shop.value(sql, &[&oil]);
    let expected = format!(
        "{} OIL Oil L 3|12000 345 12345 11900|12.000 0.345 12.345",
        Uuid::nil()
    );
    assert_eq!(text, expected);
    let sql = "SELECT format('%s %s %s %s %s %s|%s %s %s|%s %s %s', tenant_id, sku, unit, location, listed,
                             expires_on, total_units, allocated_units, free_units, total, allocated, free)
                 FROM stock_lots_overview WHERE lot_id = $1 AND listing_id = $2";
    let text: String = shop.value(sql, &[&lot, &oil]);
    let expected = format!(
        "{} OIL L Orison t 2100-01-01|12345 345 12000|12.345 0.345 12.000",
        Uuid::nil()
    );
    assert_eq!(text, expected);
}

/// A plain role that may read a view but not the tables behind it sees nothing through it.
#[test]
fn overviews_show_no_more_than_the_tables() {
    let mut shop = Shop::open();
    let role = shop.db.role("reader");
    shop.run(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role}; GRANT SELECT ON stock_overview, stock_lots_overview TO {role}"
    ));
    let mut client = shop.db.client_as(&role);
    for view in ["stock_overview", "stock_lots_overview"] {
        let error = stockroom_tests::expect_error(
            client.query(&format!("SELECT * FROM stock.{view}"), &[]),
        );
        assert_eq!(error.sqlstate, "42501");
    }
}

/// `(kind, counter, stored, actual)` of each difference.
fn differences(shop: &mut Shop) -> Vec<(String, String, String, String)> {
    let sql = "SELECT kind, counter, coalesce(stored::text, '-'), coalesce(actual::text, '-')
                 FROM verify_stock()";
    let rows = shop.rows(sql, &[]);
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

#[test]
fn damaged_counters_are_found_and_repaired() {
    let mut shop = Shop::open();
    let sound = shop.stocked(7);
    shop.allocate(sound, 2);
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 5, ORISON);
    shop.receive_at(listing, 4, LORVILLE);
    shop.allocate(listing, 3);
    let good = shop.everything();
    assert_eq!(
        shop.value::<i32>("SELECT repair_stock()", &[]),
        0,
        "nothing was wrong"
    );
    assert_eq!(shop.everything(), good);

    shop.run(&format!(
        "SET session_replication_role = replica;
         UPDATE stock_lots SET quantity_allocated = 1 WHERE lot_id = '{lot}';
         UPDATE stock_levels SET quantity_total = 50, quantity_held = 2
          WHERE listing_id = '{listing}' AND location_id = '{ORISON}';
         DELETE FROM stock_levels WHERE listing_id = '{listing}' AND location_id = '{LORVILLE}';
         UPDATE stock_listings SET quantity_listed = 8 WHERE listing_id = '{listing}';
         RESET session_replication_role"
    ));
    let text = |kind: &str, counter: &str, stored: &str, actual: &str| {
        (
            kind.to_owned(),
            counter.to_owned(),
            stored.to_owned(),
            actual.to_owned(),
        )
    };
    let expected = [
        text("level", "quantity_held", "2", "0"),
        text("level", "quantity_total", "50", "5"),
        text("level", "quantity_allocated", "-", "0"),
        text("level", "quantity_held", "-", "0"),
        text("level", "quantity_listed", "-", "4"),
        text("level", "quantity_total", "-", "4"),
        text("listing", "quantity_listed", "8", "9"),
        text("lot", "quantity_allocated", "1", "3"),
    ];
    assert_eq!(differences(&mut shop), expected);
    // One lot, two levels, one listing.
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 4);
    assert_eq!(shop.everything(), good);
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 0);
    shop.verify();
}

#[test]
fn a_claim_that_names_the_wrong_listing_is_found_and_repaired() {
    let mut shop = Shop::open();
    let (right, wrong) = (shop.stocked(5), shop.stocked(5));
    let order = shop.allocate(right, 2);
    let good = shop.everything();
    shop.run(&format!(
        "SET session_replication_role = replica;
         UPDATE stock_allocations SET listing_id = '{wrong}' WHERE order_id = '{order}';
         RESET session_replication_role"
    ));
    let found = differences(&mut shop);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].0.as_str(), found[0].1.as_str()),
        ("allocation", "quantity")
    );
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 1);
    assert_eq!(shop.everything(), good);
    shop.verify();
}
