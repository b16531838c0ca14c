//! The lives of holds, as the answers tell them. Calls on one hold come from many clients in an order
//! that nobody knows; but their sums must fit the row in the end, and it ends once.

use super::store::HoldRow;
use uuid::Uuid;

/// What was told of a hold.
#[derive(Debug, Default)]
pub struct Story {
    /// Calls that said they made it.
    pub made: usize,
    /// Units it was made with, and those that were added by hand.
    pub units: i64,
    /// Units for which confirmations found goods, and those that wait for some.
    pub allocated: i64,
    pub waiting: i64,
    /// Whether a confirmation gave a rest back.
    pub gave_back: bool,
    /// Units of each call that said it freed them.
    pub released: Vec<i64>,
    /// Units with which it was deleted by hand.
    pub deleted: Option<i64>,
}

impl Story {
    pub fn made(units: i32) -> Story {
        Story {
            made: 1,
            units: units.into(),
            ..Story::default()
        }
    }

    pub fn add(&mut self, other: Story) {
        self.made += other.made;
        self.units += other.units;
        self.allocated += other.allocated;
        self.waiting += other.waiting;
        self.gave_back |= other.gave_back;
        self.released.extend(other.released);
        self.deleted = self.deleted.or(other.deleted);
    }

    /// Why the row can't be what this story ends with.
    pub fn problem(&self, row: Option<&HoldRow>) -> Option<&'static str> {
        let left = self.units - self.allocated - self.waiting;
        if self.made != 1 {
            return Some("was not made once");
        }
        let Some(row) = row else {
            return (self.deleted != Some(left)).then_some("is gone");
        };
        if self.deleted.is_some() {
            return Some("was deleted");
        }
        if row.allocated < self.allocated || row.allocated > self.allocated + self.waiting {
            return Some("has other allocations");
        }
        let freed_once = self.released == [row.quantity];
        let is_right = match row.status.as_str() {
            "active" | "expired" => {
                self.released.is_empty() && !self.gave_back && row.quantity == left
            }
            "released" if self.waiting == 0 => freed_once && row.quantity == left,
            "released" => freed_once,
            "confirmed" | "waiting" => {
                let whole = if self.gave_back { left >= 0 } else { left == 0 };
                self.released.is_empty() && whole && self.allocated + self.waiting > 0
            }
            _ => false,
        };
        (!is_right).then_some("has another state or quantity")
    }
}

/// What was told of an order whose holds were made, confirmed and released together.
#[derive(Debug, Default)]
pub struct OrderStory {
    pub holds: Vec<Uuid>,
    pub units: i64,
    /// Units of each confirmation; what waits of it.
    pub confirmed: Vec<i64>,
    pub waiting: i64,
    pub released: i64,
}

impl OrderStory {
    pub fn add(&mut self, other: OrderStory) {
        self.holds.extend(other.holds);
        self.units += other.units;
        self.confirmed.extend(other.confirmed);
        self.waiting += other.waiting;
        self.released += other.released;
    }

    /// Why these rows can't be what this story ends with.
    pub fn problem(&self, rows: &[&HoldRow]) -> Option<&'static str> {
        let units = |status: &str| -> i64 {
            let own = rows.iter().filter(|row| row.status == status);
            own.map(|row| row.quantity).sum()
        };
        if rows.len() != self.holds.len() {
            return Some("lacks a hold");
        }
        if units("released") != self.released {
            return Some("released something else");
        }
        let allocated: i64 = rows.iter().map(|row| row.allocated).sum();
        match self.confirmed.as_slice() {
            [] if units("confirmed") + units("waiting") + allocated > 0 => Some("was confirmed"),
            [] => None,
            [confirmed] if *confirmed != self.units => Some("was confirmed in part"),
            [_] if allocated > self.units || allocated < self.units - self.waiting => {
                Some("has other allocations")
            }
            [_] if units("active") + units("expired") > 0 => Some("is not confirmed"),
            [_] if units("released") > self.waiting => Some("was released too"),
            [_] => None,
            _ => Some("was confirmed twice"),
        }
    }
}
