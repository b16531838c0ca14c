//! The second door: whatever a client writes into stock_lots and stock_allocations is counted.

use super::shop::{
    claim, shop, CLAIM_1, CLAIM_2, COAT, COAT_LOT, HAT, HAT_LOT, LORVILLE, NEW_LOT, NOTHING,
    ORDER_1, ORDER_2, ORISON, ORISON_LOT, UNSPECIFIED,
};
use std::io::Write as _;

const ALL_HATS_FREE: &str = "total 30, listed 30, allocated 0, available 30";
const ALL_COATS_FREE: &str = "total 100, listed 100, allocated 0, available 100";

// ---- INSERT

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

// ---- UPDATE

#[test]
fn a_changed_quantity_is_counted() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 7 WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 27, listed 27, allocated 4, available 23"
    );
    // Many lots of several listings at once.
    sql.run("UPDATE stock_lots SET quantity_total = quantity_total * 2");
    assert_eq!(
        sql.listing(HAT),
        "total 54, listed 54, allocated 4, available 50"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 200, listed 200, allocated 0, available 200"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 14, allocated 4");
    sql.assert_verified();
}

#[test]
fn units_moved_between_lots_in_one_statement_cancel_out() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = quantity_total + CASE lot_id WHEN '{HAT_LOT}' THEN -10 ELSE 10 END
          WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        ["Orison: total 30, listed 30, allocated 0"]
    );
    sql.assert_verified();
}

#[test]
fn a_lot_moved_to_another_listing_takes_its_active_claims_along() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity, status)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 3, 'active'),
                ('{CLAIM_2}', '{HAT_LOT}', '{ORDER_2}', 4, 'released');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 3, available 107"
    );
    // A past claim stays where it happened.
    assert_eq!(
        sql.rows("SELECT status, listing_id FROM stock_allocations ORDER BY 1"),
        [format!("active|{COAT}"), format!("released|{HAT}")]
    );
    sql.assert_verified();
    // The function finds the claim at its new listing.
    assert_eq!(
        sql.row(&format!(
            "SELECT fulfill_allocations('{ORDER_1}', '{COAT}')"
        )),
        "3"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 107, listed 107, allocated 0, available 107"
    );
    sql.assert_verified();
}

#[test]
fn a_past_claim_of_a_moved_lot_can_be_made_active_again() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity, status)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 3, 'released');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}'"
    ));
    sql.run(&format!(
        "UPDATE stock_allocations SET status = 'active' WHERE allocation_id = '{CLAIM_1}'"
    ));
    assert_eq!(sql.row("SELECT listing_id FROM stock_allocations"), COAT);
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 3, available 107"
    );
    sql.assert_verified();
}

#[test]
fn a_lot_moved_to_another_place_takes_its_claims_along() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 3));
    sql.run(&format!(
        "UPDATE stock_lots SET location_id = '{LORVILLE}' WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 3, available 27"
    );
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 3"
        ]
    );
    sql.assert_verified();
}

#[test]
fn claims_on_unlisted_lots_count_on_the_lot_alone() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = false WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
    sql.run(&claim(HAT_LOT, ORDER_1, 3));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 3");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
    sql.assert_verified();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = true WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 3, available 27"
    );
    sql.assert_verified();
}

#[test]
fn a_claim_is_counted_by_its_status() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    for (status, allocated) in [
        ("released", 0),
        ("active", 4),
        ("fulfilled", 0),
        ("released", 0),
        ("active", 4),
    ] {
        sql.run(&format!("UPDATE stock_allocations SET status = '{status}'"));
        assert_eq!(
            sql.lot(HAT_LOT),
            format!("total 10, allocated {allocated}"),
            "{status}"
        );
        assert_eq!(
            sql.listing(HAT),
            format!(
                "total 30, listed 30, allocated {allocated}, available {}",
                30 - allocated
            )
        );
        sql.assert_verified();
    }
    sql.run("UPDATE stock_allocations SET quantity = 6");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 6");
    sql.run("UPDATE stock_allocations SET quantity = 1, status = 'released'");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    sql.assert_verified();
}

#[test]
fn a_claim_moved_to_another_lot_is_counted_there() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&format!(
        "UPDATE stock_allocations SET lot_id = '{ORISON_LOT}'"
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    assert_eq!(sql.lot(ORISON_LOT), "total 20, allocated 4");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 4, available 26"
    );
    sql.assert_verified();
    // To another listing's lot, with another quantity; a listing that the client saves with it, as
    // ORMs do, is put right.
    sql.run(&format!(
        "UPDATE stock_allocations SET lot_id = '{COAT_LOT}', listing_id = '{HAT}', quantity = 5"
    ));
    assert_eq!(sql.row("SELECT listing_id FROM stock_allocations"), COAT);
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.listing(COAT),
        "total 100, listed 100, allocated 5, available 95"
    );
    sql.assert_verified();
    let error = sql.refuse(&format!(
        "UPDATE stock_allocations SET lot_id = '{NOTHING}'"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("P0002", "lot_not_found")
    );
    sql.assert_verified();
}

