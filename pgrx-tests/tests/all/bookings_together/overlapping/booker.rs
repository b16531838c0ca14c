//! A client that books: what it makes is its own, so it knows what must come of each call.

use super::tally::Tally;
use super::{DAYS, LONGEST_SHORT_TTL, RESOURCES};
use postgres::types::{FromSql, ToSql};
use postgres::Client;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::Rng;
use serde_json::json;
use stockroom_tests::{Db, ErrorInfo};
use uuid::Uuid;

pub const SHORT: &[&str] = &["insufficient_capacity"];

/// A hold, or all holds of a package.
#[derive(Clone)]
pub struct Held {
    pub package: Option<Uuid>,
    pub holds: Vec<Uuid>,
    /// Its time runs out soon.
    pub is_short: bool,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

pub struct Booker {
    pub client: Client,
    pub random: SmallRng,
    isolation: &'static str,
    pub held: Vec<Held>,
    pub bookings: Vec<Uuid>,
    pub tally: Tally,
}

pub fn array(days: &[i32]) -> String {
    let days: Vec<String> = days.iter().map(|day| format!("2099-03-{day:02}")).collect();
    format!("{{{}}}", days.join(","))
}

impl Booker {
    pub fn new(db: &Db, random: SmallRng, isolation: &'static str) -> Booker {
        Booker {
            client: db.client(),
            random,
            isolation,
            held: Vec::new(),
            bookings: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub fn run(mut self, attempts: usize) -> Tally {
        for _ in 0..attempts {
            let most = if self.held.len() + self.bookings.len() > 6 {
                40
            } else {
                100
            };
            match self.random.random_range(0..most) {
                0..=8 => self.confirm(),
                9..=14 => self.release(),
                15..=19 => self.end_by_hand(),
                20..=24 => self.cancel(),
                25..=32 => self.move_booking(),
                33..=36 => self.extend(),
                37..=39 => self.sweep(),
                40..=49 => self.hold_range(),
                50..=59 => self.hold_package(),
                60..=67 => self.insert_hold(),
                _ => self.hold(),
            }
        }
        self.tally
    }

    /// Runs one transaction until it is done or refused; answers what it said, if it is done.
    pub fn call<T: for<'a> FromSql<'a>>(
        &mut self,
        name: &'static str,
        refusals: &[&str],
        sql: &str,
        params: Params,
    ) -> Result<Vec<T>, String> {
        let level = format!("SET TRANSACTION ISOLATION LEVEL {}", self.isolation);
        loop {
            let result = (|| {
                let mut transaction = self.client.transaction()?;
                transaction.batch_execute(&level)?;
                let rows = transaction.query(sql, params)?;
                transaction.commit()?;
                Ok(rows)
            })();
            let error = match result {
                Ok(rows) => {
                    *self.tally.done.entry(name).or_default() += 1;
                    return Ok(rows.iter().map(|row| row.get(0)).collect());
                }
                Err(error) => ErrorInfo::from(&error),
            };
            if refusals.contains(&error.name().as_str()) {
                *self.tally.refused.entry((name, error.name())).or_default() += 1;
                return Err(error.name());
            }
            let is_retryable = error.sqlstate == "40001" && self.isolation != "READ COMMITTED";
            assert!(is_retryable, "{name}: unexpected {error:?}");
            *self.tally.retries.entry(name).or_default() += 1;
        }
    }

    /// Some days in any order.
    pub fn days(&mut self) -> Vec<i32> {
        let count = self.random.random_range(1..=6);
        let mut days: Vec<i32> = (1..=DAYS).collect();
        days.shuffle(&mut self.random);
        days.truncate(count);
        days
    }

    fn resource(&mut self) -> &'static str {
        RESOURCES.choose(&mut self.random).unwrap()
    }

    /// Mostly short, so that many run out while somebody is at them.
    fn ttl(&mut self) -> (Option<String>, bool) {
        match self.random.random_range(0..10) {
            0..=4 => {
                let longest = LONGEST_SHORT_TTL.as_millis();
                let ttl = self.random.random_range(5..=longest);
                (Some(format!("{ttl} ms")), true)
            }
            5..=7 => (Some("30 minutes".to_owned()), false),
            _ => (None, false),
        }
    }

    fn made(&mut self, package: Option<Uuid>, holds: Vec<Uuid>, is_short: bool) {
        let states: &[&str] = if is_short {
            &["ACTIVE", "EXPIRED"]
        } else {
            &["ACTIVE"]
        };
        for hold in &holds {
            self.tally.holds.insert(*hold, states);
        }
        if !holds.is_empty() {
            self.held.push(Held {
                package,
                holds,
                is_short,
            });
        }
    }

    fn hold(&mut self) {
        let (resource, days) = (self.resource(), array(&self.days()));
        let (units, (ttl, is_short)) = (self.random.random_range(1..=2), self.ttl());
        let on_short = ["answer", "error"].choose(&mut self.random).unwrap();
        let made = self.call::<Option<Uuid>>(
            "hold_resource",
            SHORT,
            "SELECT hold_id FROM hold_resource($1, $2::text::date[], $3, ttl => $4::text::interval, on_short => $5)",
            &[&resource, &days, &units, &ttl, on_short],
        );
        if let Ok(made) = made {
            assert!(made[0].is_some() || *on_short == "answer");
            self.made(None, made.into_iter().flatten().collect(), is_short);
        }
    }

    fn hold_range(&mut self) {
        let first = self.random.random_range(1..=25);
        let last = first + self.random.random_range(0..=5);
        let range = format!("[2099-03-{first:02},2099-03-{last:02}]");
        let (resource, (ttl, is_short)) = (self.resource(), self.ttl());
        let made = self.call::<Uuid>(
            "hold_resource_range",
            SHORT,
            "SELECT hold_id FROM hold_resource_range($1, $2::text::daterange, 1, ttl => $3::text::interval)",
            &[&resource, &range, &ttl],
        );
        if let Ok(made) = made {
            self.made(None, made, is_short);
        }
    }

    /// Lines of resources in any order, each of its own days.
    fn hold_package(&mut self) {
        let count = self.random.random_range(2..=4);
        let lines: serde_json::Value = (0..count)
            .map(|_| {
                let (resource, days) = (self.resource(), self.days());
                let days: Vec<String> =
                    days.iter().map(|day| format!("2099-03-{day:02}")).collect();
                json!({"resource_id": resource, "dates": days})
            })
            .collect();
        let (ttl, is_short) = self.ttl();
        let made = self.call::<Uuid>(
            "hold_package",
            SHORT,
            "SELECT unnest(ARRAY[package_id, hold_id]) FROM hold_package($1, ttl => $2::text::interval)",
            &[&lines, &ttl],
        );
        if let Ok(made) = made {
            let holds: Vec<Uuid> = made.iter().skip(1).step_by(2).copied().collect();
            assert_eq!(holds.len(), count, "all or none");
            self.made(Some(made[0]), holds, is_short);
        }
    }

    fn insert_hold(&mut self) {
        let (resource, days) = (self.resource(), array(&self.days()));
        let (ttl, is_short) = self.ttl();
        let made = self.call::<Uuid>(
            "INSERT INTO resource_hold",
            SHORT,
            "INSERT INTO resource_hold (resource_id, dates, quantity, expires_at)
             VALUES ($1, $2::text::date[], 1, clock_timestamp() + $3::text::interval) RETURNING id",
            &[&resource, &days, &ttl],
        );
        if let Ok(made) = made {
            self.made(None, made, is_short);
        }
    }
}
