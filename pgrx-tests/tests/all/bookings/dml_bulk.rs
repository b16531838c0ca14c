//! The second door: statements of many rows, and of many tables.

use super::shop::Desk;
use std::io::Write as _;
use uuid::Uuid;

#[test]
fn many_rows_in_one_statement_are_summed() {
    let mut desk = Desk::with("car", 9);
    desk.vehicle("bus", 9);
    desk.run(
        "INSERT INTO resource_hold (resource_id, dates, quantity, status) VALUES
         ('car', '{2090-01-01,2090-01-02}', 1, 'ACTIVE'), ('bus', '{2090-01-02}', 2, 'ACTIVE'),
         ('car', '{2090-01-02,2090-01-03}', 3, 'ACTIVE'), ('car', '{2090-01-01}', 4, 'RELEASED')",
    );
    assert_eq!(
        (desk.left("car"), desk.left("bus")),
        ("8 5 6 9 9 9 9".into(), "9 7 9 9 9 9 9".into())
    );
    desk.run("UPDATE resource_hold SET quantity = quantity + 1 WHERE status = 'ACTIVE'");
    assert_eq!(
        (desk.left("car"), desk.left("bus")),
        ("7 3 5 9 9 9 9".into(), "9 6 9 9 9 9 9".into())
    );
    // One after the other, as a statement of many rows may not.
    desk.run(
        "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
         SELECT key, 'o', key || n, ARRAY[date '2090-01-01' + n], n
           FROM generate_series(1, 6) AS n, unnest('{car,bus}'::text[]) AS key",
    );
    assert_eq!(
        (desk.left("car"), desk.left("bus")),
        ("7 2 3 6 5 4 3".into(), "9 5 7 6 5 4 3".into())
    );
    desk.run("DELETE FROM resource_allocation WHERE quantity % 2 = 0; DELETE FROM resource_hold WHERE resource_id = 'car'");
    assert_eq!(
        (desk.left("car"), desk.left("bus")),
        ("9 8 9 6 9 4 9".into(), "9 5 9 6 9 4 9".into())
    );
    desk.run("DELETE FROM resource_hold WHERE false; UPDATE resource_allocation SET quantity = 9 WHERE false");
    desk.prove_bookings();
}

#[test]
fn on_conflict_merge_and_copy_are_counted() {
    let mut desk = Desk::with("car", 9);
    let (known, new) = (desk.hold_days("car", "1", 2), Uuid::new_v4());
    let save = |otherwise: &str| {
        format!(
            "INSERT INTO resource_hold (id, resource_id, dates, quantity)
             VALUES ('{known}', 'car', '{{2090-01-02}}', 3), ('{new}', 'car', '{{2090-01-02}}', 1)
             ON CONFLICT (id) DO {otherwise}"
        )
    };
    for (otherwise, left) in [
        ("NOTHING", "7 8 9 9 9 9 9"),
        (
            "UPDATE SET quantity = excluded.quantity + 1, dates = excluded.dates",
            "9 3 9 9 9 9 9",
        ),
        ("UPDATE SET quantity = 9 WHERE false", "9 3 9 9 9 9 9"),
        ("UPDATE SET status = 'RELEASED'", "9 9 9 9 9 9 9"),
    ] {
        desk.run(&save(otherwise));
        assert_eq!(desk.left("car"), left, "{otherwise}");
        desk.prove_bookings();
    }
    // By token and by line item, as an app that knows no functions would.
    for _ in 0..2 {
        desk.run(
            "INSERT INTO resource_hold (resource_id, dates, quantity, idempotency_token)
             VALUES ('car', '{2090-01-03}', 2, 'k')
             ON CONFLICT (tenant_id, idempotency_token) WHERE idempotency_token IS NOT NULL DO NOTHING;
             INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
             VALUES ('car', 'o', '1', '{2090-01-04}', 1)
             ON CONFLICT (order_id, line_item_id, tenant_id) DO UPDATE SET quantity = resource_allocation.quantity + 3",
        );
    }
    assert_eq!(desk.left("car"), "9 9 7 5 9 9 9");
    desk.run(
        "MERGE INTO resource_allocation a USING (VALUES ('1', 0), ('2', 5), ('3', 1)) AS wish (item, units)
            ON a.line_item_id = wish.item
          WHEN MATCHED AND wish.units = 0 THEN DELETE
          WHEN MATCHED THEN UPDATE SET quantity = wish.units
          WHEN NOT MATCHED THEN INSERT (resource_id, order_id, line_item_id, dates, quantity)
               VALUES ('car', 'o', wish.item, '{2090-01-05}', wish.units)",
    );
    assert_eq!(desk.left("car"), "9 9 7 9 3 9 9");
    let lines = "car\t{2090-01-07,2090-01-06}\t2\tACTIVE\ncar\t{2090-01-06}\t3\tCONFIRMED\ncar\t{2090-01-06}\t1\tACTIVE\n";
    let into = "COPY resource_hold (resource_id, dates, quantity, status) FROM STDIN";
    let mut writer = desk.client.copy_in(into).unwrap();
    writer.write_all(lines.as_bytes()).unwrap();
    assert_eq!(writer.finish().unwrap(), 3);
    assert_eq!(desk.left("car"), "9 9 7 9 3 6 7");
    desk.prove_bookings();
}

/// Whichever table's trigger fires first.
#[test]
fn statements_that_touch_several_tables_are_counted() {
    for (statement, left) in [
        (
            "WITH held AS (INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-01}', 1)
                           RETURNING resource_id, dates, quantity)
             INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
             SELECT resource_id, 'p', '1', dates, quantity FROM held",
            "3 3 3 5 5 5 5",
        ),
        (
            "WITH over AS (UPDATE resource_hold SET status = 'CONFIRMED' WHERE status = 'ACTIVE' RETURNING *)
             INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity, hold_id)
             SELECT resource_id, 'p', '1', dates, quantity, id FROM over",
            "5 3 3 5 5 5 5",
        ),
        (
            "WITH gone AS (DELETE FROM resource_allocation RETURNING *)
             INSERT INTO resource_hold (resource_id, dates, quantity)
             SELECT resource_id, '{2090-01-06,2090-01-07}', quantity + 1 FROM gone",
            "5 4 4 5 5 3 3",
        ),
        (
            "WITH more AS (UPDATE resource_capacity SET max_capacity = 9 WHERE date < '2090-01-04')
             UPDATE resource_allocation SET quantity = 7",
            "9 1 1 5 5 5 5",
        ),
        (
            "WITH gone AS (DELETE FROM resource_allocation), over AS (DELETE FROM resource_hold)
             DELETE FROM resource_capacity WHERE date < '2090-01-04'",
            "5 5 5 5",
        ),
    ] {
        let mut desk = Desk::with("car", 5);
        desk.hold_days("car", "2 3", 1);
        desk.book_days("car", "2 3", 1, "1");
        desk.run(statement);
        assert_eq!(desk.left("car"), left, "{statement}");
        desk.prove_bookings();
    }
}
