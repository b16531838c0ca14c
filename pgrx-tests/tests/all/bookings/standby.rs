//! What only reads runs where nothing can be written: on a standby, and in a transaction that is read only.

use super::shop::Desk;
use crate::api::shop::{connect, Shop};
use postgres::{Client, NoTls};
use stockroom_tests::{expect_error, Cluster, Db};
use uuid::Uuid;

/// A desk with claims in every state: a live hold, a dead one, a booking and a package.
fn furnish(desk: &mut Desk) -> [Uuid; 4] {
    desk.vehicle("car", 3);
    let listing = desk.stocked(5);
    desk.backed("kayak", listing, 9);
    let hold = desk.hold_days("car", "1 2", 1);
    let booking = desk.book_days("car", "2", 1, "1");
    let dead = desk.expired_days("car", "3", 2);
    desk.hold_days("kayak", "1", 2);
    desk.expired_days("kayak", "2", 2);
    desk.run("SELECT add_blackout('car', '2090-01-06', '2090-01-06')");
    let package =
        "SELECT package_id FROM hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-04}')";
    let package = desk.value(package, &[]);
    [hold, dead, booking, package]
}

fn assert_reads_and_writes_nothing(client: &mut Client, [hold, dead, booking, package]: [Uuid; 4]) {
    for (sql, expected) in [
        (
            "SELECT string_agg(concat_ws(' ', available, reason), ', ' ORDER BY date)
               FROM check_availability('car', '2090-01-01', '2090-01-07', 3)".to_owned(),
            "2 insufficient_capacity, 1 insufficient_capacity, 3, 2 insufficient_capacity, 3, 3 blacked_out, 3",
        ),
        (
            "SELECT string_agg(format('%s/%s', available, capacity), ' ' ORDER BY date)
               FROM check_availability('kayak', '2090-01-01', '2090-01-03')".to_owned(),
            "3/5 5/5 5/5",
        ),
        (
            "SELECT string_agg(resource_id, ' ') FROM find_available('VEHICLE', '{2090-01-03,2090-01-05}', 3)".to_owned(),
            "car kayak",
        ),
        (format!("SELECT state FROM get_resource_hold('{hold}')"), "ACTIVE"),
        (format!("SELECT state FROM get_resource_hold('{dead}')"), "EXPIRED"),
        ("SELECT resource_today('car', '2026-06-01 12:00+00')::text".to_owned(), "2026-06-01"),
        ("SELECT count(*)::text FROM verify_bookings()".to_owned(), "0"),
        (
            "SELECT string_agg(available::text, ' ' ORDER BY date) FROM resource_calendar WHERE resource_id = 'car'".to_owned(),
            "2 1 3 2 3 3 3",
        ),
        ("SELECT count(*)::text FROM order_bookings".to_owned(), "1"),
        ("SELECT count(*)::text FROM resource_utilisation".to_owned(), "2"),
        ("SELECT count(*)::text FROM blackout_conflicts".to_owned(), "0"),
        // A refusal is decided by a read, so it is one here too.
        (
            "SELECT state FROM hold_resource('car', '{2090-01-02}', 2, on_short => 'answer')".to_owned(),
            "insufficient",
        ),
        (
            format!("SELECT state FROM move_resource_allocation('{booking}', '{{2090-01-06}}', on_short => 'answer')"),
            "blacked_out",
        ),
    ] {
        let row = client.query_one(&sql, &[]);
        let row = row.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(row.get::<_, &str>(0), expected, "{sql}");
    }
    for (call, name) in [
        (
            "hold_resource('car', '{2090-01-02}', 2)".to_owned(),
            "insufficient_capacity",
        ),
        (
            "hold_resource('car', '{2001-01-01}', 1)".to_owned(),
            "date_in_past",
        ),
        (format!("release_resource_hold('{dead}')"), "hold_expired"),
        (
            format!("confirm_resource_hold('{dead}', 'o', '9')"),
            "hold_expired",
        ),
        (
            format!("cancel_resource_allocation('{hold}')"),
            "resource_allocation_not_found",
        ),
    ] {
        let error = expect_error(client.query(&format!("SELECT {call}"), &[]));
        assert_eq!(error.name(), name, "{call}: {error:?}");
    }
    for call in [
        "create_resource('TOUR', 'x')".to_owned(),
        "change_resource('car', name => 'x')".to_owned(),
        "retire_resource('kayak', true)".to_owned(),
        "open_capacity('car', '2090-02-01', '2090-02-01', 1)".to_owned(),
        "set_capacity('car', '2090-01-01', '2090-01-01', 5)".to_owned(),
        "hold_resource('car', '{2090-01-01}', 1)".to_owned(),
        "hold_resource('car', '{2090-01-03}', 3, idempotency_token => 'k')".to_owned(),
        "hold_resource('kayak', '{2090-01-02}', 5)".to_owned(),
        "hold_package('[{\"resource_id\": \"car\"}]', '{2090-01-01}')".to_owned(),
        format!("extend_resource_hold('{hold}', '1 h')"),
        format!("confirm_resource_hold('{hold}', 'o', '9')"),
        format!("confirm_resource_hold('{hold}', 'o', '9', 'k')"),
        format!("confirm_package('{package}', 'o', '9')"),
        format!("release_resource_hold('{hold}')"),
        format!("release_package('{package}')"),
        format!("cancel_resource_allocation('{booking}')"),
        format!("move_resource_allocation('{booking}', '{{2090-01-05}}')"),
        "add_blackout('car', '2090-01-01', '2090-01-01')".to_owned(),
        "expire_holds()".to_owned(),
        "purge_resource_holds('0')".to_owned(),
        "repair_bookings()".to_owned(),
        "seed_bookings()".to_owned(),
    ] {
        let error = expect_error(client.query(&format!("SELECT {call}"), &[]));
        assert_eq!(error.sqlstate, "25006", "{call}: {error:?}");
    }
}

