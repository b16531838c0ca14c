//! A client that does one kind of thing again and again.

use postgres::Client;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use stockroom_tests::{Db, ErrorInfo};
use uuid::Uuid;

/// Behind the first two is a listing's stock.
pub const RESOURCES: [&str; 3] = ["bus", "car", "van"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Many days of a resource, for a moment.
    Hold,
    /// Several resources, for a moment.
    Package,
    Release,
    Book,
    Move,
    Blackout,
    Capacity,
    Sweep,
    ByHand,
    Switch,
    /// The listing's stock, for a while and for a moment.
    Sell,
}

impl Way {
    pub const ALL: [Way; 11] = [
        Way::Hold,
        Way::Package,
        Way::Release,
        Way::Book,
        Way::Move,
        Way::Blackout,
        Way::Capacity,
        Way::Sweep,
        Way::ByHand,
        Way::Switch,
        Way::Sell,
    ];
}

/// How what nobody may be told begins: a deadlock, above all.
pub const UNEXPECTED: &str = "unexpected ";

/// Others end what one has, close and fill dates: but nobody is told of a deadlock.
const REFUSALS: [&str; 8] = [
    "insufficient_capacity",
    "insufficient_stock",
    "stock_committed",
    "date_blacked_out",
    "capacity_committed",
    "resource_not_active",
    "hold_not_active",
    "hold_expired",
];

pub struct Worker {
    client: Client,
    random: SmallRng,
    listing: Uuid,
    /// A booking that is moved.
    booking: Option<String>,
    told: BTreeMap<String, usize>,
}

impl Worker {
    pub fn new(db: &Db, listing: Uuid, seed: u64) -> Worker {
        Worker {
            client: db.client(),
            random: SmallRng::seed_from_u64(seed),
            listing,
            booking: None,
            told: BTreeMap::new(),
        }
    }

    /// Gives back what is still booked; how often what was told.
    pub fn end(mut self) -> BTreeMap<String, usize> {
        if let Some(booking) = self.booking.take() {
            self.call(&format!("SELECT cancel_resource_allocation('{booking}')"));
        }
        self.told
    }

    /// The first value of the answer, where it is not refused.
    fn call(&mut self, sql: &str) -> Option<String> {
        let (told, value) = match self.client.simple_query(sql) {
            Ok(messages) => {
                let value = messages.iter().find_map(|message| match message {
                    postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                });
                ("done".to_owned(), value)
            }
            Err(error) => {
                let error = ErrorInfo::from(&error);
                let name = error.name();
                let name = match REFUSALS.contains(&name.as_str()) {
                    true => name,
                    // Noted and not raised at once, so that one sees all that there is.
                    false => format!("{UNEXPECTED}{} {name} of {sql:.40}", error.sqlstate),
                };
                (name, None)
            }
        };
        *self.told.entry(told).or_default() += 1;
        value
    }

