//! Dump and restore: every booking comes back as it was, nothing is counted twice, and the desk works on.

use super::shop::{days, Desk};
use crate::api::shop::{connect, Shop};
use crate::restore::dump::{dump, pg_restore, psql, warned};
use std::path::Path;
use stockroom_tests::Db;
use uuid::Uuid;

const OTHER: &str = "77777777-7777-4777-8777-777777777777";

const TABLES: [&str; 8] = [
    "resource_type",
    "resource",
    "resource_capacity",
    "resource_blackout",
    "resource_hold",
    "resource_allocation",
    "stock_listings",
    "stock_requests",
];

/// A desk with some of everything, of two tenants.
fn furnished() -> Desk {
    let mut desk = Desk::open();
    let listing = desk.limited(9, 1, 0);
    desk.vehicle("car", 5);
    desk.backed("kayak", listing, 9);
    desk.run(
        r#"INSERT INTO resource_type (name) VALUES ('B''OAT\');
           SELECT create_resource('B''OAT\', E'D\to\\ry', 'Asia/Kathmandu', E'two\nlines', '{"n": 1e400, "null": null}', id => E'dory \t\\N');
           SELECT open_capacity(E'dory \t\\N', '2090-01-01', '2090-01-03', 0);
           SELECT create_resource('TOUR', 'old', id => 'old'), create_resource('TOUR', 'off', id => 'off');
           SELECT open_capacity(id, '2090-01-01', '2090-01-02', 2) FROM resource WHERE type = 'TOUR';
           SELECT retire_resource('old'), change_resource('off', is_active => false);
           SELECT open_capacity('car', '2001-01-01', '2001-01-03', 2);
           SELECT add_blackout('car', '2090-01-06', '2090-02-09', 'service'), add_blackout('car', '2090-01-07', '2090-01-07')"#,
    );
    desk.book_by_dml("car", "{2001-01-01,2001-01-02}", 2);
    desk.run(
        "SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 2, 'ann@example.org', 'cart', NULL, metadata => '{\"a\": 1}');
         SELECT hold_package('[{\"resource_id\": \"car\"}, {\"resource_id\": \"kayak\", \"quantity\": 2}]', '{2090-01-03}',
                             'kim@example.org', 'package', NULL)",
    );
    desk.expired_days("car", "2 4", 1);
    desk.expired_days("kayak", "4", 3);
    let swept = desk.expired_days("car", "5", 1);
    desk.run(&format!(
        "UPDATE resource_hold SET status = 'EXPIRED' WHERE id = '{swept}'"
    ));
    let released = desk.hold_days("car", "1", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    let hold = desk.hold_days("kayak", "2 3", 3);
    desk.run(&format!(
        "SELECT confirm_resource_hold('{hold}', 'order', 'line', 'paid')"
    ));
    desk.run(&format!("SET stockroom.tenant_id = '{OTHER}'"));
    desk.vehicle("theirs", 4);
    desk.book_days("theirs", "1", 2, "1");
    desk.run("SELECT hold_resource('theirs', '{2090-01-02}', 1, NULL, 'cart', NULL)");
    desk.run("RESET stockroom.tenant_id");
    assert_verified(&mut desk);
    desk
}

fn assert_verified(desk: &mut Desk) {
    for tenant in ["", OTHER] {
        desk.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
        desk.prove_bookings();
    }
    desk.run("RESET stockroom.tenant_id");
}

/// Every row of the tables of bookings and of what they touch, in their order.
fn contents(desk: &mut Desk) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let rows = desk.texts(&format!(
            "SELECT '{table}', t::text FROM {table} t ORDER BY t::text COLLATE \"C\""
        ));
        assert!(!rows.is_empty(), "{table}");
        all.extend(rows);
    }
    all
}

fn reopened(db: Db) -> Desk {
    let client = connect(&db);
    Desk::of(Shop { client, db })
}

/// Dumps a desk in such a format and restores it into a database.
fn round_trip(into: Db, options: &[&str], restores: impl Fn(&Db, &Path) -> String) -> Desk {
    let mut desk = furnished();
    let before = contents(&mut desk);
    let file = dump(&desk.db, options);
    let _said = restores(&into, &file);
    let mut restored = reopened(into);
    assert_eq!(contents(&mut restored), before);
    assert_verified(&mut restored);
    assert_works_on(&mut restored);
    // And the first is as it was.
    assert_eq!(contents(&mut desk), before);
    restored
}

