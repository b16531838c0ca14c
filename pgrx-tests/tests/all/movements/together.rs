//! Many connections move the goods of a few listings at once, by every function and by plain DML: the
//! ledger adds up to the lots and the counters, without a gap, and tells every moment as it was.

use crate::api::shop::{connect, verify, Shop, LORVILLE, ORISON, UNSPECIFIED};
use crate::durability::size;
use postgres::types::ToSql;
use postgres::Client;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

const CONNECTIONS: u64 = 32;
const LISTINGS: usize = 6;
const PLACES: [Uuid; 3] = [UNSPECIFIED, ORISON, LORVILLE];

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

struct Worker {
    client: Client,
    random: SmallRng,
    listings: Arc<Vec<Uuid>>,
    orders: Vec<Uuid>,
    loans: Vec<Uuid>,
    /// How often each operation came to what.
    tally: BTreeMap<(&'static str, String), usize>,
}

impl Worker {
    fn run(mut self, operations: usize) -> BTreeMap<(&'static str, String), usize> {
        for _ in 0..operations {
            self.operate();
        }
        self.tally
    }

    fn operate(&mut self) {
        let listing = self.listings[self.random.random_range(0..LISTINGS)];
        let place = PLACES[self.random.random_range(0..PLACES.len())];
        let units = self.random.random_range(1..=9);
        let Some(lot) = self.some_lot(listing) else {
            self.call("receive_stock", "SELECT receive_stock($1, 20)", &[&listing]);
            return;
        };
        match self.random.random_range(0..19) {
            0 => {
                let sql = "SELECT receive_stock($1, $2, $3, unit_cost => 1.5)";
                self.call("receive_stock", sql, &[&listing, &units, &place]);
            }
            1 => {
                let sql = "SELECT adjust_stock($1, $2, 'found behind the shelf')";
                self.call("adjust_stock", sql, &[&lot, &(units - 5)]);
            }
            2 => {
                // By what was read before: stale where somebody was faster.
                let sql = "SELECT quantity_total FROM stock_lots WHERE lot_id = $1";
                let read = self.client.query_opt(sql, &[&lot]).unwrap();
                let expected: Option<i32> = read.map(|row| row.get(0));
                let sql = "SELECT count_stock($1, $2, expected => $3)";
                let counted = expected.unwrap_or(0) + units;
                self.call("count_stock", sql, &[&lot, &counted, &expected]);
            }
            3 => self.call(
                "transfer_stock",
                "SELECT transfer_stock($1, $2, $3)",
                &[&lot, &units, &place],
            ),
            4 => self.call(
                "transfer_stock whole",
                "SELECT transfer_stock($1, NULL, $2)",
                &[&lot, &place],
            ),
            5 => self.call("split_lot", "SELECT split_lot($1, $2)", &[&lot, &units]),
            6 => {
                let into = self.some_lot(listing);
                self.call("merge_lots", "SELECT merge_lots($1, $2)", &[&lot, &into]);
            }
            7 => {
                let condition = ["good", "quarantine", "damaged"][self.random.random_range(0..3)];
                self.call(
                    "set_lot_condition",
                    "SELECT set_lot_condition($1, $2)",
                    &[&lot, &condition],
                );
            }
            8..=10 => {
                let order = Uuid::new_v4();
                let sql = "SELECT allocate_stock($1, $2, $3)";
                if self.came_through("allocate_stock", sql, &[&listing, &order, &units]) {
                    self.orders.push(order);
                }
            }
            11 | 12 => {
                if let Some(order) = self.orders.pop() {
                    self.call(
                        "fulfill_allocations",
                        "SELECT fulfill_allocations($1)",
                        &[&order],
                    );
                }
            }
            13 => {
                let loan = "SELECT borrow_stock($1, 'ann', $2)";
                if let Some(loan) = self.answer("borrow_stock", loan, &[&listing, &units]) {
                    self.loans.push(loan);
                }
            }
            14 => {
                if let Some(loan) = self.loans.pop() {
                    self.call("return_stock", "SELECT return_stock($1)", &[&loan]);
                }
            }
            15 => {
                if let Some(loan) = self.loans.pop() {
                    self.call(
                        "lose_stock",
                        "SELECT lose_stock($1, 1, 'left on the train')",
                        &[&loan],
                    );
                }
            }
            16 => {
                let sql =
                    "UPDATE stock_lots SET quantity_total = greatest(quantity_total + $2, 0) WHERE lot_id = $1";
                self.call("UPDATE quantity", sql, &[&lot, &(units - 4)]);
            }
            17 => {
                let sql = "UPDATE stock_lots SET location_id = $2, quantity_total = quantity_total + 1 WHERE listing_id = $1";
                self.call("UPDATE place", sql, &[&listing, &place]);
            }
            _ => {
                let sql = "DELETE FROM stock_lots WHERE listing_id = $1 AND quantity_allocated = 0 AND quantity_total < $2";
                self.call("DELETE", sql, &[&listing, &units]);
            }
        }
    }

    fn some_lot(&mut self, listing: Uuid) -> Option<Uuid> {
        let sql = "SELECT lot_id FROM stock_lots WHERE listing_id = $1 ORDER BY random() LIMIT 1";
        let row = self.client.query_opt(sql, &[&listing]).unwrap();
        row.map(|row| row.get(0))
    }

