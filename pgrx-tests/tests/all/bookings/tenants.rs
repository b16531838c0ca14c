//! Tenants in one database: nothing of another's bookings is seen, claimed, moved, closed or swept.

use super::shop::{days, Desk};
use postgres::Client;
use serde_json::json;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

const ANNE: Uuid = Uuid::from_u128(0xaaaaaaaa_0000_0000_0000_000000000000);
const BERT: Uuid = Uuid::from_u128(0xbbbbbbbb_0000_0000_0000_000000000000);

fn become_tenant(desk: &mut Desk, tenant: Uuid) {
    desk.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
}

/// Bert calls every function with Anne's keys: it is as if they did not exist.
#[test]
fn another_tenants_bookings_are_invisible_to_every_function() {
    let mut desk = Desk::open();
    become_tenant(&mut desk, ANNE);
    desk.vehicle("anne", 9);
    let hold = desk.hold_days("anne", "1", 1);
    let dead = desk.expired_days("anne", "3", 1);
    let booking = desk.book_days("anne", "2", 1, "1");
    let blackout: Uuid = desk.value(
        "SELECT id FROM add_blackout('anne', '2090-01-07', '2090-01-07')",
        &[],
    );
    let package: Uuid = desk.value(
        "SELECT package_id FROM hold_package('[{\"resource_id\": \"anne\"}]', '{2090-01-04}')",
        &[],
    );
    let listing = desk.stocked(3);
    desk.run("INSERT INTO resource_type (name) VALUES ('BOAT')");
    let before = desk.everything();

    become_tenant(&mut desk, BERT);
    for (call, error) in [
        ("change_resource('anne', name => 'x')", "resource_not_found"),
        (
            "change_resource('anne', is_active => false)",
            "resource_not_found",
        ),
        ("retire_resource('anne', true)", "resource_not_found"),
        ("resource_today('anne')", "resource_not_found"),
        (
            "open_capacity('anne', '2090-02-01', '2090-02-01', 1)",
            "resource_not_found",
        ),
        (
            "set_capacity('anne', '2090-01-05', '2090-01-05', 1)",
            "resource_not_found",
        ),
        (
            "check_availability('anne', '2090-01-01', '2090-01-01')",
            "resource_not_found",
        ),
        (
            "hold_resource('anne', '{2090-01-01}', 1)",
            "resource_not_found",
        ),
        (
            "hold_resource_range('anne', '[2090-01-01,2090-01-02]', 1)",
            "resource_not_found",
        ),
        (
            "hold_package('[{\"resource_id\": \"anne\"}]', '{2090-01-01}')",
            "resource_not_found",
        ),
        (
            "add_blackout('anne', '2090-01-01', '2090-01-01', cancel_holds => true)",
            "resource_not_found",
        ),
        ("get_resource_hold('$H')", "hold_not_found"),
        ("extend_resource_hold('$H', '1 h')", "hold_not_found"),
        ("confirm_resource_hold('$H', 'o', '9')", "hold_not_found"),
        (
            "confirm_resource_hold('$H', 'o', '9', 'k')",
            "hold_not_found",
        ),
        ("release_resource_hold('$H')", "hold_not_found"),
        ("release_resource_hold('$D')", "hold_not_found"),
        ("confirm_package('$P', 'o', '9')", "package_not_found"),
        ("release_package('$P')", "package_not_found"),
        (
            "cancel_resource_allocation('$A')",
            "resource_allocation_not_found",
        ),
        (
            "move_resource_allocation('$A', '{2090-01-05}')",
            "resource_allocation_not_found",
        ),
        ("remove_blackout('$B')", "blackout_not_found"),
        ("create_resource('BOAT', 'x')", "resource_type_not_found"),
        (
            "create_resource('TOUR', 'x', listing_id => '$L')",
            "listing_not_found",
        ),
        // Keys are unique in the database.
        (
            "create_resource('TOUR', 'x', id => 'anne')",
            "resource_exists",
        ),
    ] {
        let call = call
            .replace("$H", &hold.to_string())
            .replace("$D", &dead.to_string())
            .replace("$P", &package.to_string())
            .replace("$A", &booking.to_string())
            .replace("$B", &blackout.to_string())
            .replace("$L", &listing.to_string());
        assert_eq!(desk.refusal(&format!("SELECT {call}")), error, "{call}");
    }
    assert_eq!(
        desk.texts("SELECT resource_id FROM find_available('VEHICLE', '{2090-01-05}')"),
        [""; 0]
    );
    assert_eq!(desk.units("expire_holds()"), 0);
    assert_eq!(desk.units("purge_resource_holds('0')"), 0);
    assert_eq!(desk.units("repair_bookings()"), 0);
    for sql in [
        "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('anne', '{2090-01-01}', 1)",
        "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity) VALUES ('anne', 'o', '9', '{2090-01-01}', 1)",
        "INSERT INTO resource_capacity (resource_id, date, max_capacity) VALUES ('anne', '2090-02-01', 1)",
        "INSERT INTO resource_blackout (resource_id, start_date, end_date) VALUES ('anne', '2090-01-01', '2090-01-01')",
    ] {
        assert_eq!(desk.refusal(sql), "resource_not_found", "{sql}");
    }
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
    become_tenant(&mut desk, ANNE);
    desk.prove_bookings();
}

