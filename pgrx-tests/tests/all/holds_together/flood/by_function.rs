//! What the clients of a flood call.

use super::buyer::Buyer;
use super::store::PLACES;
use super::story::OrderStory;
use postgres::Row;
use rand::Rng;
use serde_json::{json, Value};
use std::time::Duration;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// Everything that is called.
pub const NAMES: [&str; 16] = [
    "hold_stock",
    "hold_stock with a key",
    "hold_order",
    "hold_many",
    "confirm_hold",
    "confirm_hold in part",
    "confirm_order",
    "extend_hold",
    "release_hold",
    "release_order_holds",
    "expire_holds",
    "allocate_stock",
    "allocate_order",
    "release_allocations",
    "fulfill_allocations",
    "receive_stock",
];

/// Holds of this time and less run out in the middle of everything.
pub const LONGEST_SHORT_TTL: Duration = Duration::from_millis(50);

const SHORT: [&str; 1] = ["insufficient_stock"];

impl Buyer {
    pub fn call_a_function(&mut self) {
        match self.random.random_range(0..100) {
            0..=19 => self.hold_stock(),
            20..=24 => self.hold_with_key(),
            25..=32 => self.hold_order(),
            33..=36 => self.hold_many(),
            37..=46 => self.confirm_hold(),
            47..=52 => self.confirm_part(),
            53..=57 => self.confirm_order(),
            58..=61 => self.extend_hold(),
            62..=68 => self.release_hold(),
            69..=71 => self.release_order_holds(),
            72..=74 => self.expire_holds(),
            75..=80 => self.allocate_stock(),
            81..=84 => self.allocate_order(),
            85..=90 => self.end_allocations("release_allocations"),
            91..=93 => self.end_allocations("fulfill_allocations"),
            94..=97 => self.receive_stock(),
            _ => self.edit_then_hold(),
        }
    }

    /// Mostly short, so that many run out while somebody is at them.
    fn ttl(&mut self) -> Option<String> {
        match self.random.random_range(0..10) {
            0..=5 => {
                let longest = LONGEST_SHORT_TTL.as_millis();
                Some(format!("{} ms", self.random.random_range(5..=longest)))
            }
            6..=8 => Some("30 minutes".to_owned()),
            _ => None,
        }
    }

    fn location(&mut self) -> Option<Uuid> {
        self.random
            .random_bool(0.3)
            .then(|| PLACES[self.random.random_range(0..PLACES.len())])
    }

