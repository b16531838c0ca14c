//! Rights: nothing is granted to everybody, and what is granted suffices.

use super::shop::Desk;
use stockroom_tests::expect_error;

/// Nothing is granted to everybody.
#[test]
fn a_role_without_grants_can_do_nothing() {
    let desk = Desk::with("car", 3);
    let role = desk.db.role("nobody");
    desk.db
        .execute(&format!("GRANT USAGE ON SCHEMA stock TO {role}"));
    let mut nobody = desk.db.client_as(&role);
    for call in [
        "create_resource('TOUR', 'x')",
        "change_resource('car', name => 'x')",
        "retire_resource('car')",
        "resource_today('car')",
        "open_capacity('car', '2090-02-01', '2090-02-01', 1)",
        "set_capacity('car', '2090-01-01', '2090-01-01', 1)",
        "check_availability('car', '2090-01-01', '2090-01-01')",
        "find_available('VEHICLE', '{2090-01-01}')",
        "hold_resource('car', '{2090-01-01}', 1)",
        "hold_resource_range('car', '[2090-01-01,2090-01-02]', 1)",
        "hold_package('[]')",
        "get_resource_hold($1)",
        "extend_resource_hold($1, '1 h')",
        "confirm_resource_hold($1, 'o', '1')",
        "confirm_package($1, 'o', '1')",
        "release_resource_hold($1)",
        "release_package($1)",
        "cancel_resource_allocation($1)",
        "move_resource_allocation($1, '{2090-01-01}')",
        "add_blackout('car', '2090-01-01', '2090-01-01')",
        "remove_blackout($1)",
        "purge_resource_holds()",
        "verify_bookings()",
        "repair_bookings()",
        "seed_bookings()",
    ] {
        let call = call.replace("$1", "gen_random_uuid()");
        let error = expect_error(nobody.query(&format!("SELECT stock.{call}"), &[]));
        assert_eq!(error.sqlstate, "42501", "{call}");
    }
    for relation in [
        "resource_type",
        "resource",
        "resource_capacity",
        "resource_blackout",
        "resource_hold",
        "resource_allocation",
        "resource_calendar",
        "resource_utilisation",
        "order_bookings",
        "blackout_conflicts",
    ] {
        let error = expect_error(nobody.query(&format!("SELECT FROM stock.{relation}"), &[]));
        assert_eq!(error.sqlstate, "42501", "{relation}");
    }
}

/// A role with rights on the tables alone writes them: what is free follows without a grant.
#[test]
fn a_role_with_rights_on_tables_writes_them() {
    let mut desk = Desk::with("car", 3);
    let role = desk.db.role("writer");
    desk.db.execute(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON stock.resource_hold, stock.resource_allocation TO {role};
         GRANT EXECUTE ON FUNCTION stock.current_tenant() TO {role}"
    ));
    let mut writer = desk.db.client_as(&role);
    for sql in [
        "INSERT INTO stock.resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-01}', 1)",
        "INSERT INTO stock.resource_allocation (resource_id, order_id, line_item_id, dates, quantity) VALUES ('car', 'o', '1', '{2090-01-01,2090-01-02}', 2)",
        "UPDATE stock.resource_allocation SET dates = '{2090-01-02}'",
        "DELETE FROM stock.resource_hold",
    ] {
        writer.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    let over = "UPDATE stock.resource_allocation SET quantity = 4";
    assert_eq!(
        expect_error(writer.batch_execute(over)).name(),
        "insufficient_capacity"
    );
    let direct = "UPDATE stock.resource_capacity SET max_capacity = 9";
    assert_eq!(expect_error(writer.batch_execute(direct)).sqlstate, "42501");
    assert_eq!(desk.left("car"), "3 1 3 3 3 3 3");
    desk.prove_bookings();
}