#[test]
fn keys_and_tenants_are_fixed() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 1));
    let before = sql.everything();
    for (table, column) in [
        ("stock_lots", "lot_id"),
        ("stock_lots", "tenant_id"),
        ("stock_allocations", "allocation_id"),
        ("stock_allocations", "tenant_id"),
        ("stock_listings", "listing_id"),
        ("stock_listings", "tenant_id"),
        ("stock_levels", "tenant_id"),
        ("stock_levels", "listing_id"),
        ("stock_levels", "location_id"),
    ] {
        let error = sql.refuse(&format!("UPDATE {table} SET {column} = gen_random_uuid()"));
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("55000", "key_fixed"),
            "{table}.{column}"
        );
        assert_eq!(
            (error.field("table"), error.field("column")),
            (table.into(), column.into())
        );
    }
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
}

// ---- DELETE and TRUNCATE

#[test]
fn deleted_claims_and_lots_are_counted() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&claim(HAT_LOT, ORDER_2, 2));
    sql.run(&format!(
        "DELETE FROM stock_allocations WHERE order_id = '{ORDER_1}'"
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 2");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 2, available 28"
    );
    sql.assert_verified();
    // A past claim goes with its lot.
    sql.run("UPDATE stock_allocations SET status = 'fulfilled'");
    sql.run(&format!(
        "DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "0");
    sql.assert_verified();
}

#[test]
fn a_claimed_lot_cannot_be_deleted_on_its_own() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_2, 4));
    sql.run(&claim(HAT_LOT, ORDER_1, 2));
    let before = sql.everything();
    let error = sql.refuse(&format!(
        "DELETE FROM stock_lots WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("23514", "stock_committed")
    );
    assert_eq!(
        (error.field("lot_id"), error.field("listing_id")),
        (HAT_LOT.into(), HAT.into())
    );
    assert_eq!(error.field("over_by"), 6);
    assert_eq!(error.field("orders"), serde_json::json!([ORDER_1, ORDER_2]));
    assert!(error.hint.is_some());
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
    // Once the claims are released in the same transaction, it goes.
    sql.run(&format!(
        "BEGIN; UPDATE stock_allocations SET status = 'released';
         DELETE FROM stock_lots WHERE listing_id = '{HAT}'; COMMIT"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 0, listed 0, allocated 0, available 0"
    );
    sql.assert_verified();
}

#[test]
fn deleting_a_listing_takes_everything_of_it() {
    let (_db, mut sql) = shop();
    for (lot, status) in [
        (HAT_LOT, "active"),
        (ORISON_LOT, "released"),
        (COAT_LOT, "active"),
    ] {
        sql.run(&format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
             VALUES ('{lot}', '{ORDER_1}', 3, '{status}')"
        ));
    }
    sql.run(&format!(
        "DELETE FROM stock_listings WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(sql.rows("SELECT lot_id FROM stock_lots"), [COAT_LOT]);
    assert_eq!(sql.rows("SELECT lot_id FROM stock_allocations"), [COAT_LOT]);
    assert_eq!(sql.rows("SELECT listing_id FROM stock_levels"), [COAT]);
    assert_eq!(
        sql.listing(COAT),
        "total 100, listed 100, allocated 3, available 97"
    );
    sql.assert_verified();
    sql.run("DELETE FROM stock_listings");
    assert_eq!(sql.everything(), [""; 0]);
    sql.assert_verified();
}

#[test]
fn a_listing_whose_lot_moved_away_goes_without_it() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         VALUES ('{HAT_LOT}', '{ORDER_1}', 3, 'fulfilled'), ('{HAT_LOT}', '{ORDER_2}', 2, 'active');
         UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}';
         DELETE FROM stock_listings WHERE listing_id = '{HAT}'"
    ));
    assert_eq!(
        sql.listing(COAT),
        "total 110, listed 110, allocated 2, available 108"
    );
    assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "2");
    sql.assert_verified();
}

#[test]
fn truncated_claims_free_everything() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&claim(COAT_LOT, ORDER_1, 5));
    sql.run("TRUNCATE stock_allocations");
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 0");
    sql.assert_verified();
}

