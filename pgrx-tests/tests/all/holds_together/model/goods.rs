//! Goods that come.

use super::player::Player;
use super::world::{Lot, PLACES};
use rand::Rng;
use uuid::Uuid;

impl Player {
    pub fn receive_stock(&mut self) {
        let (listing, place) = (self.any_listing(), self.any_place());
        let units: i32 = self.random.random_range(1..=5);
        let answer = self.call(
            "receive_stock",
            "SELECT receive_stock($1, $2, $3)",
            &[&listing, &units, &place],
        );
        let lot: Uuid = answer.unwrap()[0].get(0);
        let place = place.unwrap_or(PLACES[0]);
        self.world
            .lots
            .insert(lot, Lot::new(listing, place, units.into()));
        self.fill(listing, &[lot]);
    }
}
