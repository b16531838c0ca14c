//! Types of resources, and their time zones.

use super::shop::Desk;
use serde_json::json;
use uuid::Uuid;

#[test]
fn three_types_are_preset() {
    let mut desk = Desk::open();
    let types = desk.texts("SELECT name, tenant_id, is_preset FROM resource_type ORDER BY name");
    let nil = Uuid::nil();
    assert_eq!(
        types,
        ["GUIDE", "TOUR", "VEHICLE"].map(|name| format!("{name}|{nil}|t"))
    );
}

#[test]
fn a_type_of_ones_own_is_used_like_a_preset() {
    let mut desk = Desk::open();
    let error = desk.error("SELECT create_resource('BOAT', 'Dory')", &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "P0002",
            Some(json!({"error": "resource_type_not_found", "type": "BOAT"}))
        )
    );
    desk.run(
        "INSERT INTO resource_type (name) VALUES ('BOAT');
         SELECT create_resource('BOAT', 'Dory', id => 'dory');
         SELECT open_capacity('dory', '2090-01-01', '2090-01-01', 2)",
    );
    let found = desk.texts("SELECT * FROM find_available('BOAT', '{2090-01-01}')");
    assert_eq!(found, ["dory|Dory|2"]);
    let wrong = "UPDATE resource SET type = 'SHIP'";
    assert_eq!(desk.refusal(wrong), "resource_type_not_found");
    // While it is used, it stays; then it goes.
    let error = desk.error("DELETE FROM resource_type WHERE name = 'BOAT'", &[]);
    assert_eq!(
        (error.sqlstate.as_str(), error.detail_json),
        (
            "55000",
            Some(json!({"error": "resource_type_in_use", "type": "BOAT"}))
        )
    );
    let error = desk.error(
        "UPDATE resource_type SET name = 'SHIP' WHERE name = 'BOAT'",
        &[],
    );
    assert_eq!(
        (error.name().as_str(), error.field("column")),
        ("key_fixed", json!("name"))
    );
    desk.run(
        "UPDATE resource SET type = 'VEHICLE';
         DELETE FROM resource_type WHERE name = 'BOAT'",
    );
    assert_eq!(
        desk.texts("SELECT resource_id FROM find_available('VEHICLE', '{2090-01-01}')"),
        ["dory"]
    );
    desk.prove_bookings();
}

#[test]
fn presets_are_fixed() {
    let mut desk = Desk::open();
    let before = desk.everything();
    for sql in [
        "DELETE FROM resource_type WHERE name = 'TOUR'",
        "DELETE FROM resource_type",
        "UPDATE resource_type SET created_at = now() WHERE name = 'TOUR'",
        "UPDATE resource_type SET is_preset = false",
        "INSERT INTO resource_type (name, is_preset) VALUES ('BOAT', true)",
        "TRUNCATE resource_type",
    ] {
        let error = desk.error(sql, &[]);
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("42501", "preset_fixed"),
            "{sql}"
        );
    }
    assert_eq!(desk.everything(), before);
}

/// Whoever reads it has to do with types: it does not speak of locations.
#[test]
fn the_refusal_of_a_preset_type_speaks_of_types() {
    let mut desk = Desk::open();
    for sql in [
        "DELETE FROM resource_type WHERE name = 'TOUR'",
        "TRUNCATE resource_type",
    ] {
        let error = desk.error(sql, &[]);
        let said = format!("{} {}", error.message, error.hint.unwrap_or_default());
        assert!(!said.contains("location"), "{sql}: {said}");
    }
}

#[test]
fn a_types_name_has_a_length() {
    let mut desk = Desk::open();
    desk.run("INSERT INTO resource_type (name) VALUES (repeat('t', 100))");
    for name in ["''", "repeat('t', 101)"] {
        let sql = format!("INSERT INTO resource_type (name) VALUES ({name})");
        assert_eq!(desk.error(&sql, &[]).sqlstate, "23514", "{name}");
    }
    let sql = "INSERT INTO resource_type (name) VALUES (repeat('t', 100))";
    assert_eq!(desk.error(sql, &[]).sqlstate, "23505");
}

/// By either door, and as the server's list spells it.
#[test]
fn a_time_zone_is_kept_as_the_server_spells_it() {
    let mut desk = Desk::open();
    for (given, kept) in [
        ("australia/BRISBANE", "Australia/Brisbane"),
        ("America/New_York", "America/New_York"),
        (
            "AMERICA/ARGENTINA/buenos_aires",
            "America/Argentina/Buenos_Aires",
        ),
        ("utc", "UTC"),
        ("asia/kathmandu", "Asia/Kathmandu"),
    ] {
        let key: String = desk.value("SELECT create_resource('TOUR', 'x', $1)", &[&given]);
        let zone = "SELECT timezone FROM resource WHERE id = $1";
        assert_eq!(desk.value::<String>(zone, &[&key]), kept);
        desk.rows(
            "UPDATE resource SET timezone = 'UTC' WHERE id = $1",
            &[&key],
        );
        desk.rows(
            "UPDATE resource SET timezone = $2 WHERE id = $1",
            &[&key, &given],
        );
        assert_eq!(desk.value::<String>(zone, &[&key]), kept);
        desk.rows("SELECT change_resource($1, timezone => 'UTC')", &[&key]);
        desk.rows(
            "SELECT change_resource($1, timezone => $2)",
            &[&key, &given],
        );
        assert_eq!(desk.value::<String>(zone, &[&key]), kept);
    }
}

/// PostgreSQL would take these, but they have no history, or a sign that surprises.
#[test]
fn only_names_of_the_servers_list_are_time_zones() {
    let mut desk = Desk::with("car", 1);
    for zone in [
        "EST5",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+10>-10",
        "UTC+10",
        "+10:00",
        "AEST",
        "Mars/Olympus",
        "",
        " UTC",
        "America/New York",
    ] {
        for sql in [
            format!("SELECT create_resource('TOUR', 'x', '{zone}')"),
            format!("SELECT change_resource('car', timezone => '{zone}')"),
            format!("INSERT INTO resource (type, name, timezone) VALUES ('TOUR', 'x', '{zone}')"),
            format!("UPDATE resource SET timezone = '{zone}'"),
        ] {
            let error = desk.error(&sql, &[]);
            assert_eq!(
                (
                    error.sqlstate.as_str(),
                    error.name().as_str(),
                    error.field("argument")
                ),
                ("22023", "bad_argument", json!("timezone")),
                "{sql}"
            );
        }
    }
    assert_eq!(desk.text("SELECT timezone FROM resource"), "UTC");
}