#[test]
fn tokens_keys_orders_and_types_are_each_tenants_own() {
    let mut desk = Desk::open();
    let mut holds = Vec::new();
    for (tenant, key, units) in [
        (ANNE, "anne", 1),
        (BERT, "bert", 2),
        (Uuid::nil(), "nobody", 3),
    ] {
        become_tenant(&mut desk, tenant);
        desk.run("INSERT INTO resource_type (name) VALUES ('BOAT')");
        desk.vehicle(key, 9);
        for replayed in ["f", "t"] {
            let call = format!(
                "hold_resource('{key}', '{}', {units}, idempotency_token => 'k')",
                days("1")
            );
            assert_eq!(desk.text(&format!("SELECT replayed FROM {call}")), replayed);
            let package = format!(
                r#"hold_package('[{{"resource_id": "{key}"}}]', '{}', idempotency_token => 'k')"#,
                days("2")
            );
            assert_eq!(
                desk.text(&format!("SELECT replayed FROM {package}")),
                replayed
            );
        }
        let hold: Uuid = desk.value(
            "SELECT id FROM resource_hold WHERE idempotency_token = 'k' AND tenant_id = $1",
            &[&tenant],
        );
        let confirm = format!("confirm_resource_hold('{hold}', 'order', 'line', 'k')");
        let booking = desk.key(&confirm);
        assert_eq!(desk.key(&confirm), booking);
        holds.push((tenant, key, booking));
    }
    for (tenant, key, booking) in holds {
        become_tenant(&mut desk, tenant);
        let whose = format!(
            "SELECT tenant_id, resource_id FROM resource_allocation WHERE id = '{booking}'"
        );
        assert_eq!(desk.text(&whose), format!("{tenant}|{key}"));
        desk.prove_bookings();
    }
    // Anne's type goes when Anne does not use it, whoever else does.
    become_tenant(&mut desk, BERT);
    desk.run("SELECT create_resource('BOAT', 'Dory')");
    desk.run(&format!(
        "DELETE FROM resource_type WHERE name = 'BOAT' AND tenant_id = '{ANNE}'"
    ));
    let in_use = format!("DELETE FROM resource_type WHERE name = 'BOAT' AND tenant_id = '{BERT}'");
    assert_eq!(desk.refusal(&in_use), "resource_type_in_use");
}

