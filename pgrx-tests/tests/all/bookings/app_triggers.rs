//! Triggers of the app's own on the tables of bookings: what they write by themselves is counted, and what they change
//! of the engine's own rows is refused.

use super::shop::{days, Desk};

/// A car, and its cleaner.
fn desk() -> Desk {
    let mut desk = Desk::with("car", 3);
    desk.vehicle("cleaner", 2);
    desk
}

const EVENTS: [(&str, &str); 2] = [
    ("resource_hold", "SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 1)"),
    (
        "resource_allocation",
        "SELECT confirm_resource_hold(hold_id, 'o', '1') FROM hold_resource('car', '{2090-01-01,2090-01-02}', 1)",
    ),
];

/// Cleaning is booked with each claim of a car: by a function, or by plain SQL.
#[test]
fn what_a_trigger_books_is_counted() {
    for (table, claim) in EVENTS {
        for timing in ["BEFORE", "AFTER"] {
            for books in [
                "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
                 VALUES ('cleaner', 'cleaning', NEW.id::text, NEW.dates[2:2], 1)",
                "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('cleaner', NEW.dates[2:2], 1)",
                "PERFORM hold_resource('cleaner', NEW.dates[2:2], 1)",
            ] {
                let mut desk = desk();
                desk.run(&format!(
                    "CREATE FUNCTION clean() RETURNS trigger LANGUAGE plpgsql SET search_path = stock AS $$
                     BEGIN IF NEW.resource_id = 'car' THEN {books}; END IF; RETURN NEW; END $$;
                     CREATE TRIGGER z_clean {timing} INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION clean()"
                ));
                desk.run(claim);
                assert_eq!(desk.left("car"), "2 2 3 3 3 3 3", "{timing} {table}: {books}");
                assert_eq!(desk.left("cleaner"), "2 1 2 2 2 2 2", "{timing} {table}: {books}");
                desk.prove_bookings();
                // Where there is nobody to clean, no car is to be had.
                desk.hold_days("cleaner", "2", 1);
                let error = desk.refusal(&claim.replace("'1')", "'2')"));
                assert_eq!(error, "insufficient_capacity", "{timing} {table}: {books}");
                assert_eq!(desk.left("car"), "2 2 3 3 3 3 3");
                desk.prove_bookings();
            }
        }
    }
}

/// Even of the date that is being claimed.
#[test]
fn what_a_trigger_books_of_the_same_date_is_counted() {
    for timing in ["BEFORE", "AFTER"] {
        let mut desk = desk();
        desk.run(&format!(
            "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql SET search_path = stock AS $$
             BEGIN
                 IF NEW.quantity = 1 THEN
                     INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
                     VALUES (NEW.resource_id, 'more', NEW.id::text, NEW.dates, 1);
                 END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER z_more {timing} INSERT ON resource_hold FOR EACH ROW EXECUTE FUNCTION more()"
        ));
        desk.hold_days("car", "1 2", 1);
        assert_eq!(desk.left("car"), "1 1 3 3 3 3 3", "{timing}");
        desk.prove_bookings();
        let error = desk.refusal(&format!("SELECT hold_resource('car', '{}', 1)", days("1")));
        assert_eq!(error, "insufficient_capacity");
        assert_eq!(desk.left("car"), "1 1 3 3 3 3 3", "{timing}");
        desk.prove_bookings();
    }
}

#[test]
fn a_hold_that_a_trigger_changes_or_swallows_is_refused() {
    for body in [
        "NEW.quantity = 2; RETURN NEW",
        "NEW.dates = NEW.dates[1:1]; RETURN NEW",
        "NEW.status = 'RELEASED'; RETURN NEW",
        "NEW.resource_id = 'cleaner'; RETURN NEW",
        "NEW.tenant_id = gen_random_uuid(); RETURN NEW",
        "RETURN NULL",
    ] {
        let mut desk = desk();
        desk.run(&format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
             CREATE TRIGGER z_meddle BEFORE INSERT ON resource_hold FOR EACH ROW EXECUTE FUNCTION meddle()"
        ));
        for rest in ["", ", idempotency_token => 'k'"] {
            let call = format!("SELECT hold_resource('car', '{}', 1{rest})", days("1 2"));
            assert_eq!(desk.refusal(&call), "write_interfered", "{body}{rest}");
        }
        assert_eq!(desk.text("SELECT count(*) FROM resource_hold"), "0");
        desk.prove_bookings();
    }
}

#[test]
fn an_end_that_a_trigger_changes_or_swallows_is_refused() {
    for (table, body) in [
        ("resource_hold", "NEW.status = 'ACTIVE'; RETURN NEW"),
        ("resource_hold", "RETURN NULL"),
        ("resource_capacity", "RETURN NULL"),
    ] {
        let mut desk = desk();
        let hold = desk.hold_days("car", "1", 1);
        desk.run(&format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
             CREATE TRIGGER z_meddle BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"
        ));
        let before = desk.everything();
        let call = format!("SELECT release_resource_hold('{hold}')");
        assert_eq!(desk.refusal(&call), "write_interfered", "{table}: {body}");
        assert_eq!(desk.everything(), before);
        desk.prove_bookings();
    }
}

/// Each new date is held for maintenance at once, say: by a trigger on the dates themselves.
#[test]
fn what_a_trigger_books_of_a_new_date_is_counted_once() {
    for (each, books) in [
        ("ROW", "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES (NEW.resource_id, ARRAY[NEW.date], 1)"),
        ("ROW", "PERFORM hold_resource(NEW.resource_id, ARRAY[NEW.date], 1)"),
        (
            "STATEMENT",
            "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('bus', '{2090-01-01,2090-01-02}', 1)",
        ),
    ] {
        // Before our own triggers, and after them.
        for name in ["a_maintain", "z_maintain"] {
            let mut desk = Desk::open();
            desk.run(&format!(
                "CREATE FUNCTION maintain() RETURNS trigger LANGUAGE plpgsql SET search_path = stock AS $$
                 BEGIN {books}; RETURN NULL; END $$;
                 CREATE TRIGGER {name} AFTER INSERT ON resource_capacity FOR EACH {each} EXECUTE FUNCTION maintain();
                 SELECT create_resource('VEHICLE', 'Bus', id => 'bus');
                 SELECT open_capacity('bus', '2090-01-01', '2090-01-02', 3)"
            ));
            assert_eq!(desk.left("bus"), "2 2", "{name}, each {each}: {books}");
            desk.prove_bookings();
        }
    }
}
