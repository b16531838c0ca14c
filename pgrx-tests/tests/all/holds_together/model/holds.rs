//! Holds that are made.

use super::player::{Answer, Player};
use super::world::Hold;
use postgres::Row;
use rand::Rng;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is to be held.
#[derive(Clone)]
struct Line {
    listing: Uuid,
    place: Option<Uuid>,
    units: i64,
}

impl Line {
    fn json(&self) -> Value {
        json!({"listing_id": self.listing, "quantity": self.units, "location_id": self.place})
    }
}

impl Player {
    fn line(&mut self, most: i64) -> Line {
        Line {
            listing: self.any_listing(),
            place: self.any_place(),
            units: self.random.random_range(1..=most),
        }
    }

    fn on_short(&mut self) -> &'static str {
        ["answer", "error"][self.random.random_range(0..2)]
    }

    /// Adds a hold to the model that an answer names.
    fn add_hold(&mut self, id: Uuid, line: &Line, order: Option<Uuid>, key: Option<&str>) {
        let hold = Hold {
            listing: line.listing,
            place: line.place,
            state: "active",
            quantity: line.units,
            requested: line.units,
            order,
            key: key.map(str::to_owned),
            age: self.next_age(),
        };
        let known = self.world.holds.insert(id, hold);
        assert_eq!(known, None, "a new key");
    }

    pub fn hold_stock(&mut self) {
        let (line, on_short) = (self.line(9), self.on_short());
        let order = self.random.random_bool(0.5).then(|| self.any_order());
        let room = self.world.room(line.listing, line.place);
        let answer = self.call(
            "hold_stock",
            "SELECT hold_id, state, quantity, available, replayed
               FROM hold_stock($1, $2, location_id => $3, order_id => $4, on_short => $5)",
            &[
                &line.listing,
                &(line.units as i32),
                &line.place,
                &order,
                &on_short,
            ],
        );
        if line.units <= room {
            let row = &answer.unwrap()[0];
            self.add_hold(row.get(0), &line, order, None);
            self.assert_held(row, &line);
        } else if on_short == "answer" {
            assert_refused(&answer.unwrap()[0], room);
        } else {
            let error = answer.unwrap_err();
            assert_eq!(error.name(), "insufficient_stock");
            assert_eq!(error.field("available"), json!(room.max(0)));
            assert_eq!(error.field("requested"), json!(line.units));
        }
    }

    /// Columns hold_id, state, quantity, available, replayed of a new hold.
    fn assert_held(&self, row: &Row, line: &Line) {
        let told: (&str, i64, bool) = (row.get(1), row.get::<_, i32>(2).into(), row.get(4));
        assert_eq!(told, ("active", line.units, false));
        let available: i32 = row.get(3);
        assert_eq!(i64::from(available), self.world.available(line.listing));
    }

    /// A few keys again and again, now and then with another quantity.
    pub fn hold_with_key(&mut self) {
        let number = self.random.random_range(0..12);
        let key = format!("key {number}");
        let listing = self.world.listings[number % self.world.listings.len()].id;
        let usual = 1 + number as i64 % 3;
        let units = usual + i64::from(self.random.random_bool(0.1));
        let line = Line {
            listing,
            place: None,
            units,
        };
        let room = self.world.room(listing, None);
        let answer = self.call(
            "hold_stock with a key",
            "SELECT hold_id, state, quantity, available, replayed FROM hold_stock($1, $2, idempotency_key => $3)",
            &[&listing, &(units as i32), &key],
        );
        let mut holds = self.world.holds.iter();
        let known = holds.find(|(_, hold)| hold.key.as_ref() == Some(&key));
        match known.map(|(id, hold)| (*id, hold.clone())) {
            Some((_, hold)) if hold.place.is_some() || hold.requested != units => {
                let error = answer.unwrap_err();
                assert_eq!(error.name(), "idempotency_mismatch");
                // By hand it may have been moved.
                let differs = if hold.place.is_some() {
                    "location_id"
                } else {
                    "quantity"
                };
                assert_eq!(error.field("field"), json!(differs));
            }
            Some((id, hold)) => {
                let row = &answer.unwrap()[0];
                let told: (Uuid, &str, i64, bool) = (
                    row.get(0),
                    row.get(1),
                    row.get::<_, i32>(2).into(),
                    row.get(4),
                );
                assert_eq!(told, (id, hold.state, hold.quantity, true));
                let available: i32 = row.get(3);
                assert_eq!(i64::from(available), self.world.available(listing));
            }
            None if units <= room => {
                let row = &answer.unwrap()[0];
                self.add_hold(row.get(0), &line, None, Some(&key));
                self.assert_held(row, &line);
            }
            None => assert_eq!(answer.unwrap_err().name(), "insufficient_stock"),
        }
    }

    pub fn hold_order(&mut self) {
        let lines: Vec<Line> = (0..self.random.random_range(1..=4))
            .map(|_| self.line(4))
            .collect();
        let (order, on_short) = (self.any_order(), self.on_short());
        let answer = self.call_with_lines(
            "hold_order",
            "SELECT hold_id, state, quantity, available, replayed, listing_id, location_id
               FROM hold_order($1, order_id => $2, on_short => $3)",
            &lines,
            Some((order, on_short)),
        );
        let mut merged: BTreeMap<(Uuid, Option<Uuid>), i64> = BTreeMap::new();
        for line in &lines {
            *merged.entry((line.listing, line.place)).or_default() += line.units;
        }
        if self.all_fit(&merged) {
            let rows = answer.unwrap();
            assert_eq!(rows.len(), merged.len());
            for row in &rows {
                let (listing, place): (Uuid, Option<Uuid>) = (row.get(5), row.get(6));
                let units = merged[&(listing, place)];
                let line = Line {
                    listing,
                    place,
                    units,
                };
                self.add_hold(row.get(0), &line, Some(order), None);
            }
            for row in &rows {
                let (listing, place) = (row.get(5), row.get(6));
                let units = merged[&(listing, place)];
                self.assert_held(
                    row,
                    &Line {
                        listing,
                        place,
                        units,
                    },
                );
            }
        } else if on_short == "answer" {
            let rows = answer.unwrap();
            assert!(!rows.is_empty() && rows.len() <= merged.len());
            for row in rows {
                let told: (Option<Uuid>, &str, i32) = (row.get(0), row.get(1), row.get(2));
                assert_eq!(told, (None, "insufficient", 0));
            }
        } else {
            assert_eq!(answer.unwrap_err().name(), "insufficient_stock");
        }
    }

    fn call_with_lines(
        &mut self,
        name: &'static str,
        sql: &str,
        lines: &[Line],
        order: Option<(Uuid, &str)>,
    ) -> Answer {
        let lines: Value = lines.iter().map(Line::json).collect();
        match &order {
            Some((order, on_short)) => self.call(name, sql, &[&lines, order, on_short]),
            None => self.call(name, sql, &[&lines]),
        }
    }

    /// Whether all of these can be held together.
    fn all_fit(&self, merged: &BTreeMap<(Uuid, Option<Uuid>), i64>) -> bool {
        merged.iter().all(|((listing, place), units)| {
            let own = merged.iter().filter(|((other, _), _)| other == listing);
            let of_listing: i64 = own.map(|(_, units)| units).sum();
            of_listing <= self.world.room(*listing, None)
                && (place.is_none() || *units <= self.world.numbers(*listing, *place).available())
        })
    }

    /// One after the other, each on its own.
    pub fn hold_many(&mut self) {
        let lines: Vec<Line> = (0..self.random.random_range(1..=5))
            .map(|_| self.line(5))
            .collect();
        let answer = self.call_with_lines(
            "hold_many",
            "SELECT hold_id, state, quantity, available, replayed FROM hold_many($1)",
            &lines,
            None,
        );
        let rows = answer.unwrap();
        assert_eq!(rows.len(), lines.len());
        let mut refused = Vec::new();
        for (row, line) in rows.iter().zip(&lines) {
            let room = self.world.room(line.listing, line.place);
            if line.units <= room {
                self.add_hold(row.get(0), line, None, None);
            } else {
                refused.push((row, room));
            }
        }
        for (row, room) in refused {
            assert_refused(row, room);
        }
        for (row, line) in rows.iter().zip(&lines) {
            if row.get::<_, Option<Uuid>>(0).is_some() {
                self.assert_held(row, line);
            }
        }
    }
}

/// Columns hold_id, state, quantity, available of a refusal.
fn assert_refused(row: &Row, room: i64) {
    let told: (Option<Uuid>, &str, i32) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(told, (None, "insufficient", 0));
    assert_eq!(i64::from(row.get::<_, i32>(3)), room.max(0));
}