#[test]
fn truncated_lots_leave_listings_of_nothing() {
    for tables in [
        "stock_lots",
        "stock_lots, stock_allocations",
        "stock_allocations, stock_lots",
    ] {
        let (_db, mut sql) = shop();
        sql.run(&claim(HAT_LOT, ORDER_1, 4));
        sql.run(&format!("TRUNCATE {tables}"));
        for listing in [HAT, COAT] {
            assert_eq!(
                sql.listing(listing),
                "total 0, listed 0, allocated 0, available 0",
                "{tables}"
            );
        }
        assert_eq!(
            sql.row("SELECT count(*) FROM stock_allocations"),
            "0",
            "{tables}"
        );
        sql.assert_verified();
        // And it goes on from there.
        sql.run(&format!(
            "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 1)"
        ));
        assert_eq!(
            sql.listing(HAT),
            "total 1, listed 1, allocated 0, available 1",
            "{tables}"
        );
        sql.assert_verified();
    }
}

#[test]
fn truncated_listings_leave_nothing() {
    for tables in [
        "stock_listings CASCADE",
        "stock_listings, stock_lots",
        "stock_lots, stock_listings",
        "stock_allocations, stock_listings, stock_lots",
        "stock_listings, stock_lots, stock_allocations",
    ] {
        let (_db, mut sql) = shop();
        sql.run(&claim(HAT_LOT, ORDER_1, 4));
        sql.run(&format!("TRUNCATE {tables}"));
        assert_eq!(sql.everything(), [""; 0], "{tables}");
        sql.assert_verified();
    }
}

#[test]
fn a_truncate_rolled_back_leaves_all_as_it_was() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    let before = sql.everything();
    for tables in ["stock_allocations", "stock_lots", "stock_listings CASCADE"] {
        sql.run(&format!(
            "BEGIN; SAVEPOINT s; TRUNCATE {tables}; ROLLBACK TO s; COMMIT"
        ));
        assert_eq!(sql.everything(), before, "{tables}");
    }
    sql.assert_verified();
}

// ---- ON CONFLICT, MERGE, COPY, CTEs

#[test]
fn on_conflict_counts_the_arm_that_was_taken() {
    let (_db, mut sql) = shop();
    // An import file: one lot is known, one is new.
    sql.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, quantity_allocated)
         VALUES ('{HAT_LOT}', '{HAT}', 15, 7), ('{NEW_LOT}', '{HAT}', 5, 7)
         ON CONFLICT (lot_id) DO UPDATE SET quantity_total = excluded.quantity_total,
                                            quantity_allocated = excluded.quantity_allocated"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 40, listed 40, allocated 0, available 40"
    );
    sql.assert_verified();
    sql.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total)
         VALUES ('{HAT_LOT}', '{COAT}', 1000), ('{ORISON_LOT}', '{HAT}', 1000) ON CONFLICT DO NOTHING"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 40, listed 40, allocated 0, available 40"
    );
    sql.assert_verified();

    let save = |quantity: i32, otherwise: &str| {
        format!(
            "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
             VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', {quantity}) ON CONFLICT (allocation_id) DO {otherwise}"
        )
    };
    sql.run(&save(3, "NOTHING"));
    sql.run(&save(5, "NOTHING"));
    assert_eq!(sql.lot(HAT_LOT), "total 15, allocated 3");
    sql.run(&save(5, "UPDATE SET quantity = excluded.quantity"));
    assert_eq!(sql.lot(HAT_LOT), "total 15, allocated 5");
    // The WHERE of the update says no.
    sql.run(&save(
        9,
        "UPDATE SET quantity = excluded.quantity WHERE false",
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 15, allocated 5");
    sql.run(&save(9, "UPDATE SET status = 'released'"));
    assert_eq!(sql.lot(HAT_LOT), "total 15, allocated 0");
    sql.assert_verified();
}

#[test]
fn merge_counts_each_arm() {
    let (_db, mut sql) = shop();
    // A stocktake: one lot grows, one is gone, one is left alone, one is new.
    sql.run(&format!(
        "MERGE INTO stock_lots l
         USING (VALUES ('{HAT_LOT}'::uuid, 12), ('{ORISON_LOT}', 0), ('{COAT_LOT}', 100), ('{NEW_LOT}', 7)) AS seen (lot_id, units)
            ON l.lot_id = seen.lot_id
          WHEN MATCHED AND seen.units = 0 THEN DELETE
          WHEN MATCHED AND seen.units = l.quantity_total THEN DO NOTHING
          WHEN MATCHED THEN UPDATE SET quantity_total = seen.units, location_id = '{LORVILLE}'
          WHEN NOT MATCHED THEN INSERT (lot_id, listing_id, quantity_total) VALUES (seen.lot_id, '{COAT}', seen.units)"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 12, listed 12, allocated 0, available 12"
    );
    assert_eq!(
        sql.levels(HAT),
        ["Lorville: total 12, listed 12, allocated 0"]
    );
    assert_eq!(
        sql.listing(COAT),
        "total 107, listed 107, allocated 0, available 107"
    );
    sql.assert_verified();

    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 2), ('{CLAIM_2}', '{COAT_LOT}', '{ORDER_1}', 2);
         MERGE INTO stock_allocations a
         USING (VALUES ('{CLAIM_1}'::uuid, 5), ('{CLAIM_2}', 0), (gen_random_uuid(), 3)) AS wish (id, units)
            ON a.allocation_id = wish.id
          WHEN MATCHED AND wish.units = 0 THEN DELETE
          WHEN MATCHED THEN UPDATE SET quantity = wish.units
          WHEN NOT MATCHED THEN INSERT (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_2}', wish.units)"
    ));
    assert_eq!(sql.lot(HAT_LOT), "total 12, allocated 8");
    assert_eq!(
        sql.listing(COAT),
        "total 107, listed 107, allocated 0, available 107"
    );
    sql.assert_verified();
}