    fn on_short(&mut self) -> &'static str {
        ["answer", "error"][self.random.random_range(0..2)]
    }

    fn hold_stock(&mut self) {
        let (listing, units) = (self.any_goods().listing, self.random.random_range(1..=6));
        let (ttl, location, on_short) = (self.ttl(), self.location(), self.on_short());
        let rows = self.transaction("hold_stock", &SHORT, |transaction| {
            transaction.query(
                "SELECT hold_id, state, quantity FROM hold_stock($1, $2, ttl => $3::text::interval,
                        location_id => $4, on_short => $5)",
                &[&listing, &units, &ttl, &location, &on_short],
            )
        });
        for (hold, quantity) in self.held(rows, on_short) {
            assert_eq!(quantity, units);
            self.made(hold, units);
        }
    }

    /// The holds that an answer lists; those that were refused have none.
    fn held(
        &mut self,
        rows: Result<Vec<Row>, Option<ErrorInfo>>,
        on_short: &str,
    ) -> Vec<(Uuid, i32)> {
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                assert!(error.is_none() || on_short == "error");
                return Vec::new();
            }
        };
        rows.iter()
            .filter_map(|row| {
                let (hold, state): (Option<Uuid>, &str) = (row.get(0), row.get(1));
                assert_eq!(hold.is_some(), state == "active", "{state}");
                Some((hold?, row.get(2)))
            })
            .collect()
    }

    /// What is asked for follows from the key, so that all calls with it ask for the same.
    fn hold_with_key(&mut self) {
        let number = self.shared.key(&mut self.random);
        let (key, units) = (format!("key {number}"), 1 + number as i32 % 3);
        let listing = self.goods[number % self.goods.len()].listing;
        let ttl = self.ttl();
        let rows = self.transaction("hold_stock with a key", &SHORT, |transaction| {
            transaction.query(
                "SELECT hold_id, replayed FROM hold_stock($1, $2, $3::text::interval, $4)",
                &[&listing, &units, &ttl, &key],
            )
        });
        for row in rows.into_iter().flatten() {
            let hold: Uuid = row.get(0);
            self.tally.keys.entry(key.clone()).or_default().push(hold);
            if !row.get::<_, bool>(1) {
                self.made(hold, units);
            }
        }
    }

    /// Lines of several listings, in any order.
    fn lines(&mut self, with_places: bool) -> Value {
        let count = self.random.random_range(2..=4);
        let lines = (0..count).map(|_| {
            let (listing, units) = (self.any_goods().listing, self.random.random_range(1..=4));
            match self.location().filter(|_| with_places) {
                Some(place) => {
                    json!({"listing_id": listing, "quantity": units, "location_id": place})
                }
                None => json!({"listing_id": listing, "quantity": units}),
            }
        });
        lines.collect()
    }

    fn hold_order(&mut self) {
        let (order, lines) = (Uuid::new_v4(), self.lines(true));
        let (ttl, on_short) = (self.ttl(), self.on_short());
        let rows = self.transaction("hold_order", &SHORT, |transaction| {
            transaction.query(
                "SELECT hold_id, state, quantity FROM hold_order($1, $2::text::interval, order_id => $3, on_short => $4)",
                &[&lines, &ttl, &order, &on_short],
            )
        });
        let held = self.held(rows, on_short);
        if held.is_empty() {
            return;
        }
        let wanted = lines.as_array().unwrap().iter();
        let wanted: i64 = wanted.map(|line| line["quantity"].as_i64().unwrap()).sum();
        let story = OrderStory {
            holds: held.iter().map(|(hold, _)| *hold).collect(),
            units: held.iter().map(|(_, units)| i64::from(*units)).sum(),
            ..OrderStory::default()
        };
        assert_eq!(story.units, wanted, "all or nothing");
        self.tally.tell_of_order(order, story);
        self.shared.orders.put(order);
    }

    fn hold_many(&mut self) {
        let (lines, ttl) = (self.lines(true), self.ttl());
        let rows = self.transaction("hold_many", &[], |transaction| {
            transaction.query(
                "SELECT hold_id, state, quantity FROM hold_many($1, $2::text::interval)",
                &[&lines, &ttl],
            )
        });
        for (hold, units) in self.held(rows, "answer") {
            self.made(hold, units);
        }
    }

    fn expire_holds(&mut self) {
        let batch = self.random.random_range(1..=50);
        let _ = self.transaction("expire_holds", &[], |transaction| {
            transaction.query("SELECT expire_holds($1)", &[&batch])
        });
    }

    fn allocate_stock(&mut self) {
        let (listing, order) = (self.any_goods().listing, Uuid::new_v4());
        let (units, location) = (self.random.random_range(1..=6), self.location());
        let partial = self.random.random_bool(0.3);
        let done = self.transaction("allocate_stock", &SHORT, |transaction| {
            transaction.query(
                "SELECT quantity FROM allocate_stock($1, $2, $3, location_id => $4, partial => $5)",
                &[&listing, &order, &units, &location, &partial],
            )
        });
        if let Ok(rows) = done {
            let claimed: i32 = rows.iter().map(|row| row.get::<_, i32>(0)).sum();
            assert!(claimed == units || (partial && (1..units).contains(&claimed)));
            self.shared.claims.put(order);
        }
    }

    fn allocate_order(&mut self) {
        let (order, lines) = (Uuid::new_v4(), self.lines(true));
        let done = self.transaction("allocate_order", &SHORT, |transaction| {
            transaction.query("SELECT FROM allocate_order($1, $2)", &[&order, &lines])
        });
        if done.is_ok() {
            self.shared.claims.put(order);
        }
    }

    fn end_allocations(&mut self, function: &'static str) {
        let Some(order) = self.any_claim() else {
            return;
        };
        let sql = format!("SELECT {function}($1)");
        let units = self.transaction(function, &[], |transaction| {
            Ok(transaction.query_one(&sql, &[&order])?.get::<_, i32>(0))
        });
        if function == "fulfill_allocations" {
            self.tally.units -= i64::from(units.unwrap_or(0));
        }
    }

    fn receive_stock(&mut self) {
        let (listing, units) = (self.any_goods().listing, self.random.random_range(1..=8));
        let location = self.location();
        let done = self.transaction("receive_stock", &[], |transaction| {
            transaction.query(
                "SELECT receive_stock($1, $2, $3)",
                &[&listing, &units, &location],
            )
        });
        self.tally.units += if done.is_ok() { i64::from(units) } else { 0 };
    }

    /// The app edits its own row and holds, in one transaction.
    fn edit_then_hold(&mut self) {
        let goods = self.any_goods();
        if !goods.is_attached {
            return;
        }
        let rows = self.transaction("title, then hold_stock", &[], |transaction| {
            transaction.execute(
                "UPDATE public.shop_listings SET title = gen_random_uuid()::text WHERE listing_id = $1",
                &[&goods.listing],
            )?;
            transaction.query(
                "SELECT hold_id, state, quantity FROM hold_stock($1, 2, '10 ms', on_short => 'answer')",
                &[&goods.listing],
            )
        });
        for (hold, units) in self.held(rows, "answer") {
            self.made(hold, units);
        }
    }
}
