//! What the clients of a flood write into the tables themselves.

use super::buyer::Buyer;
use super::store::PLACES;
use super::story::Story;
use rand::Rng;
use uuid::Uuid;

/// Judged at commit.
const COMMITTED: [&str; 1] = ["stock_committed"];

impl Buyer {
    pub fn work_by_hand(&mut self) {
        match self.random.random_range(0..10) {
            0..=2 => self.insert_hold(),
            3..=4 => self.end_hold(),
            5 => self.resize_hold(),
            6 => self.delete_hold(),
            7 => self.insert_lots(),
            8 => self.lower_lot(),
            _ => self.release_allocation(),
        }
    }

    fn insert_hold(&mut self) {
        let (hold, listing) = (Uuid::new_v4(), self.any_goods().listing);
        let units: i32 = self.random.random_range(1..=4);
        let place = self.random.random_bool(0.3).then(|| PLACES[0]);
        let seconds = [0.02, 1800.0][self.random.random_range(0..2)];
        let done = self.transaction("INSERT INTO stock_holds", &COMMITTED, |transaction| {
            transaction.execute(
                "INSERT INTO stock_holds (hold_id, listing_id, quantity, location_id, expires_at)
                 VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))",
                &[&hold, &listing, &units, &place, &seconds],
            )
        });
        if done.is_ok() {
            self.made(hold, units);
        }
    }

    /// Runs a statement on a hold of anybody that returns units; none where it met no row.
    fn change_hold(&mut self, name: &'static str, sql: &str) -> Option<(Uuid, i64)> {
        let hold = self.any_hold()?;
        let done = self.transaction(name, &COMMITTED, |transaction| {
            transaction.query_opt(sql, &[&hold])
        });
        let row = done.ok()??;
        Some((hold, row.get::<_, i32>(0).into()))
    }

    fn end_hold(&mut self) {
        let sql =
            "UPDATE stock_holds SET status = 'released' WHERE hold_id = $1 AND status = 'active'
                   RETURNING quantity";
        if let Some((hold, units)) = self.change_hold("UPDATE status of stock_holds", sql) {
            let released = vec![units];
            self.tally.tell(
                hold,
                Story {
                    released,
                    ..Story::default()
                },
            );
        }
    }

    fn resize_hold(&mut self) {
        let sql = "UPDATE stock_holds SET quantity = quantity + 1 WHERE hold_id = $1 AND status = 'active'
                   RETURNING 1";
        if let Some((hold, units)) = self.change_hold("UPDATE quantity of stock_holds", sql) {
            self.tally.tell(
                hold,
                Story {
                    units,
                    ..Story::default()
                },
            );
        }
    }

    /// A key's hold stays: without it the next call with the key would make another one.
    fn delete_hold(&mut self) {
        let sql = "DELETE FROM stock_holds WHERE hold_id = $1 AND status = 'active' AND idempotency_key IS NULL
                   RETURNING quantity";
        if let Some((hold, units)) = self.change_hold("DELETE FROM stock_holds", sql) {
            let deleted = Some(units);
            self.tally.tell(
                hold,
                Story {
                    deleted,
                    ..Story::default()
                },
            );
        }
    }

    fn insert_lots(&mut self) {
        let listing = self.any_goods().listing;
        let done = self.transaction("INSERT INTO stock_lots", &[], |transaction| {
            transaction.execute(
                "INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ($1, 3, true), ($1, 1, false)",
                &[&listing],
            )
        });
        self.tally.units += if done.is_ok() { 4 } else { 0 };
    }

    /// Refused where holds need the units.
    fn lower_lot(&mut self) {
        let listing = self.any_goods().listing;
        let done = self.transaction("UPDATE stock_lots", &COMMITTED, |transaction| {
            transaction.execute(
                "UPDATE stock_lots SET quantity_total = quantity_total - 2
                  WHERE lot_id = (SELECT lot_id FROM stock_lots
                                   WHERE listing_id = $1 AND quantity_total - quantity_allocated >= 2
                                   ORDER BY random() LIMIT 1)
                    AND quantity_total >= 2",
                &[&listing],
            )
        });
        self.tally.units -= 2 * done.unwrap_or(0) as i64;
    }

    fn release_allocation(&mut self) {
        let Some(order) = self.any_claim() else {
            return;
        };
        let _ = self.transaction("UPDATE stock_allocations", &[], |transaction| {
            transaction.execute(
                "UPDATE stock_allocations SET status = 'released' WHERE order_id = $1 AND status = 'active'",
                &[&order],
            )
        });
    }
}
