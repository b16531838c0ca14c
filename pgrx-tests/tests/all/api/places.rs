//! Locations: the presets are as designed and fixed, the tree stays a tree, lists can hide presets.

use super::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use stockroom_tests::{Progress, Session};
use uuid::Uuid;

/// The presets in the design's order.
const PRESETS: [&str; 20] = [
    "Unspecified",
    "Orison",
    "Lorville",
    "Area18",
    "New Babbage",
    "Port Olisar",
    "Grim HEX",
    "Everus Harbor",
    "Baijini Point",
    "Seraphim Station",
    "CRU-L1",
    "CRU-L4",
    "CRU-L5",
    "HUR-L1",
    "HUR-L2",
    "HUR-L3",
    "HUR-L4",
    "HUR-L5",
    "ARC-L1",
    "MIC-L1",
];

fn listed(shop: &mut Shop) -> Vec<(String, i32)> {
    let rows = shop.rows("SELECT name, display_order FROM list_locations()", &[]);
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn presets() -> Vec<(String, i32)> {
    let orders = (0..).step_by(10);
    PRESETS.map(str::to_owned).into_iter().zip(orders).collect()
}

/// A location of our own in another one.
fn add(shop: &mut Shop, name: &str, parent: Option<Uuid>) -> Uuid {
    let sql = "INSERT INTO locations (name, parent_id) VALUES ($1, $2) RETURNING location_id";
    shop.value(sql, &[&name, &parent])
}

#[test]
fn the_presets_are_the_designs_and_constant() {
    let mut shop = Shop::open();
    assert_eq!(listed(&mut shop), presets());
    let sql = "SELECT count(*)::int FROM locations
                WHERE is_preset AND tenant_id = '00000000-0000-0000-0000-000000000000'
                  AND parent_id IS NULL AND created_by IS NULL AND created_at = '2000-01-01 00:00:00+00'
                  AND location_id = ('00000000-0000-8000-8000-' || lpad((display_order / 10)::text, 12, '0'))::uuid";
    assert_eq!(shop.value::<i32>(sql, &[]), 20);
}

#[test]
fn the_presets_cannot_be_changed_by_anybody() {
    let mut shop = Shop::open();
    let before = shop.everything();
    for sql in [
        "UPDATE locations SET name = 'Home' WHERE name = 'Orison'",
        "UPDATE locations SET display_order = 5 WHERE name = 'Orison'",
        "UPDATE locations SET is_preset = false WHERE name = 'Orison'",
        "DELETE FROM locations WHERE name = 'Orison'",
        "DELETE FROM locations",
        "TRUNCATE locations CASCADE",
        "INSERT INTO locations (name, is_preset) VALUES ('Mine', true)",
    ] {
        let error = shop.error(sql, &[]);
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("42501", "preset_fixed")
        );
    }
    let own = add(&mut shop, "Mine", None);
    let sql = "UPDATE locations SET is_preset = true WHERE location_id = $1";
    assert_eq!(shop.error(sql, &[&own]).name(), "preset_fixed");
    shop.rows("DELETE FROM locations WHERE location_id = $1", &[&own]);
    assert_eq!(shop.everything(), before);
}

#[test]
fn lists_can_leave_the_presets_out() {
    let mut shop = Shop::open();
    add(&mut shop, "Shelf", None);
    let own = [("Shelf".to_owned(), 1000)];
    assert_eq!(listed(&mut shop), [presets(), own.to_vec()].concat());
    shop.run("SET stockroom.hide_preset_locations = on");
    let first = presets()[..1].to_vec();
    assert_eq!(listed(&mut shop), [first, own.to_vec()].concat());
    // Hidden, they can still be used.
    let listing = shop.listing();
    shop.receive_at(listing, 1, ORISON);
    shop.run("RESET stockroom.hide_preset_locations");
    assert_eq!(listed(&mut shop).len(), 21);

    // Anybody may set it for themselves: it hides, it does not protect.
    let role = shop.db.role("reader");
    let mut client = shop.db.client_as(&role);
    client
        .batch_execute("SET stockroom.hide_preset_locations = on")
        .unwrap();
    shop.verify();
}

