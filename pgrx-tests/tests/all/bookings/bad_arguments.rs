//! Arguments that cannot be: each is refused by name, and nothing is written.

use super::shop::Desk;
use serde_json::json;
use uuid::Uuid;

/// Calls, `$H` a live hold, `$A` an allocation, `$P` a package; and the argument that is bad.
const OF_RESOURCES: [(&str, &str); 26] = [
    ("create_resource(NULL, 'x')", "type"),
    ("create_resource('TOUR', NULL)", "name"),
    ("create_resource('TOUR', '')", "name"),
    ("create_resource('TOUR', repeat('n', 201))", "name"),
    ("create_resource('TOUR', 'x', NULL)", "timezone"),
    ("create_resource('TOUR', 'x', 'EST5')", "timezone"),
    (
        "create_resource('TOUR', 'x', description => repeat('d', 10001))",
        "description",
    ),
    ("create_resource('TOUR', 'x', id => '')", "id"),
    ("create_resource('TOUR', 'x', id => repeat('k', 201))", "id"),
    ("change_resource(NULL)", "resource_id"),
    ("change_resource('')", "resource_id"),
    ("change_resource('car', name => '')", "name"),
    ("change_resource('car', name => repeat('n', 201))", "name"),
    (
        "change_resource('car', description => repeat('d', 10001))",
        "description",
    ),
    ("change_resource('car', timezone => '')", "timezone"),
    ("retire_resource(NULL)", "resource_id"),
    ("retire_resource('car', NULL)", "cancel_holds"),
    ("resource_today(NULL)", "resource_id"),
    (
        "add_blackout(NULL, '2090-01-01', '2090-01-01')",
        "resource_id",
    ),
    ("add_blackout('car', NULL, '2090-01-01')", "start_date"),
    ("add_blackout('car', '2090-01-01', NULL)", "end_date"),
    (
        "add_blackout('car', '2090-01-02', '2090-01-01')",
        "end_date",
    ),
    (
        "add_blackout('car', '2090-01-01', '2100-01-09')",
        "end_date",
    ),
    (
        "add_blackout('car', '2090-01-01', '2090-01-01', repeat('r', 1001))",
        "reason",
    ),
    (
        "add_blackout('car', '2090-01-01', '2090-01-01', cancel_holds => NULL)",
        "cancel_holds",
    ),
    ("remove_blackout(NULL)", "blackout_id"),
];

const OF_HOLDS: [(&str, &str); 41] = [
    ("hold_resource(NULL, '{2090-01-01}', 1)", "resource_id"),
    ("hold_resource('', '{2090-01-01}', 1)", "resource_id"),
    ("hold_resource(repeat('k', 201), '{2090-01-01}', 1)", "resource_id"),
    ("hold_resource('car', NULL, 1)", "dates"),
    ("hold_resource('car', '{}', 1)", "dates"),
    ("hold_resource('car', '{NULL}', 1)", "dates"),
    ("hold_resource('car', '{2090-01-01,NULL}', 1)", "dates"),
    ("hold_resource('car', '{2090-01-01,2090-01-02,2090-01-01}', 1)", "dates"),
    ("hold_resource('car', '{infinity}', 1)", "dates"),
    ("hold_resource('car', '{2090-01-01,-infinity}', 1)", "dates"),
    ("hold_resource('car', '{10000-01-01}', 1)", "dates"),
    ("hold_resource('car', '{\"0044-03-15 BC\"}', 1)", "dates"),
    (
        "hold_resource('car', ARRAY(SELECT date '2090-01-01' + n FROM generate_series(1, 400) n), 1)",
        "dates",
    ),
    ("hold_resource('car', '{2090-01-01}', 0)", "quantity"),
    ("hold_resource('car', '{2090-01-01}', -1)", "quantity"),
    ("hold_resource('car', '{2090-01-01}', NULL)", "quantity"),
    ("hold_resource('car', '{2090-01-01}', 1, '')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, 'a@')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, 'abc')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, 'ab@')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, '@bc')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, repeat('a', 320) || '@')", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, 'a@' || repeat('b', 319))", "customer_email"),
    ("hold_resource('car', '{2090-01-01}', 1, idempotency_token => '')", "idempotency_token"),
    ("hold_resource('car', '{2090-01-01}', 1, idempotency_token => repeat('k', 201))", "idempotency_token"),
    ("hold_resource('car', '{2090-01-01}', 1, ttl => '0')", "ttl"),
    ("hold_resource('car', '{2090-01-01}', 1, ttl => '-1 s')", "ttl"),
    ("hold_resource('car', '{2090-01-01}', 1, ttl => '-1 month')", "ttl"),
    ("hold_resource('car', '{2090-01-01}', 1, ttl => '1000000 years')", "ttl"),
    ("hold_resource('car', '{2090-01-01}', 1, on_short => 'ask')", "on_short"),
    ("hold_resource('car', '{2090-01-01}', 1, on_short => NULL)", "on_short"),
    ("hold_resource_range(NULL, '[2090-01-01,2090-01-02]', 1)", "resource_id"),
    ("hold_resource_range('car', '[2090-01-01,2090-01-02]', 0)", "quantity"),
    ("hold_resource_range('car', '[2090-01-01,2090-01-02]', 1, 'no')", "customer_email"),
    ("hold_resource_range('car', '[2090-01-01,2090-01-02]', 1, on_short => '')", "on_short"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{}')", "dates"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01,2090-01-01}')", "dates"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01}', 'no')", "customer_email"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01}', NULL, '')", "idempotency_token"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01}', ttl => '0')", "ttl"),
    ("hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01}', on_short => 'x')", "on_short"),
];

