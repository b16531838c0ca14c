//! The views: what people see of calendars, utilisation and orders.

use super::shop::{days, Desk};
use uuid::Uuid;

const CALENDAR: &str =
    "SELECT to_char(date, 'MM-DD'), capacity, held, booked, available, blackouts, is_past, is_open
                          FROM resource_calendar ORDER BY resource_id, date";

#[test]
fn a_calendar_shows_what_each_date_has() {
    let mut desk = Desk::with("car", 5);
    desk.hold_days("car", "1 2", 1);
    desk.run("SELECT hold_resource('car', '{2090-01-02}', 1, ttl => NULL)");
    desk.book_days("car", "2 3", 2, "1");
    desk.expired_days("car", "2 4", 1);
    let released = desk.hold_days("car", "5", 1);
    desk.rows("SELECT release_resource_hold($1)", &[&released]);
    desk.run(
        "SELECT add_blackout('car', '2090-01-06', '2090-01-09', 'service');
         SELECT add_blackout('car', '2090-01-05', '2090-01-06');
         SELECT open_capacity('car', '2001-01-01', '2001-01-01', 4)",
    );
    desk.book_by_dml("car", "{2001-01-01}", 3);
    let rows = [
        "01-01|4|0|3|1|NULL|t|f",
        "01-01|5|1|0|4|NULL|f|t",
        "01-02|5|2|2|1|NULL|f|t",
        "01-03|5|0|2|3|NULL|f|t",
        "01-04|5|0|0|5|NULL|f|t",
        "01-05|5|0|0|5|{\"\"}|f|f",
        "01-06|5|0|0|5|{\"\",service}|f|f",
        "01-07|5|0|0|5|{service}|f|f",
    ];
    assert_eq!(desk.texts(CALENDAR), rows);
    // Swept or not.
    assert_eq!(desk.units("expire_holds()"), 1);
    assert_eq!(desk.texts(CALENDAR), rows);
    let whose = "SELECT DISTINCT tenant_id, resource_id, type, name FROM resource_calendar";
    assert_eq!(
        desk.text(whose),
        format!("{}|car|VEHICLE|A vehicle", Uuid::nil())
    );
}

#[test]
fn a_resource_that_is_switched_off_is_not_open() {
    let mut desk = Desk::with("car", 5);
    let open = "SELECT count(*) FILTER (WHERE is_open), count(*) FILTER (WHERE blackouts IS NULL) FROM resource_calendar";
    assert_eq!(desk.text(open), "7|7");
    for change in [
        "change_resource('car', is_active => false)",
        "retire_resource('car')",
        "change_resource('car', is_active => true)",
    ] {
        desk.run(&format!("SELECT {change}"));
        assert_eq!(desk.text(open), "0|7", "{change}");
    }
}

/// What a calendar shows is what check_availability answers, in every state that a date can have.
#[test]
fn a_calendar_agrees_with_check_availability() {
    let mut desk = Desk::with("car", 5);
    let listing = desk.limited(8, 1, 0);
    desk.backed("kayak", listing, 9);
    desk.backed("canoe", listing, 3);
    for key in ["car", "kayak", "canoe"] {
        desk.hold_days(key, "1 2", 1);
        desk.book_days(key, "2", 1, key);
        desk.expired_days(key, "2 3", 1);
        desk.run(&format!(
            "SELECT add_blackout('{key}', '2090-01-05', '2090-01-05')"
        ));
    }
    desk.expired_days("kayak", "4", 3);
    let differ = "SELECT c.resource_id, c.date, c.capacity, a.capacity, c.available, a.available, c.is_open, a.reason
                    FROM resource_calendar c
                    JOIN LATERAL check_availability(c.resource_id, c.date, c.date) a ON true
                   WHERE (c.capacity, c.available) <> (a.capacity, a.available)
                      OR c.is_open <> (coalesce(a.reason, 'insufficient_capacity') = 'insufficient_capacity')";
    let shown = "SELECT count(*) FROM resource_calendar";
    for work in [
        "SELECT 1".to_owned(),
        "SELECT expire_holds()".to_owned(),
        format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 1)"),
        format!("SELECT hold_stock('{listing}', 1)"),
        "SELECT change_resource('kayak', is_active => false)".to_owned(),
        "UPDATE stock_listings SET safety_stock = 9".to_owned(),
    ] {
        desk.run(&work);
        assert_eq!(desk.text(shown), "21");
        assert_eq!(desk.texts(differ), [""; 0], "{work}");
    }
    desk.prove_bookings();
}

