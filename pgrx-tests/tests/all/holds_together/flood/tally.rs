//! What the clients of a flood did and were told.

use super::by_function;
use super::store::{self, HoldRow};
use super::story::{OrderStory, Story};
use postgres::Client;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use uuid::Uuid;

#[derive(Default)]
pub struct Tally {
    pub done: BTreeMap<&'static str, usize>,
    pub refused: BTreeMap<(&'static str, String), usize>,
    pub retries: BTreeMap<(&'static str, String), usize>,
    /// Units that came in less units that left.
    pub units: i64,
    pub holds: HashMap<Uuid, Story>,
    pub orders: HashMap<Uuid, OrderStory>,
    /// Holds that calls with an idempotency key were given.
    pub keys: HashMap<String, Vec<Uuid>>,
}

impl Tally {
    pub fn tell(&mut self, hold: Uuid, story: Story) {
        self.holds.entry(hold).or_default().add(story);
    }

    pub fn tell_of_order(&mut self, order: Uuid, story: OrderStory) {
        self.orders.entry(order).or_default().add(story);
    }

    pub fn add(&mut self, other: Tally) {
        for (key, count) in other.done {
            *self.done.entry(key).or_default() += count;
        }
        for (key, count) in other.refused {
            *self.refused.entry(key).or_default() += count;
        }
        for (key, count) in other.retries {
            *self.retries.entry(key).or_default() += count;
        }
        self.units += other.units;
        for (hold, story) in other.holds {
            self.tell(hold, story);
        }
        for (order, story) in other.orders {
            self.tell_of_order(order, story);
        }
        for (key, holds) in other.keys {
            self.keys.entry(key).or_default().extend(holds);
        }
    }

    /// A flood in which little happened shows nothing.
    #[track_caller]
    pub fn assert_lively(&self) {
        for name in by_function::NAMES {
            assert!(self.done.contains_key(name), "never done: {name}");
        }
        for refusal in ["insufficient_stock", "hold_expired", "hold_not_active"] {
            let was_met = self.refused.keys().any(|(_, name)| name == refusal);
            assert!(was_met, "nobody met {refusal}");
        }
    }

    /// Where the database has something else than the clients were told.
    pub fn problems(&self, client: &mut Client) -> Vec<String> {
        let rows = store::holds(client);
        let mut problems = Vec::new();
        for (hold, story) in &self.holds {
            let row = rows.get(hold);
            if let Some(problem) = story.problem(row) {
                problems.push(format!("hold {hold} {problem}: {story:?}, {row:?}"));
            }
        }
        for (order, story) in &self.orders {
            let own: Vec<&HoldRow> = story.holds.iter().filter_map(|h| rows.get(h)).collect();
            if let Some(problem) = story.problem(&own) {
                problems.push(format!("order {order} {problem}: {story:?}, {own:?}"));
            }
        }
        for (key, holds) in &self.keys {
            if holds.iter().any(|hold| *hold != holds[0]) {
                problems.push(format!("key {key} was given to {holds:?}"));
            }
        }
        let twice = "SELECT idempotency_key FROM stock_holds WHERE idempotency_key IS NOT NULL
                      GROUP BY idempotency_key HAVING count(*) > 1";
        for row in client.query(twice, &[]).unwrap() {
            problems.push(format!("key {} has two holds", row.get::<_, String>(0)));
        }
        problems.truncate(10);
        problems
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "done {:?}", self.done)?;
        writeln!(out, "refused {:?}", self.refused)?;
        write!(out, "retries {:?}", self.retries)
    }
}
