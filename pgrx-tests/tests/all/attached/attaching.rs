//! What `attach_table` makes of a table: import, column types, and the way back. What the app writes
//! afterwards is in `app_writes`.

use super::app::{allocate, attached, empty, shop, Sql, CAP, COAT, HAT, ORDER_1};

/// A table with these columns beside its key and one row for each of `rows`, not attached.
fn table(columns: &str, rows: &str) -> (stockroom_tests::Db, Sql) {
    let (db, mut sql) = empty();
    sql.run(&format!("CREATE TABLE listings (id uuid PRIMARY KEY, {columns}); INSERT INTO listings VALUES {rows}"));
    (db, sql)
}

#[test]
fn quantities_become_lots_at_unspecified() {
    let (_db, mut sql) = shop();
    sql.run(&format!("INSERT INTO listings VALUES ('{CAP}', 'cap', 0)"));
    assert_eq!(
        sql.attach("listings", ""),
        "3 listings, 2 lots, 30 units, 0 mismatches"
    );
    let heard = sql.heard("NOTICE");
    assert_eq!(
        heard,
        ["stockroom: public.listings attached: 3 listings, 2 lots, 30 units"]
    );
    assert_eq!(sql.stock(HAT), "10|0|10");
    assert_eq!(sql.lots(HAT), ["Unspecified: 10"]);
    assert_eq!(sql.stock(CAP), "0|0|0");
    assert_eq!(sql.row("SELECT count(*) FROM stock_allocations"), "0");
    assert_eq!(
        sql.row("SELECT table_schema, table_name, key_column, key_is_uuid, available_column, quantity_scale,
                        direct_writes, on_delete, on_bad, sync, search_path FROM attached_tables"),
        "public|listings|id|t|quantity_available|0|adjust|cascade|error|immediate|public, stock"
    );
    sql.assert_verified();
}

#[test]
fn without_import_the_engines_numbers_are_shown() {
    let (_db, mut sql) = shop();
    assert_eq!(
        sql.attach("listings", ", import => false"),
        "2 listings, 0 lots, 0 units, 0 mismatches"
    );
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("0".into(), "0|0|0".into())
    );
    sql.assert_verified();
}

#[test]
fn positions_and_names_mean_the_same() {
    let row = "SELECT quantity_scale, direct_writes, on_delete, on_bad, sync, total_column, reserved_column,
                      tenant_column FROM attached_tables";
    for call in [
        "attach_table('listings', 'id', 'quantity_available', 'total', 'reserved', NULL, 2, 'reject', 'keep', 'zero', 'deferred', false)",
        "attach_table(import => false, sync => 'deferred', on_bad => 'zero', on_delete => 'keep', direct_writes => 'reject',
                      quantity_scale => 2, tenant_column => NULL, reserved_column => 'reserved', total_column => 'total',
                      available_column => 'quantity_available', key_column => 'id', \"table\" => 'listings')",
    ] {
        let (_db, mut sql) = table("quantity_available numeric, total numeric, reserved numeric", &format!("('{HAT}', 1, 2, 3)"));
        assert_eq!(sql.row(&format!("SELECT listings FROM {call}")), "1");
        assert_eq!(sql.row(row), "2|reject|keep|zero|deferred|total|reserved|NULL");
        assert_eq!(sql.row("SELECT quantity_available, total, reserved FROM listings"), "0.00|0.00|0.00");
        sql.assert_verified();
    }
}