#[test]
fn a_standby_reads_refuses_to_claim_and_can_be_promoted() {
    let cluster = Cluster::options().fsync(false).start().unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    let mut desk = Desk::of(Shop { client, db });
    let standby = cluster.standby(Cluster::options()).unwrap();
    // Written after the backup: it comes by streaming.
    let keys = furnish(&mut desk);
    standby.catch_up_with(&cluster).unwrap();
    let mut config = standby.config();
    config.dbname(desk.db.name());
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute("SET search_path = stock").unwrap();
    assert_reads_and_writes_nothing(&mut client, keys);

    cluster.crash().unwrap();
    standby.promote().unwrap();
    let [hold, _, booking, package] = keys;
    for work in [
        "SELECT hold_resource('car', '{2090-01-03}', 3)".to_owned(),
        format!("SELECT confirm_resource_hold('{hold}', 'o', '9')"),
        format!("SELECT move_resource_allocation('{booking}', '{{2090-01-05}}')"),
        format!("SELECT release_package('{package}')"),
        "SELECT hold_resource('kayak', '{2090-01-02}', 5)".to_owned(),
        "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('car', '{2090-01-07}', 1)".to_owned(),
    ] {
        client
            .batch_execute(&work)
            .unwrap_or_else(|error| panic!("{work}: {error:?}"));
        let wrong = client.query("SELECT FROM verify_bookings()", &[]).unwrap();
        assert!(wrong.is_empty(), "{work}");
    }
    let left = "SELECT string_agg(available_capacity::text, ' ' ORDER BY date) FROM resource_capacity WHERE resource_id = 'car'";
    let left = client.query_one(left, &[]).unwrap();
    assert_eq!(left.get::<_, &str>(0), "2 2 0 3 2 3 2");
}

#[test]
fn a_transaction_that_is_read_only_reads_and_refuses_to_claim() {
    let mut desk = Desk::open();
    let keys = furnish(&mut desk);
    let before = desk.everything();
    desk.run("SET default_transaction_read_only = on");
    assert_reads_and_writes_nothing(&mut desk.client, keys);
    assert_eq!(desk.everything(), before);
    desk.run("SET default_transaction_read_only = off");
    desk.prove_bookings();
}
