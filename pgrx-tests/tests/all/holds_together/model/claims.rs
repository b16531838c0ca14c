//! Allocations that are made and end.

use super::player::Player;
use super::world::Hold;
use rand::Rng;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Player {
    pub fn allocate_stock(&mut self) {
        let (listing, place, order) = (self.any_listing(), self.any_place(), self.any_order());
        let units: i32 = self.random.random_range(1..=7);
        let partial = self.random.random_bool(0.3);
        let answer = self.call(
            "allocate_stock",
            "SELECT lot_id, location_id, quantity, state, available
               FROM allocate_stock($1, $2, $3, location_id => $4, partial => $5)",
            &[&listing, &order, &units, &place, &partial],
        );
        let lots = self.world.lots_of(listing);
        let free = self.world.free(listing, place, None, &lots);
        let promise = self.world.promise(listing);
        let can_be_had = promise.min(free).max(0);
        let units = i64::from(units);
        if can_be_had < units && !(partial && can_be_had > 0) {
            let error = answer.unwrap_err();
            assert_eq!(error.name(), "insufficient_stock");
            // Of the listing, where that is short; else of the place.
            let least = if partial { 1 } else { units };
            let told = if promise < least {
                promise.max(0)
            } else {
                can_be_had
            };
            assert_eq!(error.field("available"), json!(told));
            return;
        }
        let rows = answer.unwrap();
        let anywhere = Hold::nothing(listing, place);
        assert_eq!(self.take(order, &anywhere, &rows), units.min(can_be_had));
        let available = self.world.available(listing);
        for row in &rows {
            assert_eq!(i64::from(row.get::<_, i32>(4)), available);
        }
    }

    /// Units of an order's ended allocations, by lot.
    fn ended(&mut self, order: Uuid, status: &str) -> BTreeMap<Uuid, i64> {
        let sql = "SELECT lot_id, sum(quantity)::bigint FROM stock_allocations
                    WHERE order_id = $1 AND status = $2 GROUP BY lot_id";
        let rows = self.shop.rows(sql, &[&order, &status]);
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub fn end_allocations(&mut self, status: &'static str) {
        let order = self.any_order();
        let quantity = self
            .random
            .random_bool(0.3)
            .then(|| self.random.random_range(1..=4));
        let before = self.ended(order, status);
        let (name, sql) = match status {
            "released" => (
                "release_allocations",
                "SELECT release_allocations($1, quantity => $2)",
            ),
            _ => (
                "fulfill_allocations",
                "SELECT fulfill_allocations($1, quantity => $2)",
            ),
        };
        let answer = self.call(name, sql, &[&order, &quantity]);
        let active = self.world.active(order);
        let units = quantity.map_or(active, i64::from);
        if units > active {
            assert_eq!(answer.unwrap_err().name(), "allocation_not_active");
            return;
        }
        assert_eq!(i64::from(answer.unwrap()[0].get::<_, i32>(0)), units);
        let mut ended = 0;
        let mut freed: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for (lot, after) in self.ended(order, status) {
            let part = after - before.get(&lot).copied().unwrap_or(0);
            if part == 0 {
                continue;
            }
            ended += part;
            *self
                .world
                .claims
                .get_mut(&(order, lot))
                .expect("it was active") -= part;
            let row = self.world.lots.get_mut(&lot).unwrap();
            row.allocated -= part;
            if status == "fulfilled" {
                row.total -= part;
            } else {
                freed.entry(row.listing).or_default().push(lot);
            }
        }
        assert_eq!(ended, units);
        for (listing, lots) in freed {
            self.fill(listing, &lots);
        }
    }

    /// The holds that wait for goods of a listing get what is free in these lots, the oldest first.
    /// From which of the lots is told by the rows.
    pub fn fill(&mut self, listing: Uuid, lots: &[Uuid]) {
        let mut waiting: Vec<(usize, Uuid)> = self
            .world
            .holds
            .iter()
            .filter(|(_, hold)| hold.listing == listing && hold.state == "waiting")
            .map(|(id, hold)| (hold.age, *id))
            .collect();
        waiting.sort();
        for (_, id) in waiting {
            let hold = self.world.holds[&id].clone();
            let own = hold.place.map(|place| (place, hold.quantity));
            let free = self.world.free(listing, hold.place, own, lots);
            let units = hold.quantity.min(free);
            if units == 0 {
                continue;
            }
            let order = hold.order.expect("a hold that waits has an order");
            let found = self.allocated_anew(order);
            assert_eq!(
                found.values().sum::<i64>().min(units),
                units,
                "hold {id} is filled"
            );
            let mut left = units;
            for (lot, part) in found {
                let part = part.min(left);
                left -= part;
                self.world.allocate(order, lot, part);
            }
            let after = self.world.holds.get_mut(&id).unwrap();
            if units == hold.quantity {
                after.state = "confirmed";
                self.count("goods", "filled all");
            } else {
                after.quantity -= units;
                self.count("goods", "filled some");
            }
        }
    }

    /// Active units of an order, by lot, of which the model does not know yet.
    fn allocated_anew(&mut self, order: Uuid) -> BTreeMap<Uuid, i64> {
        let sql = "SELECT lot_id, sum(quantity)::bigint FROM stock_allocations
                    WHERE order_id = $1 AND status = 'active' GROUP BY lot_id";
        let rows = self.shop.rows(sql, &[&order]);
        let known = |lot| self.world.claims.get(&(order, lot)).copied().unwrap_or(0);
        rows.iter()
            .map(|row| (row.get(0), row.get::<_, i64>(1) - known(row.get(0))))
            .filter(|(_, units)| *units > 0)
            .collect()
    }
}