#[test]
fn copied_rows_are_counted() {
    let (_db, mut sql) = shop();
    let mut copy = |into: &str, lines: String| {
        let mut writer = sql.0.copy_in(&format!("COPY {into} FROM STDIN")).unwrap();
        writer.write_all(lines.as_bytes()).unwrap();
        assert_eq!(writer.finish().unwrap(), lines.lines().count() as u64);
    };
    copy(
        "stock_lots (listing_id, quantity_total, location_id, quantity_allocated)",
        format!("{HAT}\t1\t\\N\t0\n{HAT}\t2\t{ORISON}\t99\n{COAT}\t4\t{LORVILLE}\t0\n"),
    );
    copy(
        "stock_allocations (lot_id, order_id, quantity, status)",
        format!("{HAT_LOT}\t{ORDER_1}\t3\tactive\n{HAT_LOT}\t{ORDER_1}\t2\treleased\n{COAT_LOT}\t{ORDER_2}\t7\tactive\n"),
    );
    assert_eq!(
        sql.listing(HAT),
        "total 33, listed 33, allocated 3, available 30"
    );
    assert_eq!(
        sql.listing(COAT),
        "total 104, listed 104, allocated 7, available 97"
    );
    sql.assert_verified();
}

/// Statements that touch lots and claims at once: whichever table's trigger fires first, the numbers
/// must come out the same. Each case begins with a claim of 4 on HAT_LOT.
fn run_on_a_claimed_lot(statement: &str) -> (stockroom_tests::Db, super::shop::Sql) {
    let (db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4)"
    ));
    sql.run(statement);
    sql.assert_verified();
    (db, sql)
}

#[test]
fn one_statement_makes_a_lot_and_claims_it() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total, location_id)
                      VALUES ('{HAT}', 5, '{LORVILLE}') RETURNING lot_id)
         INSERT INTO stock_allocations (lot_id, order_id, quantity) SELECT lot_id, '{ORDER_2}', 2 FROM lot"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 35, listed 35, allocated 6, available 29"
    );
}

#[test]
fn one_statement_makes_a_lot_and_claims_it_before_the_lot_is_counted() {
    // LIMIT lets the claim's part finish first, and its trigger fire first.
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total, location_id)
                      VALUES ('{HAT}', 5, '{LORVILLE}') RETURNING lot_id),
              claim AS (INSERT INTO stock_allocations (lot_id, order_id, quantity)
                        SELECT lot_id, '{ORDER_2}', 2 FROM lot LIMIT 1)
         SELECT 1"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 35, listed 35, allocated 6, available 29"
    );
}

#[test]
fn one_statement_lowers_a_lot_and_fulfils_its_claim() {
    let (_db, mut sql) = run_on_a_claimed_lot(
        "WITH done AS (UPDATE stock_allocations SET status = 'fulfilled' WHERE status = 'active' RETURNING lot_id, quantity)
         UPDATE stock_lots l SET quantity_total = quantity_total - done.quantity FROM done WHERE l.lot_id = done.lot_id",
    );
    assert_eq!(sql.lot(HAT_LOT), "total 6, allocated 0");
    assert_eq!(
        sql.listing(HAT),
        "total 26, listed 26, allocated 0, available 26"
    );
}

#[test]
fn one_statement_deletes_a_claim_and_its_lot() {
    for statement in [
        format!(
            "WITH gone AS (DELETE FROM stock_allocations WHERE order_id = '{ORDER_1}' RETURNING lot_id)
             DELETE FROM stock_lots l USING gone WHERE l.lot_id = gone.lot_id"
        ),
        format!(
            "WITH gone AS (DELETE FROM stock_lots WHERE lot_id = '{HAT_LOT}' RETURNING lot_id)
             DELETE FROM stock_allocations a USING gone WHERE a.lot_id = gone.lot_id"
        ),
    ] {
        let (_db, mut sql) = run_on_a_claimed_lot(&statement);
        assert_eq!(sql.listing(HAT), "total 20, listed 20, allocated 0, available 20");
        assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "0");
    }
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_another_place() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{LORVILLE}' FROM freed WHERE l.lot_id = freed.lot_id"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 0"
        ]
    );
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_a_place_known_already() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{ORISON}' FROM freed WHERE l.lot_id = freed.lot_id"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    assert_eq!(
        sql.levels(HAT),
        ["Orison: total 30, listed 30, allocated 0"]
    );
}

