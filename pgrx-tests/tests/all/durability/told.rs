//! What clients were told, and whether the database agrees.

use postgres::Client;
use std::collections::HashMap;
use uuid::Uuid;

/// What a key stands for, as one text; none where it does not exist.
pub type State = Option<String>;

/// What the clients know, by key.
#[derive(Default)]
pub struct Told {
    /// As the last answer left it.
    known: HashMap<Uuid, State>,
    /// As calls would have left it that were never answered, since the last that was: all of each
    /// happened, or nothing.
    unanswered: HashMap<Uuid, Vec<State>>,
    pub acknowledged: usize,
    pub refused: usize,
    pub cancelled: usize,
    pub unanswered_calls: usize,
}

impl Told {
    /// A call was answered, with success.
    pub fn acknowledge(&mut self, changes: &[(Uuid, State)]) {
        self.acknowledged += 1;
        self.learn(changes);
    }

    /// What the answer itself says.
    pub fn learn(&mut self, changes: &[(Uuid, State)]) {
        for (key, state) in changes {
            self.known.insert(*key, state.clone());
            self.unanswered.remove(key);
        }
    }

    /// The call failed with an error: nothing may be left of it.
    pub fn nothing_done(&mut self, changes: &[(Uuid, State)]) {
        for (key, _) in changes {
            self.known.entry(*key).or_insert(None);
        }
    }

    /// The call was never answered.
    pub fn leave_open(&mut self, changes: &[(Uuid, State)]) {
        self.unanswered_calls += 1;
        self.nothing_done(changes);
        for (key, state) in changes {
            self.unanswered.entry(*key).or_default().push(state.clone());
        }
    }

    /// Adds what another client was told; no two speak of the same key.
    pub fn add(&mut self, other: Told) {
        self.known.extend(other.known);
        self.unanswered.extend(other.unanswered);
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.cancelled += other.cancelled;
        self.unanswered_calls += other.unanswered_calls;
    }

    /// Where the database says something else than the clients were told. `states` is a query of keys and states.
    pub fn differences(&self, client: &mut Client, states: &str) -> Vec<String> {
        let states = read(client, states);
        let differs = |(key, known): &(&Uuid, &State)| {
            let actual = states.get(key);
            let as_told = actual == known.as_ref();
            let as_unanswered = self
                .unanswered
                .get(key)
                .is_some_and(|states| states.iter().any(|state| actual == state.as_ref()));
            !as_told && !as_unanswered
        };
        let differing = self.known.iter().filter(differs);
        differing
            .map(|(key, known)| format!("{key}: told {known:?}, is {:?}", states.get(key)))
            .collect()
    }

    /// What is there and no client has asked for.
    pub fn unknown(&self, client: &mut Client, states: &str) -> Vec<String> {
        let states = read(client, states);
        let unknown = states.keys().filter(|key| !self.known.contains_key(key));
        unknown
            .map(|key| format!("{key}: nobody asked for it"))
            .collect()
    }
}

fn read(client: &mut Client, states: &str) -> HashMap<Uuid, String> {
    let rows = client.query(states, &[]).expect("should read all states");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