#[test]
fn a_listing_behind_shows_in_the_calendar() {
    let mut desk = Desk::open();
    let listing = desk.limited(6, 1, 0);
    desk.backed("kayak", listing, 9);
    desk.backed("canoe", listing, 3);
    desk.hold_days("kayak", "1", 2);
    desk.book_days("canoe", "1 2", 1, "1");
    desk.expired_days("canoe", "2", 1);
    let rows = "SELECT resource_id, to_char(date, 'MM-DD'), capacity, held, booked, available
                  FROM resource_calendar WHERE date < '2090-01-04' ORDER BY 1, 2";
    assert_eq!(
        desk.texts(rows),
        [
            "canoe|01-01|3|0|1|2",
            "canoe|01-02|3|0|1|2",
            "canoe|01-03|3|0|0|3",
            "kayak|01-01|5|2|0|2",
            "kayak|01-02|5|0|0|4",
            "kayak|01-03|5|0|0|5",
        ]
    );
    // Where less is left than booked, nothing is.
    desk.run("UPDATE stock_listings SET safety_stock = 5");
    assert_eq!(
        desk.texts(rows)[..4],
        [
            "canoe|01-01|1|0|1|0",
            "canoe|01-02|1|0|1|0",
            "canoe|01-03|1|0|0|1",
            "kayak|01-01|1|2|0|0"
        ]
    );
}

#[test]
fn utilisation_is_told_by_month() {
    let mut desk = Desk::with("car", 4);
    desk.run(
        "SELECT open_capacity('car', '2090-02-27', '2090-03-01', 2);
         SELECT set_capacity('car', '2090-03-01', '2090-03-01', 0)",
    );
    desk.vehicle("bus", 1);
    desk.book_days("car", "1 2", 3, "1");
    desk.hold_days("car", "2 3 4", 1);
    desk.expired_days("car", "5", 4);
    desk.run("SELECT hold_resource('car', '{2090-02-28}', 1)");
    let rows =
        "SELECT resource_id, type, name, month, dates, capacity, booked, held, booked_percent
                  FROM resource_utilisation ORDER BY 1, 4";
    assert_eq!(
        desk.texts(rows),
        [
            "bus|VEHICLE|A vehicle|2090-01-01|7|7|0|0|0.0",
            "car|VEHICLE|A vehicle|2090-01-01|7|28|6|3|21.4",
            "car|VEHICLE|A vehicle|2090-02-01|2|4|0|1|0.0",
            "car|VEHICLE|A vehicle|2090-03-01|1|0|0|0|NULL",
        ]
    );
}

#[test]
fn bookings_of_orders_have_names_and_customers() {
    let mut desk = Desk::with("car", 4);
    let hold: Uuid = desk.value(
        "SELECT hold_id FROM hold_resource('car', '{2090-01-05,2090-01-02}', 2, 'ann@example.org')",
        &[],
    );
    let first = desk.key(&format!("confirm_resource_hold('{hold}', 'order-1', '1')"));
    let written = desk.book_by_dml("car", &days("7"), 1);
    let rows = "SELECT order_id, allocation_id, resource_id, type, name, dates, first_date, last_date, date_count, quantity,
                       hold_id, customer_email FROM order_bookings ORDER BY order_id DESC";
    let of = |customer: &str| {
        [
            format!("order-1|{first}|car|VEHICLE|A vehicle|{{2090-01-02,2090-01-05}}|2090-01-02|2090-01-05|2|2|{hold}|{customer}"),
            format!("dml|{written}|car|VEHICLE|A vehicle|{{2090-01-07}}|2090-01-07|2090-01-07|1|1|NULL|NULL"),
        ]
    };
    assert_eq!(desk.texts(rows), of("ann@example.org"));
    let same = "SELECT count(*) FROM order_bookings o JOIN resource_allocation a
                  ON (a.id, a.tenant_id, a.line_item_id, a.created_at) = (o.allocation_id, o.tenant_id, o.line_item_id, o.created_at)";
    assert_eq!(desk.text(same), "2");
    desk.run("SELECT pg_sleep(0.002); SELECT purge_resource_holds('0')");
    assert_eq!(desk.texts(rows), of("NULL"));
    desk.run("SELECT cancel_resource_allocation(allocation_id) FROM order_bookings");
    assert_eq!(desk.texts(rows), [""; 0]);
}
