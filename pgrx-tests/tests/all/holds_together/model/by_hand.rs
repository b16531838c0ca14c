//! What is written into the tables themselves: judged at commit.

use super::player::{Answer, Player};
use super::world::{Hold, Lot, PLACES};
use rand::Rng;
use uuid::Uuid;

impl Player {
    /// Whether the statement was let through; it must be where the model is sound after it.
    #[track_caller]
    fn judged(&self, answer: Answer) -> bool {
        let sound = self.world.is_sound();
        match answer {
            Ok(_) => assert!(sound, "should be refused"),
            Err(error) => {
                assert_eq!(error.name(), "stock_committed", "{error:?}");
                assert!(!sound, "should be let through: {error:?}");
            }
        }
        sound
    }

    pub fn insert_hold(&mut self) {
        let (id, listing) = (Uuid::from_u128(self.random.random()), self.any_listing());
        let (place, units) = (self.any_place(), self.random.random_range(1..=8));
        let answer = self.call(
            "INSERT INTO stock_holds",
            "INSERT INTO stock_holds (hold_id, listing_id, location_id, quantity) VALUES ($1, $2, $3, $4)",
            &[&id, &listing, &place, &units],
        );
        let hold = Hold {
            quantity: units.into(),
            requested: units.into(),
            age: self.next_age(),
            ..Hold::nothing(listing, place)
        };
        self.world.holds.insert(id, hold);
        if !self.judged(answer) {
            self.world.holds.remove(&id);
        }
    }

    /// Another quantity, place or state. Confirmed by hand, a hold only frees its units.
    pub fn update_hold(&mut self) {
        let id = self.any_hold();
        let Some(before) = self.world.holds.get(&id).cloned() else {
            return;
        };
        if before.state != "active" {
            return;
        }
        let state = ["active", "active", "released", "confirmed"][self.random.random_range(0..4)];
        let (place, quantity) = match state {
            "active" => (self.any_place(), self.random.random_range(1..=8)),
            _ => (before.place, before.quantity as i32),
        };
        let answer = self.call(
            "UPDATE stock_holds",
            "UPDATE stock_holds SET status = $2, location_id = $3, quantity = $4 WHERE hold_id = $1",
            &[&id, &state, &place, &quantity],
        );
        let after = Hold {
            state,
            place,
            quantity: quantity.into(),
            ..before.clone()
        };
        self.world.holds.insert(id, after);
        if !self.judged(answer) {
            self.world.holds.insert(id, before);
        }
    }

    pub fn delete_hold(&mut self) {
        let id = self.any_hold();
        let answer = self.call(
            "DELETE FROM stock_holds",
            "DELETE FROM stock_holds WHERE hold_id = $1",
            &[&id],
        );
        self.world.holds.remove(&id);
        assert!(self.judged(answer));
    }

    pub fn insert_lot(&mut self) {
        let (id, listing) = (Uuid::from_u128(self.random.random()), self.any_listing());
        let place = PLACES[self.random.random_range(0..PLACES.len())];
        let (units, listed): (i32, bool) = (self.random.random_range(0..=4), self.random.random());
        let answer = self.call(
            "INSERT INTO stock_lots",
            "INSERT INTO stock_lots (lot_id, listing_id, location_id, quantity_total, listed) VALUES ($1, $2, $3, $4, $5)",
            &[&id, &listing, &place, &units, &listed],
        );
        let lot = Lot {
            listed,
            ..Lot::new(listing, place, units.into())
        };
        self.world.lots.insert(id, lot);
        assert!(self.judged(answer));
        self.fill(listing, &[id]);
    }

    /// Raised or lowered, which claims may forbid.
    pub fn change_lot(&mut self) {
        let lots: Vec<Uuid> = self.world.lots.keys().copied().collect();
        let id = lots[self.random.random_range(0..lots.len())];
        let before = self.world.lots[&id].total;
        let change = self.random.random_range(-4..=2).max(-before);
        let answer = self.call(
            "UPDATE stock_lots",
            "UPDATE stock_lots SET quantity_total = quantity_total + $2 WHERE lot_id = $1",
            &[&id, &(change as i32)],
        );
        self.world.lots.get_mut(&id).unwrap().total += change;
        if !self.judged(answer) {
            self.world.lots.get_mut(&id).unwrap().total = before;
        } else if change > 0 {
            let listing = self.world.lots[&id].listing;
            self.fill(listing, &[id]);
        }
    }

    /// How far below zero holds may go: what is held already may forbid to lower it.
    pub fn change_limits(&mut self) {
        let at = self.random.random_range(2..self.world.listings.len());
        let limit: i32 = self.random.random_range(0..=8);
        let id = self.world.listings[at].id;
        let answer = self.call(
            "UPDATE stock_listings",
            "UPDATE stock_listings SET backorder_limit = $2 WHERE listing_id = $1",
            &[&id, &limit],
        );
        let before = self.world.listings[at].backorder_limit;
        self.world.listings[at].backorder_limit = limit.into();
        if !self.judged(answer) {
            self.world.listings[at].backorder_limit = before;
        }
    }
}
