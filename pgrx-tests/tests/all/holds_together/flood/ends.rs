//! What the clients of a flood call on holds and orders that any of them has made.

use super::buyer::Buyer;
use super::story::{OrderStory, Story};
use postgres::Row;
use rand::Rng;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

const ENDED: [&str; 3] = ["hold_expired", "hold_not_active", "hold_not_found"];

impl Buyer {
    pub fn confirm_hold(&mut self) {
        let Some(hold) = self.any_hold() else { return };
        let strategy =
            ["fifo", "lifo", "largest_first", "fewest_lots"][self.random.random_range(0..4)];
        let order = Uuid::new_v4();
        let rows = self.transaction("confirm_hold", &ENDED, |transaction| {
            transaction.query(
                "SELECT quantity, state FROM confirm_hold($1, $2, strategy => $3)",
                &[&hold, &order, &strategy],
            )
        });
        self.confirmed(hold, order, rows, false);
    }

    pub fn confirm_part(&mut self) {
        let Some(hold) = self.any_hold() else { return };
        let (order, gave_back) = (Uuid::new_v4(), self.random.random_bool(0.5));
        let remainder = if gave_back { "release" } else { "keep" };
        let rows = self.transaction("confirm_hold in part", &ENDED, |transaction| {
            transaction.query(
                "SELECT quantity, state FROM confirm_hold($1, $2, 1, $3)",
                &[&hold, &order, &remainder],
            )
        });
        self.confirmed(hold, order, rows, gave_back);
    }

    fn confirmed(
        &mut self,
        hold: Uuid,
        order: Uuid,
        rows: Result<Vec<Row>, Option<ErrorInfo>>,
        gave_back: bool,
    ) {
        let Ok(rows) = rows else { return };
        let (allocated, waiting) = sums(&rows);
        let story = Story {
            allocated,
            waiting,
            gave_back,
            ..Story::default()
        };
        self.tally.tell(hold, story);
        self.shared.claims.put(order);
    }

    pub fn confirm_order(&mut self) {
        let Some(order) = self.any_order() else {
            return;
        };
        let rows = self.transaction("confirm_order", &ENDED, |transaction| {
            transaction.query("SELECT quantity, state FROM confirm_order($1)", &[&order])
        });
        let Ok(rows) = rows else { return };
        let (allocated, waiting) = sums(&rows);
        let story = OrderStory {
            confirmed: vec![allocated + waiting],
            waiting,
            ..OrderStory::default()
        };
        self.tally.tell_of_order(order, story);
        self.shared.claims.put(order);
    }

    pub fn extend_hold(&mut self) {
        let Some(hold) = self.any_hold() else { return };
        let by = format!("{} ms", self.random.random_range(1..=20));
        let _ = self.transaction("extend_hold", &ENDED, |transaction| {
            transaction.query("SELECT extend_hold($1, $2::text::interval)", &[&hold, &by])
        });
    }

    pub fn release_hold(&mut self) {
        let Some(hold) = self.any_hold() else { return };
        let refusals = ["hold_not_active", "hold_not_found"];
        let units = self.transaction("release_hold", &refusals, |transaction| {
            let row = transaction.query_one("SELECT release_hold($1)", &[&hold])?;
            Ok(row.get::<_, i32>(0))
        });
        if let Ok(units @ 1..) = units {
            let released = vec![units.into()];
            self.tally.tell(
                hold,
                Story {
                    released,
                    ..Story::default()
                },
            );
        }
    }

    pub fn release_order_holds(&mut self) {
        let Some(order) = self.any_order() else {
            return;
        };
        let refusals = ["hold_not_active"];
        let units = self.transaction("release_order_holds", &refusals, |transaction| {
            let row = transaction.query_one("SELECT release_order_holds($1)", &[&order])?;
            Ok(row.get::<_, i32>(0))
        });
        if let Ok(units) = units {
            let released = units.into();
            self.tally.tell_of_order(
                order,
                OrderStory {
                    released,
                    ..OrderStory::default()
                },
            );
        }
    }
}

/// Units that were allocated, and units that wait for goods.
fn sums(rows: &[Row]) -> (i64, i64) {
    let units = |waiting: bool| -> i64 {
        let own = rows
            .iter()
            .filter(|row| (row.get::<_, &str>(1) == "waiting") == waiting);
        own.map(|row| i64::from(row.get::<_, i32>(0))).sum()
    };
    (units(false), units(true))
}
