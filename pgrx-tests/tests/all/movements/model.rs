//! stock_at against a model: a few lines of Rust that know nothing of tables and do what was asked, with
//! random goods, moved by functions and plain DML, now and dated back.

use crate::api::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use crate::durability::size;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

const LISTINGS: usize = 3;
const PLACES: [Uuid; 3] = [UNSPECIFIED, ORISON, LORVILLE];

#[derive(Clone, Copy, Debug)]
struct Lot {
    listing: usize,
    place: usize,
    units: i32,
}

/// Units that came to, or left, a listing's place.
#[derive(Clone, Copy, Debug)]
struct Change {
    listing: usize,
    place: usize,
    units: i32,
    recorded: SystemTime,
    effective: SystemTime,
}

struct Model {
    shop: Shop,
    random: SmallRng,
    listings: Vec<Uuid>,
    lots: BTreeMap<Uuid, Lot>,
    changes: Vec<Change>,
    /// Between the operations.
    moments: Vec<SystemTime>,
    refused: usize,
}

impl Model {
    fn new(seed: u64) -> Model {
        let mut shop = Shop::open();
        let listings = (0..LISTINGS).map(|_| shop.listing()).collect();
        Model {
            shop,
            random: SmallRng::seed_from_u64(seed),
            listings,
            lots: BTreeMap::new(),
            changes: Vec::new(),
            moments: Vec::new(),
            refused: 0,
        }
    }

    /// The server's clock, to the microsecond.
    fn clock(&mut self) -> SystemTime {
        self.shop.value("SELECT clock_timestamp()", &[])
    }

    fn any_lot(&mut self) -> Option<(Uuid, Lot)> {
        let place = self.random.random_range(0..self.lots.len().max(1));
        let lot = self.lots.iter().nth(place);
        lot.map(|(id, lot)| (*id, *lot))
    }

    /// A lot has so many units from now on, in the books since `effective`.
    fn set(&mut self, lot: Uuid, to: Lot, now: SystemTime, effective: SystemTime) {
        let was = self.lots.insert(lot, to);
        let mut change = |lot: Lot, units: i32| {
            self.changes.push(Change {
                listing: lot.listing,
                place: lot.place,
                units,
                recorded: now,
                effective,
            });
        };
        if let Some(was) = was {
            change(was, -was.units);
        }
        change(to, to.units);
    }

    /// Whether the server did it; if the model says that it can't, the server must refuse.
    fn call(
        &mut self,
        can: bool,
        sql: &str,
        params: &[&(dyn postgres::types::ToSql + Sync)],
    ) -> Option<Uuid> {
        if !can {
            let error = self.shop.error(sql, params);
            assert!(!error.name().is_empty(), "{sql}: {error:?}");
            self.refused += 1;
            return None;
        }
        let rows = self.shop.rows(sql, params);
        let key = rows.first().and_then(|row| row.try_get(0).ok());
        Some(key.unwrap_or(Uuid::nil()))
    }

