//! Real concurrency: many connections take, give back and change the same few listings at once,
//! through functions, plain DML and the app's own updates. Nothing may be oversold, lost or counted
//! twice.

use crate::durability::size;
use postgres::Client;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use stockroom_tests::{Cluster, Db, ErrorInfo};
use uuid::Uuid;

const CONNECTIONS: u64 = 32;
const LISTINGS: usize = 20;

fn operations() -> usize {
    size(6_000, 20_000)
}

/// What an operation is made of: it decides which errors it may meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Way {
    Function,
    AppUpdate,
    Dml,
}

/// The shop's listings and their lots at the start.
struct Shop {
    db: Db,
    listings: Vec<Uuid>,
    units_at_start: i64,
}

fn open_shop() -> Shop {
    let db = Db::on(Cluster::durable());
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    // Deadlocks among plain DML are expected, and retried: no need to wait a second for each.
    let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", db.name());
    db.execute(&quick);
    let mut client = db.client();
    client
        .batch_execute(
            "CREATE TABLE shop_listings (listing_id uuid PRIMARY KEY, title text NOT NULL DEFAULT '',
                                         quantity_available integer NOT NULL CHECK (quantity_available >= 0))",
        )
        .unwrap();
    let listings: Vec<Uuid> = (0..LISTINGS).map(|_| Uuid::new_v4()).collect();
    for listing in &listings {
        client
            .execute(
                "INSERT INTO shop_listings VALUES ($1, 'x', 300)",
                &[listing],
            )
            .unwrap();
    }
    client
        .query(
            "SELECT * FROM stock.attach_table('shop_listings', 'listing_id')",
            &[],
        )
        .unwrap();
    for listing in &listings {
        client
            .query(
                "SELECT stock.receive_stock($1, 200, location_id, expires_on => '2099-01-01'::date + display_order)
                   FROM stock.locations WHERE name IN ('Orison', 'Lorville', 'MIC-L1')",
                &[listing],
            )
            .unwrap();
    }
    Shop {
        db,
        units_at_start: LISTINGS as i64 * 900,
        listings,
    }
}

/// One client of the shop: what it did, and what went wrong on the way.
struct Worker {
    client: Client,
    random: SmallRng,
    listings: Arc<Vec<Uuid>>,
    isolation: &'static str,
    /// Orders that may still have active claims.
    orders: Vec<Uuid>,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    done: BTreeMap<(Way, &'static str), usize>,
    refused: BTreeMap<String, usize>,
    retries: BTreeMap<(Way, String), usize>,
    /// Units that came in less units that left, by what was acknowledged.
    units: i64,
}

impl Worker {
    fn run(mut self, operations: usize, dml: bool) -> Tally {
        for _ in 0..operations {
            let kinds = if dml { 13 } else { 9 };
            match self.random.random_range(0..kinds) {
                0..=2 => self.allocate(),
                3 => self.allocate_order(),
                4 => self.settle("release_allocations"),
                5 => self.settle("fulfill_allocations"),
                6 => self.receive(),
                7 => self.app_update(),
                8 => self.app_edits_then_claims(),
                9 => self.dml_claim(),
                10 => self.dml_release(),
                11 => self.dml_lower_then_fulfil(),
                _ => self.dml_new_lot(),
            }
        }
        self.tally
    }

    /// Runs one transaction until it is done or refused. Answers with what it said, if it is done.
    fn transaction<T>(
        &mut self,
        way: Way,
        name: &'static str,
        mut body: impl FnMut(&mut postgres::Transaction) -> Result<T, postgres::Error>,
    ) -> Option<T> {
        loop {
            let result = (|| {
                let mut transaction = self.client.transaction()?;
                transaction.batch_execute(self.isolation)?;
                let value = body(&mut transaction)?;
                transaction.commit()?;
                Ok(value)
            })();
            let error: ErrorInfo = match &result {
                Ok(_) => {
                    *self.tally.done.entry((way, name)).or_default() += 1;
                    return result.ok();
                }
                Err(error) => ErrorInfo::from(error),
            };
            let repeatable = self.isolation.contains("REPEATABLE");
            match error.sqlstate.as_str() {
                // Short of stock, or committed stock lowered: refused, and said so.
                "23514" if !error.name().is_empty() => {
                    *self.tally.refused.entry(error.name()).or_default() += 1;
                    return None;
                }
                // The retryable ones: a conflict at REPEATABLE READ, and a deadlock where plain DML,
                // which knows no lock order, takes part.
                "40001" if repeatable => {}
                "40P01" => {}
                _ => panic!("{name}: unexpected {error:?}"),
            }
            *self.tally.retries.entry((way, error.sqlstate)).or_default() += 1;
        }
    }

    fn listing(&mut self) -> Uuid {
        self.listings[self.random.random_range(0..self.listings.len())]
    }

