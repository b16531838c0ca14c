//! What clients were told, and whether the database agrees.

use postgres::Client;
use std::collections::HashMap;
use uuid::Uuid;

/// A hold, by its token, or a booking, by its order, as one text; none where it does not exist.
pub type State = Option<String>;

const STATES: &str = "
    SELECT idempotency_token::uuid, format('%s %s on %s', status, quantity, dates)
      FROM resource_hold WHERE idempotency_token IS NOT NULL
    UNION ALL
    SELECT order_id::uuid, format('booked %s on %s', quantity, dates) FROM resource_allocation";

#[derive(Default)]
pub struct Told {
    /// As the last answer left it.
    known: HashMap<Uuid, State>,
    /// As calls would have left it that were never answered: all of each happened, or nothing.
    unanswered: HashMap<Uuid, State>,
    pub acknowledged: usize,
    pub unanswered_calls: usize,
}

impl Told {
    /// A call was answered, with success.
    pub fn acknowledge(&mut self, changes: &[(Uuid, State)]) {
        self.acknowledged += 1;
        for (key, state) in changes {
            self.known.insert(*key, state.clone());
        }
    }

    /// The call was refused: nothing may be left of it.
    pub fn nothing_done(&mut self, changes: &[(Uuid, State)]) {
        for (key, _) in changes {
            self.known.entry(*key).or_insert(None);
        }
    }

    /// The call was never answered. Nobody touches again what it was about.
    pub fn leave_open(&mut self, changes: &[(Uuid, State)]) {
        self.unanswered_calls += 1;
        self.nothing_done(changes);
        self.unanswered.extend(changes.iter().cloned());
    }

    /// Adds what another client was told; no two speak of the same key.
    pub fn add(&mut self, other: Told) {
        self.known.extend(other.known);
        self.unanswered.extend(other.unanswered);
        self.acknowledged += other.acknowledged;
        self.unanswered_calls += other.unanswered_calls;
    }

    /// Where the database says something else than the clients were told.
    pub fn differences(&self, client: &mut Client) -> Vec<String> {
        let rows = client.query(STATES, &[]).expect("should read all states");
        let states: HashMap<Uuid, String> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let differs = |(key, known): &(&Uuid, &State)| {
            let actual = states.get(key).cloned();
            let as_unanswered = self.unanswered.get(key) == Some(&actual);
            actual != **known && !as_unanswered
        };
        let differing = self.known.iter().filter(differs);
        let told = differing
            .map(|(key, known)| format!("{key}: told {known:?}, is {:?}", states.get(key)));
        let unknown = states.keys().filter(|key| !self.known.contains_key(key));
        told.chain(unknown.map(|key| format!("{key}: nobody asked for it")))
            .collect()
    }
}