    fn step(&mut self) {
        let now = self.clock();
        self.moments.push(now);
        let units = self.random.random_range(1..=9);
        let place = self.random.random_range(0..PLACES.len());
        // Half of what is said to have happened at another time happened earlier, by up to some moments.
        let back = Duration::from_micros(self.random.random_range(1..20_000));
        let dated: Option<SystemTime> = self.random.random_bool(0.3).then(|| now - back);
        let effective = dated.unwrap_or(now);
        let Some((id, lot)) = self.any_lot() else {
            return self.receive(place, units, now, dated);
        };
        let less = Lot {
            units: lot.units - units,
            ..lot
        };
        let more = Lot {
            units: lot.units + units,
            ..lot
        };
        let there = Lot { place, ..lot };
        match self.random.random_range(0..10) {
            0 | 1 => self.receive(place, units, now, dated),
            2 => {
                let sql = "SELECT adjust_stock($1, $2, 'x', effective_at => $3)";
                if self
                    .call(less.units >= 0, sql, &[&id, &-units, &dated])
                    .is_some()
                {
                    self.set(id, less, now, effective);
                }
            }
            3 => {
                let expected = lot.units + self.random.random_range(0..2);
                let sql = "SELECT count_stock($1, $2, expected => $3, effective_at => $4)";
                let can = expected == lot.units;
                if self
                    .call(can, sql, &[&id, &units, &expected, &dated])
                    .is_some()
                {
                    self.set(id, Lot { units, ..lot }, now, effective);
                }
            }
            4 => {
                let sql = "SELECT transfer_stock($1, $2, $3, effective_at => $4)";
                let can = units <= lot.units && place != lot.place;
                if let Some(new) = self.call(can, sql, &[&id, &units, &PLACES[place], &dated]) {
                    if new == id {
                        self.set(id, there, now, effective);
                    } else {
                        self.set(id, less, now, effective);
                        self.set(new, Lot { units, ..there }, now, effective);
                    }
                }
            }
            5 => {
                let sql = "SELECT split_lot($1, $2, effective_at => $3)";
                if let Some(new) = self.call(units < lot.units, sql, &[&id, &units, &dated]) {
                    self.set(id, less, now, effective);
                    self.set(new, Lot { units, ..lot }, now, effective);
                }
            }
            6 => {
                let sql =
                    "UPDATE stock_lots SET quantity_total = quantity_total + $2 WHERE lot_id = $1";
                self.call(true, sql, &[&id, &units]);
                self.set(id, more, now, now);
            }
            7 => {
                let listing = self.random.random_range(0..LISTINGS);
                let sql =
                    "UPDATE stock_lots SET location_id = $2, listing_id = $3 WHERE lot_id = $1";
                self.call(
                    true,
                    sql,
                    &[&id, &PLACES[place], &self.listings[listing].clone()],
                );
                self.set(id, Lot { listing, ..there }, now, now);
            }
            8 => {
                self.call(true, "DELETE FROM stock_lots WHERE lot_id = $1", &[&id]);
                self.set(id, Lot { units: 0, ..lot }, now, now);
                self.lots.remove(&id);
            }
            _ => {
                let order = Uuid::new_v4();
                let listing = self.listings[lot.listing];
                let sql = "SELECT allocation_id FROM allocate_lots($1, jsonb_build_array(
                             jsonb_build_object('lot_id', $2::uuid, 'quantity', $3::int)))";
                if self
                    .call(units <= lot.units, sql, &[&order, &id, &units])
                    .is_some()
                {
                    let sql = "SELECT fulfill_allocations($1, $2)";
                    self.shop.rows(sql, &[&order, &listing]);
                    self.set(id, less, now, now);
                }
            }
        }
    }

    fn receive(&mut self, place: usize, units: i32, now: SystemTime, dated: Option<SystemTime>) {
        let listing = self.random.random_range(0..LISTINGS);
        let lot = Lot {
            listing,
            place,
            units,
        };
        let (key, at) = (self.listings[listing], PLACES[place]);
        let new = if dated.is_some() || self.random.random_bool(0.5) {
            let sql = "SELECT receive_stock($1, $2, $3, effective_at => $4)";
            self.shop.value(sql, &[&key, &units, &at, &dated])
        } else {
            let sql = "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ($1, $2, $3)
                       RETURNING lot_id";
            self.shop.value(sql, &[&key, &units, &at])
        };
        self.set(new, lot, now, dated.unwrap_or(now));
    }

    /// Every moment between two operations, every listing, everywhere and at each place, by both times:
    /// the answers that are not the model's.
    fn differences(&mut self) -> Vec<String> {
        let (mut when, mut of, mut at, mut by, mut units) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for moment in &self.moments {
            for listing in 0..LISTINGS {
                for place in [None, Some(0), Some(1), Some(2)] {
                    for (name, is_effective) in [("recorded", false), ("effective", true)] {
                        let counts = |change: &&Change| {
                            let time = if is_effective {
                                change.effective
                            } else {
                                change.recorded
                            };
                            // A line is written after the moment that was read before it; what was dated
                            // has just its date.
                            let has_happened = if time == change.recorded {
                                time < *moment
                            } else {
                                time <= *moment
                            };
                            change.listing == listing
                                && place.is_none_or(|place| place == change.place)
                                && has_happened
                        };
                        when.push(*moment);
                        of.push(self.listings[listing]);
                        at.push(place.map(|place: usize| PLACES[place]));
                        by.push(name);
                        units.push(
                            self.changes
                                .iter()
                                .filter(counts)
                                .map(|change| change.units)
                                .sum::<i32>(),
                        );
                    }
                }
            }
        }
        let sql = "SELECT format('%s of %s at %s by %s: %s, not %s', moment, listing, place, time, found, units)
                     FROM (SELECT *, stock_at(listing, moment, place, time) AS found
                             FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::text[], $5::int[])
                                  AS a (moment, listing, place, time, units)) AS answers
                    WHERE found <> units";
        let rows = self.shop.rows(sql, &[&when, &of, &at, &by, &units]);
        rows.iter().map(|row| row.get(0)).collect()
    }
}

#[test]
fn every_moment_is_as_the_model_says() {
    for seed in 0..size(2, 20) {
        let mut model = Model::new(seed);
        for _ in 0..size(150, 600) {
            model.step();
        }
        let last = model.clock();
        model.moments.push(last);
        let differences = model.differences();
        assert!(
            differences.is_empty(),
            "seed {seed}: {} answers differ, the first: {}",
            differences.len(),
            differences[0]
        );
        assert!(
            model.refused > 10,
            "seed {seed} met {} refusals",
            model.refused
        );
        let dated = "SELECT count(*) FROM stock_movements WHERE effective_at <> recorded_at";
        assert!(model.shop.value::<i64>(dated, &[]) > 10);
        model.shop.verify();
    }
}
