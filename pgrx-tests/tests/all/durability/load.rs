//! Mixed load: claims, holds, their ends and goods through functions and plain DML, and an app that
//! edits its own attached rows. Each client remembers what it was told.

mod goods;
mod holding;

use super::told::{State, Told};
use postgres::{Client, SimpleQueryMessage};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use stockroom_tests::{Cluster, Db, ErrorInfo};
use uuid::Uuid;

/// Every state that the load can change.
const STATES: &str = "
    SELECT order_id, string_agg(DISTINCT status, '+') || ' ' || sum(quantity)
      FROM stock.stock_allocations GROUP BY order_id
    UNION ALL
    SELECT idempotency_key::uuid, format('%s %s for %s days', status, quantity, extract(day FROM expires_at - created_at))
      FROM stock.stock_holds
    UNION ALL SELECT lot_id, 'lot of ' || quantity_total FROM stock.stock_lots
    UNION ALL SELECT listing_id, title FROM public.shop_listings";

pub const CLIENTS: usize = 8;
const LISTINGS: usize = 4;

/// A few hot listings with endless stock, and a row of an attached table for each client.
pub struct Shop {
    listings: Arc<Vec<(Uuid, Uuid)>>,
    rows: Vec<Uuid>,
    pub db: Db,
    pub cluster: Cluster,
}

impl Shop {
    pub fn open() -> Shop {
        let cluster = Cluster::options()
            .setting("deadlock_timeout", "'20ms'")
            // The WAL writer shall not flush what a session ought to have flushed.
            .setting("wal_writer_delay", "'10s'")
            .start()
            .unwrap();
        let db = Db::on(&cluster);
        db.execute(
            "CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock;
             CREATE TABLE public.shop_listings (listing_id uuid PRIMARY KEY, title text NOT NULL DEFAULT 'new',
                                                quantity_available integer NOT NULL);
             SELECT * FROM stock.attach_table('public.shop_listings', 'listing_id')",
        );
        let mut client = db.client();
        let mut listings = Vec::new();
        for _ in 0..LISTINGS {
            let sql = "WITH listing AS MATERIALIZED (SELECT stock.register_listing(NULL) AS id)
                       SELECT id, stock.receive_stock(id, 100000000) FROM listing";
            let row = client.query_one(sql, &[]).unwrap();
            listings.push((row.get(0), row.get(1)));
        }
        let rows: Vec<Uuid> = (0..CLIENTS).map(|_| Uuid::new_v4()).collect();
        for row in &rows {
            let sql = "INSERT INTO shop_listings VALUES ($1, DEFAULT, 100000000)";
            client.execute(sql, &[row]).unwrap();
        }
        Shop {
            listings: Arc::new(listings),
            rows,
            db,
            cluster,
        }
    }

    /// The proof that all counters are right, and that the ledger tells how they came to be.
    #[track_caller]
    pub fn verify(&self) {
        let sql = "SELECT format('%s %s %s: %s, not %s', kind, key, counter, stored, actual)
                     FROM stock.verify_stock()
                   UNION ALL SELECT problem FROM stock.verify_ledger()";
        let rows = self.db.client().query(sql, &[]).unwrap();
        let wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(wrong, Vec::<String>::new());
    }

    /// Where the database says something else than the clients were told.
    pub fn differences(&self, told: &Told) -> Vec<String> {
        told.differences(&mut self.db.client(), STATES)
    }
}

/// What a client does when its connection is gone.
#[derive(Clone, Copy, PartialEq)]
pub enum WhenGone {
    Stop,
    Reconnect,
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    interrupted: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Told>>,
}

