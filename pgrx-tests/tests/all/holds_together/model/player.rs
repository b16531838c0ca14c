//! Does one thing after the other on the server and in the model, and compares the two.

use super::world::{Hold, Listing, Lot, World, PLACES};
use crate::api::shop::Shop;
use postgres::types::ToSql;
use postgres::Row;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// Orders in use at a time.
const ORDERS: usize = 8;

pub type Answer = Result<Vec<Row>, ErrorInfo>;

pub struct Player {
    pub shop: Shop,
    pub world: World,
    pub random: SmallRng,
    /// Orders in use.
    pub orders: Vec<Uuid>,
    pub ages: usize,
    seed: u64,
    /// The latest calls, for whoever looks for what went wrong.
    calls: Vec<String>,
    tally: Tally,
}

/// How often each kind of call came to what.
pub type Tally = BTreeMap<(&'static str, String), usize>;

impl Player {
    pub fn new(seed: u64) -> Player {
        let mut shop = Shop::open();
        // What is looked at is what it does, not the disk.
        shop.run("SET synchronous_commit = off");
        let mut world = World::default();
        for (safety_stock, backorder_limit) in [(0, 0), (3, 0), (0, 6), (2, 6)] {
            let sql = "SELECT register_listing(NULL, safety_stock => $1, backorder_limit => $2)";
            let id: Uuid = shop.value(sql, &[&safety_stock, &backorder_limit]);
            world.listings.push(Listing {
                id,
                safety_stock: safety_stock.into(),
                backorder_limit: backorder_limit.into(),
            });
            for place in PLACES {
                let lot = shop.receive_at(id, 4, place);
                world.lots.insert(lot, Lot::new(id, place, 4));
            }
        }
        Player {
            shop,
            world,
            random: SmallRng::seed_from_u64(seed),
            orders: Vec::new(),
            ages: 0,
            seed,
            calls: Vec::new(),
            tally: Tally::new(),
        }
    }

    pub fn operate(&mut self) {
        match self.random.random_range(0..100) {
            0..=15 => self.hold_stock(),
            16..=20 => self.hold_with_key(),
            21..=25 => self.hold_order(),
            26..=29 => self.hold_many(),
            30..=39 => self.confirm_hold(),
            40..=43 => self.confirm_order(),
            44..=45 => self.extend_hold(),
            46..=52 => self.release_hold(),
            53 => self.release_order_holds(),
            54..=59 => self.run_out(),
            60..=61 => self.sweep(),
            62 => self.purge(),
            63..=70 => self.allocate_stock(),
            71..=76 => self.end_allocations("released"),
            77..=79 => self.end_allocations("fulfilled"),
            80..=84 => self.receive_stock(),
            85..=88 => self.insert_hold(),
            89..=91 => self.update_hold(),
            92..=93 => self.delete_hold(),
            94..=95 => self.insert_lot(),
            96..=98 => self.change_lot(),
            _ => self.change_limits(),
        }
    }

    /// Calls a function or runs a statement, in a transaction of its own.
    pub fn call(
        &mut self,
        name: &'static str,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Answer {
        let answer = self.shop.client.query(sql, params);
        let answer = answer.map_err(|error| ErrorInfo::from(&error));
        let came_to = match &answer {
            Ok(_) => "done".to_owned(),
            Err(error) => error.name(),
        };
        self.calls.push(format!("{sql} {params:?}: {came_to}"));
        self.count(name, &came_to);
        answer
    }

    /// Notes what has come of something.
    pub fn count(&mut self, name: &'static str, came_to: &str) {
        let count = self.tally.entry((name, came_to.to_owned()));
        *count.or_default() += 1;
    }

    pub fn any_listing(&mut self) -> Uuid {
        self.world.listings[self.random.random_range(0..self.world.listings.len())].id
    }

    pub fn any_place(&mut self) -> Option<Uuid> {
        match self.random.random_range(0..5) {
            0 => Some(PLACES[0]),
            1 => Some(PLACES[1]),
            _ => None,
        }
    }

    /// Any hold, mostly a live one; now and then one that nobody knows.
    pub fn any_hold(&mut self) -> Uuid {
        let live = self.random.random_bool(0.7);
        let holds = self.world.holds.iter();
        let holds = holds.filter(|(_, hold)| !live || hold.is_live());
        let holds: Vec<Uuid> = holds.map(|(id, _)| *id).collect();
        if holds.is_empty() || self.random.random_bool(0.02) {
            return Uuid::new_v4();
        }
        holds[self.random.random_range(0..holds.len())]
    }

    /// One of a few orders, or now and then a new one instead of the oldest.
    pub fn any_order(&mut self) -> Uuid {
        if self.orders.len() < ORDERS || self.random.random_bool(0.1) {
            let order = Uuid::from_u128(self.random.random());
            self.orders.push(order);
            let most = self.orders.len().saturating_sub(ORDERS);
            self.orders.drain(..most);
            return order;
        }
        self.orders[self.random.random_range(0..ORDERS)]
    }

    pub fn next_age(&mut self) -> usize {
        self.ages += 1;
        self.ages
    }

    /// Every number and every hold is what the model says.
    #[track_caller]
    pub fn compare(&mut self) {
        let ids: Vec<Uuid> = self
            .world
            .listings
            .iter()
            .map(|listing| listing.id)
            .collect();
        let sql =
            "SELECT listing_id, available, reserved, held, allocated, total, available_to_promise
                     FROM get_stock($1)";
        for row in self.shop.rows(sql, &[&ids]) {
            let listing: Uuid = row.get(0);
            let numbers = self.world.numbers(listing, None);
            let told: Vec<i64> = (1..=6).map(|at| row.get::<_, i32>(at).into()).collect();
            let available = numbers.available();
            let expected = [
                available,
                numbers.reserved(),
                numbers.held,
                numbers.allocated,
                numbers.total,
                available - self.world.listing(listing).safety_stock,
            ];
            assert_eq!(told, expected, "listing {listing}");
        }
        let sql = "SELECT g, p, get_available_stock(g, p), get_reserved_stock(g, p), get_total_stock(g, p)
                     FROM unnest($1::uuid[]) AS g, unnest($2::uuid[]) AS p";
        for row in self.shop.rows(sql, &[&ids, &PLACES.as_slice()]) {
            let (listing, place): (Uuid, Uuid) = (row.get(0), row.get(1));
            let numbers = self.world.numbers(listing, Some(place));
            let told: Vec<i64> = (2..=4).map(|at| row.get::<_, i32>(at).into()).collect();
            let expected = [numbers.available(), numbers.reserved(), numbers.total];
            assert_eq!(told, expected, "listing {listing} at {place}");
        }
        self.compare_holds();
    }

    #[track_caller]
    fn compare_holds(&mut self) {
        let sql = "SELECT h.hold_id, g.state, g.quantity, g.listing_id, g.location_id, g.order_id, g.quantity_requested
                     FROM stock_holds h CROSS JOIN get_hold(h.hold_id) g";
        let rows = self.shop.rows(sql, &[]);
        assert_eq!(rows.len(), self.world.holds.len(), "number of holds");
        for row in rows {
            let id: Uuid = row.get(0);
            let Some(hold) = self.world.holds.get(&id) else {
                panic!("hold {id} should not be there");
            };
            let told = Hold {
                state: hold.state,
                listing: row.get(3),
                place: row.get(4),
                quantity: row.get::<_, i32>(2).into(),
                requested: row.get::<_, i32>(6).into(),
                order: row.get(5),
                ..hold.clone()
            };
            assert_eq!((row.get(1), &told), (hold.state, hold), "hold {id}");
        }
    }

    /// What calls came to, for [`assert_lively`].
    pub fn into_tally(mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    pub fn summary(&self) -> String {
        format!("{:?}", self.tally)
    }
}

/// Every kind of call has come to something in one of these runs, and the refusals were met.
#[track_caller]
pub fn assert_lively(runs: &[Tally]) {
    for (name, came_to) in [
        ("hold_stock", "insufficient_stock"),
        ("hold_stock with a key", "idempotency_mismatch"),
        ("hold_order", "done"),
        ("confirm_hold", "hold_expired"),
        ("confirm_hold", "hold_not_active"),
        ("confirm_hold", "hold_not_found"),
        ("confirm_hold", "waiting"),
        ("confirm_order", "done"),
        ("confirm_order", "hold_expired"),
        ("goods", "filled some"),
        ("goods", "filled all"),
        ("release_allocations", "allocation_not_active"),
        ("UPDATE stock_lots", "stock_committed"),
    ] {
        let what = (name, came_to.to_owned());
        let met = runs.iter().any(|tally| tally.contains_key(&what));
        assert!(met, "nothing has come to {name}: {came_to}");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {}, after {} calls; the latest:",
                self.seed,
                self.calls.len()
            );
            for call in self.calls.iter().rev().take(12).rev() {
                eprintln!("  {call}");
            }
        }
    }
}
