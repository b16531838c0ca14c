//! The same random calls below SQL and by statements: the same picks, answers, errors and counters.

use super::work::{one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify, LORVILLE, ORISON, UNSPECIFIED};
use postgres::Client;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stockroom_tests::{Db, ErrorInfo};
use uuid::Uuid;

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
    let hold = format!(
        "(SELECT hold_id FROM stock_holds WHERE customer IS NOT NULL ORDER BY customer::int DESC OFFSET {} LIMIT 1)",
        random.random_range(0..8)
    );
    match random.random_range(0..26) {
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
            units * 4,
            random.random_range(0..5),
            // Some of one age.
            number / 3
        ),
        12 => format!(
            "INSERT INTO stock_allocations (allocation_id, lot_id, order_id, quantity)
             VALUES ('{}', {lot}, '{order}', 1)",
            key('d', number)
        ),
        13 => format!(
            "UPDATE stock_lots SET listed = NOT listed, quantity_total = quantity_total + 1 WHERE lot_id = {lot}"
        ),
        // A hold is found again by its customer: the number of the call that made it.
        14 | 15 => format!("SELECT FROM hold_stock('{listing}', {units}, customer => '{number}', order_id => '{order}')"),
        16 => format!(
            "SELECT FROM hold_stock('{listing}', {units}, ttl => NULL, customer => '{number}', location_id => '{place}')"
        ),
        17 => format!(
            "SELECT FROM hold_stock('{listing}', {units}, idempotency_key => '{}', customer => '{number}', metadata => '[1]')",
            number % 20
        ),
        18 => format!(
            r#"SELECT FROM hold_order('[{{"listing_id": "{listing}", "quantity": {units}, "location_id": "{place}"}},
                 {{"listing_id": "{}", "quantity": 2}}]', order_id => '{order}', on_short => 'answer')"#,
            key('a', random.random_range(0..LISTINGS))
        ),
        19 => format!(
            r#"SELECT FROM hold_many('[{{"listing_id": "{listing}", "quantity": {units}, "customer": "{number}"}},
                 {{"listing_id": "{listing}", "quantity": 1, "idempotency_key": "{}"}}]')"#,
            number % 15
        ),
        20 => format!("SELECT FROM confirm_hold({hold}, '{order}', strategy => '{strategy}')"),
        21 => format!("SELECT FROM confirm_hold({hold}, '{order}', {}, 'keep')", units.min(3)),
        22 => format!("SELECT FROM confirm_order('{order}')"),
        23 => format!("SELECT release_hold({hold})"),
        24 => format!("UPDATE stock_holds SET expires_at = '2001-01-01' WHERE hold_id = {hold}"),
        _ => format!("SELECT release_order_holds('{order}'), expire_holds(), extend_hold({hold}, '1 h')"),
    }
}

/// What a call came to: its errors in full.
fn outcome(client: &mut Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).map_err(|error| {
        let error = ErrorInfo::from(&error);
        let _ = client.batch_execute("ROLLBACK");
        // PostgreSQL's own details show rows, with their times.
        without_made_keys(&format!(
            "{} {} {:?}",
            error.sqlstate, error.message, error.detail_json
        ))
    })
}

/// The text with keys that were made on the way, which differ, replaced.
fn without_made_keys(text: &str) -> String {
    let mut left = text;
    let mut kept = String::new();
    while let Some(next) = left.chars().next() {
        let made = left.get(..36).filter(|start| {
            Uuid::parse_str(start).is_ok() && !start.contains("0000000-0000-4000-8000-")
        });
        let (take, is_made) = match made {
            Some(key) => (key.len(), true),
            None => (next.len_utf8(), false),
        };
        kept.push_str(if is_made { "<key>" } else { &left[..take] });
        left = &left[take..];
    }
    kept
}

/// Every counter, lot and claim; keys and times that are made on the way differ.
fn state(client: &mut Client) -> Vec<String> {
    let sql = "
        SELECT format('listing %s %s %s %s %s', listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held)
          FROM stock_listings
        UNION ALL
        SELECT format('level %s %s %s %s %s %s', listing_id, location_id, quantity_total, quantity_listed, quantity_allocated,
                      quantity_held)
          FROM stock_levels
        UNION ALL
        SELECT format('lot %s %s %s %s', lot_id, quantity_total, quantity_allocated, in_stock) FROM stock_lots
        UNION ALL
        SELECT format('claim %s %s %s %s %s', order_id, lot_id, listing_id, quantity, status) FROM stock_allocations
        UNION ALL
        SELECT format('hold %s %s %s %s %s %s %s %s %s', customer, listing_id, location_id, quantity, quantity_requested,
                      status, order_id, idempotency_key, metadata)
               || format(' %s %s', confirmed_at IS NULL, expires_at IS NULL)
          FROM stock_holds
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
                "INSERT INTO stock_listings (listing_id, safety_stock, backorder_limit)
                 VALUES ('{listing}', {number}, {number} * {number})"
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
    for number in 0..800 {
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
    let states: i64 = one(&mut below, "SELECT count(DISTINCT status) FROM stock_holds");
    assert!(states >= 4, "seed {seed}: {states} states of holds");
    let lots: i64 = one(&mut below, "SELECT count(*) FROM stock_lots");
    assert!(lots > 20, "seed {seed}");
    verify(&mut below);
    verify(&mut by_statements);
}