    fn order(&mut self) -> Option<Uuid> {
        if self.orders.is_empty() {
            return None;
        }
        let at = self.random.random_range(0..self.orders.len());
        Some(self.orders.swap_remove(at))
    }

    fn allocate(&mut self) {
        let (listing, order) = (self.listing(), Uuid::new_v4());
        let units = self.random.random_range(1..=60);
        let strategy = ["fifo", "lifo", "fefo", "largest_first", "fewest_lots"]
            [self.random.random_range(0..5)];
        let on_short = ["answer", "error"][self.random.random_range(0..2)];
        let taken = self.transaction(Way::Function, "allocate_stock", |transaction| {
            transaction.query(
                "SELECT quantity, state FROM stock.allocate_stock($1, $2, $3, $4, on_short => $5)",
                &[&listing, &order, &units, &strategy, &on_short],
            )
        });
        let Some(rows) = taken else { return };
        let claimed: i32 = rows.iter().map(|row| row.get::<_, i32>(0)).sum();
        if rows[0].get::<_, &str>(1) == "insufficient" {
            assert_eq!(claimed, 0);
            *self
                .tally
                .refused
                .entry("answered insufficient".to_owned())
                .or_default() += 1;
        } else {
            assert_eq!(claimed, units, "all or nothing");
            self.orders.push(order);
        }
    }

    fn allocate_order(&mut self) {
        let order = Uuid::new_v4();
        let lines: Vec<serde_json::Value> = (0..self.random.random_range(2..=4))
            .map(|_| {
                let units = self.random.random_range(1..=20);
                serde_json::json!({"listing_id": self.listing().to_string(), "quantity": units})
            })
            .collect();
        let lines = serde_json::Value::Array(lines);
        let taken = self.transaction(Way::Function, "allocate_order", |transaction| {
            transaction.query(
                "SELECT quantity FROM stock.allocate_order($1, $2)",
                &[&order, &lines],
            )
        });
        if taken.is_some() {
            self.orders.push(order);
        }
    }

    fn settle(&mut self, function: &'static str) {
        let Some(order) = self.order() else { return };
        let sql = format!("SELECT stock.{function}($1)");
        let units: Option<i32> = self.transaction(Way::Function, function, |transaction| {
            Ok(transaction.query_one(&sql, &[&order])?.get(0))
        });
        if function == "fulfill_allocations" {
            self.tally.units -= i64::from(units.unwrap_or(0));
        }
    }

    fn receive(&mut self) {
        let listing = self.listing();
        let units = self.random.random_range(1..=25);
        let done = self.transaction(Way::Function, "receive_stock", |transaction| {
            transaction.query("SELECT stock.receive_stock($1, $2)", &[&listing, &units])
        });
        self.tally.units += if done.is_some() { i64::from(units) } else { 0 };
    }

    /// The app changes its own quantity, up or down.
    fn app_update(&mut self) {
        let listing = self.listing();
        let delta: i32 = self.random.random_range(-15..=15);
        let changed = self.transaction(Way::AppUpdate, "quantity", |transaction| {
            transaction.execute(
                "UPDATE shop_listings SET quantity_available = quantity_available + $2
                  WHERE listing_id = $1 AND quantity_available + $2 >= 0",
                &[&listing, &delta],
            )
        });
        if changed == Some(1) {
            self.tally.units += i64::from(delta);
        }
    }

    /// The app edits its own row, and claims in the same transaction.
    fn app_edits_then_claims(&mut self) {
        let (listing, order) = (self.listing(), Uuid::new_v4());
        let title = format!("title {}", self.random.random_range(0..1000));
        let done = self.transaction(
            Way::AppUpdate,
            "title, then allocate_stock",
            |transaction| {
                transaction.execute(
                    "UPDATE shop_listings SET title = $2 WHERE listing_id = $1",
                    &[&listing, &title],
                )?;
                transaction.query(
                    "SELECT state FROM stock.allocate_stock($1, $2, 3, on_short => 'answer')",
                    &[&listing, &order],
                )
            },
        );
        if done.is_some() {
            self.orders.push(order);
        }
    }

    fn dml_claim(&mut self) {
        let (listing, order) = (self.listing(), Uuid::new_v4());
        let done = self.transaction(Way::Dml, "INSERT INTO stock_allocations", |transaction| {
            transaction.execute(
                "INSERT INTO stock.stock_allocations (lot_id, order_id, quantity, status)
                 SELECT lot_id, $2, 2, 'active' FROM stock.stock_lots
                  WHERE listing_id = $1 AND quantity_total - quantity_allocated >= 2 LIMIT 2",
                &[&listing, &order],
            )
        });
        if done.is_some() {
            self.orders.push(order);
        }
    }

