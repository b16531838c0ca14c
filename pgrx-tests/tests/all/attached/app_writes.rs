//! What the app itself writes into an attached table: its quantities under each `direct_writes`,
//! its deletes under each `on_delete`; and when the engine writes the column back.

use super::app::{allocate, attached, shop, Sql, COAT, HAT, ORDER_1, ORDER_2};

fn set(listing: &str, quantity: &str) -> String {
    format!("UPDATE listings SET quantity_available = {quantity} WHERE id = '{listing}'")
}

/// The hats lie in three places: 10 at Unspecified, 4 at Orison, 5 unlisted at Lorville.
fn three_places(options: &str) -> (stockroom_tests::Db, Sql) {
    let (db, mut sql) = attached(options);
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, location_id, listed)
         SELECT '{HAT}', CASE name WHEN 'Orison' THEN 4 ELSE 5 END, location_id, name = 'Orison'
           FROM locations WHERE name IN ('Orison', 'Lorville')"
    ));
    (db, sql)
}

#[test]
fn adjust_more_goes_to_unspecified() {
    let (_db, mut sql) = three_places("");
    sql.run(&set(HAT, "quantity_available + 6"));
    assert_eq!(
        sql.lots(HAT),
        ["Unspecified: 16", "Orison: 4", "Lorville: 5"]
    );
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("20".into(), "20|0|25".into())
    );
    // Where there is no such lot it is made.
    sql.run(&format!(
        "DELETE FROM stock_lots WHERE listing_id = '{COAT}'"
    ));
    assert_eq!(sql.shown(COAT), "0");
    sql.run(&set(COAT, "3"));
    assert_eq!(sql.lots(COAT), ["Unspecified: 3"]);
    sql.assert_verified();
}

#[test]
fn adjust_less_is_taken_from_unspecified_first_and_never_from_claims() {
    let (_db, mut sql) = three_places("");
    sql.run(&set(HAT, "quantity_available - 3"));
    assert_eq!(
        sql.lots(HAT),
        ["Unspecified: 7", "Orison: 4", "Lorville: 5"]
    );
    sql.run(&format!(
        "SELECT FROM allocate_stock('{HAT}', '{ORDER_1}', 5)"
    ));
    // 2 free at Unspecified, 4 at Orison; the unlisted ones are not for sale.
    sql.run(&set(HAT, "quantity_available - 4"));
    assert_eq!(
        sql.lots(HAT),
        ["Unspecified: 5", "Orison: 2", "Lorville: 5"]
    );
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("2".into(), "2|5|12".into())
    );
    sql.assert_verified();
}

/// The app read 10 and sells 8 of them, while 5 are claimed.
#[test]
fn adjust_refuses_to_sell_what_is_claimed() {
    let (_db, mut sql) = attached("");
    sql.run(&allocate(HAT, ORDER_1, 5));
    // A row that shows more than is free: written while the triggers were off.
    sql.run("ALTER TABLE listings DISABLE TRIGGER USER; UPDATE listings SET quantity_available = 10; ALTER TABLE listings ENABLE TRIGGER USER");
    let error = sql.refuse(&set(HAT, "quantity_available - 8"));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("23514", "stock_committed")
    );
    assert_eq!(error.field("over_by"), 3);
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("10".into(), "5|5|10".into())
    );
    sql.run("SELECT repair_stock()");
    sql.assert_verified();
}

/// The documented caveat: an app that saves whole rows writes the number that it read a while ago.
#[test]
fn adjust_takes_a_stale_full_row_save_for_a_change() {
    let (_db, mut sql) = attached("");
    let stale = sql.row(&format!(
        "SELECT title, quantity_available FROM listings WHERE id = '{HAT}'"
    ));
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    let (_, quantity) = stale.split_once('|').unwrap();
    sql.run(&format!("UPDATE listings SET title = 'a better hat', quantity_available = {quantity} WHERE id = '{HAT}'"));
    // Three hats came from nowhere.
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("10".into(), "10|3|13".into())
    );
    sql.assert_verified();
}

