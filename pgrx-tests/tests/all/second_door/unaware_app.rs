//! An app that knows nothing of the engine keeps working: it writes lots and allocations with plain
//! SQL, as a plain role, and the numbers are right at every commit.

use super::shop::{
    stocking, Sql, COAT, HAT, HAT_LOT, NEW_LOT, ORDER_1, ORDER_2, ORISON_LOT, UNSPECIFIED,
};
use stockroom_tests::Db;

/// What the app's role needs, and nothing more.
const GRANTS: [&str; 3] = [
    "SELECT, INSERT, UPDATE, DELETE ON stock_lots",
    "SELECT, INSERT, UPDATE, DELETE ON stock_allocations",
    // The columns' default.
    "EXECUTE ON FUNCTION current_tenant()",
];

/// A stocked shop, a connection of the app's plain role, and one of the superuser who checks.
fn shop_of_a_plain_role() -> (Db, String, Sql, Sql) {
    let db = Db::with_extension();
    let role = db.role("app");
    let mut checker = Sql::by_superuser(&db);
    checker.run(&stocking());
    for grant in GRANTS {
        checker.run(&format!("GRANT {grant} TO {role}"));
    }
    let app = Sql(db.client_as(&role));
    (db, role, app, checker)
}

#[track_caller]
fn assert_hats(checker: &mut Sql, total: i32, listed: i32, allocated: i32) {
    let available = listed - allocated;
    assert_eq!(
        checker.listing(HAT),
        format!("total {total}, listed {listed}, allocated {allocated}, available {available}")
    );
    checker.assert_verified();
}

#[test]
fn lots_and_claims_come_and_go() {
    let (_db, _role, mut app, mut checker) = shop_of_a_plain_role();
    assert_eq!(
        app.row("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"),
        "f"
    );

    // Goods come in.
    app.run(&format!(
        "BEGIN; INSERT INTO stock_lots (lot_id, listing_id, quantity_total, notes)
                VALUES ('{NEW_LOT}', '{HAT}', 6, 'from the fair') RETURNING quantity_allocated; COMMIT"
    ));
    assert_hats(&mut checker, 36, 36, 0);

    // An order claims from two lots.
    app.run(&format!(
        "BEGIN; INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
                VALUES ('{NEW_LOT}', '{ORDER_1}', 6, 'active');
                INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
                VALUES ('{HAT_LOT}', '{ORDER_1}', 2, 'active'); COMMIT"
    ));
    assert_hats(&mut checker, 36, 36, 8);

    // It is shipped: the lot is lowered before its allocation is marked.
    app.run(&format!("BEGIN; UPDATE stock_lots SET quantity_total = quantity_total - 6 WHERE lot_id = '{NEW_LOT}'"));
    // In between the lot is claimed beyond what it has, and the app sees its own numbers right.
    assert_eq!(app.lot(NEW_LOT), "total 0, allocated 6");
    app.run(&format!(
        "UPDATE stock_allocations SET status = 'fulfilled' WHERE lot_id = '{NEW_LOT}' AND order_id = '{ORDER_1}';
         COMMIT"
    ));
    assert_hats(&mut checker, 30, 30, 2);

    // The rest is cancelled.
    app.run(&format!(
        "BEGIN; UPDATE stock_allocations SET status = 'released' WHERE lot_id = '{HAT_LOT}' AND order_id = '{ORDER_1}'; COMMIT"
    ));
    assert_hats(&mut checker, 30, 30, 0);
    assert_eq!(checker.lot(NEW_LOT), "total 0, allocated 0");
}

#[test]
fn a_lot_is_split_and_merged_back() {
    let (_db, _role, mut app, mut checker) = shop_of_a_plain_role();
    app.run(&format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{HAT_LOT}', '{ORDER_1}', 3, 'active')"
    ));
    // Four of the ten are set aside, unlisted, in one transaction.
    app.run(&format!(
        "BEGIN; INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id, listed)
                SELECT '{NEW_LOT}', listing_id, 4, location_id, false FROM stock_lots WHERE lot_id = '{HAT_LOT}';
                UPDATE stock_lots SET quantity_total = quantity_total - 4 WHERE lot_id = '{HAT_LOT}'; COMMIT"
    ));
    assert_hats(&mut checker, 30, 26, 3);
    assert_eq!(checker.lot(HAT_LOT), "total 6, allocated 3");

    // They come back.
    app.run(&format!(
        "BEGIN; UPDATE stock_lots SET quantity_total = quantity_total + 4 WHERE lot_id = '{HAT_LOT}';
                DELETE FROM stock_lots WHERE lot_id = '{NEW_LOT}'; COMMIT"
    ));
    assert_hats(&mut checker, 30, 30, 3);
    assert_eq!(checker.lot(HAT_LOT), "total 10, allocated 3");
}

#[test]
fn too_much_is_refused_at_the_apps_commit() {
    let (_db, _role, mut app, mut checker) = shop_of_a_plain_role();
    app.run(&format!(
        "BEGIN; INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
                VALUES ('{HAT_LOT}', '{ORDER_1}', 11, 'active')"
    ));
    let error = app.refuse("COMMIT");
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("23514", "stock_committed")
    );
    assert_eq!(error.field("over_by"), 1);
    assert_hats(&mut checker, 30, 30, 0);
}

