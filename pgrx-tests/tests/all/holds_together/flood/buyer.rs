//! A client of the flood: it does one thing after the other, until it is told to stop.

use super::store::{Goods, Store};
use super::story::Story;
use super::tally::Tally;
use super::Conditions;
use postgres::{Client, Transaction};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// What all clients know: for any of them may confirm, extend or release what another has held.
#[derive(Default)]
pub struct Shared {
    stopped: AtomicBool,
    done: AtomicUsize,
    /// The idempotency key that is in use: several clients make their first call with it at once.
    key: AtomicUsize,
    pub holds: Pool,
    pub orders: Pool,
    /// Orders with allocations.
    pub claims: Pool,
}

/// The latest of something.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Uuid>>);

const LATEST: usize = 40;

impl Pool {
    pub fn put(&self, id: Uuid) {
        let mut all = self.0.lock().unwrap();
        all.push(id);
        if all.len() > LATEST {
            all.remove(0);
        }
    }

    fn any(&self, random: &mut SmallRng) -> Option<Uuid> {
        let all = self.0.lock().unwrap();
        (!all.is_empty()).then(|| all[random.random_range(0..all.len())])
    }
}

impl Shared {
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Transactions that all clients have done.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A number of a key, and now and then the next one.
    pub fn key(&self, random: &mut SmallRng) -> usize {
        if random.random_bool(0.3) {
            self.key.fetch_add(1, Ordering::Relaxed)
        } else {
            self.key.load(Ordering::Relaxed)
        }
    }
}

pub struct Buyer {
    client: Client,
    conditions: Conditions,
    pub random: SmallRng,
    pub goods: Arc<Vec<Goods>>,
    pub shared: Arc<Shared>,
    pub tally: Tally,
}

impl Buyer {
    pub fn new(number: u64, store: &Store, shared: &Arc<Shared>, conditions: Conditions) -> Buyer {
        Buyer {
            client: store.client(),
            conditions,
            random: SmallRng::seed_from_u64(number),
            goods: Arc::clone(&store.goods),
            shared: Arc::clone(shared),
            tally: Tally::default(),
        }
    }

    pub fn run(mut self) -> Tally {
        while !self.shared.is_stopped() {
            if self.conditions.by_hand && self.random.random_bool(0.25) {
                self.work_by_hand();
            } else {
                self.call_a_function();
            }
        }
        self.tally
    }

    /// Runs one transaction until it is done or refused; answers with what it said, if it is done.
    pub fn transaction<T>(
        &mut self,
        name: &'static str,
        refusals: &[&str],
        mut body: impl FnMut(&mut Transaction) -> Result<T, postgres::Error>,
    ) -> Result<T, Option<ErrorInfo>> {
        let level = format!(
            "SET TRANSACTION ISOLATION LEVEL {}",
            self.conditions.isolation
        );
        loop {
            let result = (|| {
                let mut transaction = self.client.transaction()?;
                transaction.batch_execute(&level)?;
                let value = body(&mut transaction)?;
                transaction.commit()?;
                Ok(value)
            })();
            let error = match result {
                Ok(value) => {
                    *self.tally.done.entry(name).or_default() += 1;
                    self.shared.done.fetch_add(1, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(error) => ErrorInfo::from(&error),
            };
            if refusals.contains(&error.name().as_str()) {
                let key = (name, error.name());
                *self.tally.refused.entry(key).or_default() += 1;
                return Err(Some(error));
            }
            if !self.conditions.retryable(&error.sqlstate) {
                // The others shall not go on until the end.
                self.shared.stop();
                panic!("{name}: unexpected {error:?}");
            }
            let key = (name, error.sqlstate);
            *self.tally.retries.entry(key).or_default() += 1;
            if self.shared.is_stopped() {
                return Err(None);
            }
        }
    }

    pub fn any_goods(&mut self) -> Goods {
        self.goods[self.random.random_range(0..self.goods.len())]
    }

    pub fn any_hold(&mut self) -> Option<Uuid> {
        self.shared.holds.any(&mut self.random)
    }

    pub fn any_order(&mut self) -> Option<Uuid> {
        self.shared.orders.any(&mut self.random)
    }

    pub fn any_claim(&mut self) -> Option<Uuid> {
        self.shared.claims.any(&mut self.random)
    }

    /// A hold that was made now, for all to use.
    pub fn made(&mut self, hold: Uuid, units: i32) {
        self.tally.tell(hold, Story::made(units));
        self.shared.holds.put(hold);
    }
}
