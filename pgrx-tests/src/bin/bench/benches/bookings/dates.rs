//! Fourteen dates in one hold, beside fourteen holds of one date.

use super::{refill, Benchmark, Holder, UNITS};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const CLIENTS: u32 = 8;
const RESOURCES: u64 = 100;
const DATES: u64 = 14;

/// Label, and dates of one hold.
const ARMS: [(&str, u64); 2] = [
    ("Stockroom, one hold of 14 dates", DATES),
    ("Stockroom, holds of one date", 1),
];

pub struct Dates;

impl Benchmark for Dates {
    fn name(&self) -> &'static str {
        "booking-dates"
    }

    fn what(&self) -> String {
        format!("hold_resource of 14 dates and of one, {RESOURCES} resources, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "dates/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|(label, _)| label.into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "a hold of 14 dates over 14 holds of one, a date";
        vec![Target::at_least(what, 0, 1, 6.0)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let dates = ARMS[arm].1;
        let mut client = server.connect()?;
        refill(&mut client, RESOURCES, DATES, UNITS)?;
        server.settle()?;
        let array = match dates {
            1 => "ARRAY[date '2030-01-01' + :d::integer]".to_owned(),
            // Made by the client: the server is asked for the hold alone.
            _ => {
                let days = (1..=dates).map(|day| format!("2030-01-{day:02}"));
                format!("'{{{}}}'::date[]", days.collect::<Vec<_>>().join(","))
            }
        };
        let script = format!(
            "\\set n random(1, {RESOURCES})\n\\set d random(0, {})\n\
             {}",
            DATES - 1,
            Holder::Stockroom.statement("'r' || :n", &array)
        );
        let (mut measured, done) =
            load::warm_and_run(server, options, &Load::new(script, CLIENTS))?;
        Holder::Stockroom.check(&mut client, done, dates)?;
        measured.operations *= dates;
        Ok(measured)
    }
}