/// Saves a lot as an ORM does: every column, with the values that were read a while ago.
fn save_lot(app: &mut Sql, read: &[String], total: &str) {
    let [lot, listing, allocated, location, listed, created] = read else {
        panic!("six columns were read, not {read:?}");
    };
    app.run(&format!(
        "UPDATE stock_lots SET lot_id = '{lot}', listing_id = '{listing}', quantity_total = {total},
                quantity_allocated = {allocated}, location_id = '{location}', owner_id = NULL, listed = '{listed}',
                notes = NULL, created_at = '{created}', updated_at = now()
          WHERE lot_id = '{lot}'"
    ));
}

#[test]
fn whole_rows_are_saved_with_stale_counters() {
    let (_db, _role, mut app, mut checker) = shop_of_a_plain_role();
    let row = app.row(&format!(
        "SELECT lot_id, listing_id, quantity_allocated, location_id, listed, created_at
           FROM stock_lots WHERE lot_id = '{HAT_LOT}'"
    ));
    let read: Vec<String> = row.split('|').map(str::to_owned).collect();
    assert_eq!(read[2..4], ["0", UNSPECIFIED]);

    // Meanwhile somebody claims, through a function.
    checker.run(&format!(
        "SELECT * FROM allocate_stock('{HAT}', '{ORDER_2}', 10, location_id => '{UNSPECIFIED}')"
    ));
    save_lot(&mut app, &read, "10");
    assert_eq!(checker.lot(HAT_LOT), "total 10, allocated 10");
    assert_hats(&mut checker, 30, 30, 10);
    save_lot(&mut app, &read, "12");
    assert_eq!(checker.lot(HAT_LOT), "total 12, allocated 10");
    assert_hats(&mut checker, 32, 32, 10);

    // The claim is saved as a whole as well, and a copy of the lot is inserted with its counter.
    app.run(&format!(
        "UPDATE stock_allocations SET lot_id = lot_id, listing_id = '{COAT}', order_id = order_id, quantity = 9,
                status = 'active', hold_id = NULL, created_at = now()"
    ));
    app.run(&format!(
        "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, quantity_allocated, location_id, listed)
         VALUES ('{NEW_LOT}', '{HAT}', 5, 10, '{UNSPECIFIED}', true)"
    ));
    assert_eq!(checker.lot(NEW_LOT), "total 5, allocated 0");
    assert_hats(&mut checker, 37, 37, 9);
}

#[test]
fn a_plain_role_needs_exactly_these_rights() {
    // Each right that is missing is missed by one of these.
    let day = [
        format!("INSERT INTO stock_lots (lot_id, listing_id, quantity_total) VALUES ('{NEW_LOT}', '{HAT}', 6)"),
        format!("INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ('{NEW_LOT}', '{ORDER_1}', 6, 'active')"),
        format!("UPDATE stock_lots SET quantity_total = 0 WHERE lot_id = '{NEW_LOT}'"),
        format!("UPDATE stock_allocations SET status = 'fulfilled' WHERE lot_id = '{NEW_LOT}'"),
        format!("DELETE FROM stock_allocations WHERE order_id = '{ORDER_1}'"),
        format!("DELETE FROM stock_lots WHERE lot_id IN ('{NEW_LOT}', '{ORISON_LOT}')"),
    ]
    .join("; ");

    let (_db, role, mut app, mut checker) = shop_of_a_plain_role();
    app.run(&day);
    assert_hats(&mut checker, 10, 10, 0);
    // It has no right to the counters, and needs none.
    for table in [
        "stock_listings",
        "stock_levels",
        "attached_tables",
        "stock_requests",
    ] {
        assert_eq!(
            app.refuse(&format!("SELECT * FROM {table}")).sqlstate,
            "42501",
            "{table}"
        );
    }
    for call in [
        format!("SELECT get_available_stock('{HAT}')"),
        format!("SELECT * FROM allocate_stock('{HAT}', '{ORDER_1}', 1)"),
        "SELECT * FROM verify_stock()".to_owned(),
    ] {
        assert_eq!(app.refuse(&call).sqlstate, "42501", "{call}");
    }

    for right in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
        for table in ["stock_lots", "stock_allocations"] {
            checker.run(&format!("REVOKE {right} ON {table} FROM {role}"));
            assert_eq!(
                app.refuse(&day).sqlstate,
                "42501",
                "without {right} on {table}"
            );
            checker.run(&format!("GRANT {right} ON {table} TO {role}"));
        }
    }
    checker.run(&format!(
        "REVOKE EXECUTE ON FUNCTION current_tenant() FROM {role}"
    ));
    assert_eq!(
        app.refuse(&day).sqlstate,
        "42501",
        "without current_tenant()"
    );
    assert_hats(&mut checker, 10, 10, 0);
}

#[test]
fn in_a_schema_of_its_own_a_plain_role_needs_its_usage_too() {
    let db = Db::with_extension_in("stock");
    let role = db.role("app");
    let mut checker = Sql::by_superuser(&db);
    checker.run("SET search_path = stock");
    checker.run(&stocking());
    for grant in GRANTS {
        checker.run(&format!("GRANT {grant} TO {role}"));
    }
    let mut app = Sql(db.client_as(&role));
    let statement =
        format!("INSERT INTO stock.stock_lots (listing_id, quantity_total) VALUES ('{HAT}', 6)");
    assert_eq!(app.refuse(&statement).sqlstate, "42501");
    checker.run(&format!("GRANT USAGE ON SCHEMA stock TO {role}"));
    app.run(&statement);
    assert_hats(&mut checker, 36, 36, 0);
}