#[test]
fn one_statement_claims_a_lot_and_moves_it_to_another_place() {
    let (_db, mut sql) = run_on_a_claimed_lot(&format!(
        "WITH claim AS (INSERT INTO stock_allocations (lot_id, order_id, quantity)
                        VALUES ('{HAT_LOT}', '{ORDER_2}', 2) RETURNING lot_id)
         UPDATE stock_lots l SET location_id = '{LORVILLE}' FROM claim WHERE l.lot_id = claim.lot_id"
    ));
    assert_eq!(
        sql.levels(HAT),
        [
            "Orison: total 20, listed 20, allocated 0",
            "Lorville: total 10, listed 10, allocated 6"
        ]
    );
}

#[test]
fn one_statement_releases_a_claim_and_moves_its_lot_to_another_listing() {
    for statement in [
        format!(
            "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
             UPDATE stock_lots l SET listing_id = '{COAT}' FROM freed WHERE l.lot_id = freed.lot_id"
        ),
        format!(
            "WITH moved AS (UPDATE stock_lots SET listing_id = '{COAT}' WHERE lot_id = '{HAT_LOT}' RETURNING lot_id)
             UPDATE stock_allocations a SET status = 'released' FROM moved WHERE a.lot_id = moved.lot_id"
        ),
    ] {
        let (_db, mut sql) = run_on_a_claimed_lot(&statement);
        assert_eq!(sql.listing(HAT), "total 20, listed 20, allocated 0, available 20");
        assert_eq!(sql.listing(COAT), "total 110, listed 110, allocated 0, available 110");
    }
}

#[test]
fn one_statement_releases_a_claim_and_unlists_its_lot() {
    let (_db, mut sql) = run_on_a_claimed_lot(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET listed = false FROM freed WHERE l.lot_id = freed.lot_id",
    );
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 20, allocated 0, available 20"
    );
}

#[test]
fn one_statement_releases_a_claim_and_lists_its_lot() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET listed = false WHERE lot_id = '{HAT_LOT}'"
    ));
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(
        "WITH freed AS (UPDATE stock_allocations SET status = 'released' RETURNING lot_id)
         UPDATE stock_lots l SET listed = true FROM freed WHERE l.lot_id = freed.lot_id",
    );
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    sql.assert_verified();
}

// ---- Rolled back and failed

#[test]
fn what_a_savepoint_rolls_back_is_not_counted() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "BEGIN; {first};
         SAVEPOINT s; {second}; UPDATE stock_lots SET quantity_total = quantity_total + 50; ROLLBACK TO s;
         SAVEPOINT t; {third}; RELEASE t; COMMIT",
        first = claim(HAT_LOT, ORDER_1, 1),
        second = claim(HAT_LOT, ORDER_1, 2),
        third = claim(HAT_LOT, ORDER_1, 4),
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 5, available 25"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 5");
    sql.assert_verified();
}