#[test]
fn a_name_is_enough_and_unique_under_its_parent() {
    let mut shop = Shop::open();
    shop.run("INSERT INTO locations (name) VALUES ('Cellar')");
    let sql = "SELECT location_id FROM list_locations() WHERE name = 'Cellar' AND NOT is_preset";
    let cellar: Uuid = shop.value(sql, &[]);
    let again = "INSERT INTO locations (name, parent_id) VALUES ('Cellar', $1)";
    assert_eq!(shop.error(again, &[&None::<Uuid>]).sqlstate, "23505");
    shop.rows(again, &[&Some(cellar)]);
    assert_eq!(shop.error(again, &[&Some(cellar)]).sqlstate, "23505");
    assert_eq!(
        shop.error("INSERT INTO locations (name) VALUES ('')", &[])
            .sqlstate,
        "23514"
    );
    let listing = shop.listing();
    shop.receive_at(listing, 3, cellar);
    let sql = "SELECT get_available_stock($1, $2)";
    assert_eq!(shop.value::<i32>(sql, &[&listing, &cellar]), 3);
    shop.verify();
}

#[test]
fn the_tree_has_no_loops_and_no_dangling_ends() {
    let mut shop = Shop::open();
    let hall = add(&mut shop, "Hall", Some(LORVILLE));
    let rack = add(&mut shop, "Rack", Some(hall));
    let shelf = add(&mut shop, "Shelf", Some(rack));
    let before = shop.everything();
    let moved = "UPDATE locations SET parent_id = $2 WHERE location_id = $1";
    for (what, into) in [(hall, shelf), (hall, rack), (rack, shelf)] {
        let error = shop.error(moved, &[&what, &Some(into)]);
        assert_eq!(error.name(), "location_in_use");
        assert_eq!(error.field("problem"), "would lie within itself");
    }
    assert_eq!(shop.error(moved, &[&hall, &Some(hall)]).sqlstate, "55000");
    let nowhere = Uuid::new_v4();
    let error = shop.error(moved, &[&hall, &Some(nowhere)]);
    assert_eq!(error.name(), "location_not_found");
    assert_eq!(error.field("location_id"), nowhere.to_string());
    let sql = "INSERT INTO locations (name, parent_id) VALUES ('Attic', $1)";
    assert_eq!(shop.error(sql, &[&nowhere]).name(), "location_not_found");
    let remove = "DELETE FROM locations WHERE location_id = $1";
    let error = shop.error(remove, &[&rack]);
    assert_eq!(error.name(), "location_in_use");
    assert_eq!(error.field("problem"), "contains other locations");
    assert_eq!(shop.everything(), before);

    shop.rows(moved, &[&shelf, &Some(hall)]);
    shop.rows(moved, &[&hall, &None::<Uuid>]);
    shop.rows(remove, &[&rack]);
    let sql = "UPDATE locations SET location_id = $2 WHERE location_id = $1";
    let error = shop.error(sql, &[&hall, &Uuid::new_v4()]);
    assert_eq!(
        (error.name(), error.field("column")),
        ("key_fixed".into(), "location_id".into())
    );
}

/// Each of two sessions puts one location into the other: one of them must fail.
#[test]
fn two_sessions_cannot_make_a_loop_together() {
    let mut shop = Shop::open();
    let (a, b) = (add(&mut shop, "A", None), add(&mut shop, "B", None));
    let mut sessions = [Session::open(&shop.db), Session::open(&shop.db)];
    for session in &mut sessions {
        session
            .run("SET search_path = stock; SET deadlock_timeout = '50ms'; BEGIN")
            .unwrap();
    }
    let into = |what, whom| {
        format!("UPDATE locations SET parent_id = '{whom}' WHERE location_id = '{what}'")
    };
    let [first, second] = &mut sessions;
    first.run(&into(a, b)).unwrap();
    second.start(&into(b, a));
    assert_eq!(second.settle(), Progress::Blocked);
    first.run("COMMIT").unwrap();
    let error = second.finish().unwrap_err();
    assert_eq!(error.name(), "location_in_use");
    second.run("ROLLBACK").unwrap();
}

/// A place where goods lie cannot go, and the engine says so itself.
#[test]
fn a_location_with_lots_in_it_stays() {
    let mut shop = Shop::open();
    let cellar = add(&mut shop, "Cellar", None);
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 3, cellar);
    let remove = "DELETE FROM locations WHERE location_id = $1";
    let error = shop.error(remove, &[&cellar]);
    assert_eq!(error.name(), "location_in_use", "{error:?}");
    assert_eq!(error.field("location_id"), cellar.to_string());
    let sql = "UPDATE stock_lots SET location_id = NULL WHERE lot_id = $1 RETURNING location_id";
    assert_eq!(shop.value::<Uuid>(sql, &[&lot]), UNSPECIFIED);
    shop.rows(remove, &[&cellar]);
    shop.verify();
}
