//! A client that holds, confirms, moves and cancels until the server has gone. A hold is known by its token and a
//! booking by its order, which are the client's own: of a call that was never answered too.

use crate::durability::told::{State, Told};
use postgres::{Client, SimpleQueryMessage};
use rand::rngs::SmallRng;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

pub const RESOURCES: [&str; 2] = ["car", "van"];

/// Units on days, as the database writes them.
#[derive(Clone)]
struct Shape {
    units: i32,
    days: String,
}

struct Hold {
    key: Uuid,
    token: Uuid,
    shape: Shape,
}

struct Booking {
    key: Uuid,
    order: Uuid,
}

pub struct Clerk {
    client: Client,
    random: SmallRng,
    holds: Vec<Hold>,
    bookings: Vec<Booking>,
    told: Told,
    acknowledged: Arc<AtomicUsize>,
}

enum Answer {
    /// With the key that it told, if any.
    Done(Option<Uuid>),
    /// Refused, or never answered.
    Failed,
}

impl Hold {
    fn now(&self, status: &str) -> (Uuid, State) {
        let Shape { units, days } = &self.shape;
        (self.token, Some(format!("{status} {units} on {days}")))
    }
}

fn booked(order: Uuid, shape: &Shape) -> (Uuid, State) {
    let Shape { units, days } = shape;
    (order, Some(format!("booked {units} on {days}")))
}

impl Clerk {
    pub fn new(client: Client, acknowledged: Arc<AtomicUsize>) -> Clerk {
        Clerk {
            client,
            random: SmallRng::from_os_rng(),
            holds: Vec::new(),
            bookings: Vec::new(),
            told: Told::default(),
            acknowledged,
        }
    }

    pub fn run(mut self) -> Told {
        while !self.client.is_closed() {
            // What is held and booked stays about the same.
            let has_much = self.holds.len() + self.bookings.len() > 25;
            match self.random.random_range(0..if has_much { 7 } else { 12 }) {
                0 | 1 => self.confirm(),
                2 => self.release(),
                3 | 4 => self.cancel(),
                5 | 6 => self.move_booking(),
                7 => self.hold_by_hand(),
                _ => self.hold(),
            }
        }
        self.told
    }

    /// Runs one transaction that would leave these states behind, and notes what was answered.
    fn call(&mut self, sql: &str, changes: &[(Uuid, State)]) -> Answer {
        let error = match self.client.simple_query(sql) {
            Ok(messages) => {
                self.told.acknowledge(changes);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                return Answer::Done(messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).and_then(|text| text.parse().ok()),
                    _ => None,
                }));
            }
            Err(error) => ErrorInfo::from(&error),
        };
        match error.sqlstate.as_str() {
            "23514" if error.name() == "insufficient_capacity" => self.told.nothing_done(changes),
            // Terminated, or the server is gone.
            "57P01" | "57P02" | "57P03" | "08006" => {
                self.told.leave_open(changes);
                // Nothing more comes on this connection; wait until it is known to be closed.
                while self.client.simple_query("").is_ok() {}
            }
            _ => panic!("unexpected {error:?} in {sql}"),
        }
        Answer::Failed
    }

    fn shape(&mut self) -> Shape {
        let count = self.random.random_range(1..=4);
        let mut days = sample(&mut self.random, 9, count).into_vec();
        days.sort();
        let days: Vec<String> = days
            .iter()
            .map(|day| format!("2099-03-{:02}", day + 1))
            .collect();
        Shape {
            units: self.random.random_range(1..=2),
            days: format!("{{{}}}", days.join(",")),
        }
    }

    fn resource(&mut self) -> &'static str {
        RESOURCES[self.random.random_range(0..RESOURCES.len())]
    }

    fn new_hold(&mut self) -> Hold {
        Hold {
            key: Uuid::new_v4(),
            token: Uuid::new_v4(),
            shape: self.shape(),
        }
    }

    fn hold(&mut self) {
        let (resource, hold) = (self.resource(), self.new_hold());
        let (token, Shape { units, days }) = (hold.token, &hold.shape);
        let sql = format!(
            "SELECT hold_id FROM hold_resource('{resource}', '{days}', {units}, idempotency_token => '{token}', ttl => NULL)"
        );
        if let Answer::Done(Some(key)) = self.call(&sql, &[hold.now("ACTIVE")]) {
            self.holds.push(Hold { key, ..hold });
        }
    }

    fn hold_by_hand(&mut self) {
        let (resource, hold) = (self.resource(), self.new_hold());
        let (key, token, Shape { units, days }) = (hold.key, hold.token, &hold.shape);
        let sql = format!(
            "INSERT INTO resource_hold (id, resource_id, dates, quantity, idempotency_token, expires_at)
             VALUES ('{key}', '{resource}', '{days}', {units}, '{token}', NULL)"
        );
        if let Answer::Done(_) = self.call(&sql, &[hold.now("ACTIVE")]) {
            self.holds.push(hold);
        }
    }

    fn one_of<T>(random: &mut SmallRng, all: &mut Vec<T>) -> Option<T> {
        (!all.is_empty()).then(|| all.swap_remove(random.random_range(0..all.len())))
    }

    fn confirm(&mut self) {
        let Some(hold) = Clerk::one_of(&mut self.random, &mut self.holds) else {
            return;
        };
        let (key, order) = (hold.key, Uuid::new_v4());
        let sql = format!("SELECT confirm_resource_hold('{key}', '{order}', 'line')");
        let changes = [hold.now("CONFIRMED"), booked(order, &hold.shape)];
        if let Answer::Done(Some(key)) = self.call(&sql, &changes) {
            self.bookings.push(Booking { key, order });
        }
    }

    fn release(&mut self) {
        if let Some(hold) = Clerk::one_of(&mut self.random, &mut self.holds) {
            let key = hold.key;
            let sql = match self.random.random_bool(0.5) {
                true => format!("SELECT release_resource_hold('{key}')"),
                false => {
                    format!("UPDATE resource_hold SET status = 'RELEASED' WHERE id = '{key}'")
                }
            };
            self.call(&sql, &[hold.now("RELEASED")]);
        }
    }

    fn cancel(&mut self) {
        if let Some(booking) = Clerk::one_of(&mut self.random, &mut self.bookings) {
            let sql = format!("SELECT cancel_resource_allocation('{}')", booking.key);
            self.call(&sql, &[(booking.order, None)]);
        }
    }

    /// One that is refused stays as it was, and one that is never answered is where it was, or where it went.
    fn move_booking(&mut self) {
        if let Some(booking) = Clerk::one_of(&mut self.random, &mut self.bookings) {
            let (key, shape) = (booking.key, self.shape());
            let Shape { units, days } = &shape;
            let sql = format!(
                "SELECT allocation_id FROM move_resource_allocation('{key}', '{days}', {units})"
            );
            self.call(&sql, &[booked(booking.order, &shape)]);
            self.bookings.push(booking);
        }
    }
}
