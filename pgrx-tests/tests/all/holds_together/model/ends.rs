//! What becomes of holds: confirmed, extended, released, run out.

use super::player::Player;
use super::world::{Hold, World};
use postgres::Row;
use rand::Rng;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// The error that a call on a hold must meet, if any.
fn refusal(world: &World, hold: Uuid) -> Option<&'static str> {
    match world.holds.get(&hold).map(|hold| hold.state) {
        None => Some("hold_not_found"),
        Some("expired") => Some("hold_expired"),
        Some("active") => None,
        Some(_) => Some("hold_not_active"),
    }
}

impl Player {
    pub fn confirm_hold(&mut self) {
        let (id, order) = (self.any_hold(), self.any_order());
        let quantity = self
            .random
            .random_bool(0.5)
            .then(|| self.random.random_range(1..=4));
        let remainder = ["release", "keep"][self.random.random_range(0..2)];
        let answer = self.call(
            "confirm_hold",
            "SELECT lot_id, location_id, quantity, state, available
               FROM confirm_hold($1, $2, $3, $4)",
            &[&id, &order, &quantity, &remainder],
        );
        if let Some(name) = refusal(&self.world, id) {
            assert_eq!(answer.unwrap_err().name(), name);
            return;
        }
        let hold = self.world.holds[&id].clone();
        let units = quantity.map_or(hold.quantity, i64::from);
        if units > hold.quantity {
            assert_eq!(answer.unwrap_err().name(), "bad_argument");
            return;
        }
        let lots = self.world.lots_of(hold.listing);
        let own = hold.place.map(|place| (place, units));
        let found = units.min(self.world.free(hold.listing, hold.place, own, &lots));
        let rows = answer.unwrap();
        assert_eq!(self.take(order, &hold, &rows), found);
        let waiting = units - found;
        let told_waiting: i64 = sum(&rows, "waiting");
        assert_eq!(told_waiting, waiting);
        if waiting > 0 {
            self.count("confirm_hold", "waiting");
        }
        self.convert(id, &hold, order, units, waiting, remainder == "keep");
        let available = self.world.available(hold.listing);
        for row in &rows {
            assert_eq!(i64::from(row.get::<_, i32>(4)), available);
        }
    }

    /// Takes over the lots that an answer's active rows name (columns lot_id, location_id, quantity,
    /// state), and returns the units.
    pub fn take(&mut self, order: Uuid, hold: &Hold, rows: &[Row]) -> i64 {
        let mut taken = 0;
        for row in rows.iter().filter(|row| row.get::<_, &str>(3) == "active") {
            let (lot, place): (Uuid, Uuid) = (row.get(0), row.get(1));
            let units = i64::from(row.get::<_, i32>(2));
            let known = &self.world.lots[&lot];
            assert_eq!((known.listing, known.place), (hold.listing, place));
            assert!(hold.place.is_none_or(|wanted| wanted == place));
            self.world.allocate(order, lot, units);
            taken += units;
        }
        taken
    }

    /// A hold after its confirmation, of which so many units wait.
    fn convert(
        &mut self,
        id: Uuid,
        hold: &Hold,
        order: Uuid,
        units: i64,
        waiting: i64,
        keep: bool,
    ) {
        let order = Some(order);
        let rest = hold.quantity - units;
        let (state, quantity) = match () {
            () if keep && rest > 0 => ("active", rest),
            () if waiting > 0 => ("waiting", waiting),
            () => ("confirmed", units),
        };
        let after = Hold {
            state,
            quantity,
            order,
            ..hold.clone()
        };
        self.world.holds.insert(id, after);
        if keep && rest > 0 && waiting > 0 {
            // The hold that waits beside it is known by its order only.
            let known: Vec<Uuid> = self.world.holds.keys().copied().collect();
            let sql = "SELECT hold_id FROM stock_holds WHERE NOT hold_id = ANY ($1)";
            let new: Uuid = self.shop.value(sql, &[&known]);
            let beside = Hold {
                state: "waiting",
                quantity: waiting,
                requested: waiting,
                order,
                key: None,
                age: self.next_age(),
                ..hold.clone()
            };
            self.world.holds.insert(new, beside);
        }
    }

    pub fn confirm_order(&mut self) {
        let order = self.any_order();
        let answer = self.call(
            "confirm_order",
            "SELECT lot_id, location_id, quantity, state, available, listing_id FROM confirm_order($1)",
            &[&order],
        );
        let mut own: Vec<(Uuid, Hold)> = self
            .world
            .holds
            .iter()
            .filter(|(_, hold)| hold.order == Some(order))
            .map(|(id, hold)| (*id, hold.clone()))
            .collect();
        own.sort_by_key(|(_, hold)| hold.age);
        if let Some(name) = order_refusal(&own) {
            assert_eq!(answer.unwrap_err().name(), name);
            return;
        }
        own.retain(|(_, hold)| hold.state == "active");
        let rows = answer.unwrap();
        self.convert_order(order, &own, &rows);
        for row in &rows {
            let available = self.world.available(row.get(5));
            assert_eq!(i64::from(row.get::<_, i32>(4)), available);
        }
    }

