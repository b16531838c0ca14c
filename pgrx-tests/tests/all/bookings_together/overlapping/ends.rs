//! How a client ends, extends and moves what it has.

use super::booker::{array, Booker, Held, SHORT};
use rand::seq::IndexedRandom;
use rand::Rng;
use uuid::Uuid;

const EXPIRED: &[&str] = &["hold_expired"];

impl Booker {
    fn any_held(&mut self) -> Option<Held> {
        let count = self.held.len();
        (count > 0).then(|| self.held.swap_remove(self.random.random_range(0..count)))
    }

    /// Only what runs out may be refused for that.
    fn refusals(held: &Held) -> &'static [&'static str] {
        if held.is_short {
            EXPIRED
        } else {
            &[]
        }
    }

    fn ended(&mut self, held: &Held, states: &'static [&'static str]) {
        for hold in &held.holds {
            self.tally.holds.insert(*hold, states);
        }
    }

    pub fn confirm(&mut self) {
        let Some(held) = self.any_held() else { return };
        let order = Uuid::new_v4().to_string();
        let (name, sql, key) = match held.package {
            Some(package) => (
                "confirm_package",
                "SELECT allocation_id FROM confirm_package($1, $2, 'line')",
                package,
            ),
            None => (
                "confirm_resource_hold",
                "SELECT confirm_resource_hold($1, $2, 'line')",
                held.holds[0],
            ),
        };
        let Ok(bookings) = self.call::<Uuid>(name, Self::refusals(&held), sql, &[&key, &order])
        else {
            return;
        };
        assert_eq!(bookings.len(), held.holds.len());
        self.ended(&held, &["CONFIRMED"]);
        for booking in bookings {
            let shape =
                "SELECT format('%s %s', dates, quantity) FROM resource_allocation WHERE id = $1";
            let shape = self.client.query_one(shape, &[&booking]).unwrap().get(0);
            self.tally.bookings.insert(booking, Some(shape));
            self.bookings.push(booking);
        }
    }

    pub fn release(&mut self) {
        let Some(held) = self.any_held() else { return };
        let (sql, key) = match held.package {
            Some(package) => ("SELECT release_package($1)", package),
            None => ("SELECT release_resource_hold($1)", held.holds[0]),
        };
        let freed = self.call::<i32>("release_resource_hold", Self::refusals(&held), sql, &[&key]);
        if freed.is_ok() {
            self.ended(&held, &["RELEASED"]);
        }
    }

    /// One row a statement: rows of many have no order that others know.
    pub fn end_by_hand(&mut self) {
        let Some(held) = self.any_held() else { return };
        let deletes = self.random.random_bool(0.3);
        for hold in &held.holds {
            let (name, sql) = match deletes {
                true => (
                    "DELETE FROM resource_hold",
                    "DELETE FROM resource_hold WHERE id = $1 AND status = 'ACTIVE' RETURNING 1",
                ),
                false => (
                    "UPDATE resource_hold",
                    "UPDATE resource_hold SET status = 'RELEASED' WHERE id = $1 AND status = 'ACTIVE' RETURNING 1",
                ),
            };
            let ended = self.call::<i32>(name, &[], sql, &[hold]).unwrap();
            assert!(held.is_short || ended == [1], "it lived");
            let states: &[&str] = match (ended.is_empty(), deletes) {
                (true, _) => &["EXPIRED"],
                (false, true) => &[],
                (false, false) => &["RELEASED"],
            };
            self.tally.holds.insert(*hold, states);
        }
    }

    pub fn extend(&mut self) {
        let Some(held) = self.any_held() else { return };
        for hold in &held.holds {
            let _ = self.call::<Option<std::time::SystemTime>>(
                "extend_resource_hold",
                Self::refusals(&held),
                "SELECT extend_resource_hold($1, '10 ms')",
                &[hold],
            );
        }
        self.held.push(held);
    }

    fn any_booking(&mut self) -> Option<Uuid> {
        self.bookings.choose(&mut self.random).copied()
    }

    pub fn cancel(&mut self) {
        let Some(booking) = self.any_booking() else {
            return;
        };
        let (name, sql) = match self.random.random_bool(0.7) {
            true => (
                "cancel_resource_allocation",
                "SELECT cancel_resource_allocation($1)",
            ),
            false => (
                "DELETE FROM resource_allocation",
                "DELETE FROM resource_allocation WHERE id = $1 RETURNING 1",
            ),
        };
        let gone = self.call::<i32>(name, &[], sql, &[&booking]).unwrap();
        assert_eq!(gone.len(), 1);
        self.tally.bookings.insert(booking, None);
        self.bookings.retain(|other| *other != booking);
    }

    pub fn move_booking(&mut self) {
        let Some(booking) = self.any_booking() else {
            return;
        };
        let (days, units) = (array(&self.days()), self.random.random_range(1..=2));
        let moved = self.call::<String>(
            "move_resource_allocation",
            SHORT,
            "SELECT format('%s %s', dates, quantity)
               FROM move_resource_allocation($1, $2::text::date[], $3) WHERE state = 'moved'",
            &[&booking, &days, &units],
        );
        if let Ok(moved) = moved {
            self.tally
                .bookings
                .insert(booking, moved.into_iter().next());
        }
    }

    pub fn sweep(&mut self) {
        let batch = self.random.random_range(1..=50);
        let _ = self.call::<i32>("expire_holds", &[], "SELECT expire_holds($1)", &[&batch]);
    }
}
