//! Holds in the load: made, confirmed, extended, released. A hold is known by its idempotency key, which
//! is the client's own: of a call that was never answered too.

use super::{active, Answer, Worker};
use crate::durability::told::State;
use rand::Rng;
use uuid::Uuid;

/// A hold that is active.
#[derive(Clone, Copy)]
pub struct Hold {
    hold: Uuid,
    key: Uuid,
    units: i32,
    /// It is made for an hour and extended by days.
    days: i32,
}

impl Hold {
    fn in_state(&self, status: &str) -> (Uuid, State) {
        let Hold {
            key, units, days, ..
        } = self;
        (*key, Some(format!("{status} {units} for {days} days")))
    }
}

impl Worker {
    pub fn work_with_holds(&mut self) {
        match self.random.random_range(0..8) {
            0..=2 => self.hold(),
            3 => self.hold_by_hand(),
            4 => self.confirm(),
            5 => self.confirm_part(),
            6 => self.extend(),
            _ => self.release(),
        }
    }

    fn new_hold(&mut self) -> (Uuid, Hold) {
        let (listing, _) = self.listing();
        let hold = Hold {
            hold: Uuid::new_v4(),
            key: Uuid::new_v4(),
            units: self.random.random_range(2..=4),
            days: 0,
        };
        (listing, hold)
    }

    fn hold(&mut self) {
        let (listing, wanted) = self.new_hold();
        let Hold { key, units, .. } = wanted;
        let sql = format!(
            "SELECT hold_id FROM stock.hold_stock('{listing}', {units}, '1 hour', '{key}')"
        );
        let answer = self.transaction(&sql, &[wanted.in_state("active")]);
        if let Answer::Done(Some(hold)) = answer {
            self.holds.push(Hold { hold, ..wanted });
        }
    }

    fn hold_by_hand(&mut self) {
        let (listing, wanted) = self.new_hold();
        let Hold {
            hold, key, units, ..
        } = wanted;
        let sql = format!(
            "INSERT INTO stock.stock_holds (hold_id, listing_id, quantity, idempotency_key)
             VALUES ('{hold}', '{listing}', {units}, '{key}')"
        );
        if self.done(&sql, &[wanted.in_state("active")]) {
            self.holds.push(wanted);
        }
    }

    fn any_hold(&mut self) -> Option<Hold> {
        Worker::one_of(&mut self.random, &mut self.holds)
    }

    fn confirm(&mut self) {
        if let Some(held) = self.any_hold() {
            let (order, Hold { hold, units, .. }) = (Uuid::new_v4(), held);
            let sql = format!("SELECT stock.confirm_hold('{hold}', '{order}')");
            let changes = [held.in_state("confirmed"), (order, active(units))];
            if self.done(&sql, &changes) {
                self.orders.push((order, units));
            }
        }
    }

    /// One unit; the rest stays held.
    fn confirm_part(&mut self) {
        if let Some(held) = self.any_hold().filter(|held| held.units > 1) {
            let (order, hold) = (Uuid::new_v4(), held.hold);
            let sql = format!("SELECT stock.confirm_hold('{hold}', '{order}', 1, 'keep')");
            let rest = Hold {
                units: held.units - 1,
                ..held
            };
            if self.done(&sql, &[rest.in_state("active"), (order, active(1))]) {
                self.orders.push((order, 1));
                self.holds.push(rest);
            }
        }
    }

    fn extend(&mut self) {
        if let Some(held) = self.any_hold() {
            let sql = format!("SELECT stock.extend_hold('{}', '1 day')", held.hold);
            let longer = Hold {
                days: held.days + 1,
                ..held
            };
            if self.done(&sql, &[longer.in_state("active")]) {
                self.holds.push(longer);
            }
        }
    }

    fn release(&mut self) {
        if let Some(held) = self.any_hold() {
            let hold = held.hold;
            let sql = match self.random.random_bool(0.5) {
                true => format!("SELECT stock.release_hold('{hold}')"),
                false => format!(
                    "UPDATE stock.stock_holds SET status = 'released' WHERE hold_id = '{hold}'"
                ),
            };
            self.done(&sql, &[held.in_state("released")]);
        }
    }
}