#[test]
fn adjust_judges_bad_numbers_as_on_bad_says() {
    for bad in ["NULL", "-1"] {
        let (_db, mut sql) = attached("");
        assert_eq!(
            sql.refusal(&set(HAT, bad)),
            ("22023".into(), "bad_quantity".into())
        );
        assert_eq!(sql.shown(HAT), "10");
        sql.assert_verified();
        let (_db, mut sql) = attached(", on_bad => 'zero'");
        sql.run(&set(HAT, bad));
        assert_eq!(
            (sql.shown(HAT), sql.stock(HAT)),
            ("0".into(), "0|0|0".into())
        );
        sql.assert_verified();
    }
}

#[test]
fn reject_raises_and_ignore_puts_the_true_value_back() {
    let (_db, mut sql) = attached(", direct_writes => 'reject'");
    let refused = ("42501".to_owned(), "direct_write_rejected".to_owned());
    for value in ["11", "NULL", "-1"] {
        assert_eq!(sql.refusal(&set(HAT, value)), refused);
    }
    sql.run(
        "UPDATE listings SET title = 'free to change', quantity_available = quantity_available",
    );
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();

    let (_db, mut sql) = attached(", direct_writes => 'ignore'");
    for value in ["11", "NULL", "-1", "quantity_available - 1"] {
        sql.run(&set(HAT, value));
        assert_eq!(
            (sql.shown(HAT), sql.stock(HAT)),
            ("10".into(), "10|0|10".into()),
            "{value}"
        );
    }
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();
}

/// Only what is available is the app's to change; total and reserved are put back, or refused.
#[test]
fn total_and_reserved_written_by_the_app() {
    for (direct_writes, refused) in [("adjust", false), ("ignore", false), ("reject", true)] {
        let (_db, mut sql) = shop();
        sql.run("ALTER TABLE listings ADD total int, ADD reserved int; UPDATE listings SET total = quantity_available + 2, reserved = 2");
        sql.attach("listings", &format!(", total_column => 'total', reserved_column => 'reserved', direct_writes => '{direct_writes}'"));
        for column in ["total", "reserved"] {
            let write = format!("UPDATE listings SET {column} = 50 WHERE id = '{HAT}'");
            if refused {
                assert_eq!(sql.refusal(&write).1, "direct_write_rejected");
            } else {
                sql.run(&write);
            }
        }
        let row =
            format!("SELECT quantity_available, total, reserved FROM listings WHERE id = '{HAT}'");
        assert_eq!(sql.row(&row), "10|12|2", "{direct_writes}");
        sql.assert_verified();
    }
}

#[test]
fn deleted_rows_do_as_on_delete_says() {
    for delete in ["DELETE FROM listings", "TRUNCATE listings"] {
        for (on_delete, left) in [("cascade", "0|0|0|0"), ("keep", "2|2|1|2")] {
            let (_db, mut sql) = attached(&format!(", on_delete => '{on_delete}'"));
            sql.run(&allocate(HAT, ORDER_1, 3));
            sql.run(delete);
            let counts = "SELECT (SELECT count(*) FROM stock_listings WHERE attached_to IS NULL),
                                 (SELECT count(*) FROM stock_lots), (SELECT count(*) FROM stock_allocations),
                                 (SELECT count(*) FROM stock_levels)";
            assert_eq!(sql.row(counts), left, "{delete}, {on_delete}");
            sql.assert_verified();
            // A row with the old key comes back: with keep it finds its listing.
            sql.run(&format!("INSERT INTO listings VALUES ('{HAT}', 'hat', 9)"));
            let stock = if on_delete == "keep" {
                "9|3|12"
            } else {
                "9|0|9"
            };
            assert_eq!((sql.stock(HAT), sql.shown(HAT)), (stock.into(), "9".into()));
            sql.assert_verified();
        }

        let (_db, mut sql) = attached(", on_delete => 'restrict'");
        sql.run(&allocate(HAT, ORDER_1, 3));
        let error = sql.refuse(delete);
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("23514", "stock_committed")
        );
        assert_eq!(error.field("listings"), serde_json::json!([HAT]));
        assert_eq!(sql.row("SELECT count(*) FROM listings"), "2");
        sql.run(&format!(
            "SELECT release_allocations('{ORDER_1}'); {delete}"
        ));
        assert_eq!(sql.row("SELECT count(*) FROM stock_listings"), "0");
        sql.assert_verified();
    }
}

