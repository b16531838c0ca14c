//! Resources: made and changed.

use super::shop::{days, Desk};
use serde_json::{json, Value};
use uuid::Uuid;

#[test]
fn a_resource_has_its_own_key_or_a_made_one() {
    let mut desk = Desk::open();
    let own: String = desk.value("SELECT create_resource('TOUR', 'Reef', id => 'reef')", &[]);
    assert_eq!(own, "reef");
    let made: Vec<String> = (0..2)
        .map(|_| desk.value("SELECT create_resource('TOUR', 'Reef')", &[]))
        .collect();
    assert_ne!(made[0], made[1]);
    for key in &made {
        let is_made = "SELECT $1 ~ '^res_[0-9a-f]{32}$'";
        assert!(desk.value::<bool>(is_made, &[key]), "{key}");
    }
    let kept: Value = desk.value(
        "SELECT to_jsonb(r) - '{created_at, updated_at}'::text[] FROM resource r WHERE id = 'reef'",
        &[],
    );
    assert_eq!(
        kept,
        json!({"id": "reef", "tenant_id": Uuid::nil(), "type": "TOUR", "name": "Reef", "description": null,
               "metadata": {}, "is_active": true, "timezone": "UTC", "listing_id": null, "deleted_at": null})
    );
    desk.prove_bookings();
}

#[test]
fn what_a_resource_is_made_with_is_kept() {
    let mut desk = Desk::open();
    let listing = desk.stocked(3);
    desk.run(&format!(
        r#"SELECT create_resource('GUIDE', 'Ann', 'Europe/Berlin', 'Speaks German', '{{"n": 1e400}}', '{listing}', 'ann')"#
    ));
    let kept = desk.text(
        "SELECT type, name, timezone, description, metadata = '{\"n\": 1e400}', listing_id FROM resource",
    );
    assert_eq!(
        kept,
        format!("GUIDE|Ann|Europe/Berlin|Speaks German|t|{listing}")
    );
    desk.prove_bookings();
}

#[test]
fn a_key_is_taken_once() {
    let mut desk = Desk::with("car", 3);
    let before = desk.everything();
    let error = desk.error("SELECT create_resource('TOUR', 'Other', id => 'car')", &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "23505",
            Some(json!({"error": "resource_exists", "resource_id": "car"}))
        )
    );
    let sql = "INSERT INTO resource (id, type, name) VALUES ('car', 'TOUR', 'Other')";
    assert_eq!(desk.error(sql, &[]).sqlstate, "23505");
    assert_eq!(desk.everything(), before);
    // Keys are compared byte by byte.
    desk.run("SELECT create_resource('TOUR', 'Other', id => 'Car')");
}

#[test]
fn any_text_can_be_a_key() {
    let mut desk = Desk::open();
    let long = "é".repeat(200);
    for key in ["'; --", " ", "a/b|c,{}", "\u{202E}🚙", "NULL", &long] {
        let made: String = desk.value("SELECT create_resource('VEHICLE', $1, id => $1)", &[&key]);
        assert_eq!(made, key);
        desk.rows(
            "SELECT open_capacity($1, '2090-01-01', '2090-01-02', 1)",
            &[&key],
        );
        let hold: Uuid = desk.value(
            "SELECT hold_id FROM hold_resource($1, '{2090-01-01}', 1)",
            &[&key],
        );
        let found: Vec<String> = desk.value(
            "SELECT array_agg(resource_id) FROM find_available('VEHICLE', '{2090-01-02}') WHERE resource_id = $1",
            &[&key],
        );
        assert_eq!(found, [key]);
        let held: String = desk.value("SELECT resource_id FROM get_resource_hold($1)", &[&hold]);
        assert_eq!(held, key);
    }
    desk.prove_bookings();
}