    fn call(&mut self, name: &'static str, sql: &str, params: Params) {
        self.came_through(name, sql, params);
    }

    fn came_through(&mut self, name: &'static str, sql: &str, params: Params) -> bool {
        self.run_one(name, sql, params).is_some()
    }

    fn answer(&mut self, name: &'static str, sql: &str, params: Params) -> Option<Uuid> {
        self.run_one(name, sql, params).map(|rows| rows[0].get(0))
    }

    /// Runs it until it is done or refused; a deadlock of plain DML, which knows no lock order, is tried
    /// again.
    fn run_one(
        &mut self,
        name: &'static str,
        sql: &str,
        params: Params,
    ) -> Option<Vec<postgres::Row>> {
        loop {
            let (outcome, rows) = match self.client.query(sql, params) {
                Ok(rows) => ("done".to_owned(), Some(rows)),
                Err(error) => {
                    let error = ErrorInfo::from(&error);
                    let is_deadlock = error.sqlstate == "40P01";
                    assert!(is_deadlock || !error.name().is_empty(), "{name}: {error:?}");
                    if is_deadlock {
                        *self.tally.entry((name, "40P01".to_owned())).or_default() += 1;
                        continue;
                    }
                    (error.name(), None)
                }
            };
            *self.tally.entry((name, outcome)).or_default() += 1;
            return rows;
        }
    }
}

#[test]
fn every_way_at_once_leaves_a_ledger_that_adds_up() {
    let mut shop = Shop::open();
    let quick = format!(
        "ALTER DATABASE {} SET deadlock_timeout = '20ms'",
        shop.db.name()
    );
    shop.run(&quick);
    let listings: Vec<Uuid> = (0..LISTINGS).map(|_| shop.stocked(100)).collect();
    let listings = Arc::new(listings);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let worker = Worker {
                client: connect(&shop.db),
                random: SmallRng::seed_from_u64(number),
                listings: Arc::clone(&listings),
                orders: Vec::new(),
                loans: Vec::new(),
                tally: BTreeMap::new(),
            };
            thread::spawn(move || worker.run(size(150, 5_000)))
        })
        .collect();
    let mut tally: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for worker in workers {
        for (what, times) in worker.join().expect("no worker fails") {
            *tally.entry(what).or_default() += times;
        }
    }
    println!("{tally:?}");
    for name in [
        "receive_stock",
        "adjust_stock",
        "count_stock",
        "transfer_stock",
        "transfer_stock whole",
        "split_lot",
        "merge_lots",
        "set_lot_condition",
        "fulfill_allocations",
        "borrow_stock",
        "return_stock",
        "lose_stock",
        "UPDATE quantity",
        "UPDATE place",
        "DELETE",
    ] {
        assert!(
            tally.contains_key(&(name, "done".to_owned())),
            "{name} was never done"
        );
    }
    let deadlocks = tally.keys().filter(|(_, outcome)| outcome == "40P01");
    let of_functions: Vec<_> = deadlocks.filter(|(name, _)| name.contains('_')).collect();
    println!("deadlocks that functions met, beside plain DML: {of_functions:?}");
    verify(&mut shop.client);
    assert_adds_up(&mut shop);
    assert_every_moment(&mut shop);
}

#[track_caller]
fn assert_none(shop: &mut Shop, sql: &str) {
    let rows = shop.rows(sql, &[]);
    assert!(
        rows.is_empty(),
        "{} rows of {sql}, the first: {:?}",
        rows.len(),
        rows[0]
    );
}

/// Said without verify_ledger.
fn assert_adds_up(shop: &mut Shop) {
    assert_none(
        shop,
        "SELECT listing_id FROM stock_listings g
           LEFT JOIN (SELECT listing_id, sum(delta) AS units, count(*) AS lines, min(version) AS first,
                             max(version) AS last, count(DISTINCT version) AS versions
                        FROM stock_movements GROUP BY 1) m USING (listing_id)
          WHERE (quantity_total, version, version, version, 1)
                IS DISTINCT FROM (units, lines, last, versions, first)",
    );
    assert_none(
        shop,
        "SELECT lot_id FROM stock_lots l
           FULL JOIN (SELECT lot_id, sum(delta) AS units FROM stock_movements GROUP BY 1) m USING (lot_id)
          WHERE coalesce(quantity_total, 0) <> coalesce(units, 0)",
    );
}

/// Each moment of a line, and the one just before it, are told by stock_at.
fn assert_every_moment(shop: &mut Shop) {
    assert_none(
        shop,
        "SELECT * FROM (
           SELECT DISTINCT ON (listing_id, recorded_at) listing_id, recorded_at, listing_after,
                  first_value(listing_before) OVER (PARTITION BY listing_id, recorded_at ORDER BY version) AS before
             FROM stock_movements ORDER BY listing_id, recorded_at, version DESC) AS moment
          WHERE stock_at(listing_id, recorded_at) <> listing_after
             OR stock_at(listing_id, recorded_at - interval '1 microsecond') <> before",
    );
}