#[test]
fn a_statement_that_fails_half_way_counts_nothing() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 1));
    let before = sql.everything();
    for (statement, sqlstate) in [
        // The last row breaks a rule, after others were written.
        (format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 5), ('{COAT}', 5), ('{HAT}', -5)"), "23514"),
        (format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{COAT_LOT}', '{ORDER_1}', 0)"), "23514"),
        (format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', 1), ('{NOTHING}', '{ORDER_1}', 1)"), "P0002"),
        (format!("INSERT INTO stock_lots (lot_id, listing_id, quantity_total) VALUES ('{NEW_LOT}', '{HAT}', 5), ('{HAT_LOT}', '{HAT}', 5)"), "23505"),
        (format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', 5, '{ORISON}'), ('{HAT}', 5, '{NOTHING}')"), "P0002"),
        ("UPDATE stock_lots SET quantity_total = quantity_total / (quantity_total - 100)".to_owned(), "22012"),
        ("UPDATE stock_allocations SET status = 'lost'".to_owned(), "23514"),
        ("UPDATE stock_lots SET listed = NULL".to_owned(), "23502"),
    ] {
        assert_eq!(sql.refuse(&statement).sqlstate, sqlstate, "{statement}");
        assert_eq!(sql.everything(), before, "{statement}");
    }
    sql.assert_verified();
}

// ---- What belongs to the engine

#[test]
fn stale_counters_of_a_full_row_save_are_put_right() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run("UPDATE stock_lots SET quantity_allocated = 999");
    sql.run(
        "UPDATE stock_listings SET quantity_total = 1, quantity_listed = 2, quantity_allocated = 3,
                quantity_held = 4, version = 99, attached_to = gen_random_uuid(), attached_key = 'x',
                sync_deferred = true",
    );
    sql.run("UPDATE stock_levels SET quantity_total = 1, quantity_listed = 2, quantity_allocated = 3, quantity_held = 4");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 4");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 4, available 26"
    );
    assert_eq!(
        sql.rows("SELECT DISTINCT version, quantity_held, attached_to, attached_key, sync_deferred FROM stock_listings"),
        ["0|0|NULL|NULL|f"]
    );
    sql.assert_verified();

    // New rows begin with nothing, whatever they say.
    sql.run(&format!(
        "INSERT INTO stock_listings (listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held, version)
         VALUES ('{NOTHING}', 5, 6, 7, 8, 9);
         INSERT INTO stock_lots (lot_id, listing_id, quantity_total, quantity_allocated) VALUES ('{NEW_LOT}', '{NOTHING}', 5, 3)"
    ));
    assert_eq!(
        sql.listing(NOTHING),
        "total 5, listed 5, allocated 0, available 5"
    );
    assert_eq!(sql.lot(NEW_LOT), "total 5, allocated 0");
    sql.assert_verified();
}

#[test]
fn a_stale_full_row_save_of_a_lot_still_changes_what_is_the_clients() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run(&format!(
        "UPDATE stock_lots SET lot_id = '{HAT_LOT}', listing_id = '{HAT}', quantity_total = 12, quantity_allocated = 0,
                location_id = '{ORISON}', listed = true, notes = 'moved upstairs', lot_code = NULL, expires_on = NULL
          WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.row(&format!(
            "SELECT notes FROM stock_lots WHERE lot_id = '{HAT_LOT}'"
        )),
        "moved upstairs"
    );
    assert_eq!(sql.lot(HAT_LOT), "total 12, allocated 4");
    assert_eq!(
        sql.levels(HAT),
        ["Orison: total 32, listed 32, allocated 4"]
    );
    sql.assert_verified();
}

#[test]
fn levels_are_made_and_removed_by_the_engine_alone() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    let before = sql.everything();
    for statement in [
        format!("INSERT INTO stock_levels (tenant_id, listing_id, location_id) VALUES (current_tenant(), '{HAT}', '{LORVILLE}')"),
        format!("INSERT INTO stock_levels SELECT * FROM stock_levels WHERE listing_id = '{HAT}' ON CONFLICT DO NOTHING"),
        format!("DELETE FROM stock_levels WHERE listing_id = '{HAT}'"),
        "TRUNCATE stock_levels".to_owned(),
    ] {
        let error = sql.refuse(&statement);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("42501", "engine_owned"), "{statement}");
    }
    assert_eq!(sql.everything(), before);
    sql.assert_verified();
}

// ---- Lots of nothing, claims of the past

#[test]
fn lots_of_nothing_are_kept_and_can_be_filled() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id) VALUES ('{NEW_LOT}', '{COAT}', 0, '{LORVILLE}');
         UPDATE stock_lots SET quantity_total = 0 WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 20, listed 20, allocated 0, available 20"
    );
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    assert_eq!(sql.row("SELECT count(*) FROM stock_lots"), "4");
    sql.assert_verified();
    // Something may have happened to it in the past.
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{NEW_LOT}', '{ORDER_1}', 3, 'fulfilled');
         UPDATE stock_lots SET listing_id = '{HAT}', location_id = '{ORISON}' WHERE lot_id = '{NEW_LOT}'"
    ));
    sql.assert_verified();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 2 WHERE lot_id = '{NEW_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 22, listed 22, allocated 0, available 22"
    );
    sql.run("UPDATE stock_lots SET quantity_total = 0; DELETE FROM stock_lots");
    assert_eq!(
        sql.listing(HAT),
        "total 0, listed 0, allocated 0, available 0"
    );
    sql.assert_verified();
}

#[test]
fn tidying_up_empty_levels_does_no_harm() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 0 WHERE lot_id = '{HAT_LOT}'"
    ));
    // Refused or done: either way the lot at that place goes on working.
    let _ = sql
        .0
        .batch_execute("DELETE FROM stock_levels WHERE quantity_total = 0");
    sql.assert_verified();
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{HAT_LOT}', '{ORDER_1}', 3, 'fulfilled');
         UPDATE stock_lots SET quantity_total = 5 WHERE lot_id = '{HAT_LOT}'"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 25, listed 25, allocated 0, available 25"
    );
    sql.assert_verified();
}

