//! Below SQL and by statements: the same calls have the same answers, errors, rows and numbers.

use super::shop::Desk;
use crate::api::shop::connect;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stockroom_tests::ErrorInfo;

/// Direct access goes by the names of indexes: without them the engine's statements run.
const RENAMED: [&str; 5] = [
    "resource_pkey",
    "resource_capacity_resource_id_date_key",
    "resource_hold_pkey",
    "resource_hold_token_idx",
    "resource_hold_live_idx",
];

fn rename(desk: &mut Desk, from: &str, to: &str) {
    for index in RENAMED {
        desk.run(&format!("ALTER INDEX {index}{from} RENAME TO {index}{to}"));
    }
    // A session that has looked them up goes on as before.
    desk.client = connect(&desk.db);
}

/// The tables that a hold writes by statements: seen from outside, by the plans that the server tells of.
fn by_statement(desk: &Desk) -> Vec<&'static str> {
    let (mut client, notices) = desk.db.client_with_notices();
    client
        .batch_execute(
            "SET search_path = stock; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
             SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice;
             BEGIN; SELECT hold_resource('car', '{2090-01-01,2090-01-02}', 1, NULL, 'watched'); ROLLBACK",
        )
        .unwrap();
    let notices = notices.lock().unwrap();
    assert!(notices.iter().any(|(_, plan)| plan.contains("'watched'")));
    let mut tables = vec![
        "INSERT INTO stock.resource_hold",
        "UPDATE stock.resource_capacity",
    ];
    tables.retain(|verb| notices.iter().any(|(_, plan)| plan.contains(verb)));
    tables
}

/// Fails when the way below SQL is closed where nothing was added: all else would go on, slower.
#[test]
fn a_hold_of_a_fresh_extension_runs_no_statement() {
    let mut desk = furnished();
    assert_eq!(by_statement(&desk), [""; 0]);
    // And the sign itself: statements are seen where they run.
    rename(&mut desk, "", "_renamed");
    assert_eq!(
        by_statement(&desk),
        [
            "INSERT INTO stock.resource_hold",
            "UPDATE stock.resource_capacity"
        ]
    );
}

const RESOURCES: [&str; 3] = ["bus", "car", "kayak"];

fn furnished() -> Desk {
    let mut desk = Desk::open();
    let listing = desk.stocked(4);
    desk.vehicle("bus", 2);
    desk.vehicle("car", 3);
    desk.backed("kayak", listing, 9);
    desk
}

/// Some days of the week, as an array.
fn some_days(random: &mut StdRng) -> String {
    let days: Vec<String> = (1..=8)
        .filter(|day| random.random_range(0..if *day == 8 { 30 } else { 3 }) == 0)
        .map(|day| format!("2090-01-{day:02}"))
        .collect();
    format!("{{{}}}", days.join(","))
}

