//! What the clients did and were told, and whether the rows agree.

use postgres::Client;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use uuid::Uuid;

/// Everything that must have been done.
const NAMES: [&str; 14] = [
    "hold_resource",
    "hold_resource_range",
    "hold_package",
    "confirm_resource_hold",
    "confirm_package",
    "release_resource_hold",
    "extend_resource_hold",
    "cancel_resource_allocation",
    "move_resource_allocation",
    "expire_holds",
    "INSERT INTO resource_hold",
    "UPDATE resource_hold",
    "DELETE FROM resource_hold",
    "DELETE FROM resource_allocation",
];

/// Dates and units, as the row has them.
pub type Shape = String;

#[derive(Default)]
pub struct Tally {
    pub done: BTreeMap<&'static str, usize>,
    pub refused: BTreeMap<(&'static str, String), usize>,
    pub retries: BTreeMap<&'static str, usize>,
    /// States that a hold can be in, by its key; none where it was deleted.
    pub holds: HashMap<Uuid, &'static [&'static str]>,
    /// What each booking is; none where it was cancelled.
    pub bookings: HashMap<Uuid, Option<Shape>>,
}

impl Tally {
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
        self.holds.extend(other.holds);
        self.bookings.extend(other.bookings);
    }

    /// A crowd in which little happened shows nothing.
    #[track_caller]
    pub fn assert_lively(&self) {
        for name in NAMES {
            assert!(self.done.contains_key(name), "never done: {name}");
        }
        for refusal in ["insufficient_capacity", "hold_expired"] {
            let was_met = self.refused.keys().any(|(_, name)| name == refusal);
            assert!(was_met, "nobody met {refusal}");
        }
    }

    /// Where the rows are something else than the clients were told.
    pub fn problems(&self, client: &mut Client) -> Vec<String> {
        let mut rows = |sql: &str| -> HashMap<Uuid, String> {
            let rows = client.query(sql, &[]).unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        };
        let holds = rows("SELECT id, status FROM resource_hold");
        let bookings = rows("SELECT id, format('%s %s', dates, quantity) FROM resource_allocation");
        let mut problems = Vec::new();
        for (hold, states) in &self.holds {
            let is = holds.get(hold).map(String::as_str);
            if !is.map_or(states.is_empty(), |is| states.contains(&is)) {
                problems.push(format!("hold {hold} is {is:?}, not {states:?}"));
            }
        }
        for (booking, shape) in &self.bookings {
            let is = bookings.get(booking);
            if is != shape.as_ref() {
                problems.push(format!("booking {booking} is {is:?}, not {shape:?}"));
            }
        }
        let known = |hold: &&Uuid| !self.holds.contains_key(hold);
        problems.extend(
            holds
                .keys()
                .filter(known)
                .map(|hold| format!("nobody made {hold}")),
        );
        let known = |booking: &&Uuid| !self.bookings.contains_key(booking);
        problems.extend(
            bookings
                .keys()
                .filter(known)
                .map(|booking| format!("nobody booked {booking}")),
        );
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