    fn dml_release(&mut self) {
        let Some(order) = self.order() else { return };
        self.transaction(Way::Dml, "UPDATE stock_allocations", |transaction| {
            transaction.execute(
                "UPDATE stock.stock_allocations SET status = 'released' WHERE order_id = $1 AND status = 'active'",
                &[&order],
            )
        });
    }

    /// As apps do it: the lot is lowered first, the claim marked after; in between the state is bad.
    fn dml_lower_then_fulfil(&mut self) {
        let Some(order) = self.order() else { return };
        let left = self.transaction(Way::Dml, "lower, then fulfil", |transaction| {
            let claims = transaction.query(
                "SELECT allocation_id, lot_id, quantity FROM stock.stock_allocations
                  WHERE order_id = $1 AND status = 'active' FOR UPDATE",
                &[&order],
            )?;
            let mut left = 0;
            for claim in claims {
                let (key, lot, units): (Uuid, Uuid, i32) = (claim.get(0), claim.get(1), claim.get(2));
                transaction.execute(
                    "UPDATE stock.stock_lots SET quantity_total = quantity_total - $2 WHERE lot_id = $1",
                    &[&lot, &units],
                )?;
                transaction.execute(
                    "UPDATE stock.stock_allocations SET status = 'fulfilled' WHERE allocation_id = $1",
                    &[&key],
                )?;
                left += i64::from(units);
            }
            Ok(left)
        });
        self.tally.units -= left.unwrap_or(0);
    }

    fn dml_new_lot(&mut self) {
        let listing = self.listing();
        let done = self.transaction(Way::Dml, "INSERT INTO stock_lots", |transaction| {
            transaction.execute(
                "INSERT INTO stock.stock_lots (listing_id, quantity_total, listed) VALUES ($1, 7, true), ($1, 5, false)",
                &[&listing],
            )
        });
        self.tally.units += if done.is_some() { 12 } else { 0 };
    }
}

/// Lets all workers loose, adds up what they say, and checks it against the database.
fn run(isolation: &'static str, dml: bool) {
    let shop = open_shop();
    let listings = Arc::new(shop.listings.clone());
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let worker = Worker {
                client: shop.db.client(),
                random: SmallRng::seed_from_u64(number),
                listings: listings.clone(),
                isolation,
                orders: Vec::new(),
                tally: Tally::default(),
            };
            let operations = operations() / CONNECTIONS as usize;
            std::thread::spawn(move || worker.run(operations, dml))
        })
        .collect();
    let mut total = Tally::default();
    for worker in workers {
        let tally = worker.join().expect("a worker met something unexpected");
        total.units += tally.units;
        for (key, count) in tally.done {
            *total.done.entry(key).or_default() += count;
        }
        for (key, count) in tally.refused {
            *total.refused.entry(key).or_default() += count;
        }
        for (key, count) in tally.retries {
            *total.retries.entry(key).or_default() += count;
        }
    }
    println!(
        "done {:?}\nrefused {:?}\nretries {:?}",
        total.done, total.refused, total.retries
    );

    let deadlocks: Vec<_> = total
        .retries
        .iter()
        .filter(|((_, state), _)| state == "40P01")
        .collect();
    assert!(
        dml || deadlocks.is_empty(),
        "deadlocks between functions and app updates: {deadlocks:?}"
    );
    assert!(
        total.done.values().sum::<usize>() > operations() / 2,
        "most operations come through"
    );
    check(&shop, total.units);
}

fn check(shop: &Shop, units: i64) {
    let mut client = shop.db.client();
    let wrong = client
        .query(
            "SELECT kind, key, counter FROM stock.verify_stock()
             UNION ALL SELECT 'line', listing_id::text, problem FROM stock.verify_ledger()",
            &[],
        )
        .unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let oversold: i64 = client
        .query_one(
            "SELECT (SELECT count(*) FROM stock.stock_lots WHERE quantity_allocated > quantity_total)
                  + (SELECT count(*) FROM stock.stock_listings WHERE quantity_available < 0)",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(oversold, 0);
    // What the rows say is what the clients were told: nothing was lost or counted twice.
    let total: i64 = client
        .query_one(
            "SELECT sum(stock.get_total_stock(listing_id)) FROM shop_listings",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(total, shop.units_at_start + units);
    let differing = client
        .query(
            "SELECT FROM shop_listings WHERE quantity_available <> stock.get_available_stock(listing_id)",
            &[],
        )
        .unwrap();
    assert!(differing.is_empty());
}

#[test]
fn functions_and_app_updates_never_deadlock_or_oversell() {
    run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", false);
}

#[test]
fn functions_app_updates_and_plain_dml_mixed_lose_nothing() {
    run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", true);
}

#[test]
fn the_same_at_repeatable_read_with_retries() {
    run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", true);
}
