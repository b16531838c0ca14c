//! The same random calls below SQL and by statements: the same picks, answers, errors and counters.

use super::work::{one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify, LORVILLE, ORISON, UNSPECIFIED};
use postgres::Client;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stockroom_tests::{Db, ErrorInfo};

/// Keys that are the same in both databases: the number in the last digits.
fn key(kind: char, number: u32) -> String {
    format!("{kind}0000000-0000-4000-8000-{number:012}")
}

const LISTINGS: u32 = 4;
const ORDERS: u32 = 30;

/// One call, as SQL; new lots get their key and age from `number`, so that both ways make the same.
fn operation(random: &mut StdRng, number: u32) -> String {
    let listing = key('a', random.random_range(0..LISTINGS));
    let order = key('c', random.random_range(0..ORDERS));
    let place = [UNSPECIFIED, ORISON, LORVILLE][random.random_range(0..3)];
    let units = random.random_range(1..12);
    let strategies = [
        "fifo",
        "lifo",
        "fefo",
        "largest_first",
        "fewest_lots",
        "cheapest_first",
        "location_priority",
    ];
    let strategy = strategies[random.random_range(0..strategies.len())];
    let lot = format!(
        "(SELECT lot_id FROM stock_lots WHERE listing_id = '{listing}' ORDER BY created_at, lot_id
           OFFSET {} LIMIT 1)",
        random.random_range(0..6)
    );
    match random.random_range(0..14) {
        0 => format!("SELECT FROM allocate_stock('{listing}', '{order}', {units})"),
        1 => format!("SELECT FROM allocate_stock('{listing}', '{order}', {units}, '{strategy}')"),
        2 => format!(
            "SELECT FROM allocate_stock('{listing}', '{order}', {units}, location_id => '{place}')"
        ),
        3 => format!("SELECT FROM allocate_stock('{listing}', '{order}', {}, partial => true)", units * 3),
        4 => format!(
            r#"SELECT FROM allocate_order('{order}', '[{{"listing_id": "{listing}", "quantity": {units}}},
                 {{"listing_id": "{}", "quantity": 2, "strategy": "{strategy}"}}]')"#,
            key('a', random.random_range(0..LISTINGS))
        ),
        5 => format!(
            "SELECT FROM allocate_lots('{order}', jsonb_build_array(jsonb_build_object('lot_id', {lot}, 'quantity', 2)))"
        ),
        6 => format!("SELECT release_allocations('{order}', quantity => {units})"),
        7 => format!("SELECT release_allocations('{order}', '{listing}')"),
        8 => format!("SELECT fulfill_allocations('{order}', quantity => {units})"),
        9 => format!("SELECT fulfill_allocations('{order}', '{listing}')"),
        10 | 11 => format!(
            "INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id, expires_on, unit_cost, created_at)
             VALUES ('{}', '{listing}', {}, '{place}', DATE '2999-01-01' + {}, {units}, TIMESTAMPTZ '2020-01-01' + {} * INTERVAL '1 h')",
            key('b', number),
            units * 2,
            random.random_range(0..5),
            // Some of one age.
            number / 3
        ),
        12 => format!(
            "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
             VALUES ('{}', {lot}, '{order}', 1)",
            key('d', number)
        ),
        _ => format!(
            "UPDATE stock_lots SET listed = NOT listed, quantity_total = quantity_total + 1 WHERE lot_id = {lot}"
        ),
    }
}

/// What a call came to: its errors in full.
fn outcome(client: &mut Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).map_err(|error| {
        let error = ErrorInfo::from(&error);
        let _ = client.batch_execute("ROLLBACK");
        // PostgreSQL's own details show rows, with their times.
        format!(
            "{} {} {:?}",
            error.sqlstate, error.message, error.detail_json
        )
    })
}

/// Every counter, lot and claim; keys and times that are made on the way differ.
fn state(client: &mut Client) -> Vec<String> {
    let sql = "
        SELECT format('listing %s %s %s %s', listing_id, quantity_total, quantity_listed, quantity_allocated)
          FROM stock_listings
        UNION ALL
        SELECT format('level %s %s %s %s %s', listing_id, location_id, quantity_total, quantity_listed, quantity_allocated)
          FROM stock_levels
        UNION ALL
        SELECT format('lot %s %s %s %s', lot_id, quantity_total, quantity_allocated, in_stock) FROM stock_lots
        UNION ALL
        SELECT format('claim %s %s %s %s %s', order_id, lot_id, listing_id, quantity, status) FROM stock_allocations
        ORDER BY 1";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn open(statements_only: bool) -> (Client, Db) {
    let db = Db::with_extension_in("stock");
    let mut client = connect(&db);
    if statements_only {
        client.batch_execute(STATEMENTS_ONLY).unwrap();
    }
    for number in 0..LISTINGS {
        let listing = key('a', number);
        client
            .batch_execute(&format!(
                "INSERT INTO stock_listings (listing_id, safety_stock) VALUES ('{listing}', {number})"
            ))
            .unwrap();
    }
    (client, db)
}

#[test]
fn random_calls_come_to_the_same() {
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);
    let (mut below, _one) = open(false);
    let (mut by_statements, _other) = open(true);
    let mut claims = 0;
    for number in 0..400 {
        let mut sql = operation(&mut random, number);
        // Some are rolled back, some are two in one transaction.
        match random.random_range(0..8) {
            0 => sql = format!("BEGIN; SAVEPOINT a; {sql}; ROLLBACK TO a; {sql}; COMMIT"),
            1 => {
                let more = operation(&mut random, number + 1000);
                sql = format!("BEGIN; {sql}; {more}; COMMIT");
            }
            _ => {}
        }
        let came_to = outcome(&mut below, &sql);
        claims += i32::from(came_to.is_ok() && sql.contains("allocate_"));
        assert_eq!(
            came_to,
            outcome(&mut by_statements, &sql),
            "seed {seed}, {number}: {sql}"
        );
        if number % 20 == 19 {
            assert_eq!(
                state(&mut below),
                state(&mut by_statements),
                "seed {seed}, {number}: {sql}"
            );
        }
    }
    assert!(claims > 50, "seed {seed}: only {claims} claims");
    let lots: i64 = one(&mut below, "SELECT count(*) FROM stock_lots");
    assert!(lots > 20, "seed {seed}");
    verify(&mut below);
    verify(&mut by_statements);
}