    /// Which of its holds get the goods, where there is not enough for all, is told by their rows; those
    /// at a place have theirs there.
    fn convert_order(&mut self, order: Uuid, own: &[(Uuid, Hold)], rows: &[Row]) {
        let mut found = 0;
        let mut listings: Vec<Uuid> = own.iter().map(|(_, hold)| hold.listing).collect();
        listings.sort();
        listings.dedup();
        for listing in listings {
            let holds = || {
                own.iter()
                    .map(|(_, hold)| hold)
                    .filter(|hold| hold.listing == listing)
            };
            let located: i64 = holds()
                .filter(|hold| hold.place.is_some())
                .map(|hold| hold.quantity)
                .sum();
            let anywhere: i64 = holds()
                .filter(|hold| hold.place.is_none())
                .map(|hold| hold.quantity)
                .sum();
            let lots = self.world.lots_of(listing);
            found += located + anywhere.min(self.world.free(listing, None, None, &lots));
        }
        let active: i64 = sum(rows, "active");
        assert_eq!(active, found);
        for row in rows.iter().filter(|row| row.get::<_, &str>(3) == "active") {
            let units = row.get::<_, i32>(2).into();
            self.world.allocate(order, row.get(0), units);
        }
        for (id, hold) in own {
            let sql = "SELECT CASE status WHEN 'waiting' THEN quantity ELSE 0 END FROM stock_holds WHERE hold_id = $1";
            let waiting = i64::from(self.shop.value::<i32>(sql, &[id]));
            assert!(waiting == 0 || hold.place.is_none(), "its place had it");
            self.convert(*id, hold, order, hold.quantity, waiting, false);
            found -= hold.quantity - waiting;
        }
        assert_eq!(found, 0);
    }

    pub fn extend_hold(&mut self) {
        let id = self.any_hold();
        let answer = self.call("extend_hold", "SELECT extend_hold($1, '1 hour')", &[&id]);
        assert_eq!(name_of(answer), refusal(&self.world, id));
    }

    pub fn release_hold(&mut self) {
        let id = self.any_hold();
        let answer = self.call("release_hold", "SELECT release_hold($1)", &[&id]);
        let Some(hold) = self.world.holds.get_mut(&id) else {
            assert_eq!(answer.unwrap_err().name(), "hold_not_found");
            return;
        };
        if hold.state == "confirmed" {
            assert_eq!(answer.unwrap_err().name(), "hold_not_active");
            return;
        }
        let freed = if hold.is_live() { hold.quantity } else { 0 };
        assert_eq!(i64::from(answer.unwrap()[0].get::<_, i32>(0)), freed);
        if hold.is_live() {
            hold.state = "released";
        }
    }

    pub fn release_order_holds(&mut self) {
        let order = self.any_order();
        let answer = self.call(
            "release_order_holds",
            "SELECT release_order_holds($1)",
            &[&order],
        );
        let holds = self.world.holds.values_mut();
        let mut freed = 0;
        for hold in holds.filter(|hold| hold.order == Some(order) && hold.is_live()) {
            freed += hold.quantity;
            hold.state = "released";
        }
        assert_eq!(i64::from(answer.unwrap()[0].get::<_, i32>(0)), freed);
    }

    /// Time passes for a hold: its row says that it ended a while ago.
    pub fn run_out(&mut self) {
        let id = self.any_hold();
        let answer = self.call(
            "UPDATE expires_at",
            "UPDATE stock_holds SET expires_at = clock_timestamp() - interval '1 second'
              WHERE hold_id = $1 AND status = 'active'",
            &[&id],
        );
        answer.unwrap();
        let hold = self.world.holds.get_mut(&id);
        if let Some(hold) = hold.filter(|hold| hold.state == "active") {
            hold.state = "expired";
        }
    }

    /// Sweeps until nothing is left; holds that wait get what lies there.
    pub fn sweep(&mut self) {
        loop {
            let rows = self
                .call("expire_holds", "SELECT expire_holds(3)", &[])
                .unwrap();
            if rows[0].get::<_, i32>(0) == 0 {
                break;
            }
        }
        let listings: Vec<Uuid> = self
            .world
            .listings
            .iter()
            .map(|listing| listing.id)
            .collect();
        for listing in listings {
            let lots = self.world.lots_of(listing);
            self.fill(listing, &lots);
        }
    }

    pub fn purge(&mut self) {
        self.sweep();
        let before = self.world.holds.len();
        self.world.holds.retain(|_, hold| hold.is_live());
        let purged = before - self.world.holds.len();
        let answer = self.call("purge_holds", "SELECT purge_holds('0 s')", &[]);
        assert_eq!(answer.unwrap()[0].get::<_, i32>(0) as usize, purged);
    }
}

/// The error that confirm_order must meet: the order's holds are given by age.
fn order_refusal(own: &[(Uuid, Hold)]) -> Option<&'static str> {
    let stands_in_the_way = own.iter().enumerate().any(|(at, (_, hold))| {
        let again = own[at + 1..].iter().any(|(_, other)| {
            (other.listing, other.place) == (hold.listing, hold.place) && other.state != "released"
        });
        hold.state == "expired" && !again
    });
    if stands_in_the_way {
        Some("hold_expired")
    } else if own.iter().any(|(_, hold)| hold.state == "active") {
        None
    } else if own.is_empty() {
        Some("hold_not_found")
    } else {
        Some("hold_not_active")
    }
}

/// Units of the rows of this state (columns quantity, state at 2 and 3).
fn sum(rows: &[Row], state: &str) -> i64 {
    let own = rows.iter().filter(|row| row.get::<_, &str>(3) == state);
    own.map(|row| i64::from(row.get::<_, i32>(2))).sum()
}

fn name_of(answer: Result<Vec<Row>, ErrorInfo>) -> Option<&'static str> {
    let name = answer.err()?.name();
    ["hold_not_found", "hold_expired", "hold_not_active"]
        .into_iter()
        .find(|known| *known == name)
}