/// What total and reserved say beyond what is available is claimed by one order, the attachment's.
#[test]
fn total_and_reserved_columns() {
    for (options, row, stock, after) in [
        (", total_column => 't'", "7, 10, 99", "7|3|10", "5|10|99"),
        (", reserved_column => 'r'", "7, 99, 3", "7|3|10", "5|99|5"),
        (
            ", total_column => 't', reserved_column => 'r'",
            "7, 10, 3",
            "7|3|10",
            "5|10|5",
        ),
        // Where the three don't fit, available and total count.
        (
            ", total_column => 't', reserved_column => 'r'",
            "7, 10, 1",
            "7|3|10",
            "5|10|5",
        ),
        (", total_column => 't'", "10, 10, 0", "10|0|10", "8|10|0"),
    ] {
        let (_db, mut sql) = table(
            "quantity_available int, t int, r int",
            &format!("('{HAT}', {row})"),
        );
        assert_eq!(
            sql.attach("listings", options),
            "1 listings, 1 lots, 10 units, 0 mismatches",
            "{options}"
        );
        assert_eq!(sql.stock(HAT), stock, "{options}");
        sql.assert_verified();
        sql.run(&allocate(HAT, ORDER_1, 2));
        assert_eq!(
            sql.row("SELECT quantity_available, t, r FROM listings"),
            after,
            "{options}"
        );
        // The imported claim is released like any other.
        sql.run("SELECT release_allocations(order_id) FROM stock_allocations");
        assert_eq!(sql.stock(HAT), "10|0|10");
        assert_eq!(sql.shown(HAT), "10");
        sql.assert_verified();
    }
}

#[test]
fn numeric_columns_show_smallest_units_as_decimals() {
    let (_db, mut sql) = table(
        "quantity_available numeric",
        &format!("('{HAT}', 12.345), ('{COAT}', 2)"),
    );
    assert_eq!(
        sql.attach("listings", ", quantity_scale => 3"),
        "2 listings, 2 lots, 14345 units, 0 mismatches"
    );
    sql.run(&allocate(HAT, ORDER_1, 345));
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("12.000".into(), "12000|345|12345".into())
    );
    sql.run(&format!(
        "UPDATE listings SET quantity_available = quantity_available - 0.5 WHERE id = '{COAT}'"
    ));
    assert_eq!(
        (sql.shown(COAT), sql.stock(COAT)),
        ("1.5".into(), "1500|0|1500".into())
    );
    // Finer than the scale can't be stock.
    let finer = format!("UPDATE listings SET quantity_available = 0.0001 WHERE id = '{COAT}'");
    assert_eq!(sql.refusal(&finer), ("22023".into(), "bad_quantity".into()));
    sql.assert_verified();
}

#[test]
fn each_type_of_quantity_column() {
    for column in ["integer", "bigint", "numeric", "numeric(12, 0)", "units"] {
        let (_db, mut sql) = empty();
        sql.run(&format!(
            "CREATE DOMAIN units AS bigint CHECK (VALUE >= 0);
             CREATE TABLE listings (id uuid PRIMARY KEY, quantity_available {column});
             INSERT INTO listings VALUES ('{HAT}', 10)"
        ));
        sql.attach("listings", "");
        sql.run(&allocate(HAT, ORDER_1, 4));
        sql.run("UPDATE listings SET quantity_available = quantity_available + 1");
        assert_eq!(
            (sql.shown(HAT), sql.stock(HAT)),
            ("7".into(), "7|4|11".into()),
            "{column}"
        );
        sql.assert_verified();
    }
}

/// A value that the domain forbids is not stored behind its back, or a dump could not be restored.
#[test]
fn a_domains_check_holds_for_the_mirror() {
    let (_db, mut sql) = empty();
    sql.run(&format!(
        "CREATE DOMAIN shelf AS integer CHECK (VALUE <= 12);
         CREATE TABLE listings (id uuid PRIMARY KEY, quantity_available shelf);
         INSERT INTO listings VALUES ('{HAT}', 10)"
    ));
    sql.attach("listings", "");
    assert_eq!(
        sql.refuse(&format!("SELECT receive_stock('{HAT}', 5)"))
            .sqlstate,
        "23514"
    );
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("10".into(), "10|0|10".into())
    );
    sql.assert_verified();
}