/// Replays, goes on with every state, and refuses what it would have refused.
fn assert_works_on(desk: &mut Desk) {
    let replay = "SELECT state, replayed FROM hold_resource('car', '{2090-01-02,2090-01-01}', 2, 'ann@example.org', 'cart')";
    assert_eq!(desk.text(replay), "ACTIVE|t");
    let package = "SELECT state, replayed, package_id FROM hold_package('[{\"resource_id\": \"car\"}, {\"resource_id\": \"kayak\", \"quantity\": 2}]',
                          '{2090-01-03}', 'kim@example.org', 'package') LIMIT 1";
    let package = desk.text(package);
    let package = package
        .strip_prefix("ACTIVE|t|")
        .expect("it is a replay")
        .to_owned();
    assert_eq!(desk.free("car"), "3 3 4 5 5 5 5");
    assert_eq!(desk.free("kayak"), "8 5 3 8 8 8 8");
    let stock = "SELECT quantity_booked, available_to_promise FROM stock_listings g, get_stock(ARRAY[g.listing_id])";
    assert_eq!(desk.text(stock), "5|3");
    for (call, refusal) in [
        (
            format!("hold_resource('car', '{}', 4)", days("2")),
            "insufficient_capacity",
        ),
        (
            format!("hold_resource('car', '{}', 1)", days("7")),
            "date_blacked_out",
        ),
        (
            "hold_resource('old', '{2090-01-01}', 1)".into(),
            "resource_not_active",
        ),
        (
            "hold_resource('off', '{2090-01-01}', 1)".into(),
            "resource_not_active",
        ),
        (
            "hold_resource('theirs', '{2090-01-01}', 1)".into(),
            "resource_not_found",
        ),
        (
            "delete_listing((SELECT listing_id FROM stock_listings))".into(),
            "listing_backs_resources",
        ),
        (
            "allocate_stock((SELECT listing_id FROM stock_listings), gen_random_uuid(), 4)".into(),
            "insufficient_stock",
        ),
    ] {
        assert_eq!(desk.refusal(&format!("SELECT {call}")), refusal, "{call}");
    }
    desk.run("INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-04}', 5)");
    assert_eq!(desk.refusal("UPDATE resource_capacity SET max_capacity = 4 WHERE date = '2090-01-04' AND resource_id = 'car'"), "insufficient_capacity");
    desk.run(&format!(
        "SELECT confirm_package('{package}', 'order-2', '1')"
    ));
    desk.run("SELECT move_resource_allocation(id, '{2090-01-05}') FROM resource_allocation WHERE order_id = 'order'");
    desk.run("SELECT remove_blackout(id) FROM resource_blackout WHERE reason = 'service'");
    let confirm: Uuid = desk.value(
        "SELECT id FROM resource_allocation WHERE line_item_id = 'line'",
        &[],
    );
    let again = "SELECT confirm_resource_hold(hold_id, 'order', 'line', 'paid') FROM resource_allocation WHERE line_item_id = 'line'";
    assert_eq!(desk.value::<Uuid>(again, &[]), confirm);
    desk.run("SELECT expire_holds()");
    assert_eq!(desk.left("car"), "3 3 4 0 5 5 5");
    assert_eq!(desk.free("kayak"), "8 8 6 8 5 8 8");
    assert_verified(desk);
}

#[test]
fn by_psql_and_by_pg_restore() {
    let restored = round_trip(Db::new(), &[], |db, file| psql(db, file, &[]));
    assert_eq!(warned(&restored.db), 1);
    round_trip(Db::new(), &["-Fc"], |db, file| pg_restore(db, file, &[]));
}

/// Tables come in any order, and at once.
#[test]
fn by_pg_restore_with_several_jobs() {
    for format in ["-Fc", "-Fd"] {
        round_trip(Db::new(), &[format], |db, file| {
            pg_restore(db, file, &["-j", "4"])
        });
    }
}

/// Each row is a statement of its own, and its triggers fire one by one.
#[test]
fn as_inserts() {
    round_trip(Db::new(), &["--inserts"], |db, file| psql(db, file, &[]));
    round_trip(
        Db::new(),
        &["--column-inserts", "--rows-per-insert=3"],
        |db, file| psql(db, file, &[]),
    );
}

#[test]
fn section_by_section_and_in_one_transaction() {
    round_trip(Db::new(), &["-Fc"], |db, file| {
        ["pre-data", "data", "post-data"]
            .map(|section| pg_restore(db, file, &[&format!("--section={section}")]))
            .concat()
    });
    round_trip(Db::new(), &["-Fc"], |db, file| {
        pg_restore(db, file, &["--single-transaction"])
    });
}

/// The triggers are there already, and must not count what is only coming back.
#[test]
fn rows_alone() {
    for options in [
        &["--data-only"][..],
        &["--data-only", "--inserts"],
        &["--data-only", "--disable-triggers"],
    ] {
        let empty = Db::with_extension_in("stock");
        round_trip(empty, options, |db, file| psql(db, file, &[]));
    }
}

/// What was restored can be dumped again, and is the same once more.
#[test]
fn twice() {
    let mut desk = furnished();
    let before = contents(&mut desk);
    let (second, third) = (Db::new(), Db::new());
    psql(&second, &dump(&desk.db, &[]), &[]);
    psql(&third, &dump(&second, &[]), &[]);
    let mut restored = reopened(third);
    assert_eq!(contents(&mut restored), before);
    assert_works_on(&mut restored);
}
