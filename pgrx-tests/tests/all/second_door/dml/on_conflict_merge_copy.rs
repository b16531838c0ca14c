//! ON CONFLICT, MERGE and COPY.

use crate::second_door::shop::{
    shop, CLAIM_1, CLAIM_2, COAT, COAT_LOT, HAT, HAT_LOT, LORVILLE, NEW_LOT, ORDER_1, ORDER_2,
    ORISON, ORISON_LOT,
};
use std::io::Write as _;

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
