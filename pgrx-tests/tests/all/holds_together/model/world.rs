//! The model: what the tables would say, and what follows from it.

use crate::api::shop::{ORISON, UNSPECIFIED};
use std::collections::BTreeMap;
use uuid::Uuid;

pub const PLACES: [Uuid; 2] = [UNSPECIFIED, ORISON];

pub struct Listing {
    pub id: Uuid,
    pub safety_stock: i64,
    pub backorder_limit: i64,
}

pub struct Lot {
    pub listing: Uuid,
    pub place: Uuid,
    pub total: i64,
    pub allocated: i64,
    pub listed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub listing: Uuid,
    pub place: Option<Uuid>,
    /// As get_hold tells it.
    pub state: &'static str,
    pub quantity: i64,
    /// What was asked for at first.
    pub requested: i64,
    pub order: Option<Uuid>,
    pub key: Option<String>,
    /// Counts up: the order in which holds that wait are filled.
    pub age: usize,
}

impl Hold {
    pub fn is_live(&self) -> bool {
        ["active", "waiting"].contains(&self.state)
    }
}

#[derive(Default)]
pub struct World {
    pub listings: Vec<Listing>,
    pub lots: BTreeMap<Uuid, Lot>,
    pub holds: BTreeMap<Uuid, Hold>,
    /// Active units by order and lot.
    pub claims: BTreeMap<(Uuid, Uuid), i64>,
}

/// Total, listed, allocated and held units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    pub total: i64,
    pub listed: i64,
    pub allocated: i64,
    pub held: i64,
}

impl Numbers {
    pub fn available(&self) -> i64 {
        self.listed - self.allocated - self.held
    }

    pub fn reserved(&self) -> i64 {
        self.allocated + self.held
    }
}

impl World {
    pub fn listing(&self, id: Uuid) -> &Listing {
        self.listings
            .iter()
            .find(|listing| listing.id == id)
            .unwrap()
    }

    /// Of a listing, or of it at one place, where only the holds count that name it.
    pub fn numbers(&self, listing: Uuid, place: Option<Uuid>) -> Numbers {
        let mut numbers = Numbers::default();
        let at = |own: Uuid| place.is_none_or(|place| place == own);
        let lots = self.lots.values();
        for lot in lots.filter(|lot| lot.listing == listing && at(lot.place)) {
            numbers.total += lot.total;
            if lot.listed {
                numbers.listed += lot.total;
                numbers.allocated += lot.allocated;
            }
        }
        let live = self.holds.values().filter(|hold| hold.is_live());
        numbers.held = live
            .filter(|hold| hold.listing == listing && (place.is_none() || hold.place == place))
            .map(|hold| hold.quantity)
            .sum();
        numbers
    }

    pub fn available(&self, listing: Uuid) -> i64 {
        self.numbers(listing, None).available()
    }

    /// What an allocation may take of a listing by its own numbers.
    pub fn promise(&self, listing: Uuid) -> i64 {
        self.available(listing) - self.listing(listing).safety_stock
    }

    /// What a hold may take: of a place no more than it has.
    pub fn room(&self, listing: Uuid, place: Option<Uuid>) -> i64 {
        let room = self.promise(listing) + self.listing(listing).backorder_limit;
        match place {
            Some(_) => room.min(self.numbers(listing, place).available()),
            None => room,
        }
    }

    /// Units in these lots that no place keeps back for its holds; `own` is held at a place by whoever
    /// asks.
    pub fn free(
        &self,
        listing: Uuid,
        place: Option<Uuid>,
        own: Option<(Uuid, i64)>,
        lots: &[Uuid],
    ) -> i64 {
        let places = PLACES
            .into_iter()
            .filter(|at| place.is_none_or(|place| place == *at));
        places
            .map(|at| {
                let own = own.map_or(0, |(place, units)| if place == at { units } else { 0 });
                let left = self.numbers(listing, Some(at)).available() + own;
                let lots = lots.iter().map(|lot| &self.lots[lot]);
                let free = lots
                    .filter(|lot| lot.listing == listing && lot.place == at && lot.listed)
                    .map(|lot| lot.total - lot.allocated);
                free.sum::<i64>().min(left).max(0)
            })
            .sum()
    }

    pub fn lots_of(&self, listing: Uuid) -> Vec<Uuid> {
        let own = self.lots.iter().filter(|(_, lot)| lot.listing == listing);
        own.map(|(id, _)| *id).collect()
    }

    /// Whether a transaction by hand may be committed as things are now.
    pub fn is_sound(&self) -> bool {
        self.lots.values().all(|lot| lot.allocated <= lot.total)
            && self.listings.iter().all(|listing| {
                self.available(listing.id) >= -listing.backorder_limit
                    && PLACES
                        .iter()
                        .all(|place| self.numbers(listing.id, Some(*place)).available() >= 0)
            })
    }

    pub fn allocate(&mut self, order: Uuid, lot: Uuid, units: i64) {
        let taken = self.lots.get_mut(&lot).expect("a lot that is known");
        taken.allocated += units;
        assert!(
            taken.listed && taken.allocated <= taken.total,
            "more than the lot has"
        );
        *self.claims.entry((order, lot)).or_default() += units;
    }

    /// Active units of an order.
    pub fn active(&self, order: Uuid) -> i64 {
        let own = self.claims.iter().filter(|((of, _), _)| *of == order);
        own.map(|(_, units)| units).sum()
    }
}

impl Lot {
    pub fn new(listing: Uuid, place: Uuid, total: i64) -> Lot {
        Lot {
            listing,
            place,
            total,
            allocated: 0,
            listed: true,
        }
    }
}

impl Hold {
    /// No hold: what an allocation wants at once.
    pub fn nothing(listing: Uuid, place: Option<Uuid>) -> Hold {
        Hold {
            listing,
            place,
            state: "active",
            quantity: 0,
            requested: 0,
            order: None,
            key: None,
            age: 0,
        }
    }
}
