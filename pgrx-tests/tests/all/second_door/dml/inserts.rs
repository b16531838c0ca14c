//! New lots and claims: where they are counted, what is filled in, and what must exist.

use crate::second_door::shop::{
    claim, shop, ALL_HATS_FREE, COAT, HAT, HAT_LOT, LORVILLE, NOTHING, ORDER_1, ORISON, ORISON_LOT,
    UNSPECIFIED,
};

#[test]
fn inserted_lots_are_counted_at_their_place() {
    let (_db, mut sql) = shop();
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        [
            "Unspecified: total 10, listed 10, allocated 0",
            "Orison: total 20, listed 20, allocated 0"
        ]
    );
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, location_id, listed)
         VALUES ('{HAT}', 1, '{ORISON}', true), ('{HAT}', 2, '{LORVILLE}', true),
                ('{HAT}', 4, '{LORVILLE}', false), ('{COAT}', 8, '{ORISON}', false)"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 37, listed 33, allocated 0, available 33"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 108, listed 100, allocated 0, available 100"
    );
    assert_eq!(
        sql.levels(HAT),
        [
            "Unspecified: total 10, listed 10, allocated 0",
            "Orison: total 21, listed 21, allocated 0",
            "Lorville: total 6, listed 2, allocated 0"
        ]
    );
    sql.assert_verified();
}

#[test]
fn the_columns_without_a_default_suffice() {
    let (_db, mut sql) = shop();
    sql.run("INSERT INTO locations (name) VALUES ('Attic')");
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 5);
         INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         VALUES ('{HAT_LOT}', '{ORDER_1}', 3, 'active')"
    ));
    // Tenant, place and listing are filled in.
    assert_eq!(
        sql.row("SELECT tenant_id, location_id, listed, quantity_allocated FROM stock_lots WHERE quantity_total = 5"),
        format!("00000000-0000-0000-0000-000000000000|{UNSPECIFIED}|t|0")
    );
    assert_eq!(
        sql.row("SELECT tenant_id, listing_id, hold_id FROM stock_allocations"),
        format!("00000000-0000-0000-0000-000000000000|{HAT}|NULL")
    );
    assert_eq!(
        sql.row(
            "SELECT is_preset, tenant_id = current_tenant() FROM locations WHERE name = 'Attic'"
        ),
        "f|t"
    );
    assert_eq!(
        sql.listing(HAT),
        "total 35, listed 35, allocated 3, available 32"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 3");
    sql.assert_verified();
}

#[test]
fn a_null_location_is_unspecified() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', 5, NULL);
         UPDATE stock_lots SET location_id = NULL WHERE lot_id = '{ORISON_LOT}'"
    ));
    assert_eq!(
        sql.levels(HAT),
        ["Unspecified: total 35, listed 35, allocated 0"]
    );
    sql.assert_verified();
}

#[test]
fn an_insert_from_a_select_over_many_listings_and_places_is_counted() {
    let (_db, mut sql) = shop();
    // 40 listings with a lot at each of the 20 presets, 1 to 800 units; every third lot is claimed
    // for one unit, every seventh claim is a past one.
    sql.run(
        "INSERT INTO stock_listings (sku) SELECT 'item ' || n FROM generate_series(1, 40) n;
         INSERT INTO stock_lots (listing_id, location_id, quantity_total, listed)
         SELECT listing_id, location_id, row_number() OVER (ORDER BY sku, location_id), display_order <> 190
           FROM stock_listings CROSS JOIN locations WHERE sku LIKE 'item %';
         INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         SELECT lot_id, gen_random_uuid(), 1, CASE WHEN n % 7 = 0 THEN 'released' ELSE 'active' END
           FROM (SELECT lot_id, row_number() OVER (ORDER BY lot_id) AS n
                   FROM stock_lots JOIN stock_listings USING (listing_id)
                  WHERE sku LIKE 'item %' AND stock_lots.quantity_total % 3 = 0) AS lots",
    );
    assert_eq!(
        sql.row("SELECT count(*), sum(quantity_total) FROM stock_listings WHERE sku LIKE 'item %'"),
        format!("40|{}", (1..=800).sum::<i32>())
    );
    assert_eq!(
        sql.row("SELECT count(*) FROM stock_levels WHERE quantity_total > 0"),
        "803"
    );
    // 266 multiples of 3 up to 800; 38 of the claims are past.
    assert_eq!(
        sql.row("SELECT sum(quantity_allocated) FROM stock_lots"),
        "228"
    );
    sql.assert_verified();
    // And all of it changes, and goes, in one statement each.
    sql.run("UPDATE stock_lots SET quantity_total = quantity_total + 1, listed = NOT listed WHERE quantity_allocated = 0");
    sql.assert_verified();
    sql.run("DELETE FROM stock_allocations; DELETE FROM stock_lots");
    assert_eq!(
        sql.row(
            "SELECT sum(quantity_total + quantity_listed + quantity_allocated) FROM stock_listings"
        ),
        "0"
    );
    sql.assert_verified();
}

#[test]
fn unknown_parents_are_named() {
    let (_db, mut sql) = shop();
    let before = sql.everything();
    let error = sql.refuse(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 1), ('{NOTHING}', 1)"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "listing_not_found")
    );
    assert_eq!(error.field("listing_id"), NOTHING);
    let error = sql.refuse(&format!(
        "UPDATE stock_lots SET listing_id = '{NOTHING}' WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "listing_not_found")
    );

    let error = sql.refuse(&claim(NOTHING, ORDER_1, 1));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "lot_not_found")
    );
    assert_eq!(error.field("lot_id"), NOTHING);
    // A lot of another listing is not that listing's lot.
    let error = sql.refuse(&format!(
        "INSERT INTO stock_allocations (lot_id, listing_id, order_id, quantity)
         VALUES ('{HAT_LOT}', '{COAT}', '{ORDER_1}', 1)"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "lot_not_found")
    );
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
}