impl Load {
    /// Lets all clients loose; each begins its sessions with `set_up`.
    pub fn start(shop: &Shop, set_up: &'static str, when_gone: WhenGone) -> Load {
        let (stop, acknowledged) = (Arc::default(), Arc::default());
        let interrupted = Arc::default();
        let clients = shop.rows.iter().map(|&own_row| {
            let config = shop.db.config();
            let connect = move || {
                let mut client = config.connect(postgres::NoTls).expect("should connect");
                client.batch_execute(set_up).expect("should set up");
                client
            };
            let worker = Worker {
                client: connect(),
                connect: Box::new(connect),
                when_gone,
                random: SmallRng::from_os_rng(),
                listings: shop.listings.clone(),
                own_row,
                orders: Vec::new(),
                holds: Vec::new(),
                lots: Vec::new(),
                loans: Vec::new(),
                told: Told::default(),
                acknowledged: Arc::clone(&acknowledged),
                interrupted: Arc::clone(&interrupted),
            };
            let stop = Arc::clone(&stop);
            thread::spawn(move || worker.run(&stop))
        });
        Load {
            clients: clients.collect(),
            stop,
            acknowledged,
            interrupted,
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Calls that were cancelled, or whose connection went in the middle.
    pub fn interrupted(&self) -> usize {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits until so many calls were acknowledged.
    pub fn wait_for(&self, acknowledged: usize) {
        while self.acknowledged() < acknowledged {
            let at_work = self.clients.iter().any(|client| !client.is_finished());
            assert!(at_work, "all clients have ended");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the load; what all clients were told.
    pub fn finish(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        self.wait()
    }

    /// Waits until all connections are gone; what all clients were told.
    pub fn wait(self) -> Told {
        let mut told = Told::default();
        for client in self.clients {
            told.add(client.join().expect("a client met something unexpected"));
        }
        told
    }
}

enum Answer {
    Done(Option<Uuid>),
    /// Failed, or never answered: what it was about is left alone from now on.
    Failed,
}

struct Worker {
    client: Client,
    connect: Box<dyn Fn() -> Client + Send>,
    when_gone: WhenGone,
    random: SmallRng,
    /// A listing and the lot from which it is claimed.
    listings: Arc<Vec<(Uuid, Uuid)>>,
    own_row: Uuid,
    /// Active orders and their units.
    orders: Vec<(Uuid, i32)>,
    holds: Vec<holding::Hold>,
    /// Lots of its own and their units.
    lots: Vec<(Uuid, i32)>,
    /// Open loans of one unit.
    loans: Vec<Uuid>,
    told: Told,
    acknowledged: Arc<AtomicUsize>,
    interrupted: Arc<AtomicUsize>,
}

fn active(units: i32) -> State {
    Some(format!("active {units}"))
}

fn lot_of(units: i32) -> State {
    Some(format!("lot of {units}"))
}

impl Worker {
    fn run(mut self, stop: &AtomicBool) -> Told {
        while !stop.load(Ordering::Relaxed) {
            if self.client.is_closed() {
                match self.when_gone {
                    WhenGone::Stop => break,
                    WhenGone::Reconnect => self.client = (self.connect)(),
                }
            }
            match self.random.random_range(0..23) {
                0..=2 => self.allocate(),
                3 => self.allocate_order(),
                4 => self.end_by_function("release_allocations", "released"),
                5 => self.end_by_function("fulfill_allocations", "fulfilled"),
                6 => self.receive(),
                7 => self.edit_and_claim(),
                8 => self.change_own_quantity(),
                9 => self.insert_allocation(),
                10 => self.update_allocation(),
                11 => self.insert_lot(),
                12 => self.raise_lot(),
                13..=16 => self.work_with_goods(),
                _ => self.work_with_holds(),
            }
        }
        self.told
    }

    /// Runs one transaction that would leave these states behind, and notes what was answered.
    fn transaction(&mut self, sql: &str, changes: &[(Uuid, State)]) -> Answer {
        let error = match self.client.simple_query(sql) {
            Ok(messages) => {
                self.told.acknowledge(changes);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                let first = messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).and_then(|text| text.parse().ok()),
                    _ => None,
                });
                return Answer::Done(first);
            }
            Err(error) => ErrorInfo::from(&error),
        };
        match error.sqlstate.as_str() {
            // Plain DML knows no lock order.
            "40P01" => {
                self.told.refused += 1;
                self.told.nothing_done(changes);
            }
            "57014" => {
                self.told.cancelled += 1;
                self.interrupted.fetch_add(1, Ordering::Relaxed);
                self.told.nothing_done(changes);
            }
            // Terminated, or the server is gone.
            "57P01" | "57P02" | "57P03" | "08006" => {
                self.told.leave_open(changes);
                self.interrupted.fetch_add(1, Ordering::Relaxed);
                // Nothing more comes on this connection; wait until it is known to be closed.
                while self.client.simple_query("").is_ok() {}
            }
            _ => panic!("unexpected {error:?} in {sql}"),
        }
        if !self.client.is_closed() && sql.starts_with("BEGIN") {
            // Where this fails, the connection is gone, and the transaction with it.
            let _ = self.client.batch_execute("ROLLBACK");
        }
        Answer::Failed
    }

    fn done(&mut self, sql: &str, changes: &[(Uuid, State)]) -> bool {
        matches!(self.transaction(sql, changes), Answer::Done(_))
    }

    fn listing(&mut self) -> (Uuid, Uuid) {
        self.listings[self.random.random_range(0..self.listings.len())]
    }

    fn one_of<T>(random: &mut SmallRng, all: &mut Vec<T>) -> Option<T> {
        (!all.is_empty()).then(|| all.swap_remove(random.random_range(0..all.len())))
    }

    fn order(&mut self) -> Option<(Uuid, i32)> {
        Worker::one_of(&mut self.random, &mut self.orders)
    }

    fn allocate(&mut self) {
        let ((listing, _), order) = (self.listing(), Uuid::new_v4());
        let units = self.random.random_range(1..=3);
        let sql = format!("SELECT stock.allocate_stock('{listing}', '{order}', {units})");
        if self.done(&sql, &[(order, active(units))]) {
            self.orders.push((order, units));
        }
    }

    fn allocate_order(&mut self) {
        let order = Uuid::new_v4();
        let lines: Vec<_> = self.listings[..2]
            .iter()
            .map(|(listing, _)| serde_json::json!({"listing_id": listing, "quantity": 2}))
            .collect();
        let lines = serde_json::Value::Array(lines);
        let sql = format!("SELECT stock.allocate_order('{order}', '{lines}')");
        if self.done(&sql, &[(order, active(4))]) {
            self.orders.push((order, 4));
        }
    }

    fn end_by_function(&mut self, function: &str, status: &str) {
        if let Some((order, units)) = self.order() {
            let sql = format!("SELECT stock.{function}('{order}')");
            self.done(&sql, &[(order, Some(format!("{status} {units}")))]);
        }
    }

    /// The lot's key is the server's: it is known from the answer only.
    fn receive(&mut self) {
        let (listing, _) = self.listing();
        let sql = format!("SELECT stock.receive_stock('{listing}', 7)");
        if let Answer::Done(Some(lot)) = self.transaction(&sql, &[]) {
            self.told.learn(&[(lot, lot_of(7))]);
        }
    }

    /// The app edits its own row and claims, in one transaction.
    fn edit_and_claim(&mut self) {
        let (row, order) = (self.own_row, Uuid::new_v4());
        let title = Uuid::new_v4();
        let sql = format!(
            "BEGIN; UPDATE shop_listings SET title = '{title}' WHERE listing_id = '{row}';
             SELECT stock.allocate_stock('{row}', '{order}', 1); COMMIT"
        );
        let changes = [(row, Some(title.to_string())), (order, active(1))];
        if self.done(&sql, &changes) {
            self.orders.push((order, 1));
        }
    }

    fn change_own_quantity(&mut self) {
        let (row, title) = (self.own_row, Uuid::new_v4());
        let delta = self.random.random_range(-5..=5);
        let sql = format!(
            "UPDATE shop_listings SET title = '{title}', quantity_available = quantity_available + {delta}
              WHERE listing_id = '{row}'"
        );
        self.done(&sql, &[(row, Some(title.to_string()))]);
    }

    fn insert_allocation(&mut self) {
        let ((_, lot), order) = (self.listing(), Uuid::new_v4());
        let sql = format!(
            "INSERT INTO stock.stock_allocations (lot_id, order_id, quantity, status)
             VALUES ('{lot}', '{order}', 2, 'active'), ('{lot}', '{order}', 1, 'active')"
        );
        if self.done(&sql, &[(order, active(3))]) {
            self.orders.push((order, 3));
        }
    }

    fn update_allocation(&mut self) {
        if let Some((order, units)) = self.order() {
            let sql = format!(
                "UPDATE stock.stock_allocations SET status = 'released' WHERE order_id = '{order}'"
            );
            self.done(&sql, &[(order, Some(format!("released {units}")))]);
        }
    }

    fn insert_lot(&mut self) {
        let ((listing, _), lot) = (self.listing(), Uuid::new_v4());
        let sql = format!(
            "INSERT INTO stock.stock_lots (lot_id, listing_id, quantity_total) VALUES ('{lot}', '{listing}', 5)"
        );
        if self.done(&sql, &[(lot, lot_of(5))]) {
            self.lots.push((lot, 5));
        }
    }

    fn raise_lot(&mut self) {
        if let Some((lot, units)) = Worker::one_of(&mut self.random, &mut self.lots) {
            let sql = format!(
                "UPDATE stock.stock_lots SET quantity_total = quantity_total + 1 WHERE lot_id = '{lot}'"
            );
            if self.done(&sql, &[(lot, lot_of(units + 1))]) {
                self.lots.push((lot, units + 1));
            }
        }
    }
}