#[test]
fn past_claims_are_not_counted() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
         VALUES ('{HAT_LOT}', '{ORDER_1}', 1000, 'released'), ('{HAT_LOT}', '{ORDER_1}', 2000, 'fulfilled')"
    ));
    assert_eq!(sql.listing(HAT), ALL_HATS_FREE);
    sql.run(&format!("UPDATE stock_allocations SET quantity = 3, order_id = '{ORDER_2}', lot_id = '{COAT_LOT}' WHERE status = 'released'"));
    assert_eq!(
        (sql.listing(HAT), sql.listing(COAT)),
        (ALL_HATS_FREE.to_owned(), ALL_COATS_FREE.to_owned())
    );
    sql.run("DELETE FROM stock_allocations WHERE status = 'released'");
    assert_eq!(sql.listing(COAT), ALL_COATS_FREE);
    sql.assert_verified();
}

// ---- Too much

#[test]
fn more_than_a_listing_can_hold_is_refused_and_nothing_changes() {
    let (_db, mut sql) = shop();
    let before = sql.everything();
    let full = i32::MAX - 30;
    for statement in [
        format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', {})", full + 1),
        // At a place where there is nothing yet, so that only the listing overflows.
        format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', {}, '{LORVILLE}')", full + 1),
        format!("INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{HAT}', {0}, '{LORVILLE}'), ('{HAT}', {0}, '{ORISON}')", i32::MAX),
        format!("INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ('{HAT}', {}, false)", full + 1),
        format!("UPDATE stock_lots SET quantity_total = {} WHERE listing_id = '{HAT}'", i32::MAX),
        format!("UPDATE stock_lots SET listing_id = '{HAT}', quantity_total = {} WHERE lot_id = '{COAT_LOT}'", full + 1),
    ] {
        let error = sql.refuse(&statement);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("22003", "quantity_out_of_range"), "{statement}");
        assert_eq!(sql.everything(), before, "{statement}");
    }
    // The last unit that fits, fits.
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{HAT}', {full})"
    ));
    assert_eq!(
        sql.listing(HAT),
        "total 2147483647, listed 2147483647, allocated 0, available 2147483647"
    );
    sql.assert_verified();
}

#[test]
fn more_claims_than_a_counter_can_hold_are_refused_as_such() {
    let (_db, mut sql) = shop();
    let before = sql.everything();
    let far = i32::MAX - 5;
    for statements in [
        // One lot, one statement; one lot, two statements; two lots of one listing, two statements;
        // the same with one statement.
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', {far}), ('{HAT_LOT}', '{ORDER_1}', {far})"),
        format!("{0}; {0}", claim(HAT_LOT, ORDER_1, far)),
        format!("{}; {}", claim(HAT_LOT, ORDER_1, far), claim(ORISON_LOT, ORDER_1, far)),
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{HAT_LOT}', '{ORDER_1}', {far}), ('{ORISON_LOT}', '{ORDER_1}', {far})"),
    ] {
        let error = sql.refuse(&statements);
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("22003", "quantity_out_of_range"), "{statements}: {}", error.message);
        assert_eq!(sql.everything(), before);
    }
    sql.assert_verified();
}

// ---- The caller's search_path

/// Everything that a client might do, in one go, with every name qualified,
/// the operators too: what falls into a trap is then the engine's doing.
fn a_busy_day() -> String {
    format!(
        "INSERT INTO public.stock_lots (lot_id, listing_id, quantity_total) VALUES ('{NEW_LOT}', '{HAT}', 5);
         INSERT INTO public.stock_allocations (allocation_id, lot_id, order_id, quantity)
         VALUES ('{CLAIM_1}', '{HAT_LOT}', '{ORDER_1}', 4), ('{CLAIM_2}', '{NEW_LOT}', '{ORDER_2}', 2);
         UPDATE public.stock_lots SET quantity_total = 9, location_id = '{ORISON}' WHERE lot_id OPERATOR(pg_catalog.=) '{HAT_LOT}';
         UPDATE public.stock_allocations SET status = 'released' WHERE allocation_id OPERATOR(pg_catalog.=) '{CLAIM_2}';
         UPDATE public.stock_lots SET listing_id = '{COAT}', quantity_allocated = 77 WHERE lot_id OPERATOR(pg_catalog.=) '{NEW_LOT}';
         INSERT INTO public.locations (name) VALUES ('Attic');
         SELECT public.receive_stock('{HAT}', 3);
         SELECT * FROM public.allocate_stock('{HAT}', '{ORDER_2}', 7);
         SELECT public.fulfill_allocations('{ORDER_2}');
         SELECT public.release_allocations('{ORDER_1}', NULL, 1);
         DELETE FROM public.stock_allocations WHERE allocation_id OPERATOR(pg_catalog.=) '{CLAIM_2}';
         DELETE FROM public.stock_lots WHERE lot_id OPERATOR(pg_catalog.=) '{COAT_LOT}'"
    )
}