/// One call, as SQL: what it works on is found by the number of the call that made it.
fn operation(random: &mut StdRng, number: u32) -> String {
    let key = RESOURCES[random.random_range(0..RESOURCES.len())];
    let dates = some_days(random);
    let units = random.random_range(1..4);
    let token = random.random_range(0..40);
    let back = random.random_range(0..8);
    let hold = format!(
        "(SELECT id FROM resource_hold WHERE metadata IS NOT NULL ORDER BY metadata::int DESC OFFSET {back} LIMIT 1)"
    );
    let booking = format!(
        "(SELECT id FROM resource_allocation ORDER BY order_id::int DESC OFFSET {} LIMIT 1)",
        back % 4
    );
    let answer = "state, dates, quantity, replayed, available";
    match random.random_range(0..20) {
        0..5 => format!(
            "SELECT {answer} FROM hold_resource('{key}', '{dates}', {units}, metadata => '{number}', on_short => 'answer')"
        ),
        5 => format!("SELECT {answer} FROM hold_resource('{key}', '{dates}', {units}, metadata => '{number}')"),
        6 => format!(
            "SELECT {answer} FROM hold_resource('{key}', '{dates}', {units}, idempotency_token => '{token}', metadata => '{number}')"
        ),
        7 => format!(
            "SELECT resource_id, {answer} FROM hold_package('[{{\"resource_id\": \"{key}\"}}, {{\"resource_id\": \"car\"}}]',
                                                            '{dates}', metadata => '{number}', on_short => 'answer')"
        ),
        // A hold that is dead at once.
        8 | 9 => format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity, expires_at, metadata)
             VALUES ('{key}', '{dates}', {units}, '2001-01-01', '{number}')"
        ),
        10..12 => format!("SELECT confirm_resource_hold({hold}, '{number}', '1') IS NOT NULL"),
        12 => format!("SELECT release_resource_hold({hold})"),
        13 => format!("SELECT extend_resource_hold({hold}, '1 h') IS NOT NULL"),
        14 => format!("SELECT cancel_resource_allocation({booking})"),
        15 => format!(
            "SELECT state, dates, quantity, available FROM move_resource_allocation({booking}, '{dates}', {units}, 'answer')"
        ),
        16 => format!(
            "SELECT kind, dates, quantity FROM add_blackout('{key}', '2090-01-07', '2090-01-07', cancel_holds => {})",
            units == 1
        ),
        17 => "DELETE FROM resource_blackout".to_owned(),
        18 => format!("SELECT set_capacity('{key}', '2090-01-0{units}', '2090-01-04', {})", units + 1),
        _ => format!("SELECT expire_holds({units})"),
    }
}

/// What a statement comes to, without keys.
fn outcome(desk: &mut Desk, sql: &str) -> Vec<String> {
    match desk.client.simple_query(sql) {
        Ok(_) if !sql.starts_with("SELECT") => vec!["done".to_owned()],
        Ok(messages) => messages
            .iter()
            .filter_map(|message| match message {
                postgres::SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|at| row.get(at).unwrap_or("NULL"))
                        .collect::<Vec<_>>()
                        .join("|"),
                ),
                _ => None,
            })
            .collect(),
        Err(error) => {
            let error = ErrorInfo::from(&error);
            let told = [
                "dates",
                "requested",
                "available",
                "booked",
                "over_by",
                "state",
                "argument",
            ];
            vec![
                error.sqlstate.clone(),
                error.name(),
                told.map(|field| error.field(field).to_string()).join(" "),
            ]
        }
    }
}

fn state(desk: &mut Desk) -> Vec<String> {
    desk.texts(
        "SELECT 'date', resource_id, date, max_capacity, available_capacity, closures, NULL FROM resource_capacity
         UNION ALL SELECT 'hold', resource_id, dates[1], quantity, cardinality(dates), (status = 'ACTIVE')::int, metadata FROM resource_hold
         UNION ALL SELECT 'booking', resource_id, dates[1], quantity, cardinality(dates), 0, metadata FROM resource_allocation
         UNION ALL SELECT 'listing', NULL, NULL, quantity_available, quantity_booked, 0, NULL FROM stock_listings
         ORDER BY 1, 2, 3, 4, 5, 6, 7",
    )
}

#[test]
fn the_same_calls_come_to_the_same() {
    for seed in 0..3 {
        let (mut direct, mut statements) = (furnished(), furnished());
        rename(&mut statements, "", "_renamed");
        let mut random = StdRng::seed_from_u64(seed);
        let mut held = 0;
        for number in 0..250 {
            let sql = operation(&mut random, number);
            let (one, other) = (outcome(&mut direct, &sql), outcome(&mut statements, &sql));
            assert_eq!(one, other, "seed {seed}, call {number}: {sql}");
            held += i32::from(one.iter().any(|row| row.contains("ACTIVE")));
            if number % 25 == 24 {
                assert_eq!(
                    state(&mut direct),
                    state(&mut statements),
                    "seed {seed} after {number}"
                );
                direct.prove_bookings();
            }
        }
        assert!(held > 20, "{held} of 250 calls held something");
        rename(&mut statements, "_renamed", "");
        statements.prove_bookings();
    }
}