/// Anne sweeps, purges and repairs her own; what is of Bert stays.
#[test]
fn a_sweep_and_a_repair_are_of_one_tenant() {
    let mut desk = Desk::open();
    let mut dead = Vec::new();
    for (tenant, key) in [(ANNE, "anne"), (BERT, "bert")] {
        become_tenant(&mut desk, tenant);
        desk.vehicle(key, 3);
        dead.push(desk.expired_days(key, "1", 2));
    }
    become_tenant(&mut desk, ANNE);
    assert_eq!(desk.units("expire_holds()"), 1);
    assert_eq!(
        [dead[0], dead[1]].map(|hold| desk.row_status(hold)),
        ["EXPIRED", "ACTIVE"]
    );
    desk.run("SELECT pg_sleep(0.002)");
    become_tenant(&mut desk, BERT);
    assert_eq!(desk.units("purge_resource_holds('0')"), 0);
    become_tenant(&mut desk, ANNE);
    assert_eq!(desk.units("purge_resource_holds('0')"), 1);
    desk.unseen("UPDATE resource_capacity SET available_capacity = 0 WHERE date = '2090-01-05'");
    assert_eq!(
        desk.problems(),
        ["date|anne on 2090-01-05|available_capacity|0|3"]
    );
    assert_eq!(desk.units("repair_bookings()"), 1);
    desk.prove_bookings();
    become_tenant(&mut desk, BERT);
    assert_eq!(
        desk.problems(),
        ["date|bert on 2090-01-05|available_capacity|0|3"]
    );
    assert_eq!(desk.units("repair_bookings()"), 1);
    desk.prove_bookings();
}

/// A role whose tenant an admin has set, and that may call functions and nothing more.
fn clerk(db: &Db, tenant: Uuid) -> Client {
    let role = db.role("clerk");
    db.execute(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA stock TO {role};
         ALTER ROLE {role} SET stockroom.tenant_id = '{tenant}'; ALTER ROLE {role} SET search_path = stock"
    ));
    db.client_as(&role)
}

/// The functions are all that it needs: it cannot even read the tables.
#[test]
fn a_plain_role_books_for_its_tenant_without_rights_on_tables() {
    let mut desk = Desk::open();
    let (mut anne, mut bert) = (clerk(&desk.db, ANNE), clerk(&desk.db, BERT));
    for call in [
        "create_resource('VEHICLE', 'Car', id => 'car', metadata => '{}')",
        "open_capacity('car', '2090-01-01', '2090-01-31', 3)",
        "set_capacity('car', '2090-01-01', '2090-01-01', 4)",
        "change_resource('car', name => 'Ute')",
        "resource_today('car')",
        "check_availability('car', '2090-01-01', '2090-01-02')",
        "find_available('VEHICLE', '{2090-01-01}')",
        "add_blackout('car', '2090-01-30', '2090-01-31')",
        "hold_resource_range('car', '[2090-01-05,2090-01-06]', 1)",
    ] {
        let sql = format!("SELECT {call}");
        anne.query(&sql, &[])
            .unwrap_or_else(|error| panic!("{call}: {error:?}"));
    }
    let hold =
        "SELECT hold_id FROM hold_resource('car', '{2090-01-01}', 2, 'a@b', 'k', metadata => '{}')";
    let hold: Uuid = anne.query_one(hold, &[]).unwrap().get(0);
    let state = "SELECT state FROM get_resource_hold($1)";
    assert_eq!(
        anne.query_one(state, &[&hold]).unwrap().get::<_, &str>(0),
        "ACTIVE"
    );
    assert_eq!(
        expect_error(bert.query(state, &[&hold])).name(),
        "hold_not_found"
    );
    anne.query("SELECT extend_resource_hold($1, '1 h')", &[&hold])
        .unwrap();
    let booking: Uuid = anne
        .query_one("SELECT confirm_resource_hold($1, 'o', '1', 'k')", &[&hold])
        .unwrap()
        .get(0);
    anne.query(
        "SELECT move_resource_allocation($1, '{2090-01-02}')",
        &[&booking],
    )
    .unwrap();
    anne.query("SELECT cancel_resource_allocation($1)", &[&booking])
        .unwrap();
    let lines = json!([{"resource_id": "car"}]);
    let package = "SELECT package_id FROM hold_package($1, '{2090-01-03}', NULL, 'k')";
    let package: Uuid = anne.query_one(package, &[&lines]).unwrap().get(0);
    anne.query("SELECT release_package($1)", &[&package])
        .unwrap();
    anne.query(
        "SELECT expire_holds(), purge_resource_holds(), seed_bookings()",
        &[],
    )
    .unwrap();
    for table in [
        "resource",
        "resource_hold",
        "resource_calendar",
        "order_bookings",
    ] {
        let sql = format!("SELECT FROM {table}");
        assert_eq!(
            expect_error(anne.query(&sql, &[])).sqlstate,
            "42501",
            "{table}"
        );
    }
    become_tenant(&mut desk, ANNE);
    desk.prove_bookings();
}
