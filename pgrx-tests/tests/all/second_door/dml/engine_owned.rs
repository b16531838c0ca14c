//! What belongs to the engine: counters, keys, levels. A stale counter that a client saves is put
//! right; a new key is refused.

use crate::second_door::shop::{
    claim, shop, HAT, HAT_LOT, LORVILLE, NEW_LOT, NOTHING, ORDER_1, ORISON,
};

#[test]
fn stale_counters_of_a_full_row_save_are_put_right() {
    let (_db, mut sql) = shop();
    sql.run(&claim(HAT_LOT, ORDER_1, 4));
    sql.run("UPDATE stock_lots SET quantity_allocated = 999");
    sql.run(
        "UPDATE stock_listings SET quantity_total = 1, quantity_listed = 2, quantity_allocated = 3,
                quantity_held = 4, version = 99, moved_at = now(), attached_to = gen_random_uuid(), attached_key = 'x',
                sync_deferred = true",
    );
    sql.run("UPDATE stock_levels SET quantity_total = 1, quantity_listed = 2, quantity_allocated = 3, quantity_held = 4");
    assert_eq!(sql.lot(HAT_LOT), "total 10, allocated 4");
    assert_eq!(
        sql.listing(HAT),
        "total 30, listed 30, allocated 4, available 26"
    );
    assert_eq!(
        sql.rows(
            "SELECT DISTINCT version = (SELECT count(*) FROM stock_movements m WHERE m.listing_id = g.listing_id),
                    moved_at IS DISTINCT FROM (SELECT max(recorded_at) FROM stock_movements m WHERE m.listing_id = g.listing_id),
                    quantity_held, attached_to, attached_key, sync_deferred FROM stock_listings g"
        ),
        ["t|f|0|NULL|NULL|f"]
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

#[test]
fn tidying_up_empty_levels_does_no_harm() {
    let (_db, mut sql) = shop();
    sql.run(&format!(
        "UPDATE stock_lots SET quantity_total = 0 WHERE lot_id = '{HAT_LOT}'"
    ));
    let error = sql.refuse("DELETE FROM stock_levels WHERE quantity_total = 0");
    assert_eq!(error.name(), "engine_owned");
    // The lot at that place goes on working.
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