const OF_BOOKINGS: [(&str, &str); 29] = [
    ("get_resource_hold(NULL)", "hold_id"),
    ("extend_resource_hold(NULL, '1 h')", "hold_id"),
    ("extend_resource_hold('$H', NULL)", "by"),
    ("release_resource_hold(NULL)", "hold_id"),
    ("release_package(NULL)", "package_id"),
    ("confirm_resource_hold(NULL, 'o', '1')", "hold_id"),
    ("confirm_resource_hold('$H', NULL, '1')", "order_id"),
    ("confirm_resource_hold('$H', '', '1')", "order_id"),
    (
        "confirm_resource_hold('$H', repeat('o', 201), '1')",
        "order_id",
    ),
    ("confirm_resource_hold('$H', 'o', NULL)", "line_item_id"),
    ("confirm_resource_hold('$H', 'o', '')", "line_item_id"),
    (
        "confirm_resource_hold('$H', 'o', repeat('i', 201))",
        "line_item_id",
    ),
    (
        "confirm_resource_hold('$H', 'o', '1', '')",
        "idempotency_key",
    ),
    (
        "confirm_resource_hold('$H', 'o', '1', repeat('k', 201))",
        "idempotency_key",
    ),
    ("confirm_package(NULL, 'o', '1')", "package_id"),
    ("confirm_package('$P', NULL, '1')", "order_id"),
    ("confirm_package('$P', '', '1')", "order_id"),
    ("confirm_package('$P', 'o', NULL)", "line_item_id"),
    (
        "confirm_package('$P', 'o', repeat('i', 200))",
        "line_item_id",
    ),
    ("confirm_package('$P', 'o', '1', '')", "idempotency_key"),
    ("cancel_resource_allocation(NULL)", "allocation_id"),
    (
        "move_resource_allocation(NULL, '{2090-01-01}')",
        "allocation_id",
    ),
    ("move_resource_allocation('$A', NULL)", "dates"),
    ("move_resource_allocation('$A', '{}')", "dates"),
    (
        "move_resource_allocation('$A', '{2090-01-01,NULL}')",
        "dates",
    ),
    (
        "move_resource_allocation('$A', '{2090-01-01}', 0)",
        "quantity",
    ),
    (
        "move_resource_allocation('$A', '{2090-01-01}', -1)",
        "quantity",
    ),
    (
        "move_resource_allocation('$A', '{2090-01-01}', on_short => NULL)",
        "on_short",
    ),
    (
        "move_resource_allocation('$A', '{2090-01-01}', idempotency_key => '')",
        "idempotency_key",
    ),
];

/// A desk with a hold, a booking and a package; and a call with their keys in it.
pub fn desk() -> (Desk, impl Fn(&str) -> String) {
    let mut desk = Desk::with("car", 9);
    let hold = desk.hold_days("car", "1", 1);
    let booking = desk.book_days("car", "2", 1, "1");
    let package: Uuid = desk.value(
        "SELECT package_id FROM hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-03}')",
        &[],
    );
    let fill_in = move |call: &str| {
        call.replace("$H", &hold.to_string())
            .replace("$A", &booking.to_string())
            .replace("$P", &package.to_string())
    };
    (desk, fill_in)
}

#[test]
fn each_bad_argument_is_named_and_nothing_is_written() {
    let (mut desk, fill_in) = desk();
    let before = desk.everything();
    let mut others = Vec::new();
    for (call, argument) in OF_RESOURCES.into_iter().chain(OF_HOLDS).chain(OF_BOOKINGS) {
        let call = fill_in(call);
        let error = desk.error(&format!("SELECT {call}"), &[]);
        let named = error.name() == "bad_argument" && error.field("argument") == argument;
        if !named || error.sqlstate != "22023" || error.hint.is_none() {
            others.push((call, error));
        }
    }
    assert_eq!(others, [], "these are not bad_argument of that name");
    assert_eq!(desk.everything(), before);
    desk.prove_bookings();
}

/// A line's key is judged with the line.
#[test]
fn a_key_of_a_line_is_judged_by_its_length() {
    let (mut desk, _) = desk();
    for key in [String::new(), "k".repeat(201)] {
        let lines = json!([{"resource_id": key, "dates": ["2090-01-01"]}]);
        let error = desk.error("SELECT hold_package($1)", &[&lines]);
        assert_eq!(
            (error.name().as_str(), error.field("argument")),
            ("bad_argument", json!("lines"))
        );
    }
    let lines = json!([{"resource_id": "k".repeat(200), "dates": ["2090-01-01"]}]);
    let error = desk.error("SELECT hold_package($1)", &[&lines]);
    assert_eq!(error.name(), "resource_not_found");
}