fn end_of_a_busy_day(sql: &mut super::shop::Sql) -> [String; 2] {
    sql.run("RESET search_path");
    let numbers = [sql.listing(HAT), sql.listing(COAT)];
    sql.assert_verified();
    numbers
}

const BUSY_DAY: [&str; 2] = [
    "total 25, listed 25, allocated 3, available 22",
    "total 5, listed 5, allocated 0, available 5",
];

#[test]
fn a_busy_day_comes_out_the_same_with_an_empty_search_path() {
    let (_db, mut sql) = shop();
    sql.run(&a_busy_day());
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);

    let (_db, mut sql) = shop();
    sql.run("SET search_path = ''");
    sql.run(&a_busy_day());
    assert_eq!(sql.row("SHOW search_path"), "\"\"");
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}

/// Lookalikes of what the engine's statements call and read. Each of them raises: had one of them
/// been used, the statement would have failed.
const EVIL: &str = r#"
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped' USING ERRCODE = '58000'; END $$;
    CREATE FUNCTION evil.plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.trap()';
    CREATE OPERATOR evil.+ (FUNCTION = evil.plus, LEFTARG = int, RIGHTARG = int);
    CREATE OPERATOR evil.- (FUNCTION = evil.plus, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION evil.same(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = uuid, RIGHTARG = uuid);
    CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = text, RIGHTARG = text);
    CREATE FUNCTION evil.over(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap() = 1';
    CREATE OPERATOR evil.> (FUNCTION = evil.over, LEFTARG = int, RIGHTARG = int);
    CREATE OPERATOR evil.>= (FUNCTION = evil.over, LEFTARG = int, RIGHTARG = int);
    CREATE AGGREGATE evil.sum(int) (SFUNC = evil.plus, STYPE = int);
    CREATE AGGREGATE evil.sum(bigint) (SFUNC = pg_catalog.int8mi, STYPE = bigint, INITCOND = '-1000');
    CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::text::timestamptz';
    CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::text::timestamptz';
    CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.trap(); END $$;
    CREATE FUNCTION evil."coalesce"(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.trap()';
    CREATE FUNCTION evil.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT evil.trap()::text::uuid';
    CREATE FUNCTION evil.gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT evil.trap()::text::uuid';
    CREATE TABLE evil.new_rows (trap int);
    CREATE TABLE evil.old_rows (trap int);
    CREATE TABLE evil.stock_lots (trap int);
    CREATE TABLE evil.stock_listings (trap int);
    CREATE TABLE evil.stock_levels (trap int);
    CREATE TABLE evil.stock_allocations (trap int);
    CREATE TABLE evil.locations (trap int);
"#;

#[test]
fn a_busy_day_comes_out_the_same_with_a_hostile_search_path() {
    let (db, mut sql) = shop();
    sql.run(EVIL);
    // The trap is armed: with pg_catalog behind it, plain SQL falls in.
    sql.run("SET search_path = evil, pg_catalog, public");
    assert_eq!(sql.refuse("SELECT 1 + 1").sqlstate, "58000");
    sql.run("SET search_path = evil, pg_catalog, public");
    sql.run(&a_busy_day());
    assert_eq!(sql.row("SHOW search_path"), "evil, pg_catalog, public");
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);

    // The same where pg_catalog is only implied, in a new connection that has no plans yet.
    let mut sql = super::shop::Sql::by_superuser(&db);
    sql.run("TRUNCATE stock_listings CASCADE");
    sql.run(&super::shop::stocking());
    sql.run("DELETE FROM locations WHERE name = 'Attic'; SET search_path = evil, public");
    sql.run(&a_busy_day());
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}

#[test]
fn temporary_tables_of_the_same_names_are_not_taken_for_the_engines() {
    let (_db, mut sql) = shop();
    sql.run(
        "CREATE TEMP TABLE stock_lots (trap int); CREATE TEMP TABLE stock_listings (trap int);
         CREATE TEMP TABLE stock_levels (trap int); CREATE TEMP TABLE stock_allocations (trap int);
         CREATE TEMP TABLE new_rows (trap int); CREATE TEMP TABLE old_rows (trap int)",
    );
    sql.run(&a_busy_day());
    sql.run(
        "DROP TABLE pg_temp.stock_lots, pg_temp.stock_listings, pg_temp.stock_levels, pg_temp.stock_allocations,
                    pg_temp.new_rows, pg_temp.old_rows",
    );
    assert_eq!(end_of_a_busy_day(&mut sql), BUSY_DAY);
}