/// A trigger counts how often rows are written.
const AUDIT: &str = "CREATE TABLE audit (title text, quantity int);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.audit VALUES (NEW.title, NEW.quantity_available); RETURN NULL; END $$;
    CREATE TRIGGER audit AFTER UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION audit()";

fn audited(sql: &mut Sql) -> Vec<String> {
    sql.rows("SELECT title, quantity FROM audit")
}

#[test]
fn immediate_writes_come_with_each_change_and_only_where_the_value_changed() {
    let (_db, mut sql) = attached("");
    sql.run(AUDIT);
    sql.run("BEGIN");
    sql.run(&allocate(HAT, ORDER_1, 3));
    assert_eq!(sql.shown(HAT), "7");
    sql.run(&allocate(HAT, ORDER_2, 1));
    assert_eq!(sql.shown(HAT), "6");
    sql.run("COMMIT");
    assert_eq!(audited(&mut sql), ["hat|7", "hat|6"]);
    // What is available stays: nothing is written.
    sql.run(&format!("SELECT fulfill_allocations('{ORDER_1}')"));
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ('{HAT}', 5, false)"
    ));
    sql.run("UPDATE stock_lots SET notes = 'dusty'");
    sql.run("SELECT repair_stock()");
    assert_eq!(audited(&mut sql).len(), 2);
    sql.assert_verified();
}

#[test]
fn deferred_writes_come_once_at_the_commit() {
    let (_db, mut sql) = attached(", sync => 'deferred'");
    sql.run(AUDIT);
    sql.run("BEGIN");
    sql.run(&allocate(HAT, ORDER_1, 3));
    sql.run(&allocate(HAT, ORDER_2, 1));
    sql.run(&format!("SELECT release_allocations('{ORDER_1}')"));
    assert_eq!(
        (sql.shown(HAT), sql.stock(HAT)),
        ("10".into(), "9|1|10".into())
    );
    sql.run("COMMIT");
    assert_eq!(sql.shown(HAT), "9");
    assert_eq!(audited(&mut sql), ["hat|9"]);
    // There and back again: nothing to write.
    sql.run(&format!(
        "BEGIN; {}; SELECT release_allocations('{ORDER_1}'); COMMIT",
        allocate(HAT, ORDER_1, 3)
    ));
    assert_eq!(audited(&mut sql).len(), 1);
    // The app's own write is answered at once.
    sql.run("BEGIN");
    sql.run(&set(COAT, "quantity_available + 1"));
    assert_eq!(
        (sql.shown(COAT), sql.stock(COAT)),
        ("21".into(), "21|0|21".into())
    );
    sql.run("COMMIT");
    sql.assert_verified();
}

#[test]
fn what_waits_for_the_commit_is_written_when_the_table_is_detached() {
    let (_db, mut sql) = attached(", sync => 'deferred'");
    sql.run(&format!(
        "BEGIN; {}; SELECT detach_table('listings'); COMMIT",
        allocate(HAT, ORDER_1, 3)
    ));
    assert_eq!(sql.shown(HAT), "7");
    sql.assert_verified();
}

#[test]
fn savepoints_take_the_column_back() {
    for sync in ["", ", sync => 'deferred'"] {
        let (_db, mut sql) = attached(sync);
        sql.run(&format!(
            "BEGIN; {}; SAVEPOINT s; {}; {}; ROLLBACK TO s; COMMIT",
            allocate(HAT, ORDER_1, 3),
            allocate(HAT, ORDER_2, 4),
            set(COAT, "5")
        ));
        assert_eq!((sql.shown(HAT), sql.shown(COAT)), ("7".into(), "20".into()));
        sql.assert_verified();
    }
}
