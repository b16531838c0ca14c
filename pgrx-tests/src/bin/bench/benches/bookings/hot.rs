//! One date that everybody wants.

use super::{refill, Benchmark, Holder, UNITS};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const ARMS: [Holder; 4] = [
    Holder::Stockroom,
    Holder::RowLock,
    Holder::AdvisoryLock,
    Holder::Bare,
];
const CLIENTS: u32 = 64;

pub struct Hot;

impl Benchmark for Hot {
    fn name(&self) -> &'static str {
        "booking-hot"
    }

    fn what(&self) -> String {
        format!("hold_resource, one hot date, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|arm| arm.label().into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("bookings, one hot date, 64 clients, over R", 0, 1, 3.0),
            Target::at_least("bookings, one hot date, 64 clients, over A", 0, 2, 5.0),
            Target::figure("bookings, one hot date, 64 clients, over I", 0, 3),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let holder = ARMS[arm];
        let mut client = server.connect()?;
        refill(&mut client, 1, 1, UNITS)?;
        server.settle()?;
        let hold = holder.statement("'r1'", "ARRAY['2030-01-01']::date[]");
        let (measured, done) = load::warm_and_run(server, options, &Load::new(hold, CLIENTS))?;
        holder.check(&mut client, done, 1)?;
        Ok(measured)
    }
}