    fn resource(&mut self) -> &'static str {
        RESOURCES.choose(&mut self.random).unwrap()
    }

    /// Days in any order.
    fn days(&mut self, least: usize) -> String {
        let mut days: Vec<i32> = (1..=8).collect();
        days.shuffle(&mut self.random);
        days.truncate(self.random.random_range(least..=8));
        let days: Vec<String> = days.iter().map(|day| format!("2099-03-{day:02}")).collect();
        format!("{{{}}}", days.join(","))
    }

    fn range(&mut self) -> (String, String) {
        let first = self.random.random_range(1..=6);
        let last = self.random.random_range(first..=8);
        (format!("2099-03-{first:02}"), format!("2099-03-{last:02}"))
    }

    fn moment(&mut self) -> String {
        format!("{} ms", self.random.random_range(1..=15))
    }

    fn hold(&mut self, ttl: &str) -> Option<String> {
        let (resource, days) = (self.resource(), self.days(2));
        self.call(&format!(
            "SELECT hold_id FROM hold_resource('{resource}', '{days}', 1, ttl => '{ttl}')"
        ))
    }

    fn package(&mut self, ttl: &str) -> Option<String> {
        let count = self.random.random_range(2..=4);
        let lines: Vec<String> = (0..count)
            .map(|_| format!(r#"{{"resource_id": "{}"}}"#, self.resource()))
            .collect();
        let (lines, days) = (lines.join(", "), self.days(1));
        self.call(&format!(
            "SELECT package_id FROM hold_package('[{lines}]', '{days}', ttl => '{ttl}')"
        ))
    }

    pub fn act(&mut self, way: Way) {
        match way {
            Way::Hold => {
                let moment = self.moment();
                self.hold(&moment);
            }
            Way::Package => {
                let moment = self.moment();
                self.package(&moment);
            }
            Way::Release => self.hold_and_release(),
            Way::Book => self.book_and_cancel(),
            Way::Move => self.move_booking(),
            Way::Blackout => self.black_out(),
            Way::Capacity => self.set_capacity(),
            Way::Sweep => {
                let moment = self.moment();
                self.hold(&moment);
                self.call("SELECT expire_holds()");
            }
            Way::ByHand => self.work_by_hand(),
            Way::Switch => self.switch(),
            Way::Sell => self.sell(),
        }
    }

    fn hold_and_release(&mut self) {
        if self.random.random_bool(0.5) {
            if let Some(hold) = self.hold("1 hour") {
                self.call(&format!("SELECT release_resource_hold('{hold}')"));
            }
        } else if let Some(package) = self.package("1 hour") {
            self.call(&format!("SELECT release_package('{package}')"));
        }
    }

    fn book(&mut self) -> Option<String> {
        let (hold, order) = (self.hold("1 hour")?, Uuid::new_v4());
        self.call(&format!(
            "SELECT confirm_resource_hold('{hold}', '{order}', 'line')"
        ))
    }

    fn book_and_cancel(&mut self) {
        if let Some(booking) = self.book() {
            self.call(&format!("SELECT cancel_resource_allocation('{booking}')"));
        }
    }

    fn move_booking(&mut self) {
        if self.booking.is_none() {
            self.booking = self.book();
        }
        if let Some(booking) = self.booking.clone() {
            let days = self.days(2);
            self.call(&format!(
                "SELECT state FROM move_resource_allocation('{booking}', '{days}')"
            ));
        }
    }

    fn black_out(&mut self) {
        let (resource, (from, to)) = (self.resource(), self.range());
        let blackout = self.call(&format!(
            "SELECT id FROM add_blackout('{resource}', '{from}', '{to}', cancel_holds => true) WHERE kind = 'blackout'"
        ));
        if let Some(blackout) = blackout {
            self.call(&format!("SELECT remove_blackout('{blackout}')"));
        }
    }

    fn set_capacity(&mut self) {
        let (resource, (from, to)) = (self.resource(), self.range());
        let capacity = self.random.random_range(2..=7);
        self.call(&format!(
            "SELECT set_capacity('{resource}', '{from}', '{to}', {capacity})"
        ));
    }

    /// One row a statement.
    fn work_by_hand(&mut self) {
        let (resource, days) = (self.resource(), self.days(2));
        let hold = self.call(&format!(
            "INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('{resource}', '{days}', 1) RETURNING id"
        ));
        let Some(hold) = hold else { return };
        let end = match self.random.random_range(0..3) {
            0 => format!("UPDATE resource_hold SET status = 'RELEASED' WHERE id = '{hold}' AND status = 'ACTIVE'"),
            1 => format!("DELETE FROM resource_hold WHERE id = '{hold}'"),
            _ => format!("UPDATE resource_hold SET expires_at = clock_timestamp() WHERE id = '{hold}'"),
        };
        self.call(&end);
    }

    fn switch(&mut self) {
        let resource = self.resource();
        for is_active in [false, true] {
            self.call(&format!(
                "SELECT change_resource('{resource}', is_active => {is_active})"
            ));
        }
    }

    fn sell(&mut self) {
        let (listing, order, moment) = (self.listing, Uuid::new_v4(), self.moment());
        self.call(&format!(
            "SELECT hold_id FROM hold_stock('{listing}', 1, '{moment}')"
        ));
        let sale = format!("SELECT quantity FROM allocate_stock('{listing}', '{order}', 2)");
        if self.call(&sale).is_some() {
            self.call(&format!("SELECT release_allocations('{order}')"));
        }
    }
}