/// No error half way: nothing is attached where one row is bad, and the error names such rows.
#[test]
fn bad_quantities_are_refused_or_counted_as_zero() {
    for (bad, options) in [
        ("NULL, 5", ""),
        ("-1, 5", ""),
        ("2147483648, 2147483648", ""),
        ("6, 5", ", total_column => 't'"),
        ("6, NULL", ", total_column => 't'"),
        ("6, -2", ", reserved_column => 't'"),
        ("2000000000, 2000000000", ", reserved_column => 't'"),
    ] {
        let (_db, mut sql) = table(
            "quantity_available bigint, t bigint",
            &format!("('{HAT}', 3, 3), ('{COAT}', {bad})"),
        );
        let error = sql.refuse(&format!("SELECT attach_table('listings', 'id' {options})"));
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("22023", "bad_quantity"),
            "{bad}"
        );
        assert_eq!(
            (error.field("rows"), error.field("keys")),
            (1.into(), serde_json::json!([COAT]))
        );
        assert_nothing_attached(&mut sql);

        sql.attach("listings", &format!("{options}, on_bad => 'zero'"));
        assert_eq!(
            (sql.stock(COAT), sql.shown(COAT)),
            ("0|0|0".into(), "0".into()),
            "{bad}"
        );
        assert_eq!(sql.shown(HAT), "3");
        sql.assert_verified();
    }
}

#[track_caller]
fn assert_nothing_attached(sql: &mut Sql) {
    assert_eq!(
        sql.row(
            "SELECT (SELECT count(*) FROM stock_listings), (SELECT count(*) FROM stock_lots),
                        (SELECT count(*) FROM attached_tables),
                        (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'listings'::regclass)"
        ),
        "0|0|0|0"
    );
}

#[test]
fn detached_the_column_and_the_stock_stay() {
    let (_db, mut sql) = attached("");
    sql.run(&allocate(HAT, ORDER_1, 3));
    sql.run("SELECT detach_table('listings')");
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("7".into(), "7|3|10".into())
    );
    assert_eq!(
        sql.row("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'listings'::regclass"),
        "0"
    );
    // They go their own ways.
    sql.run("UPDATE listings SET quantity_available = quantity_available - 1");
    sql.run(&allocate(HAT, ORDER_1, 2));
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("6".into(), "5|5|10".into())
    );
    sql.assert_verified();
    assert_eq!(
        sql.refusal("SELECT detach_table('listings')"),
        ("P0002".into(), "table_not_attached".into())
    );

    // Attached again, the app's number counts; without import the engine's.
    assert_eq!(
        sql.attach("listings", ""),
        "2 listings, 0 lots, 1 units, 0 mismatches"
    );
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("6".into(), "6|5|11".into())
    );
    sql.assert_verified();
    sql.run("SELECT detach_table('listings'); UPDATE listings SET quantity_available = 1000");
    sql.attach("listings", ", import => false");
    assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("6".into(), "19".into()));
    sql.assert_verified();
}

/// Meanwhile stock was claimed and taken off the list: what is available follows the app all the same.
#[test]
fn attached_again_the_apps_numbers_count() {
    let (_db, mut sql) = attached("");
    sql.run("SELECT detach_table('listings')");
    sql.run(&format!(
        "SELECT FROM allocate_stock('{HAT}', '{ORDER_1}', 8)"
    ));
    sql.run(&format!(
        "UPDATE stock_lots SET listed = false WHERE listing_id = '{COAT}'"
    ));
    // 2 hats are free and no coat; the app says 10 and 20: its numbers are more, so they count.
    assert_eq!(
        sql.attach("listings", ""),
        "2 listings, 0 lots, 28 units, 0 mismatches"
    );
    assert_eq!(
        (sql.stock(HAT), sql.stock(COAT)),
        ("10|8|18".into(), "20|0|40".into())
    );
    sql.assert_verified();
}

#[test]
fn a_large_table_tells_how_far_it_is() {
    let (_db, mut sql) = empty();
    sql.run(
        "CREATE TABLE listings (id int PRIMARY KEY, quantity_available int);
         INSERT INTO listings SELECT i, 1 FROM generate_series(1, 100001) AS i",
    );
    let answer = sql.attach("listings", "");
    assert_eq!(
        answer,
        "100001 listings, 100001 lots, 100001 units, 0 mismatches"
    );
    assert_eq!(
        sql.heard("NOTICE"),
        [
            "stockroom: 100000 rows of public.listings read",
            "stockroom: public.listings attached: 100001 listings, 100001 lots, 100001 units"
        ]
    );
}