#[test]
fn only_what_is_given_is_changed() {
    let mut desk = Desk::with("car", 3);
    let (first, second) = (desk.stocked(3), desk.stocked(4));
    let row = "SELECT name, description, metadata, is_active, timezone, listing_id FROM resource";
    assert_eq!(desk.text(row), "A vehicle|NULL|{}|t|UTC|NULL");
    for (change, after) in [
        ("name => 'Ute'", "Ute|NULL|{}|t|UTC|NULL".to_owned()),
        ("description => 'old'", "Ute|old|{}|t|UTC|NULL".to_owned()),
        (
            "metadata => '{\"a\": 1}'",
            "Ute|old|{\"a\": 1}|t|UTC|NULL".to_owned(),
        ),
        (
            "is_active => false",
            "Ute|old|{\"a\": 1}|f|UTC|NULL".to_owned(),
        ),
        (
            "timezone => 'asia/tokyo'",
            "Ute|old|{\"a\": 1}|f|Asia/Tokyo|NULL".to_owned(),
        ),
        (
            "listing_id => '$1'",
            format!("Ute|old|{{\"a\": 1}}|f|Asia/Tokyo|{first}"),
        ),
        (
            "listing_id => '$2', is_active => true",
            format!("Ute|old|{{\"a\": 1}}|t|Asia/Tokyo|{second}"),
        ),
        (
            "name => NULL",
            format!("Ute|old|{{\"a\": 1}}|t|Asia/Tokyo|{second}"),
        ),
        (
            "without_listing => true",
            "Ute|old|{\"a\": 1}|t|Asia/Tokyo|NULL".to_owned(),
        ),
    ] {
        let change = change
            .replace("$1", &first.to_string())
            .replace("$2", &second.to_string());
        desk.run(&format!("SELECT change_resource('car', {change})"));
        assert_eq!(desk.text(row), after, "{change}");
        desk.prove_bookings();
    }
    let touched = "SELECT updated_at > created_at FROM resource";
    assert_eq!(desk.text(touched), "t");
    for (call, name) in [
        (
            "change_resource('bus', name => 'x')".to_owned(),
            "resource_not_found",
        ),
        (
            format!("change_resource('car', listing_id => '{}')", Uuid::new_v4()),
            "listing_not_found",
        ),
        (
            format!(
                "create_resource('TOUR', 'x', listing_id => '{}')",
                Uuid::new_v4()
            ),
            "listing_not_found",
        ),
        (
            format!("change_resource('car', listing_id => '{first}', without_listing => true)"),
            "bad_argument",
        ),
    ] {
        assert_eq!(desk.refusal(&format!("SELECT {call}")), name, "{call}");
    }
}

/// Key and tenant are fixed; what is booked stays by them.
#[test]
fn key_and_tenant_of_a_resource_are_fixed() {
    let mut desk = Desk::with("car", 3);
    for (set, column) in [
        ("id = 'bus'", "id"),
        ("tenant_id = gen_random_uuid()", "tenant_id"),
    ] {
        let error = desk.error(&format!("UPDATE resource SET {set}"), &[]);
        assert_eq!(
            (error.sqlstate.as_str(), error.detail_json),
            (
                "55000",
                Some(json!({"error": "key_fixed", "table": "resource", "column": column}))
            )
        );
    }
}

#[test]
fn limits_of_texts_are_those_of_the_table() {
    let mut desk = Desk::open();
    let dates = days("1");
    desk.run("SELECT create_resource('TOUR', repeat('n', 200), description => repeat('d', 10000), id => repeat('k', 200))");
    for (columns, values) in [
        ("id, name", "repeat('k', 201), 'x'"),
        ("id, name", "'', 'x'"),
        ("name", "repeat('n', 201)"),
        ("name", "''"),
        ("name, description", "'x', repeat('d', 10001)"),
    ] {
        let sql = format!("INSERT INTO resource (type, {columns}) VALUES ('TOUR', {values})");
        assert_eq!(desk.error(&sql, &[]).sqlstate, "23514", "{sql}");
    }
    let nobody = format!("SELECT hold_resource('x', '{dates}', 1)");
    assert_eq!(desk.refusal(&nobody), "resource_not_found");
}
